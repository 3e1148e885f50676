"""Tests of what patches leave in MongoDB: marks that count only when their change was committed, and their removal."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from itertools import chain, count
from random import Random
from typing import Any

import pyarrow as pa
import pytest
from okube_api.store.conditions import EVERYTHING
from okube_api.store.errors import Conflict, Unavailable
from okube_api.store.mongo import change_cleanup, changes
from okube_api.store.mongo.rows import MongoReader
from okube_api.store.mongo.store import MongoStore
from okube_api.store.mongo.write_queue import WriteQueue
from okube_api.store.plans import Aggregate, Select, Sum
from okube_api.store.protocol import Change, Store
from okube_api.store.values import Json
from pymongo import MongoClient

from tests.conformance.declared import STAYS
from tests.store.mongo_rows import OpenStore, count_stays, count_stored, fill, make_stays

pytestmark = pytest.mark.anyio

DWELL = Aggregate(STAYS, EVERYTHING, (), (Sum("dwell_s", "dwell"),))


@pytest.fixture
def stored(mongo_uri: str, database_name: str) -> Iterator[Any]:
    """Return the collection of stays of the database under test."""
    with MongoClient[Json](mongo_uri) as client:
        yield client[database_name]["stays"]


def make_dwells(dwells: Sequence[int], part: int = 1) -> pa.Table:
    rows = make_stays(part, len(dwells))
    return rows.set_column(rows.column_names.index("dwell_s"), "dwell_s", pa.array(dwells, pa.int64()))


async def patch_dwells(change: Change, old: Sequence[int], new: Sequence[int], part: int = 1) -> None:
    """Replace the stays of these dwells in a part by others."""
    keys = pa.table({"part": pa.repeat(part, len(old)), "dwell_s": pa.array(old, pa.int64())})
    await change.patch(STAYS, keys, make_dwells(new, part))


async def commit_patch(store: MongoStore, name: str, old: Sequence[int], new: Sequence[int], part: int = 1) -> None:
    async with store.begin_change("a", name) as change:
        await patch_dwells(change, old, new, part)
        await change.commit()


async def read_dwells(store: Store) -> list[int]:
    async with store.open_reader("a") as reader:
        rows = await reader.select(Select(STAYS, EVERYTHING, ("dwell_s",)))
    return sorted(rows["dwell_s"].to_pylist())


def count_marked(stored: Any) -> int:
    """Count rows with marks; abandoned changes leave an empty list, which is none."""
    return int(stored.count_documents({"$or": [{name: {"$exists": True}} for name in ("_added", "_superseded.0")]}))


async def test_a_patch_writes_its_own_rows_only(open_store: OpenStore, stored: Any) -> None:
    store = open_store()
    await store.start()
    await fill(store, "all", 100)
    before = {row["_id"] for row in stored.find({})}
    await commit_patch(store, "few", [3, 4], [104, 105, 106])
    assert stored.count_documents({"_id": {"$nin": list(before)}}) == 3
    assert stored.count_documents({"_superseded": {"$exists": True}}) == 2
    assert await read_dwells(store) == [*range(3), *range(5, 100), 104, 105, 106]


@pytest.mark.parametrize("lookups", [0, 2000])
async def test_a_patch_leaves_other_parts_and_generations_as_they_are(
    open_store: OpenStore, stored: Any, monkeypatch: pytest.MonkeyPatch, lookups: int
) -> None:
    """Patch parts 1 and 3; between their generations lie those of part 2 and of the old rows of part 1."""
    monkeypatch.setattr(changes, "_MAX_LOOKUPS", lookups)
    store = open_store()
    await store.start()
    for number, part in enumerate((3, 1, 2, 1)):
        await fill(store, f"fill {number}", 5, part)
    keys = pa.table({"part": [1, 3], "dwell_s": [0, 0]})
    async with store.begin_change("a", "patch") as change:
        await change.patch(STAYS, keys, make_dwells([100], part=1))
        await change.commit()
    assert await read_dwells(store) == sorted([0, *(1, 2, 3, 4) * 3, 100])
    assert sorted(row["part"] for row in stored.find({"_superseded": {"$exists": True}})) == [1, 3]


async def test_superseded_rows_and_marks_are_removed_after_their_grace(open_store: OpenStore, stored: Any) -> None:
    store = open_store()
    await store.start()
    await fill(store, "all", 30)
    async with store.open_reader("a") as reader:
        for number in range(5):
            await commit_patch(store, f"patch {number}", [number, 100 + number], [101 + number])
        await store._collect_row_garbage()
        assert (await reader.aggregate(DWELL))["dwell"].to_pylist() == [435], "the grace has not passed"
    assert stored.count_documents({}) == 35
    await open_store(grace=timedelta(0)).start()
    assert (stored.count_documents({}), count_marked(stored)) == (26, 0)
    assert await read_dwells(store) == [*range(5, 30), 105]
    await commit_patch(store, "later", [5], [6, 6])
    assert await read_dwells(store) == [6, 6, *range(6, 30), 105]


async def test_collected_patches_are_no_longer_listed(
    open_store: OpenStore, mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "_MAX_LISTED_PATCHES", 3)
    store = open_store()
    await store.start()
    await fill(store, "all", 30)

    async def count_listed() -> int:
        pointers = await store._manifests.load("a")
        manifest = await store._manifests.get_manifest(pointers.tables["stays"])
        return len(manifest.patches)

    for number in range(6):
        await commit_patch(store, f"patch {number}", [number], [100 + number])
    assert await count_listed() == 6, "all of them are within their grace"
    await open_store(grace=timedelta(0)).start()
    await commit_patch(store, "one more", [6], [106])
    assert await count_listed() == 1
    restarted = open_store()
    await restarted.start()
    assert await read_dwells(restarted) == [*range(7, 30), *range(100, 107)]


async def test_a_part_with_more_superseded_than_other_rows_is_written_again(open_store: OpenStore, stored: Any) -> None:
    store = open_store()
    await store.start()
    await fill(store, "all", 4)
    await fill(store, "other part", 4, part=2)
    expected = [*range(4), *range(4)]
    async with AsyncExitStack() as readers:
        snapshots = []
        for number in range(20):
            reader = await readers.enter_async_context(store.open_reader("a"))
            snapshots.append((reader, sum(expected)))
            await commit_patch(store, f"patch {number}", [number % 4 if number < 4 else number + 6], [number + 10])
            pointers = await store._manifests.load("a")
            manifest = await store._manifests.get_manifest(pointers.tables["stays"])
            assert manifest.superseded.get(1, 0) < manifest.parts[1][1] == 4
            assert set(manifest.superseded) <= {1}
            expected = await read_dwells(store)
            assert expected == sorted([*range(4), *range(max(number - 3, 0) + 10, number + 11), *range(number + 1, 4)])
        for reader, total in snapshots:
            assert (await reader.aggregate(DWELL))["dwell"].to_pylist() == [total]
    await open_store(grace=timedelta(0)).start()
    assert await read_dwells(store) == [0, 1, 2, 3, 26, 27, 28, 29]
    assert stored.count_documents({}) == 8


@pytest.mark.parametrize("rounds", [2, *(pytest.param(rounds, marks=pytest.mark.slow) for rounds in range(8, 12))])
async def test_patches_while_garbage_is_collected_all_the_time(open_store: OpenStore, stored: Any, rounds: int) -> None:
    """Change a few rows by two processes in turns, beside views that were opened before; a third one collects.

    Rows are told apart by their dwell; plain Python says which there are.
    """
    random, numbers = Random(rounds), count(100)
    stores = [open_store(), open_store()]
    every_ms = timedelta(milliseconds=1)
    collector = open_store(grace=timedelta(0), recovery_interval=every_ms, collection_interval=every_ms)
    await asyncio.gather(*(store.start() for store in (*stores, collector)))
    rows = {part: list(range(10 * part, 10 * part + 8)) for part in (1, 2, 3)}
    async with stores[0].begin_change("a", "all") as change:
        await change.replace(STAYS, list(rows), pa.concat_tables(make_dwells(rows[part], part) for part in rows))
        await change.commit()

    async def change_rows(change: Change) -> dict[int, list[int]]:
        """Patch a few rows of some parts, or replace a part; return all rows as the change must see them."""
        changed = dict(rows)
        for part in random.sample(sorted(rows), random.randint(1, 3)):
            new = [next(numbers) for _ in range(random.randint(0, 3))]
            if random.random() < 0.2:
                await change.replace(STAYS, [part], make_dwells(new, part))
                changed[part] = new
            else:
                old = random.sample(rows[part], min(random.randint(0, 3), len(rows[part])))
                await patch_dwells(change, old, new, part)
                changed[part] = [dwell for dwell in rows[part] if dwell not in old] + new
        selected = await change.select(Select(STAYS, EVERYTHING, ("dwell_s",)))
        assert sorted(selected["dwell_s"].to_pylist()) == sorted(chain(*changed.values()))
        return changed

    for number in range(rounds):
        async with AsyncExitStack() as views:
            if number % 2:
                view = await views.enter_async_context(stores[number // 2 % 2].open_snapshot())
                await view.pin_rows("a")
                rows_of_view = sorted(chain(*rows.values()))
                assert await read_dwells(view) == rows_of_view
            for step in range(3):
                store, other = random.sample(stores, 2)
                async with store.begin_change("a", f"change {number} {step}") as change:
                    changed = await change_rows(change)
                    if random.random() < 0.8:
                        await change.commit()
                        rows = changed
                for reading in (store, other):
                    assert await read_dwells(reading) == sorted(chain(*rows.values()))
                if number % 2:
                    assert await read_dwells(view) == rows_of_view
    async with asyncio.timeout(60):  # no view is open any more, so that all that was replaced goes
        while count_marked(stored) or stored.count_documents({}) > sum(map(len, rows.values())):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert await read_dwells(collector) == sorted(chain(*rows.values()))


async def test_of_two_concurrent_patches_one_counts(open_store: OpenStore, stored: Any) -> None:
    first_store, second_store = open_store(), open_store()
    await asyncio.gather(first_store.start(), second_store.start())
    await fill(first_store, "all", 9)
    async with first_store.begin_change("a", "first") as first, second_store.begin_change("a", "second") as second:
        await patch_dwells(first, [0, 1], [10])
        await patch_dwells(second, [1, 2], [20, 21])
        await first.commit()
        with pytest.raises(Conflict):
            await second.commit()
    for store in (first_store, second_store):
        assert await read_dwells(store) == [*range(2, 9), 10]
    assert stored.count_documents({}) == 10, "the rows of the second change are removed at once"
    await open_store(grace=timedelta(0)).start()
    assert stored.count_documents({}) == 8
    assert await read_dwells(first_store) == [*range(2, 9), 10]


@pytest.mark.parametrize("is_committed", [True, False])
async def test_the_patch_of_a_dead_process_is_resolved(
    open_store: OpenStore, stored: Any, monkeypatch: pytest.MonkeyPatch, is_committed: bool
) -> None:
    store = open_store()
    await store.start()
    await fill(store, "alive", 5)
    monkeypatch.setattr(change_cleanup, "_LEASE", timedelta(seconds=-1))
    monkeypatch.setattr(changes.MongoChange, "close", _do_nothing)
    with pytest.raises(ConnectionAbortedError):
        await _leave_patch(store, is_committed=is_committed)
    assert (stored.count_documents({}), count_marked(stored)) == (7, 4)
    await open_store().start()
    expected = [2, 3, 4, 10, 11] if is_committed else [0, 1, 2, 3, 4]
    assert await read_dwells(store) == expected
    if not is_committed:
        assert stored.count_documents({}) == 5
        assert not stored.count_documents({"_superseded": {"$elemMatch": {"$exists": True}}})
    await open_store(grace=timedelta(0)).start()
    assert stored.count_documents({}) == 5
    assert await read_dwells(store) == expected


async def _do_nothing(*_: object) -> None:
    pass


async def _leave_patch(store: MongoStore, *, is_committed: bool) -> None:
    async with store.begin_change("a", "dead") as change:
        await patch_dwells(change, [0, 1], [10, 11])
        assert await change.list_parts(STAYS) == [1]
        if is_committed:
            await change.commit()
        raise ConnectionAbortedError


async def test_marks_that_arrive_after_their_change_was_removed_do_no_harm(open_store: OpenStore, stored: Any) -> None:
    store = open_store()
    await store.start()
    await fill(store, "all", 5)
    generation = (await store._manifests.allot_generation("a")).generation
    stored.update_many({}, {"$addToSet": {"_superseded": generation}})
    late = stored.find_one({"dwell_s": 4}, {"_id": 0}) | {"_added": generation, "dwell_s": 9}
    stored.insert_one(late)
    await commit_patch(store, "patch", [0], [10])
    assert await read_dwells(store) == [1, 2, 3, 4, 10]
    assert await count_stays(store) == 5


async def test_a_part_may_be_replaced_and_patched_repeatedly_in_one_change(open_store: OpenStore, stored: Any) -> None:
    store = open_store()
    await store.start()
    await fill(store, "all", 5)
    async with store.begin_change("a", "all at once") as change:
        for number in range(3):
            await patch_dwells(change, [0], [10 + number])
            await change.replace(STAYS, [1], make_stays(1, 2))
            await patch_dwells(change, [0, 1], [])
            assert await change.list_parts(STAYS) == []
            await patch_dwells(change, [], [20 + number])
        await change.commit()
    assert await read_dwells(store) == [22]
    await open_store(grace=timedelta(0)).start()
    assert await read_dwells(store) == [22]
    assert stored.count_documents({}) == 1


@pytest.mark.parametrize("method", ["_insert", "_update"])
async def test_a_patch_that_cannot_be_written_fails_the_change(
    open_store: OpenStore, stored: Any, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    store = open_store()
    await store.start()
    await fill(store, "alive", 5)
    write = getattr(WriteQueue, method)

    async def fail(self: WriteQueue, *arguments: Any) -> None:
        await write(self, *arguments)
        raise Unavailable("after it was written")

    monkeypatch.setattr(WriteQueue, method, fail)
    with pytest.raises(Unavailable, match="after it was written"):
        await commit_patch(store, "lost", [0, 1], [10])
    assert await read_dwells(store) == [0, 1, 2, 3, 4]
    assert stored.count_documents({}) == 5


async def test_rows_that_were_deleted_meanwhile_fail_the_change(open_store: OpenStore, stored: Any) -> None:
    store = open_store()
    await store.start()
    await fill(store, "all", 5)
    async with store.begin_change("a", "late") as change:
        find_rows = change._find_rows  # type: ignore[attr-defined]

        async def find_and_delete(*arguments: Any) -> Any:
            rows = await find_rows(*arguments)
            stored.delete_many({"_id": {"$in": [row["_id"] for row in rows]}})
            return rows

        change._find_rows = find_and_delete  # type: ignore[attr-defined]
        await patch_dwells(change, [0], [10])
        with pytest.raises(Unavailable, match="deleted rows"):
            await change.commit()


async def test_columns_in_memory_are_kept_current_by_patches(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other_store = open_store(), open_store()
    await asyncio.gather(store.start(), other_store.start())
    await fill(store, "all", 5)

    async def ask(asked_store: MongoStore) -> int:
        async with asked_store.open_reader("a") as reader:
            return int((await reader.aggregate(DWELL))["dwell"][0].as_py())

    assert [await ask(store) for _ in range(2)] == [10, 10]
    queries: list[object] = []
    query = MongoReader._query

    async def count_query(self: MongoReader, *arguments: Any) -> list[Json]:
        queries.append(arguments)
        return await query(self, *arguments)

    monkeypatch.setattr(MongoReader, "_query", count_query)
    async with store.begin_change("a", "two patches") as change:
        await patch_dwells(change, [4], [10])
        await patch_dwells(change, [10, 0], [20])
        await change.commit()
    assert await ask(store) == 26
    assert not queries
    await commit_patch(other_store, "by another process", [20], [30])
    assert await ask(store) == 36
    assert len(queries) == 1
    await fill(store, "replaced", 3)
    assert await ask(store) == 3


async def test_a_store_without_patches_reads_manifests_of_earlier_versions(
    open_store: OpenStore, mongo_uri: str, database_name: str
) -> None:
    store = open_store()
    await store.start()
    await fill(store, "all", 5)
    with MongoClient[Json](mongo_uri) as client:
        client[database_name]["_manifests"].update_many({}, {"$unset": {"patches": ""}})
    newer = open_store()
    await newer.start()
    await commit_patch(newer, "patch", [0], [10])
    assert await read_dwells(newer) == [1, 2, 3, 4, 10]
    assert count_stored(mongo_uri, database_name, "stays") == 6


async def test_an_index_of_an_earlier_version_is_replaced(
    open_store: OpenStore, mongo_uri: str, database_name: str
) -> None:
    """Start on a database with the index of packed tables that earlier versions had."""
    with MongoClient[Json](mongo_uri) as client:
        events = client[database_name]["events"]
        events.create_index([("application", 1), ("part", 1)], name="application_part")
        for _ in range(2):
            await open_store().start()
            names = set(events.index_information())
            assert "application_part_limits" in names
            assert "application_part" not in names
