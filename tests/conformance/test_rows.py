"""Rows: replaced by partition in one step, events by batch, and every plan answered as in plain Python."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from okube_api.store.base import (
    EVERYTHING,
    NOTHING,
    Aggregate,
    AllOf,
    AnyOf,
    Band,
    Between,
    Condition,
    Count,
    Each,
    High,
    Key,
    Kind,
    Low,
    Measure,
    Missing,
    Not,
    OneOf,
    Overlaps,
    Reader,
    Rows,
    Store,
    Sum,
    Table,
    TooManyRows,
    Unavailable,
    UnsupportedByStore,
    equal,
)
from okube_api.store.kinds import arrow_schema

from tests.conformance import plain
from tests.conformance.declared import EVENTS, MONTHS, STAYS
from tests.engine.memory import frozen

pytestmark = pytest.mark.anyio

Row = dict[str, Any]
PLACES = ("a", "b", "é", "", "a" * 40)
CAMPAIGNS = ("c1", "c2", "c3", "a.b", "$x")


def stays(seed: int, parts: Sequence[int], many: int) -> list[Row]:
    """Rows with nulls and lists in them."""
    chance = random.Random(seed)

    def perhaps(values: Sequence[Any]) -> Any:
        return None if chance.random() < 0.2 else chance.choice(values)

    return [
        {
            "part": chance.choice(parts),
            "place": perhaps(PLACES),
            "campaigns": perhaps(([], ["c1"], ["c2", "c1"], ["c1", "c1", "c3"], ["a.b", "$x"])),
            "counts": perhaps(([], [1], [1, 2, 2], [2**53 + 1, -5])),
            "dwell_s": perhaps((0, 1, 59, 60, 61, 3600, -4, 2**40)),
            "weight": perhaps((0, 1, 1000, 2500, -1)),
            "ratio": perhaps((0.0, 0.5, -1.25)),
            "active": perhaps((True, False)),
            "users": perhaps((b"", b"\x00\x01\x02\xff", bytes(range(256)))),
        }
        for _ in range(many)
    ]


def arrow(table: Table, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as stores take them."""
    return pa.Table.from_pylist(list(rows), schema=arrow_schema(plain.kinds_of(table)))


async def fill(store: Store, application: str, table: Table, rows: Sequence[Row], name: str = "fill") -> None:
    async with store.changing(application, name) as change:
        await change.replace(table, sorted({row["part"] for row in rows}), arrow(table, rows))
        await change.commit()


async def every(reader: Reader, table: Table, low: int = -(2**31), high: int = 2**31 - 1) -> list[Row]:
    """Every row, as read; checks that parts ascend."""
    blocks = [block async for block in reader.read(table, low, high)]
    found = [row for block in blocks for row in block.to_pylist()]
    assert [row["part"] for row in found] == sorted(row["part"] for row in found)
    assert all(block.num_rows for block in blocks)
    return found


async def stored(store: Store, application: str, table: Table) -> list[Row]:
    async with store.reading(application) as reader:
        return await every(reader, table)


def bag(rows: Sequence[Mapping[str, Any]]) -> Counter[tuple[tuple[str, Any], ...]]:
    """Rows in no order."""
    return Counter(tuple(sorted((name, frozen(value)) for name, value in row.items())) for row in rows)


# -- partitions


async def test_rows_come_back_as_they_were(store: Store, application: str) -> None:
    rows = stays(1, range(-3, 9), 200)
    await fill(store, application, STAYS, rows)
    async with store.reading(application) as reader:
        assert bag(await every(reader, STAYS)) == bag(rows)
        some = [row for row in rows if 2 <= row["part"] <= 4]
        assert bag(await every(reader, STAYS, 2, 4)) == bag(some)
        assert await reader.parts(STAYS) == sorted({row["part"] for row in rows})
        assert await every(reader, STAYS, 9, 99) == []
        assert await every(reader, MONTHS) == []
        assert await reader.parts(MONTHS) == []
        with pytest.raises(UnsupportedByStore):
            await reader.parts(STAYS, batch=1)
    assert await stored(store, "nobody", STAYS) == []


