"""Writes a backup of a store while others use the store.

On the embedded store one transaction reads everything.  On MongoDB there is none: while the batches of an application
are read and its current rows are pinned, its lease keeps others from publishing batches and from rebuilding its facts;
everything else is read without it.  Pinned rows never change.  When resources changed between the first and the last
document, the restored store rebuilds its facts.  `docs/decisions/0029-backups.md` has the reasons.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import IO, Any

import orjson
import pyarrow as pa

from okube_api import __version__
from okube_api.applications.deletions import DELETIONS
from okube_api.applications.repository import APPLICATIONS
from okube_api.auth.secret_fingerprint import FINGERPRINTS
from okube_api.backup.archive import ArchiveWriter
from okube_api.backup.figures import compute_figures
from okube_api.clock import Clock, stamp, utc_now
from okube_api.ingest.batches import BATCHES, REJECTED, State
from okube_api.ingest.invalidation import FACTS_VERSIONS, PENDING
from okube_api.ingest.leases import ApplicationLeases
from okube_api.jobs.results import JOB_RESULTS
from okube_api.settings import Settings
from okube_api.sites.thumbnails import THUMBNAILS
from okube_api.store.conditions import EVERYTHING, Between, Condition, equal
from okube_api.store.errors import Unavailable
from okube_api.store.plan_analysis import FIRST_PART, LAST_PART, get_stored_types, make_arrow_schema
from okube_api.store.protocol import Store, StoreSnapshot
from okube_api.store.schema import Collection, Schema, Table
from okube_api.store.values import Json
from okube_api.threads import run_in_thread

DOCUMENT_SCHEMA = pa.schema([("_id", pa.string()), ("document", pa.string())])
NUMBER_SCHEMA = pa.schema([("application", pa.string()), ("kind", pa.string()), ("identifier", pa.binary())])
COUNTER_SCHEMA = pa.schema([("application", pa.string()), ("name", pa.string()), ("last", pa.int64())])
NUMBERS, COUNTERS, FIGURES = "numbers.parquet", "counters.parquet", "figures.ndjson"

LEFT_OUT = ("leases", "rates")
"""Names of the collections that are of use to running processes only."""
_FIRST = (FACTS_VERSIONS, PENDING, APPLICATIONS)
"""Collections that are read before the rows are pinned, in this order.

