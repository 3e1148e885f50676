"""Runs blocking calls of DuckDB in threads for an event loop, and translates its errors to those of the store."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import duckdb
import pyarrow as pa

from okube_api.store.errors import Conflict, StoreFull, StoreLocked, Unavailable

T = TypeVar("T")
Cursor = duckdb.DuckDBPyConnection

_LOCKED = re.compile(r"lock on file|already open|being used by another process", re.IGNORECASE)
_FULL = re.compile(
    r"no space left|disk full|disk quota|could not write|file too large|max_temp_directory_size", re.IGNORECASE
)
_MAX_CALLS = 8
_INTERRUPT_INTERVAL_S = 0.05


def quote(name: str) -> str:
    """Return an SQL identifier, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def connect(path: Path | None, memory_limit: str, threads: int) -> Cursor:
    """Open a database file, or a database in memory when `path` is None.

    The database can access no other file and no network, and its settings are locked.  Data that does not fit into
    memory is spilled to a folder next to the file; what a crash left in that folder is deleted.
    Raise StoreLocked, or Unavailable when the file cannot be opened.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "memory_limit": memory_limit,
        "threads": str(threads),
        "temp_directory": "",
        "preserve_insertion_order": "false",
    }
    spill_folder = Path(f"{path}.tmp")
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            config["temp_directory"] = str(spill_folder)
        connection = duckdb.connect(str(path) if path else ":memory:", config=config)
    except (duckdb.IOException, OSError) as error:
        if _LOCKED.search(str(error)):
            raise StoreLocked(
                f"{path} is open in another process. While the server runs, use it instead: pass --url and a token, "
                "or stop it first."
            ) from error
        raise Unavailable(f"{path} cannot be opened: {error}") from error
    if path is not None:
        shutil.rmtree(spill_folder, ignore_errors=True)
    connection.execute("SET lock_configuration = true")
    return connection


def translate_error(error: duckdb.Error) -> Exception:
    """Return the store's error for an error of DuckDB; return errors that are bugs unchanged."""
    text = str(error)
    if _FULL.search(text):
        return StoreFull("The disk is full.")
    if isinstance(error, duckdb.TransactionException):
        return Conflict(text)
    if isinstance(error, duckdb.InterruptException | duckdb.OutOfMemoryException):
        return Unavailable(text)
    return error


def fetch_table(cursor: Cursor, sql: str, values: list[Any]) -> pa.Table:
    """Return the rows of a query as an Arrow table."""
    return cursor.sql(sql, params=values).to_arrow_table()


def insert(
    cursor: Cursor,
    table: str,
    rows: pa.Table,
    constants: Mapping[str, str | int] | None = None,
    order: str | None = None,
) -> None:
    """Insert rows into a table, columns matched by name.

    constants: columns that have the same value in every row.  order: the column to sort by.

    The rows are not passed as a registered view: a transaction keeps its views, and their memory, until it ends.
    """
    columns = [row[0] for row in cursor.execute(f"DESCRIBE {quote(table)}").fetchall()]
    relation = cursor.from_arrow(rows)
    if order is not None and not _is_ascending(rows[order]):
        relation = relation.order(order)
    constant_expressions = {name: duckdb.ConstantExpression(value) for name, value in (constants or {}).items()}
    expressions = [
        constant_expressions[name] if name in constant_expressions else duckdb.ColumnExpression(name)
        for name in columns
    ]
    relation.project(*expressions).insert_into(quote(table))


def _is_ascending(column: pa.ChunkedArray) -> bool:
    values = column.to_numpy()
    return bool((values[1:] >= values[:-1]).all())


def checkpoint(cursor: Cursor) -> None:
    """Move committed data from the log into the file now, after a large write, so that the next write need not do it.

    When another transaction is running, nothing happens; a later checkpoint moves the data.
    """
    with suppress(duckdb.TransactionException):
        cursor.execute("CHECKPOINT")


class Database:
    """An open file and the threads that call DuckDB."""

    def __init__(self, path: Path, memory_limit: str, threads: int) -> None:
        self._path, self._memory_limit, self._threads = path, memory_limit, threads
        self._connection: Cursor | None = None
        self._workers: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """Open the file unless it is open.  Raise StoreLocked or Unavailable."""
        if self._connection is None:
            opening = partial(connect, self._path, self._memory_limit, self._threads)
            self._connection = await asyncio.to_thread(opening)
            self._workers = ThreadPoolExecutor(_MAX_CALLS, thread_name_prefix="duckdb")

    async def close(self) -> None:
        """Wait for running calls, then close the file."""
        if self._connection is None or self._workers is None:
            return
        connection, self._connection = self._connection, None
        workers, self._workers = self._workers, None
        await asyncio.to_thread(workers.shutdown)
        await asyncio.to_thread(connection.close)

    async def call(self, work: Callable[[Cursor], T], timeout_s: float | None = None) -> T:
        """Run blocking work in a thread, with a cursor of its own."""
        with self.cursor() as cursor:
            return await self.run(cursor, partial(work, cursor), timeout_s)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Cursor]:
        """Open a cursor in a transaction that sees what is committed now; roll back unless the body commits."""
        with self.cursor() as cursor:
            await self.run(cursor, partial(begin_transaction, cursor))
            try:
                yield cursor
            finally:
                with anyio.CancelScope(shield=True), suppress(Unavailable):  # closed meanwhile: nothing to roll back
                    await self.run(cursor, partial(roll_back, cursor))

    async def run(self, cursor: Cursor, call: Callable[[], T], timeout_s: float | None = None) -> T:
        """Run a blocking call in a thread.  Raise Unavailable when it exceeds its time limit.

        When the task is cancelled or the time limit is reached, the call is interrupted, and this method waits for its
        end, so that nothing of the call runs later.
        """
        if self._workers is None:
            raise Unavailable("The store is not open.")
        future = asyncio.get_running_loop().run_in_executor(self._workers, call)
        try:
            done, _ = await asyncio.wait((future,), timeout=timeout_s)
        except asyncio.CancelledError:
            await _interrupt(cursor, future)
            raise
        if not done:
            await _interrupt(cursor, future)
            raise Unavailable(f"The query took longer than {timeout_s:g} s.")
        try:
            return future.result()
        except duckdb.Error as error:
            raise translate_error(error) from error

    def cursor(self) -> Cursor:
        """Return a new connection, which the caller must close.  Raise Unavailable when the file is not open."""
        if self._connection is None:
            raise Unavailable("The store is not open.")
        return self._connection.cursor()


async def _interrupt(cursor: Cursor, call: asyncio.Future[Any]) -> None:
    """Interrupt a call until it ends: repeatedly, because an interrupt between two statements has no effect."""
    with anyio.CancelScope(shield=True):
        while not call.done():
            cursor.interrupt()
            with suppress(asyncio.CancelledError):
                await asyncio.wait((call,), timeout=_INTERRUPT_INTERVAL_S)
    if not call.cancelled():
        call.exception()  # retrieved, so that asyncio does not log it


def begin_transaction(cursor: Cursor) -> None:
    """Begin a transaction that sees what is committed now."""
    cursor.execute("BEGIN TRANSACTION")
    cursor.execute("SELECT 1 FROM _changes LIMIT 0")  # DuckDB takes the snapshot at the first statement, not at BEGIN


def roll_back(cursor: Cursor) -> None:
    """Roll back what was not committed."""
    with suppress(duckdb.Error):  # already committed, or ended by the error that is being raised
        cursor.execute("ROLLBACK")
