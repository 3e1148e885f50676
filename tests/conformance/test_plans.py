"""Tests that every plan has the same result as in plain Python, or is refused."""

from collections.abc import AsyncIterator

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from okube_api.store.conditions import (
    EVERYTHING,
    NOTHING,
    Between,
    Condition,
    Missing,
    OneOf,
    Overlaps,
    equal,
)
from okube_api.store.errors import TooManyRows, Unavailable, UnsupportedByStore
from okube_api.store.plan_analysis import make_arrow_schema
from okube_api.store.plans import Aggregate, Band, Count, Each, GroupKey, Max, Min, Select, Sum
from okube_api.store.protocol import Reader, Store
from okube_api.store.schema import ColumnType

from tests.conformance import plain
from tests.conformance.declared import EVENTS, STAYS
from tests.conformance.rows import CORPUS, TYPES, count_rows, fill
from tests.conformance.strategies import CONDITIONS, KEYS, MEASURES, PLANS
from tests.engine.memory import freeze
from tests.rounds import count_examples

pytestmark = pytest.mark.anyio

APPLICATION = "9" * 24


@pytest.fixture(scope="module")
async def filled_store(store: Store) -> AsyncIterator[Store]:
    """Fill the store with the corpus, and delete it after the tests."""
    await fill(store, APPLICATION, STAYS, CORPUS, "corpus")
    yield store
    await store.delete_rows(APPLICATION)


async def check_plan(store: Store, plan: Aggregate) -> None:
    """Compare the rows, columns and types of a result with plain Python."""
    async with store.open_reader(APPLICATION) as reader:
        result = await reader.aggregate(plan)
    expected = plain.aggregate(plan, CORPUS, TYPES)
    assert count_rows(result.to_pylist()) == count_rows(expected), plan
    assert result.column_names == [*map(plain.get_key_name, plan.by), *(measure.name for measure in plan.measures)]
    assert all(result.schema.field(measure.name).type == pa.int64() for measure in plan.measures)


@pytest.mark.parametrize("key", KEYS, ids=repr)
async def test_every_key_with_every_measure(filled_store: Store, key: GroupKey) -> None:
    await check_plan(filled_store, Aggregate(STAYS, EVERYTHING, (key,), MEASURES))
    await check_plan(filled_store, Aggregate(STAYS, Between("part", 12, 15), (key, "ratio"), MEASURES[2:3]))
    await check_plan(filled_store, Aggregate(STAYS, NOTHING, (key,), MEASURES))


async def test_no_key_gives_one_row(filled_store: Store) -> None:
    await check_plan(filled_store, Aggregate(STAYS, EVERYTHING, (), MEASURES))
    await check_plan(filled_store, Aggregate(STAYS, NOTHING, (), MEASURES))
    await check_plan(filled_store, Aggregate(STAYS, Between("part", 90, 99), (), MEASURES))


async def test_distinct_keys_without_measures(filled_store: Store) -> None:
    await check_plan(filled_store, Aggregate(STAYS, EVERYTHING, ("place", "active")))


async def test_aggregates_of_aggregates(filled_store: Store) -> None:
    per_place = Aggregate(STAYS, Between("part", 11, 18), ("place", "part"), (Sum("dwell_s", "dwell"), Count("n")))
    bands = (Band("dwell", (0, 60, 10_000), "band"), "part")
    await check_plan(
        filled_store, Aggregate(per_place, Between("n", 2, None), bands, (Count("places"), Sum("n", "rows")))
    )
    by_campaign = Aggregate(STAYS, EVERYTHING, (Each("campaigns", "campaign"), "place"), (Count("n"),))
    await check_plan(
        filled_store, Aggregate(by_campaign, OneOf("campaign", ("c1", "a.b")), ("campaign",), (Max("n", "most"),))
    )
    by_parts = Aggregate(per_place, EVERYTHING, ("place",), (Count("parts"),))
    await check_plan(filled_store, Aggregate(by_parts, ~Missing("place"), ("parts",), (Count("places"),)))


async def test_sums_are_exact(store: Store, application: str) -> None:
    empty = dict.fromkeys(TYPES)
    rows = [empty | {"part": 1, "dwell_s": 2**53 + at, "weight": 2} for at in range(3)]
    await fill(store, application, STAYS, rows)
    async with store.open_reader(application) as reader:
        result = await reader.aggregate(Aggregate(STAYS, EVERYTHING, (), MEASURES[:2]))
    assert result.to_pylist() == [{"dwell": 3 * 2**53 + 3, "weighted": 6 * 2**53 + 6}]


