"""Rows in DuckDB: tables made, partitions read and plans answered, each within one transaction."""

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, TypeVar

import pyarrow as pa

from okube_api.store.columnar.column_cache import MAX_ROWS, ColumnCache
from okube_api.store.conditions import EVERYTHING
from okube_api.store.duckdb.connection import Cursor, fetch_table, quote
from okube_api.store.duckdb.snapshots import Snapshot
from okube_api.store.duckdb.sql import PLAIN, TYPES, Sql, Statement, aggregate_sql, count_sql, select_sql
from okube_api.store.errors import TooManyRows, UnsupportedByStore
from okube_api.store.plan_analysis import get_stored_types, resolve_source
from okube_api.store.plans import Aggregate, Select
from okube_api.store.schema import ColumnType, Table

BLOCK_ROWS = 250_000
T = TypeVar("T")


def create_table(cursor: Cursor, table: Table) -> None:
    """Makes the table, and the columns that a later version declared (null in the rows that are there)."""
    kinds = {
        name: TYPES[kind] + (PLAIN if kind is ColumnType.BYTES else "")
        for name, kind in get_stored_types(table).items()
    }
    definitions = {"application": "VARCHAR", **kinds}
    text = ", ".join(f"{quote(name)} {kind}" for name, kind in definitions.items())
    cursor.execute(f"CREATE TABLE IF NOT EXISTS {quote(table.name)} ({text})")
    present = {row[0] for row in cursor.execute(f"DESCRIBE {quote(table.name)}").fetchall()}
    for name, kind in definitions.items():
        if name not in present:
            cursor.execute(f"ALTER TABLE {quote(table.name)} ADD COLUMN {quote(name)} {kind}")


class DuckReader:
    """One moment's view of an application."""

    def __init__(
        self,
        view: Snapshot,
        application: str,
        *,
        row_limit: int | None = None,
        timeout_s: float | None = None,
        column_cache: ColumnCache | None = None,
    ) -> None:
        self._view, self._application, self._held = view, application, column_cache
        self._row_limit, self._timeout_s = row_limit, timeout_s

    @property
    def version(self) -> str:
        """Changes with every change of the application."""
        return self._view.version

    def version_of(self, table: Table) -> str:
        """Changes with every change of the application's rows in the table."""
        return self._view.version_of(table.name)

    async def aggregate(self, plan: Aggregate) -> pa.Table:
        """The plan's answer, from memory where the table is held there."""
        return await self._answer(plan, lambda: aggregate_sql(plan, self._application))

    async def select(self, plan: Select) -> pa.Table:
        """The plan's rows, from memory where they are held there."""
        return await self._answer(plan, lambda: select_sql(plan, self._application))

    async def _answer(self, plan: Aggregate | Select, statement: Callable[[], Sql]) -> pa.Table:
        table, where = resolve_source(plan)
        if self._held is not None and self._view.tables is not None and not table.packed:
            version = self._view.tables.get(table.name, 0)
            answer = self._held.answer(plan, self._application, version, self._load, self._row_limit)
            if (found := await answer) is not None:
                return found
        text, values = statement()
        counting = count_sql(table, where, self._application)

        def call(cursor: Cursor) -> pa.Table:
            _check_rows(cursor, table, counting, self._row_limit)
            return fetch_table(cursor, text, values)

        return await self._ask(table, call)

    async def read_parts(self, table: Table, low: int, high: int) -> AsyncIterator[pa.Table]:
        """Partitions in ascending order, as many at a time as make a block; a large one in pieces."""
        names = ", ".join(quote(name) for name in get_stored_types(table))
        source = f"FROM {quote(table.name)} WHERE application = ? AND part BETWEEN ? AND ?"
        application = self._application
        counted = await self._fetch(
            table, (f"SELECT part, count(*) AS n {source} GROUP BY part ORDER BY part", [application, low, high])
        )
        for first, last, count in _blocks(counted["part"].to_pylist(), counted["n"].to_pylist()):
            if count <= BLOCK_ROWS:
                yield await self._fetch(table, (f"SELECT {names} {source} ORDER BY part", [application, first, last]))
                continue
            found = await self._fetch(table, (f"SELECT rowid AS row {source} ORDER BY row", [application, first, last]))
            for at in range(0, count, BLOCK_ROWS):
                ends = [found["row"][one].as_py() for one in (at, min(at + BLOCK_ROWS, count) - 1)]
                piece = f"SELECT {names} {source} AND rowid BETWEEN ? AND ?"
                yield await self._fetch(table, (piece, [application, first, last, *ends]))

    async def list_parts(self, table: Table, batch: int | None = None) -> list[int]:
        """The partitions that hold rows."""
        values: list[Any] = [self._application]
        sql = f"SELECT DISTINCT part FROM {quote(table.name)} WHERE application = ?"
        if batch is not None:
            if not table.packed:
                raise UnsupportedByStore(f"{table.name} is not packed: its rows belong to no batch")
            sql, values = f"{sql} AND batch = ?", [self._application, batch]
        found = await self._fetch(table, (f"{sql} ORDER BY part", values))
        return [int(part) for part in found["part"].to_pylist()]

    def to_statement(self, plan: Aggregate | Select) -> Statement:
        """The SQL of a plan."""
        if isinstance(plan, Select):
            text, values = select_sql(plan, self._application)
        else:
            text, values = aggregate_sql(plan, self._application)
        return Statement(text, tuple(values))

    async def _load(self, table: Table, columns: tuple[str, ...]) -> pa.Table | None:
        counted = await self._fetch(table, count_sql(table, EVERYTHING, self._application))
        if int(counted["n"][0].as_py()) > MAX_ROWS:
            return None
        return await self._fetch(table, select_sql(Select(table, EVERYTHING, columns), self._application))

    async def _fetch(self, table: Table, statement: Sql) -> pa.Table:
        return await self._ask(table, lambda cursor: fetch_table(cursor, *statement))

    async def _ask(self, table: Table, call: Callable[[Cursor], T]) -> T:  # noqa: ARG002 - of whichever table
        return await self._view.run(call, self._timeout_s)


def _check_rows(cursor: Cursor, table: Table, counting: Sql, row_limit: int | None) -> None:
    """Raises TooManyRows; rows are only counted where the whole table has more than the limit."""
    if row_limit is None:
        return
    whole: Sql = (f"SELECT count(*) FROM {quote(table.name)}", [])
    count = 0
    for statement in (whole, counting):
        count = int(cursor.execute(*statement).fetchall()[0][0])
        if count <= row_limit:
            return
    raise TooManyRows(f"{count:,} rows of {table.name}, over the limit of {row_limit:,}")


def _blocks(parts: Sequence[int], counts: Sequence[int]) -> list[tuple[int, int, int]]:
    """(first part, last part, rows) of neighbours that together make a block; one that is larger stays alone."""
    blocks: list[tuple[int, int, int]] = []
    for part, count in zip(parts, counts, strict=True):
        if blocks and blocks[-1][2] + count <= BLOCK_ROWS:
            first, _, held = blocks[-1]
            blocks[-1] = (first, part, held + count)
        else:
            blocks.append((part, part, count))
    return blocks
