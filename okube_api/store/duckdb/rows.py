"""Rows in DuckDB: creates tables, reads partitions and evaluates plans."""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar
from uuid import uuid4

import anyio
import pyarrow as pa

from okube_api.store.columnar.column_cache import MAX_ROWS, ColumnCache
from okube_api.store.conditions import EVERYTHING, Condition
from okube_api.store.duckdb.connection import Cursor, fetch_table, quote
from okube_api.store.duckdb.snapshots import Snapshot, ThreadSnapshot
from okube_api.store.duckdb.sql import (
    TYPES,
    UNCOMPRESSED,
    HashedFields,
    Sql,
    Statement,
    aggregate_sql,
    count_sql,
    select_sql,
    to_sql,
)
from okube_api.store.errors import StoreError, TooManyRows, UnsupportedByStore
from okube_api.store.exact_integers import narrow_columns
from okube_api.store.plan_analysis import get_stored_types, resolve_source
from okube_api.store.plans import Aggregate, Select
from okube_api.store.schema import ColumnType, Table

BLOCK_ROWS = 250_000
T = TypeVar("T")


def create_tables(cursor: Cursor, tables: Iterable[Table]) -> None:
    """Create the tables that do not exist; add columns and widen integers as declared since then.

    A new column is null in the rows that there are.
    """
    present: defaultdict[str, dict[str, str]] = defaultdict(dict)
    sql = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE NOT internal"
    for table_name, column_name, sql_type in cursor.execute(sql).fetchall():
        present[table_name][column_name] = sql_type
    for table in tables:
        _create_table(cursor, table, present[table.name])


def _create_table(cursor: Cursor, table: Table, present: Mapping[str, str]) -> None:
    """Create a table, or add to its columns, of which `present` has the types."""
    sql_types = {
        name: TYPES[column_type] + (UNCOMPRESSED if column_type is ColumnType.BYTES else "")
        for name, column_type in get_stored_types(table).items()
    }
    definitions = {"application": "VARCHAR", **sql_types}
    text = ", ".join(f"{quote(name)} {sql_type}" for name, sql_type in definitions.items())
    if not present:
        cursor.execute(f"CREATE TABLE {quote(table.name)} ({text})")
        return
    for name, sql_type in definitions.items():
        if present.get(name) == "BIGINT" and sql_type == "HUGEINT":
            cursor.execute(f"ALTER TABLE {quote(table.name)} ALTER COLUMN {quote(name)} TYPE HUGEINT")
        if name not in present:
            cursor.execute(f"ALTER TABLE {quote(table.name)} ADD COLUMN {quote(name)} {sql_type}")


