"""Runs the server; prints its OpenAPI document."""

import asyncio
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import typer
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from okube_api.app import create_app
from okube_api.auth.secret import BadSecret, load_secret_key
from okube_api.auth.secret_fingerprint import check_secret, claim_store
from okube_api.cli.runtime import build_store, run_command
from okube_api.http.connection import ConnectionLimits, allow_connections, build_protocol
from okube_api.http.listener import listen
from okube_api.http.middleware.access_log import configure_logging
from okube_api.settings import Settings
from okube_api.store import EMBEDDED_SCHEME
from okube_api.store.errors import StoreError, Unavailable
from okube_api.store.protocol import Store

_GRACE_S = 25
_IDLE_S = 75  # longer than load balancers keep idle connections, so that they never reuse one that was just closed

BeforeServing = Callable[[Store], Awaitable[None]]


def serve(host: str, port: int, workers: int) -> None:
    """Run one server process or several."""
    if workers == 1:
        run_command(_serve(host, port))
        return
    run_command(_check_settings_of_workers())
    uvicorn.run("okube_api.app:create_app", factory=True, workers=workers, **_options(host, port, Settings()))


async def _check_settings_of_workers() -> None:
    settings = Settings()
    if settings.store_url.startswith(EMBEDDED_SCHEME):
        raise ValueError(
            "Only one process can open the embedded store. Use --workers 1, or MongoDB "
            "(OKUBE_STORE_URL=mongodb://host/database)."
        )
    store = await _start_store(settings, load_secret_key(settings))
    if store is not None:
        await store.close()


async def _start_store(settings: Settings, secret: bytes) -> Store | None:
    """Return the started store of the settings; None when its database does not answer: the app then waits for it.

    Raise BadSecret or another StoreError than Unavailable when the store cannot be used.
    """
    store = build_store(settings)
    try:
        if not settings.store_url.startswith(EMBEDDED_SCHEME):
            await check_secret(store, secret)  # before anything is written to it
        await store.start()
        await claim_store(store, secret)
    except Unavailable:
        await store.close()
        return None
    except BaseException:
        await store.close()
        raise
    return store


async def _serve(host: str, port: int) -> None:
    await run_server(Settings(), host, port, lambda url: typer.echo(f"Serving on {url} (documentation: {url}/docs)"))


async def run_server(
    settings: Settings,
    host: str,
    port: int,
    announce: Callable[[str], None],
    before_serving: BeforeServing | None = None,
    *,
    demo_password: str | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    The store is opened before the server starts, so that a locked file or a store of a newer version is a plain error
    message.

    announce: called with the address of the server once it answers.
    before_serving: called with the embedded store before the server starts.
    demo_password: the password that the served document has in its example of a login.
    """
    store = await _start_store(settings, load_secret_key(settings))
    try:
        if store is not None and store.is_exclusive and before_serving is not None:
            await before_serving(store)
        app = create_app(settings, store=store)
        app.state.demo_password = demo_password
        await _listen(app, settings, host, port, announce)
    finally:
        if store is not None:
            await store.close()


async def _listen(app: FastAPI, settings: Settings, host: str, port: int, announce: Callable[[str], None]) -> None:
    configure_logging(settings.log_level)
    server = AnnouncingServer(uvicorn.Config(app, **_options(host, port, settings)))
    with listen(host, port) as listening:
        url_host = f"[{host}]" if ":" in host else host
        server.announce = lambda: announce(f"http://{url_host}:{listening.getsockname()[1]}")
        await server.serve([listening])
    refusal: StoreError | BadSecret | None = getattr(app.state, "refusal", None)
    if refusal is not None:
        raise refusal


class AnnouncingServer(uvicorn.Server):
    """A server that calls `announce` once it answers."""

    announce: Callable[[], None]

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM with status 0; uvicorn would raise the signal again and end as if by a failure."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then announce that the server answers."""
        await super().startup(sockets)
        if self.started:
            self.announce()


def _options(host: str, port: int, settings: Settings) -> dict[str, Any]:
    limits = ConnectionLimits(connections=allow_connections(settings.max_connections))
    return {
        "host": host,
        "port": port,
        "http": build_protocol(limits),
        "ws": "none",
        "lifespan": "on",
        "proxy_headers": False,  # the app reads them, from trusted proxies only
        "server_header": False,
        "access_log": False,  # the middleware writes one
        "log_config": None,
        "log_level": settings.log_level,
        "timeout_graceful_shutdown": _GRACE_S,
        "timeout_keep_alive": _IDLE_S,
    }


def print_openapi() -> None:
    """Print the OpenAPI document of the app."""
    app = create_app(Settings(store_url=f"{EMBEDDED_SCHEME}:memory:", secret_key=SecretStr("0" * 32)))
    text = orjson.dumps(app.openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    sys.stdout.buffer.write(text)
