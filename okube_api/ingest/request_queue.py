"""Queues of requests for applications, which are carried out in groups."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from contextvars import Context
from dataclasses import dataclass, field

from okube_api.ingest.load.loader import SmallFile
from okube_api.kit.application import Application
from okube_api.store.values import Json

_MAX_EVENTS = 100_000  # of a group


@dataclass(eq=False)
class Request:
    """A request about stored batches, or about a small file that is to be stored.

    result: the batches when the request is carried out.
    """

    batches: Sequence[Json]
    file: SmallFile | None = None
    result: "asyncio.Future[list[Json]]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def event_count(self) -> int:
        """The number of events."""
        of_file: int = 0 if self.file is None else self.file.rows.num_rows
        return of_file + sum(int(batch.get("stored", 0)) for batch in self.batches)

    def succeed(self, batches: list[Json]) -> None:
        """Set the result, unless nobody waits for it or it is an error."""
        if not self.result.done():
            self.result.set_result(batches)

    def fail(self, error: Exception) -> None:
        """Set an error as the result."""
        if not self.result.done():
            self.result.set_exception(error)


class RequestQueue:
    """The requests that wait, by application: those that come while others are carried out are the next group."""

    def __init__(
        self,
        hold: Callable[[str], AbstractAsyncContextManager[object]],
        carry_out: Callable[[Application, Sequence[Request]], Awaitable[None]],
    ) -> None:
        """Set up a queue.

        hold: returns what a group of an application is carried out in; requests that come before it is entered belong
        to the group.
        carry_out: sets the results of the requests of a group; an error of either becomes the result of all.
        """
        self._hold, self._carry_out = hold, carry_out
        self._waiting: defaultdict[str, deque[Request]] = defaultdict(deque)  # by application
        self._workers: dict[str, asyncio.Task[None]] = {}  # by application
        self._taken = asyncio.Condition()  # notified when requests begin to be carried out

    async def add(self, application: Application, request: Request) -> list[Json]:
        """Wait until a request is carried out, and return its batches.  A request is dropped if it does not wait."""
        self._waiting[application.id].append(request)
        if application.id not in self._workers:
            # In a context of its own: it serves the requests of others, too, and none of them may cancel it.
            work = self._serve(application)
            self._workers[application.id] = asyncio.create_task(work, context=Context())
        return await request.result

    async def wait_for_room(self, application: str, most_events: int, most_requests: int) -> None:
        """Wait until at most so many requests for an application wait, with at most so many events together."""

        def has_room() -> bool:
            waiting = self._waiting.get(application, ())
            return len(waiting) <= most_requests and sum(request.event_count for request in waiting) <= most_events

        async with self._taken:
            await self._taken.wait_for(has_room)

    async def close(self) -> None:
        """Cancel all work."""
        tasks = [*self._workers.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for requests in self._waiting.values():  # those of workers that had not begun
            for request in requests:
                request.result.cancel()

    async def _serve(self, application: Application) -> None:
        """Carry out the requests for an application until there are none left."""
        requests = self._waiting[application.id]
        group: list[Request] = []
        try:
            while requests:
                group = []
                try:
                    async with self._hold(application.id):
                        group = _take_group(requests)
                        async with self._taken:
                            self._taken.notify_all()
                        await self._carry_out(application, group)
                except Exception as error:
                    for request in group or _take_group(requests):
                        request.fail(error)
        finally:
            del self._workers[application.id], self._waiting[application.id]
            for request in (*group, *requests):  # without a result if this task was cancelled: the process ends
                request.result.cancel()


def _take_group(requests: deque[Request]) -> list[Request]:
    """Remove requests from the front of the queue and return them: at least one, and up to `_MAX_EVENTS` events."""
    group: list[Request] = []
    count = 0
    while requests and (not group or count + requests[0].event_count <= _MAX_EVENTS):
        request = requests.popleft()
        if not request.result.cancelled():
            group.append(request)
            count += request.event_count
    return group
