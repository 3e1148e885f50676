"""An open file of DuckDB: runs blocking calls in threads, and opens the file again when DuckDB demands it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import anyio
import duckdb
import structlog

from okube_api.store.duckdb.compaction import compact_file, measure_waste
from okube_api.store.duckdb.connection import (
    Cursor,
    Invalidated,
    begin_transaction,
    connect,
    roll_back,
    translate_error,
)
from okube_api.store.duckdb.disk_reserve import DiskReserve
from okube_api.store.errors import StoreError, StoreFull, Unavailable

T = TypeVar("T")
_MAX_CALLS = 8
_INTERRUPT_INTERVAL_S = 0.05

_IN_MEMORY = Path(":memory:")

log = structlog.stdlib.get_logger("okube.store")


class Database:
    """An open file, the threads that call DuckDB, and the cursors in use.

    When DuckDB fails in a way that makes it refuse every call (a log or file that cannot be written), the next call
    opens the file again, which closes all cursors in use.  Each write leaves a number in the table `_writes`, so that
    after opening again a write whose commit failed can be told from one that is in the log.

    has_file: False for `:memory:`, which leaves nothing on the disk, and ends with the process.
    """

    def __init__(self, path: Path, memory_limit: str, threads: int) -> None:
        self.path, self.reserve, self.has_file = path, DiskReserve(path), path != _IN_MEMORY
        self._connect = partial(connect, path if self.has_file else None, memory_limit, threads)
        self._connection: Cursor | None = None
        self._workers: ThreadPoolExecutor | None = None
        self._cursors: set[Cursor] = set()
        self._running: set[asyncio.Future[Any]] = set()
        self._must_reopen = False
        self._file_lock = asyncio.Lock()  # held while the file is closed for a moment
        self._last_write = 0
        self._unverified_writes: set[int] = set()

    async def open(self) -> None:
        """Open the file unless it is open.  Raise StoreLocked, StoreDamaged, StoreFull or Unavailable."""
        if self._workers is None:
            self._connection = await asyncio.to_thread(self._open_compacted)
            self._workers = ThreadPoolExecutor(_MAX_CALLS, thread_name_prefix="duckdb")
            self._must_reopen = False

    async def close(self) -> None:
        """Wait for running calls, then close the file."""
        if self._workers is None:
            return
        workers, self._workers = self._workers, None
        await asyncio.to_thread(workers.shutdown)
        connection, self._connection = self._connection, None
        if connection is not None:
            await asyncio.to_thread(self._close_compacted, connection)

    # -- calls

    async def call(self, work: Callable[[Cursor], T], timeout_s: float | None = None) -> T:
        """Run blocking work that only reads, with a cursor of its own; run it again if the file had to be reopened."""
        try:
            return await self._call_once(work, timeout_s)
        except Invalidated:
            return await self._call_once(work, timeout_s)

    async def write(self, work: Callable[[Cursor], T]) -> T:
        """Run blocking work in a transaction of its own and commit it.

        When the disk is full, the reserved room is given back and the work is run again, once.
        Raise StoreFull or Unavailable when nothing of the write was kept.
        """
        try:
            return await self._write_once(work)
        except StoreFull:
            if not await self.give_back_reserve():
                raise
            return await self._write_once(work)

    async def give_back_reserve(self) -> bool:
        """Delete the file that reserves room; return whether there was one."""
        is_given_back = await asyncio.to_thread(self.reserve.release)
        if is_given_back:
            log.error("store.disk_full", file=str(self.path), detail="The reserved room was given back.")
        return is_given_back

    async def verify_commit(self, error: Invalidated, is_committed: Callable[[Cursor], bool]) -> None:
        """Return when a transaction is in the file or its log although its commit raised an error.

        Raise StoreFull or Unavailable when it is not.
        """
        if not await self.call(is_committed):
            if error.is_disk_full:
                raise StoreFull("The disk is full.") from error
            raise Unavailable("The file had to be opened again. Nothing of the write was kept.") from error

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Cursor]:
        """Open a cursor in a transaction that sees what is committed now; roll back unless the body commits."""
        cursor = await self.acquire()
        try:
            await self.run(cursor, partial(begin_transaction, cursor))
            try:
                yield cursor
            finally:
                with anyio.CancelScope(shield=True), suppress(StoreError):  # closed meanwhile: nothing to roll back
                    await self.run(cursor, partial(roll_back, cursor))
        finally:
            self.release(cursor)

    async def acquire(self) -> Cursor:
        """Return a new connection, which the caller must release.  Raise Unavailable when the file is not open."""
        if self._workers is None:
            raise Unavailable("The store is not open.")
        if self._must_reopen or self._connection is None:
            async with self._file_lock:
                if self._must_reopen or self._connection is None:
                    await self._reopen()
        if self._connection is None:
            raise Unavailable("The store is not open.")
        cursor = self._connection.cursor()
        self._cursors.add(cursor)
        return cursor

    def release(self, cursor: Cursor) -> None:
        """Close a connection."""
        self._cursors.discard(cursor)
        cursor.close()

    async def run(self, cursor: Cursor, call: Callable[[], T], timeout_s: float | None = None) -> T:
        """Run a blocking call in a thread.  Raise Unavailable when it exceeds its time limit.

        When the task is cancelled or the time limit is reached, the call is interrupted, and this method waits for its
        end, so that nothing of the call runs later.
        """
        if self._workers is None or cursor not in self._cursors:
            raise Unavailable("The store is not open." if self._workers is None else "The file was opened again.")
        future = asyncio.get_running_loop().run_in_executor(self._workers, call)
        self._running.add(future)
        future.add_done_callback(self._running.discard)
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
            translated = translate_error(error, self.path)
            if isinstance(translated, Invalidated):
                self._must_reopen = True
            raise translated from error

    async def _call_once(self, work: Callable[[Cursor], T], timeout_s: float | None = None) -> T:
        cursor = await self.acquire()
        try:
            return await self.run(cursor, partial(work, cursor), timeout_s)
        finally:
            self.release(cursor)

    async def _write_once(self, work: Callable[[Cursor], T]) -> T:
        self._last_write += 1
        number = self._last_write
        results: list[T] = []

        def transact(cursor: Cursor) -> None:
            cursor.execute("BEGIN TRANSACTION")
            try:
                results.append(work(cursor))
                cursor.execute("INSERT INTO _writes VALUES (?)", [number])
                cursor.execute("COMMIT")
            except BaseException:
                roll_back(cursor)
                raise

        self._unverified_writes.add(number)
        try:
            await self._call_once(transact)
        except Invalidated as error:
            await self.verify_commit(error, lambda cursor: _has_write(cursor, number))
        finally:
            self._unverified_writes.discard(number)
        return results[0]

    # -- the log and the file

    async def checkpoint(self) -> None:
        """Move committed data from the log to the file.  Raise Unavailable when there is too little room after all."""
        first = min(self._unverified_writes, default=self._last_write + 1)

        def move_log(cursor: Cursor) -> None:
            cursor.execute("DELETE FROM _writes WHERE number < ?", [first])
            cursor.execute("CHECKPOINT")

        try:
            await self._call_once(move_log)
        except Invalidated as error:
            async with self._file_lock:
                await self._reopen()
            raise Unavailable("There is too little room on the disk for a checkpoint.") from error

    async def compact(self) -> bool:
        """Copy the data to a new file while nobody uses the old one; return False when it is in use."""
        async with self._file_lock:
            if self._cursors or self._connection is None or self._must_reopen:
                return False
            connection, self._connection = self._connection, None
            try:
                await asyncio.to_thread(connection.close)
                await asyncio.to_thread(compact_file, self.path)
            finally:
                self._connection = await asyncio.to_thread(self._connect)
        return True

    async def _reopen(self) -> None:
        """Close the file with all cursors in use, and open it.  The caller holds the lock of the file."""
        connection, self._connection = self._connection, None
        for cursor in self._cursors:
            cursor.interrupt()
        if self._running:
            await asyncio.wait(set(self._running))
        for cursor in self._cursors:
            cursor.close()
        self._cursors.clear()
        if connection is not None:
            await asyncio.to_thread(connection.close)
        self._connection = await asyncio.to_thread(self._connect)
        self._must_reopen = False
        log.warning("store.reopened", file=str(self.path))

    def _open_compacted(self) -> Cursor:
        connection = self._connect()
        if self.has_file and _is_worth_a_copy(connection):
            connection.close()
            compact_file(self.path)
            connection = self._connect()
        return connection

    def _close_compacted(self, connection: Cursor) -> None:
        with suppress(duckdb.Error):  # a full disk: the log stays, and is read at the next start
            connection.execute("CHECKPOINT")
        is_wasteful = self.has_file and _is_worth_a_copy(connection)
        connection.close()
        if is_wasteful:
            compact_file(self.path)


def create_writes_table(cursor: Cursor) -> None:
    """Create the table of the numbers of writes, empty: they are of use only until their commit has returned."""
    cursor.execute("CREATE TABLE IF NOT EXISTS _writes (number BIGINT)")
    cursor.execute("DELETE FROM _writes")


def _is_worth_a_copy(connection: Cursor) -> bool:
    with suppress(duckdb.Error):  # damage is reported when the damaged rows are needed
        return measure_waste(connection).is_worth_a_start
    return False


def _has_write(cursor: Cursor, number: int) -> bool:
    return bool(cursor.execute("SELECT 1 FROM _writes WHERE number = ? LIMIT 1", [number]).fetchall())


async def _interrupt(cursor: Cursor, call: asyncio.Future[Any]) -> None:
    """Interrupt a call until it ends: repeatedly, because an interrupt between two statements has no effect."""
    with anyio.CancelScope(shield=True):
        while not call.done():
            cursor.interrupt()
            with suppress(asyncio.CancelledError):
                await asyncio.wait((call,), timeout=_INTERRUPT_INTERVAL_S)
    if not call.cancelled():
        call.exception()  # retrieved, so that asyncio does not log it
