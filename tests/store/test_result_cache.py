"""Tests of the results that the embedded store keeps until the next write."""

import pytest
from okube_api.store.duckdb import result_cache
from okube_api.store.duckdb.result_cache import ResultCache, ResultRows

pytestmark = pytest.mark.anyio


async def count_queries(cache: ResultCache, collection: str, number: int) -> int:
    """Fetch the result of a statement, and return how many queries it took."""
    queries = []

    async def query() -> ResultRows:
        queries.append(number)
        return [(number,)]

    assert await cache.fetch(collection, ("SELECT ?", [number]), query) == [(number,)]
    return len(queries)


async def test_a_write_drops_the_results_about_its_collection() -> None:
    cache = ResultCache()
    for collection in ("sites", "pois"):
        assert [await count_queries(cache, collection, 1) for _ in range(2)] == [1, 0]
    cache.invalidate("sites")
    assert [await count_queries(cache, "sites", 1) for _ in range(2)] == [1, 0]
    assert await count_queries(cache, "pois", 1) == 0


async def test_the_least_recently_used_are_dropped_beyond_the_memory_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write a collection after some of its results were dropped: what is written gives its memory back."""
    monkeypatch.setattr(result_cache, "_MAX_BYTES", 1000)
    cache = ResultCache()
    for number in range(50):
        await count_queries(cache, "sites", number)
    assert [await count_queries(cache, "sites", number) for number in (49, 0, 49, 1)] == [0, 1, 0, 1]
    for _ in range(9):
        cache.invalidate("sites")
        assert [await count_queries(cache, "sites", number) for number in (1, 2, 1, 2)] == [1, 1, 0, 0]
