"""The application at a real port, in a thread of its own, for synchronous clients."""

import asyncio
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any, TypeVar

import uvicorn
from fastapi import FastAPI
from okube_api.api.explorer_pages import EXPLORER
from okube_api.api.manual_pages import MANUAL
from okube_api.app import create_app
from okube_api.http.connection import ConnectionLimits, build_protocol
from okube_api.settings import Settings

from tests.api.server import SECRET, Server

T = TypeVar("T")

LIMITS = ConnectionLimits()


@dataclass(frozen=True)
class LiveServer(Server):
    """A running application that listens at a port."""

    address: str = ""
    loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.new_event_loop)

    def run_coroutine(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine in the event loop of the application and return its result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result(20)


@contextmanager
def run_live(
    url: str,
    *,
    limits: ConnectionLimits = LIMITS,
    explorer_folder: Path = EXPLORER,
    manual_folder: Path = MANUAL,
    **settings: Any,
) -> Iterator[LiveServer]:
    """Run the application over the store of a URL, listening at a free port."""
    app: FastAPI = create_app(
        Settings(store_url=url, secret_key=SECRET, **settings),
        explorer_folder=explorer_folder,
        manual_folder=manual_folder,
    )
    protocol = build_protocol(limits)
    config = uvicorn.Config(app, port=0, log_level="error", access_log=False, http=protocol, log_config=None)
    server, loop = uvicorn.Server(config), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_until_complete, args=(server.serve(),))
    thread.start()
    try:
        deadline = monotonic() + 20
        while not server.started:
            assert thread.is_alive(), "the application did not start"
            assert monotonic() < deadline, "the application takes too long to start"
            sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield LiveServer(app, url.partition(":")[0], address=f"http://127.0.0.1:{port}", loop=loop)
    finally:
        server.should_exit = True
        thread.join(20)
        loop.close()
