"""Tests that plans on cached columns have the same result as in plain Python, of the right version, or are refused."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from okube_api.store.columnar.answer import aggregate_rows, select_rows
from okube_api.store.columnar.frame import build_frame
from okube_api.store.conditions import EVERYTHING, Between, Condition, OneOf
from okube_api.store.duckdb.rows import DuckReader
from okube_api.store.duckdb.store import DuckStore
from okube_api.store.errors import TooManyRows, UnsupportedByStore
from okube_api.store.mongo.store import MongoStore
from okube_api.store.plans import Aggregate, Count, Max, Select, Sum
from okube_api.store.protocol import Store

from tests.conformance import plain
from tests.conformance.declared import SCHEMA, STAYS
from tests.conformance.rows import CORPUS, PLACES, TYPES, count_rows, fill, make_stays, to_arrow
from tests.conformance.strategies import CONDITIONS, KEYS, MEASURES, PLANS
from tests.rounds import count_examples
from tests.store.mock_server import MockClient

FRAME = build_frame(to_arrow(STAYS, CORPUS), TYPES)


@settings(deadline=None, max_examples=count_examples(200))
@given(PLANS)
def test_random_plans(plan: Aggregate) -> None:
    check_plan(plan)


@pytest.fixture
def indexed_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look rows up by value also where they are as few as those of the corpus, and as many as half of them."""
    monkeypatch.setattr("okube_api.store.columnar.answer._MIN_INDEXED_ROWS", 0)
    monkeypatch.setattr("okube_api.store.columnar.answer._MIN_SELECTIVITY", 2)


@settings(deadline=None, max_examples=count_examples(100), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PLANS, st.lists(st.sampled_from(PLACES), max_size=2), st.integers(9, 16), st.integers(0, 12))
def test_rows_looked_up_by_value(
    indexed_rows: None, plan: Aggregate, places: list[str], first: int, length: int
) -> None:
    where = plan.where & OneOf("place", tuple(places)) & Between("part", first, first + length)
    check_plan(Aggregate(STAYS, where, plan.by, plan.measures))


def test_conditions_that_every_row_meets_are_not_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [row | {"place": row["place"] or "a"} for row in CORPUS]
    frame = build_frame(to_arrow(STAYS, rows), TYPES)
    monkeypatch.setattr("okube_api.store.columnar.answer.build_mask", None)
    plan = Aggregate(STAYS, OneOf("place", (*PLACES, "z")) & Between("part", 12, 15), ("part",), MEASURES)
    result = aggregate_rows(plan, frame)
    assert count_rows(result.to_pylist()) == count_rows(plain.aggregate(plan, rows, TYPES))


@pytest.mark.parametrize("offset", [0, 110, 1000])
@pytest.mark.parametrize(
    ("first", "last"), [(-200, 127), (127, 300), (128, 300), (-300, -129), (0, 10**6), (10**6, 10**7), (15, 12)]
)
def test_parts_beyond_the_bytes_of_their_column(offset: int, first: int, last: int) -> None:
    rows = [row | {"part": row["part"] + offset} for row in CORPUS]
    plan = Aggregate(STAYS, Between("part", first, last), ("part",), MEASURES)
    result = aggregate_rows(plan, build_frame(to_arrow(STAYS, rows), TYPES))
    assert count_rows(result.to_pylist()) == count_rows(plain.aggregate(plan, rows, TYPES))


@settings(deadline=None, max_examples=count_examples(60))
@given(CONDITIONS, st.lists(st.sampled_from(tuple(TYPES)), min_size=1, unique=True))
def test_random_rows(where: Condition, columns: list[str]) -> None:
    result = select_rows(Select(STAYS, where, tuple(columns)), FRAME)
    expected = [{name: row[name] for name in columns} for row in CORPUS if plain.meets(row, where, TYPES)]
    assert count_rows(result.to_pylist()) == count_rows(expected)
    assert result.column_names == columns


def check_plan(plan: Aggregate) -> None:
    result = aggregate_rows(plan, FRAME)
    assert count_rows(result.to_pylist()) == count_rows(plain.aggregate(plan, CORPUS, TYPES)), plan


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_every_key_with_every_measure(key: object) -> None:
    check_plan(Aggregate(STAYS, EVERYTHING, (key,), MEASURES))  # type: ignore[arg-type]
    check_plan(Aggregate(STAYS, Between("part", 12, 15), (key, "part"), MEASURES))  # type: ignore[arg-type]
    check_plan(Aggregate(STAYS, Between("part", 99, None), (key, "part"), MEASURES))  # type: ignore[arg-type]


