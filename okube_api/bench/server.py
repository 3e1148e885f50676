"""The server under test, in this process: questions go to it directly, or over HTTP on a keep-alive connection."""

import asyncio
import threading
import time
from collections.abc import Coroutine, Mapping
from http.client import HTTPConnection
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import orjson
import uvicorn
from fastapi.routing import APIRoute
from starlette.responses import Response

from okube_api.analytics.answer_options import AnswerOptions
from okube_api.analytics.modules import MODULES
from okube_api.analytics.scope import QuestionScope
from okube_api.api.container import Services
from okube_api.app import create_app
from okube_api.auth.passwords import hash_password
from okube_api.auth.repository import Role, User
from okube_api.bench.turns import IN_PROCESS, OVER_HTTP, PROCESSOR, Side, time_call, time_processor
from okube_api.bench.workloads import Workload
from okube_api.http.listener import listen, new_event_loop
from okube_api.kit.application import Application
from okube_api.settings import Settings

T = TypeVar("T")
_LOGIN, _PASSWORD = "bench@okube.example", "not a secret: only this process reaches it"
FLOOR = "/floor"


class BenchServer:
    """A server on a separate thread, with one more route, `FLOOR`, that returns bytes prepared beforehand."""

    def __init__(self, settings: Settings) -> None:
        self.app = create_app(settings)
        self._floor_body: bytes = b"[]"
        floor_route = APIRoute(FLOOR, self._answer_floor, methods=["POST"], include_in_schema=False)
        self.app.router.routes.insert(0, floor_route)
        self._socket = listen("127.0.0.1", 0)
        self.port = self._socket.getsockname()[1]
        config = uvicorn.Config(self.app, log_level="error", access_log=False, lifespan="on")
        self._server = uvicorn.Server(config)
        self._loop = new_event_loop()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._token = ""

    def _serve(self) -> None:
        self._loop.run_until_complete(self._server.serve([self._socket]))

    def __enter__(self) -> "BenchServer":
        self._thread.start()
        while not self._server.started:
            if not self._thread.is_alive():
                raise RuntimeError("The server did not start.")
            self._thread.join(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join()

    @property
    def services(self) -> Services:
        """The services behind the routes."""
        services: Services = self.app.state.services
        return services

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the event loop of the server and return its result."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def log_in(self, application: str, *, editor: bool = False) -> "BenchClient":
        """Return a client whose user may read the application, or also edit it."""

        async def token() -> str:
            sessions = self.services.sessions
            role = Role.EDITOR if editor else Role.READER
            user = await sessions.users.find_by_login(_LOGIN)
            if user is None:
                password = hash_password(_PASSWORD)
                user = await sessions.users.create(_LOGIN, password, platform_admin=False, roles={application: role})
            else:
                user = await sessions.users.set_role(user, application, role)
            return sessions.issue(User.from_document(user))[1]

        self._token = self.run(token())
        return self.client()

    def client(self) -> "BenchClient":
        """Return one more client of the same user."""
        return BenchClient(self.port, {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"})

    async def ask(self, workload: Workload, scope: QuestionScope) -> tuple[float, bytes]:
        """Answer a question without HTTP; return the seconds and the bytes of the answer."""
        module = MODULES[workload.module]
        url = module.url.model_validate(dict(parse_qsl(urlsplit(workload.path).query)))
        query = module.query.model_validate(workload.body)
        options = AnswerOptions(url.first_day, url.last_day, url.uplifted)
        started = time.perf_counter()
        with self.services.store.hold_revisions(workload.path):
            await self.services.store.read_revisions()  # as the identification of the caller does
            answer = await self.services.analytics.answer(query, scope, options)
        return time.perf_counter() - started, answer.content.content

    def build_scope(self, application: Application) -> QuestionScope:
        """Return the scope of questions about all sites of an application."""
        return QuestionScope(application, self.run(self.services.studies.get(application.id, "all")))

    def build_sides(self, client: "BenchClient", workload: Workload, scope: QuestionScope) -> dict[str, Side]:
        """Return how to time a question that is not in the answer cache: `OVER_HTTP`, `IN_PROCESS`, `PROCESSOR`."""

        def over_http() -> float:
            self.clear_answer_cache()
            return time_call(lambda: client.post(workload.path, workload.body))

        return {
            OVER_HTTP: over_http,
            IN_PROCESS: lambda: self.run(self.ask(workload, scope))[0],
            PROCESSOR: lambda: time_processor(lambda: self.run(self.ask(workload, scope))),
        }

    def clear_answer_cache(self) -> None:
        """Empty the answer cache, so that the next question is computed."""
        self.services.analytics.answer_cache.clear()

    def set_floor(self, answer: bytes) -> None:
        """Set the bytes that `FLOOR` returns."""
        self._floor_body = answer

    async def _answer_floor(self) -> Response:
        return Response(self._floor_body, media_type="application/json")


class BenchClient:
    """An HTTP client on one keep-alive connection."""

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self._connection, self.headers = HTTPConnection("127.0.0.1", port), dict(headers)

    def post(self, path: str, body: Any) -> bytes:
        """Send a POST request and return the body of the answer.  Raise RuntimeError unless the status is 200."""
        return self._send("POST", path, orjson.dumps(body))

    def get(self, path: str) -> bytes:
        """Send a GET request and return the body of the answer.  Raise RuntimeError unless the status is 200."""
        return self._send("GET", path, None)

    def send_events(self, application: str, kind: str, lines: bytes, *, waits: bool = True) -> None:
        """Send NDJSON of events, and wait until they are visible, or only until they are stored.

        Raise RuntimeError when they are not.
        """
        headers = {**self.headers, "Content-Type": "application/x-ndjson"}
        path = f"/applications/{application}/ingest/{kind}"
        if waits:
            self._send("POST", path, lines, headers, 201)
        else:
            self._send("POST", f"{path}?wait=false", lines, headers, 202)

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | None,
        headers: Mapping[str, str] | None = None,
        status: int = 200,
    ) -> bytes:
        try:
            self._connection.request(method, path, body, headers or self.headers)
            response = self._connection.getresponse()
        except ConnectionError:  # the server closed the idle connection
            self._connection.close()
            self._connection.request(method, path, body, headers or self.headers)
            response = self._connection.getresponse()
        content = response.read()
        if response.status != status:
            raise RuntimeError(f"{response.status} for {path}: {content[:500]!r}")
        return content
