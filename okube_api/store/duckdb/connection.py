"""One DuckDB file, reached from an event loop: blocking calls in threads, errors in the store's words."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import duckdb
import pyarrow as pa

from okube_api.store.base import Conflict, StoreFull, StoreLocked, Unavailable

T = TypeVar("T")

_LOCKED = re.compile(r"lock on file|already open|being used by another process", re.IGNORECASE)
_FULL = re.compile(r"no space left|disk full|could not write|max_temp_directory_size", re.IGNORECASE)


def connect(path: Path | None, memory_limit: str, threads: int) -> duckdb.DuckDBPyConnection:
    """A database (in memory without a path) that reaches no other file and no network, its settings locked."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
    config: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "memory_limit": memory_limit,
        "threads": str(threads),
        "temp_directory": "",
        "preserve_insertion_order": "false",
    }
    if path is not None:
        config["temp_directory"] = str(path.parent / "tmp")
    try:
        connection = duckdb.connect(str(path) if path else ":memory:", config=config)
    except duckdb.IOException as error:
        if _LOCKED.search(str(error)):
            raise StoreLocked(
                f"{path} is open in another process. While the server runs, use it instead: pass --url and a token, "
                "or stop it first."
            ) from error
        raise Unavailable(f"{path} cannot be opened: {error}") from error
    connection.execute("SET lock_configuration = true")
    return connection


def translated(error: duckdb.Error) -> Exception:
    """The same error in the store's words; itself when it is a bug."""
    text = str(error)
    if _FULL.search(text):
        return StoreFull("no room is left on the disk")
    if isinstance(error, duckdb.TransactionException):
        return Conflict(text)
    if isinstance(error, duckdb.InterruptException | duckdb.OutOfMemoryException):
        return Unavailable(text)
    return error


def fetched(cursor: duckdb.DuckDBPyConnection, sql: str, values: list[Any]) -> pa.Table:
    """The rows of a query as an Arrow table."""
    return cursor.sql(sql, params=values).to_arrow_table()


class Database:
    """The open file, its threads, and how calls get to them."""

    def __init__(self, path: Path, memory_limit: str, threads: int) -> None:
        self._path, self._memory_limit, self._threads = path, memory_limit, threads
        self._connection: duckdb.DuckDBPyConnection | None = None
        self._limiter: anyio.CapacityLimiter | None = None

    async def open(self) -> None:
        """Opens the file; nothing happens when it is open.  Raises StoreLocked."""
        if self._connection is None:
            self._limiter = anyio.CapacityLimiter(8)
            self._connection = await anyio.to_thread.run_sync(
                partial(connect, self._path, self._memory_limit, self._threads)
            )

    async def close(self) -> None:
        """Writes what is left to the file and lets go of it."""
        if self._connection is not None:
            connection, self._connection = self._connection, None
            await anyio.to_thread.run_sync(connection.close)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of one task's own."""
        if self._connection is None:
            raise Unavailable("the store is not open")
        return self._connection.cursor()

    async def run(self, cursor: duckdb.DuckDBPyConnection, call: Callable[[], T], timeout_s: float | None = None) -> T:
        """Makes a blocking call in a thread; a cancelled task, or one past its time, interrupts it."""
        try:
            with anyio.fail_after(timeout_s):
                return await anyio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=self._limiter)
        except TimeoutError as error:
            cursor.interrupt()
            raise Unavailable(f"the query took longer than {timeout_s:g} s") from error
        except anyio.get_cancelled_exc_class():
            cursor.interrupt()
            raise
        except duckdb.Error as error:
            raise translated(error) from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[duckdb.DuckDBPyConnection]:
        """A cursor within a transaction, rolled back unless the body commits it."""
        cursor = self.cursor()
        cursor.execute("BEGIN TRANSACTION")
        try:
            yield cursor
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(partial(_end, cursor))


def _end(cursor: duckdb.DuckDBPyConnection) -> None:
    with suppress(duckdb.Error):  # committed already, or ended by the error that is on its way up
        cursor.execute("ROLLBACK")
    cursor.close()
