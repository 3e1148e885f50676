"""The embedded store: one DuckDB file, one process."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import duckdb
import pyarrow as pa

from okube_api.store.base import (
    BY_ID,
    Change,
    Collection,
    Condition,
    Json,
    Order,
    Reader,
    Schema,
)
from okube_api.store.duckdb.connection import Database, fetched
from okube_api.store.duckdb.documents import Documents
from okube_api.store.duckdb.rows import DuckChange, DuckReader, create_table
from okube_api.store.duckdb.sql import quoted

T = TypeVar("T")
_STREAM_BLOCK = 1000


class DuckStore:
    """See `store.base.Store`."""

    def __init__(self, path: Path, schema: Schema, *, memory_limit: str, threads: int) -> None:
        self._schema = schema
        self._database = Database(path, memory_limit, threads)
        self._lock = threading.Lock()
        self._collections = {one.name: Documents(one, self._lock) for one in schema.collections}
        self._changes: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start(self) -> None:
        """Opens the file and makes what is missing in it."""
        await self._database.open()
        await self._call(self._migrate)

    async def close(self) -> None:
        """Closes the file."""
        await self._database.close()

    async def ping(self) -> None:
        """Returns when the file answers."""
        await self._call(lambda cursor: cursor.execute("SELECT 1").fetchall(), timeout_s=2)

    def _migrate(self, cursor: duckdb.DuckDBPyConnection) -> None:
        cursor.execute("BEGIN TRANSACTION")
        cursor.execute('CREATE TABLE IF NOT EXISTS "_changes" (application VARCHAR, name VARCHAR)')
        cursor.execute(
            'CREATE TABLE IF NOT EXISTS "_numbers" (application VARCHAR, kind VARCHAR, identifier BLOB, number BIGINT)'
        )
        cursor.execute('CREATE TABLE IF NOT EXISTS "_counters" (application VARCHAR, name VARCHAR, last BIGINT)')
        for documents in self._collections.values():
            documents.create(cursor)
        for table in self._schema.tables:
            create_table(cursor, table)
        cursor.execute("COMMIT")

    async def _call(self, work: Any, *arguments: Any, timeout_s: float | None = None) -> Any:
        cursor = self._database.cursor()
        return await self._database.run(cursor, partial(work, cursor, *arguments), timeout_s)

    # -- documents

    async def get(self, collection: Collection, where: Condition) -> Json | None:
        """One match."""
        found = await self.find(collection, where, limit=1)
        return found[0] if found else None

    async def find(
        self,
        collection: Collection,
        where: Condition,
        *,
        sort: Sequence[Order] = BY_ID,
        skip: int = 0,
        limit: int | None = None,
    ) -> list[Json]:
        """Matching documents."""
        found: list[Json] = await self._call(self._collections[collection.name].find, where, sort, skip, limit)
        return found

    async def count(self, collection: Collection, where: Condition) -> int:
        """How many match."""
        return int(await self._call(self._collections[collection.name].count, where))

    async def stream(
        self, collection: Collection, where: Condition, *, sort: Sequence[Order] = BY_ID
    ) -> AsyncIterator[list[Json]]:
        """Every match, of one moment, a block at a time."""
        documents = self._collections[collection.name]
        async with self._database.transaction() as cursor:
            at = 0
            while True:
                block = await self._database.run(
                    cursor, partial(documents.find, cursor, where, sort, at, _STREAM_BLOCK)
                )
                if block:
                    yield block
                if len(block) < _STREAM_BLOCK:
                    return
                at += _STREAM_BLOCK

    async def insert(self, collection: Collection, documents: Sequence[Json]) -> None:
        """Adds documents."""
        await self.write(collection, documents, ())

    async def replace(self, collection: Collection, where: Condition, document: Json) -> bool:
        """Compare and set."""
        return bool(await self._call(self._collections[collection.name].replace, where, document))

    async def write(self, collection: Collection, inserts: Sequence[Json], replaces: Sequence[Json]) -> None:
        """Adds and replaces together."""
        await self._call(self._collections[collection.name].write, inserts, replaces)

    async def update(self, collection: Collection, where: Condition, changes: Mapping[str, Any]) -> int:
        """Sets fields of every match."""
        return int(await self._call(self._collections[collection.name].update, where, changes))

    async def delete(self, collection: Collection, where: Condition) -> int:
        """Removes every match."""
        return int(await self._call(self._collections[collection.name].delete, where))

    # -- rows

    @asynccontextmanager
    async def reading(
        self, application: str, *, row_limit: int | None = None, timeout_s: float | None = None
    ) -> AsyncIterator[Reader]:
        """One transaction's view."""
        async with self._database.transaction() as cursor:
            yield DuckReader(self._database, cursor, application, row_limit, timeout_s)

    @asynccontextmanager
    async def changing(self, application: str, name: str) -> AsyncIterator[Change]:
        """One transaction; changes of one application wait for each other."""
        async with self._changes[application], self._database.transaction() as cursor:
            yield DuckChange(self._database, cursor, application, name)

    async def committed(self, application: str, name: str) -> bool:
        """Whether a change's mark is there."""
        sql = 'SELECT count(*) FROM "_changes" WHERE application = ? AND name = ?'
        found = await self._call(lambda cursor: cursor.execute(sql, [application, name]).fetchall())
        return bool(found[0][0])

    async def forget(self, application: str) -> None:
        """Removes every row of an application."""
        await self._call(self._forget, application)

    def _forget(self, cursor: duckdb.DuckDBPyConnection, application: str) -> None:
        cursor.execute("BEGIN TRANSACTION")
        for name in (*(table.name for table in self._schema.tables), "_changes", "_numbers", "_counters"):
            cursor.execute(f"DELETE FROM {quoted(name)} WHERE application = ?", [application])
        cursor.execute("COMMIT")

    # -- numbers

    async def numbers(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int]:
        """Numbers of identifiers, new ones included."""
        found: list[int] = await self._call(self._allot, application, kind, list(identifiers))
        return found

    async def known(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int | None]:
        """Numbers of identifiers seen before."""
        found: dict[bytes, int] = await self._call(self._numbers, application, kind, list(identifiers))
        return [found.get(one) for one in identifiers]

    def _numbers(
        self, cursor: duckdb.DuckDBPyConnection, application: str, kind: str, identifiers: list[bytes]
    ) -> dict[bytes, int]:
        cursor.register("wanted", pa.table({"identifier": pa.array(identifiers, pa.binary())}))
        found = fetched(
            cursor,
            'SELECT identifier, number FROM "_numbers" WHERE application = ? AND kind = ? '
            "AND identifier IN (SELECT identifier FROM wanted)",
            [application, kind],
        )
        cursor.unregister("wanted")
        return dict(zip(found["identifier"].to_pylist(), found["number"].to_pylist(), strict=True))

    def _allot(
        self, cursor: duckdb.DuckDBPyConnection, application: str, kind: str, identifiers: list[bytes]
    ) -> list[int]:
        with self._lock:
            found = self._numbers(cursor, application, kind, identifiers)
            new = [one for one in dict.fromkeys(identifiers) if one not in found]
            if new:
                row = cursor.execute(
                    'SELECT coalesce(max(number) + 1, 0) FROM "_numbers" WHERE application = ? AND kind = ?',
                    [application, kind],
                ).fetchall()
                numbers = range(row[0][0], row[0][0] + len(new))
                cursor.register(
                    "fresh", pa.table({"i": pa.array(new, pa.binary()), "n": pa.array(numbers, pa.int64())})
                )
                cursor.execute('INSERT INTO "_numbers" SELECT ?, ?, i, n FROM fresh', [application, kind])
                cursor.unregister("fresh")
                found.update(zip(new, numbers, strict=True))
        return [found[one] for one in identifiers]

    async def next_number(self, application: str, counter: str) -> int:
        """The next of a counter."""
        return int(await self._call(self._next, application, counter))

    def _next(self, cursor: duckdb.DuckDBPyConnection, application: str, counter: str) -> int:
        with self._lock:
            row = cursor.execute(
                'UPDATE "_counters" SET last = last + 1 WHERE application = ? AND name = ? RETURNING last',
                [application, counter],
            ).fetchall()
            if not row:
                cursor.execute('INSERT INTO "_counters" VALUES (?, ?, 1)', [application, counter])
                return 1
        return int(row[0][0])