@pytest.mark.parametrize("by", [("part",), ("part", "place"), ("place", "part"), ("active", "place", "part")], ids=repr)
@pytest.mark.parametrize("value", [0, 2**31, 2**52 + 1, 2**60], ids=str)
def test_rows_in_the_order_of_the_keys(by: tuple[str, ...], value: int) -> None:
    """Sort the rows of each part by the other keys, as those of one place are; sums of 64 bits remain exact."""
    rows = sorted(CORPUS, key=lambda row: (row["part"], row["place"] or "", str(row["active"])))
    large_rows = [row | {"dwell_s": None if at % 7 == 0 else value + at} for at, row in enumerate(rows)]
    for same in ({}, {"place": "a", "active": True}):
        some_rows = [row | same for row in large_rows]
        frame = build_frame(to_arrow(STAYS, some_rows), TYPES)
        plan = Aggregate(STAYS, Between("part", 11, 20), by, (Sum("dwell_s", "s"), *MEASURES[2:]))
        assert count_rows(aggregate_rows(plan, frame).to_pylist()) == count_rows(
            plain.aggregate(plan, some_rows, TYPES)
        )


def test_aggregates_of_aggregates() -> None:
    inner = Aggregate(STAYS, Between("part", 11, 18), ("campaigns", "place"), (Sum("dwell_s", "d"), Count("n")))
    check_plan(Aggregate(inner, Between("n", 2, None), ("campaigns",), (Count("places"), Max("d", "most"))))


def test_more_combinations_of_keys_than_rows() -> None:
    wide = [row | {"dwell_s": None if at % 9 == 0 else at * 10**9, "weight": at} for at, row in enumerate(CORPUS)]
    plan = Aggregate(STAYS, EVERYTHING, ("dwell_s", "weight", "place", "part"), (Count("n"), Sum("dwell_s", "s")))
    result = aggregate_rows(plan, build_frame(to_arrow(STAYS, wide), TYPES))
    assert count_rows(result.to_pylist()) == count_rows(plain.aggregate(plan, wide, TYPES))


@pytest.mark.parametrize("value", [2**31, 2**52 + 1, -(2**52) - 1, 2**54 + 1, 2**61 + 1, -(2**61)])
def test_sums_are_exact_or_refused(value: int) -> None:
    large_rows = [row | {"dwell_s": value + at, "weight": 1} for at, row in enumerate(CORPUS)]
    plan = Aggregate(STAYS, EVERYTHING, ("place",), (Sum("dwell_s", "s"), Sum("dwell_s", "w", times="weight")))
    result = aggregate_rows(plan, build_frame(to_arrow(STAYS, large_rows), TYPES))
    assert count_rows(result.to_pylist()) == count_rows(plain.aggregate(plan, large_rows, TYPES))


def test_products_beyond_64_bits_are_refused() -> None:
    frame = build_frame(to_arrow(STAYS, [row | {"dwell_s": 2**62, "weight": 2} for row in CORPUS]), TYPES)
    with pytest.raises(UnsupportedByStore):
        aggregate_rows(Aggregate(STAYS, EVERYTHING, (), (Sum("dwell_s", "s", times="weight"),)), frame)


@pytest.mark.parametrize(
    "plan",
    [
        Aggregate(STAYS, Between("ratio", 0, 1), (), (Count("n"),)),
        Aggregate(STAYS, EVERYTHING, ("users",), (Count("n"),)),
        Aggregate(STAYS, EVERYTHING, (), (Sum("place", "n"),)),
    ],
    ids=repr,
)
def test_columns_that_cannot_be_compared_are_refused(plan: Aggregate) -> None:
    with pytest.raises(UnsupportedByStore):
        aggregate_rows(plan, FRAME)


def test_plans_beyond_the_row_limit_are_refused() -> None:
    plan = Aggregate(STAYS, EVERYTHING, ("place",), (Count("n"),))
    assert aggregate_rows(plan, FRAME, row_limit=len(CORPUS)).num_rows
    with pytest.raises(TooManyRows):
        aggregate_rows(plan, FRAME, row_limit=len(CORPUS) - 1)


def test_plans_without_rows() -> None:
    empty = build_frame(to_arrow(STAYS, []), TYPES)
    for by in (*((key,) for key in KEYS), ()):
        plan = Aggregate(STAYS, EVERYTHING, by, MEASURES)
        assert count_rows(aggregate_rows(plan, empty).to_pylist()) == count_rows(plain.aggregate(plan, [], TYPES))


# -- within the stores


