"""Notices that the database does not answer, and ends the calls that wait for it.

Each operation has a time limit of its own, but a request makes many of them, and cleans up after a failure.  With the
watch, a request ends 2 to 3 s after the last answer of the database, whatever it is doing; later requests are refused
at once, until the database answers again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from pymongo.errors import PyMongoError

from okube_api.store.errors import StoreError, Unavailable
from okube_api.store.mongo.errors import time_limit

T = TypeVar("T")

SILENCE_S = 2.0
"""After this time without an answer, the database counts as down."""
_PING_S, _PING_INTERVAL_S, _TICK_S = 2.0, 0.25, 0.1
_LAST_PING_S = 0.3
_BATCH_DOCUMENTS = 1_000_000
"""As many documents as fit into a reply come at once.

The driver's default is 101 documents first; some servers begin again from the start for each further reply.
"""


@dataclass(eq=False, slots=True)
class _RunningCall:
    """A call that waits for the database.  cancellations: how often the watch has cancelled its task."""

    task: "asyncio.Task[Any]"
    cancellations: int = 0


class DatabaseWatch:
    """Runs calls of the database; while it is started, it ends them when the database is silent.

    ping: returns when the database answers.
    """

    def __init__(self, ping: Callable[[], Awaitable[object]]) -> None:
        self._ping = ping
        self._silence_s = 0.0
        self._calls: set[_RunningCall] = set()
        self._tasks: list[asyncio.Task[None]] = []
        self._ping_lock = asyncio.Lock()  # locked during a ping

    @property
    def is_down(self) -> bool:
        """Whether the database has not answered for too long."""
        return self._silence_s >= SILENCE_S

    def start(self) -> None:
        """Begin to watch; without effect when it was started before."""
        if not self._tasks:
            self._silence_s = 0.0
            self._tasks = [asyncio.create_task(work()) for work in (self._ping_repeatedly, self._measure_silence)]

    async def stop(self) -> None:
        """Stop watching; calls are then made whether the database answers or not."""
        if self._tasks:
            with suppress(TimeoutError):
                async with asyncio.timeout(_LAST_PING_S), self._ping_lock:
                    pass  # a ping that is cancelled may leave a socket open
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        self._silence_s = 0.0

    async def run(self, method: Callable[..., Awaitable[T]], *arguments: Any, **options: Any) -> T:
        """Call a method of the driver and return its result.  Raise Unavailable when the database is down."""
        if self.is_down:
            await asyncio.sleep(0)  # a caller that tries again at once must not keep the event loop from the pings
            raise _build_error()
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("A call needs a task that can be cancelled.")
        call, before = _RunningCall(task), task.cancelling()
        self._calls.add(call)
        try:
            return await method(*arguments, **options)
        except (asyncio.CancelledError, PyMongoError) as error:
            # The driver may turn a cancellation into an error of its own.
            is_ended_by_watch = call.cancellations > 0 and task.cancelling() - call.cancellations <= before
            if is_ended_by_watch:
                raise _build_error() from error
            raise
        finally:
            self._calls.discard(call)
            for _ in range(call.cancellations):
                task.uncancel()
            # Else the traceback of an error would keep the driver's sockets open until the next garbage collection.
            del call, task

    async def _ping_repeatedly(self) -> None:
        while True:
            with suppress(StoreError, PyMongoError):
                async with self._ping_lock:
                    with time_limit(_PING_S):
                        await self._ping()
                self._silence_s = 0.0
            await asyncio.sleep(_PING_INTERVAL_S)

    async def _measure_silence(self) -> None:
        """Measure the time since the last answer, and end the calls when it is too long.

        Time in which this process itself was stopped or busy does not count: an answer may have come meanwhile.
        """
        loop = asyncio.get_running_loop()
        ticked_s = loop.time()
        while True:
            await asyncio.sleep(_TICK_S)
            now_s = loop.time()
            self._silence_s += min(now_s - ticked_s, 2 * _TICK_S)
            ticked_s = now_s
            if self.is_down:
                for call in list(self._calls):  # again at each tick: the driver may have tried again after the first
                    call.cancellations += 1
                    call.task.cancel()


def _build_error() -> Unavailable:
    return Unavailable(f"The database has not answered for {SILENCE_S:.0f} s.")


class WatchedDatabase:
    """A database of the driver whose calls are run by a watch.

    It has the methods of the driver that the store uses.
    """

    def __init__(self, database: Any, watch: DatabaseWatch) -> None:
        self._database, self._watch = database, watch
        self.name: str = database.name

    def __getitem__(self, name: str) -> "WatchedCollection":
        """Return a collection."""
        return WatchedCollection(self._database[name], self._watch)

    async def command(self, name: str) -> Any:
        """Run a command."""
        return await self._watch.run(self._database.command, name)

    async def list_collection_names(self) -> list[str]:
        """Return the names of all collections."""
        return await self._watch.run(self._database.list_collection_names)


class WatchedCollection:
    """A collection of the driver whose calls are run by a watch."""

    def __init__(self, collection: Any, watch: DatabaseWatch) -> None:
        self._collection, self._watch = collection, watch

    def find(self, *arguments: Any, **options: Any) -> "WatchedCursor":
        """Return a cursor, which sends nothing before it is read."""
        batch_size = options.pop("batch_size", _BATCH_DOCUMENTS)
        return WatchedCursor(self._collection.find(*arguments, batch_size=batch_size, **options), self._watch)

    async def aggregate(self, pipeline: list[Any]) -> "WatchedCursor":
        """Run a pipeline and return the cursor of its results."""
        cursor = await self._watch.run(self._collection.aggregate, pipeline, batchSize=_BATCH_DOCUMENTS)
        return WatchedCursor(cursor, self._watch)

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        """Return any other method: each is a coroutine that returns a result, not a cursor."""
        method = getattr(self._collection, name)

        async def call(*arguments: Any, **options: Any) -> Any:
            return await self._watch.run(method, *arguments, **options)

        return call


class WatchedCursor:
    """A cursor of the driver whose calls are run by a watch."""

    def __init__(self, cursor: Any, watch: DatabaseWatch) -> None:
        self._cursor, self._watch = cursor, watch

    async def to_list(self, length: int | None = None) -> list[Any]:
        """Return the next documents, at most `length`."""
        return await self._watch.run(self._cursor.to_list, length)

    async def close(self) -> None:
        """Close the cursor on the server, if the server answers."""
        with suppress(Unavailable):
            await self._watch.run(self._cursor.close)
