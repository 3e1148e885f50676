"""Clients over a function that answers requests, blocking and asynchronous, which tests use alike."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Protocol

import httpx
from okube_api.client import AsyncOkube, Okube

Answer = Callable[[httpx.Request], httpx.Response]


class Caller(Protocol):
    """A client whose calls a test makes without knowing whether they block."""

    okube: Any
    pauses: list[float]

    def run(self, result: Any) -> Any:
        """Return the result of a call."""

    def list_items(self, items: Any) -> list[Any]:
        """Return the items of a list."""


class SyncTestCaller:
    """Calls `Okube`; pauses are recorded instead of waited."""

    def __init__(self, answer: Answer, **options: Any) -> None:
        self.pauses: list[float] = []
        self.okube = Okube("http://okube.test", transport=httpx.MockTransport(answer), **options)
        self.okube._transport._sleep = self.pauses.append

    def run(self, result: Any) -> Any:
        return result

    def list_items(self, items: Iterator[Any]) -> list[Any]:
        return list(items)


class AsyncTestCaller:
    """Calls `AsyncOkube`; pauses are recorded instead of waited."""

    def __init__(self, answer: Answer, **options: Any) -> None:
        self.pauses: list[float] = []
        self.okube = AsyncOkube("http://okube.test", transport=httpx.MockTransport(answer), **options)

        async def record(duration_s: float) -> None:
            self.pauses.append(duration_s)

        self.okube._transport._sleep = record

    def run(self, result: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run(result)

    def list_items(self, items: AsyncIterator[Any]) -> list[Any]:
        async def collect() -> list[Any]:
            return [item async for item in items]

        return asyncio.run(collect())


CALLERS: list[Callable[..., Caller]] = [SyncTestCaller, AsyncTestCaller]
