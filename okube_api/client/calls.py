"""Calls of the API as plans, which a blocking or an asynchronous transport carries out.

A plan is a generator: it yields steps, is sent what they result in, and returns the result.  All logic is in plans,
written once; a transport only sends and waits.  `Operation` and `Listing` turn a method that returns a plan into
a method that returns its result, or an awaitable of it, after the transport of the object that the method belongs to.
"""

import asyncio
import inspect
import threading
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, update_wrapper
from pathlib import Path
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, get_args, get_type_hints, overload

import httpx

T = TypeVar("T")
P = ParamSpec("P")
_CHUNK_BYTES = 2**20
_CONNECT_S = 10.0


@dataclass(frozen=True, slots=True)
class HttpCall:
    """A request to send.

    content: a path stands for the content of its file, which is streamed.
    timeout_s: the longest time without a byte of the server; None for that of the client.
    target: the file to which the body of a success is written, chunk by chunk; None to keep it in the response.
    """

    method: str
    path: str
    params: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | Path | None = None
    timeout_s: float | None = None
    target: Path | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """A time to wait."""

    duration_s: float


@dataclass(frozen=True, slots=True)
class FileWork:
    """Work on files, which is done in a thread where others must not wait for it."""

    perform: Callable[[], Any]


@dataclass(frozen=True, slots=True)
class ExclusivePlan:
    """A plan that is carried out for one caller at a time; others wait."""

    plan: Generator["CallStep", Any, Any]


CallStep = HttpCall | Pause | FileWork | ExclusivePlan
CallPlan = Generator[CallStep, Any, T]
PagePlan = Callable[[int], CallPlan[tuple[list[T], bool]]]
"""Reads the page with a number, from 1; the plan returns its items, and whether there are more pages."""


class BlockingTransport:
    """Carries out plans with blocking calls."""

    def __init__(self, client: httpx.Client, sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._sleep = sleep
        self._lock = threading.Lock()

    def run(self, plan: CallPlan[T]) -> T:
        """Carry out a plan and return its result.  Errors are raised where the plan yields, so that it can clean up."""
        resume: Callable[[], CallStep] = partial(plan.send, None)
        while True:
            try:
                step = resume()
            except StopIteration as end:
                result: T = end.value
                return result
            try:
                outcome = self._perform(step)
            except BaseException as error:
                resume = partial(plan.throw, error)
            else:
                resume = partial(plan.send, outcome)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _perform(self, step: CallStep) -> Any:
        match step:
            case Pause():
                return self._sleep(step.duration_s)
            case FileWork():
                return step.perform()
            case ExclusivePlan():
                with self._lock:
                    return self.run(step.plan)
            case HttpCall(content=Path() as path):
                with path.open("rb") as file:
                    return self._send(step, file)
            case _:
                return self._send(step, step.content)

    def _send(self, call: HttpCall, content: Any) -> httpx.Response:
        with self._client.stream(content=content, **_list_arguments(call)) as response:
            if call.target is None or not response.is_success:
                response.read()
            else:
                with call.target.open("wb") as file:
                    file.writelines(response.iter_bytes())
            return response


class AsyncTransport:
    """Carries out plans on an event loop."""

    def __init__(
        self, client: httpx.AsyncClient, sleep: Callable[[float], Coroutine[Any, Any, None]] = asyncio.sleep
    ) -> None:
        self._client = client
        self._sleep = sleep
        self._lock = asyncio.Lock()

    async def run(self, plan: CallPlan[T]) -> T:
        """Carry out a plan and return its result.  Errors are raised where the plan yields, so that it can clean up."""
        resume: Callable[[], CallStep] = partial(plan.send, None)
        while True:
            try:
                step = resume()
            except StopIteration as end:
                result: T = end.value
                return result
            try:
                outcome = await self._perform(step)
            except BaseException as error:
                resume = partial(plan.throw, error)
            else:
                resume = partial(plan.send, outcome)

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _perform(self, step: CallStep) -> Any:
        match step:
            case Pause():
                return await self._sleep(step.duration_s)
            case FileWork():
                return await asyncio.to_thread(step.perform)
            case ExclusivePlan():
                async with self._lock:
                    return await self.run(step.plan)
            case _:
                return await self._send(step)

    async def _send(self, call: HttpCall) -> httpx.Response:
        arguments = _list_arguments(call)
        content: bytes | AsyncIterable[bytes] | None
        if isinstance(call.content, Path):
            arguments["headers"]["Content-Length"] = str(call.content.stat().st_size)
            content = _read_chunks(call.content)
        else:
            content = call.content
        async with self._client.stream(content=content, **arguments) as response:
            if call.target is None or not response.is_success:
                await response.aread()
            else:
                with call.target.open("wb") as file:
                    async for chunk in response.aiter_bytes():
                        await asyncio.to_thread(file.write, chunk)
            return response


def _list_arguments(call: HttpCall) -> dict[str, Any]:
    timeout = {} if call.timeout_s is None else {"timeout": build_timeout(call.timeout_s)}
    return {
        "method": call.method,
        "url": call.path,
        "params": dict(call.params),
        "headers": dict(call.headers),
        **timeout,
    }


def build_timeout(silence_s: float) -> httpx.Timeout:
    """Return the timeouts of a request that may wait so long for each byte."""
    return httpx.Timeout(silence_s, connect=min(silence_s, _CONNECT_S))


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
        def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any:
            return self._transport.run(build_plan(self, *args, **kwargs))

        self._call = _describe_call(call, build_plan, lambda plan: get_args(plan)[2])

    @overload
    def __get__(self, instance: None, owner: type) -> Callable[..., Any]: ...
    @overload
    def __get__(self, instance: BlockingCaller, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: AsyncCaller, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        return self._call.__get__(instance, owner)


class Listing(Generic[P, T]):
    """A method that reads a list page by page: it returns an iterator, or in asynchronous classes one for `async for`.

    A page is read when its first item is requested.
    """

    def __init__(self, build_page_plan: Callable[Concatenate[Any, P], PagePlan[T]]) -> None:
        def call(self: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any:
            iterate = _iterate_async if isinstance(self, AsyncCaller) else _iterate
            return iterate(self._transport, build_page_plan(self, *args, **kwargs))

        self._call = _describe_call(call, build_page_plan, _find_iterator)

    @overload
    def __get__(self, instance: None, owner: type) -> Callable[..., Any]: ...
    @overload
    def __get__(self, instance: BlockingCaller, owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, instance: AsyncCaller, owner: type) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        return self._call.__get__(instance, owner)


def _describe_call(
    call: Callable[..., Any], described: Callable[..., Any], find_result: Callable[[Any], Any]
) -> Callable[..., Any]:
    """Return a function with the name, the docstring and the parameters of another, for `help()` and completion.

    Keyword arguments that a TypedDict describes become parameters.
    find_result: returns the type of the result for the annotation of a plan.
    """
    update_wrapper(call, described)
    signature = inspect.signature(described)
    parameters: list[inspect.Parameter] = []
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD and (fields := get_args(parameter.annotation)):
            parameters += [
                inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=..., annotation=annotation)
                for name, annotation in get_type_hints(fields[0]).items()
            ]
        else:
            parameters.append(parameter)
    call.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=parameters, return_annotation=find_result(signature.return_annotation)
    )
    return call


def _find_iterator(page_plan: Any) -> Any:
    """Return the type of an iterator over the items of pages."""
    items, _has_more = get_args(get_args(get_args(page_plan)[1])[2])
    return Iterator[get_args(items)[0]]  # type: ignore[misc] # a type at run time


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
