"""Publishes batches: makes their events count, and keeps facts and other data derived from events up to date."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial

import structlog

from okube_api.clock import Clock
from okube_api.errors import NotFound, RequestConflict
from okube_api.ingest.batches import Batches, State
from okube_api.ingest.leases import ApplicationLeases
from okube_api.ingest.raw.reader import read_live_batches
from okube_api.ingest.refresh.context import DerivationContexts
from okube_api.ingest.refresh.documents import DerivedDocuments
from okube_api.ingest.refresh.refresh import FactRefresh
from okube_api.ingest.refresh.steps import Batch
from okube_api.ingest.retry import commit_with_retry
from okube_api.kit.application import Application
from okube_api.kit.ids import new_id
from okube_api.store.protocol import Change, Store
from okube_api.store.values import Json

log = structlog.stdlib.get_logger("okube.ingest")


_MAX_EVENTS = 100_000  # of the requests that share a change


@dataclass(eq=False)
class _Request:
    """A request to publish batches.

    current: the batches as stored.  published: the batches after they are visible.
    """

    batches: Sequence[Json]
    current: Sequence[Json] = ()
    published: list[Json] | None = None
    error: Exception | None = None


def _take_first(waiting: deque[_Request], own: _Request) -> list[_Request]:
    """Remove from the queue and return a request, and then others from the front, up to `_MAX_EVENTS` events."""
    waiting.remove(own)
    requests, count = [own], _count_events(own)
    while waiting and count + _count_events(waiting[0]) <= _MAX_EVENTS:
        requests.append(waiting.popleft())
        count += _count_events(requests[-1])
    return requests


def _count_events(request: _Request) -> int:
    return sum(batch.get("stored", 0) for batch in request.batches)


class Publisher:
    """Publishes batches, removes them, and rebuilds facts."""

    def __init__(
        self, store: Store, clock: Clock, batches: Batches, documents: DerivedDocuments, leases: ApplicationLeases
    ) -> None:
        self._store, self._clock, self._batches = store, clock, batches
        self._documents, self._leases = documents, leases
        self._contexts = DerivationContexts(store)
        self._background: set[asyncio.Task[list[Json]]] = set()
        self._requests: defaultdict[str, deque[_Request]] = defaultdict(deque)  # by application

    async def publish(self, application: Application, batches: Sequence[Json]) -> list[Json]:
        """Make waiting batches visible and write their facts, all in one change; return the batches.

        Batches that are already visible are returned unchanged.  Requests that come while another one is published wait
        for it, and then share one change.
        Raise NotFound when a batch was deleted.
        """
        request = _Request(batches)
        waiting = self._requests[application.id]
        waiting.append(request)
        try:
            async with self._leases.hold(application.id):
                if request.published is None and request.error is None:
                    await self._publish_requests(application, _take_first(waiting, request))
        finally:
            if request in waiting:
                waiting.remove(request)
        if request.error is not None:
            raise request.error
        assert request.published is not None, "by this request, or by the one before it"
        return request.published

    async def _publish_requests(self, application: Application, requests: Sequence["_Request"]) -> None:
        """Publish the batches of requests in one change; the first request is the caller's own."""
        try:
            for request in requests:
                try:
                    request.current = await self._batches.get_batches(application.id, request.batches)
                except NotFound as error:
                    request.error = error
            current = {batch["_id"]: batch for request in requests for batch in request.current}
            waiting = [batch for batch in current.values() if batch["state"] == State.WAITING]
            visible = {batch["_id"]: batch for batch in await self._publish_waiting(application, waiting)}
        except Exception as error:
            for request in requests[1:]:
                request.error = request.error or error
            raise
        except BaseException:  # the task of the first request is cancelled: the others are published by their own
            self._requests[application.id].extendleft(reversed(requests[1:]))
            raise
        for request in requests:
            if request.error is None:
                request.published = [visible.get(batch["_id"], batch) for batch in request.current]

    async def _publish_waiting(self, application: Application, waiting: Sequence[Json]) -> list[Json]:
        """Publish waiting batches in one change, and return them."""
        if not waiting:
            return []
        live = await self.read_live_kinds(application.id)
        # If a process stopped after the change and before the last step, its batches count but are still waiting.
        stored = {batch["_id"]: batch for batch in waiting}
        if new := [batch for batch in waiting if batch["number"] not in live]:
            name = f"{new[0]['_id']}:published"
            counted = await commit_with_retry(self._store, application.id, name, partial(self._add, application, new))
            stored |= {batch["_id"]: batch for batch in counted}
        await self._documents.update(application.id, {batch["kind"] for batch in waiting})
        visible = {"state": State.VISIBLE}
        return await self._batches.update_all(list(stored.values()), dict.fromkeys(stored, visible))

    async def _add(self, application: Application, batches: Sequence[Json], change: Change) -> list[Json]:
        """Make batches count in a change, and return them with their counts, which are stored before its commit."""
        live = await read_live_batches(change)  # of this attempt: another process may have published them
        batches = [batch for batch in batches if batch["number"] not in live]
        refresh = FactRefresh(change, await self._contexts.load(application))
        counts = await refresh.add([Batch(batch["number"], batch["kind"]) for batch in batches])
        fields = {
            batch["_id"]: {
                **asdict(counts[batch["number"]]),
                "duplicate": batch["stored"] - counts[batch["number"]].accepted,
            }
            for batch in batches
        }
        return await self._batches.update_all(batches, fields)

    def publish_in_background(self, application: Application, batch: Json) -> None:
        """Start publishing a batch; if that fails, the batch stays waiting until a process resumes it."""
        task = asyncio.create_task(self.publish(application, [batch]))
        self._background.add(task)
        task.add_done_callback(self._log_failure)

    def _log_failure(self, task: "asyncio.Task[list[Json]]") -> None:
        self._background.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("ingest.publishing_failed", error=repr(error))

    async def close(self) -> None:
        """Cancel publishing in the background."""
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)

    async def read_live_kinds(self, application: str) -> dict[int, str]:
        """Return the kind of events of each batch that counts, by batch number."""
        async with self._store.open_reader(application) as view:
            return await read_live_batches(view)

    async def remove(self, application: Application, batch: Json) -> None:
        """Remove a batch, its events and the facts derived from them.

        Raise RequestConflict while its file is still being read, NotFound when it was removed meanwhile.
        """

        async def remove_events(change: Change) -> None:
            refresh = FactRefresh(change, await self._contexts.load(application))
            await refresh.remove([Batch(batch["number"], batch["kind"])])

        async with self._leases.hold(application.id):
            current = await self._batches.get_batch(application.id, batch["_id"])
            if current["state"] == State.RECEIVING:
                raise RequestConflict("The batch is still being received. Try again when its state has changed.")
            removing = await self._batches.update(current, {"state": State.REMOVING})
            await commit_with_retry(self._store, application.id, f"{batch['_id']}:removed", remove_events)
            await self._documents.update(application.id, {batch["kind"]})
            await self._batches.delete(removing)

    async def finish(self, application: Application) -> None:
        """Publish the waiting batches of an application, and remove those whose removal was not completed."""
        for batch in await self._batches.find_in_states(State.REMOVING, application=application.id):
            with suppress(NotFound):  # another process has removed it
                await self.remove(application, batch)
        waiting = await self._batches.find_in_states(State.WAITING, application=application.id)
        with suppress(NotFound):  # one was removed meanwhile: the others are published the next time
            await self.publish(application, waiting)

    async def rebuild(self, application: Application, find_kinds: Callable[[], Awaitable[Collection[str]]]) -> None:
        """Rebuild the facts of some kinds of events from the raw tables.

        find_kinds: returns the kinds, once no other work on the application is running; nothing is done without any.
        """
        kinds: Collection[str] = ()

        async def rebuild_facts(change: Change) -> None:
            await FactRefresh(change, await self._contexts.load(application)).rebuild(kinds)

        async with self._leases.hold(application.id):
            kinds = await find_kinds()
            if not kinds:
                return
            name = f"rebuilt:{new_id(self._clock())}"
            await commit_with_retry(self._store, application.id, name, rebuild_facts)
            await self._documents.update(application.id, set(kinds))
