"""Publishes batches: makes their events count, and keeps facts and other data derived from events up to date."""

import asyncio
from collections import defaultdict
from collections.abc import Collection, Sequence
from functools import partial

import structlog

from okube_api.clock import Clock
from okube_api.errors import RequestConflict
from okube_api.ingest.batches import Batches, State
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

ApplicationLocks = defaultdict[str, asyncio.Lock]
"""One lock per application, so that only one task of the process changes its facts at a time."""

log = structlog.stdlib.get_logger("okube.ingest")


class Publisher:
    """Publishes batches, removes them, and rebuilds facts."""

    def __init__(
        self, store: Store, clock: Clock, batches: Batches, documents: DerivedDocuments, locks: ApplicationLocks
    ) -> None:
        self._store, self._clock, self._batches, self._documents, self._locks = store, clock, batches, documents, locks
        self._background: set[asyncio.Task[list[Json]]] = set()

    async def publish(self, application: Application, batches: Sequence[Json]) -> list[Json]:
        """Make waiting batches visible and write their facts, all in one change; return the batches.

        Batches that are already visible are returned unchanged.
        """
        async with self._locks[application.id]:
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
        refresh = FactRefresh(change, await load_context(self._store, application))
        accepted = await refresh.add([Batch(batch["number"], batch["kind"]) for batch in batches])
        for batch in batches:
            count = accepted[batch["number"]]
            await self._batches.update(batch, {"accepted": count, "duplicate": batch["stored"] - count})

    async def _set_visible(self, batch: Json) -> Json:
        stored = await self._batches.get_batch(batch["application"], batch["_id"])
        return await self._batches.update(stored, {"state": State.VISIBLE})

    def publish_in_background(self, application: Application, batch: Json) -> None:
        """Start publishing a batch; if that fails, the batch stays waiting until a process starts and resumes it."""
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

        Raise RequestConflict while its file is still being read.
        """
        if batch["state"] == State.RECEIVING:
            raise RequestConflict("The batch is still being received. Try again when its state has changed.")

        async def remove_events(change: Change) -> None:
            refresh = FactRefresh(change, await load_context(self._store, application))
            await refresh.remove([Batch(batch["number"], batch["kind"])])

        async with self._locks[application.id]:
            removing = await self._batches.update(batch, {"state": State.REMOVING})
            await commit_with_retry(self._store, application.id, f"{batch['_id']}:removed", remove_events)
            await self._documents.update(application.id, {batch["kind"]})
            await self._batches.delete(removing)

    async def rebuild(self, application: Application, kinds: Collection[str]) -> None:
        """Rebuild the facts of these kinds of events from the raw tables."""

        async def rebuild_facts(change: Change) -> None:
            await FactRefresh(change, await load_context(self._store, application)).rebuild(kinds)

        async with self._locks[application.id]:
            name = f"rebuilt:{new_id(self._clock())}"
            await commit_with_retry(self._store, application.id, name, rebuild_facts)
            await self._documents.update(application.id, set(kinds))
