"""Tests that patches replace rows by key as in plain Python, and that readers keep the rows of their snapshot."""

import os
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack
from itertools import count
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from okube_api.store.conditions import EVERYTHING, Between, Missing, OneOf, equal
from okube_api.store.errors import TooManyRows
from okube_api.store.plan_analysis import make_arrow_schema
from okube_api.store.plans import Aggregate, Count, Select
from okube_api.store.protocol import Change, Reader, Store

from tests.conformance import plain
from tests.conformance.declared import EVENTS, STAYS
from tests.conformance.rows import (
    TYPES,
    Row,
    count_rows,
    fill,
    make_stays,
    read_all,
    read_stored,
    replace_plain_rows,
    to_arrow,
)

pytestmark = pytest.mark.anyio

PARTS = range(3, 9)
Step = tuple[Any, ...]
BY_PART = Aggregate(STAYS, EVERYTHING, ("part",), (Count("n"),))
KEY_COLUMNS = st.lists(st.sampled_from(("place", "dwell_s", "active", "campaigns")), max_size=2, unique=True)
SEEDS = st.integers(0, 10**6)
PATCHES = st.tuples(st.just("patch"), KEY_COLUMNS, SEEDS, SEEDS, st.integers(0, 10))
REPLACEMENTS = st.tuples(
    st.just("replace"), st.lists(st.sampled_from(PARTS), min_size=1, max_size=3, unique=True), SEEDS, st.integers(0, 8)
)
CHANGES = st.lists(
    st.tuples(st.lists(st.one_of(PATCHES, PATCHES, REPLACEMENTS), min_size=1, max_size=4), st.booleans()),
    min_size=1,
    max_size=6,
)
_NAMES = count()


def to_keys(keys: Sequence[Row]) -> pa.Table:
    """Return keys, which have the same columns, as an Arrow table."""
    return pa.Table.from_pylist(list(keys), schema=make_arrow_schema({name: TYPES[name] for name in keys[0]}))


def make_keys(columns: Sequence[str], seed: int) -> list[Row]:
    return [{name: row[name] for name in ("part", *columns)} for row in make_stays(seed, PARTS, 8)]


def replace_parts_once(steps: Sequence[Step]) -> Iterator[Step]:
    """Yield steps without the second and later replacements of a part, which a change need not support."""
    replaced: set[int] = set()
    for step in steps:
        if step[0] == "replace":
            parts = [part for part in step[1] if part not in replaced]
            replaced.update(parts)
            yield ("replace", parts, step[2], step[3] if parts else 0)
        else:
            yield step


async def apply_step(change: Change, rows: list[Row], step: Step) -> list[Row]:
    """Patch or replace rows in a change; return the rows afterwards in plain Python."""
    if step[0] == "patch":
        _, columns, key_seed, row_seed, size = step
        keys, new = make_keys(columns, key_seed), make_stays(row_seed, range(2, 11), size)
        await change.patch(STAYS, to_keys(keys), to_arrow(STAYS, new))
        return replace_plain_rows(rows, keys, new)
    _, parts, seed, size = step
    new = make_stays(seed, parts, size)
    await change.replace(STAYS, parts, to_arrow(STAYS, new))
    return [row for row in rows if row["part"] not in parts] + new


async def check_rows(reader: Reader, rows: Sequence[Row]) -> None:
    """Compare what a reader sees with rows: all of them, their parts, counts by part, and some of them."""
    assert count_rows(await read_all(reader, STAYS)) == count_rows(rows)
    assert await reader.list_parts(STAYS) == sorted({row["part"] for row in rows})
    groups = (await reader.aggregate(BY_PART)).to_pylist()
    assert count_rows(groups) == count_rows(plain.aggregate(BY_PART, rows, TYPES))
    where = Between("part", 4, 6) & OneOf("dwell_s", (0, 60, 3600))
    expected = [row for row in rows if plain.meets(row, where, TYPES)]
    assert count_rows((await reader.select(Select(STAYS, where, tuple(TYPES)))).to_pylist()) == count_rows(expected)
    blocks = [block async for block in reader.read_parts(STAYS, 4, 6, where)]
    assert count_rows([row for block in blocks for row in block.to_pylist()]) == count_rows(expected)


