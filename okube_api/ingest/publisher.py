"""Publishes batches: makes their events count, and keeps facts and other data derived from events up to date."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial

import structlog

from okube_api.clock import Clock
from okube_api.errors import NotFound, RequestConflict
from okube_api.ingest.batches import Batches, State
from okube_api.ingest.leases import ApplicationLeases
from okube_api.ingest.raw.reader import read_live_batches
from okube_api.ingest.refresh.context import load_context
from okube_api.ingest.refresh.documents import DerivedDocuments
from okube_api.ingest.refresh.refresh import FactRefresh
from okube_api.ingest.refresh.steps import Batch
from okube_api.ingest.retry import commit_with_retry
from okube_api.kit.application import Application
from okube_api.kit.ids import new_id
from okube_api.store.protocol import Change, Store
from okube_api.store.values import Json

log = structlog.stdlib.get_logger("okube.ingest")


class Publisher:
    """Publishes batches, removes them, and rebuilds facts."""

    def __init__(
        self, store: Store, clock: Clock, batches: Batches, documents: DerivedDocuments, leases: ApplicationLeases
    ) -> None:
        self._store, self._clock, self._batches = store, clock, batches
        self._documents, self._leases = documents, leases
        self._background: set[asyncio.Task[list[Json]]] = set()

    async def publish(self, application: Application, batches: Sequence[Json]) -> list[Json]:
        """Make waiting batches visible and write their facts, all in one change; return the batches.

        Batches that are already visible are returned unchanged.
        """
        async with self._leases.hold(application.id):
            current = [await self._batches.get_batch(application.id, batch["_id"]) for batch in batches]
            waiting = [batch for batch in current if batch["state"] == State.WAITING]
            live = await self.read_live_kinds(application.id)
            # If a process stopped after the change and before the last step, its batches count but are still waiting.
            if new := [batch for batch in waiting if batch["number"] not in live]:
                await commit_with_retry(
                    self._store, application.id, f"{new[0]['_id']}:published", partial(self._add, application, new)
                )
            await self._documents.update(application.id, {batch["kind"] for batch in waiting})
            visible = {batch["_id"]: await self._set_visible(batch) for batch in waiting}
            return [visible.get(batch["_id"], batch) for batch in current]

    async def _add(self, application: Application, batches: Sequence[Json], change: Change) -> None:
        live = await read_live_batches(change)  # of this attempt: another process may have published them
        batches = [batch for batch in batches if batch["number"] not in live]
        refresh = FactRefresh(change, await load_context(self._store, application))
        counts = await refresh.add([Batch(batch["number"], batch["kind"]) for batch in batches])
        for batch in batches:
            of_batch = counts[batch["number"]]
            duplicate = batch["stored"] - of_batch.accepted
            await self._batches.update(batch, {**asdict(of_batch), "duplicate": duplicate})

    async def _set_visible(self, batch: Json) -> Json:
        stored = await self._batches.get_batch(batch["application"], batch["_id"])
        return await self._batches.update(stored, {"state": State.VISIBLE})

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
            refresh = FactRefresh(change, await load_context(self._store, application))
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
            await FactRefresh(change, await load_context(self._store, application)).rebuild(kinds)

        async with self._leases.hold(application.id):
            kinds = await find_kinds()
            if not kinds:
                return
            name = f"rebuilt:{new_id(self._clock())}"
            await commit_with_retry(self._store, application.id, name, rebuild_facts)
            await self._documents.update(application.id, set(kinds))
