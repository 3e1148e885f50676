"""A view of the whole embedded store in one transaction: every document and row as they were at one instant."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

import pyarrow as pa

from okube_api.store.columnar.column_cache import ColumnCache
from okube_api.store.conditions import Condition
from okube_api.store.duckdb.connection import Cursor, fetch_table
from okube_api.store.duckdb.documents import DuckDocuments
from okube_api.store.duckdb.result_cache import ResultRows
from okube_api.store.duckdb.rows import DuckReader
from okube_api.store.duckdb.snapshots import Snapshot
from okube_api.store.duckdb.sql import Sql
from okube_api.store.errors import UnsupportedByStore
from okube_api.store.schema import BY_ID, Collection, SortKey
from okube_api.store.values import Json

T = TypeVar("T")
_STREAM_BLOCK = 1000
_IDENTIFIER_BLOCK = 100_000
_CACHE_BYTES = 64 * 2**20


class TransactionReads:
    """The methods of the store that read, in one transaction and one at a time."""

    def __init__(self, snapshot: Snapshot, collections: dict[str, DuckDocuments]) -> None:
        self._snapshot, self._collections = snapshot, collections
        snapshot.table_versions = {}  # each table has one version: the rows of a transaction do not change
        self._column_cache = ColumnCache(_CACHE_BYTES)

    async def pin_rows(self, application: str) -> None:
        """Do nothing: the transaction has begun."""

    async def find_deleted(self) -> set[str]:
        """Return no application: a transaction stays whole."""
        return set()

    async def stream(
        self, collection: Collection, where: Condition, *, sort: Sequence[SortKey] = BY_ID
    ) -> AsyncIterator[list[Json]]:
        """Yield every matching document, in blocks."""
        documents = self._collections[collection.name]
        ids = await self._snapshot.run(lambda cursor: documents.list_ids(cursor, where, sort))
        for start in range(0, len(ids), _STREAM_BLOCK):
            block = ids[start : start + _STREAM_BLOCK].to_pylist()
            yield await self._snapshot.run(partial(_read_block, documents, where, block, sort))

    def revision(self, *collections: Collection) -> str | None:  # noqa: ARG002 - as in the protocol
        """Return None, so that nothing is cached for the store itself."""
        return None

    @asynccontextmanager
    async def open_reader(
        self, application: str, *, row_limit: int | None = None, timeout_s: float | None = None
    ) -> AsyncIterator[DuckReader]:
        """Open a reader in the transaction."""
        yield DuckReader(
            self._snapshot, application, row_limit=row_limit, timeout_s=timeout_s, column_cache=self._column_cache
        )

    async def stream_identifiers(self) -> AsyncIterator[tuple[str, str, list[bytes]]]:
        """Yield (application, kind, identifiers in the order of their numbers), in blocks."""
        logs = await self._snapshot.run(
            lambda cursor: cursor.execute(
                "SELECT application, kind, max(number) + 1 FROM _numbers GROUP BY ALL ORDER BY ALL"
            ).fetchall()
        )
        for application, kind, size in logs:
            for low in range(0, size, _IDENTIFIER_BLOCK):
                values = [application, kind, low, low + _IDENTIFIER_BLOCK]
                block = await self._snapshot.run(partial(_read_identifiers, values))
                yield application, kind, block["identifier"].to_pylist()

    async def list_counters(self) -> list[tuple[str, str, int]]:
        """Return (application, name, last value) of every counter."""
        sql = "SELECT application, name, last FROM _counters ORDER BY ALL"
        return await self._snapshot.run(lambda cursor: cursor.execute(sql).fetchall())

    async def _query(self, collection: Collection, statement: Sql) -> ResultRows:  # noqa: ARG002 - nothing is cached
        return await self._snapshot.run(lambda cursor: cursor.execute(*statement).fetchall())

    async def _write(self, collection: Collection, work: Callable[[Cursor], T]) -> T:  # noqa: ARG002
        raise UnsupportedByStore(f"A snapshot cannot be written: {collection.name}.")


def _read_block(
    documents: DuckDocuments, where: Condition, ids: Sequence[str], sort: Sequence[SortKey], cursor: Cursor
) -> list[Json]:
    return documents.read_block(cursor, where, ids, sort)


def _read_identifiers(values: list[object], cursor: Cursor) -> pa.Table:
    sql = (
        "SELECT identifier FROM _numbers WHERE application = ? AND kind = ? AND number >= ? AND number < ? "
        "ORDER BY number"
    )
    return fetch_table(cursor, sql, values)