async def check_parts(reader: Reader, rows: Sequence[Row]) -> None:
    """Compare rows of a few parts, as changes read them before they patch them."""
    texts = OneOf("place", ("a", "é", "nowhere"))
    for parts in ((4,), (5, 6, 99)):
        for condition in (texts, texts | Missing("place"), OneOf("dwell_s", (0, 60)) & OneOf("active", (True,))):
            where = OneOf("part", parts) & condition
            selected = await reader.select(Select(STAYS, where, ("part", "place", "users", "campaigns")))
            expected = [
                {name: row[name] for name in selected.column_names} for row in rows if plain.meets(row, where, TYPES)
            ]
            assert count_rows(selected.to_pylist()) == count_rows(expected)


@pytest.mark.slow
@settings(
    deadline=None,
    max_examples=int(os.environ.get("OKUBE_FUZZ", "4")),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(changes=CHANGES)
async def test_random_patches_equal_plain_python(store: Store, changes: list[tuple[list[Step], bool]]) -> None:
    application = f"patches {next(_NAMES)}"
    rows = make_stays(1, PARTS, 60)
    await fill(store, application, STAYS, rows)
    async with AsyncExitStack() as open_readers:
        snapshots: list[tuple[Reader, list[Row]]] = []
        for index, (steps, is_committed) in enumerate(changes):
            reader = await open_readers.enter_async_context(store.open_reader(application))
            snapshots.append((reader, rows))
            async with store.begin_change(application, f"change {index}") as change:
                changed = rows
                await check_parts(change, rows)
                for step in replace_parts_once(steps):
                    changed = await apply_step(change, changed, step)
                    if len(changed) % 2:  # otherwise the next step follows at once
                        await check_rows(change, changed)
                        await check_parts(change, changed)
                assert count_rows(await read_stored(store, application, STAYS)) == count_rows(rows)
                if is_committed:
                    await change.commit()
                    rows = changed
            for old_reader, old_rows in snapshots[-3:]:
                await check_rows(old_reader, old_rows)
        for old_reader, old_rows in snapshots:
            await check_rows(old_reader, old_rows)
    async with store.open_reader(application) as reader:
        await check_rows(reader, rows)
    await store.delete_rows(application)


async def test_the_writes_of_a_change_keep_their_order(store: Store, application: str) -> None:
    """Write many rows, then small patches of the same keys, which DuckDB gets as a script."""
    many, few = make_stays(2, (1,), 40), [dict.fromkeys(TYPES) | {"part": 1, "place": "z"}]
    key, place = to_keys([{"part": 1}]), to_keys([{"part": 1, "place": "z"}])
    async with store.begin_change(application, "order") as change:
        await change.patch(STAYS, key, to_arrow(STAYS, many))
        await change.patch(STAYS, key, to_arrow(STAYS, few))
        await change.patch(STAYS, place, to_arrow(STAYS, few * 2))
        await change.replace(STAYS, (2,), to_arrow(STAYS, make_stays(3, (2,), 3)))
        await change.patch(STAYS, to_keys([{"part": 2}]), to_arrow(STAYS, []))
        await change.commit()
    assert await read_stored(store, application, STAYS) == few * 2


async def test_a_part_may_be_emptied_and_filled_again_in_one_change(store: Store, application: str) -> None:
    key, rows = to_keys([{"part": 1}]), make_stays(2, (1,), 3)
    await fill(store, application, STAYS, make_stays(1, (1, 2), 20))
    async with store.begin_change(application, "again") as change:
        for _ in range(2):
            await change.patch(STAYS, key, to_arrow(STAYS, []))
            assert 1 not in await change.list_parts(STAYS)
            await change.patch(STAYS, to_keys([{"part": 2}]), to_arrow(STAYS, rows))
            await check_rows(change, rows)
        await change.replace(STAYS, [1], to_arrow(STAYS, make_stays(3, (1,), 5)))
        await change.patch(STAYS, key, to_arrow(STAYS, []))
        await change.patch(STAYS, key, to_arrow(STAYS, rows))
        await change.patch(STAYS, key, to_arrow(STAYS, rows))
        await check_rows(change, rows)
        await change.commit()
    assert count_rows(await read_stored(store, application, STAYS)) == count_rows(rows)


async def test_the_row_limit_counts_rows_after_patches(store: Store, application: str) -> None:
    await fill(store, application, STAYS, make_stays(1, (1,), 30))
    async with store.begin_change(application, "fewer") as change:
        await change.patch(STAYS, to_keys([{"part": 1}]), to_arrow(STAYS, make_stays(2, (1,), 10)))
        await change.commit()
    async with store.open_reader(application, row_limit=10) as reader:
        assert (await reader.aggregate(BY_PART))["n"].to_pylist() == [10]
    async with store.open_reader(application, row_limit=9) as reader:
        with pytest.raises(TooManyRows):
            await reader.aggregate(BY_PART)


async def test_null_keys_match_nulls_only(store: Store, application: str) -> None:
    rows = make_stays(5, (1, 2), 60)
    await fill(store, application, STAYS, rows)
    keys = [{"part": 1, "place": None, "dwell_s": None}, {"part": 2, "place": None, "dwell_s": 0}]
    async with store.begin_change(application, "nulls") as change:
        await change.patch(STAYS, to_keys(keys), to_arrow(STAYS, []))
        await change.commit()
    remaining = replace_plain_rows(rows, keys, [])
    assert 0 < len(remaining) < len(rows)
    assert count_rows(await read_stored(store, application, STAYS)) == count_rows(remaining)


async def test_a_change_that_fails_after_a_patch_leaves_nothing(store: Store, application: str) -> None:
    rows = make_stays(1, (1, 2), 30)
    await fill(store, application, STAYS, rows)
    with pytest.raises(RuntimeError):
        await _fail_after_patch(store, application)
    async with store.open_reader(application) as reader:
        await check_rows(reader, rows)
    async with store.begin_change(application, "later") as change:
        await change.patch(STAYS, to_keys([{"part": 2}]), to_arrow(STAYS, []))
        await change.commit()
    remaining = [row for row in rows if row["part"] == 1]
    assert count_rows(await read_stored(store, application, STAYS)) == count_rows(remaining)


async def _fail_after_patch(store: Store, application: str) -> None:
    async with store.begin_change(application, "broken") as change:
        await change.patch(STAYS, to_keys([{"part": 1}]), to_arrow(STAYS, make_stays(2, (1, 7), 9)))
        raise RuntimeError


async def test_events_of_few_users_are_read_from_many_small_batches(store: Store, application: str) -> None:
    events: list[Row] = [
        {"part": number % 3, "user": number % 50 or None, "label": f"{number}"} for number in range(150)
    ]
    async with store.begin_change(application, "load") as change:
        for batch, event in enumerate(events[:75]):
            await change.append(EVENTS, batch, to_arrow(EVENTS, [event]))
        await change.append(EVENTS, 75, to_arrow(EVENTS, events[75:]))
        await change.commit()
    where = OneOf("user", (7, 30, 49))
    async with store.open_reader(application) as reader:
        for low, high, condition in ((0, 2, where), (1, 1, where), (0, 2, where & equal("batch", 75))):
            blocks = [block async for block in reader.read_parts(EVENTS, low, high, condition)]
            labels = [label for block in blocks for label in block["label"].to_pylist()]
            expected = [
                event["label"]
                for number, event in enumerate(events)
                if event["user"] in (7, 30, 49) and low <= number % 3 <= high
                if condition is where or number >= 75
            ]
            assert sorted(labels) == sorted(expected)
        assert [block async for block in reader.read_parts(EVENTS, 0, 2, OneOf("user", ()))] == []