class DuckReader:
    """Reader of one application's rows in a snapshot."""

    def __init__(
        self,
        snapshot: Snapshot | ThreadSnapshot,
        application: str,
        *,
        row_limit: int | None = None,
        timeout_s: float | None = None,
        column_cache: ColumnCache | None = None,
    ) -> None:
        self._snapshot, self._application, self._column_cache = snapshot, application, column_cache
        self._row_limit, self._timeout_s = row_limit, timeout_s

    @property
    def version(self) -> str:
        """Version of the application's rows in this snapshot."""
        return self._snapshot.version

    def version_of(self, table: Table) -> str:
        """Return the version of the application's rows in one table."""
        return self._snapshot.version_of(table.name)

    async def aggregate(self, plan: Aggregate) -> pa.Table:
        """Return the groups and measures of a plan, from the column cache if possible."""
        return await self._evaluate(plan, lambda: aggregate_sql(plan, self._application))

    async def select(self, plan: Select) -> pa.Table:
        """Return the rows of a plan, from the column cache if possible."""
        return await self._evaluate(plan, lambda: select_sql(plan, self._application))

    async def _evaluate(self, plan: Aggregate | Select, make_sql: Callable[[], Sql]) -> pa.Table:
        table, where = resolve_source(plan)
        table_versions = self._snapshot.table_versions
        if self._column_cache is not None and table_versions is not None and not table.packed:
            version = table_versions.get(table.name, 0)
            cached = await self._column_cache.answer(
                plan, self._application, version, self._load_columns, self._row_limit
            )
            if cached is not None:
                return cached
        text, values = make_sql()
        counting = count_sql(table, where, self._application)

        def call(cursor: Cursor) -> pa.Table:
            _check_row_count(cursor, table, counting, self._row_limit)
            rows = fetch_table(cursor, text, values)
            return narrow_columns(rows) if isinstance(plan, Aggregate) else rows

        return await self._run(table, call)

    async def read_parts(
        self, table: Table, low: int, high: int, where: Condition = EVERYTHING
    ) -> AsyncIterator[pa.Table]:
        """Yield partitions in ascending order: several small ones in one block, a large one in several blocks."""
        names = ", ".join(quote(name) for name in get_stored_types(table))
        text, values = to_sql(where, HashedFields(get_stored_types(table)))
        source = f"FROM {quote(table.name)} WHERE application = ? AND part BETWEEN ? AND ? AND {text}"
        if where != EVERYTHING or low == high:  # mostly few rows: one query instead of two
            limited: Sql = (f"SELECT {names} {source} LIMIT {BLOCK_ROWS + 1}", [self._application, low, high, *values])
            rows = await self._fetch(table, limited)
            if rows.num_rows <= BLOCK_ROWS:
                if rows.num_rows:
                    yield rows.sort_by("part")
                return
        counts = await self._fetch(
            table,
            (
                f"SELECT part, count(*) AS n {source} GROUP BY part ORDER BY part",
                [self._application, low, high, *values],
            ),
        )
        for first, last, count in _group_into_blocks(counts["part"].to_pylist(), counts["n"].to_pylist()):
            selected: Sql = (source, [self._application, first, last, *values])
            if count <= BLOCK_ROWS:
                yield await self._fetch(table, (f"SELECT {names} {source} ORDER BY part", selected[1]))
                continue
            async for block in self._read_large_part(table, names, selected):
                yield block

    async def _read_large_part(self, table: Table, names: str, source: Sql) -> AsyncIterator[pa.Table]:
        """Yield a partition of many rows in blocks, from a temporary table in which its rows are numbered.

        Rows have no key, and DuckDB may change its own numbers of rows whenever it writes the log to the file.
        source: the SQL from `FROM` on.
        """
        copy = quote(f"_part_{uuid4().hex}")

        def create(cursor: Cursor) -> None:
            numbered = f"SELECT {names}, row_number() OVER () AS _row {source[0]}"
            cursor.execute(f"CREATE TEMP TABLE {copy} AS {numbered}", source[1])

        await self._run(table, create)
        try:
            low = 0
            while True:
                sql = f"SELECT {names} FROM {copy} WHERE _row > ? AND _row <= ?"
                block = await self._fetch(table, (sql, [low, low + BLOCK_ROWS]))
                if not block.num_rows:
                    return
                yield block
                low += BLOCK_ROWS
        finally:
            with anyio.CancelScope(shield=True), suppress(StoreError):  # a rolled back transaction has dropped it
                await self._run(table, lambda cursor: cursor.execute(f"DROP TABLE IF EXISTS {copy}"))

    async def list_parts(self, table: Table, batch: int | None = None) -> list[int]:
        """Return the partitions that have rows, ascending."""
        values: list[Any] = [self._application]
        sql = f"SELECT DISTINCT part FROM {quote(table.name)} WHERE application = ?"
        if batch is not None:
            if not table.packed:
                raise UnsupportedByStore(f"Table '{table.name}' is not packed: its rows belong to no batch.")
            sql, values = f"{sql} AND batch = ?", [self._application, batch]
        rows = await self._fetch(table, (f"{sql} ORDER BY part", values))
        return [int(part) for part in rows["part"].to_pylist()]

    def to_statement(self, plan: Aggregate | Select) -> Statement:
        """Return the SQL of a plan."""
        if isinstance(plan, Select):
            text, values = select_sql(plan, self._application)
        else:
            text, values = aggregate_sql(plan, self._application)
        return Statement(text, tuple(values))

    async def load_columns(self, table: Table, columns: Iterable[str]) -> None:
        """Load columns of a table into the column cache."""
        if self._column_cache is not None and (versions := self._snapshot.table_versions) is not None:
            version = versions.get(table.name, 0)
            await self._column_cache.load_ahead(table, columns, self._application, version, self._load_columns)

    async def _load_columns(self, table: Table, columns: tuple[str, ...]) -> pa.Table | None:
        counts = await self._fetch(table, count_sql(table, EVERYTHING, self._application))
        if int(counts["n"][0].as_py()) > MAX_ROWS:
            return None
        return await self._fetch(table, select_sql(Select(table, EVERYTHING, columns), self._application))

    async def _fetch(self, table: Table, statement: Sql) -> pa.Table:
        return await self._run(table, lambda cursor: fetch_table(cursor, *statement))

    async def _run(self, table: Table, call: Callable[[Cursor], T]) -> T:  # noqa: ARG002 - a change flushes the table
        return await self._snapshot.run(call, self._timeout_s)


def _check_row_count(cursor: Cursor, table: Table, counting: Sql, row_limit: int | None) -> None:
    """Raise TooManyRows.  The rows of the plan are counted only when the whole table exceeds the limit."""
    if row_limit is None:
        return
    table_count: Sql = (f"SELECT count(*) FROM {quote(table.name)}", [])
    count = 0
    for statement in (table_count, counting):
        count = int(cursor.execute(*statement).fetchall()[0][0])
        if count <= row_limit:
            return
    raise TooManyRows(f"The plan reads {count:,} rows of {table.name}; the limit is {row_limit:,}.")


def _group_into_blocks(parts: Sequence[int], counts: Sequence[int]) -> list[tuple[int, int, int]]:
    """Return (first part, last part, rows) of runs of parts that fit into a block; a larger part is alone."""
    blocks: list[tuple[int, int, int]] = []
    for part, count in zip(parts, counts, strict=True):
        if blocks and blocks[-1][2] + count <= BLOCK_ROWS:
            first, _, rows = blocks[-1]
            blocks[-1] = (first, part, rows + count)
        else:
            blocks.append((part, part, count))
    return blocks