async def test_a_partition_is_replaced_whole(store: Store, application: str) -> None:
    rows = stays(2, range(5), 60)
    await fill(store, application, STAYS, rows)
    new = stays(3, (1, 2), 7)
    async with store.changing(application, "second") as change:
        await change.replace(STAYS, (1, 2, 4), arrow(STAYS, new))
        await change.commit()
    kept = [row for row in rows if row["part"] in (0, 3)]
    assert bag(await stored(store, application, STAYS)) == bag([*kept, *new])
    async with store.reading(application) as reader:
        assert 4 not in await reader.parts(STAYS)


async def test_rows_outside_the_parts_are_refused(store: Store, application: str) -> None:
    async with store.changing(application, "wrong") as change:
        with pytest.raises(ValueError, match="part 3"):
            await change.replace(STAYS, (1, 2), arrow(STAYS, [dict.fromkeys(plain.kinds_of(STAYS)) | {"part": 3}]))
        with pytest.raises(ValueError, match="lack"):
            await change.replace(STAYS, (1,), pa.table({"part": [1]}))


async def test_a_change_left_without_commit_leaves_nothing(store: Store, application: str) -> None:
    rows = stays(4, range(3), 30)
    await fill(store, application, STAYS, rows)
    async with store.changing(application, "left") as change:
        await change.replace(STAYS, (0, 1, 7), arrow(STAYS, stays(5, (0, 7), 9)))
        await change.append(EVENTS, 1, events(1, 5))
    with suppress(RuntimeError):
        async with store.changing(application, "broken") as change:
            await change.replace(STAYS, (2,), arrow(STAYS, []))
            raise RuntimeError
    assert bag(await stored(store, application, STAYS)) == bag(rows)
    assert await stored(store, application, EVENTS) == []
    assert await store.committed(application, "fill")
    assert not await store.committed(application, "left")
    assert not await store.committed(application, "broken")
    assert not await store.committed("nobody", "fill")


async def test_every_change_committed_is_known(store: Store, application: str) -> None:
    for at in range(4):
        async with store.changing(application, f"change {at}") as change:
            if at % 2:
                await change.append(EVENTS, at, events(at, 1))
            await change.commit()
    assert [await store.committed(application, f"change {at}") for at in range(5)] == [True] * 4 + [False]


async def test_changes_of_several_tables_are_one(store: Store, application: str) -> None:
    rows = stays(6, range(3), 20)
    async with store.changing(application, "both") as change:
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
    async with store.changing(application, "own") as change:
        await change.append(EVENTS, 1, events(1, 3))
        await change.append(EVENTS, 2, events(2, 4))
        assert len(await every(change, EVENTS)) == 7
        await change.remove(EVENTS, 1)
        assert bag(await every(change, EVENTS)) == bag(labelled(2, 4))
        await change.replace(STAYS, (1,), arrow(STAYS, new))
        mine = [row for row in old if row["part"] != 1] + new
        assert bag(await every(change, STAYS)) == bag(mine)
        assert bag((await change.aggregate(total)).to_pylist()) == bag(plain.aggregated(total, mine, KINDS))
        async with store.reading(application) as reader:
            assert bag(await every(reader, STAYS)) == bag(old)
            assert await every(reader, EVENTS) == []
        await change.commit()
    assert bag(await stored(store, application, STAYS)) == bag(mine)


async def test_every_state_of_an_application_has_a_version(store: Store, application: str) -> None:
    async def version() -> str:
        async with store.reading(application) as reader:
            return reader.version

    seen = [await version()]
    for at in range(3):
        await fill(store, application, STAYS, stays(at, (1,), 2), f"change {at}")
        seen.append(await version())
        assert await version() == seen[-1]
    await fill(store, "f" + application[1:], STAYS, stays(9, (1,), 2))
    assert await version() == seen[-1]
    async with store.changing(application, "open") as change:
        assert change.version not in seen
        assert await version() == seen[-1]
    await store.forget(application)
    seen.append(await version())
    async with store.reading(application) as old:
        await fill(store, application, STAYS, stays(0, (1,), 2), "again")
        assert old.version == seen[-1]
    assert len({*seen, await version()}) == 6
    await store.forget("f" + application[1:])


