"""Cache of query results about documents, for queries that are repeated before the next write."""

from collections import Counter, OrderedDict, defaultdict
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from uuid import uuid4

_MAX_BYTES, _MAX_ENTRY_BYTES = 16 * 2**20, 2**20
_ENTRY_OVERHEAD_BYTES = 200

ResultRows = list[tuple[Any, ...]]


class ResultCache:
    """Cached rows by collection and statement; beyond a memory budget, the least recently used are dropped.

    No entry is stale, because only this process writes to the file, and each write calls `invalidate` before it
    returns.
    """

    def __init__(self) -> None:
        self._entries: OrderedDict[tuple[str, str], tuple[int, ResultRows]] = OrderedDict()
        self._statements: defaultdict[str, set[str]] = defaultdict(set)  # of the entries, by collection
        self._bytes = 0
        self._writes: Counter[str] = Counter()
        self._process_id = uuid4().hex  # counts start again in every process
        self._revisions: dict[tuple[str, ...], str] = {}  # since the last write

    async def fetch(
        self, collection: str, statement: tuple[str, list[Any]], query: Callable[[], Awaitable[ResultRows]]
    ) -> ResultRows:
        """Return the rows of a statement, from memory or from `query`."""
        key = (collection, repr(statement))  # not the values themselves: 1, 1.0 and True are equal
        if key in self._entries:
            self._entries.move_to_end(key)
            return self._entries[key][1]
        writes = self._writes[collection]
        rows = await query()
        if writes == self._writes[collection]:
            self._add(key, rows)
        return rows

    def invalidate(self, collection: str) -> None:
        """Drop all results about a collection."""
        self._writes[collection] += 1
        self._revisions.clear()
        for statement in self._statements.pop(collection, ()):
            self._bytes -= self._entries.pop((collection, statement))[0]

    def revision(self, collections: Iterable[str]) -> str:
        """Return a text that changes when one of these collections is written."""
        names = tuple(collections)
        if (revision := self._revisions.get(names)) is None:
            revision = " ".join([self._process_id, *(f"{name}:{self._writes[name]}" for name in sorted(names))])
            self._revisions[names] = revision
        return revision

    def _add(self, key: tuple[str, str], rows: ResultRows) -> None:
        size = len(key[1]) + sum(len(str(value)) for row in rows for value in row) + _ENTRY_OVERHEAD_BYTES
        if size > _MAX_ENTRY_BYTES or key in self._entries:
            return
        self._entries[key] = (size, rows)
        self._statements[key[0]].add(key[1])
        self._bytes += size
        while self._bytes > _MAX_BYTES:
            (collection, statement), (dropped, _) = self._entries.popitem(last=False)
            self._statements[collection].discard(statement)
            self._bytes -= dropped
