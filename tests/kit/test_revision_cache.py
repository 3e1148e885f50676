"""Values are read once for each revision, and each time while the store cannot tell it."""

import pytest
from okube_api.kit.revision_cache import RevisionCache
from okube_api.store.schema import Collection

pytestmark = pytest.mark.anyio

SITES = Collection("sites", fields={})


class RevisedStore:
    """A store of one text, with a revision that tests set; counts the reads."""

    def __init__(self) -> None:
        self.current: str | None = "1"
        self.text = "a"
        self.reads = 0

    def revision(self, *_: Collection) -> str | None:
        return self.current

    async def read(self) -> str:
        self.reads += 1
        return self.text


@pytest.fixture
def store() -> RevisedStore:
    """Return a new store."""
    return RevisedStore()


@pytest.fixture
def cache(store: RevisedStore) -> RevisionCache[str]:
    """Return a cache of at most two values."""
    return RevisionCache[str](store, SITES, most=2)  # type: ignore[arg-type]


async def test_a_value_is_read_again_after_a_write(store: RevisedStore, cache: RevisionCache[str]) -> None:
    assert [await cache.load("key", store.read) for _ in range(3)] == ["a"] * 3
    assert store.reads == 1
    store.current, store.text = "2", "b"
    assert [await cache.load("key", store.read) for _ in range(3)] == ["b"] * 3
    assert store.reads == 2


async def test_nothing_is_cached_without_a_revision(store: RevisedStore, cache: RevisionCache[str]) -> None:
    await cache.load("key", store.read)
    store.current = None
    assert [await cache.load("key", store.read) for _ in range(3)] == ["a"] * 3
    assert store.reads == 4
    store.current = "1"  # requests without a revision leave the values of others as they are
    assert await cache.load("key", store.read) == "a"
    assert store.reads == 4


async def test_a_write_during_the_read_outdates_the_value(store: RevisedStore, cache: RevisionCache[str]) -> None:
    async def read_late() -> str:
        text = await store.read()
        store.current, store.text = "2", "b"
        await cache.load("other", store.read)  # another request, after the write
        return text

    assert await cache.load("key", read_late) == "a"
    assert await cache.load("key", store.read) == "b"


async def test_all_values_are_dropped_when_there_are_too_many(store: RevisedStore, cache: RevisionCache[str]) -> None:
    for key in "aab":
        await cache.load(key, store.read)
    assert store.reads == 2
    for key in "ca":
        await cache.load(key, store.read)
    assert store.reads == 4