async def test_each_table_has_a_version_of_its_own(store: Store, application: str) -> None:
    async def versions() -> tuple[str, str]:
        async with store.reading(application) as reader:
            return reader.version_of(STAYS), reader.version_of(MONTHS)

    first = await versions()
    await fill(store, application, STAYS, stays(1, (1,), 2))
    second = await versions()
    assert (second[0] != first[0], second[1] == first[1]) == (True, True)
    async with store.changing(application, "months") as change:
        await change.replace(MONTHS, (0,), arrow(MONTHS, [{"part": 0, "place": "a", "dwell_s": 4}]))
        assert change.version_of(MONTHS) not in (*first, *second)
        assert await versions() == second
        await change.commit()
    third = await versions()
    assert (third[0] == second[0], third[1] != second[1]) == (True, True)
    assert len({*first, *second, *third}) == 4
    async with store.changing(application, "events") as change:
        await change.append(EVENTS, 1, events(1, 2))
        await change.commit()
    async with store.reading(application) as before:
        async with store.changing(application, "no events") as change:
            await change.remove(EVENTS, 1)
            await change.commit()
        async with store.reading(application) as after:
            assert before.version_of(EVENTS) != after.version_of(EVENTS)
            assert before.version_of(STAYS) == after.version_of(STAYS)


async def test_applications_are_apart(store: Store, application: str) -> None:
    other = "f" + application[1:]
    await fill(store, application, STAYS, stays(9, (1,), 10))
    await fill(store, other, STAYS, stays(10, (1,), 11))
    async with store.reading(other) as reader:
        counted = await reader.aggregate(Aggregate(STAYS, EVERYTHING, (), (Count("n"),)))
    assert counted.to_pylist() == [{"n": 11}]
    await store.forget(other)
    assert await stored(store, other, STAYS) == []
    assert not await store.committed(other, "fill")
    assert len(await stored(store, application, STAYS)) == 10
    await fill(store, other, STAYS, stays(10, (1,), 3))
    assert len(await stored(store, other, STAYS)) == 3


async def test_a_reader_sees_one_moment(store: Store, application: str) -> None:
    await fill(store, application, STAYS, stays(11, (1, 2), 10))
    counting = Aggregate(STAYS, EVERYTHING, (), (Count("n"),))
    async with store.reading(application) as reader:
        await fill(store, application, STAYS, stays(12, (1, 2), 3), "later")
        assert (await reader.aggregate(counting)).to_pylist() == [{"n": 10}]
        assert len(await every(reader, STAYS)) == 10
    async with store.reading(application) as reader:
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
            async with store.reading(application) as reader:
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
        async with store.changing(application, f"at once {at}") as change:
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
    async with store.changing(application, "first") as change:
        await change.append(EVENTS, 1, events(1, 7))
        await change.append(EVENTS, 1, events(1, 5, (9,)))
        await change.append(EVENTS, 2, events(2, 4, (3, 8)))
        await change.append(EVENTS, 3, events(3, 0))
        await change.commit()
    expected = [*labelled(1, 7), *labelled(1, 5, (9,)), *labelled(2, 4, (3, 8))]
    async with store.reading(application) as reader:
        assert bag(await every(reader, EVENTS)) == bag(expected)
        assert await reader.parts(EVENTS) == [3, 4, 5, 8, 9]
        assert await reader.parts(EVENTS, batch=2) == [3, 8]
        assert await reader.parts(EVENTS, batch=3) == []
        assert bag(await every(reader, EVENTS, 4, 8)) == bag([row for row in expected if 4 <= row["part"] <= 8])
    async with store.changing(application, "second") as change:
        await change.remove(EVENTS, 1)
        await change.append(EVENTS, 4, events(4, 2))
        await change.commit()
    assert bag(await stored(store, application, EVENTS)) == bag([*labelled(2, 4, (3, 8)), *labelled(4, 2)])


