"""Writes a backup of a store while others use the store.

On the embedded store one transaction reads everything.  On MongoDB there is none: the leases of the applications keep
others from publishing batches and from rebuilding facts while the documents are read and the current rows are pinned,
which takes a moment; then the pinned rows, which never change, are read.  When resources changed in that moment, the
restored store rebuilds its facts.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from typing import IO, Any

import orjson
import pyarrow as pa

from okube_api import __version__
from okube_api.applications.repository import APPLICATIONS
from okube_api.auth.secret_fingerprint import FINGERPRINTS
from okube_api.backup.archive import ArchiveWriter
from okube_api.backup.figures import compute_figures
from okube_api.clock import Clock, stamp, utc_now
from okube_api.ingest.batches import BATCHES, REJECTED
from okube_api.ingest.leases import ApplicationLeases
from okube_api.jobs.results import JOB_RESULTS
from okube_api.settings import Settings
from okube_api.sites.thumbnails import THUMBNAILS
from okube_api.store.conditions import EVERYTHING, equal
from okube_api.store.plan_analysis import FIRST_PART, LAST_PART, get_stored_types, make_arrow_schema
from okube_api.store.protocol import Store, StoreSnapshot
from okube_api.store.schema import Collection, Schema, Table
from okube_api.store.values import Json
from okube_api.threads import run_in_thread

DOCUMENT_SCHEMA = pa.schema([("_id", pa.string()), ("document", pa.string())])
NUMBER_SCHEMA = pa.schema([("application", pa.string()), ("kind", pa.string()), ("identifier", pa.binary())])
COUNTER_SCHEMA = pa.schema([("application", pa.string()), ("name", pa.string()), ("last", pa.int64())])
NUMBERS, COUNTERS = "numbers.parquet", "counters.parquet"

LEFT_OUT = ("leases", "rates")
"""Names of the collections that are of use to running processes only."""
_LARGE = (REJECTED, THUMBNAILS, JOB_RESULTS)
"""Collections with large documents, which nothing else depends on."""

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
) -> Json:
    """Write a backup to a file, and return its manifest.  Raise StoreError; the file is then useless."""
    dump = _Dump(source, ArchiveWriter(file), on_progress)
    async with source.store.open_snapshot() as snapshot:
        manifest = await dump.write(snapshot)
    await run_in_thread(lambda: dump.archive.close(manifest))
    return manifest | {"members": dump.archive.members}


class _Dump:
    def __init__(self, source: BackupSource, archive: ArchiveWriter, on_progress: Progress) -> None:
        self._source, self.archive, self._on_progress = source, archive, on_progress
        self._applications: list[str] = []

    async def write(self, snapshot: StoreSnapshot) -> Json:
        """Write all members, and return the manifest."""
        before = await self._read_revision()
        async with AsyncExitStack() as leases:
            await self._hold_applications(leases)
            created_at = self._source.clock()
            await self._write_documents(snapshot)
            await snapshot.pin_rows()
        await self._write_numbers(snapshot)
        for collection in _LARGE:
            await self._write_collection(snapshot, collection)
        for table in self._source.schema.tables:
            await self._write_table(snapshot, table)
        await snapshot.verify_rows()
        figures = await compute_figures(snapshot, self._source.settings, self._source.clock)
        is_unchanged = self._source.store.is_exclusive or before == await self._read_revision() is not None
        fingerprint = await snapshot.get(FINGERPRINTS, equal("_id", "secret"))
        return {
            "version": __version__,
            "schema": self._source.schema.version,
            "createdAt": stamp(created_at),
            "store": "embedded" if self._source.store.is_exclusive else "mongodb",
            "secret": {name: fingerprint[name] for name in ("salt", "fingerprint")} if fingerprint else None,
            "rebuildFacts": not is_unchanged,
            "figures": figures if is_unchanged else None,
        }

    async def _read_revision(self) -> str | None:
        """Return a text that changes with every write to resources."""
        collections = [collection for collection in self._source.schema.collections if collection.has_revision]
        with self._source.store.hold_revisions():
            await self._source.store.read_revisions()
            return self._source.store.revision(*collections)

    async def _hold_applications(self, leases: AsyncExitStack) -> None:
        """Keep others from publishing batches and rebuilding facts, where a transaction does not hide it."""
        if self._source.store.is_exclusive:
            return
        application_leases = ApplicationLeases(self._source.store, utc_now, is_shared=True)
        for application in await self._source.store.find(APPLICATIONS, EVERYTHING, fields=()):
            await leases.enter_async_context(application_leases.hold(application["_id"]))

    async def _write_documents(self, snapshot: StoreSnapshot) -> None:
        """Write the documents of all collections but the large ones; batches first.

        A batch that is stored as complete has all its rows, so its document must be read before the rows are pinned.
        """
        first = [BATCHES, APPLICATIONS]
        later = [
            collection
            for collection in self._source.schema.collections
            if collection not in (*first, *_LARGE) and collection.name not in LEFT_OUT
        ]
        for collection in (*first, *later):
            await self._write_collection(snapshot, collection)

    async def _write_collection(self, snapshot: StoreSnapshot, collection: Collection) -> None:
        async def read() -> AsyncIterator[pa.Table]:
            async for documents in snapshot.stream(collection, EVERYTHING):
                ids = [document["_id"] for document in documents]
                if collection == APPLICATIONS:
                    self._applications += ids
                texts = await run_in_thread(partial(_encode, documents))
                yield pa.table([ids, texts], schema=DOCUMENT_SCHEMA)

        await self._write_blocks(name_documents(collection), DOCUMENT_SCHEMA, read())

    async def _write_table(self, snapshot: StoreSnapshot, table: Table) -> None:
        async def read() -> AsyncIterator[pa.Table]:
            for application in self._applications:
                async with snapshot.open_reader(application) as reader:
                    async for rows in reader.read_parts(table, FIRST_PART, LAST_PART):
                        names = pa.repeat(application, rows.num_rows)
                        yield rows.add_column(0, "application", names)

        await self._write_blocks(name_rows(table), make_row_schema(table), read())

    async def _write_numbers(self, snapshot: StoreSnapshot) -> None:
        async def read_numbers() -> AsyncIterator[pa.Table]:
            async for application, kind, identifiers in snapshot.stream_identifiers():
                size = len(identifiers)
                columns: Sequence[Any] = [[application] * size, [kind] * size, identifiers]
                yield pa.table(columns, schema=NUMBER_SCHEMA)

        async def read_counters() -> AsyncIterator[pa.Table]:
            counters = await snapshot.list_counters()
            yield pa.table([list(column) for column in zip(*counters, strict=True)] or [[], [], []], COUNTER_SCHEMA)

        await self._write_blocks(NUMBERS, NUMBER_SCHEMA, read_numbers())
        await self._write_blocks(COUNTERS, COUNTER_SCHEMA, read_counters())

    async def _write_blocks(self, name: str, schema: pa.Schema, blocks: AsyncIterator[pa.Table]) -> None:
        self._on_progress(name, self.archive.rows)
        await self.archive.write_blocks(name, schema, blocks, asyncio.to_thread)


def _encode(documents: Sequence[Json]) -> list[str]:
    return [orjson.dumps(document).decode() for document in documents]
