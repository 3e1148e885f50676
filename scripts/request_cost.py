"""Measure the processor time of a repeated question, step by step, against a route of FastAPI that returns ready bytes.

    .venv/bin/python -m scripts.request_cost                     # about ten seconds, and the tenant the first time
    .venv/bin/python -m scripts.request_cost --profile           # also where the time goes

The question is A1 of `okube-api bench`: 365 numbers by day, from the answer cache.  Both sides are called in turns, in
blocks of requests: in process (as ASGI applications), and over a kept-alive connection, where the processor time is
that of the server's thread.
"""

import argparse
import asyncio
import cProfile
import logging
import os
import pstats
import secrets
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import orjson
import uvicorn
from fastapi import FastAPI
from okube_api.api.container import Services
from okube_api.app import create_app
from okube_api.auth.passwords import hash_password
from okube_api.auth.repository import Role, User
from okube_api.bench.server import BenchClient
from okube_api.bench.workloads import WORKLOADS
from okube_api.bench.world import Size, get_or_create_application
from okube_api.http.connection import ConnectionLimits, build_protocol
from okube_api.http.listener import listen, new_event_loop
from okube_api.http.middleware.access_log import configure_logging
from okube_api.settings import Settings
from starlette.responses import Response
from starlette.types import ASGIApp, Message

SCALE = 0.005
BLOCKS, BLOCK_REQUESTS = 15, 200
WORKLOAD = next(workload for workload in WORKLOADS if workload.name == "A1")
LOGIN = "reader@okube.example"
Headers = Mapping[str, str]
T = TypeVar("T")


def build_floor(answer: bytes) -> FastAPI:
    """Return an application of FastAPI with a route at the path of the question that returns ready bytes."""
    app = FastAPI()

    @app.post(urlsplit(WORKLOAD.path).path)
    async def floor() -> Response:
        return Response(answer, media_type="application/json")

    return app


class ServerThread:
    """An application served on a thread, by the server and the protocol of the product."""

    def __init__(self, app: ASGIApp) -> None:
        self._socket = listen("127.0.0.1", 0)
        self.port: int = self._socket.getsockname()[1]
        config = uvicorn.Config(
            app,
            http=build_protocol(ConnectionLimits()),
            log_config=None,
            access_log=False,
            lifespan="on",
            proxy_headers=False,
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        self._loop = new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self) -> None:
        self._loop.run_until_complete(self._server.serve([self._socket]))

    def __enter__(self) -> "ServerThread":
        self._thread.start()
        while not self._server.started:
            self._thread.join(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the event loop of the server and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def read_processor_s(self) -> float:
        """Return the processor time of the thread so far."""
        assert self._thread.ident is not None
        return time.clock_gettime(time.pthread_getcpuclockid(self._thread.ident))


async def issue_token(services: Services, application: str) -> str:
    """Return a token of a reader of an application."""
    sessions = services.sessions
    user = await sessions.users.find_by_login(LOGIN)
    if user is None:
        roles = {application: Role.READER}
        user = await sessions.users.create(LOGIN, hash_password(secrets.token_hex()), platform_admin=False, roles=roles)
    return sessions.issue(User.from_document(user))[1]


async def call(app: ASGIApp, scope: Mapping[str, Any], body: bytes) -> int:
    """Send a request to an ASGI application; return the number of bytes of the answer."""
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Message) -> None:
        messages.append(message)

    await app({**scope, "headers": list(scope["headers"]), "state": {}}, receive, send)
    assert messages[0]["status"] == 200, messages
    return sum(len(message.get("body", b"")) for message in messages)


def build_scope(headers: Headers, length: int) -> dict[str, Any]:
    """Return the scope of the question, as uvicorn builds it."""
    path, _, query = WORKLOAD.path.partition("?")
    sent = {"Host": "127.0.0.1:8080", "Accept-Encoding": "identity", "Content-Length": str(length), **headers}
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 40000),
        "server": ("127.0.0.1", 8080),
    }


def measure_in_turns(sides: Mapping[str, Callable[[], float]]) -> dict[str, float]:
    """Return the median time of a request of each side, in ms, over blocks that are measured in turns."""
    times_ms: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(BLOCKS + 1):
        for name, measure in sides.items():
            times_ms[name].append(measure() / BLOCK_REQUESTS * 1000)
    return {name: statistics.median(times[1:]) for name, times in times_ms.items()}


def print_table(title: str, times_ms: Mapping[str, float], floor: str) -> None:
    """Print times, and how often each is that of the floor."""
    print(f"| {title} | ms per request | times the floor |\n|---|---|---|")
    for name, ms in times_ms.items():
        print(f"| {name} | {ms:.3f} | {ms / times_ms[floor]:.2f} |")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the measurements; return the status of the process."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "okube-request-cost")
    parser.add_argument("--profile", action="store_true", help="print where the time in process goes")
    options = parser.parse_args(arguments)
    options.folder.mkdir(parents=True, exist_ok=True)
    configure_logging("info")  # as the server: a line for each request, here to nowhere
    with ExitStack() as stack:
        nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123
        for handler in logging.getLogger().handlers:
            assert isinstance(handler, logging.StreamHandler)
            handler.setStream(nowhere)
        rate_limit = "1000000000/minute"  # counted, as by default, and never reached
        settings = Settings(store_url=f"duckdb:{options.folder / 'okube.duckdb'}", rate_limit=rate_limit)
        product = create_app(settings)
        server = stack.enter_context(ServerThread(product))
        services: Services = product.state.services
        application = server.run(get_or_create_application(services, options.folder, Size(SCALE), print))
        token = server.run(issue_token(services, application.id))
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        client = BenchClient(server.port, headers)
        answer = client.post(WORKLOAD.path, WORKLOAD.body)
        while services.analytics.answer_cache.size == 0:  # the facts of an older tenant are being rebuilt
            time.sleep(0.5)
            answer = client.post(WORKLOAD.path, WORKLOAD.body)
        body = orjson.dumps(WORKLOAD.body)
        floor = build_floor(answer)

        scope = build_scope(headers, len(body))

        async def call_block(app: ASGIApp) -> float:
            started_s = time.thread_time()
            for _ in range(BLOCK_REQUESTS):
                await call(app, scope, body)
            return time.thread_time() - started_s

        def in_process(app: ASGIApp) -> Callable[[], float]:
            return lambda: server.run(call_block(app))

        print(f"{len(answer)} bytes, load of the machine {os.getloadavg()[0]:.1f}")
        sides = {"floor": in_process(floor), "repeated question": in_process(product)}
        print_table("in process, processor time", measure_in_turns(sides), "floor")
        if options.profile:
            profile = cProfile.Profile()

            async def profile_blocks() -> None:
                profile.enable()
                for _ in range(10):
                    await call_block(product)
                profile.disable()

            server.run(profile_blocks())
            pstats.Stats(profile).sort_stats("tottime").print_stats(45)

        def over_http(path_client: BenchClient, thread: ServerThread) -> Callable[[], float]:
            def measure() -> float:
                started_s = thread.read_processor_s()
                for _ in range(BLOCK_REQUESTS):
                    path_client.post(WORKLOAD.path, WORKLOAD.body)
                return thread.read_processor_s() - started_s

            return measure

        floor_thread = stack.enter_context(ServerThread(floor))
        sides = {
            "floor": over_http(BenchClient(floor_thread.port, headers), floor_thread),
            "repeated question": over_http(client, server),
        }
        print_table("over HTTP, processor time of the server", measure_in_turns(sides), "floor")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