@pytest.fixture(params=["duckdb", "mongomock"])
async def caching_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """Start a store with the column cache of a real one."""
    url = f"mongodb://memory/{uuid4().hex}"
    new_store: Store = (
        DuckStore(tmp_path / "okube.duckdb", SCHEMA, memory_limit="256MB", threads=1)
        if request.param == "duckdb"
        else MongoStore(url, SCHEMA, client=MockClient(url))
    )
    await new_store.start()
    yield new_store
    await new_store.close()


@pytest.mark.anyio
async def test_every_plan_is_evaluated_on_the_version_of_its_reader(caching_store: Store) -> None:
    counting = Aggregate(STAYS, EVERYTHING, (), (Count("n"),))
    rows = Select(STAYS, EVERYTHING, ("part",))
    await fill(caching_store, "a", STAYS, make_stays(1, range(3), 50))
    await fill(caching_store, "b", STAYS, make_stays(2, range(3), 7))
    async with caching_store.open_reader("a") as old:
        for _ in range(4):
            assert (await old.aggregate(counting)).to_pylist() == [{"n": 50}]
        for at in range(1, 6):
            await fill(caching_store, "a", STAYS, make_stays(at, range(3), 10 * at), f"change {at}")
            for _ in range(3):
                async with caching_store.open_reader("a") as reader:
                    assert (await reader.aggregate(counting)).to_pylist() == [{"n": 10 * at}]
                    assert (await reader.select(rows)).num_rows == 10 * at
                assert (await old.aggregate(counting)).to_pylist() == [{"n": 50}]
        async with caching_store.open_reader("b", row_limit=6) as reader:
            for _ in range(3):
                with pytest.raises(TooManyRows):
                    await reader.aggregate(counting)
    await caching_store.delete_rows("a")
    for _ in range(3):
        async with caching_store.open_reader("a") as reader:
            assert (await reader.aggregate(counting)).to_pylist() == [{"n": 0}]


@pytest.mark.anyio
@pytest.mark.parametrize("caching_store", ["duckdb"], indirect=True)
async def test_a_snapshot_of_the_whole_store_keeps_columns_of_its_own(
    caching_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ask two snapshots again after the rows have changed, at last without the database."""
    counting = Aggregate(STAYS, EVERYTHING, (), (Count("n"),))
    await fill(caching_store, "a", STAYS, make_stays(1, range(3), 50))
    async with caching_store.open_snapshot() as first:
        await fill(caching_store, "a", STAYS, make_stays(2, range(3), 7))
        async with (
            caching_store.open_snapshot() as second,
            first.open_reader("a") as old,
            second.open_reader("a") as new,
        ):
            assert old.version_of(STAYS) != new.version_of(STAYS)
            for _ in range(2):
                counts = [(await reader.aggregate(counting)).to_pylist() for reader in (old, new)]
            monkeypatch.setattr(DuckReader, "_run", None)
            counts += [(await reader.aggregate(counting)).to_pylist() for reader in (old, new)]
    assert counts == 2 * [[{"n": 50}], [{"n": 7}]]


@pytest.mark.anyio
async def test_a_forgotten_application_is_read_again(caching_store: Store) -> None:
    plan = Aggregate(STAYS, EVERYTHING, ("place",), (Count("n"),))
    for application in ("a", "b"):
        await fill(caching_store, application, STAYS, make_stays(3, range(3), 50))
        async with caching_store.open_reader(application) as reader:
            answers = [count_rows((await reader.aggregate(plan)).to_pylist()) for _ in range(2)]
    assert [*caching_store.list_loaded_columns()] == ["a", "b"]
    caching_store.forget("a")
    assert [*caching_store.list_loaded_columns()] == ["b"]
    async with caching_store.open_reader("a") as reader:
        assert count_rows((await reader.aggregate(plan)).to_pylist()) == answers[0]


@pytest.mark.anyio
async def test_a_plan_that_repeats_does_not_reach_the_database(
    caching_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Remove the reader's methods that query the database before the third run."""
    await fill(caching_store, "a", STAYS, make_stays(3, range(3), 50))
    plan = Aggregate(STAYS, EVERYTHING, ("place",), (Count("n"),))
    async with caching_store.open_reader("a") as reader:
        answers = [count_rows((await reader.aggregate(plan)).to_pylist()) for _ in range(2)]
        query_method = "_run" if isinstance(reader, DuckReader) else "_query"
        monkeypatch.setattr(type(reader), query_method, None)
        answers.append(count_rows((await reader.aggregate(plan)).to_pylist()))
    assert answers == [answers[0]] * 3
