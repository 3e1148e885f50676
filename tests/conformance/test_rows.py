"""Tests of rows: partitions replaced in one step, events appended by batch, and readers that see one snapshot."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from uuid import uuid4

import pyarrow as pa
import pytest
from okube_api.store.conditions import EVERYTHING, equal
from okube_api.store.duckdb import store as duckdb_store
from okube_api.store.errors import UnsupportedByStore
from okube_api.store.mongo import manifests
from okube_api.store.mongo import numbers as mongo_numbers
from okube_api.store.mongo import store as mongo_store
from okube_api.store.plans import Aggregate, Count
from okube_api.store.protocol import Store

from tests.conformance import plain
from tests.conformance.declared import DOCUMENTS, EVENTS, MONTHS, STAYS, UNINDEXED
from tests.conformance.rows import TYPES, Row, count_rows, fill, make_stays, read_all, read_stored, to_arrow

pytestmark = pytest.mark.anyio

# -- partitions


async def test_rows_round_trip(store: Store, application: str) -> None:
    rows = make_stays(1, range(-3, 9), 200)
    await fill(store, application, STAYS, rows)
    async with store.open_reader(application) as reader:
        assert count_rows(await read_all(reader, STAYS)) == count_rows(rows)
        selected = [row for row in rows if 2 <= row["part"] <= 4]
        assert count_rows(await read_all(reader, STAYS, 2, 4)) == count_rows(selected)
        assert await reader.list_parts(STAYS) == sorted({row["part"] for row in rows})
        assert await read_all(reader, STAYS, 9, 99) == []
        assert await read_all(reader, MONTHS) == []
        assert await reader.list_parts(MONTHS) == []
        with pytest.raises(UnsupportedByStore):
            await reader.list_parts(STAYS, batch=1)
    assert await read_stored(store, "nobody", STAYS) == []


async def test_replace_removes_all_other_rows_of_a_partition(store: Store, application: str) -> None:
    rows = make_stays(2, range(5), 60)
    await fill(store, application, STAYS, rows)
    new = make_stays(3, (1, 2), 7)
    async with store.begin_change(application, "second") as change:
        await change.replace(STAYS, (1, 2, 4), to_arrow(STAYS, new))
        await change.commit()
    remaining = [row for row in rows if row["part"] in (0, 3)]
    assert count_rows(await read_stored(store, application, STAYS)) == count_rows([*remaining, *new])
    async with store.open_reader(application) as reader:
        assert 4 not in await reader.list_parts(STAYS)


async def test_rows_outside_the_parts_are_refused(store: Store, application: str) -> None:
    async with store.begin_change(application, "wrong") as change:
        with pytest.raises(ValueError, match="part 3"):
            await change.replace(STAYS, (1, 2), to_arrow(STAYS, [dict.fromkeys(plain.get_types(STAYS)) | {"part": 3}]))
        with pytest.raises(ValueError, match="lack"):
            await change.replace(STAYS, (1,), pa.table({"part": [1]}))


@pytest.mark.parametrize("is_committed", [True, False])
async def test_documents_are_inserted_in_the_step_of_the_rows(
    store: Store, application: str, *, is_committed: bool
) -> None:
    """Insert a document in a change, where the store can, and query before and after."""
    document = {"_id": uuid4().hex, "at": application}
    where = equal("at", application)
    rows = make_stays(4, (1,), 5)
    async with store.begin_change(application, "both") as change:
        if not store.has_transactions:
            with pytest.raises(UnsupportedByStore):
                await change.insert_documents(UNINDEXED, [document])
            return
        await change.replace(STAYS, (1,), to_arrow(STAYS, rows))
        await change.insert_documents(UNINDEXED, [document])
        assert await store.find(UNINDEXED, where) == []
        if is_committed:
            await change.commit()
    assert await store.find(UNINDEXED, where) == ([document] if is_committed else [])
    assert len(await read_stored(store, application, STAYS)) == (len(rows) if is_committed else 0)


async def test_documents_with_unique_fields_need_a_write_of_their_own(store: Store, application: str) -> None:
    """Check that a change does not insert what other writes might make a duplicate."""
    async with store.begin_change(application, "unique") as change:
        with pytest.raises((ValueError, UnsupportedByStore)):
            await change.insert_documents(DOCUMENTS, [{"_id": uuid4().hex, "key": "k"}])


async def test_a_change_left_without_commit_leaves_nothing(store: Store, application: str) -> None:
    rows = make_stays(4, range(3), 30)
    await fill(store, application, STAYS, rows)
    async with store.begin_change(application, "left") as change:
        await change.replace(STAYS, (0, 1, 7), to_arrow(STAYS, make_stays(5, (0, 7), 9)))
        await change.append(EVENTS, 1, make_events(1, 5))
    with suppress(RuntimeError):
        async with store.begin_change(application, "broken") as change:
            await change.replace(STAYS, (2,), to_arrow(STAYS, []))
            raise RuntimeError
    assert count_rows(await read_stored(store, application, STAYS)) == count_rows(rows)
    assert await read_stored(store, application, EVENTS) == []
    assert await store.is_committed(application, "fill")
    assert not await store.is_committed(application, "left")
    assert not await store.is_committed(application, "broken")
    assert not await store.is_committed("nobody", "fill")


async def test_every_committed_change_is_found_by_name(store: Store, application: str) -> None:
    for index in range(4):
        async with store.begin_change(application, f"change {index}") as change:
            if index % 2:
                await change.append(EVENTS, index, make_events(index, 1))
            await change.commit()
    assert [await store.is_committed(application, f"change {index}") for index in range(5)] == [True] * 4 + [False]


async def test_a_change_of_several_tables_is_atomic(store: Store, application: str) -> None:
    rows = make_stays(6, range(3), 20)
    async with store.begin_change(application, "both") as change:
        await change.replace(STAYS, range(3), to_arrow(STAYS, rows))
        await change.replace(MONTHS, (0,), to_arrow(MONTHS, [{"part": 0, "place": "a", "dwell_s": 4}]))
        await change.append(EVENTS, 3, make_events(3, 4))
        assert await read_stored(store, application, STAYS) == []
        assert await read_stored(store, application, EVENTS) == []
        await change.commit()
    assert len(await read_stored(store, application, STAYS)) == 20
    assert len(await read_stored(store, application, EVENTS)) == 4
    assert await read_stored(store, application, MONTHS) == [{"part": 0, "place": "a", "dwell_s": 4}]


async def test_a_change_reads_what_it_wrote(store: Store, application: str) -> None:
    old = make_stays(7, range(4), 40)
    await fill(store, application, STAYS, old)
    new = make_stays(8, (1,), 5)
    total = Aggregate(STAYS, EVERYTHING, ("part",), (Count("n"),))
    async with store.begin_change(application, "own") as change:
        await change.append(EVENTS, 1, make_events(1, 3))
        await change.append(EVENTS, 2, make_events(2, 4))
        assert len(await read_all(change, EVENTS)) == 7
        await change.remove(EVENTS, 1)
        assert count_rows(await read_all(change, EVENTS)) == count_rows(make_labelled(2, 4))
        await change.replace(STAYS, (1,), to_arrow(STAYS, new))
        expected = [row for row in old if row["part"] != 1] + new
        assert count_rows(await read_all(change, STAYS)) == count_rows(expected)
        assert count_rows((await change.aggregate(total)).to_pylist()) == count_rows(
            plain.aggregate(total, expected, TYPES)
        )
        async with store.open_reader(application) as reader:
            assert count_rows(await read_all(reader, STAYS)) == count_rows(old)
            assert await read_all(reader, EVENTS) == []
        await change.commit()
    assert count_rows(await read_stored(store, application, STAYS)) == count_rows(expected)


async def test_every_state_of_an_application_has_a_version(store: Store, application: str) -> None:
    async def version() -> str:
        async with store.open_reader(application) as reader:
            return reader.version

    versions_seen = [await version()]
    for index in range(3):
        await fill(store, application, STAYS, make_stays(index, (1,), 2), f"change {index}")
        versions_seen.append(await version())
        assert await version() == versions_seen[-1]
    await fill(store, "f" + application[1:], STAYS, make_stays(9, (1,), 2))
    assert await version() == versions_seen[-1]
    async with store.begin_change(application, "open") as change:
        assert change.version not in versions_seen
        assert await version() == versions_seen[-1]
    await store.delete_rows(application)
    versions_seen.append(await version())
    async with store.open_reader(application) as old:
        await fill(store, application, STAYS, make_stays(0, (1,), 2), "again")
        assert old.version == versions_seen[-1]
    assert len({*versions_seen, await version()}) == 6
    await store.delete_rows("f" + application[1:])


async def test_rows_and_numbers_are_deleted_in_small_steps(
    store: Store, application: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, names in (
        (duckdb_store, ("_ROWS_PER_DELETE",)),
        (mongo_store, ("_ROWS_PER_DELETE", "_BLOCKS_PER_DELETE")),
        (manifests, ("_MOST_DELETED",)),
        (mongo_numbers, ("_DOCUMENTS_PER_DELETE",)),
    ):
        for name in names:
            monkeypatch.setattr(module, name, 3)
    other = "f" + application[1:]
    rows = make_stays(1, range(-3, 9), 40)
    identifiers = [number.to_bytes(16, "big") for number in range(10)]
    for owner in (application, other):
        await fill(store, owner, STAYS, rows)
        async with store.begin_change(owner, "events") as change:
            await change.append(EVENTS, 1, make_events(1, 30))
            await change.commit()
        await store.assign_numbers(owner, "user", identifiers)
    await store.delete_rows(application)
    assert await read_stored(store, application, STAYS) == []
    assert await read_stored(store, application, EVENTS) == []
    assert await store.find_numbers(application, "user", identifiers) == [None] * 10
    assert count_rows(await read_stored(store, other, STAYS)) == count_rows(rows)
    assert len(await read_stored(store, other, EVENTS)) == 30
    assert await store.find_numbers(other, "user", identifiers) == [*range(10)]
    await store.delete_rows(other)


async def test_each_table_has_a_version_of_its_own(store: Store, application: str) -> None:
    async def versions() -> tuple[str, str]:
        async with store.open_reader(application) as reader:
            return reader.version_of(STAYS), reader.version_of(MONTHS)

    first = await versions()
    await fill(store, application, STAYS, make_stays(1, (1,), 2))
    second = await versions()
    assert (second[0] != first[0], second[1] == first[1]) == (True, True)
    async with store.begin_change(application, "months") as change:
        await change.replace(MONTHS, (0,), to_arrow(MONTHS, [{"part": 0, "place": "a", "dwell_s": 4}]))
        assert change.version_of(MONTHS) not in (*first, *second)
        assert await versions() == second
        await change.commit()
    third = await versions()
    assert (third[0] == second[0], third[1] != second[1]) == (True, True)
    assert len({*first, *second, *third}) == 4
    async with store.begin_change(application, "events") as change:
        await change.append(EVENTS, 1, make_events(1, 2))
        await change.commit()
    async with store.open_reader(application) as before:
        async with store.begin_change(application, "no events") as change:
            await change.remove(EVENTS, 1)
            await change.commit()
        async with store.open_reader(application) as after:
            assert before.version_of(EVENTS) != after.version_of(EVENTS)
            assert before.version_of(STAYS) == after.version_of(STAYS)


async def test_applications_are_separate(store: Store, application: str) -> None:
    other = "f" + application[1:]
    await fill(store, application, STAYS, make_stays(9, (1,), 10))
    await fill(store, other, STAYS, make_stays(10, (1,), 11))
    async with store.open_reader(other) as reader:
        counts = await reader.aggregate(Aggregate(STAYS, EVERYTHING, (), (Count("n"),)))
    assert counts.to_pylist() == [{"n": 11}]
    await store.delete_rows(other)
    assert await read_stored(store, other, STAYS) == []
    assert not await store.is_committed(other, "fill")
    assert len(await read_stored(store, application, STAYS)) == 10
    await fill(store, other, STAYS, make_stays(10, (1,), 3))
    assert len(await read_stored(store, other, STAYS)) == 3


async def test_a_reader_sees_one_snapshot(store: Store, application: str) -> None:
    await fill(store, application, STAYS, make_stays(11, (1, 2), 10))
    counting = Aggregate(STAYS, EVERYTHING, (), (Count("n"),))
    async with store.open_reader(application) as reader:
        await fill(store, application, STAYS, make_stays(12, (1, 2), 3), "later")
        assert (await reader.aggregate(counting)).to_pylist() == [{"n": 10}]
        assert len(await read_all(reader, STAYS)) == 10
    async with store.open_reader(application) as reader:
        assert (await reader.aggregate(counting)).to_pylist() == [{"n": 3}]


@pytest.mark.slow
async def test_readers_never_see_old_and_new_rows_together(store: Store, application: str) -> None:
    """Write versions whose rows contain their number, with as many rows in part 1 as in part 2."""

    def version(index: int) -> list[Row]:
        empty = dict.fromkeys(plain.get_types(STAYS))
        return [empty | {"part": part, "place": "a", "dwell_s": index} for part in (1, 2) for _ in range(5 + index % 3)]

    await fill(store, application, STAYS, version(0), "version 0")
    plan = Aggregate(STAYS, EVERYTHING, ("dwell_s", "part"), (Count("n"),))
    done = False
    versions_seen: set[int] = set()

    async def read() -> None:
        while not done:
            async with store.open_reader(application) as reader:
                first = (await reader.aggregate(plan)).to_pylist()
                again = (await reader.aggregate(plan)).to_pylist()
                listed = await read_all(reader, STAYS)
            versions = {row["dwell_s"] for row in (*first, *again, *listed)}
            assert len(versions) == 1, versions
            (index,) = versions
            assert sorted((row["part"], row["n"]) for row in first) == [(1, 5 + index % 3), (2, 5 + index % 3)]
            versions_seen.add(index)
            await asyncio.sleep(0)

    readers = [asyncio.create_task(read()) for _ in range(2)]
    for index in range(1, 8):
        await fill(store, application, STAYS, version(index), f"version {index}")
        await asyncio.sleep(0)
    done = True
    await asyncio.gather(*readers)
    assert len(versions_seen) > 1


async def test_concurrent_changes_of_one_application_all_succeed(store: Store, application: str) -> None:
    async def change(index: int) -> None:
        async with store.begin_change(application, f"at once {index}") as change:
            await change.append(EVENTS, index, make_events(index, 2))
            await change.replace(STAYS, (index,), to_arrow(STAYS, make_stays(index, (index,), 3)))
            await change.commit()

    await asyncio.gather(*map(change, range(8)))
    assert len(await read_stored(store, application, EVENTS)) == 16
    assert len(await read_stored(store, application, STAYS)) == 24


# -- packed tables


def make_labelled(batch: int, count: int, parts: Sequence[int] = (5, 3, 4)) -> list[Row]:
    """Return events as they are read."""
    return [
        {"part": parts[index % len(parts)], "batch": batch, "user": index, "label": f"é{batch}" if index % 4 else None}
        for index in range(count)
    ]


def make_events(batch: int, count: int, parts: Sequence[int] = (5, 3, 4)) -> pa.Table:
    rows = [{name: row[name] for name in ("part", "user", "label")} for row in make_labelled(batch, count, parts)]
    return to_arrow(EVENTS, rows)


async def test_events_are_appended_and_removed_by_batch(store: Store, application: str) -> None:
    async with store.begin_change(application, "first") as change:
        await change.append(EVENTS, 1, make_events(1, 7))
        await change.append(EVENTS, 1, make_events(1, 5, (9,)))
        await change.append(EVENTS, 2, make_events(2, 4, (3, 8)))
        await change.append(EVENTS, 3, make_events(3, 0))
        await change.commit()
    expected = [*make_labelled(1, 7), *make_labelled(1, 5, (9,)), *make_labelled(2, 4, (3, 8))]
    async with store.open_reader(application) as reader:
        assert count_rows(await read_all(reader, EVENTS)) == count_rows(expected)
        assert await reader.list_parts(EVENTS) == [3, 4, 5, 8, 9]
        assert await reader.list_parts(EVENTS, batch=2) == [3, 8]
        assert await reader.list_parts(EVENTS, batch=3) == []
        assert count_rows(await read_all(reader, EVENTS, 4, 8)) == count_rows(
            [row for row in expected if 4 <= row["part"] <= 8]
        )
    async with store.begin_change(application, "second") as change:
        await change.remove(EVENTS, 1)
        await change.append(EVENTS, 4, make_events(4, 2))
        await change.commit()
    assert count_rows(await read_stored(store, application, EVENTS)) == count_rows(
        [*make_labelled(2, 4, (3, 8)), *make_labelled(4, 2)]
    )


async def test_events_of_a_partition_are_replaced(store: Store, application: str) -> None:
    async with store.begin_change(application, "first") as change:
        await change.append(EVENTS, 1, make_events(1, 6))
        await change.commit()
    async with store.begin_change(application, "second") as change:
        await change.replace(EVENTS, (3, 7), make_events(0, 2, (3, 7)))
        await change.commit()
    remaining = [row for row in make_labelled(1, 6) if row["part"] != 3]
    assert count_rows(await read_stored(store, application, EVENTS)) == count_rows(
        [*remaining, *make_labelled(0, 2, (3, 7))]
    )
    async with store.begin_change(application, "third") as change:
        await change.append(EVENTS, 5, make_events(5, 3))
        await change.replace(EVENTS, (7,), make_events(0, 0))
        await change.commit()
    expected = [*remaining, *make_labelled(0, 1, (3,)), *make_labelled(5, 3)]
    assert count_rows(await read_stored(store, application, EVENTS)) == count_rows(expected)


async def test_a_change_may_remove_what_it_wrote_before(store: Store, application: str) -> None:
    async with store.begin_change(application, "many") as change:
        await change.append(EVENTS, 1, make_events(1, 6))
        await change.remove(EVENTS, 1)
        await change.append(EVENTS, 1, make_events(1, 3, (3, 4)))
        await change.append(EVENTS, 2, make_events(2, 4, (4, 5)))
        await change.replace(EVENTS, (4,), make_events(0, 2, (4,)))
        await change.append(EVENTS, 3, make_events(3, 1, (4,)))
        remaining = [row for row in (*make_labelled(1, 3, (3, 4)), *make_labelled(2, 4, (4, 5))) if row["part"] != 4]
        expected = [*remaining, *make_labelled(0, 2, (4,)), *make_labelled(3, 1, (4,))]
        assert count_rows(await read_all(change, EVENTS)) == count_rows(expected)
        await change.commit()
    assert count_rows(await read_stored(store, application, EVENTS)) == count_rows(expected)


async def test_a_large_part_is_read_in_bounded_blocks(store: Store, application: str) -> None:
    count = 600_000
    rows = pa.table({"part": pa.repeat(1, count), "user": range(count), "label": pa.repeat("x", count)})
    async with store.begin_change(application, "large") as change:
        for index in range(0, count, 200_000):
            await change.append(EVENTS, 1, rows.slice(index, 200_000))
        await change.append(EVENTS, 1, make_events(1, 6, (0, 2)))
        await change.commit()
    async with store.open_reader(application) as reader:
        sizes: list[int] = []
        total = 0
        async for block in reader.read_parts(EVENTS, 1, 1):
            sizes.append(block.num_rows)
            total += sum(block["user"].to_pylist())
        assert sum(sizes) == count
        assert max(sizes) <= 500_000
        assert total == count * (count - 1) // 2
        parts = [block["part"].unique().to_pylist() async for block in reader.read_parts(EVENTS, 0, 2)]
        flat = [part for part_list in parts for part in part_list]
        assert flat == sorted(flat)
    await store.delete_rows(application)
