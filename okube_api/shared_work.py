"""Does work once for all callers that want its result at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Work(Generic[T]):
    task: "asyncio.Task[T]"
    callers: int = 0


class SharedWork(Generic[T]):
    """The work that is being done, by key."""

    def __init__(self) -> None:
        self._works: dict[Hashable, _Work[T]] = {}

    async def get(self, key: Hashable, start: Callable[[], Awaitable[T]]) -> T:
        """Return the result of the work with this key, which `start` begins unless it is being done.

        All callers get the same result or error.  The work is cancelled when its last caller is.
        """
        work = self._works.get(key)
        if work is None:
            work = self._works[key] = _Work(asyncio.create_task(_await(start)))
            work.task.add_done_callback(lambda _: self._end(key, work))
        work.callers += 1
        try:
            return await asyncio.shield(work.task)
        except asyncio.CancelledError:
            if work.callers == 1 and not work.task.done():
                self._end(key, work)  # a caller that comes now begins anew
                work.task.cancel()
                await asyncio.wait([work.task])
            raise
        finally:
            work.callers -= 1

    def _end(self, key: Hashable, work: "_Work[T]") -> None:
        if work.task.done() and not work.task.cancelled():
            work.task.exception()  # else asyncio logs an error that no caller was left to get
        if self._works.get(key) is work:
            del self._works[key]


async def _await(start: Callable[[], Awaitable[T]]) -> T:
    return await start()
