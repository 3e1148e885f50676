"""The embedded store: one DuckDB file, one process."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import orjson

from okube_api.store.columnar.column_cache import ColumnCache
from okube_api.store.conditions import Condition
from okube_api.store.duckdb import numbers
from okube_api.store.duckdb.changes import DuckChange
from okube_api.store.duckdb.connection import Cursor, Database, quote
from okube_api.store.duckdb.documents import DuckDocuments, nested
from okube_api.store.duckdb.result_cache import ResultCache, ResultRows
from okube_api.store.duckdb.rows import DuckReader, create_table
from okube_api.store.duckdb.snapshots import Snapshots, Snapshot
from okube_api.store.duckdb.sql import Sql
from okube_api.store.protocol import Change, Reader
from okube_api.store.schema import BY_ID, Collection, Schema, SortKey
from okube_api.store.values import Json

T = TypeVar("T")
_STREAM_BLOCK = 1000
_PING_S = 2.0


class DuckStore:
    """See `store.protocol.Store`.

    held: which tables are answered from memory.
    """

    def __init__(
        self, path: Path, schema: Schema, *, memory_limit: str, threads: int, column_cache: ColumnCache | None = None
    ) -> None:
        self._schema = schema
        self._database = Database(path, memory_limit, threads)
        self._collections = {one.name: DuckDocuments(one) for one in schema.collections}
        self._recent = ResultCache()
        self._moments, self._held = Snapshots(self._database), column_cache or ColumnCache()
        self._writing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._changing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start(self) -> None:
        """Opens the file and makes what is missing in it."""
        await self._database.open()
        await self._database.call(self._migrate)

    async def close(self) -> None:
        """Closes the file."""
        await self._database.close()

    async def ping(self) -> None:
        """Returns when the file answers."""
        await self._database.call(lambda cursor: cursor.execute("SELECT 1").fetchall(), _PING_S)

    def _migrate(self, cursor: Cursor) -> None:
        cursor.execute("BEGIN TRANSACTION")
        cursor.execute("CREATE TABLE IF NOT EXISTS _collections (name VARCHAR, made_for VARCHAR)")
        cursor.execute("CREATE TABLE IF NOT EXISTS _changes (application VARCHAR, name VARCHAR)")
        numbers.create_tables(cursor)
        for documents in self._collections.values():
            documents.create(cursor)
        for table in self._schema.tables:
            create_table(cursor, table)
        cursor.execute("COMMIT")

    # -- documents

    async def get(self, collection: Collection, where: Condition) -> Json | None:
        """One match."""
        found = await self._ask(collection, self._collections[collection.name].get(where))
        if len(found) > 1:
            return (await self.find(collection, where, limit=1))[0]
        return orjson.loads(found[0][0]) if found else None

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
        """Matching documents."""
        documents = self._collections[collection.name]
        if fields is None:
            found = await self._ask(collection, documents.find(where, sort, skip, limit))
            return [orjson.loads(text) for (text,) in found]
        found = await self._ask(collection, documents.find(where, sort, skip, limit, fields))
        return [nested(("_id", *fields), row) for row in found]

    async def count(self, collection: Collection, where: Condition) -> int:
        """How many match."""
        return int((await self._ask(collection, self._collections[collection.name].count(where)))[0][0])

    async def stream(
        self, collection: Collection, where: Condition, *, sort: Sequence[SortKey] = BY_ID
    ) -> AsyncIterator[list[Json]]:
        """Every match, of one moment: which they are first, then the documents, a block at a time."""
        documents = self._collections[collection.name]
        async with self._database.transaction() as cursor:
            matching = await self._database.run(cursor, partial(_rows, documents.matching(where, sort), cursor))
            for at in range(0, len(matching), _STREAM_BLOCK):
                rows = [row for (row,) in matching[at : at + _STREAM_BLOCK]]
                yield await self._database.run(cursor, partial(documents.at, cursor, rows))

    async def insert(self, collection: Collection, documents: Sequence[Json]) -> None:
        """Adds documents."""
        await self.write(collection, documents, ())

    async def replace(self, collection: Collection, where: Condition, document: Json) -> bool:
        """Compare and set."""
        documents = self._collections[collection.name]
        return await self._write(collection, lambda cursor: documents.replace(cursor, where, document))

    async def write(self, collection: Collection, inserts: Sequence[Json], replaces: Sequence[Json]) -> None:
        """Adds and replaces together."""
        documents = self._collections[collection.name]
        await self._write(collection, lambda cursor: documents.write(cursor, inserts, replaces))

    async def update(self, collection: Collection, where: Condition, changes: Mapping[str, Any]) -> int:
        """Sets fields of every match."""
        documents = self._collections[collection.name]
        return await self._write(collection, lambda cursor: documents.update(cursor, where, changes))

    async def delete(self, collection: Collection, where: Condition) -> int:
        """Removes every match."""
        documents = self._collections[collection.name]
        return await self._write(collection, lambda cursor: documents.delete(cursor, where))

    def revision(self, *collections: Collection) -> str | None:
        """How often they were written."""
        return self._recent.revision([collection.name for collection in collections])

    async def _ask(self, collection: Collection, statement: Sql) -> ResultRows:
        return await self._recent.fetch(
            collection.name, statement, lambda: self._database.call(partial(_rows, statement))
        )

    async def _write(self, collection: Collection, work: Callable[[Cursor], T]) -> T:
        async with self._writing[collection.name]:
            try:
                return await self._database.call(work)
            finally:
                self._recent.invalidate(collection.name)

    # -- rows

    @asynccontextmanager
    async def open_reader(
        self, application: str, *, row_limit: int | None = None, timeout_s: float | None = None
    ) -> AsyncIterator[Reader]:
        """One moment's view."""
        async with self._moments.open_snapshot(application) as view:
            yield DuckReader(view, application, row_limit=row_limit, timeout_s=timeout_s, column_cache=self._held)

    @asynccontextmanager
    async def begin_change(self, application: str, name: str) -> AsyncIterator[Change]:
        """One transaction; changes of one application wait for each other."""
        async with self._changing[application]:
            view = Snapshot(self._database)
            change = DuckChange(view, application, name=name, moments=self._moments)
            try:
                await view.begin()
                yield change
            finally:
                await change.abandon()
                await view.release()

    async def is_committed(self, application: str, name: str) -> bool:
        """Whether a change's mark is there."""
        statement = ("SELECT 1 FROM _changes WHERE application = ? AND name = ? LIMIT 1", [application, name])
        return bool(await self._database.call(partial(_rows, statement)))

    async def delete_rows(self, application: str) -> None:
        """Removes every row of an application, once a change of it that is under way has ended."""
        tables = [table.name for table in self._schema.tables]
        async with (
            self._changing[application],
            self._writing["_numbers"],
            self._moments.committing(application, tables),
        ):
            await self._database.call(partial(self._forget, application))

    def _forget(self, application: str, cursor: Cursor) -> None:
        cursor.execute("BEGIN TRANSACTION")
        for name in (*(table.name for table in self._schema.tables), "_changes", "_numbers", "_counters"):
            cursor.execute(f"DELETE FROM {quote(name)} WHERE application = ?", [application])
        cursor.execute("COMMIT")

    # -- numbers

    async def assign_numbers(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int]:
        """Numbers of identifiers, new ones included."""
        async with self._writing["_numbers"]:
            return await self._database.call(lambda cursor: numbers.assign_numbers(cursor, application, kind, identifiers))

    async def find_numbers(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int | None]:
        """Numbers of identifiers seen before."""
        found = await self._database.call(lambda cursor: numbers.find_numbers(cursor, application, kind, identifiers))
        return [found.get(one) for one in identifiers]

    async def next_number(self, application: str, counter: str) -> int:
        """The next of a counter."""
        async with self._writing["_numbers"]:
            return await self._database.call(lambda cursor: numbers.increment_counter(cursor, application, counter))


def _rows(statement: Sql, cursor: Cursor) -> ResultRows:
    return cursor.execute(*statement).fetchall()
