"""Publishes batches: makes their events count, and keeps facts and other data derived from events up to date."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict
from datetime import datetime
from functools import partial
from typing import TypeVar

import structlog

from okube_api.clock import Clock
from okube_api.errors import NotFound, RequestConflict
from okube_api.ingest.batches import BATCHES, Batches, State
from okube_api.ingest.derive.rollup_changes import RollupMismatch
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.leases import ApplicationLeases
from okube_api.ingest.load.loader import SmallFile
from okube_api.ingest.raw.live_batches import LiveBatches
from okube_api.ingest.raw.reader import read_live_batches
from okube_api.ingest.refresh.context import Batch, DerivationContexts
from okube_api.ingest.refresh.documents import DerivedDocuments
from okube_api.ingest.refresh.refresh import BatchCounts, FactRefresh
from okube_api.ingest.request_queue import Request, RequestQueue
from okube_api.ingest.retry import commit_with_retry
from okube_api.kit.application import Application
from okube_api.kit.ids import new_id
from okube_api.metrics import PUBLISH_SECONDS, VISIBLE_SECONDS, count_batch
from okube_api.store.protocol import Change, Store
from okube_api.store.values import Json

T = TypeVar("T")

log = structlog.stdlib.get_logger("okube.ingest")


_MAX_EVENTS = 100_000  # of a change that is made as one blocking call
_MOST_WAITING, _MOST_WAITING_FILES = 1_000_000, 10_000
"""While more events or files of an application wait to be published, small files are not stored."""


def _describe_counts(batch: Json, counts: BatchCounts) -> Json:
    """Return the fields of a batch that say what became of its events."""
    return {**asdict(counts), "duplicate": batch["stored"] - counts.accepted}


class Publisher:
    """Publishes batches, removes them, and rebuilds facts."""

    def __init__(
        self, store: Store, clock: Clock, batches: Batches, documents: DerivedDocuments, leases: ApplicationLeases
    ) -> None:
        self._store, self._clock, self._batches = store, clock, batches
        self._documents, self._leases = documents, leases
        self._contexts, self._live = DerivationContexts(store), LiveBatches(store)
        self._background: set[asyncio.Task[list[Json]]] = set()
        self._publications = RequestQueue(leases.hold, self._publish_group)
        self._additions = RequestQueue(lambda _: nullcontext(), self._store_group)

    async def publish(self, application: Application, batches: Sequence[Json]) -> list[Json]:
        """Make waiting batches visible and write their facts; return the batches.

        Batches that are already visible are returned unchanged.  Requests that come while others are published share
        the next change.
        Raise NotFound when a batch was deleted.
        """
        return await self._publications.add(application, Request(batches))

    async def add(self, application: Application, file: SmallFile) -> Json:
        """Store the events of a small file and make them visible, in one change with other requests; return its batch.

        After an error it is not certain that nothing was stored: `Ingest.resume` completes or interrupts the batch.
        """
        return (await self._publications.add(application, Request((), file)))[0]

    async def store(self, application: Application, file: SmallFile) -> Json:
        """Store the events of a small file, in one change with others, and return its batch, which waits.

        It is published in the background.  Only for stores with transactions.
        After an error it is not certain that nothing was stored.
        """
        return (await self._additions.add(application, Request((), file)))[0]

    async def _store_group(self, application: Application, group: Sequence[Request]) -> None:
        """Store the files of requests in one change, set the results, and begin to publish the batches."""
        files = [request.file for request in group if request.file is not None]
        if not files:
            return
        await self._publications.wait_for_room(application.id, _MOST_WAITING, _MOST_WAITING_FILES)
        await self._batches.assign_numbers([file.batch for file in files])
        batches = [file.batch | {"state": State.WAITING} for file in files]

        async def append(change: Change) -> None:
            for file in files:
                await change.append(KINDS[file.batch["kind"]].table, file.batch["number"], file.rows)
            await change.insert_documents(BATCHES, batches)

        try:
            await commit_with_retry(
                self._store, application.id, f"{batches[0]['_id']}:stored", append, only_appends=True
            )
        except BaseException:
            await self._drop_rejected(files)
            raise
        for request, batch in zip(group, batches, strict=True):
            request.succeed([batch])
            self.publish_in_background(application, batch)

    async def _publish_group(self, application: Application, group: Sequence[Request]) -> None:
        """Carry out requests in one change, and set their results."""
        if files := [request.file for request in group if request.file is not None]:
            of_files = [file.batch for file in files]
            if self._store.has_transactions:
                await self._batches.assign_numbers(of_files)  # they are inserted with their events
            else:
                await self._batches.insert_numbered(of_files)
        stored = await self._batches.find_stored(
            application.id, [batch for request in group for batch in request.batches]
        )
        for request in group:
            if missing := [batch["_id"] for batch in request.batches if batch["_id"] not in stored]:
                request.fail(NotFound("batch", missing[0]))
        waiting = [batch for batch in stored.values() if batch["state"] == State.WAITING]
        visible = {batch["_id"]: batch for batch in await self._publish_waiting(application, waiting, files)}
        for request in group:
            batches = request.batches if request.file is None else [request.file.batch]
            request.succeed([visible.get(batch["_id"]) or stored.get(batch["_id"], batch) for batch in batches])

    async def _publish_waiting(
        self, application: Application, waiting: Sequence[Json], files: Sequence[SmallFile]
    ) -> list[Json]:
        """Publish waiting batches and the events of files in one change, and return their batches."""
        if not waiting and not files:
            return []
        started_s = time.monotonic()
        live: Mapping[int, str] = {}
        if waiting:
            async with self._store.open_reader(application.id) as view:
                live = await self._live.read(application.id, view)
        # If a process stopped after the change and before the last step, its batches count but are still waiting.
        stored = {batch["_id"]: batch for batch in (*waiting, *(file.batch for file in files))}
        if new := [batch for batch in stored.values() if batch["number"] not in live]:
            name = f"{new[0]['_id']}:published"
            add = partial(self._add, application, new, files)
            try:
                counted = await self._commit(application, name, add)
            except BaseException:
                await self._drop_rejected(files)
                raise
            stored |= {batch["_id"]: batch for batch in counted}
            await self._live.add(application.id, {batch["number"]: batch["kind"] for batch in counted})
        await self._documents.update(application.id, {batch["kind"] for batch in stored.values()})
        published = {key: batch for key, batch in stored.items() if batch["state"] == State.VISIBLE}
        if others := [batch for key, batch in stored.items() if key not in published]:
            visible = {batch["_id"]: {"state": State.VISIBLE} for batch in others}
            published |= {batch["_id"]: batch for batch in await self._batches.update_all(others, visible)}
        PUBLISH_SECONDS.observe(time.monotonic() - started_s)
        self._count_published(published.values())
        return list(published.values())

    async def _drop_rejected(self, files: Sequence[SmallFile]) -> None:
        """Delete the rejected lines of files whose batches were not inserted, because their change failed."""
        for file in files if self._store.has_transactions else ():
            if file.batch["rejected"]:
                with suppress(Exception):  # the first error is the one to report
                    await asyncio.shield(self._batches.delete_rejected(file.batch))

    def _count_published(self, batches: Iterable[Json]) -> None:
        now = self._clock()
        for batch in batches:
            counts = {name: batch[name] for name in ("accepted", "duplicate", "rejected")}
            count_batch(batch["kind"], batch["state"], **counts)
            VISIBLE_SECONDS.observe(max(0.0, (now - datetime.fromisoformat(batch["createdAt"])).total_seconds()))

    async def _commit(self, application: Application, name: str, work: Callable[[Change, bool], Awaitable[T]]) -> T:
        """Commit a change of facts.

        work: also gets whether slices of users may be refreshed.  They may not where rollups are not complete, such as
        those that a new version has added, until these are rebuilt; then whole days are refreshed.
        """
        try:
            return await commit_with_retry(self._store, application.id, name, lambda change: work(change, True))
        except RollupMismatch as error:
            log.warning("ingest.whole_days_refreshed", application=application.id, reason=str(error))
            return await commit_with_retry(self._store, application.id, name, lambda change: work(change, False))

    async def _add(
        self,
        application: Application,
        batches: Sequence[Json],
        files: Sequence[SmallFile],
        change: Change,
        allows_slices: bool,
    ) -> list[Json]:
        """Make batches count in a change, and return them with their counts, which are stored before its commit.

        Where the change can, it inserts the batches of files itself, which are visible with its commit.
        """
        context = await self._contexts.load(application)

        async def write(own: Change) -> dict[int, BatchCounts]:
            live = await self._live.read(application.id, own)  # of this attempt: another process may have added some
            for file in files:
                if file.rows.num_rows and file.batch["number"] not in live:
                    await own.append(KINDS[file.batch["kind"]].table, file.batch["number"], file.rows)
            rows = {file.batch["number"]: file.rows for file in files}
            new = [
                Batch(batch["number"], batch["kind"], rows.get(batch["number"]))
                for batch in batches
                if batch["number"] not in live
            ]
            return await FactRefresh(own, context, allows_slices=allows_slices).add(new, live)

        is_small = sum(batch["stored"] for batch in batches) <= _MAX_EVENTS
        counts = await (change.run_apart(write) if is_small else write(change))
        counted = [batch for batch in batches if batch["number"] in counts]
        fields = {batch["_id"]: _describe_counts(batch, counts[batch["number"]]) for batch in counted}
        if not self._store.has_transactions:
            return await self._batches.update_all(counted, fields)
        sent = {file.batch["_id"] for file in files}
        new = [batch | fields[batch["_id"]] | {"state": State.VISIBLE} for batch in counted if batch["_id"] in sent]
        if new:
            await change.insert_documents(BATCHES, new)
        stored = [batch for batch in counted if batch["_id"] not in sent]
        return [*new, *(await self._batches.update_all(stored, fields) if stored else ())]

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
        """Cancel publishing."""
        await self._additions.close()
        for task in self._background:
            task.cancel()
        await asyncio.gather(*self._background, return_exceptions=True)
        await self._publications.close()

    async def read_live_kinds(self, application: str) -> dict[int, str]:
        """Return the kind of events of each batch that counts, by batch number."""
        async with self._store.open_reader(application) as view:
            return await read_live_batches(view)

    async def remove(self, application: Application, batch: Json) -> None:
        """Remove a batch, its events and the facts derived from them.

        Raise RequestConflict while its file is still being read, NotFound when it was removed meanwhile.
        """

        async def remove_events(change: Change, allows_slices: bool) -> None:
            context = await self._contexts.load(application)
            refresh = FactRefresh(change, context, allows_slices=allows_slices)
            await refresh.remove([Batch(batch["number"], batch["kind"])])

        async with self._leases.hold(application.id):
            current = await self._batches.get_batch(application.id, batch["_id"])
            if current["state"] == State.RECEIVING:
                raise RequestConflict("The batch is still being received. Try again when its state has changed.")
            removing = await self._batches.update(current, {"state": State.REMOVING})
            await self._commit(application, f"{batch['_id']}:removed", remove_events)
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
