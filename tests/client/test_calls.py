"""Plans and the transports that carry them out."""

import asyncio
import inspect
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from okube_api.client import AnalyticsAnswer, ApplicationClient, AsyncApplicationClient, AsyncOkube, Okube, QuestionJob
from okube_api.client.calls import BlockingTransport, CallPlan, HttpCall

LOGIN: dict[str, Any] = {"login": "ann@example.com", "password": "a password"}
CALLERS_AT_ONCE = 8


class LoginServer:
    """A server that counts logins, and answers none before all callers have had the time to request one."""

    def __init__(self) -> None:
        self.logins = 0
        self.tokens: set[str | None] = set()
        self._lock = threading.Lock()

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer a request."""
        with self._lock:
            if request.url.path == "/auth/login":
                self.logins += 1
                return httpx.Response(200, json={"auth": {"token": str(self.logins), "expiresAt": None}})
            self.tokens.add(request.headers.get("authorization"))
            return httpx.Response(200, json={})

    async def answer_later(self, request: httpx.Request) -> httpx.Response:
        """Answer a request after other tasks have run."""
        await asyncio.sleep(0)
        return self.answer(request)


def test_threads_log_in_once() -> None:
    server = LoginServer()
    okube = Okube("http://okube.test", transport=httpx.MockTransport(server.answer), **LOGIN)
    with ThreadPoolExecutor(CALLERS_AT_ONCE) as pool:
        list(pool.map(lambda _number: okube.me(), range(CALLERS_AT_ONCE)))
    assert (server.logins, server.tokens) == (1, {"Bearer 1"})


def test_tasks_log_in_once() -> None:
    server = LoginServer()

    async def call_at_once() -> None:
        async with AsyncOkube(
            "http://okube.test", transport=httpx.MockTransport(server.answer_later), **LOGIN
        ) as okube:
            await asyncio.gather(*(okube.me() for _ in range(CALLERS_AT_ONCE)))

    asyncio.run(call_at_once())
    assert (server.logins, server.tokens) == (1, {"Bearer 1"})


class Interrupted(BaseException):
    """An interruption, such as Ctrl+C."""


def test_plan_can_clean_up_when_it_is_interrupted() -> None:
    steps: list[str] = []

    def plan() -> CallPlan[None]:
        try:
            yield HttpCall("GET", "/")
        finally:
            steps.append("cleaned up")

    def interrupt(_request: httpx.Request) -> httpx.Response:
        raise Interrupted

    client = httpx.Client(base_url="http://okube.test", transport=httpx.MockTransport(interrupt))
    with pytest.raises(Interrupted):
        BlockingTransport(client).run(plan())
    assert steps == ["cleaned up"]


@pytest.mark.parametrize("owner", [ApplicationClient, AsyncApplicationClient])
def test_methods_describe_themselves(owner: Any) -> None:
    """Show the parameters and the result of a call in `help()`, and not those of its plan."""
    signature = inspect.signature(owner.ask)
    assert signature.return_annotation is AnalyticsAnswer
    assert list(signature.parameters)[:3] == ["self", "module", "kpis"]
    assert {"by", "scopes", "compare", "timeout_s"} <= set(signature.parameters)
    assert "arguments" not in signature.parameters
    assert inspect.signature(owner.jobs).return_annotation == Iterator[QuestionJob]
    assert (inspect.getdoc(owner.ask) or "").startswith("Ask a question")


def test_bound_methods_have_no_self() -> None:
    with Okube("http://okube.test") as okube:
        assert list(inspect.signature(okube.application("x").get_batch).parameters) == ["batch"]
