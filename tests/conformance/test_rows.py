"""Rows: replaced by partition in one step, kept by batch where they are events, seen as of one moment."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import pyarrow as pa
import pytest
from okube_api.store.conditions import EVERYTHING
from okube_api.store.errors import UnsupportedByStore
from okube_api.store.plans import Aggregate, Count
from okube_api.store.protocol import Store

from tests.conformance import plain
from tests.conformance.declared import EVENTS, MONTHS, STAYS
from tests.conformance.rows import KINDS, Row, arrow, bag, every, fill, stays, stored

pytestmark = pytest.mark.anyio

# -- partitions


async def test_rows_come_back_as_they_were(store: Store, application: str) -> None:
    rows = stays(1, range(-3, 9), 200)
    await fill(store, application, STAYS, rows)
    async with store.open_reader(application) as reader:
        assert bag(await every(reader, STAYS)) == bag(rows)
        some = [row for row in rows if 2 <= row["part"] <= 4]
        assert bag(await every(reader, STAYS, 2, 4)) == bag(some)
        assert await reader.list_parts(STAYS) == sorted({row["part"] for row in rows})
        assert await every(reader, STAYS, 9, 99) == []
        assert await every(reader, MONTHS) == []
        assert await reader.list_parts(MONTHS) == []
        with pytest.raises(UnsupportedByStore):
            await reader.list_parts(STAYS, batch=1)
    assert await stored(store, "nobody", STAYS) == []


async def test_a_partition_is_replaced_whole(store: Store, application: str) -> None:
    rows = stays(2, range(5), 60)
    await fill(store, application, STAYS, rows)
    new = stays(3, (1, 2), 7)
    async with store.begin_change(application, "second") as change:
        await change.replace(STAYS, (1, 2, 4), arrow(STAYS, new))
        await change.commit()
    kept = [row for row in rows if row["part"] in (0, 3)]
    assert bag(await stored(store, application, STAYS)) == bag([*kept, *new])
    async with store.open_reader(application) as reader:
        assert 4 not in await reader.list_parts(STAYS)


async def test_rows_outside_the_parts_are_refused(store: Store, application: str) -> None:
    async with store.begin_change(application, "wrong") as change:
        with pytest.raises(ValueError, match="part 3"):
            await change.replace(STAYS, (1, 2), arrow(STAYS, [dict.fromkeys(plain.kinds_of(STAYS)) | {"part": 3}]))
        with pytest.raises(ValueError, match="lack"):
            await change.replace(STAYS, (1,), pa.table({"part": [1]}))


async def test_a_change_left_without_commit_leaves_nothing(store: Store, application: str) -> None:
    rows = stays(4, range(3), 30)
    await fill(store, application, STAYS, rows)
    async with store.begin_change(application, "left") as change:
        await change.replace(STAYS, (0, 1, 7), arrow(STAYS, stays(5, (0, 7), 9)))
        await change.append(EVENTS, 1, events(1, 5))
    with suppress(RuntimeError):
        async with store.begin_change(application, "broken") as change:
            await change.replace(STAYS, (2,), arrow(STAYS, []))
            raise RuntimeError
    assert bag(await stored(store, application, STAYS)) == bag(rows)
    assert await stored(store, application, EVENTS) == []
    assert await store.is_committed(application, "fill")
    assert not await store.is_committed(application, "left")
    assert not await store.is_committed(application, "broken")
    assert not await store.is_committed("nobody", "fill")


async def test_every_change_committed_is_known(store: Store, application: str) -> None:
    for at in range(4):
        async with store.begin_change(application, f"change {at}") as change:
            if at % 2:
                await change.append(EVENTS, at, events(at, 1))
            await change.commit()
    assert [await store.is_committed(application, f"change {at}") for at in range(5)] == [True] * 4 + [False]


async def test_changes_of_several_tables_are_one(store: Store, application: str) -> None:
    rows = stays(6, range(3), 20)
    async with store.begin_change(application, "both") as change:
        await change.replace(STAYS, range(3), arrow(STAYS, rows))
        await change.replace(MONTHS, (0,), arrow(MONTHS, [{"part": 0, "place": "a", "dwell_s": 4}]))
        await change.append(EVENTS, 3, events(3, 4))
        assert await stored(store, application, STAYS) == []
        assert await stored(store, application, EVENTS) == []
        await change.commit()
    assert len(await stored(store, application, STAYS)) == 20
    assert len(await stored(store, application, EVENTS)) == 4
    assert await stored(store, application, MONTHS) == [{"part": 0, "place": "a", "dwell_s": 4}]


async def test_a_change_reads_what_it_wrote(store: Store, application: str) -> None:
    old = stays(7, range(4), 40)
    await fill(store, application, STAYS, old)
    new = stays(8, (1,), 5)
    total = Aggregate(STAYS, EVERYTHING, ("part",), (Count("n"),))
    async with store.begin_change(application, "own") as change:
        await change.append(EVENTS, 1, events(1, 3))
        await change.append(EVENTS, 2, events(2, 4))
        assert len(await every(change, EVENTS)) == 7
        await change.remove(EVENTS, 1)
        assert bag(await every(change, EVENTS)) == bag(labelled(2, 4))
        await change.replace(STAYS, (1,), arrow(STAYS, new))
        mine = [row for row in old if row["part"] != 1] + new
        assert bag(await every(change, STAYS)) == bag(mine)
        assert bag((await change.aggregate(total)).to_pylist()) == bag(plain.aggregated(total, mine, KINDS))
        async with store.open_reader(application) as reader:
            assert bag(await every(reader, STAYS)) == bag(old)
            assert await every(reader, EVENTS) == []
        await change.commit()
    assert bag(await stored(store, application, STAYS)) == bag(mine)


async def test_every_state_of_an_application_has_a_version(store: Store, application: str) -> None:
    async def version() -> str:
        async with store.open_reader(application) as reader:
            return reader.version

    seen = [await version()]
    for at in range(3):
        await fill(store, application, STAYS, stays(at, (1,), 2), f"change {at}")
        seen.append(await version())
        assert await version() == seen[-1]
    await fill(store, "f" + application[1:], STAYS, stays(9, (1,), 2))
    assert await version() == seen[-1]
    async with store.begin_change(application, "open") as change:
        assert change.version not in seen
        assert await version() == seen[-1]
    await store.delete_rows(application)
    seen.append(await version())
    async with store.open_reader(application) as old:
        await fill(store, application, STAYS, stays(0, (1,), 2), "again")
        assert old.version == seen[-1]
    assert len({*seen, await version()}) == 6
    await store.delete_rows("f" + application[1:])


async def test_each_table_has_a_version_of_its_own(store: Store, application: str) -> None:
    async def versions() -> tuple[str, str]:
        async with store.open_reader(application) as reader:
            return reader.version_of(STAYS), reader.version_of(MONTHS)

    first = await versions()
    await fill(store, application, STAYS, stays(1, (1,), 2))
    second = await versions()
    assert (second[0] != first[0], second[1] == first[1]) == (True, True)
    async with store.begin_change(application, "months") as change:
        await change.replace(MONTHS, (0,), arrow(MONTHS, [{"part": 0, "place": "a", "dwell_s": 4}]))
        assert change.version_of(MONTHS) not in (*first, *second)
        assert await versions() == second
        await change.commit()
    third = await versions()
    assert (third[0] == second[0], third[1] != second[1]) == (True, True)
    assert len({*first, *second, *third}) == 4
    async with store.begin_change(application, "events") as change:
        await change.append(EVENTS, 1, events(1, 2))
        await change.commit()
    async with store.open_reader(application) as before:
        async with store.begin_change(application, "no events") as change:
            await change.remove(EVENTS, 1)
            await change.commit()
        async with store.open_reader(application) as after:
            assert before.version_of(EVENTS) != after.version_of(EVENTS)
            assert before.version_of(STAYS) == after.version_of(STAYS)


async def test_applications_are_apart(store: Store, application: str) -> None:
    other = "f" + application[1:]
    await fill(store, application, STAYS, stays(9, (1,), 10))
    await fill(store, other, STAYS, stays(10, (1,), 11))
    async with store.open_reader(other) as reader:
        counted = await reader.aggregate(Aggregate(STAYS, EVERYTHING, (), (Count("n"),)))
    assert counted.to_pylist() == [{"n": 11}]
    await store.delete_rows(other)
    assert await stored(store, other, STAYS) == []
    assert not await store.is_committed(other, "fill")
    assert len(await stored(store, application, STAYS)) == 10
    await fill(store, other, STAYS, stays(10, (1,), 3))
    assert len(await stored(store, other, STAYS)) == 3


async def test_a_reader_sees_one_moment(store: Store, application: str) -> None:
    await fill(store, application, STAYS, stays(11, (1, 2), 10))
    counting = Aggregate(STAYS, EVERYTHING, (), (Count("n"),))
    async with store.open_reader(application) as reader:
        await fill(store, application, STAYS, stays(12, (1, 2), 3), "later")
        assert (await reader.aggregate(counting)).to_pylist() == [{"n": 10}]
        assert len(await every(reader, STAYS)) == 10
    async with store.open_reader(application) as reader:
        assert (await reader.aggregate(counting)).to_pylist() == [{"n": 3}]


async def test_readers_see_old_rows_or_new_ones_never_both(store: Store, application: str) -> None:
    """Every row of a version carries it, and every version has as many rows in part 1 as in part 2."""

    def version(at: int) -> list[Row]:
        empty = dict.fromkeys(plain.kinds_of(STAYS))
        return [empty | {"part": part, "place": "a", "dwell_s": at} for part in (1, 2) for _ in range(5 + at % 3)]

    await fill(store, application, STAYS, version(0), "version 0")
    plan = Aggregate(STAYS, EVERYTHING, ("dwell_s", "part"), (Count("n"),))
    done = False
    seen: set[int] = set()

    async def read() -> None:
        while not done:
            async with store.open_reader(application) as reader:
                first = (await reader.aggregate(plan)).to_pylist()
                again = (await reader.aggregate(plan)).to_pylist()
                listed = await every(reader, STAYS)
            versions = {row["dwell_s"] for row in (*first, *again, *listed)}
            assert len(versions) == 1, versions
            (at,) = versions
            assert sorted((row["part"], row["n"]) for row in first) == [(1, 5 + at % 3), (2, 5 + at % 3)]
            seen.add(at)
            await asyncio.sleep(0)

    readers = [asyncio.create_task(read()) for _ in range(2)]
    for at in range(1, 8):
        await fill(store, application, STAYS, version(at), f"version {at}")
        await asyncio.sleep(0)
    done = True
    await asyncio.gather(*readers)
    assert len(seen) > 1


async def test_changes_of_one_application_at_once_all_count(store: Store, application: str) -> None:
    async def change(at: int) -> None:
        async with store.begin_change(application, f"at once {at}") as change:
            await change.append(EVENTS, at, events(at, 2))
            await change.replace(STAYS, (at,), arrow(STAYS, stays(at, (at,), 3)))
            await change.commit()

    await asyncio.gather(*map(change, range(8)))
    assert len(await stored(store, application, EVENTS)) == 16
    assert len(await stored(store, application, STAYS)) == 24


# -- packed tables


def labelled(batch: int, many: int, parts: Sequence[int] = (5, 3, 4)) -> list[Row]:
    """Events as they are read."""
    return [
        {"part": parts[at % len(parts)], "batch": batch, "user": at, "label": f"é{batch}" if at % 4 else None}
        for at in range(many)
    ]


def events(batch: int, many: int, parts: Sequence[int] = (5, 3, 4)) -> pa.Table:
    rows = [{name: row[name] for name in ("part", "user", "label")} for row in labelled(batch, many, parts)]
    return arrow(EVENTS, rows)


async def test_events_are_kept_by_batch(store: Store, application: str) -> None:
    async with store.begin_change(application, "first") as change:
        await change.append(EVENTS, 1, events(1, 7))
        await change.append(EVENTS, 1, events(1, 5, (9,)))
        await change.append(EVENTS, 2, events(2, 4, (3, 8)))
        await change.append(EVENTS, 3, events(3, 0))
        await change.commit()
    expected = [*labelled(1, 7), *labelled(1, 5, (9,)), *labelled(2, 4, (3, 8))]
    async with store.open_reader(application) as reader:
        assert bag(await every(reader, EVENTS)) == bag(expected)
        assert await reader.list_parts(EVENTS) == [3, 4, 5, 8, 9]
        assert await reader.list_parts(EVENTS, batch=2) == [3, 8]
        assert await reader.list_parts(EVENTS, batch=3) == []
        assert bag(await every(reader, EVENTS, 4, 8)) == bag([row for row in expected if 4 <= row["part"] <= 8])
    async with store.begin_change(application, "second") as change:
        await change.remove(EVENTS, 1)
        await change.append(EVENTS, 4, events(4, 2))
        await change.commit()
    assert bag(await stored(store, application, EVENTS)) == bag([*labelled(2, 4, (3, 8)), *labelled(4, 2)])


async def test_events_of_a_partition_are_replaced(store: Store, application: str) -> None:
    async with store.begin_change(application, "first") as change:
        await change.append(EVENTS, 1, events(1, 6))
        await change.commit()
    async with store.begin_change(application, "second") as change:
        await change.replace(EVENTS, (3, 7), events(0, 2, (3, 7)))
        await change.commit()
    kept = [row for row in labelled(1, 6) if row["part"] != 3]
    assert bag(await stored(store, application, EVENTS)) == bag([*kept, *labelled(0, 2, (3, 7))])
    async with store.begin_change(application, "third") as change:
        await change.append(EVENTS, 5, events(5, 3))
        await change.replace(EVENTS, (7,), events(0, 0))
        await change.commit()
    expected = [*kept, *labelled(0, 1, (3,)), *labelled(5, 3)]
    assert bag(await stored(store, application, EVENTS)) == bag(expected)


async def test_what_a_change_wrote_can_be_taken_out_by_its_later_writes(store: Store, application: str) -> None:
    async with store.begin_change(application, "many") as change:
        await change.append(EVENTS, 1, events(1, 6))
        await change.remove(EVENTS, 1)
        await change.append(EVENTS, 1, events(1, 3, (3, 4)))
        await change.append(EVENTS, 2, events(2, 4, (4, 5)))
        await change.replace(EVENTS, (4,), events(0, 2, (4,)))
        await change.append(EVENTS, 3, events(3, 1, (4,)))
        left = [row for row in (*labelled(1, 3, (3, 4)), *labelled(2, 4, (4, 5))) if row["part"] != 4]
        expected = [*left, *labelled(0, 2, (4,)), *labelled(3, 1, (4,))]
        assert bag(await every(change, EVENTS)) == bag(expected)
        await change.commit()
    assert bag(await stored(store, application, EVENTS)) == bag(expected)


async def test_a_large_part_is_read_in_bounded_blocks(store: Store, application: str) -> None:
    many = 600_000
    rows = pa.table({"part": pa.repeat(1, many), "user": range(many), "label": pa.repeat("x", many)})
    async with store.begin_change(application, "large") as change:
        for at in range(0, many, 200_000):
            await change.append(EVENTS, 1, rows.slice(at, 200_000))
        await change.append(EVENTS, 1, events(1, 6, (0, 2)))
        await change.commit()
    async with store.open_reader(application) as reader:
        sizes: list[int] = []
        total = 0
        async for block in reader.read_parts(EVENTS, 1, 1):
            sizes.append(block.num_rows)
            total += sum(block["user"].to_pylist())
        assert sum(sizes) == many
        assert max(sizes) <= 500_000
        assert total == many * (many - 1) // 2
        parts = [block["part"].unique().to_pylist() async for block in reader.read_parts(EVENTS, 0, 2)]
        flat = [part for found in parts for part in found]
        assert flat == sorted(flat)
    await store.delete_rows(application)
