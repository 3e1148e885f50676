"""The command line: serve, demo, user, ingest, rebuild, openapi."""

import asyncio
import os
import secrets
import socket
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, NoReturn, ParamSpec

import orjson
import typer
import uvicorn
from email_validator import EmailNotValidError, validate_email
from fastapi import FastAPI
from pydantic import SecretStr, ValidationError
from rich.console import Console

from okube_api.app import create_app
from okube_api.auth.repository import Role
from okube_api.auth.secret import BadSecret, secret_key
from okube_api.clock import utc_now
from okube_api.errors import Refusal
from okube_api.http.journal import write_json_lines
from okube_api.http.services import Services, make_services
from okube_api.schema import SCHEMA
from okube_api.settings import Settings
from okube_api.store import EMBEDDED, open_store
from okube_api.store.base import Store, StoreError, StoreLocked, Unavailable

P = ParamSpec("P")

LEAST_PASSWORD = 12
_GRACE_S = 25

say = Console(stderr=True, highlight=False)
cli = typer.Typer(
    name="okube-api",
    help="Drive-to-store analytics: a REST API server on an embedded store or on MongoDB.\n\n"
    "Settings are OKUBE_* variables; docs/settings.md lists them. OKUBE_STORE_URL says where data lives "
    "(duckdb:./okube-data/okube.duckdb when it is not set).",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
users = typer.Typer(help="Who may log in.", no_args_is_help=True, rich_markup_mode=None)
cli.add_typer(users, name="user")


def main() -> None:
    """Runs the command line."""
    cli()


def fail(message: str) -> NoReturn:
    """Says what is wrong and what would work, and ends with status 1."""
    say.print(f"okube-api: {message}", markup=False, soft_wrap=True)
    raise typer.Exit(1)


def told(command: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """An async command as a plain one; what it may meet becomes a sentence instead of a traceback."""

    @wraps(command)
    def plain(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            asyncio.run(command(*args, **kwargs))
        except ValidationError as error:
            fail("; ".join(f"OKUBE_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors()))
        except BadSecret as error:
            fail(str(error))
        except StoreLocked as error:
            fail(str(error))
        except Unavailable as error:
            fail(f"{error}. Is the database of OKUBE_STORE_URL up?")
        except StoreError as error:
            fail(str(error))
        except Refusal as error:
            fail(" ".join([error.detail, *(fault.message for fault in error.faults if fault.message != error.detail)]))
        except ValueError as error:
            fail(str(error))

    return plain


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Services]:
    """The services over the store of the settings, started; closed at the end."""
    secret = secret_key(settings)
    store = store_of(settings)
    await store.start()
    try:
        yield make_services(settings, store, utc_now, secret)
    finally:
        await store.close()


def store_of(settings: Settings) -> Store:
    """The store that the settings name, not started."""
    return open_store(settings.store_url, SCHEMA, memory_limit=settings.memory_limit, threads=settings.threads)


# -- servers -------------------------------------------------------------------------------------------------

Host = Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 is every one.")]
Port = Annotated[int, typer.Option(min=0, max=65535, help="The port to listen on.")]


@cli.command()
def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    workers: Annotated[int, typer.Option(min=1, help="Server processes; more than 1 need MongoDB.")] = 1,
) -> None:
    """Serves the API on the store of OKUBE_STORE_URL.

    The documentation, where requests can be tried, is at /docs. Behind a TLS proxy, name its address in
    OKUBE_TRUSTED_PROXIES: plain HTTP from elsewhere than this machine is refused otherwise.
    """
    if workers == 1:
        told(_serve)(host, port)
        return
    told(_check_workers)()
    uvicorn.run("okube_api.app:create_app", factory=True, workers=workers, **_options(host, port, Settings().log_level))


async def _check_workers() -> None:
    settings = Settings()
    if settings.store_url.startswith(EMBEDDED):
        raise ValueError(
            "the embedded store is one file of one process: use --workers 1, or MongoDB "
            "(OKUBE_STORE_URL=mongodb://host/database) for more."
        )
    secret_key(settings)


async def _serve(host: str, port: int) -> None:
    await run_server(Settings(), host, port)


async def run_server(settings: Settings, host: str, port: int) -> None:
    """Serves until told to stop.  The embedded file is opened first, so that a locked one is said in a sentence."""
    secret_key(settings)
    embedded = store_of(settings) if settings.store_url.startswith(EMBEDDED) else None
    if embedded is not None:
        await embedded.start()
    try:
        await _listen(create_app(settings, store=embedded), settings, host, port)
    finally:
        if embedded is not None:
            await embedded.close()


async def _listen(app: FastAPI, settings: Settings, host: str, port: int) -> None:
    write_json_lines(settings.log_level)
    server = uvicorn.Server(uvicorn.Config(app, **_options(host, port, settings.log_level)))
    with _bound(host, port) as listening:
        await server.serve([listening])


def _bound(host: str, port: int) -> socket.socket:
    """A socket that listens there.  Raises ValueError when it cannot: uvicorn would end the process instead."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise ValueError(f"cannot listen on {host} port {port}: {error.strerror}. Try another --port.") from None


def _options(host: str, port: int, log_level: str) -> dict[str, Any]:
    """The proxy headers are read by the app, from configured proxies only; the journal writes the log."""
    return {
        "host": host,
        "port": port,
        "http": "httptools",
        "ws": "none",
        "lifespan": "on",
        "proxy_headers": False,
        "server_header": False,
        "access_log": False,
        "log_config": None,
        "log_level": log_level,
        "timeout_graceful_shutdown": _GRACE_S,
    }


# -- the OpenAPI document ----------------------------------------------------------------------------------------


@cli.command()
def openapi() -> None:
    """Prints the OpenAPI document."""
    app = create_app(Settings(store_url=f"{EMBEDDED}:memory:", secret_key=SecretStr("0" * 32)))
    text = orjson.dumps(app.openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    sys.stdout.buffer.write(text)


# -- users -------------------------------------------------------------------------------------------------------


@users.command("add")
def add_user(
    email: Annotated[str, typer.Argument(help="The login.")],
    platform_admin: Annotated[bool, typer.Option("--platform-admin", help="May do everything, everywhere.")] = False,
    application: Annotated[str | None, typer.Option(help="Id or key of the application that --role is in.")] = None,
    role: Annotated[Role, typer.Option(help="What the user may do in the application.")] = Role.READER,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from the standard input.")
    ] = False,
) -> None:
    """Makes a user, or gives one that exists a role in one more application.

    The first user of a new store is a platform administrator, who makes applications over HTTP.
    """
    if platform_admin == (application is not None):
        fail("say either --platform-admin, or --application KEY with --role.")
    told(_add_user)(_login(email), platform_admin, application, role, password_stdin)


def _login(email: str) -> str:
    try:
        return str(validate_email(email, check_deliverability=False, test_environment=True).normalized)
    except EmailNotValidError as error:
        fail(f"'{email}' is no e-mail address: {error}")


async def _add_user(
    email: str, platform_admin: bool, application: str | None, role: Role, password_stdin: bool
) -> None:
    async with opened(Settings()) as services:
        accounts = services.sessions.users
        place = await services.applications.find(application) if application else None
        if place and (known := await accounts.by_login(email)):
            await accounts.set_role(known, place["_id"], role)
            say.print(f"{email} is now {role} of {place['key']}.", markup=False)
            return
        kept = await services.passwords.hash(_password(password_stdin))
        roles = {place["_id"]: role} if place else {}
        await accounts.create(email, kept, platform_admin=platform_admin, roles=roles)
        what = f"{role} of {place['key']}" if place else "a platform administrator"
        say.print(f"{email} can log in: {what}.", markup=False)


def _password(from_stdin: bool) -> str:
    if from_stdin:
        password = sys.stdin.readline().rstrip("\r\n")
    elif sys.stdin.isatty():
        password = str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    else:
        raise ValueError("there is no terminal to ask for the password on: pass it by --password-stdin.")
    if len(password) < LEAST_PASSWORD:
        raise ValueError(f"the password needs at least {LEAST_PASSWORD} characters.")
    return password


# -- the demonstration ---------------------------------------------------------------------------------------------

DEMO_LOGIN = "demo@okube.example"


def demo_password() -> str:
    """The password of the demonstration: OKUBE_DEMO_PASSWORD, or one made up."""
    return os.environ.get("OKUBE_DEMO_PASSWORD") or secrets.token_urlsafe(12)


def demo_settings(folder: Path) -> Settings:
    """The settings of the environment, on an embedded store in a folder."""
    return Settings(store_url=f"{EMBEDDED}{folder / 'okube.duckdb'}")


if __name__ == "__main__":
    main()
