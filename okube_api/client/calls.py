"""Calls of the API as plans, which a blocking or an asynchronous transport carries out.

A plan is a generator: it yields HTTP calls and pauses, is sent the responses, and returns the result.  All logic is in
plans, written once; a transport only sends and waits.  `Operation` and `Listing` turn a method that returns a plan into
a method that returns its result, or an awaitable of it, after the transport of the object that the method belongs to.
"""

import asyncio
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, update_wrapper
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, Self, TypeVar, overload

import httpx

T = TypeVar("T")
P = ParamSpec("P")
_CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A request to send.  content: a path stands for the content of its file, which is streamed."""

    method: str
    path: str
    params: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | Path | None = None
    timeout_s: float | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """A time to wait."""

    duration_s: float


CallPlan = Generator[HttpCall | Pause, Any, T]
PagePlan = Callable[[int], CallPlan[tuple[list[T], bool]]]
"""Reads the page with a number, from 1; the plan returns its items, and whether there are more pages."""


class BlockingTransport:
    """Carries out plans with blocking calls."""

    def __init__(self, client: httpx.Client, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._sleep = sleep

    def run(self, plan: CallPlan[T]) -> T:
        """Carry out a plan and return its result."""
        resume: Callable[[], HttpCall | Pause] = partial(plan.send, None)
        while True:
            try:
                step = resume()
            except StopIteration as end:
                result: T = end.value
                return result
            try:
                response = self._perform(step)
            except httpx.TransportError as error:
                resume = partial(plan.throw, error)
            else:
                resume = partial(plan.send, response)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _perform(self, step: HttpCall | Pause) -> httpx.Response | None:
        if isinstance(step, Pause):
            self._sleep(step.duration_s)
            return None
        if isinstance(step.content, Path):
            with step.content.open("rb") as file:
                return self._client.request(content=file, **_list_arguments(step))
        return self._client.request(content=step.content, **_list_arguments(step))


class AsyncTransport:
    """Carries out plans on an event loop."""

    def __init__(
        self, client: httpx.AsyncClient, sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep
    ) -> None:
        self._client = client
        self._sleep = sleep

    async def run(self, plan: CallPlan[T]) -> T:
        """Carry out a plan and return its result."""
        resume: Callable[[], HttpCall | Pause] = partial(plan.send, None)
        while True:
            try:
                step = resume()
            except StopIteration as end:
                result: T = end.value
                return result
            try:
                response = await self._perform(step)
            except httpx.TransportError as error:
                resume = partial(plan.throw, error)
            else:
                resume = partial(plan.send, response)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _perform(self, step: HttpCall | Pause) -> httpx.Response | None:
        if isinstance(step, Pause):
            await self._sleep(step.duration_s)
            return None
        arguments = _list_arguments(step)
        content: bytes | AsyncIterable[bytes] | None
        if isinstance(step.content, Path):
            arguments["headers"] = {**step.headers, "Content-Length": str(step.content.stat().st_size)}
            content = _read_chunks(step.content)
        else:
            content = step.content
        return await self._client.request(content=content, **arguments)


def _list_arguments(call: HttpCall) -> dict[str, Any]:
    timeout = {} if call.timeout_s is None else {"timeout": httpx.Timeout(call.timeout_s, connect=10.0)}
    return {
        "method": call.method,
        "url": call.path,
        "params": dict(call.params),
        "headers": dict(call.headers),
        **timeout,
    }


async def _read_chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK_BYTES):
            yield chunk


class BlockingCaller:
    """Base of the classes whose methods block."""

    _transport: BlockingTransport


class AsyncCaller:
    """Base of the classes whose methods are awaited."""

    _transport: AsyncTransport


class Operation(Generic[P, T]):
    """A method that carries out a plan: it returns the result, or in asynchronous classes an awaitable of it."""

    def __init__(self, build_plan: Callable[Concatenate[Any, P], CallPlan[T]]) -> None:
        self._build_plan = build_plan
        update_wrapper(self, build_plan)  # type: ignore[arg-type] # for help() and documentation

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: BlockingCaller, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: AsyncCaller, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self

        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return instance._transport.run(self._build_plan(instance, *args, **kwargs))

        return update_wrapper(call, self._build_plan)


class Listing(Generic[P, T]):
    """A method that reads a list page by page: it returns an iterator, or in asynchronous classes one for `async for`.

    A page is read when its first item is requested.
    """

    def __init__(self, build_page_plan: Callable[Concatenate[Any, P], PagePlan[T]]) -> None:
        self._build_page_plan = build_page_plan
        update_wrapper(self, build_page_plan)  # type: ignore[arg-type]

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: BlockingCaller, owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, instance: AsyncCaller, owner: type) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        iterate = _iterate_async if isinstance(instance, AsyncCaller) else _iterate

        def call(*args: P.args, **kwargs: P.kwargs) -> Any:
            return iterate(instance._transport, self._build_page_plan(instance, *args, **kwargs))

        return update_wrapper(call, self._build_page_plan)


def _iterate(transport: BlockingTransport, plan_page: PagePlan[T]) -> Iterator[T]:
    number, has_more = 0, True
    while has_more:
        number += 1
        items, has_more = transport.run(plan_page(number))
        yield from items


async def _iterate_async(transport: AsyncTransport, plan_page: PagePlan[T]) -> AsyncIterator[T]:
    number, has_more = 0, True
    while has_more:
        number += 1
        items, has_more = await transport.run(plan_page(number))
        for item in items:
            yield item
