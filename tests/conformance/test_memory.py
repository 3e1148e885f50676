"""Plans answered from columns in memory: as in plain Python, of the right version, or not at all."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from okube_api.store.columnar.answer import aggregate_rows, select_rows
from okube_api.store.columnar.frame import build_frame
from okube_api.store.conditions import EVERYTHING, Between, Condition
from okube_api.store.duckdb.store import DuckStore
from okube_api.store.errors import TooManyRows, UnsupportedByStore
from okube_api.store.mongo.store import MongoStore
from okube_api.store.plans import Aggregate, Count, Max, Select, Sum
from okube_api.store.protocol import Store

from tests.conformance import plain
from tests.conformance.declared import SCHEMA, STAYS
from tests.conformance.rows import CORPUS, KINDS, arrow, bag, fill, stays
from tests.conformance.test_plans import CONDITIONS, KEYS, MEASURES, PLANS
from tests.store.mock_server import Client

FRAME = build_frame(arrow(STAYS, CORPUS), KINDS)


@settings(deadline=None, max_examples=200)
@given(PLANS)
def test_random_plans(plan: Aggregate) -> None:
    check(plan)


@settings(deadline=None, max_examples=60)
@given(CONDITIONS, st.lists(st.sampled_from(tuple(KINDS)), min_size=1, unique=True))
def test_random_rows(where: Condition, columns: list[str]) -> None:
    found = select_rows(Select(STAYS, where, tuple(columns)), FRAME)
    expected = [{name: row[name] for name in columns} for row in CORPUS if plain.meets(row, where, KINDS)]
    assert bag(found.to_pylist()) == bag(expected)
    assert found.column_names == columns


def check(plan: Aggregate) -> None:
    found = aggregate_rows(plan, FRAME)
    assert bag(found.to_pylist()) == bag(plain.aggregated(plan, CORPUS, KINDS)), plan


@pytest.mark.parametrize("key", KEYS, ids=repr)
def test_each_key_with_every_measure(key: object) -> None:
    check(Aggregate(STAYS, EVERYTHING, (key,), MEASURES))  # type: ignore[arg-type]
    check(Aggregate(STAYS, Between("part", 12, 15), (key, "part"), MEASURES))  # type: ignore[arg-type]
    check(Aggregate(STAYS, Between("part", 99, None), (key, "part"), MEASURES))  # type: ignore[arg-type]


def test_aggregates_of_aggregates() -> None:
    inner = Aggregate(STAYS, Between("part", 11, 18), ("campaigns", "place"), (Sum("dwell_s", "d"), Count("n")))
    check(Aggregate(inner, Between("n", 2, None), ("campaigns",), (Count("places"), Max("d", "most"))))


def test_more_combinations_of_keys_than_rows() -> None:
    wide = [row | {"dwell_s": None if at % 9 == 0 else at * 10**9, "weight": at} for at, row in enumerate(CORPUS)]
    plan = Aggregate(STAYS, EVERYTHING, ("dwell_s", "weight", "place", "part"), (Count("n"), Sum("dwell_s", "s")))
    found = aggregate_rows(plan, build_frame(arrow(STAYS, wide), KINDS))
    assert bag(found.to_pylist()) == bag(plain.aggregated(plan, wide, KINDS))


@pytest.mark.parametrize("value", [2**31, 2**52 + 1, -(2**52) - 1, 2**54 + 1])
def test_sums_are_exact_or_refused(value: int) -> None:
    large = [row | {"dwell_s": value + at, "weight": 1} for at, row in enumerate(CORPUS)]
    plan = Aggregate(STAYS, EVERYTHING, ("place",), (Sum("dwell_s", "s"), Sum("dwell_s", "w", times="weight")))
    found = aggregate_rows(plan, build_frame(arrow(STAYS, large), KINDS))
    assert bag(found.to_pylist()) == bag(plain.aggregated(plan, large, KINDS))


def test_what_is_beyond_exactness_is_left_to_the_database() -> None:
    large = build_frame(arrow(STAYS, [row | {"dwell_s": 2**62, "weight": 2} for row in CORPUS]), KINDS)
    for measure in (Sum("dwell_s", "s"), Sum("dwell_s", "s", times="weight")):
        with pytest.raises(UnsupportedByStore):
            aggregate_rows(Aggregate(STAYS, EVERYTHING, (), (measure,)), large)
    for plan in (
        Aggregate(STAYS, Between("ratio", 0, 1), (), (Count("n"),)),
        Aggregate(STAYS, EVERYTHING, ("users",), (Count("n"),)),
        Aggregate(STAYS, EVERYTHING, (), (Sum("place", "n"),)),
    ):
        with pytest.raises(UnsupportedByStore):
            aggregate_rows(plan, FRAME)


def test_the_row_limit_holds() -> None:
    plan = Aggregate(STAYS, EVERYTHING, ("place",), (Count("n"),))
    assert aggregate_rows(plan, FRAME, row_limit=len(CORPUS)).num_rows
    with pytest.raises(TooManyRows):
        aggregate_rows(plan, FRAME, row_limit=len(CORPUS) - 1)


def test_no_rows_at_all() -> None:
    empty = build_frame(arrow(STAYS, []), KINDS)
    for by in (*((key,) for key in KEYS), ()):
        plan = Aggregate(STAYS, EVERYTHING, by, MEASURES)
        assert bag(aggregate_rows(plan, empty).to_pylist()) == bag(plain.aggregated(plan, [], KINDS))


# -- in the stores


@pytest.fixture(params=["duckdb", "mongomock"])
async def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A store that holds tables in memory, as stores do."""
    url = f"mongodb://memory/{uuid4().hex}"
    made: Store = (
        DuckStore(tmp_path / "okube.duckdb", SCHEMA, memory_limit="256MB", threads=1)
        if request.param == "duckdb"
        else MongoStore(url, SCHEMA, client=Client(url))
    )
    await made.start()
    yield made
    await made.close()


