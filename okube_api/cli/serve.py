"""Runs the server; prints its OpenAPI document."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, nullcontext
from types import FrameType
from typing import Any

import orjson
import typer
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from okube_api.app import create_app
from okube_api.auth.first_administrator import FirstAdministrator
from okube_api.auth.repository import UserRepository
from okube_api.auth.secret import BadSecret, load_secret_key
from okube_api.auth.secret_fingerprint import check_secret, claim_store
from okube_api.cli.demo_login import is_of_earlier_version
from okube_api.cli.runtime import build_store, echo, run_command
from okube_api.cli.workers import WorkerPool
from okube_api.clock import utc_now
from okube_api.http.connection import ConnectionLimits, allow_connections, build_protocol
from okube_api.http.listener import bind, listen
from okube_api.http.metrics import create_metrics_folder
from okube_api.http.middleware.access_log import configure_logging
from okube_api.kit.demo_names import LOGIN
from okube_api.settings import Settings
from okube_api.store import EMBEDDED_SCHEME
from okube_api.store.errors import StoreError, Unavailable
from okube_api.store.protocol import Store

_GRACE_S = 25
_IDLE_S = 75  # longer than load balancers keep idle connections, so that they never reuse one that was just closed

AroundServing = Callable[[Store], AbstractAsyncContextManager[None]]


def serve(host: str, port: int, workers: int) -> None:
    """Run one server process or several."""
    if workers == 1:
        run_command(_serve(host, port))
        return
    run_command(_serve_with_workers(host, port, workers))


async def _serve_with_workers(host: str, port: int, workers: int) -> None:
    settings = Settings()
    if settings.store_url.startswith(EMBEDDED_SCHEME):
        raise ValueError(
            "Only one process can open the embedded store. Use --workers 1, or MongoDB "
            "(OKUBE_STORE_URL=mongodb://host/database)."
        )
    with listen(host, port) as listening:  # before the work, and for the life of all workers
        configure_logging(settings.log_level)
        url = _build_url(host, listening.getsockname()[1], settings)
        secret = load_secret_key(settings)
        token: str | None = None
        if (store := await start_store(settings, secret)) is not None:
            try:
                token = await _prepare_administrator(store, settings)
            finally:
                await store.close()

        def announce() -> None:
            typer.echo(f"Serving on {url} with {workers} workers (documentation: {url}/docs)")
            if token is not None:
                _print_setup_link(url, token)

        try:
            with create_metrics_folder() as folder:
                pool = WorkerPool(listening, workers, grace_s=_GRACE_S, on_ready=announce, metrics_folder=folder)
                await pool.run()
        finally:
            if token is not None and (store := await start_store(settings, secret)) is not None:
                try:
                    await FirstAdministrator(store, utc_now, UserRepository(store, utc_now)).revoke_token(token)
                finally:
                    await store.close()


async def _prepare_administrator(store: Store, settings: Settings) -> str | None:
    """Create the administrator of the settings; without one, return a token to create the first administrator with."""
    users = UserRepository(store, utc_now)
    earlier_login = await users.find_by_login(LOGIN)
    if earlier_login is not None and is_of_earlier_version(earlier_login):
        echo(
            f"Note: the store has the demo of an earlier version, whose login {LOGIN} administers everything. The demo "
            "now has a folder of its own, okube-demo. For data of your own, begin with an empty store: stop the "
            f"server and rename {settings.data_folder}."
        )
    first_administrator = FirstAdministrator(store, utc_now, users)
    await first_administrator.create_configured(settings.admin_login, settings.admin_password_file)
    return await first_administrator.issue_token()


def _print_setup_link(url: str, token: str) -> None:
    typer.echo(
        "There is no administrator yet. Open this link to create one; it works once, for 72 hours at most:\n\n"
        f"  {url}/login#setup={token}\n"
    )


def _build_url(host: str, port: int, settings: Settings) -> str:
    if settings.public_url is not None:
        return settings.public_url
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


async def start_store(settings: Settings, secret: bytes) -> Store | None:
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
    settings = Settings()
    token: str | None = None

    @asynccontextmanager
    async def prepare(store: Store) -> AsyncIterator[None]:
        nonlocal token
        token = await _prepare_administrator(store, settings)
        try:
            yield
        finally:
            if token is not None:
                await FirstAdministrator(store, utc_now, UserRepository(store, utc_now)).revoke_token(token)

    def announce(url: str) -> None:
        typer.echo(f"Serving on {url} (documentation: {url}/docs)")
        if token is not None:
            _print_setup_link(url, token)

    with bind(host, port) as bound:  # a port that is taken is found before the work
        await run_server(settings, bound, announce, prepare)


async def run_server(
    settings: Settings,
    bound: socket.socket,
    announce: Callable[[str], None],
    around_serving: AroundServing | None = None,
    *,
    demo_password: str | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM.

    The store is opened before the server starts, so that a locked file or a store of a newer version is a plain error
    message.

    bound: the socket of the address, which does not listen yet.
    announce: called with the address of the server once it answers.
    around_serving: returns the context, of the started store, in which the server runs; it is not used when the
    database does not answer yet.
    demo_password: the password that the served document has in its example of a login.
    """
    store = await start_store(settings, load_secret_key(settings))
    try:
        async with nullcontext() if store is None or around_serving is None else around_serving(store):
            app = create_app(settings, store=store)
            app.state.demo_password = demo_password
            await _listen(app, settings, bound, announce)
    finally:
        if store is not None:
            await store.close()


async def _listen(app: FastAPI, settings: Settings, bound: socket.socket, announce: Callable[[str], None]) -> None:
    configure_logging(settings.log_level)
    host, port = bound.getsockname()[:2]
    server = AnnouncingServer(uvicorn.Config(app, **build_server_options(host, port, settings)))
    server.announce = lambda: announce(_build_url(host, port, settings))
    await server.serve([bound])
    refusal: StoreError | BadSecret | None = getattr(app.state, "refusal", None)
    if refusal is not None:
        raise refusal


class AnnouncingServer(uvicorn.Server):
    """A server of our application, which calls `announce` once it answers."""

    announce: Callable[[], None]

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGINT and SIGTERM with status 0; uvicorn would raise the signal again and end as if by a failure."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        yield

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop; requests that only wait are answered now, since they would delay the end until their time is over."""
        app = self.config.app
        assert isinstance(app, FastAPI)
        app.state.stopping.set()
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then announce that the server answers."""
        await super().startup(sockets)
        if self.started:
            self.announce()


def build_server_options(host: str, port: int, settings: Settings) -> dict[str, Any]:
    """Return the options of uvicorn."""
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
