"""Serving, and the OpenAPI document of what is served."""

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
from okube_api.auth.secret import load_secret_key
from okube_api.cli.runtime import build_store, told
from okube_api.http.listener import listen
from okube_api.http.middleware.access_log import configure_logging
from okube_api.settings import Settings
from okube_api.store import EMBEDDED_SCHEME
from okube_api.store.base import Store

_GRACE_S = 25
_IDLE_S = 75  # longer than load balancers keep a connection: one that they are just using is never closed

BeforeServing = Callable[[Store], Awaitable[None]]


def serve(host: str, port: int, workers: int) -> None:
    """The command."""
    if workers == 1:
        told(_serve)(host, port)
        return
    told(_check_workers)()
    uvicorn.run("okube_api.app:create_app", factory=True, workers=workers, **_options(host, port, Settings().log_level))


async def _check_workers() -> None:
    settings = Settings()
    if settings.store_url.startswith(EMBEDDED_SCHEME):
        raise ValueError(
            "the embedded store is one file of one process: use --workers 1, or MongoDB "
            "(OKUBE_STORE_URL=mongodb://host/database) for more."
        )
    load_secret_key(settings)


async def _serve(host: str, port: int) -> None:
    await run_server(Settings(), host, port, lambda url: typer.echo(f"Serving on {url} (documentation: {url}/docs)"))


async def run_server(
    settings: Settings, host: str, port: int, announce: Callable[[str], None], ready: BeforeServing | None = None
) -> None:
    """Serves until told to stop.  The embedded file is opened first, so that a locked one is said in a sentence.

    announce: is given the server's address once it answers.  ready: what is done in the embedded file before that.
    """
    load_secret_key(settings)
    embedded = build_store(settings) if settings.store_url.startswith(EMBEDDED_SCHEME) else None
    if embedded is not None:
        await embedded.start()
    try:
        if embedded is not None and ready is not None:
            await ready(embedded)
        await _listen(create_app(settings, store=embedded), settings, host, port, announce)
    finally:
        if embedded is not None:
            await embedded.close()


async def _listen(app: FastAPI, settings: Settings, host: str, port: int, announce: Callable[[str], None]) -> None:
    configure_logging(settings.log_level)
    server = AnnouncingServer(uvicorn.Config(app, **_options(host, port, settings.log_level)))
    with listen(host, port) as listening:
        shown = f"[{host}]" if ":" in host else host
        server.announce = lambda: announce(f"http://{shown}:{listening.getsockname()[1]}")
        await server.serve([listening])


class AnnouncingServer(uvicorn.Server):
    """A server that says when it answers."""

    announce: Callable[[], None]

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stops when told to; uvicorn's own would then end the process by that signal, as if it had failed."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Starts to answer, then says so."""
        await super().startup(sockets)
        if self.started:
            self.announce()


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
        "timeout_keep_alive": _IDLE_S,
    }


def openapi() -> None:
    """The command."""
    app = create_app(Settings(store_url=f"{EMBEDDED_SCHEME}:memory:", secret_key=SecretStr("0" * 32)))
    text = orjson.dumps(app.openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    sys.stdout.buffer.write(text)