@pytest.mark.anyio
async def test_every_question_is_answered_from_the_version_it_sees(fresh: Store) -> None:
    counting = Aggregate(STAYS, EVERYTHING, (), (Count("n"),))
    rows = Select(STAYS, EVERYTHING, ("part",))
    await fill(fresh, "a", STAYS, stays(1, range(3), 50))
    await fill(fresh, "b", STAYS, stays(2, range(3), 7))
    async with fresh.open_reader("a") as old:
        for _ in range(4):
            assert (await old.aggregate(counting)).to_pylist() == [{"n": 50}]
        for at in range(1, 6):
            await fill(fresh, "a", STAYS, stays(at, range(3), 10 * at), f"change {at}")
            for _ in range(3):
                async with fresh.open_reader("a") as reader:
                    assert (await reader.aggregate(counting)).to_pylist() == [{"n": 10 * at}]
                    assert (await reader.select(rows)).num_rows == 10 * at
                assert (await old.aggregate(counting)).to_pylist() == [{"n": 50}]
        async with fresh.open_reader("b", row_limit=6) as reader:
            for _ in range(3):
                with pytest.raises(TooManyRows):
                    await reader.aggregate(counting)
    await fresh.delete_rows("a")
    for _ in range(3):
        async with fresh.open_reader("a") as reader:
            assert (await reader.aggregate(counting)).to_pylist() == [{"n": 0}]


@pytest.mark.anyio
async def test_the_third_time_nothing_is_asked(fresh: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the database: the reader is taken its way there."""
    await fill(fresh, "a", STAYS, stays(3, range(3), 50))
    plan = Aggregate(STAYS, EVERYTHING, ("place",), (Count("n"),))
    async with fresh.open_reader("a") as reader:
        answers = [bag((await reader.aggregate(plan)).to_pylist()) for _ in range(2)]
        for name in ("_fetch", "_ask"):
            monkeypatch.setattr(type(reader), name, None, raising=False)
        answers.append(bag((await reader.aggregate(plan)).to_pylist()))
    assert answers == [answers[0]] * 3
