"""Changes of rows in DuckDB: one transaction each, written in the background and many rows at a time."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.store.columnar.column_cache import ColumnCache
from okube_api.store.duckdb.connection import Cursor, Invalidated, insert, quote
from okube_api.store.duckdb.database import Database
from okube_api.store.duckdb.documents import DuckDocuments
from okube_api.store.duckdb.inline_loop import InlineLoop
from okube_api.store.duckdb.patch_scripts import write_small_patch
from okube_api.store.duckdb.recent_parts import MAX_ROWS, RecentPart, RecentParts, find_parts
from okube_api.store.duckdb.rows import DuckReader
from okube_api.store.duckdb.snapshots import Snapshot, Snapshots, ThreadSnapshot
from okube_api.store.errors import StoreFull
from okube_api.store.plan_analysis import conform_rows, get_stored_types
from okube_api.store.plans import Select
from okube_api.store.protocol import Change
from okube_api.store.schema import Collection, Table
from okube_api.store.values import Json

ROW_GROUP = 122_880
"""The rows that DuckDB compresses together.  Smaller writes stay in memory until the transaction ends."""
_FEW_KEYS = 20
_FEW_APPENDED = 10_000
"""Appended rows wait for others until there are so many: those of several small files are inserted together."""
_VIEW = "_keys"
T = TypeVar("T")


class DuckChange(DuckReader):
    """A transaction that writes rows and sees what it wrote.  Leaving it without a commit rolls it back.

    A write returns before it is done, so that the caller prepares the next rows meanwhile; the next call waits for it
    and raises its error.  Replaced rows are buffered until they fill a row group, or until the change reads or commits.
    Small patches of all tables become one script: each call takes about a millisecond, and the interpreter's lock has
    to be taken again after it.
    """

    is_append_cheap = True

    def __init__(
        self,
        snapshot: Snapshot | ThreadSnapshot,
        application: str,
        *,
        name: str,
        snapshots: Snapshots,
        database: Database,
        cache: ColumnCache,
        recent: RecentParts,
        collections: Mapping[str, DuckDocuments],
        table_versions: Mapping[str, int],
        commit_lock: asyncio.Lock,
    ) -> None:
        """Set up a change.

        table_versions: the version of each table that ever changed (0 for any other) in the transaction.
        commit_lock: held during a commit.
        cache, recent: what is in memory of tables, which is kept current by patches.
        collections: the collections of the store, by name.
        """
        super().__init__(snapshot, application)
        self._collections = collections
        self.written_collections: set[str] = set()
        self._name, self._snapshots, self._database = name, snapshots, database
        self._cache, self._recent = cache, recent
        self._table_versions, self._commit_lock = table_versions, commit_lock
        self._rewritten: set[str] = set()  # tables that are changed otherwise than by patches
        self._patches: dict[Table, list[tuple[pa.Table, pa.Table]]] = {}
        self._buffers: dict[Table, list[pa.Table]] = {}
        self._scripts: dict[Table, list[str]] = {}  # small patches that are not written yet
        self._appended: dict[Table, list[pa.Table]] = {}  # with the column `batch`
        self._writing: asyncio.Task[object] | None = None

    def version_of(self, table: Table) -> str:
        """Return the version of a table that readers have, too, while the change has not written it."""
        if table in self._patches or table.name in self._rewritten:
            return self.version
        return self._snapshots.describe_version(table.name, self._get_version(table.name))

    def _get_version(self, table: str) -> int:
        """Return the version of a table in the transaction, before the change has written it."""
        return self._table_versions.get(table, 0)

    async def select(self, plan: Select) -> pa.Table:
        """Return the rows of a plan, from memory if other changes have read these partitions and nothing is written."""
        table, parts = plan.source, find_parts(plan)
        if parts is None or not isinstance(table, Table) or table in self._patches or table.name in self._rewritten:
            return await super().select(plan)
        pieces = [await self._read_recent(table, part) for part in parts]
        present = [piece for piece in pieces if piece is not None]
        if not len(present) == len(parts) > 0:
            return await super().select(plan)
        return pa.concat_tables([piece.select(plan.where, plan.columns) for piece in present])

    async def _read_recent(self, table: Table, part: int) -> RecentPart | None:
        """Return a partition, None when it is not in memory and was not asked for before."""
        version = self._get_version(table.name)
        recent, must_load = self._recent.find(self._application, table, version, part)
        if not must_load:
            return recent
        names = ", ".join(map(quote, get_stored_types(table)))
        sql = f"SELECT {names} FROM {quote(table.name)} WHERE application = ? AND part = ? LIMIT {MAX_ROWS + 1}"
        rows = await self._fetch(table, (sql, [self._application, part]))
        self._recent.put(self._application, table, version, part, rows)
        return self._recent.find(self._application, table, version, part)[0]

    async def append(self, table: Table, batch: int, rows: pa.Table) -> None:
        """Add rows of a batch."""
        await self._wait_for_write()  # it runs later, and might remove rows of this batch
        numbers = pa.array(np.full(rows.num_rows, batch, np.int64))
        added = self._appended.setdefault(table, [])
        added.append(conform_rows(table, rows).append_column("batch", numbers))
        if sum(piece.num_rows for piece in added) >= _FEW_APPENDED:
            await self._write(table, lambda cursor: self._flush_appended(cursor, table))
        self._rewritten.add(table.name)

    async def remove(self, table: Table, batch: int) -> None:
        """Remove the rows of a batch."""
        sql = f"DELETE FROM {quote(table.name)} WHERE application = ? AND batch = ?"

        def call(cursor: Cursor) -> None:
            self._flush_appended(cursor, table)
            cursor.execute(sql, [self._application, batch])

        await self._write(table, call)

    async def replace(self, table: Table, parts: Sequence[int], rows: pa.Table) -> None:
        """Replace the whole content of partitions."""
        conforming = conform_rows(table, rows, keep_dictionaries=True)
        if outside := set(conforming["part"].unique().to_pylist()) - set(parts):
            raise ValueError(f"rows of {table.name} in part {min(outside)}, which is not among the parts to replace")
        await self._write(table, lambda cursor: self._replace(cursor, table, list(parts), conforming))

    async def patch(self, table: Table, keys: pa.Table, rows: pa.Table) -> None:
        """Replace the rows with these keys."""
        conforming = conform_rows(table, rows, keep_dictionaries=True)
        self._patches.setdefault(table, []).append((keys, conforming))
        if (script := write_small_patch(table, self._application, keys, conforming)) is not None:
            await self._wait_for_write()  # it runs later, and would write this patch before its own rows
            self._scripts.setdefault(table, []).append(script)
            return

        def call(cursor: Cursor) -> None:
            self._flush(cursor, table)
            if keys.num_rows:
                self._delete_keys(cursor, table, keys)
            self._insert(cursor, table, [conforming])

        await self._write_in_background(call)

    async def insert_documents(self, collection: Collection, documents: Sequence[Json]) -> None:
        """Insert documents with new ids in the transaction.  Raise ValueError when the collection has unique fields."""
        if collection.unique:  # they are checked by a query, which does not see what other transactions insert
            raise ValueError(f"{collection.name} has unique fields")
        self.written_collections.add(collection.name)
        write = self._collections[collection.name].write
        await self._write_in_background(lambda cursor: write(cursor, documents, (), versioned=False))

    async def run_apart(self, work: Callable[[Change], Awaitable[T]]) -> T:
        """Return the result of `work`, run as one blocking call in a thread, with an event loop of its own."""
        await self._wait_for_write()

        def run(cursor: Cursor) -> T:
            change = DuckChange(
                ThreadSnapshot(cursor, self._snapshot),
                self._application,
                name=self._name,
                snapshots=self._snapshots,
                database=self._database,
                cache=self._cache,
                recent=self._recent,
                collections=self._collections,
                table_versions=self._table_versions,
                commit_lock=self._commit_lock,
            )
            change.written_collections = self.written_collections
            change._rewritten, change._patches = self._rewritten, self._patches
            change._buffers, change._scripts, change._appended = self._buffers, self._scripts, self._appended

            async def work_and_wait() -> T:
                result = await work(change)
                await change._wait_for_write()
                change._flush_scripts(cursor)
                return result

            with asyncio.Runner(loop_factory=InlineLoop) as runner:
                return runner.run(work_and_wait())

        return await self._snapshot.run(run)

    async def commit(self) -> None:
        """Make the change visible and durable.

        When the disk is full, the reserved room is given back for the next attempt, and StoreFull is raised.
        """
        try:
            await self._wait_for_write()
            await self._snapshot.run(self._flush)
            tables = self._rewritten | {table.name for table in self._patches}
            async with self._commit_lock, self._snapshots.committing(self._application, tables):
                try:
                    await self._snapshot.run(self._commit)
                except Invalidated as error:
                    await self._database.verify_commit(
                        error, partial(has_change, application=self._application, name=self._name)
                    )
            self._patch_cache()
        except StoreFull:
            await self._database.give_back_reserve()
            raise

    def _patch_cache(self) -> None:
        """Bring the columns in memory of patched tables to the version of this change, from those before it."""
        for table, patches in self._patches.items():
            if table.name in self._rewritten:
                continue
            old_version = self._get_version(table.name)
            new_version = self._snapshots.get_version(self._application, table.name)
            versions: list[Hashable] = [old_version, *(object() for _ in patches[1:]), new_version]
            for (old, new), (keys, rows) in zip(pairwise(versions), patches, strict=True):
                self._cache.patch(self._application, table, old, new, keys=keys, rows=rows)
            self._recent.patch(self._application, table, old_version, new_version, patches)

    async def abandon(self) -> None:
        """Stop a running write; the caller rolls back the transaction."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    # -- one write at a time, in the background

    async def _write(self, table: Table, call: Callable[[Cursor], object]) -> None:
        self._rewritten.add(table.name)
        await self._write_in_background(call)

    async def _write_in_background(self, call: Callable[[Cursor], object]) -> None:
        await self._wait_for_write()
        self._writing = asyncio.create_task(self._snapshot.run(call))

    async def _wait_for_write(self) -> None:
        """Wait until the running write is done, and raise its error."""
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    async def _run(self, table: Table, call: Callable[[Cursor], T]) -> T:
        await self._wait_for_write()

        def flush_and_call(cursor: Cursor) -> T:
            self._flush(cursor, table)
            return call(cursor)

        return await super()._run(table, flush_and_call)

    # -- in a thread

    def _commit(self, cursor: Cursor) -> None:
        cursor.execute("INSERT INTO _changes VALUES (?, ?)", [self._application, self._name])
        cursor.execute("COMMIT")

    def _replace(self, cursor: Cursor, table: Table, parts: list[int], rows: pa.Table) -> None:
        self._flush_scripts(cursor, table)
        self._flush_appended(cursor, table)
        cursor.execute(
            f"DELETE FROM {quote(table.name)} WHERE application = ? AND part IN (SELECT unnest(?))",
            [self._application, parts],
        )
        buffer = self._buffers.setdefault(table, [])
        buffer.append(rows)
        if sum(piece.num_rows for piece in buffer) >= ROW_GROUP:
            self._flush(cursor, table)

    def _delete_keys(self, cursor: Cursor, table: Table, keys: pa.Table) -> None:
        """Delete the rows whose values equal a row of `keys`, looking only at the parts between the first and the last.

        DuckDB skips blocks of other parts by constant limits, not by a join.  A few keys are faster as constants, too.
        """
        parts = pc.min_max(keys["part"])
        text, values = _match_keys(keys) if keys.num_rows <= _FEW_KEYS else (_join_keys(table, keys), [])
        if not values:
            cursor.register(_VIEW, keys)
        cursor.execute(
            f"DELETE FROM {quote(table.name)} {'' if values else f'USING {_VIEW} AS k'} "
            f"WHERE {quote(table.name)}.application = ? AND {quote(table.name)}.part BETWEEN ? AND ? AND {text}",
            [self._application, parts["min"].as_py(), parts["max"].as_py(), *values],
        )
        if not values:
            cursor.unregister(_VIEW)

    def _flush(self, cursor: Cursor, table: Table | None = None) -> None:
        """Write the small patches, the appended and the buffered rows of a table, or of every table."""
        self._flush_scripts(cursor, table)
        self._flush_appended(cursor, table)
        self._flush_buffers(cursor, table)

    def _flush_scripts(self, cursor: Cursor, table: Table | None = None) -> None:
        """Write the small patches of a table, or of every table, after the rows that were buffered before them."""
        tables = [patched for patched in self._scripts if table in (None, patched)]
        for patched in tables:
            self._flush_buffers(cursor, patched)
        if tables:
            cursor.execute(";".join(script for patched in tables for script in self._scripts.pop(patched)))

    def _flush_appended(self, cursor: Cursor, table: Table | None = None) -> None:
        """Insert the appended rows of a table, or of every table."""
        for appended in [appended for appended in self._appended if table in (None, appended)]:
            self._insert(cursor, appended, self._appended.pop(appended))

    def _flush_buffers(self, cursor: Cursor, table: Table | None = None) -> None:
        """Insert the buffered rows of a table, or of every table."""
        for buffered in [buffered for buffered in self._buffers if table in (None, buffered)]:
            self._insert(cursor, buffered, self._buffers.pop(buffered))

    def _insert(self, cursor: Cursor, table: Table, pieces: Sequence[pa.Table]) -> None:
        """Insert conforming rows, sorted by part; those of packed tables without `batch` belong to batch 0."""
        if not any(piece.num_rows for piece in pieces):
            return
        rows = pa.concat_tables(pieces).unify_dictionaries().combine_chunks()
        constants: dict[str, str | int] = {"application": self._application}
        if table.packed and "batch" not in rows.column_names:
            constants["batch"] = 0
        insert(cursor, table.name, rows, constants, order="part")


def _match_keys(keys: pa.Table) -> tuple[str, list[Any]]:
    """Return the condition that values equal one of a few keys, with the values of the keys."""
    one = " AND ".join(f"{quote(name)} IS NOT DISTINCT FROM ?" for name in keys.column_names)
    values = [value for row in keys.to_pylist() for value in row.values()]
    return f"({' OR '.join([f'({one})'] * keys.num_rows)})", values


def _join_keys(table: Table, keys: pa.Table) -> str:
    """Return the condition that values equal those of a row of the registered keys."""
    return " AND ".join(
        f"{quote(table.name)}.{quote(name)} IS NOT DISTINCT FROM k.{quote(name)}" for name in keys.column_names
    )


def has_change(cursor: Cursor, *, application: str, name: str) -> bool:
    """Return whether the change of that name was committed."""
    sql = "SELECT 1 FROM _changes WHERE application = ? AND name = ? LIMIT 1"
    return bool(cursor.execute(sql, [application, name]).fetchall())
