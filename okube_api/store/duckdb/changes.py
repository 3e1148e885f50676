"""Rows written to DuckDB, in one transaction: while whoever sent them makes the next ones, and many at a time."""

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar

import pyarrow as pa

from okube_api.store.duckdb.connection import Cursor, insert, quote
from okube_api.store.duckdb.rows import DuckReader
from okube_api.store.duckdb.snapshots import Snapshots, Snapshot
from okube_api.store.plan_analysis import conform_rows
from okube_api.store.schema import Table

ROW_GROUP = 122_880
"""The rows that DuckDB compresses together; of a smaller write, it keeps all in memory until the transaction ends."""
T = TypeVar("T")


class DuckChange(DuckReader):
    """A transaction that writes rows and sees what it wrote; leaving it without a commit rolls all of it back."""

    def __init__(self, view: Snapshot, application: str, *, name: str, moments: Snapshots) -> None:
        super().__init__(view, application)
        self._name, self._moments = name, moments
        self._touched: set[str] = set()
        self._gathered: dict[Table, list[pa.Table]] = {}
        self._writing: asyncio.Task[object] | None = None

    async def append(self, table: Table, batch: int, rows: pa.Table) -> None:
        """Adds rows of a batch."""
        wanted = conform_rows(table, rows)
        await self._write(table, lambda cursor: self._insert(cursor, table, [wanted], batch))

    async def remove(self, table: Table, batch: int) -> None:
        """Takes a batch's rows out."""
        sql = f"DELETE FROM {quote(table.name)} WHERE application = ? AND batch = ?"
        await self._write(table, lambda cursor: cursor.execute(sql, [self._application, batch]))

    async def replace(self, table: Table, parts: Sequence[int], rows: pa.Table) -> None:
        """Puts rows in the place of whole partitions."""
        wanted = conform_rows(table, rows, keep_dictionaries=True)
        if outside := set(wanted["part"].unique().to_pylist()) - set(parts):
            raise ValueError(f"rows of {table.name} in part {min(outside)}, which is not among those replaced")
        await self._write(table, lambda cursor: self._replace(cursor, table, list(parts), wanted))

    async def commit(self) -> None:
        """Makes it visible and durable."""
        await self._written()
        await self._view.run(self._insert_gathered)
        async with self._moments.committing(self._application, self._touched):
            await self._view.run(self._commit)

    async def abandon(self) -> None:
        """Ends what is being written: the transaction is to be rolled back."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    # -- one thing at a time, in the background

    async def _write(self, table: Table, call: Callable[[Cursor], object]) -> None:
        await self._written()
        self._touched.add(table.name)
        self._writing = asyncio.create_task(self._view.run(call))

    async def _written(self) -> None:
        """Returns when what is being written is; what went wrong with it is raised here."""
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    async def _ask(self, table: Table, call: Callable[[Cursor], T]) -> T:
        await self._written()

        def seeing(cursor: Cursor) -> T:
            self._insert_gathered(cursor, table)
            return call(cursor)

        return await super()._ask(table, seeing)

    # -- in a thread

    def _commit(self, cursor: Cursor) -> None:
        cursor.execute("INSERT INTO _changes VALUES (?, ?)", [self._application, self._name])
        cursor.execute("COMMIT")

    def _replace(self, cursor: Cursor, table: Table, parts: list[int], rows: pa.Table) -> None:
        cursor.execute(
            f"DELETE FROM {quote(table.name)} WHERE application = ? AND part IN (SELECT unnest(?))",
            [self._application, parts],
        )
        gathered = self._gathered.setdefault(table, [])
        gathered.append(rows)
        if sum(one.num_rows for one in gathered) >= ROW_GROUP:
            self._insert_gathered(cursor, table)

    def _insert_gathered(self, cursor: Cursor, table: Table | None = None) -> None:
        """Makes the transaction see all rows of a table, or of every table."""
        for one in [one for one in self._gathered if table in (None, one)]:
            self._insert(cursor, one, self._gathered.pop(one), 0)

    def _insert(self, cursor: Cursor, table: Table, rows: Sequence[pa.Table], batch: int) -> None:
        """Adds rows as declared, those of a part together."""
        if not any(one.num_rows for one in rows):
            return
        wanted = pa.concat_tables(rows).unify_dictionaries().combine_chunks()
        constants: dict[str, str | int] = {"application": self._application}
        if table.packed:
            constants["batch"] = batch
        insert(cursor, table.name, wanted, constants, order="part")
