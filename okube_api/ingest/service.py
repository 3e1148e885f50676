"""Facade of the ingest, for routes, command line, demo and benchmarks.

A file is first loaded: its events are stored as a batch, and do not count yet.  Then the batch is published: one change
makes its events count and writes the facts derived from them.  If a process stops in between, the batch stays in state
`waiting` until a process resumes it, which every server does at intervals.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import suppress
from pathlib import Path

import structlog

from okube_api.applications.repository import APPLICATIONS
from okube_api.clock import Clock, utc_now
from okube_api.errors import Impossible, NotFound
from okube_api.ingest.batches import Batches, State
from okube_api.ingest.columns.allocator import limit_arenas
from okube_api.ingest.encryption import DecryptionError, LineCipher
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.leases import ApplicationLeases
from okube_api.ingest.load.dry_run import EventTrial
from okube_api.ingest.load.event_writer import MAX_REJECTED_LINES, OnProgress
from okube_api.ingest.load.file_blocks import EventFile, open_event_file
from okube_api.ingest.load.loader import Loader
from okube_api.ingest.parse.read_options import DEFAULT_OPTIONS, ReadOptions
from okube_api.ingest.publisher import Publisher
from okube_api.ingest.refresh.documents import DerivedDocuments
from okube_api.ingest.retention import Retention
from okube_api.ingest.retry import stop_changes
from okube_api.kit.application import Application
from okube_api.store.conditions import equal
from okube_api.store.protocol import Store
from okube_api.store.values import Json

Kinds = Collection[str]

log = structlog.stdlib.get_logger("okube.ingest")


class Ingest:
    """Loads files of events, publishes and removes batches, deletes expired events and erases people."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        secret: bytes,
        *,
        memory_limit: str = "256MB",
        threads: int = 2,
        keep_days: int | None = None,
        most_rejected: int = MAX_REJECTED_LINES,
        process_memory_mb: int = 2048,
    ) -> None:
        """Set up the ingest of a store.

        memory_limit, threads: limits of the DuckDB database in memory that hashes ids; the store's own come on top.
        keep_days: the retention period in days; None keeps events for ever.
        most_rejected: number of rejected lines that are stored per file; further ones are only counted.
        process_memory_mb: the bound of the memory of the process, within which files are loaded at the same time.
        """
        limit_arenas()
        self.store, self.clock = store, clock
        self.batches = Batches(store, clock)
        self._cipher = LineCipher(secret)
        documents = DerivedDocuments(store, clock)
        # In real time, also where `clock` stands still or jumps: a lease must outlive neither its process nor its work.
        self._leases = ApplicationLeases(store, utc_now, is_shared=not store.is_exclusive)
        self._finishing: dict[str, asyncio.Task[None]] = {}  # by application
        self._publisher = Publisher(store, clock, self.batches, documents, self._leases)
        self._retention = Retention(
            store,
            clock,
            secret,
            batches=self.batches,
            cipher=self._cipher,
            documents=documents,
            leases=self._leases,
            keep_days=keep_days,
        )
        self._loader = Loader(
            store,
            clock,
            secret,
            batches=self.batches,
            cipher=self._cipher,
            first_kept_day=self._retention.first_kept_day,
            memory_limit=memory_limit,
            threads=threads,
            most_rejected=most_rejected,
            process_memory_mb=process_memory_mb,
        )

    # -- load and publish

    async def ingest(
        self,
        application: Application,
        kind: str,
        file: EventFile,
        *,
        atomic: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Json:
        """Load a file and publish it; return the batch.  Raise the errors of `load`.

        A small file is loaded and published in one change, together with others that come at the same time.
        """
        if file.is_small and await self.batches.find_created() is None:
            small = await self._loader.read_small(application, kind, file, atomic=atomic)
            return await self._publisher.add(application, small)
        batch = await self.load(application, kind, file, atomic=atomic, on_progress=on_progress)
        return (await self.publish(application, [batch]))[0]

    async def accept(self, application: Application, kind: str, file: EventFile, *, atomic: bool = False) -> Json:
        """Load a file and begin to publish it; return the batch, which waits unless no event was stored.

        Small files that come at the same time are stored in one change.  Raise the errors of `load`.
        """
        if file.is_small and self.store.has_transactions and await self.batches.find_created() is None:
            small = await self._loader.read_small(application, kind, file, atomic=atomic)
            receive = self._publisher.store if small.rows.num_rows else self._publisher.add
            return await receive(application, small)
        batch = await self.load(application, kind, file, atomic=atomic)
        if not batch["stored"]:
            return (await self.publish(application, [batch]))[0]
        self._publisher.publish_in_background(application, batch)
        return batch

    async def ingest_file(
        self,
        application: Application,
        kind: str,
        path: Path,
        *,
        options: ReadOptions = DEFAULT_OPTIONS,
        atomic: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Json:
        """Load a file on disk and publish it; return the batch.  Raise the errors of `load`.

        A file with the same content as one ingested before is not loaded again; if it was only loaded, it is published.
        It is loaded again if nothing was accepted, or if lines were rejected because they named unknown resources.
        """
        file = await open_event_file(path, options)
        if file.content_hash is not None:
            earlier = await self.batches.find_by_content(application.id, kind, file.content_hash)
            if earlier is not None and earlier["state"] == State.WAITING:
                (earlier,) = await self.publish(application, [earlier])
            if earlier is not None and not _may_accept_more(earlier):
                return earlier
        return await self.ingest(application, kind, file, atomic=atomic, on_progress=on_progress)

    async def load(
        self,
        application: Application,
        kind: str,
        file: EventFile,
        *,
        atomic: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Json:
        """Store the events of a file as a batch that waits to be published; see `Loader.load`."""
        await self._settle_earlier_attempt(application)
        return await self._loader.load(application, kind, file, atomic=atomic, on_progress=on_progress)

    async def try_file(self, application: Application, kind: str, file: EventFile) -> EventTrial:
        """Check the lines of a file like `load`, without writing anything; see `Loader.try_file`."""
        return await self._loader.try_file(application, kind, file)

    async def _settle_earlier_attempt(self, application: Application) -> None:
        """Set the state of the batch of an earlier attempt of this request, if its events count already."""
        earlier = await self.batches.find_created()
        if earlier is not None and earlier["state"] == State.RECEIVING:
            async with self._leases.hold(application.id):  # the change that stores its events may still be running
                current = await self.batches.get_batch(application.id, earlier["_id"])
                await self._end_receiving(current, is_abandoned=False)

    async def publish(self, application: Application, batches: Sequence[Json]) -> list[Json]:
        """Make waiting batches visible and write their facts, all in one change; return the batches."""
        return await self._publisher.publish(application, batches)

    # -- batches

    async def read_live_kinds(self, application: str) -> dict[int, str]:
        """Return the kind of events of each batch that counts, by batch number."""
        return await self._publisher.read_live_kinds(application)

    async def stream_rejected(self, batch: Json) -> AsyncIterator[Json]:
        """Yield the rejected lines of a batch: `line`, `reason`, `text` as it was sent.

        Raise Impossible when they were encrypted with another secret.
        """
        try:
            async for line in self.batches.stream_rejected(batch, self._cipher):
                yield line
        except DecryptionError:
            raise Impossible("The rejected lines cannot be read: they were stored with another secret key.") from None

    async def remove_batch(self, application: Application, batch: Json) -> None:
        """Remove a batch with its events and facts.  Raise RequestConflict while it is being received."""
        await self._publisher.remove(application, batch)

    # -- retention and erasure

    async def delete_expired(self) -> None:
        """Delete what is older than the retention period, in every application."""
        await self._retention.delete_expired()

    async def erase_user(self, application: Application, name: str) -> None:
        """Delete the events, facts and rejected lines of the user or device of this name."""
        await self._retention.erase_user(application, name)

    # -- rebuild and resume

    async def rebuild(self, application: Application, kinds: Collection[str] = tuple(KINDS)) -> None:
        """Rebuild the facts of these kinds of events from the raw tables."""

        async def get_kinds() -> Collection[str]:
            return kinds

        await self._publisher.rebuild(application, get_kinds)

    async def rebuild_found(self, application: Application, find_kinds: Callable[[], Awaitable[Kinds]]) -> None:
        """Rebuild the facts of the kinds that `find_kinds` returns once no other work on the application is running."""
        await self._publisher.rebuild(application, find_kinds)

    async def is_busy(self, application: str) -> bool:
        """Return whether a task of this process or another process works on the facts of an application."""
        return await self._leases.is_busy(application)

    async def resume(self) -> None:
        """Finish the work of processes that stopped or lost the database: interrupt, remove or publish their batches.

        Applications on which somebody works are left out.  Raise the first error after all work has ended.
        """
        await self.resume_in_background()
        await asyncio.gather(*self._finishing.values())

    async def resume_in_background(self) -> None:
        """Start the work of `resume`; applications do not wait for each other."""
        self._finishing = {key: task for key, task in self._finishing.items() if not task.done()}
        abandoned = {batch["_id"] for batch in await self.batches.find_abandoned(self.clock())}
        for batch in await self.batches.find_in_states(State.RECEIVING):
            with suppress(NotFound):  # its application is being removed
                await self._end_receiving(batch, is_abandoned=batch["_id"] in abandoned)
        unfinished = await self.batches.find_in_states(State.WAITING, State.REMOVING)
        for application_id in {batch["application"] for batch in unfinished}:
            if application_id not in self._finishing and not await self.is_busy(application_id):
                task = asyncio.create_task(self._finish(application_id))
                task.add_done_callback(_log_failure)
                self._finishing[application_id] = task

    async def _finish(self, application_id: str) -> None:
        document = await self.store.get(APPLICATIONS, equal("_id", application_id))
        if document is not None:
            await self._publisher.finish(Application.from_document(document))

    async def interrupt_received(self) -> None:
        """Interrupt all batches that are being received.  Call it only while no process can be receiving any."""
        for batch in await self.batches.find_in_states(State.RECEIVING):
            with suppress(NotFound):  # its application is being removed
                await self._end_receiving(batch, is_abandoned=True)

    async def _end_receiving(self, batch: Json, *, is_abandoned: bool) -> None:
        """End a batch whose process has stopped: its events may count already if its file was small."""
        if batch["number"] in await self.read_live_kinds(batch["application"]):
            await self.batches.update(batch, {"state": State.VISIBLE})
        elif is_abandoned:
            await self._loader.interrupt(batch)

    def forget(self, application: str) -> None:
        """Stop the changes of an application that was deleted."""
        stop_changes(application)

    async def close(self) -> None:
        """Cancel publishing in the background; `resume` finishes it."""
        for task in self._finishing.values():
            task.cancel()
        await asyncio.gather(*self._finishing.values(), return_exceptions=True)
        await self._publisher.close()


def _may_accept_more(batch: Json) -> bool:
    """Return whether the same file may have more valid events when it is loaded again."""
    return bool(batch["rejected"] and (batch.get("unresolved") or not batch.get("stored")))


def _log_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("ingest.resuming_failed", error=repr(error))