async def test_events_of_a_partition_are_replaced(store: Store, application: str) -> None:
    async with store.changing(application, "first") as change:
        await change.append(EVENTS, 1, events(1, 6))
        await change.commit()
    async with store.changing(application, "second") as change:
        await change.replace(EVENTS, (3, 7), events(0, 2, (3, 7)))
        await change.commit()
    kept = [row for row in labelled(1, 6) if row["part"] != 3]
    assert bag(await stored(store, application, EVENTS)) == bag([*kept, *labelled(0, 2, (3, 7))])
    async with store.changing(application, "third") as change:
        await change.append(EVENTS, 5, events(5, 3))
        await change.replace(EVENTS, (7,), events(0, 0))
        await change.commit()
    expected = [*kept, *labelled(0, 1, (3,)), *labelled(5, 3)]
    assert bag(await stored(store, application, EVENTS)) == bag(expected)


async def test_a_large_part_is_read_in_bounded_blocks(store: Store, application: str) -> None:
    many = 600_000
    rows = pa.table({"part": pa.repeat(1, many), "user": range(many), "label": pa.repeat("x", many)})
    async with store.changing(application, "large") as change:
        for at in range(0, many, 200_000):
            await change.append(EVENTS, 1, rows.slice(at, 200_000))
        await change.append(EVENTS, 1, events(1, 6, (0, 2)))
        await change.commit()
    async with store.reading(application) as reader:
        sizes: list[int] = []
        total = 0
        async for block in reader.read(EVENTS, 1, 1):
            sizes.append(block.num_rows)
            total += sum(block["user"].to_pylist())
        assert sum(sizes) == many
        assert max(sizes) <= 500_000
        assert total == many * (many - 1) // 2
        parts = [block["part"].unique().to_pylist() async for block in reader.read(EVENTS, 0, 2)]
        flat = [part for found in parts for part in found]
        assert flat == sorted(flat)
    await store.forget(application)


# -- plans

KINDS = plain.kinds_of(STAYS)
CORPUS = stays(42, range(10, 22), 300)
APPLICATION = "9" * 24


@pytest.fixture(scope="module")
async def filled(store: Store) -> AsyncIterator[Store]:
    """The store with the corpus in it."""
    await fill(store, APPLICATION, STAYS, CORPUS, "corpus")
    yield store
    await store.forget(APPLICATION)


async def check(store: Store, plan: Aggregate) -> None:
    """Compares an answer, its columns and their types."""
    async with store.reading(APPLICATION) as reader:
        found = await reader.aggregate(plan)
    expected = plain.aggregated(plan, CORPUS, KINDS)
    assert bag(found.to_pylist()) == bag(expected), plan
    assert found.column_names == [*map(plain.name, plan.by), *(measure.name for measure in plan.measures)]
    assert all(found.schema.field(measure.name).type == pa.int64() for measure in plan.measures)


MEASURES: tuple[Measure, ...] = (
    Sum("dwell_s", "dwell"),
    Sum("dwell_s", "weighted", times="weight"),
    Count("n"),
    Low("dwell_s", "least"),
    High("weight", "most"),
)
KEYS: tuple[Key, ...] = (
    "part",
    "place",
    "active",
    "dwell_s",
    "campaigns",
    Band("dwell_s", (0, 60, 3600), "band"),
    Band("weight", (1,), "single"),
    Each("campaigns", "campaign"),
    Each("counts", "count"),
)


@pytest.mark.parametrize("key", KEYS, ids=repr)
async def test_each_key_with_every_measure(filled: Store, key: Key) -> None:
    await check(filled, Aggregate(STAYS, EVERYTHING, (key,), MEASURES))
    await check(filled, Aggregate(STAYS, Between("part", 12, 15), (key, "ratio"), MEASURES[2:3]))
    await check(filled, Aggregate(STAYS, NOTHING, (key,), MEASURES))


