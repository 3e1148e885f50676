"""Limits how many files are loaded at the same time, so that together they keep within the memory of the process."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from okube_api.errors import ServiceUnavailable
from okube_api.ingest.load.file_blocks import SMALL_BYTES

TEXT_MB, PARQUET_MB = 400, 600
"""Memory to plan for a file: blocks that are parsed and normalised, and rows that wait to be written."""
_SMALL_PLACES, _SMALL_WAITING = 8, 256
_RESERVED_MB = 768  # for the rest of the process: DuckDB, caches, questions, refreshes
_MOST_WAITING = 32
_MAX_WAIT_S = 60.0


class _LoadQueue:
    """Some units of a resource; requests for them are served in the order in which they come."""

    def __init__(self, units: int, most_waiting: int, max_wait_s: float) -> None:
        self._units, self._free, self._most_waiting, self._max_wait_s = units, units, most_waiting, max_wait_s
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    @asynccontextmanager
    async def hold(self, units: int) -> AsyncIterator[None]:
        """Hold units, at most all that there are.  Raise ServiceUnavailable when too many wait, or for too long."""
        units = min(units, self._units)
        await self._enter(units)
        try:
            yield
        finally:
            self._free += units
            self._serve()

    async def _enter(self, units: int) -> None:
        if not self._waiting and self._free >= units:
            self._free -= units
            return
        if len(self._waiting) >= self._most_waiting:
            raise _refuse()
        turn = units, asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._max_wait_s):
                await turn[1]
        except (TimeoutError, asyncio.CancelledError) as error:
            if turn in self._waiting:
                self._waiting.remove(turn)
            elif not turn[1].cancelled():  # it was served in the same moment
                self._free += units
            self._serve()
            if isinstance(error, TimeoutError):
                raise _refuse() from None
            raise

    def _serve(self) -> None:
        """Give free units to those that wait, the first one first."""
        while self._waiting and (self._waiting[0][1].done() or self._waiting[0][0] <= self._free):
            units, turn = self._waiting.popleft()
            if not turn.done():  # else it was cancelled, and has not run yet
                self._free -= units
                turn.set_result(None)


class LoadAdmission:
    """Lets files be loaded while their memory fits into that of the process; others wait, their bodies unread.

    Small files have places of their own, so that they do not wait for large ones.
    """

    def __init__(self, process_memory_mb: int, *, max_wait_s: float = _MAX_WAIT_S) -> None:
        """process_memory_mb: the bound of the whole process."""
        self._large = _LoadQueue(max(process_memory_mb - _RESERVED_MB, TEXT_MB), _MOST_WAITING, max_wait_s)
        self._small = _LoadQueue(_SMALL_PLACES, _SMALL_WAITING, max_wait_s)

    @asynccontextmanager
    async def admit(self, *, is_binary: bool, size: int | None) -> AsyncIterator[None]:
        """Hold the memory for a file while it is loaded; raise ServiceUnavailable when too many files wait.

        size: of the file in bytes, decompressed; None when it is not known.
        """
        if size is not None and size <= SMALL_BYTES:
            async with self._small.hold(1):
                yield
        else:
            async with self._large.hold(PARQUET_MB if is_binary else TEXT_MB):
                yield


def _refuse() -> ServiceUnavailable:
    return ServiceUnavailable(
        "The server is loading as many files as its memory allows. Send the file again later.", 10
    )
