"""The commands with their options.

Each command imports its implementation when it is run, so that help and small commands do not import a whole server
(`docs/decisions/0008-lazy-imports.md`).
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

KINDS = ("areas", "panelists", "pings", "stays", "detections", "touches", "deliveries", "visits", "purchases")

Host = Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all addresses.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")]
ApplicationName = Annotated[str, typer.Argument(metavar="APPLICATION", help="Id or key of the application.")]
Url = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        envvar="OKUBE_URL",
        help="Use a running server, such as http://127.0.0.1:8000, instead of the store; needs a token.",
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        metavar="TOKEN", envvar="OKUBE_TOKEN", help="With --url: a token from POST /auth/login, or an API key."
    ),
]

# How files are written, the same for each command that reads files.
Encoding = Annotated[
    str | None, typer.Option(help="Encoding of the files, such as windows-1252 or utf-16; UTF-8 if not given.")
]
Delimiter = Annotated[str | None, typer.Option(help="Delimiter of CSV; detected if not given.")]
Dates = Annotated[Literal["dmy", "mdy"] | None, typer.Option(help="Order of day and month in days such as 31/12/2024.")]
TimeZone = Annotated[
    str | None,
    typer.Option(help="Time zone of instants without an offset, such as Europe/Paris, or site for that of each place."),
]
Mapper = Annotated[
    list[str] | None,
    typer.Option(metavar="FIELD=COLUMN", help="The file's column of a field, such as user=customer; repeatable."),
]
Sheet = Annotated[str | None, typer.Option(help="Sheet of .xlsx files; the first one with data by default.")]
AllowRejected = Annotated[
    bool, typer.Option("--allow-rejected", help="End with status 0 even if lines of a file were rejected.")
]


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Disable garbage collection while a whole server is imported.

    It took a tenth of the time of the imports and frees nothing, since modules stay in memory.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Number of server processes; more than 1 needs MongoDB.")] = 1,
) -> None:
    """Serve the API on the store that OKUBE_STORE_URL names.

    The interactive documentation is at /docs. Behind a TLS proxy, set OKUBE_TRUSTED_PROXIES to the address of the
    proxy: without it, plain HTTP requests from other machines are refused.
    """
    with _without_garbage_collection():
        from okube_api.cli.serve import serve as run

    run(host, port, workers)


def demo(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    folder: Annotated[Path, typer.Option(file_okay=False, help="Folder of the data.")] = Path("okube-demo"),
    until: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Last day of the generated events; yesterday by default."),
    ] = None,
) -> None:
    """Serve a demo: two years of generated data of two retailers with 40 shops and 96 campaigns.

    The data is generated at the first start and kept in the folder. A later start adds the days until yesterday. The
    login is demo@okube.example; it administers the two applications of the demo. Its password is OKUBE_DEMO_PASSWORD;
    without it, a random password is chosen and printed at each start.
    """
    from okube_api.cli.demo_file import fill_in_background
    from okube_api.http.listener import bind

    try:
        with (
            bind(host, port) as bound,  # a port that is taken is found before the work
            fill_in_background(folder, until.date() if until else None) as fill_process,
        ):
            with _without_garbage_collection():
                from okube_api.cli.demo_server import serve_demo

            serve_demo(bound, folder, fill_process)
    except KeyboardInterrupt:
        typer.echo("okube-api: interrupted.", err=True)
        raise typer.Exit(130) from None
    except ValueError as error:  # the port is taken, or the file of the days was changed
        from okube_api.cli.runtime import fail

        fail(str(error))


def ingest(  # noqa: PLR0917 - options of a command line
    application: ApplicationName,
    kind: Annotated[str, typer.Argument(metavar="KIND", help=f"Kind of the events: {', '.join(KINDS)}.")],
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            exists=True,
            dir_okay=False,
            help="Files: .ndjson, .json, .csv, .parquet or .xlsx, also compressed as .gz or .zst.",
        ),
    ],
    atomic: Annotated[
        bool, typer.Option("--atomic", help="Reject a whole file when one of its lines is invalid.")
    ] = False,
    allow_rejected: AllowRejected = False,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    dates: Dates = None,
    timezone: TimeZone = None,
    mapper: Mapper = None,
    unit: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=UNIT",
            help="Unit of a field, such as duration_s=min or speed=km/h; docs/events.md lists them.",
        ),
    ] = None,
    time: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=COLUMN",
            help="Column with the time of day of a field, whose --mapper column has the day only, such as at=Heure.",
        ),
    ] = None,
    sheet: Sheet = None,
    url: Url = None,
    token: Token = None,
) -> None:
    """Ingest files of events, one batch per file.

    Invalid lines are skipped, the first of them are printed, and the command ends with status 1. After an interruption,
    run the same command again: it finishes the work, and no event counts twice.
    """
    from okube_api.cli.ingest import ingest as run
    from okube_api.cli.uploads import parse_pairs
    from okube_api.ingest.parse.read_options import ReadOptions

    options = ReadOptions(
        encoding,
        delimiter,
        dates,
        timezone,
        mapper=parse_pairs("--mapper", "FIELD=COLUMN", mapper or ()),
        units=parse_pairs("--unit", "FIELD=UNIT", unit or ()),
        times=parse_pairs("--time", "FIELD=COLUMN", time or ()),
        sheet=sheet,
    )
    run(application, kind, files, options, atomic=atomic, allow_rejected=allow_rejected, url=url, token=token)


def rebuild(application: ApplicationName, url: Url = None, token: Token = None) -> None:
    """Rebuild the facts and rollups of an application from its events.

    Questions are answered from the old ones until the new ones are complete. The result is the same unless events,
    places or settings have changed.
    """
    from okube_api.cli.ingest import rebuild as run

    run(application, url, token)


def evaluate_stays(  # noqa: PLR0917 - options of a command line
    application: ApplicationName,
    visits: Annotated[
        Path,
        typer.Argument(
            metavar="VISITS.csv",
            exists=True,
            dir_okay=False,
            help="CSV of true visits: user, place (or site, poi), start, and duration_s, duration_min or end.",
        ),
    ],
    settings: Annotated[
        str | None,
        typer.Option(
            metavar="JSON",
            help="Evaluate other settings of stays, such as '{\"gapMinutes\": 30}', without changing the application.",
        ),
    ] = None,
    search: Annotated[
        bool, typer.Option("--search", help="Also search for better settings, and print the best five.")
    ] = False,
    places: Annotated[bool, typer.Option("--places", help="Also print the figures of each place.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures as JSON.")] = False,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    dates: Dates = None,
    timezone: TimeZone = None,
    mapper: Mapper = None,
    url: Annotated[str | None, typer.Option(hidden=True)] = None,  # of other commands, so users try it here, too
    token: Annotated[str | None, typer.Option(hidden=True)] = None,
) -> None:
    """Compare the stays of an application with visits that are known.

    Prints precision, recall and other figures; docs/stays.md explains them. Users are named as in the pings, and their
    names are neither stored nor printed. A line at a place that the application does not have says that all visits of
    the user on that day are in the file. Stop the server first if its store is embedded.
    """
    from okube_api.cli.evaluate_stays import evaluate_stays as run
    from okube_api.cli.evaluate_stays import refuse_server
    from okube_api.cli.uploads import parse_pairs
    from okube_api.ingest.parse.read_options import ReadOptions

    if url is not None or token is not None:
        refuse_server()
    columns = parse_pairs("--mapper", "FIELD=COLUMN", mapper or ())
    options = ReadOptions(encoding, delimiter, dates, timezone, mapper=columns)
    run(application, visits, options, settings=settings, search=search, places=places, as_json=as_json)


def bench(  # noqa: PLR0917 - options of a command line
    folder: Annotated[Path, typer.Option(file_okay=False, help="Folder of the data, which is kept.")] = Path(
        "okube-bench"
    ),
    scale: Annotated[
        float,
        typer.Option(
            min=0.0001, max=10, help="1 is 10 million stays and as many touches, which take minutes to generate."
        ),
    ] = 0.1,
    rounds: Annotated[int, typer.Option(min=1, help="Number of times that each system answers each question.")] = 7,
    works: Annotated[str, typer.Option(help="Workloads to run, such as A1,B2,J; all by default.")] = "",
    seconds: Annotated[float, typer.Option(min=0.5, help="How long clients and collectors send.")] = 30,
    scales: Annotated[
        str, typer.Option(help="Scales of the workload growth, which asks the same questions at each of them.")
    ] = "0.01,0.1",
    mongo: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="MongoDB server of the workload mongo, such as mongodb://localhost:27017/. The data are loaded into a "
            "new database, which is dropped at the end; the URL may name it.",
        ),
    ] = None,
    keep_database: Annotated[
        bool, typer.Option("--keep-database", help="Do not drop the database of the workload mongo.")
    ] = False,
    results: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="JSON file for the results; tables are written next to it as .md."),
    ] = None,
    plots: Annotated[bool, typer.Option(help="Also draw plots next to the results.")] = False,
) -> None:
    """Time the server, and compare it with DuckDB, chDB, Polars and semantic layers on the same data.

    All of them must return the same numbers: the first one that differs ends the command with status 1. With --mongo,
    the server also runs on MongoDB, where it must return the same bytes as on the embedded store.

    The extra `bench` of the package installs the competitors (in a checkout: .venv/bin/pip install -e '.[bench]');
    those that are not installed are skipped. Semantic layers need `make semantic-layers`. docs/performance.md says what
    the workloads are. Tables are printed unless --results names a file.
    """
    from okube_api.bench.runner import RunOptions
    from okube_api.cli.bench import bench as run
    from okube_api.cli.bench import parse_scales
    from okube_api.cli.runtime import report_errors

    options = RunOptions(
        folder, scale, (), rounds, seconds, parse_scales(scales), mongo_url=mongo, keep_database=keep_database
    )
    with report_errors():
        run(options, works, results, plots=plots)


def check() -> None:
    """Check that the whole store can be read.

    Prints a line for each table, and ends with status 1 when a table cannot be read. Nothing is changed. Stop the
    server first if its store is embedded.
    """
    from okube_api.cli.check import check as run

    run()


def backup(
    target: Annotated[Path, typer.Argument(metavar="TARGET", dir_okay=False, help="New file for the backup.")],
    url: Url = None,
    token: Token = None,
) -> None:
    """Back up the whole store to a file that restores into either kind of store.

    With --url, a running server sends the backup; the token is that of a platform administrator. Without it, stop the
    server first if its store is embedded. The file is readable by you only, since it has personal data.
    """
    from okube_api.cli.backup import backup as run

    run(target, url, token)


def restore(
    path: Annotated[Path, typer.Argument(metavar="BACKUP", exists=True, dir_okay=False, help="File of a backup.")],
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Restore into a temporary store instead, and compare a figure of every KPI; needs no key."
        ),
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Delete what the store has.")] = False,
    other_secret: Annotated[
        bool, typer.Option("--other-secret", help="Restore without the secret key of the store that was backed up.")
    ] = False,
) -> None:
    """Restore a backup into the empty store that OKUBE_STORE_URL names: all of it or nothing.

    Stop all servers of that store first. A damaged or incomplete file is refused before anything is written.
    """
    from okube_api.cli.backup import restore as run

    run(path, verify=verify, replace=replace, other_secret=other_secret)


def openapi() -> None:
    """Print the OpenAPI document."""
    from okube_api.cli.runtime import report_errors
    from okube_api.cli.serve import print_openapi

    with report_errors():
        print_openapi()