async def test_no_key_gives_one_row(filled: Store) -> None:
    await check(filled, Aggregate(STAYS, EVERYTHING, (), MEASURES))
    await check(filled, Aggregate(STAYS, NOTHING, (), MEASURES))
    await check(filled, Aggregate(STAYS, Between("part", 90, 99), (), MEASURES))


async def test_distinct_keys_without_measures(filled: Store) -> None:
    await check(filled, Aggregate(STAYS, EVERYTHING, ("place", "active")))


async def test_aggregates_of_aggregates(filled: Store) -> None:
    per_place = Aggregate(STAYS, Between("part", 11, 18), ("place", "part"), (Sum("dwell_s", "dwell"), Count("n")))
    bands = (Band("dwell", (0, 60, 10_000), "band"), "part")
    await check(filled, Aggregate(per_place, Between("n", 2, None), bands, (Count("places"), Sum("n", "rows"))))
    opened = Aggregate(STAYS, EVERYTHING, (Each("campaigns", "campaign"), "place"), (Count("n"),))
    await check(filled, Aggregate(opened, OneOf("campaign", ("c1", "a.b")), ("campaign",), (High("n", "most"),)))
    twice = Aggregate(per_place, EVERYTHING, ("place",), (Count("parts"),))
    await check(filled, Aggregate(twice, ~Missing("place"), ("parts",), (Count("places"),)))


async def test_sums_are_exact(store: Store, application: str) -> None:
    empty = dict.fromkeys(KINDS)
    rows = [empty | {"part": 1, "dwell_s": 2**53 + at, "weight": 2} for at in range(3)]
    await fill(store, application, STAYS, rows)
    async with store.reading(application) as reader:
        found = await reader.aggregate(Aggregate(STAYS, EVERYTHING, (), MEASURES[:2]))
    assert found.to_pylist() == [{"dwell": 3 * 2**53 + 3, "weighted": 6 * 2**53 + 6}]


CONDITIONS = st.recursive(
    st.one_of(
        st.builds(Between, st.just("part"), st.none() | st.integers(8, 24), st.none() | st.integers(8, 24)),
        st.builds(OneOf, st.just("part"), st.lists(st.integers(8, 24), max_size=4).map(tuple)),
        st.builds(OneOf, st.just("place"), st.lists(st.sampled_from(PLACES), max_size=3).map(tuple)),
        st.builds(OneOf, st.just("active"), st.lists(st.booleans(), max_size=2).map(tuple)),
        st.builds(Overlaps, st.just("campaigns"), st.lists(st.sampled_from(CAMPAIGNS), max_size=3).map(tuple)),
        st.builds(Between, st.just("dwell_s"), st.integers(-5, 100), st.none() | st.integers(-5, 4000)),
        st.builds(Missing, st.sampled_from(("place", "campaigns", "dwell_s", "users", "ratio"))),
    ),
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(AllOf, st.lists(inner, max_size=3).map(tuple)),
        st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple)),
    ),
    max_leaves=5,
)
PLANS = st.builds(
    Aggregate,
    st.just(STAYS),
    CONDITIONS,
    st.lists(st.sampled_from(KEYS), max_size=3, unique=True).map(tuple),
    st.lists(st.sampled_from(MEASURES), unique=True).map(tuple),
).filter(lambda plan: bool(plan.by or plan.measures))


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=PLANS)
async def test_random_plans(filled: Store, plan: Aggregate) -> None:
    await check(filled, plan)


@settings(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=CONDITIONS, columns=st.lists(st.sampled_from(tuple(KINDS)), min_size=1, unique=True))
async def test_random_rows(filled: Store, where: Condition, columns: list[str]) -> None:
    async with filled.reading(APPLICATION) as reader:
        found = await reader.rows(Rows(STAYS, where, tuple(columns)))
    expected = [{name: row[name] for name in columns} for row in CORPUS if plain.meets(row, where, KINDS)]
    assert bag(found.to_pylist()) == bag(expected)
    assert found.schema == arrow_schema({name: KINDS[name] for name in columns})


