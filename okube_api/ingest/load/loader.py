"""Loads files of events: stores the events of each file as a batch that does not count yet."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from okube_api.applications.repository import APPLICATIONS
from okube_api.clock import Clock
from okube_api.errors import Impossible, Refusal
from okube_api.ingest.batches import DISK_FULL, Batches, State
from okube_api.ingest.columns.local_days import to_local_days
from okube_api.ingest.encryption import LineCipher
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.load.admission import LoadAdmission
from okube_api.ingest.load.dry_run import EventTrial, try_events
from okube_api.ingest.load.event_writer import EventWriter, LoadCounts, OnProgress
from okube_api.ingest.load.file_blocks import EventFile, FileBlock, open_blocks
from okube_api.ingest.load.normalizer import Normalizer
from okube_api.ingest.load.pseudonyms import Digests, Pseudonyms
from okube_api.ingest.load.references import REFERENCE_COLLECTIONS, ReferenceResolver
from okube_api.ingest.parse.read_options import PLACE_ZONES
from okube_api.ingest.retry import commit_with_retry
from okube_api.kit.application import Application
from okube_api.kit.ids import new_id
from okube_api.metrics import count_batch
from okube_api.store.errors import StoreFull
from okube_api.store.protocol import Change, Store
from okube_api.store.values import Json

_HEARTBEAT_S = 15.0
_MAX_APPLICATIONS, _MAX_CACHED_NUMBERS = 16, 100_000  # of the lookups that small files share


@dataclass(frozen=True, slots=True, eq=False)
class SmallFile:
    """The events of a small file: its batch, without a number, and the rows to store; there may be none."""

    batch: Json
    rows: pa.Table


class Loader:
    """Loads files into the raw tables."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        secret: bytes,
        *,
        batches: Batches,
        cipher: LineCipher,
        first_kept_day: Callable[[], int | None],
        memory_limit: str,
        threads: int,
        most_rejected: int,
        process_memory_mb: int,
    ) -> None:
        """Set up the loader.

        first_kept_day: returns the first UTC day whose events are accepted, None when there is no limit.
        memory_limit, threads: what DuckDB may use while it hashes ids.
        most_rejected: number of rejected lines that are stored per file.
        process_memory_mb: the bound of the memory of the process, within which files are loaded at the same time.
        """
        self._store, self._clock, self._secret = store, clock, secret
        self._batches, self._cipher, self._first_kept_day = batches, cipher, first_kept_day
        self._memory_limit, self._threads = memory_limit, threads
        self._most_rejected = most_rejected
        self._lookups = _Lookups(store, clock, secret)
        self._admission = LoadAdmission(process_memory_mb)
        self._stopped_by_full_disk: set[str] = set()  # ids of batches that could not be written to since

    async def load(
        self,
        application: Application,
        kind: str,
        file: EventFile,
        *,
        atomic: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Json:
        """Store the events of a file as a new batch in state `waiting`, and return the batch.

        Invalid lines are stored with the batch as rejected lines.  When an earlier attempt of the same request has
        stored the events, its batch is returned, and the file is not read.
        Raise AtomicLoadRefused when `atomic` is set and a line is invalid, another Refusal when the file as a whole
        cannot be read, RequestConflict when the batch was interrupted because this process had stopped for a while,
        InsufficientStorage when it was because the disk was full.  No event of the file stays stored then.  Raise
        ServiceUnavailable when too many files are being loaded.
        """
        async with self._admission.admit(is_binary=file.is_binary, size=file.size):
            return await self._load(application, kind, file, atomic=atomic, on_progress=on_progress)

    async def read_small(self, application: Application, kind: str, file: EventFile, *, atomic: bool) -> SmallFile:
        """Return the events of a small file, checked and normalised, with a batch; neither is stored.

        Raise the errors of `load`; a file that is refused is stored as a batch without events.
        """
        async with self._admission.admit(is_binary=file.is_binary, size=file.size):
            batch = self._batches.build(application.id, kind, _describe_file(file, atomic=atomic))
            try:
                counts, rows = await self._collect_events(application, batch, file)
                if atomic and counts.rejected:
                    raise AtomicLoadRefused(counts)
            except Refusal as refusal:
                await self._batches.insert_numbered([batch])
                await self._refuse(batch, refusal)
                raise
            except BaseException:
                with suppress(Exception):  # the first error is the one to report
                    await asyncio.shield(self._batches.delete_rejected(batch))
                raise
            return SmallFile(batch | counts.as_fields() | {"stored": counts.stored}, rows)

    async def _load(
        self, application: Application, kind: str, file: EventFile, *, atomic: bool, on_progress: OnProgress | None
    ) -> Json:
        if (earlier := await self._batches.find_created()) is not None:
            if earlier["state"] in (State.WAITING, State.VISIBLE):
                return earlier
            await self._drop_events(earlier)
            await self._batches.delete(earlier)
        batch = await self._batches.create(application.id, kind, _describe_file(file, atomic=atomic))
        try:
            async with self._heartbeat(batch):
                counts = await self._write_events(application, batch, file, on_progress)
                if atomic and counts.rejected:
                    raise AtomicLoadRefused(counts)
        except Refusal as refusal:
            await self._refuse(batch, refusal)
            raise
        except BaseException as error:
            if isinstance(error, StoreFull):
                self._stopped_by_full_disk.add(batch["_id"])
            with suppress(Exception):  # the first error is the one to report
                await asyncio.shield(self.interrupt(batch))
            raise
        fields = counts.as_fields() | {"state": State.WAITING, "stored": counts.stored}
        return await self._batches.complete(batch, fields)

    async def try_file(self, application: Application, kind: str, file: EventFile) -> EventTrial:
        """Check all lines of a file; nothing is written.

        Raise ServiceUnavailable when too many files are being loaded, another Refusal when the file as a whole cannot
        be read.
        """
        async with (
            self._admission.admit(is_binary=file.is_binary, size=file.size),
            self._open_normalizer(application, kind, file, *self._create_lookups(application)) as (normalizer, blocks),
        ):
            return await try_events(kind, blocks, normalizer)

    async def _write_events(
        self, application: Application, batch: Json, file: EventFile, on_progress: OnProgress | None
    ) -> LoadCounts:
        lookups = self._create_lookups(application)
        async with self._open_normalizer(application, batch["kind"], file, *lookups) as (normalizer, blocks):
            return await self._create_writer(normalizer, batch).write(blocks, on_progress)

    async def _collect_events(
        self, application: Application, batch: Json, file: EventFile
    ) -> tuple[LoadCounts, pa.Table]:
        lookups = self._lookups.get(application)
        async with self._open_normalizer(application, batch["kind"], file, *lookups) as (normalizer, blocks):
            return await self._create_writer(normalizer, batch).collect(blocks)

    def _create_lookups(self, application: Application) -> tuple[Pseudonyms, ReferenceResolver]:
        pseudonyms = Pseudonyms(self._store, application.id, self._secret)
        return pseudonyms, ReferenceResolver(self._store, self._clock, application)

    def _create_writer(self, normalizer: Normalizer, batch: Json) -> EventWriter:
        return EventWriter(
            self._store, self._batches, self._cipher, normalizer, batch, most_rejected=self._most_rejected
        )

    @asynccontextmanager
    async def _open_normalizer(
        self,
        application: Application,
        kind: str,
        file: EventFile,
        pseudonyms: Pseudonyms,
        resolver: ReferenceResolver,
    ) -> AsyncIterator[tuple[Normalizer, AsyncIterator[FileBlock]]]:
        now_ms = round(self._clock().timestamp() * 1000)
        digests = Digests(self._memory_limit, self._threads)
        zones = await resolver.load_zones() if file.options.timezone == PLACE_ZONES else None
        normalizer = Normalizer(
            KINDS[kind],
            pseudonyms,
            resolver,
            digests,
            now_ms=now_ms,
            today=int(to_local_days(np.array([now_ms], np.int64), application.timezone)[0]),
            first_kept_day=self._first_kept_day(),
        )
        try:
            async with open_blocks(kind, file, zones) as blocks:
                yield normalizer, blocks
        finally:
            digests.close()

    @asynccontextmanager
    async def _heartbeat(self, batch: Json) -> AsyncIterator[None]:
        """Renew the batch at intervals, so that it does not count as abandoned while its file is read."""

        async def repeat() -> None:
            while True:
                await asyncio.sleep(_HEARTBEAT_S)
                with suppress(Exception):
                    await self._renew(batch)

        task = asyncio.create_task(repeat())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _renew(self, batch: Json) -> None:
        try:
            await self._batches.renew(batch)
        except StoreFull:
            self._stopped_by_full_disk.add(batch["_id"])
            raise
        self._stopped_by_full_disk.discard(batch["_id"])

    async def _refuse(self, batch: Json, refusal: Refusal) -> None:
        await self._drop_events(batch)
        fields = refusal.counts.as_fields() if isinstance(refusal, AtomicLoadRefused) else {}
        await self._batches.update(batch, {**fields, "state": State.REFUSED, "message": refusal.detail})
        rejected = refusal.counts.rejected if isinstance(refusal, AtomicLoadRefused) else 0
        count_batch(batch["kind"], State.REFUSED, accepted=0, duplicate=0, rejected=rejected)

    async def interrupt(self, batch: Json) -> None:
        """Remove the events and rejected lines of a batch whose file was not read to its end; set its state."""
        await self._drop_events(batch)
        await self._batches.delete_rejected(batch)
        is_disk_full = batch["_id"] in self._stopped_by_full_disk
        message = DISK_FULL if is_disk_full else "The upload was interrupted before the end of the file."
        await self._batches.update(batch, {"state": State.INTERRUPTED, "message": message})
        self._stopped_by_full_disk.discard(batch["_id"])
        count_batch(batch["kind"], State.INTERRUPTED, accepted=0, duplicate=0, rejected=0)

    async def _drop_events(self, batch: Json) -> None:
        async def drop(change: Change) -> None:
            await change.remove(KINDS[batch["kind"]].table, batch["number"])

        name = f"{batch['_id']}:dropped:{new_id(self._clock())}"
        await commit_with_retry(self._store, batch["application"], name, drop)


def _describe_file(file: EventFile, *, atomic: bool) -> Json:
    about = {"format": file.format, "name": file.name, "content": file.content_hash, "atomic": atomic}
    return {key: value for key, value in about.items() if value}


class _Lookups:
    """Numbers of users and ids of resources that small files have named, for the applications of the last ones.

    Ids of resources are looked up again after any document has changed on which they depend.
    """

    def __init__(self, store: Store, clock: Clock, secret: bytes) -> None:
        self._store, self._clock, self._secret = store, clock, secret
        self._pseudonyms: OrderedDict[str, Pseudonyms] = OrderedDict()
        self._resolvers: dict[str, tuple[str | None, ReferenceResolver]] = {}

    def get(self, application: Application) -> tuple[Pseudonyms, ReferenceResolver]:
        """Return the lookups of an application."""
        if application.id not in self._pseudonyms:
            self._pseudonyms[application.id] = Pseudonyms(
                self._store, application.id, self._secret, max_cached=_MAX_CACHED_NUMBERS
            )
        self._pseudonyms.move_to_end(application.id)
        if len(self._pseudonyms) > _MAX_APPLICATIONS:
            oldest, _ = self._pseudonyms.popitem(last=False)
            self._resolvers.pop(oldest, None)
        revision = self._store.revision(APPLICATIONS, *REFERENCE_COLLECTIONS)
        stored_revision, resolver = self._resolvers.get(application.id, (None, None))
        if resolver is None or revision is None or stored_revision != revision:
            resolver = ReferenceResolver(self._store, self._clock, application)
            self._resolvers[application.id] = revision, resolver
        return self._pseudonyms[application.id], resolver


class AtomicLoadRefused(Impossible):
    """422: a file sent with `atomic=true` has rejected lines."""

    code = "rejected_lines"

    def __init__(self, counts: LoadCounts) -> None:
        first = counts.reasons[0]
        lines = f"{counts.rejected:,} lines are" if counts.rejected > 1 else "1 line is"
        message = f"Nothing was ingested because {lines} not valid. Line {first['line']}: {first['reason']}"
        super().__init__(message, extra={"rejected": counts.rejected, "reasons": counts.reasons})
        self.counts = counts
