"""The embedded store: one DuckDB file, one process."""

import asyncio
import os
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import orjson

from okube_api.store.checks import TableCheck
from okube_api.store.columnar.column_cache import ColumnCache
from okube_api.store.conditions import Condition
from okube_api.store.duckdb import numbers
from okube_api.store.duckdb.changes import DuckChange, has_change
from okube_api.store.duckdb.connection import Cursor, quote
from okube_api.store.duckdb.database import Database, create_writes_table
from okube_api.store.duckdb.documents import DuckDocuments, nest_values
from okube_api.store.duckdb.file_check import check_file
from okube_api.store.duckdb.frozen_store import TransactionReads
from okube_api.store.duckdb.numbering import Numbering
from okube_api.store.duckdb.recent_parts import RecentParts
from okube_api.store.duckdb.result_cache import ResultCache, ResultRows
from okube_api.store.duckdb.rows import DuckReader, create_tables
from okube_api.store.duckdb.snapshots import Snapshot, Snapshots
from okube_api.store.duckdb.sql import Sql
from okube_api.store.duckdb.upkeep import FileUpkeep
from okube_api.store.errors import StoreFull, StoreTooNew, Unavailable
from okube_api.store.protocol import Change, Store, StoreSnapshot
from okube_api.store.schema import BY_ID, Collection, Schema, SortKey, Table
from okube_api.store.values import Json

T = TypeVar("T")
_STREAM_BLOCK = 1000
_MOST_DECODED_ON_LOOP = 500  # documents; more would hold the event loop for too long
_PING_S = 2.0
_ROWS_PER_DELETE = 500_000


