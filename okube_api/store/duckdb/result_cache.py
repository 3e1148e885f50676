"""Answers about documents that were given lately: what is asked again before anything was written costs no query."""

from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from uuid import uuid4

_MOST_BYTES, _MOST_OF_ONE = 16 * 2**20, 2**20

ResultRows = list[tuple[Any, ...]]


class ResultCache:
    """Rows by collection and statement, the latest kept, within a budget of memory.

    This is right because one process writes to the file, and says so by `forget` before it answers.
    """

    def __init__(self) -> None:
        self._held: OrderedDict[tuple[str, str], tuple[int, ResultRows]] = OrderedDict()
        self._bytes = 0
        self._writes: Counter[str] = Counter()
        self._process = uuid4().hex  # counts begin again with every process

    async def fetch(self, collection: str, statement: tuple[str, list[Any]], ask: Callable[[], Awaitable[ResultRows]]) -> ResultRows:
        """The rows of a statement, from memory or by `ask`."""
        key = (collection, repr(statement))  # not the values themselves: 1, 1.0 and True are equal
        if key in self._held:
            self._held.move_to_end(key)
            return self._held[key][1]
        writes = self._writes[collection]
        rows = await ask()
        if writes == self._writes[collection]:
            self._keep(key, rows)
        return rows

    def invalidate(self, collection: str) -> None:
        """Lets go of what was answered about a collection."""
        self._writes[collection] += 1
        for key in [key for key in self._held if key[0] == collection]:
            self._bytes -= self._held.pop(key)[0]

    def revision(self, collections: Iterable[str]) -> str:
        """A text that changes when one of these collections is written."""
        return " ".join([self._process, *(f"{name}:{self._writes[name]}" for name in sorted(collections))])

    def _keep(self, key: tuple[str, str], rows: ResultRows) -> None:
        size = len(key[1]) + sum(len(str(value)) for row in rows for value in row) + 200
        if size > _MOST_OF_ONE or key in self._held:
            return
        self._held[key] = (size, rows)
        self._bytes += size
        while self._bytes > _MOST_BYTES:
            self._bytes -= self._held.popitem(last=False)[1][0]
