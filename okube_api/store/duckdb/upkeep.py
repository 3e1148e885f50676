"""Keeps a database file in order in the background: checkpoints, reserved room, and copies without free blocks."""

import asyncio
from contextlib import suppress
from pathlib import Path

import structlog

from okube_api.store.duckdb.compaction import measure_waste
from okube_api.store.duckdb.database import Database
from okube_api.store.duckdb.disk_reserve import read_free_bytes
from okube_api.store.errors import Conflict, StoreError

INTERVAL_S = 1.0
LOG_BYTES = 16 * 2**20
"""The size of the log at which it is moved to the file."""
_IDLE_LOG_BYTES, _IDLE_S = 2**20, 30.0
_NEED_PER_LOG_BYTE, _NEED_BYTES = 2, 2**20
_MAX_PAUSE_S = 60.0

log = structlog.stdlib.get_logger("okube.store")


class FileUpkeep:
    """Background work on an open file, once a second.

    A checkpoint that runs out of room makes DuckDB refuse every call until the file is opened again, so it starts only
    when there is room for twice the log.  Until then the log grows, commits that do not fit are refused, and reads are
    answered.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._log_path = Path(f"{database.path}.wal")
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()
        self._next_checkpoint_s, self._pause_s = 0.0, INTERVAL_S
        self._log_bytes, self._unchanged_s = 0, 0.0
        self._is_checked = False  # whether the free blocks were counted since the log was written last

    def start(self) -> None:
        """Start the background work unless it runs."""
        if self._task is None:
            self._stop.clear()
            self._task = asyncio.create_task(self._repeat())

    async def close(self) -> None:
        """Wait for the running step, which may not be interrupted while the file is replaced, and stop."""
        if self._task is not None:
            self._stop.set()
            await self._task
            self._task = None

    async def _repeat(self) -> None:
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(INTERVAL_S):
                    await self._stop.wait()
            if self._stop.is_set():
                return
            try:
                await self.run_once()
            except Exception as error:  # whatever it is, the next attempt may succeed
                log.warning("store.upkeep_failed", file=str(self._database.path), error=str(error))

    async def run_once(self) -> None:
        """Do what is due: shorten the log, reserve room, or drop free blocks."""
        log_bytes, free_bytes = await asyncio.to_thread(self._read_sizes)
        self._unchanged_s = self._unchanged_s + INTERVAL_S if log_bytes == self._log_bytes else 0.0
        self._log_bytes = log_bytes
        self._is_checked = self._is_checked and not log_bytes
        is_idle = log_bytes >= _IDLE_LOG_BYTES and self._unchanged_s >= _IDLE_S
        is_short = not self._database.reserve.is_present and not await asyncio.to_thread(self._database.reserve.create)
        if log_bytes and (log_bytes >= LOG_BYTES or is_idle or is_short):
            await self._checkpoint(log_bytes, free_bytes)
        elif not self._is_checked and not log_bytes:
            await self._compact()

    async def _checkpoint(self, log_bytes: int, free_bytes: int) -> None:
        now_s = asyncio.get_running_loop().time()
        if free_bytes < _NEED_PER_LOG_BYTE * log_bytes + _NEED_BYTES or now_s < self._next_checkpoint_s:
            return
        try:
            await self._database.checkpoint()
        except Conflict:  # DuckDB makes no checkpoint while another transaction writes
            return
        except StoreError:
            self._pause_s = min(2 * self._pause_s, _MAX_PAUSE_S)
            self._next_checkpoint_s = now_s + self._pause_s
            raise
        self._pause_s = INTERVAL_S

    async def _compact(self) -> None:
        waste = await self._database.call(measure_waste)
        if not waste.is_worth_a_pause or await self._database.compact():
            self._is_checked = True

    def _read_sizes(self) -> tuple[int, int]:
        """Return the bytes of the log, and those that are free on its disk."""
        log_bytes = self._log_path.stat().st_size if self._log_path.exists() else 0
        return log_bytes, read_free_bytes(self._log_path.parent)
