"""The store on a MongoDB server, for any number of processes; it uses no transactions of the server."""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager, aclosing, asynccontextmanager, suppress
from datetime import timedelta
from functools import partial
from typing import Any

import anyio
from pymongo import AsyncMongoClient, IndexModel
from pymongo.errors import PyMongoError

from okube_api.store.checks import TableCheck
from okube_api.store.columnar.column_cache import ColumnCache
from okube_api.store.conditions import Condition
from okube_api.store.errors import StoreError
from okube_api.store.mongo.change_cleanup import collect_row_garbage
from okube_api.store.mongo.changes import begin_change
from okube_api.store.mongo.database_check import (
    SCHEMA_VERSION,
    check_database,
    mark_restoring,
    migrate_version,
    refuse_restoring,
    unmark_restoring,
)
from okube_api.store.mongo.database_watch import DatabaseWatch, WatchedDatabase
from okube_api.store.mongo.deletion import delete_in_steps
from okube_api.store.mongo.documents import MongoDocuments
from okube_api.store.mongo.errors import READ_S, time_limit
from okube_api.store.mongo.frozen_store import PinnedReads
from okube_api.store.mongo.holds import hold_rows
from okube_api.store.mongo.indexes import ascending, create_indexes, drop_index
from okube_api.store.mongo.manifests import ADDED, SUPERSEDED, ManifestRepository
from okube_api.store.mongo.numbers import NumberRegistry
from okube_api.store.mongo.revisions import Revisions
from okube_api.store.mongo.rows import MongoReader
from okube_api.store.mongo.staging import BEFORE, await_recovery, collect_garbage, recover_writes
from okube_api.store.protocol import Change, Store, StoreSnapshot
from okube_api.store.schema import BY_ID, Collection, Schema, SortKey, Table
from okube_api.store.values import Json

GRACE = timedelta(minutes=10)
"""How long replaced rows are kept for readers that were opened before."""
_ROWS_PER_DELETE, _BLOCKS_PER_DELETE = 10_000, 500
_SELECTION_MS, _CONNECT_MS = 2000, 2000
"""How long the driver tries to find an available server, and to connect, even within an operation with a longer limit.
"""
_RECOVERY_INTERVAL, _COLLECTION_INTERVAL = timedelta(seconds=2), timedelta(seconds=30)


