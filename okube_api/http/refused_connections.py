"""Log lines and answers of refused connections, of which there can be thousands at once."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from time import monotonic

import structlog

from okube_api.errors import Refusal

WINDOW_S = 1.0
ANSWERS_AT_ONCE = 16  # answers that are written before other connections get their turn

log = structlog.stdlib.get_logger("okube")


class RefusalLog:
    """Writes a line for the first refusal of a second, and the number of the others at its end."""

    def __init__(self) -> None:
        self._window_end_s = float("-inf")
        self._counts: Counter[tuple[int, str]] = Counter()

    def add(self, refusal: Refusal, request_id: str) -> bool:
        """Log or count a refusal.  Return whether it began a second, after which `write_summary` must be called."""
        now_s = monotonic()
        if now_s < self._window_end_s:
            self._counts[refusal.status, refusal.detail] += 1
            return False
        self.write_summary()
        self._window_end_s = now_s + WINDOW_S
        log.info("connection refused", requestId=request_id, status=refusal.status, reason=refusal.detail)
        return True

    def write_summary(self) -> None:
        """Log the number of refusals that have only been counted, by their reason."""
        for (status, reason), count in self._counts.items():
            log.info("more connections refused", count=count, status=status, reason=reason)
        self._counts.clear()


class RefusalQueue:
    """Answers of refusals that wait to be written: a thousand connections can be refused in one turn of the loop."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: deque[Callable[[], None]] = deque()

    def add(self, loop: asyncio.AbstractEventLoop, write: Callable[[], None]) -> None:
        """Write an answer in the next turn of the loop, or in a later one when many are waiting."""
        if loop is not self._loop:
            self._loop, self._waiting = loop, deque()
        if not self._waiting:
            loop.call_soon(self._write_some, loop)
        self._waiting.append(write)

    def _write_some(self, loop: asyncio.AbstractEventLoop) -> None:
        for _ in range(min(ANSWERS_AT_ONCE, len(self._waiting))):
            self._waiting.popleft()()
        if self._waiting:
            loop.call_soon(self._write_some, loop)