class DuckStore:
    """Implementation of `store.protocol.Store`.

    column_cache: the tables that are kept in memory to evaluate plans on.
    """

    is_exclusive = has_transactions = True

    def __init__(
        self, path: Path, schema: Schema, *, memory_limit: str, threads: int, column_cache: ColumnCache | None = None
    ) -> None:
        self._schema, self._memory_limit, self._threads = schema, memory_limit, threads
        self._database = Database(path, memory_limit, threads)
        self._upkeep = FileUpkeep(self._database)
        self._collections = {collection.name: DuckDocuments(collection) for collection in schema.collections}
        self._result_cache = ResultCache()
        self._snapshots, self._column_cache = Snapshots(self._database), column_cache or ColumnCache()
        self._recent_parts = RecentParts()
        self._write_locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        # By application: held by one change at a time, by one that only appends, and during a commit.
        self._change_locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._append_locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._commit_locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._numbering = Numbering(self._database, self._write_locks["_numbers"])

    @property
    def schema(self) -> Schema:
        """The collections and tables of the store."""
        return self._schema

    async def start(self) -> None:
        """Open the file and create what it lacks."""
        await self._database.open()
        try:
            await self._database.call(self._migrate)
        except BaseException:
            await self._database.close()
            raise
        if self._database.has_file:
            self._upkeep.start()

    async def close(self) -> None:
        """Close the file."""
        await self._upkeep.close()
        await self._database.close()

    async def ping(self) -> None:
        """Return when the file answers."""
        await self._database.call(lambda cursor: cursor.execute("SELECT 1").fetchall(), _PING_S)

    async def measure_bytes(self) -> dict[str, int]:
        """Return the size of the file and of its log."""
        path = self._database.path
        files = {"data": path, "log": path.with_name(f"{path.name}.wal")}
        return {part: file.stat().st_size for part, file in files.items() if file.exists()}

    async def check(self) -> AsyncIterator[TableCheck]:
        """Read the whole file without changing it; the store may not be started."""
        checks = check_file(self._database.path, self._memory_limit, self._threads)
        while (result := await asyncio.to_thread(next, checks, None)) is not None:
            yield result

    @asynccontextmanager
    async def open_snapshot(self) -> "AsyncIterator[StoreSnapshot]":
        """Begin a transaction, and yield a view of the store in it."""
        snapshot = Snapshot(self._database)
        try:
            await snapshot.begin()
            yield FrozenDuckStore(snapshot, self._collections)
        finally:
            await snapshot.release()

    @asynccontextmanager
    async def restoring(self) -> "AsyncIterator[Store]":
        """Yield an empty store in a file of its own, which replaces that of this store at the end."""
        path = self._database.path
        draft = path.with_name(f"{path.name}.restoring")
        if _has_log(path):
            raise Unavailable(f"{path}.wal is still there: stop the server that uses {path}, and start it once more")
        _delete_file(draft)
        store = DuckStore(draft, self._schema, memory_limit=self._memory_limit, threads=self._threads)
        try:
            await store.start()
            yield store
            await store.close()
            if _has_log(draft):
                raise StoreFull("The restored data could not be written completely. Is the disk full?")
            await asyncio.to_thread(_replace_file, draft, path)
        finally:
            await store.close()
            _delete_file(draft)

    def _migrate(self, cursor: Cursor) -> None:
        cursor.execute("BEGIN TRANSACTION")
        self._migrate_version(cursor)
        cursor.execute("CREATE TABLE IF NOT EXISTS _collections (name VARCHAR, made_for VARCHAR)")
        cursor.execute("CREATE TABLE IF NOT EXISTS _changes (application VARCHAR, name VARCHAR)")
        create_writes_table(cursor)
        numbers.create_tables(cursor)
        declarations = dict(cursor.execute("SELECT name, made_for FROM _collections").fetchall())
        for name, documents in self._collections.items():
            documents.create(cursor, declarations.get(name))
        for name in self._schema.removed:
            cursor.execute(f"DROP TABLE IF EXISTS {quote(name)}")
            cursor.execute("DELETE FROM _collections WHERE name = ?", [name])
        create_tables(cursor, self._schema.tables)
        cursor.execute("COMMIT")

    def _migrate_version(self, cursor: Cursor) -> None:
        """Raise StoreTooNew when a newer version has written the file; else note the version of this schema."""
        cursor.execute("CREATE TABLE IF NOT EXISTS _schema (version BIGINT)")
        rows = cursor.execute("SELECT version FROM _schema").fetchall()
        stored = rows[0][0] if rows else 0
        if stored > self._schema.version:
            raise StoreTooNew(str(self._database.path), stored, self._schema.version)
        if stored < self._schema.version:
            cursor.execute("DELETE FROM _schema")
            cursor.execute("INSERT INTO _schema VALUES (?)", [self._schema.version])

    # -- documents

    async def get(self, collection: Collection, where: Condition) -> Json | None:
        """Return the matching document with the least `_id`, or None."""
        rows = await self._query(collection, self._collections[collection.name].get(where))
        if len(rows) > 1:
            return (await self.find(collection, where, limit=1))[0]
        return orjson.loads(rows[0][0]) if rows else None

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
        documents = self._collections[collection.name]
        rows = await self._query(collection, documents.find(where, sort, skip, limit, fields))

        def decode() -> list[Json]:
            if fields is None:
                return [orjson.loads(text) for (text,) in rows]
            return [nest_values(("_id", *fields), row) for row in rows]

        return decode() if len(rows) <= _MOST_DECODED_ON_LOOP else await asyncio.to_thread(decode)

    async def count(self, collection: Collection, where: Condition) -> int:
        """Return the number of matching documents."""
        return int((await self._query(collection, self._collections[collection.name].count(where)))[0][0])

    async def stream(
        self, collection: Collection, where: Condition, *, sort: Sequence[SortKey] = BY_ID
    ) -> AsyncIterator[list[Json]]:
        """Yield every matching document of one snapshot, in blocks; reads every `_id` first, then the documents."""
        documents = self._collections[collection.name]
        async with self._database.transaction() as cursor:
            ids = await self._database.run(cursor, partial(documents.list_ids, cursor, where, sort))
            for start in range(0, len(ids), _STREAM_BLOCK):
                block = ids[start : start + _STREAM_BLOCK].to_pylist()
                yield await self._database.run(cursor, partial(documents.read_block, cursor, where, block, sort))

    async def insert(self, collection: Collection, documents: Sequence[Json]) -> None:
        """Insert documents."""
        await self.write(collection, documents, ())

    async def replace(self, collection: Collection, where: Condition, document: Json) -> bool:
        """Replace the matching document of the same `_id`; return False when none matches."""
        documents = self._collections[collection.name]
        return await self._write(collection, lambda cursor: documents.replace(cursor, where, document))

    async def write(
        self, collection: Collection, inserts: Sequence[Json], replaces: Sequence[Json], *, versioned: bool = False
    ) -> None:
        """Insert and replace documents together."""
        documents = self._collections[collection.name]
        await self._write(collection, lambda cursor: documents.write(cursor, inserts, replaces, versioned=versioned))

    async def update(self, collection: Collection, where: Condition, changes: Mapping[str, Any]) -> int:
        """Set fields of every matching document; return how many matched."""
        documents = self._collections[collection.name]
        return await self._write(collection, lambda cursor: documents.update(cursor, where, changes))

    async def delete(self, collection: Collection, where: Condition) -> int:
        """Delete every matching document; return how many there were."""
        documents = self._collections[collection.name]
        return await self._write(collection, lambda cursor: documents.delete(cursor, where))

    def hold_revisions(self, subject: str | None = None) -> AbstractContextManager[None]:  # noqa: ARG002 - needs no query
        """Do nothing: all writes are those of this process, so that revisions are always current."""
        return nullcontext()

    async def read_revisions(self) -> None:
        """Do nothing."""

    def revision(self, *collections: Collection) -> str | None:
        """Return a text that changes with every write to these collections."""
        return self._result_cache.revision([collection.name for collection in collections])

    async def _query(self, collection: Collection, statement: Sql) -> ResultRows:
        return await self._result_cache.fetch(
            collection.name, statement, lambda: self._database.call(partial(_fetch_rows, statement))
        )

    async def _write(self, collection: Collection, work: Callable[[Cursor], T]) -> T:
        async with self._write_locks[collection.name]:
            try:
                return await self._database.write(work)
            finally:
                self._result_cache.invalidate(collection.name)

    # -- rows

    async def read_version(self, application: str) -> str:
        """Return the version of an application's rows that a reader would have which is opened now."""
        return self._snapshots.get_application_version(application)

    @asynccontextmanager
    async def open_reader(
        self, application: str, *, row_limit: int | None = None, timeout_s: float | None = None
    ) -> AsyncIterator[DuckReader]:
        """Open a snapshot of an application's rows."""
        async with self._snapshots.open_snapshot(application) as snapshot:
            yield DuckReader(
                snapshot, application, row_limit=row_limit, timeout_s=timeout_s, column_cache=self._column_cache
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
        """Begin a transaction; changes of one application wait for each other."""
        async with self._change_locks[application], self._begin(application, name) as change:
            yield change

    @asynccontextmanager
    async def begin_append(self, application: str, name: str) -> AsyncIterator[Change]:
        """Begin a transaction that only appends; it waits for no change but such ones of the application."""
        async with self._append_locks[application], self._begin(application, name) as change:
            yield change

    @asynccontextmanager
    async def _begin(self, application: str, name: str) -> AsyncIterator[Change]:
        snapshot = Snapshot(self._database)
        written_collections: set[str] = set()
        try:
            # No commit between the two, or the versions of tables would be those of other rows.
            async with self._commit_locks[application]:
                await snapshot.begin()
                versions = self._snapshots.get_versions(application)
            change = DuckChange(
                snapshot,
                application,
                name=name,
                snapshots=self._snapshots,
                database=self._database,
                cache=self._column_cache,
                recent=self._recent_parts,
                collections=self._collections,
                table_versions=versions,
                commit_lock=self._commit_locks[application],
            )
            written_collections = change.written_collections
            try:
                yield change
            finally:
                await change.abandon()
        finally:
            for collection in written_collections:
                self._result_cache.invalidate(collection)
            await snapshot.release()

    async def is_committed(self, application: str, name: str) -> bool:
        """Return whether the change of that name was committed."""
        return await self._database.call(partial(has_change, application=application, name=name))

    async def delete_rows(self, application: str) -> None:
        """Delete every row of an application, its numbers and its counters; waits for a running change to end."""
        tables = [table.name for table in self._schema.tables]
        async with (
            self._change_locks[application],
            self._append_locks[application],
            self._commit_locks[application],
            self._snapshots.committing(application, tables),
        ):
            for name, parts in await self._database.call(partial(_plan_deletion, tables, application)):
                await self._database.write(partial(_delete_range, name, "part", parts, application))
            await self._database.write(partial(_delete_all, "_changes", application))
        count = await self._database.call(partial(numbers.count_numbers, application=application))
        for low in range(0, count, _ROWS_PER_DELETE):
            bounds = (low, low + _ROWS_PER_DELETE - 1)
            async with self._write_locks["_numbers"]:
                await self._database.write(partial(_delete_range, "_numbers", "number", bounds, application))
        async with self._write_locks["_numbers"]:
            await self._database.write(partial(_delete_all, "_counters", application))
            self._numbering.forget(application)
        self.forget(application)

    def forget(self, application: str) -> None:
        """Drop the rows and columns of an application from memory."""
        self._column_cache.forget(application)
        self._recent_parts.forget(application)

    # -- numbers

    async def assign_numbers(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int]:
        """Return the number of each identifier; new identifiers get the next numbers."""
        return await self._numbering.assign(application, kind, identifiers)

    async def find_numbers(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int | None]:
        """Return the number of each identifier, None for identifiers that have none."""
        return await self._database.call(lambda cursor: numbers.find_numbers(cursor, application, kind, identifiers))

    async def next_number(self, application: str, counter: str, count: int = 1) -> int:
        """Increment a counter and return its value."""
        return await self._numbering.increment(application, counter, count)


class FrozenDuckStore(TransactionReads, DuckStore):
    """Implementation of `store.protocol.StoreSnapshot`."""


def _plan_deletion(tables: Sequence[str], application: str, cursor: Cursor) -> list[tuple[str, tuple[int, int]]]:
    """Return the table and the range of parts of deletions.

    A range has up to `_ROWS_PER_DELETE` rows of the application, or is one part.
    """
    plan: list[tuple[str, tuple[int, int]]] = []
    for table in tables:
        sql = f"SELECT part, count(*) FROM {quote(table)} WHERE application = ? GROUP BY part ORDER BY part"
        rows = _ROWS_PER_DELETE
        for part, count in cursor.execute(sql, [application]).fetchall():
            if rows + count > _ROWS_PER_DELETE:
                plan.append((table, (part, part)))
                rows = 0
            plan[-1] = table, (plan[-1][1][0], part)
            rows += count
    return plan


def _delete_range(table: str, column: str, bounds: tuple[int, int], application: str, cursor: Cursor) -> None:
    sql = f"DELETE FROM {quote(table)} WHERE application = ? AND {column} BETWEEN ? AND ?"
    cursor.execute(sql, [application, *bounds])


def _delete_all(table: str, application: str, cursor: Cursor) -> None:
    cursor.execute(f"DELETE FROM {quote(table)} WHERE application = ?", [application])


def _has_log(path: Path) -> bool:
    return Path(f"{path}.wal").exists()


def _replace_file(draft: Path, path: Path) -> None:
    """Rename a file, durably."""
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _delete_file(path: Path) -> None:
    """Delete the files of a store that is not open, if they exist."""
    for suffix in ("", ".wal", ".reserve"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)


def _fetch_rows(statement: Sql, cursor: Cursor) -> ResultRows:
    return cursor.execute(*statement).fetchall()
