"""Keeps what was read from collections of the store, until a document of one of them is written."""

from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

from okube_api.store.protocol import Store
from okube_api.store.schema import Collection

T = TypeVar("T")


class RevisionCache(Generic[T]):
    """Values by key, which are valid while the revision of the collections is the same.

    most: the number of values at which all are dropped.
    """

    def __init__(self, store: Store, *collections: Collection, most: int) -> None:
        self._store, self._collections, self._most = store, collections, most
        self._values: dict[Hashable, T] = {}
        self._revision: str | None = None

    async def load(self, key: Hashable, read: Callable[[], Awaitable[T]]) -> T:
        """Return the value of a key, from memory if possible; an error of `read` is raised each time."""
        revision = self._store.revision(*self._collections)  # before the read: a write in between outdates the value
        if revision is None:
            return await read()
        if revision != self._revision or len(self._values) >= self._most:
            self._values.clear()
            self._revision = revision
        value = self._values.get(key)
        if value is None:
            value = await read()
            if revision == self._revision:
                self._values[key] = value
        return value
