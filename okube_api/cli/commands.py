"""Every command with its options: what it takes to show help, and no more.

A command imports what it does when it is run, so that help, and small commands, do not wait for a server's parts.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

Role = Literal["reader", "editor", "admin"]
KINDS = ("areas", "panelists", "pings", "stays", "detections", "touches", "deliveries", "visits", "purchases")

Host = Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 is every one.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")]
Place = Annotated[str, typer.Argument(metavar="APPLICATION", help="The application's id or key.")]
Url = Annotated[
    str | None, typer.Option(help="A running server to go through, such as http://127.0.0.1:8000; needs a token.")
]
Token = Annotated[
    str | None, typer.Option(envvar="OKUBE_TOKEN", help="With --url: a token of POST /auth/login, or an API key.")
]


@contextmanager
def _imports() -> Iterator[None]:
    """Around the imports of a whole server: a tenth of their time went to looking for garbage, where all is to stay."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Server processes; more than 1 need MongoDB.")] = 1,
) -> None:
    """Serves the API on the store of OKUBE_STORE_URL.

    The documentation, where requests can be tried, is at /docs. Behind a TLS proxy, name its address in
    OKUBE_TRUSTED_PROXIES: plain HTTP from elsewhere than this machine is refused otherwise.
    """
    with _imports():
        from okube_api.cli.serve import serve as work

    work(host, port, workers)


def demo(
    port: Port = 8000,
    folder: Annotated[Path, typer.Option(file_okay=False, help="Where its data lives.")] = Path("okube-data"),
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="The last day of the made-up year; yesterday if absent."),
    ] = None,
) -> None:
    """Serves a year of made-up data: two retailers, 40 shops, 30 campaigns.

    The data is made up when the folder has none, and kept. The login is demo@okube.example; its password is
    OKUBE_DEMO_PASSWORD, or made up at each start and printed.
    """
    from okube_api.cli.demo_file import filled

    with filled(folder, until.date() if until else None) as filling:
        with _imports():
            from okube_api.cli.demo_server import demo as work

        work(port, folder, filling)


def ingest(  # noqa: PLR0917 - options of a command line
    application: Place,
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"What the events are: {', '.join(KINDS)}.")],
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...", exists=True, dir_okay=False, help=".ndjson, .csv or .parquet, also with .gz or .zst."
        ),
    ],
    atomic: Annotated[bool, typer.Option("--atomic", help="A file with a bad line is refused whole.")] = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Takes in files of events, one batch a file.

    Bad lines are left out, and the first of them named. The same command can be given again after it was cut short:
    what was taken stays, what was not is finished, and nothing is counted twice.
    """
    from okube_api.cli.ingest import ingest as work

    work(application, kind, files, atomic=atomic, url=url, token=token)


def rebuild(application: Place, url: Url = None, token: Token = None) -> None:
    """Writes an application's facts and rollups anew, from its events.

    Questions see the old ones until the new ones are whole, and the same rows come out unless the events, places or
    settings have changed.
    """
    from okube_api.cli.ingest import rebuild as work

    work(application, url, token)


def bench(  # noqa: PLR0917 - options of a command line
    folder: Annotated[Path, typer.Option(file_okay=False, help="Where its data is kept.")] = Path("okube-bench"),
    scale: Annotated[
        float, typer.Option(min=0.0001, max=10, help="1 is 10 million stays and as many touches: minutes to make.")
    ] = 0.1,
    rounds: Annotated[int, typer.Option(min=1, help="How often each side is asked.")] = 7,
    works: Annotated[str, typer.Option(help="Which questions, such as A1,B2; all when not said.")] = "",
    bulk: Annotated[bool, typer.Option(help="Also ingest files of pings, import and export many sites.")] = True,
    results: Annotated[
        Path | None, typer.Option(dir_okay=False, help="A JSON file for the results; also written as .md beside it.")
    ] = None,
) -> None:
    """Times the product beside what people would use in its place, on the same rows, in turn.

    Those beside it come with the package's extra `bench` (in a checkout: .venv/bin/pip install -e '.[bench]'); one
    that is not installed is left out. Prints its tables unless --results says where to.
    """
    from okube_api.cli.bench import bench as work

    work(folder, scale=scale, rounds=rounds, works=works, bulk=bulk, results=results)


def openapi() -> None:
    """Prints the OpenAPI document."""
    from okube_api.cli.serve import openapi as work

    work()


users = typer.Typer(help="Who may log in.", no_args_is_help=True, rich_markup_mode=None)


@users.command("add")
def add_user(  # noqa: PLR0917 - options of a command line
    email: Annotated[str, typer.Argument(help="The login.")],
    platform_admin: Annotated[bool, typer.Option("--platform-admin", help="May do everything, everywhere.")] = False,
    application: Annotated[str | None, typer.Option(help="Id or key of the application that --role is in.")] = None,
    role: Annotated[Role, typer.Option(help="What the user may do in the application.")] = "reader",
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from the standard input.")
    ] = False,
    url: Url = None,
    token: Token = None,
) -> None:
    """Makes a user, or gives one that exists a role in one more application.

    The first user of a new store is a platform administrator, who makes applications over HTTP.
    """
    from okube_api.cli.user import add_user as work

    work(
        email,
        platform_admin=platform_admin,
        application=application,
        role=role,
        password_stdin=password_stdin,
        url=url,
        token=token,
    )
