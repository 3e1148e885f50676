"""Test that requests for numbers that wait together share a transaction, whatever happens to one of them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from okube_api.store.duckdb.connection import Cursor
from okube_api.store.duckdb.database import Database
from okube_api.store.duckdb.store import DuckStore
from okube_api.store.errors import StoreFull

from tests.conformance.declared import SCHEMA
from tests.conformance.test_numbers import make_identifier

pytestmark = pytest.mark.anyio

APPLICATION, OTHER = "a" * 24, "b" * 24
Write = Callable[[Database, Callable[[Cursor], Any]], Any]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DuckStore]:
    new_store = DuckStore(tmp_path / "okube.duckdb", SCHEMA, memory_limit="256MB", threads=1)
    await new_store.start()
    yield new_store
    await new_store.close()


@pytest.fixture
def writes(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Return a list that gets an element for each write. ."""
    done: list[object] = []
    write: Write = Database.write

    async def record(database: Database, work: Callable[[Cursor], Any]) -> Any:
        done.append(work)
        await asyncio.sleep(0.01)
        return await write(database, work)

    monkeypatch.setattr(Database, "write", record)
    return done


def ask(store: DuckStore, *values: int, application: str = APPLICATION, kind: str = "user") -> asyncio.Task[list[int]]:
    identifiers = [make_identifier(value) for value in values]
    return asyncio.create_task(store.assign_numbers(application, kind, identifiers))


async def read_all(store: DuckStore, count: int) -> list[int | None]:
    return await store.find_numbers(APPLICATION, "user", [make_identifier(value) for value in range(count)])


async def test_requests_that_wait_share_a_transaction(store: DuckStore, writes: list[object]) -> None:
    """Name the same and different identifiers of two applications and two kinds in 20 requests."""
    tasks = [ask(store, at, at + 1, 0) for at in range(15)]
    tasks += [ask(store, at, application=OTHER) for at in range(3)]
    tasks += [ask(store, at, kind="device") for at in range(2)]
    results = await asyncio.gather(*tasks)
    assert len(writes) == 2  # that of the first request, and of those that came meanwhile
    assert await read_all(store, 16) == list(range(16))
    assert results[:15] == [[at, at + 1, 0] for at in range(15)]
    assert results[15:] == [[0], [1], [2], [0], [1]]


@pytest.mark.parametrize("delay_s", [0.0, 0.005, 0.013])
async def test_a_cancelled_request_leaves_the_others(store: DuckStore, delay_s: float) -> None:
    """Cancel the request that writes those of all, and one that waits."""
    for turn in range(5):
        tasks = [ask(store, 10 * turn + at) for at in range(10)]
        await asyncio.sleep(delay_s)
        tasks[1].cancel()
        tasks[4].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        numbers = await read_all(store, 50)
        for at, result in enumerate(results):
            if at in (1, 4):
                assert isinstance(result, asyncio.CancelledError) or result == [numbers[10 * turn + at]]
            else:
                assert result == [numbers[10 * turn + at]]
        given = [number for number in numbers if number is not None]
        assert sorted(given) == list(range(len(given)))


async def test_after_an_error_each_request_is_tried_again(store: DuckStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail the second write, which is that of nine requests."""
    write: Write = Database.write
    attempts = 0

    async def fail_once(database: Database, work: Callable[[Cursor], Any]) -> Any:
        nonlocal attempts
        attempts += 1
        await asyncio.sleep(0)
        if attempts == 2:
            raise StoreFull("The disk is full.")
        return await write(database, work)

    monkeypatch.setattr(Database, "write", fail_once)
    results = await asyncio.gather(*(ask(store, at) for at in range(10)), return_exceptions=True)
    assert [type(result) for result in results].count(StoreFull) == 1
    assert isinstance(results[1], StoreFull)
    numbers = await read_all(store, 10)
    assert [[number] for at, number in enumerate(numbers) if at != 1] == [*results[:1], *results[2:]]
    assert attempts == 3


async def test_counters_are_taken_ahead_and_never_repeat(tmp_path: Path, writes: list[object]) -> None:
    """Count in two processes, of which the first ends without notice, one by one and several at once."""
    given: set[int] = set()
    for _ in range(2):
        store = DuckStore(tmp_path / "counted.duckdb", SCHEMA, memory_limit="256MB", threads=1)
        await store.start()
        writes.clear()
        for count in (1, 1, 3, 1, 40, 1, 29, 2, 5):
            last = await store.next_number(APPLICATION, "batches", count)
            values = set(range(last - count + 1, last + 1))
            assert min(values) > max(given, default=0)
            given |= values
        together = await asyncio.gather(*(store.next_number(APPLICATION, "batches") for _ in range(20)))
        assert len(given | set(together)) == len(given) + 20
        given |= set(together)
        assert len(writes) <= 6
        await store._upkeep.close()  # which would go on, and log that the file is closed
        await store._database.close()  # without what else `DuckStore.close` may do
    assert max(given) <= 2 * (len(given) // 2 + 3 * 32)


async def test_deleted_counters_begin_again(store: DuckStore) -> None:
    assert [await store.next_number(APPLICATION, "batches") for _ in range(3)] == [1, 2, 3]
    assert [await store.next_number(OTHER, "batches") for _ in range(3)] == [1, 2, 3]
    await store.delete_rows(APPLICATION)
    assert [await store.next_number(APPLICATION, "batches") for _ in range(3)] == [1, 2, 3]
    assert await store.next_number(OTHER, "batches") == 4


async def test_a_counter_that_is_set_once_is_exact(store: DuckStore) -> None:
    """A backup has no values that were never given."""
    await store.next_number(APPLICATION, "batches", 7)
    async with store.open_snapshot() as snapshot:
        assert await snapshot.list_counters() == [(APPLICATION, "batches", 7)]