class MongoStore:
    """Implementation of `store.protocol.Store`.

    client: replaces the driver's client.
    grace: how long replaced rows are kept for readers that were opened before.
    column_cache: the tables that are kept in memory to evaluate plans on.
    recovery_interval: how often writes of dead processes are finished or undone.
    collection_interval: how often garbage is collected; not more often than writes are recovered.
    """

    is_exclusive = has_transactions = False

    def __init__(
        self,
        url: str,
        schema: Schema,
        *,
        client: Any = None,
        grace: timedelta = GRACE,
        column_cache: ColumnCache | None = None,
        recovery_interval: timedelta = _RECOVERY_INTERVAL,
        collection_interval: timedelta = _COLLECTION_INTERVAL,
    ) -> None:
        try:
            self._client: Any = client or _build_client(url)
            # Its own connection: the pings must not wait for those of long queries.
            self._ping_client: Any = client or _build_client(url, maxPoolSize=1)
        except (PyMongoError, ValueError) as error:
            raise ValueError(f"the URL of the store is not valid: {error}") from error
        try:
            database: Any = self._client.get_default_database()
        except PyMongoError as error:
            raise ValueError("the URL has no database name: use mongodb://host/database") from error
        self._watch = DatabaseWatch(partial(self._ping_client.get_default_database().command, "ping"))
        self._database = WatchedDatabase(database, self._watch)
        self._schema, self._grace = schema, grace
        self._recovery_s, self._collection_s = recovery_interval.total_seconds(), collection_interval.total_seconds()
        self._column_cache = column_cache or ColumnCache()
        self._collections = {
            collection.name: MongoDocuments(collection, self._database) for collection in schema.collections
        }
        self._revisions = Revisions(
            self._database, (collection.name for collection in schema.collections if collection.has_revision)
        )
        self._manifests, self._numbers = ManifestRepository(self._database), NumberRegistry(self._database)
        self._change_locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._maintenance: asyncio.Task[None] | None = None
        self._closing = self._is_restoring = False

    @property
    def schema(self) -> Schema:
        """The collections and tables of the store."""
        return self._schema

    async def start(self) -> None:
        """Create indexes, finish the writes of dead processes, and start the maintenance that repeats this."""
        self._watch.start()
        await self.ping()
        if not self._is_restoring:
            await refuse_restoring(self._database)
        await migrate_version(self._database, self._schema.version)
        for documents in self._collections.values():
            await documents.create_indexes()
        for name in self._schema.removed:
            await self._database[name].drop()
        await self._create_table_indexes()
        await self._manifests.create_indexes()
        await create_indexes(self._database[BEFORE], [ascending("write", name="write")])
        await self._revisions.create()
        await self._revisions.remove_dead_writers()
        await await_recovery(self._database, self._revisions.announce_write)
        for name in self._collections:
            await collect_garbage(self._database, name, self._revisions.announce_write)
        await self._collect_row_garbage()
        if self._maintenance is None:
            self._maintenance = asyncio.create_task(self._maintain())

    async def _create_table_indexes(self) -> None:
        for table in self._schema.tables:
            stored = self._database[table.name]
            await create_indexes(stored, _list_indexes(table))
            if table.packed and table.lookup is not None:
                await drop_index(stored, "application_part")

    async def _maintain(self) -> None:
        """Recover writes and collect garbage at intervals; a failure is retried at the next one."""
        collected_s = time.monotonic()
        while not self._closing:  # the driver may turn a cancellation into an error of its own, which is suppressed
            await asyncio.sleep(self._recovery_s)
            with suppress(StoreError, PyMongoError):
                await recover_writes(self._database, self._revisions.announce_write)
                if (now_s := time.monotonic()) - collected_s >= self._collection_s:
                    collected_s = now_s
                    await self._revisions.remove_dead_writers()
                    await self._collect_row_garbage()

    async def _collect_row_garbage(self) -> None:
        tables = [table.name for table in self._schema.tables]
        await collect_row_garbage(self._database, self._manifests, tables, self._grace)

    async def close(self) -> None:
        """Stop the maintenance and close the connections."""
        if self._maintenance is not None:
            self._closing = True
            self._maintenance.cancel()
            with suppress(asyncio.CancelledError):
                await self._maintenance
            self._maintenance = None
            self._closing = False
        await self._watch.stop()
        await self._ping_client.close()
        await self._client.close()

    async def ping(self) -> None:
        """Return when the server answers."""
        with time_limit(READ_S):
            await self._database.command("ping")

    async def measure_bytes(self) -> dict[str, int]:
        """Return the size of the collections and of their indexes."""
        with time_limit(READ_S):
            sizes = await self._database.command("dbStats")
        return {"data": int(sizes["storageSize"]), "indexes": int(sizes["indexSize"])}

    def check(self) -> AsyncIterator[TableCheck]:
        """Read every document of every collection."""
        return check_database(self._database)

    @asynccontextmanager
    async def open_snapshot(self) -> "AsyncIterator[StoreSnapshot]":
        """Keep replaced rows, and yield a view of the store."""
        async with hold_rows(self._database):
            yield FrozenMongoStore(self)

    @asynccontextmanager
    async def restoring(self) -> "AsyncIterator[Store]":
        """Empty the database, and yield the store; a mark makes it unusable until the context has ended.

        When the context raises an error, the database is emptied again.
        """
        await self._drop_collections()
        await mark_restoring(self._database)
        self._is_restoring = True
        try:
            await self.start()
            yield self
            await unmark_restoring(self._database)
        except BaseException:
            with anyio.CancelScope(shield=True), suppress(StoreError, PyMongoError):
                await self._drop_collections()
            raise
        finally:
            self._is_restoring = False

    async def _drop_collections(self) -> None:
        """Drop the collections of the store, that of the mark last; other programs may have some in the database."""
        own = {*self._collections, *(table.name for table in self._schema.tables), *self._schema.removed}
        names = [name for name in await self._database.list_collection_names() if name in own or name.startswith("_")]
        for name in sorted(names, key=lambda name: name == SCHEMA_VERSION):
            await self._database[name].drop()

    # -- documents

    async def get(self, collection: Collection, where: Condition) -> Json | None:
        """Return the matching document with the least `_id`, or None."""
        documents = await self.find(collection, where, limit=1)
        return documents[0] if documents else None

    async def find(
        self,
        collection: Collection,
        where: Condition,
        *,
        sort: Sequence[SortKey] = BY_ID,
        skip: int = 0,
        limit: int | None = None,
        fields: Sequence[str] | None = None,
    ) -> list[Json]:
        """Return the matching documents."""
        documents = await self._collections[collection.name].find(where, sort, skip, limit, fields)
        self._revisions.drop_pointers()
        return documents

    async def count(self, collection: Collection, where: Condition) -> int:
        """Return the number of matching documents."""
        count = await self._collections[collection.name].count(where)
        self._revisions.drop_pointers()
        return count

    async def stream(
        self, collection: Collection, where: Condition, *, sort: Sequence[SortKey] = BY_ID
    ) -> AsyncIterator[list[Json]]:
        """Yield every matching document, in blocks."""
        async with aclosing(self._collections[collection.name].stream(where, sort)) as blocks:
            async for block in blocks:
                self._revisions.drop_pointers()
                yield block
        self._revisions.drop_pointers()

    async def insert(self, collection: Collection, documents: Sequence[Json]) -> None:
        """Insert documents."""
        async with self._revisions.announce_write(collection.name):
            await self._collections[collection.name].write(documents, ())

    async def replace(self, collection: Collection, where: Condition, document: Json) -> bool:
        """Replace the matching document of the same `_id`; return False when none matches."""
        async with self._revisions.announce_write(collection.name):
            return await self._collections[collection.name].replace(where, document)

    async def write(
        self, collection: Collection, inserts: Sequence[Json], replaces: Sequence[Json], *, versioned: bool = False
    ) -> None:
        """Insert and replace documents together."""
        async with self._revisions.announce_write(collection.name):
            await self._collections[collection.name].write(inserts, replaces, versioned=versioned)

    async def update(self, collection: Collection, where: Condition, changes: Mapping[str, Any]) -> int:
        """Set fields of every matching document; return how many matched."""
        async with self._revisions.announce_write(collection.name):
            return await self._collections[collection.name].update(where, changes)

    async def delete(self, collection: Collection, where: Condition) -> int:
        """Delete every matching document; return how many there were."""
        async with self._revisions.announce_write(collection.name):
            return await self._collections[collection.name].delete(where)

    def hold_revisions(self, subject: str | None = None) -> AbstractContextManager[None]:
        """Let `revision` return what `read_revisions` has read within this context."""
        return self._revisions.hold(subject)

    async def read_revisions(self) -> None:
        """Read the revisions of all collections, and pointers to rows, if the caller is within `hold_revisions`."""
        await self._revisions.read()

    def revision(self, *collections: Collection) -> str | None:
        """Return the revision that was read last, None outside of `hold_revisions`: other processes write, too."""
        return self._revisions.get(collection.name for collection in collections)

    # -- rows

    async def read_version(self, application: str) -> str:
        """Return the version of an application's rows that a reader would have which is opened now."""
        async with self.open_reader(application) as reader:
            return reader.version

    @asynccontextmanager
    async def open_reader(
        self, application: str, *, row_limit: int | None = None, timeout_s: float | None = None
    ) -> AsyncIterator[MongoReader]:
        """Open a reader of the manifests that are current now, or were at the first reader of the request."""
        pointers = await self._revisions.load_pointers(application, self._manifests.load)
        yield MongoReader(
            self._database,
            self._manifests,
            pointers,
            row_limit=row_limit,
            timeout_s=timeout_s,
            column_cache=self._column_cache,
        )

    def list_loaded_columns(self) -> Mapping[str, Sequence[tuple[str, tuple[str, ...]]]]:
        """Return what is in memory of each application: table names with columns, the least recently used first."""
        return self._column_cache.list_loaded()

    async def load_columns(self, application: str, table: Table, columns: Iterable[str]) -> None:
        """Load columns of a table into memory, where later plans find them, unless they are too large for it."""
        async with self.open_reader(application) as reader:
            await reader.load_columns(table, columns)

    @asynccontextmanager
    async def begin_change(self, application: str, name: str) -> AsyncIterator[Change]:
        """Begin a change; changes of this process wait for each other, those of other processes conflict at commit."""
        async with (
            self._change_locks[application],
            begin_change(self._database, self._manifests, application, name, self._column_cache) as change,
        ):
            try:
                yield change
            finally:
                self._revisions.drop_pointers()

    def begin_append(self, application: str, name: str) -> AbstractAsyncContextManager[Change]:
        """Begin a change; as one that does not only append, it may conflict with any other of the application."""
        return self.begin_change(application, name)

    async def is_committed(self, application: str, name: str) -> bool:
        """Return whether a change of that name was committed."""
        return await self._manifests.is_name_committed(application, name)

    async def delete_rows(self, application: str) -> None:
        """Delete every row of an application, with its numbers and counters."""
        await self._manifests.clear(application)
        self._revisions.drop_pointers()
        await self._numbers.delete(application)
        for table in self._schema.tables:
            await delete_in_steps(
                self._database[table.name],
                {"application": application},
                _BLOCKS_PER_DELETE if table.packed else _ROWS_PER_DELETE,
            )
        self.forget(application)

    def forget(self, application: str) -> None:
        """Drop the columns and numbers of an application from memory."""
        self._column_cache.forget(application)
        self._numbers.forget(application)

    # -- numbers

    async def assign_numbers(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int]:
        """Return the number of each identifier; new identifiers get the next numbers."""
        return await self._numbers.assign_numbers(application, kind, identifiers)

    async def find_numbers(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int | None]:
        """Return the number of each identifier, None for identifiers that have none."""
        return await self._numbers.find_numbers(application, kind, identifiers)

    async def next_number(self, application: str, counter: str, count: int = 1) -> int:
        """Increment a counter and return its value."""
        return await self._numbers.increment_counter(application, counter, count)