@settings(deadline=None, max_examples=count_examples(50), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(plan=PLANS)
async def test_random_plans(filled_store: Store, plan: Aggregate) -> None:
    await check_plan(filled_store, plan)


@settings(deadline=None, max_examples=count_examples(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(where=CONDITIONS, columns=st.lists(st.sampled_from(tuple(TYPES)), min_size=1, unique=True))
async def test_random_rows(filled_store: Store, where: Condition, columns: list[str]) -> None:
    async with filled_store.open_reader(APPLICATION) as reader:
        result = await reader.select(Select(STAYS, where, tuple(columns)))
    expected = [{name: row[name] for name in columns} for row in CORPUS if plain.meets(row, where, TYPES)]
    assert count_rows(result.to_pylist()) == count_rows(expected)
    assert result.schema == make_arrow_schema({name: TYPES[name] for name in columns})


THREE_DAYS = Between("part", 12, 14)


@pytest.mark.parametrize(
    "plan",
    [
        Select(STAYS, THREE_DAYS, ("place",)),
        Aggregate(STAYS, THREE_DAYS, ("place",), (Count("n"),)),
        Aggregate(Aggregate(STAYS, THREE_DAYS, ("place",)), EVERYTHING, (), (Count("n"),)),
    ],
    ids=["select", "aggregate", "aggregate-of-aggregate"],
)
async def test_plans_beyond_the_row_limit_are_refused(filled_store: Store, plan: Select | Aggregate) -> None:
    async def run(reader: Reader, plan: Select | Aggregate) -> None:
        await (reader.select(plan) if isinstance(plan, Select) else reader.aggregate(plan))

    count = sum(plain.meets(row, THREE_DAYS, TYPES) for row in CORPUS)
    async with filled_store.open_reader(APPLICATION, row_limit=count) as reader:
        await run(reader, plan)
    async with filled_store.open_reader(APPLICATION, row_limit=count - 1) as reader:
        with pytest.raises(TooManyRows):
            await run(reader, plan)
        await reader.select(Select(STAYS, THREE_DAYS & equal("place", "a"), ("place",)))


@pytest.mark.parametrize(
    "plan",
    [
        Aggregate(STAYS, equal("nothing", 1), (), (Count("n"),)),
        Aggregate(STAYS, equal("application", "x"), (), (Count("n"),)),
        Aggregate(STAYS, equal('part" = 1 OR "part', 1), (), (Count("n"),)),
        Aggregate(STAYS, EVERYTHING, ("nothing",), (Count("n"),)),
        Aggregate(STAYS, EVERYTHING, (Band("place", (0,), "band"),), (Count("n"),)),
        Aggregate(STAYS, EVERYTHING, (Each("place", "value"),), (Count("n"),)),
        Aggregate(STAYS, EVERYTHING, (), (Sum("place", "n"),)),
        Aggregate(STAYS, EVERYTHING, (), (Sum("dwell_s", "n", times="ratio"),)),
        Aggregate(STAYS, EVERYTHING, (), (Min("ratio", "n"),)),
        Aggregate(STAYS, OneOf("campaigns", ("c1",)), (), (Count("n"),)),
        Aggregate(STAYS, Overlaps("place", ("a",)), (), (Count("n"),)),
        Aggregate(EVENTS, EVERYTHING, (), (Count("n"),)),
        Aggregate(Aggregate(STAYS, EVERYTHING, (), (Count("n"),)), EVERYTHING, (), (Count("m"),)),
    ],
    ids=repr,
)
async def test_undeclared_fields_and_wrong_types_are_refused(filled_store: Store, plan: Aggregate) -> None:
    async with filled_store.open_reader(APPLICATION) as reader:
        with pytest.raises(UnsupportedByStore):
            await reader.aggregate(plan)


@pytest.mark.parametrize("store", ["mongo"], indirect=True)  # for DuckDB see tests/store, where a query can be endless
async def test_a_plan_beyond_its_time_limit_is_stopped(filled_store: Store) -> None:
    async with filled_store.open_reader(APPLICATION, timeout_s=0.000_01) as reader:
        with pytest.raises(Unavailable):
            await reader.aggregate(Aggregate(STAYS, EVERYTHING, ("place",), MEASURES))
    await check_plan(filled_store, Aggregate(STAYS, EVERYTHING, ("place",), MEASURES))


async def test_a_statement_names_its_table(filled_store: Store) -> None:
    async with filled_store.open_reader(APPLICATION) as reader:
        for plan in (Aggregate(STAYS, EVERYTHING, ("place",), MEASURES), Select(STAYS, EVERYTHING, ("users",))):
            assert "stays" in str(reader.to_statement(plan))


def test_the_corpus_has_values_of_every_type() -> None:
    for name, column_type in TYPES.items():
        values = [row[name] for row in CORPUS]
        assert name == "part" or None in values
        assert column_type is ColumnType.INTEGER or len({freeze(value) for value in values}) > 2
