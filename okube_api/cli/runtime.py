"""What commands share: how they speak, fail, reach the store or a running server."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec

import typer
from pydantic import ValidationError
from rich.console import Console

from okube_api.auth.secret import BadSecret, secret_key
from okube_api.cli.remote import RemoteServer, RemoteError
from okube_api.clock import utc_now
from okube_api.errors import Refusal
from okube_api.http.listener import new_event_loop
from okube_api.settings import Settings
from okube_api.store import open_store
from okube_api.store.base import Store, StoreError, Unavailable
from okube_api.store_schema import SCHEMA

if TYPE_CHECKING:
    from okube_api.api.container import Services

P = ParamSpec("P")


console = Console(stderr=True, highlight=False)


def fail(message: str) -> NoReturn:
    """Says what is wrong and what would work, and ends with status 1."""
    console.print(f"okube-api: {message}", markup=False, soft_wrap=True)
    raise typer.Exit(1)


def told(command: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """An async command as a plain one; what it may meet becomes a sentence instead of a traceback."""

    @wraps(command)
    def plain(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            with asyncio.Runner(loop_factory=new_event_loop) as runner:
                runner.run(command(*args, **kwargs))
        except ValidationError as error:
            fail("; ".join(f"OKUBE_{str(one['loc'][0]).upper()}: {one['msg']}" for one in error.errors()))
        except BadSecret as error:
            fail(str(error))
        except Unavailable as error:
            fail(f"{error}. Is the database of OKUBE_STORE_URL up?")
        except (StoreError, RemoteError) as error:
            fail(str(error))
        except Refusal as error:
            fail(" ".join([error.detail, *(fault.message for fault in error.faults if fault.message != error.detail)]))
        except ValueError as error:
            fail(str(error))

    return plain


@asynccontextmanager
async def open_services(settings: Settings) -> "AsyncIterator[Services]":
    """The services over the store of the settings, started; closed at the end."""
    from okube_api.api.container import build_services  # noqa: PLC0415 - not what goes through a server

    secret = secret_key(settings)
    store = build_store(settings)
    await store.start()
    try:
        yield build_services(settings, store, utc_now, secret)
    finally:
        await store.close()


def build_store(settings: Settings) -> Store:
    """The store that the settings name, not started."""
    return open_store(settings.store_url, SCHEMA, memory_limit=settings.memory_limit, threads=settings.threads)


def build_remote(url: str | None, token: str | None) -> RemoteServer | None:
    """The server to go through, None to open the store."""
    if url is None:
        return None
    if not token:
        fail("--url needs a token: --token, or OKUBE_TOKEN.")
    return RemoteServer(url, token)