async def test_plans_that_read_too_much_are_refused(filled: Store) -> None:
    some = Between("part", 12, 14)
    many = sum(plain.meets(row, some, KINDS) for row in CORPUS)
    async with filled.reading(APPLICATION, row_limit=many) as reader:
        await reader.rows(Rows(STAYS, some, ("place",)))
        await reader.aggregate(Aggregate(STAYS, some, ("place",), (Count("n"),)))
        await reader.aggregate(Aggregate(Aggregate(STAYS, some, ("place",)), EVERYTHING, (), (Count("n"),)))
    async with filled.reading(APPLICATION, row_limit=many - 1) as reader:
        for plan in (
            Aggregate(STAYS, some, ("place",), (Count("n"),)),
            Aggregate(Aggregate(STAYS, some, ("place",)), EVERYTHING, (), (Count("n"),)),
        ):
            with pytest.raises(TooManyRows):
                await reader.aggregate(plan)
        with pytest.raises(TooManyRows):
            await reader.rows(Rows(STAYS, some, ("place",)))
        await reader.rows(Rows(STAYS, some & equal("place", "a"), ("place",)))


@pytest.mark.parametrize(
    "plan",
    [
        Aggregate(STAYS, equal("nothing", 1), (), (Count("n"),)),
        Aggregate(STAYS, equal("application", "x"), (), (Count("n"),)),
        Aggregate(STAYS, equal('part" = 1 OR "part', 1), (), (Count("n"),)),
        Aggregate(STAYS, EVERYTHING, ("nothing",), (Count("n"),)),
        Aggregate(STAYS, EVERYTHING, (Band("place", (0,), "band"),), (Count("n"),)),
        Aggregate(STAYS, EVERYTHING, (Each("place", "one"),), (Count("n"),)),
        Aggregate(STAYS, EVERYTHING, (), (Sum("place", "n"),)),
        Aggregate(STAYS, EVERYTHING, (), (Sum("dwell_s", "n", times="ratio"),)),
        Aggregate(STAYS, EVERYTHING, (), (Low("ratio", "n"),)),
        Aggregate(STAYS, OneOf("campaigns", ("c1",)), (), (Count("n"),)),
        Aggregate(STAYS, Overlaps("place", ("a",)), (), (Count("n"),)),
        Aggregate(EVENTS, EVERYTHING, (), (Count("n"),)),
        Aggregate(Aggregate(STAYS, EVERYTHING, (), (Count("n"),)), EVERYTHING, (), (Count("m"),)),
    ],
    ids=repr,
)
async def test_plans_beyond_what_is_declared_are_refused(filled: Store, plan: Aggregate) -> None:
    async with filled.reading(APPLICATION) as reader:
        with pytest.raises(UnsupportedByStore):
            await reader.aggregate(plan)


@pytest.mark.parametrize("store", ["mongo"], indirect=True)  # DuckDB, where a query can be endless: tests/store
async def test_a_plan_that_takes_too_long_ends(filled: Store) -> None:
    async with filled.reading(APPLICATION, timeout_s=0.000_01) as reader:
        with pytest.raises(Unavailable):
            await reader.aggregate(Aggregate(STAYS, EVERYTHING, ("place",), MEASURES))
    await check(filled, Aggregate(STAYS, EVERYTHING, ("place",), MEASURES))


async def test_a_statement_can_be_shown(filled: Store) -> None:
    async with filled.reading(APPLICATION) as reader:
        for plan in (Aggregate(STAYS, EVERYTHING, ("place",), MEASURES), Rows(STAYS, EVERYTHING, ("users",))):
            assert "stays" in str(reader.statement(plan))


def test_the_corpus_has_every_kind_in_it() -> None:
    for name, kind in KINDS.items():
        values = [row[name] for row in CORPUS]
        assert name == "part" or None in values
        assert kind is Kind.INTEGER or len({frozen(value) for value in values}) > 2