So an invalidation whose facts are rebuilt meanwhile is in the backup or its new facts are, never neither.
"""
_LARGE = (REJECTED, THUMBNAILS, JOB_RESULTS)
"""Collections with large documents, which nothing else depends on."""
_POLL_S = 0.02
"""Time between two attempts to get a lease: a process that publishes all the time releases it for milliseconds."""

Progress = Callable[[str, int], None]
"""Called with the name of what is being written, and the number of documents and rows so far."""


@dataclass(frozen=True, slots=True)
class BackupSource:
    """What a backup is made of.

    settings: the limits of the questions that compute figures.
    """

    store: Store
    schema: Schema
    settings: Settings
    clock: Clock


def name_documents(collection: Collection) -> str:
    """Return the name of the member with the documents of a collection."""
    return f"documents/{collection.name}.parquet"


def name_rows(table: Table) -> str:
    """Return the name of the member with the rows of a table."""
    return f"rows/{table.name}.parquet"


def make_row_schema(table: Table) -> pa.Schema:
    """Return the columns of the member of a table."""
    return pa.schema([("application", pa.string()), *make_arrow_schema(get_stored_types(table))])


async def write_backup(
    source: BackupSource, file: IO[bytes], on_progress: Progress = lambda _name, _rows: None
) -> None:
    """Write a backup to a file.  Raise StoreError or OSError; the file is then useless."""
    with ArchiveWriter(file) as archive:
        async with source.store.open_snapshot() as snapshot:
            manifest = await _Dump(source, archive, on_progress).write(snapshot)
        await run_in_thread(partial(archive.close, manifest))


class _Dump:
    def __init__(self, source: BackupSource, archive: ArchiveWriter, on_progress: Progress) -> None:
        self._source, self._archive, self._on_progress = source, archive, on_progress
        self._leases = ApplicationLeases(source.store, utc_now, is_shared=not source.store.is_exclusive, poll_s=_POLL_S)
        self._applications: list[str] = []
        self._last_batches: dict[str, int] = {}  # the greatest number of a batch, by application
        self._latest: dict[str, int] = {}  # the instant of the latest event that counts, ms since 1970, by application

    async def write(self, snapshot: StoreSnapshot) -> Json:
        """Write all members, and return the manifest."""
        before, created_at = await self._read_revision(), self._source.clock()
        await self._write_documents(snapshot)
        has_same_resources = await self._is_unchanged(before)
        self._on_progress(FIGURES, self._archive.rows)
        figures = compute_figures(snapshot, self._source.settings, self._source.clock, self._read_freshness)
        await self._archive.write_lines(FIGURES, figures)
        has_figures = await self._is_unchanged(before)
        await self._write_numbers(snapshot)
        for collection in _LARGE:
            await self._write_collection(snapshot, collection)
        for table in self._source.schema.tables:
            await self._write_table(snapshot, table)
        fingerprint = await snapshot.get(FINGERPRINTS, equal("_id", "secret"))
        return {
            "version": __version__,
            "schema": self._source.schema.version,
            "createdAt": stamp(created_at),
            "store": "embedded" if self._source.store.is_exclusive else "mongodb",
            "secret": {name: fingerprint[name] for name in ("salt", "fingerprint")} if fingerprint else None,
            "applications": await self._list_whole_applications(snapshot),
            "rebuildFacts": not has_same_resources,
            "hasFigures": has_figures,
        }

    async def _list_whole_applications(self, snapshot: StoreSnapshot) -> list[str]:
        """Return the applications in the backup that were not deleted while it was written."""
        remaining = {document["_id"] for document in await snapshot.find(APPLICATIONS, EVERYTHING, fields=())}
        remaining -= {document["_id"] for document in await snapshot.find(DELETIONS, EVERYTHING, fields=())}
        remaining -= await snapshot.find_deleted()
        return [application for application in self._applications if application in remaining]

    async def _read_revision(self) -> str | None:
        """Return a text that changes with every write to what answers depend on besides batches and rows."""
        collections = [
            collection
            for collection in self._source.schema.collections
            if collection == APPLICATIONS
            or (collection.has_revision and "application" in collection.fields and collection != PENDING)
        ]
        with self._source.store.hold_revisions():
            await self._source.store.read_revisions()
            return self._source.store.revision(*collections)

    async def _is_unchanged(self, before: str | None) -> bool:
        return self._source.store.is_exclusive or before == await self._read_revision() is not None

    async def _read_freshness(self, application: str) -> str | None:
        """Return the instant of the latest event in the backup that counts, None when no event has an instant."""
        latest = self._latest.get(application)
        return None if latest is None else stamp(datetime.fromtimestamp(latest / 1000, UTC))

    async def _write_documents(self, snapshot: StoreSnapshot) -> None:
        """Write the documents of all collections but the large ones, and pin the rows."""
        for collection in _FIRST:
            await self._write_collection(snapshot, collection)
        await self._write_batches(snapshot)
        skipped = (*LEFT_OUT, *(collection.name for collection in (*_FIRST, BATCHES, *_LARGE)))
        for collection in self._source.schema.collections:
            if collection.name not in skipped:
                await self._write_collection(snapshot, collection)

    async def _write_batches(self, snapshot: StoreSnapshot) -> None:
        """Write the batches of one application after the other, and pin its rows.

        A batch that is stored as complete has all its rows, so its document is read before the rows are pinned.
        """

        async def read() -> AsyncGenerator[pa.Table, None]:
            for application in self._applications:
                async with self._keep_publishers_away(application):
                    async for block in self._read_documents(snapshot, BATCHES, equal("application", application)):
                        yield block
                    await snapshot.pin_rows(application)

        await self._write_blocks(name_documents(BATCHES), DOCUMENT_SCHEMA, read())

    @asynccontextmanager
    async def _keep_publishers_away(self, application: str) -> AsyncIterator[None]:
        async with self._leases.hold(application):
            yield
            if not await self._leases.is_held(application):
                raise Unavailable("The database did not answer for too long. Start the backup again.")

    async def _write_collection(self, snapshot: StoreSnapshot, collection: Collection) -> None:
        blocks = self._read_documents(snapshot, collection, EVERYTHING)
        await self._write_blocks(name_documents(collection), DOCUMENT_SCHEMA, blocks)

    async def _read_documents(
        self, snapshot: StoreSnapshot, collection: Collection, where: Condition
    ) -> AsyncGenerator[pa.Table, None]:
        async for documents in snapshot.stream(collection, where):
            ids = [document["_id"] for document in documents]
            if collection == APPLICATIONS:
                self._applications += ids
            elif collection == BATCHES:
                self._note_batches(documents)
            yield pa.table([ids, await run_in_thread(partial(_encode, documents))], schema=DOCUMENT_SCHEMA)

    def _note_batches(self, batches: Sequence[Json]) -> None:
        for batch in batches:
            application, latest = batch["application"], batch.get("latest")
            self._last_batches[application] = max(batch["number"], self._last_batches.get(application, 0))
            if batch["state"] == State.VISIBLE and latest is not None:
                self._latest[application] = max(latest, self._latest.get(application, latest))

    async def _write_table(self, snapshot: StoreSnapshot, table: Table) -> None:
        async def read() -> AsyncGenerator[pa.Table, None]:
            for application in self._applications:
                # A batch that began to be received after the batches were read has rows, but no document.
                where = Between("batch", None, self._last_batches.get(application, 0)) if table.packed else EVERYTHING
                async with snapshot.open_reader(application) as reader:
                    async for rows in reader.read_parts(table, FIRST_PART, LAST_PART, where):
                        names = pa.repeat(application, rows.num_rows)
                        yield rows.add_column(0, "application", names)

        await self._write_blocks(name_rows(table), make_row_schema(table), read())

    async def _write_numbers(self, snapshot: StoreSnapshot) -> None:
        async def read_numbers() -> AsyncGenerator[pa.Table, None]:
            async for application, kind, identifiers in snapshot.stream_identifiers():
                size = len(identifiers)
                columns: Sequence[Any] = [[application] * size, [kind] * size, identifiers]
                yield pa.table(columns, schema=NUMBER_SCHEMA)

        async def read_counters() -> AsyncGenerator[pa.Table, None]:
            counters = await snapshot.list_counters()
            yield pa.table([list(column) for column in zip(*counters, strict=True)] or [[], [], []], COUNTER_SCHEMA)

        await self._write_blocks(NUMBERS, NUMBER_SCHEMA, read_numbers())
        await self._write_blocks(COUNTERS, COUNTER_SCHEMA, read_counters())

    async def _write_blocks(self, name: str, schema: pa.Schema, blocks: AsyncGenerator[pa.Table, None]) -> None:
        def report() -> None:
            self._on_progress(name, self._archive.rows)

        report()
        await self._archive.write_blocks(name, schema, blocks, report)


def _encode(documents: Sequence[Json]) -> list[str]:
    return [orjson.dumps(document).decode() for document in documents]
