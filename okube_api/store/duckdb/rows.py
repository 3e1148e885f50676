"""Rows in DuckDB: partitions read and replaced, and plans answered, each within one transaction."""

from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

import duckdb
import pyarrow as pa

from okube_api.store.base import Aggregate, Kind, Rows, Table, TooManyRows
from okube_api.store.duckdb.connection import Database, fetched
from okube_api.store.duckdb.sql import TYPES, Statement, aggregate_sql, quoted, rows_sql
from okube_api.store.kinds import bottom

BLOCK_ROWS = 400_000


def columns_of(table: Table) -> list[str]:
    """The table's columns as they are stored, `application` first."""
    return ["application", "part", *(("batch",) if table.packed else ()), *(column.name for column in table.columns)]


def create_table(cursor: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Makes the table, and the columns that a later version declared (null in the rows that are there)."""
    kinds = {"application": Kind.TEXT, "part": Kind.INTEGER, "batch": Kind.INTEGER}
    kinds |= {column.name: column.kind for column in table.columns}
    definitions = {name: TYPES[kinds[name]] for name in columns_of(table)}
    text = ", ".join(f"{quoted(name)} {kind}" for name, kind in definitions.items())
    cursor.execute(f"CREATE TABLE IF NOT EXISTS {quoted(table.name)} ({text})")
    present = {row[0] for row in cursor.execute(f"DESCRIBE {quoted(table.name)}").fetchall()}
    for name, kind in definitions.items():
        if name not in present:
            cursor.execute(f"ALTER TABLE {quoted(table.name)} ADD COLUMN {quoted(name)} {kind}")


class DuckReader:
    """One transaction's view of an application."""

    def __init__(
        self,
        database: Database,
        cursor: duckdb.DuckDBPyConnection,
        application: str,
        row_limit: int | None,
        timeout_s: float | None,
    ) -> None:
        self._database, self._cursor, self._application = database, cursor, application
        self._row_limit, self._timeout_s = row_limit, timeout_s

    async def aggregate(self, plan: Aggregate) -> pa.Table:
        """The plan's answer."""
        await self._limit(plan)
        return await self._fetch(*aggregate_sql(plan, self._application))

    async def rows(self, plan: Rows) -> pa.Table:
        """The plan's rows."""
        await self._limit(plan)
        return await self._fetch(*rows_sql(plan, self._application))

    async def read(self, table: Table, low: int, high: int) -> AsyncIterator[pa.Table]:
        """Partitions in ascending order, as many at a time as make a block."""
        counted = await self._fetch(
            f"SELECT part, count(*) AS n FROM {quoted(table.name)} "
            "WHERE application = ? AND part BETWEEN ? AND ? GROUP BY part ORDER BY part",
            [self._application, low, high],
        )
        names = ", ".join(quoted(name) for name in columns_of(table)[1:])
        for first, last in _blocks(counted["part"].to_pylist(), counted["n"].to_pylist()):
            yield await self._fetch(
                f"SELECT {names} FROM {quoted(table.name)} "
                "WHERE application = ? AND part BETWEEN ? AND ? ORDER BY part",
                [self._application, first, last],
            )

    async def parts(self, table: Table, batch: int | None = None) -> list[int]:
        """The partitions that hold rows."""
        sql = f"SELECT DISTINCT part FROM {quoted(table.name)} WHERE application = ?"
        values: list[Any] = [self._application]
        if batch is not None:
            sql, values = f"{sql} AND batch = ?", [*values, batch]
        found = await self._fetch(f"{sql} ORDER BY part", values)
        return [int(part) for part in found["part"].to_pylist()]

    def statement(self, plan: Aggregate | Rows) -> Statement:
        """The SQL of a plan."""
        if isinstance(plan, Rows):
            text, values = rows_sql(plan, self._application)
        else:
            text, values = aggregate_sql(plan, self._application)
        return Statement(text, tuple(values))

    async def _limit(self, plan: Aggregate | Rows) -> None:
        if self._row_limit is None:
            return
        source, where = bottom(plan)
        text, values = rows_sql(Rows(source, where, ("part",)), self._application)
        found = await self._fetch(f"SELECT count(*) AS n FROM ({text})", values)
        count = int(found["n"][0].as_py())
        if count > self._row_limit:
            raise TooManyRows(f"{count:,} rows of {source.name}, over the limit of {self._row_limit:,}")

    async def _fetch(self, sql: str, values: list[Any]) -> pa.Table:
        return await self._database.run(self._cursor, partial(fetched, self._cursor, sql, values), self._timeout_s)


def _blocks(parts: Sequence[int], counts: Sequence[int]) -> list[tuple[int, int]]:
    blocks: list[tuple[int, int]] = []
    held = BLOCK_ROWS
    for part, count in zip(parts, counts, strict=True):
        if held + count > BLOCK_ROWS:
            blocks.append((part, part))
            held = 0
        blocks[-1] = (blocks[-1][0], part)
        held += count
    return blocks


class DuckChange:
    """A transaction that writes rows; leaving it without a commit rolls all of it back."""

    def __init__(self, database: Database, cursor: duckdb.DuckDBPyConnection, application: str, name: str) -> None:
        self._database, self._cursor, self._application, self._name = database, cursor, application, name

    async def append(self, table: Table, batch: int, rows: pa.Table) -> None:
        """Adds rows of a batch."""
        await self._run(partial(self._insert, table, rows, batch))

    async def remove(self, table: Table, batch: int) -> None:
        """Takes a batch's rows out."""
        sql = f"DELETE FROM {quoted(table.name)} WHERE application = ? AND batch = ?"
        await self._run(partial(self._cursor.execute, sql, [self._application, batch]))

    async def replace(self, table: Table, parts: Sequence[int], rows: pa.Table) -> None:
        """Puts rows in the place of whole partitions."""
        await self._run(partial(self._replace, table, list(parts), rows))

    async def commit(self) -> None:
        """Makes it visible and durable."""
        await self._run(self._commit)

    def _commit(self) -> None:
        self._cursor.execute('INSERT INTO "_changes" VALUES (?, ?)', [self._application, self._name])
        self._cursor.execute("COMMIT")

    def _replace(self, table: Table, parts: list[int], rows: pa.Table) -> None:
        self._cursor.execute(
            f"DELETE FROM {quoted(table.name)} WHERE application = ? AND part IN (SELECT unnest(?))",
            [self._application, parts],
        )
        self._insert(table, rows, None)

    def _insert(self, table: Table, rows: pa.Table, batch: int | None) -> None:
        if rows.num_rows == 0:
            return
        self._cursor.register("incoming", rows)
        names = columns_of(table)
        wanted = [
            "?::VARCHAR"
            if name == "application"
            else "?::BIGINT"
            if name == "batch" and batch is not None
            else quoted(name)
            for name in names
        ]
        if table.packed and batch is None:
            wanted[names.index("batch")] = "0"
        values: list[Any] = [self._application, *([batch] if batch is not None else [])]
        self._cursor.execute(
            f"INSERT INTO {quoted(table.name)} SELECT {', '.join(wanted)} FROM incoming ORDER BY part", values
        )
        self._cursor.unregister("incoming")

    async def _run(self, call: Any) -> None:
        await self._database.run(self._cursor, call)
