"""Plans: every one answered as in plain Python, or refused by name."""

from collections.abc import AsyncIterator

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from okube_api.store.conditions import (
    EVERYTHING,
    NOTHING,
    AllOf,
    AnyOf,
    Between,
    Condition,
    Missing,
    Not,
    OneOf,
    Overlaps,
    equal,
)
from okube_api.store.errors import TooManyRows, Unavailable, UnsupportedByStore
from okube_api.store.plan_analysis import make_arrow_schema
from okube_api.store.plans import Aggregate, Band, Count, Each, GroupKey, Max, Measure, Min, Select, Sum
from okube_api.store.protocol import Store
from okube_api.store.schema import ColumnType

from tests.conformance import plain
from tests.conformance.declared import EVENTS, STAYS
from tests.conformance.rows import CAMPAIGNS, CORPUS, KINDS, PLACES, bag, fill
from tests.engine.memory import frozen

pytestmark = pytest.mark.anyio

APPLICATION = "9" * 24


@pytest.fixture(scope="module")
async def filled(store: Store) -> AsyncIterator[Store]:
    """The store with the corpus in it."""
    await fill(store, APPLICATION, STAYS, CORPUS, "corpus")
    yield store
    await store.delete_rows(APPLICATION)


async def check(store: Store, plan: Aggregate) -> None:
    """Compares an answer, its columns and their types."""
    async with store.open_reader(APPLICATION) as reader:
        found = await reader.aggregate(plan)
    expected = plain.aggregated(plan, CORPUS, KINDS)
    assert bag(found.to_pylist()) == bag(expected), plan
    assert found.column_names == [*map(plain.name, plan.by), *(measure.name for measure in plan.measures)]
    assert all(found.schema.field(measure.name).type == pa.int64() for measure in plan.measures)


MEASURES: tuple[Measure, ...] = (
    Sum("dwell_s", "dwell"),
    Sum("dwell_s", "weighted", times="weight"),
    Count("n"),
    Min("dwell_s", "least"),
    Max("weight", "most"),
)
KEYS: tuple[GroupKey, ...] = (
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
async def test_each_key_with_every_measure(filled: Store, key: GroupKey) -> None:
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
    await check(filled, Aggregate(opened, OneOf("campaign", ("c1", "a.b")), ("campaign",), (Max("n", "most"),)))
    twice = Aggregate(per_place, EVERYTHING, ("place",), (Count("parts"),))
    await check(filled, Aggregate(twice, ~Missing("place"), ("parts",), (Count("places"),)))


async def test_sums_are_exact(store: Store, application: str) -> None:
    empty = dict.fromkeys(KINDS)
    rows = [empty | {"part": 1, "dwell_s": 2**53 + at, "weight": 2} for at in range(3)]
    await fill(store, application, STAYS, rows)
    async with store.open_reader(application) as reader:
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
    async with filled.open_reader(APPLICATION) as reader:
        found = await reader.select(Select(STAYS, where, tuple(columns)))
    expected = [{name: row[name] for name in columns} for row in CORPUS if plain.meets(row, where, KINDS)]
    assert bag(found.to_pylist()) == bag(expected)
    assert found.schema == make_arrow_schema({name: KINDS[name] for name in columns})


async def test_plans_that_read_too_much_are_refused(filled: Store) -> None:
    some = Between("part", 12, 14)
    many = sum(plain.meets(row, some, KINDS) for row in CORPUS)
    async with filled.open_reader(APPLICATION, row_limit=many) as reader:
        await reader.select(Select(STAYS, some, ("place",)))
        await reader.aggregate(Aggregate(STAYS, some, ("place",), (Count("n"),)))
        await reader.aggregate(Aggregate(Aggregate(STAYS, some, ("place",)), EVERYTHING, (), (Count("n"),)))
    async with filled.open_reader(APPLICATION, row_limit=many - 1) as reader:
        for plan in (
            Aggregate(STAYS, some, ("place",), (Count("n"),)),
            Aggregate(Aggregate(STAYS, some, ("place",)), EVERYTHING, (), (Count("n"),)),
        ):
            with pytest.raises(TooManyRows):
                await reader.aggregate(plan)
        with pytest.raises(TooManyRows):
            await reader.select(Select(STAYS, some, ("place",)))
        await reader.select(Select(STAYS, some & equal("place", "a"), ("place",)))


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
        Aggregate(STAYS, EVERYTHING, (), (Min("ratio", "n"),)),
        Aggregate(STAYS, OneOf("campaigns", ("c1",)), (), (Count("n"),)),
        Aggregate(STAYS, Overlaps("place", ("a",)), (), (Count("n"),)),
        Aggregate(EVENTS, EVERYTHING, (), (Count("n"),)),
        Aggregate(Aggregate(STAYS, EVERYTHING, (), (Count("n"),)), EVERYTHING, (), (Count("m"),)),
    ],
    ids=repr,
)
async def test_plans_beyond_what_is_declared_are_refused(filled: Store, plan: Aggregate) -> None:
    async with filled.open_reader(APPLICATION) as reader:
        with pytest.raises(UnsupportedByStore):
            await reader.aggregate(plan)


@pytest.mark.parametrize("store", ["mongo"], indirect=True)  # DuckDB, where a query can be endless: tests/store
async def test_a_plan_that_takes_too_long_ends(filled: Store) -> None:
    async with filled.open_reader(APPLICATION, timeout_s=0.000_01) as reader:
        with pytest.raises(Unavailable):
            await reader.aggregate(Aggregate(STAYS, EVERYTHING, ("place",), MEASURES))
    await check(filled, Aggregate(STAYS, EVERYTHING, ("place",), MEASURES))


async def test_a_statement_can_be_shown(filled: Store) -> None:
    async with filled.open_reader(APPLICATION) as reader:
        for plan in (Aggregate(STAYS, EVERYTHING, ("place",), MEASURES), Select(STAYS, EVERYTHING, ("users",))):
            assert "stays" in str(reader.to_statement(plan))


def test_the_corpus_has_every_kind_in_it() -> None:
    for name, kind in KINDS.items():
        values = [row[name] for row in CORPUS]
        assert name == "part" or None in values
        assert kind is ColumnType.INTEGER or len({frozen(value) for value in values}) > 2
