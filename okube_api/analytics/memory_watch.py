"""Stops questions when the process takes more memory than it may."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_INTERVAL_S = 0.05
_STATM = Path("/proc/self/statm")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def read_resident_bytes() -> int:
    """Return the memory of the process that is in RAM; 0 where the system does not tell."""
    with suppress(OSError):
        return int(_STATM.read_text().split()[1]) * _PAGE_BYTES
    return 0


class MemoryWatch:
    """Ends the newest of the watched questions while the process takes more than `most_bytes`; background ones first.

    A question ends by its own timeout, which is moved to now: what it computes in a thread stops with it.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self._watched: dict[asyncio.Timeout, bool] = {}
        self._background: set[asyncio.Timeout] = set()
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def watch(self, timeout: asyncio.Timeout, *, in_background: bool = False) -> Iterator[None]:
        """Watch a question until the end of the block."""
        self._watched[timeout] = False
        if in_background:
            self._background.add(timeout)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())
        try:
            yield
        finally:
            del self._watched[timeout]
            self._background.discard(timeout)

    def has_ended(self, timeout: asyncio.Timeout) -> bool:
        """Return whether a question was ended because of the memory that the process takes."""
        return self._watched.get(timeout, False)

    async def _run(self) -> None:
        try:
            while self._watched:
                await asyncio.sleep(_INTERVAL_S)
                # While one is ending, whatever the reason, its memory is not free yet.
                is_one_ending = any(self._watched.values()) or any(timeout.expired() for timeout in self._watched)
                if self._watched and not is_one_ending and read_resident_bytes() > self.most_bytes:
                    newest_first = list(reversed(self._watched))
                    ended = next((each for each in newest_first if each in self._background), newest_first[0])
                    self._watched[ended] = True
                    ended.reschedule(asyncio.get_running_loop().time())
        finally:
            self._task = None