class FrozenMongoStore(PinnedReads, MongoStore):
    """Implementation of `store.protocol.StoreSnapshot`."""

    def __init__(self, store: MongoStore) -> None:
        self.__dict__.update(store.__dict__)
        self._pinned = {}


def _list_indexes(table: Table) -> list[IndexModel]:
    of_parts = ascending("application", "pg", name="application_pg")
    if table.packed:
        limits = ("low", "high") if table.lookup is not None else ()
        name = "application_part_limits" if limits else "application_part"
        return [
            of_parts,
            ascending("application", "part", *limits, name=name),
            ascending("application", "batch", name="application_batch"),
        ]
    indexes = [of_parts]
    if table.index:
        indexes.append(ascending("application", *table.index, "pg", name="application_index_pg"))
    if table.lookup is not None:
        indexes.append(ascending("application", table.lookup, "pg", name="application_lookup_pg"))
    for name in (ADDED, SUPERSEDED):  # few rows have these fields, and only until their change is collected
        is_marked = {name: {"$exists": True}}
        indexes.append(ascending("application", name, name=f"application{name}", partialFilterExpression=is_marked))
    return indexes


def _build_client(url: str, **options: Any) -> Any:
    return AsyncMongoClient(
        url,
        connect=False,
        w="majority",
        readPreference="primary",  # a secondary may have the revision of a document without the document
        serverSelectionTimeoutMS=_SELECTION_MS,
        connectTimeoutMS=_CONNECT_MS,
        appname="okube-api",
        **options,
    )
