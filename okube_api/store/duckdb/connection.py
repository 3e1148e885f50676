"""One DuckDB file, reached from an event loop: blocking calls in threads, errors in the store's words."""

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
_CALLS_AT_ONCE = 8
_INTERRUPT_EVERY_S = 0.05


def quote(name: str) -> str:
    """An identifier, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def connect(path: Path | None, memory_limit: str, threads: int) -> Cursor:
    """A database (in memory without a path) that reaches no other file and no network, its settings locked.

    What does not fit into memory goes to a folder beside the file, emptied here of what a crash left in it.
    Raises StoreLocked, and Unavailable when the file cannot be opened.
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
    spill = Path(f"{path}.tmp")
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            config["temp_directory"] = str(spill)
        connection = duckdb.connect(str(path) if path else ":memory:", config=config)
    except (duckdb.IOException, OSError) as error:
        raise _unopened(path, error) from error
    if path is not None:
        shutil.rmtree(spill, ignore_errors=True)
    connection.execute("SET lock_configuration = true")
    return connection


def _unopened(path: Path | None, error: Exception) -> StoreLocked | Unavailable:
    if _LOCKED.search(str(error)):
        return StoreLocked(
            f"{path} is open in another process. While the server runs, use it instead: pass --url and a token, "
            "or stop it first."
        )
    return Unavailable(f"{path} cannot be opened: {error}")


def translate_error(error: duckdb.Error) -> Exception:
    """The same error in the store's words; itself when it is a bug."""
    text = str(error)
    if _FULL.search(text):
        return StoreFull("no room is left on the disk")
    if isinstance(error, duckdb.TransactionException):
        return Conflict(text)
    if isinstance(error, duckdb.InterruptException | duckdb.OutOfMemoryException):
        return Unavailable(text)
    return error


def fetch_table(cursor: Cursor, sql: str, values: list[Any]) -> pa.Table:
    """The rows of a query as an Arrow table."""
    return cursor.sql(sql, params=values).to_arrow_table()


def insert(
    cursor: Cursor,
    table: str,
    rows: pa.Table,
    constants: Mapping[str, str | int] | None = None,
    order: str | None = None,
) -> None:
    """Adds rows to a table, columns by name; constants: columns that are the same in all of them.

    Not by a registered view: a transaction holds on to its views, and so to the memory of their rows, until it ends.
    """
    columns = [row[0] for row in cursor.execute(f"DESCRIBE {quote(table)}").fetchall()]
    found = cursor.from_arrow(rows)
    if order is not None and not _ascending(rows[order]):
        found = found.order(order)
    same = {name: duckdb.ConstantExpression(value) for name, value in (constants or {}).items()}
    named = [same[name] if name in same else duckdb.ColumnExpression(name) for name in columns]
    found.project(*named).insert_into(quote(table))


def _ascending(column: pa.ChunkedArray) -> bool:
    values = column.to_numpy()
    return bool((values[1:] >= values[:-1]).all())


def checkpoint(cursor: Cursor) -> None:
    """Moves what was committed from the log into the file now, at the cost of whoever wrote much of it.

    Otherwise the next one to write pays.  When another change is under way, that one will.
    """
    with suppress(duckdb.TransactionException):
        cursor.execute("CHECKPOINT")


class Database:
    """The open file, its threads, and how calls get to them."""

    def __init__(self, path: Path, memory_limit: str, threads: int) -> None:
        self._path, self._memory_limit, self._threads = path, memory_limit, threads
        self._connection: Cursor | None = None
        self._workers: ThreadPoolExecutor | None = None

    async def open(self) -> None:
        """Opens the file; nothing happens when it is open.  Raises StoreLocked."""
        if self._connection is None:
            opening = partial(connect, self._path, self._memory_limit, self._threads)
            self._connection = await asyncio.to_thread(opening)
            self._workers = ThreadPoolExecutor(_CALLS_AT_ONCE, thread_name_prefix="duckdb")

    async def close(self) -> None:
        """Writes what is left to the file and lets go of it, once calls under way have ended."""
        if self._connection is None or self._workers is None:
            return
        connection, self._connection = self._connection, None
        workers, self._workers = self._workers, None
        await asyncio.to_thread(workers.shutdown)
        await asyncio.to_thread(connection.close)

    async def call(self, work: Callable[[Cursor], T], timeout_s: float | None = None) -> T:
        """Does blocking work in a thread, with a cursor of its own."""
        with self.cursor() as cursor:
            return await self.run(cursor, partial(work, cursor), timeout_s)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Cursor]:
        """A cursor within a transaction that sees what is committed now; rolled back unless the body commits it."""
        with self.cursor() as cursor:
            await self.run(cursor, partial(begin_transaction, cursor))
            try:
                yield cursor
            finally:
                with anyio.CancelScope(shield=True), suppress(Unavailable):  # closed meanwhile: nothing to roll back
                    await self.run(cursor, partial(roll_back, cursor))

    async def run(self, cursor: Cursor, call: Callable[[], T], timeout_s: float | None = None) -> T:
        """Makes a blocking call in a thread.

        A cancelled task, or one past its time, interrupts the call and goes on when it has ended, so that nothing
        of it happens later.
        """
        if self._workers is None:
            raise Unavailable("the store is not open")
        future = asyncio.get_running_loop().run_in_executor(self._workers, call)
        try:
            done, _ = await asyncio.wait((future,), timeout=timeout_s)
        except asyncio.CancelledError:
            await _stopped(cursor, future)
            raise
        if not done:
            await _stopped(cursor, future)
            raise Unavailable(f"the query took longer than {timeout_s:g} s")
        try:
            return future.result()
        except duckdb.Error as error:
            raise translate_error(error) from error

    def cursor(self) -> Cursor:
        """A connection of the caller's own, to be closed."""
        if self._connection is None:
            raise Unavailable("the store is not open")
        return self._connection.cursor()


async def _stopped(cursor: Cursor, call: asyncio.Future[Any]) -> None:
    """Interrupts a call, again and again, since it may be between two statements."""
    with anyio.CancelScope(shield=True):
        while not call.done():
            cursor.interrupt()
            with suppress(asyncio.CancelledError):
                await asyncio.wait((call,), timeout=_INTERRUPT_EVERY_S)
    if not call.cancelled():
        call.exception()  # known, and of no interest any more


def begin_transaction(cursor: Cursor) -> None:
    """Begins a transaction that sees what is committed now."""
    cursor.execute("BEGIN TRANSACTION")
    cursor.execute("SELECT 1 FROM _changes LIMIT 0")  # a transaction sees what is committed when it is first used


def roll_back(cursor: Cursor) -> None:
    """Rolls back what was not committed."""
    with suppress(duckdb.Error):  # committed already, or ended by the error that is on its way up
        cursor.execute("ROLLBACK")
