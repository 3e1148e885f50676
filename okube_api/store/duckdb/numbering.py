"""Gives numbers to identifiers in DuckDB, and counts, with few transactions."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from okube_api.store.duckdb.connection import Cursor
from okube_api.store.duckdb.database import Database
from okube_api.store.duckdb.numbers import assign_numbers, increment_counter

_RESERVED = 32
"""The values of a counter that one write takes ahead.  Those that a process has not used when it ends are left out."""


@dataclass(eq=False)
class _NumberRequest:
    """Identifiers of one kind in an application, and their numbers once these are durable."""

    application: str
    kind: str
    identifiers: Sequence[bytes]
    numbers: list[int] | None = None


class Numbering:
    """Assigns numbers; many small files that name new users need one commit instead of one each.

    Each caller waits for the lock of numbers.  The first that gets it writes the requests of all that wait.
    Values of counters are taken ahead, so that most calls write nothing.
    """

    def __init__(self, database: Database, lock: asyncio.Lock) -> None:
        """Set up the numbering.

        lock: held while numbers are written.
        """
        self._database, self._lock = database, lock
        self._waiting: list[_NumberRequest] = []
        self._counted: dict[tuple[str, str], range] = {}  # values of counters that are taken, and free

    async def assign(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int]:
        """Return the number of each identifier; new identifiers get the next numbers."""
        request = _NumberRequest(application, kind, identifiers)
        self._waiting.append(request)
        try:
            async with self._lock:
                if request.numbers is None:
                    await self._write_waiting()
        finally:
            if request in self._waiting:  # cancelled
                self._waiting.remove(request)
        assert request.numbers is not None, "set when the write has succeeded"
        return request.numbers

    async def increment(self, application: str, counter: str, count: int) -> int:
        """Increment a counter, which begins at 0, and return its value.

        The first call for a counter takes nothing ahead: a restore makes only one.
        """
        key = application, counter
        async with self._lock:
            free = self._counted.get(key)
            if free is None or len(free) < count:
                taken = count if free is None else count + _RESERVED
                last = await self._database.write(lambda cursor: increment_counter(cursor, application, counter, taken))
                free = range(last - taken + 1, last + 1)
            self._counted[key] = free[count:]
            return free[count - 1]

    def forget(self, application: str) -> None:
        """Drop the values of counters that are taken ahead, when the counters are deleted, under the lock."""
        for key in [key for key in self._counted if key[0] == application]:
            del self._counted[key]

    async def _write_waiting(self) -> None:
        """Write the requests that wait; after an error they wait again, each for its own attempt."""
        group, self._waiting = self._waiting, []
        try:
            numbers = await self._database.write(partial(_assign_all, group))
        except BaseException:
            self._waiting = [*group, *self._waiting]
            raise
        for request, of_request in zip(group, numbers, strict=True):
            request.numbers = of_request


def _assign_all(requests: Sequence[_NumberRequest], cursor: Cursor) -> list[list[int]]:
    """Return the numbers of each request."""
    by_kind: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for at, request in enumerate(requests):
        by_kind[request.application, request.kind].append(at)
    numbers: list[list[int]] = [[] for _ in requests]
    for (application, kind), places in by_kind.items():
        identifiers = [identifier for at in places for identifier in requests[at].identifiers]
        assigned = assign_numbers(cursor, application, kind, identifiers)
        for at in places:
            numbers[at], assigned = assigned[: len(requests[at].identifiers)], assigned[len(requests[at].identifiers) :]
    return numbers
