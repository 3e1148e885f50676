"""Tests that sums beyond 64 bits are exact on every store, in columns and in partitions read back."""

from uuid import uuid4

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from okube_api.store.columnar.answer import aggregate_rows, select_rows
from okube_api.store.columnar.frame import build_frame
from okube_api.store.conditions import EVERYTHING, Between
from okube_api.store.errors import UnsupportedByStore
from okube_api.store.exact_integers import WIDE_TYPE
from okube_api.store.plans import Aggregate, Count, Max, Select, Sum
from okube_api.store.protocol import Reader, Store

from tests.conformance import plain
from tests.conformance.declared import AMOUNTS
from tests.conformance.rows import Row, count_rows, read_all, to_arrow

pytestmark = pytest.mark.anyio
TYPES = plain.get_types(AMOUNTS)
TEXT_CODES = pa.dictionary(pa.int32(), pa.string())
LIMIT = 2**63
MEASURES = (
    Sum("number", "numbers"),
    Sum("number", "weighted", times="weight"),
    Sum("wide", "wides"),
    Sum("wide", "wide_weighted", times="weight"),
    Count("n"),
    Max("number", "most"),
)
INTEGERS = st.one_of(
    st.none(),
    st.integers(-5, 5),
    st.sampled_from((LIMIT - 1, -LIMIT, LIMIT // 2, -(LIMIT // 2), 2**53 + 1, 10**15, 3 * 10**16 + 1)),
    st.integers(-LIMIT, LIMIT - 1),
)
WIDE_INTEGERS = st.one_of(INTEGERS, st.sampled_from((LIMIT, -LIMIT - 1, 10**22 + 7, -(10**22))))
WEIGHTS = st.one_of(st.none(), st.sampled_from((0, 1, 1000, 10**7, 10**9)), st.integers(0, 10**9))
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "part": st.integers(1, 3),
            "place": st.sampled_from(("a", "b")),
            "number": INTEGERS,
            "weight": WEIGHTS,
            "wide": WIDE_INTEGERS,
        }
    ),
    max_size=12,
)
EDGE_ROWS = [
    {"part": 1, "place": "a", "number": LIMIT - 1, "weight": 1, "wide": None},
    {"part": 1, "place": "a", "number": 1, "weight": 1, "wide": 10**22},
    {"part": 2, "place": "b", "number": -LIMIT, "weight": 10**9, "wide": -(10**22)},
]
REVENUES = [{"part": 1, "place": "a", "number": 3 * 10**10, "weight": 10**7, "wide": 3 * 10**17}] * 31
PLANS = [Aggregate(AMOUNTS, EVERYTHING, by, MEASURES) for by in ((), ("part",), ("place",), ("part", "place"))]
INNER = Aggregate(AMOUNTS, EVERYTHING, ("part", "place"), (Sum("number", "numbers"), Sum("wide", "wides")))
NESTED = Aggregate(
    INNER, Between("numbers", 0, None), ("place",), (Sum("numbers", "numbers"), Sum("wides", "wides"), Count("n"))
)


def to_integers(rows: pa.Table) -> list[Row]:
    """Return rows whose wide integers are Python integers; sums must be integers in Arrow, too."""
    for field in rows.schema:
        assert pa.types.is_integer(field.type) or field.type in (WIDE_TYPE, pa.string(), TEXT_CODES)
    names = [field.name for field in rows.schema if pa.types.is_decimal(field.type)]
    return [row | {name: None if row[name] is None else int(row[name]) for name in names} for row in rows.to_pylist()]


async def check(reader: Reader, rows: list[Row]) -> None:
    for plan in (*PLANS, NESTED):
        result = to_integers(await reader.aggregate(plan))
        assert count_rows(result) == count_rows(plain.aggregate(plan, rows, TYPES)), plan
    selected = to_integers(await reader.select(Select(AMOUNTS, EVERYTHING, ("wide", "place"))))
    assert count_rows(selected) == count_rows([{"wide": row["wide"], "place": row["place"]} for row in rows])


@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(rows=EDGE_ROWS)
@example(rows=REVENUES)
@given(rows=ROWS)
async def test_sums_of_stores(store: Store, rows: list[Row]) -> None:
    application = uuid4().hex
    async with store.begin_change(application, "fill") as change:
        await change.replace(AMOUNTS, [1, 2, 3], to_arrow(AMOUNTS, rows))
        await change.commit()
    async with store.open_reader(application) as reader:
        await check(reader, rows)
        stored = await read_all(reader, AMOUNTS)
    wide = [None if row["wide"] is None else int(row["wide"]) for row in stored]
    stored = [row | {"wide": value} for row, value in zip(stored, wide, strict=True)]
    assert count_rows(stored) == count_rows(rows)


@settings(deadline=None)
@example(rows=EDGE_ROWS)
@example(rows=REVENUES)
@given(rows=ROWS)
def test_sums_of_columns(rows: list[Row]) -> None:
    frame = build_frame(to_arrow(AMOUNTS, rows), TYPES)
    for plan in (*PLANS, NESTED):
        for measure in plan.measures:
            single = Aggregate(plan.source, plan.where, plan.by, (measure,))
            try:
                result = aggregate_rows(single, frame)
            except UnsupportedByStore:  # the database computes it
                continue
            assert count_rows(to_integers(result)) == count_rows(plain.aggregate(single, rows, TYPES))
    selected = to_integers(select_rows(Select(AMOUNTS, EVERYTHING, ("wide", "number")), frame))
    assert count_rows(selected) == count_rows([{"wide": row["wide"], "number": row["number"]} for row in rows])


def test_columns_sum_beyond_64_bits() -> None:
    rows = [{"part": 1, "place": "a", "number": 9 * 10**18, "weight": 1, "wide": 9 * 10**18}] * 1000
    plan = Aggregate(AMOUNTS, EVERYTHING, (), (Sum("number", "n"), Sum("wide", "w")))
    result = aggregate_rows(plan, build_frame(to_arrow(AMOUNTS, rows), TYPES))
    assert to_integers(result) == [{"n": 9 * 10**21, "w": 9 * 10**21}]


@pytest.mark.parametrize("count", [1, 10, 100])
async def test_sums_that_fit_are_int64(store: Store, count: int) -> None:
    rows = [{"part": 1, "place": "a", "number": 10**15, "weight": 10, "wide": 10**16}] * count
    application = uuid4().hex
    async with store.begin_change(application, "fill") as change:
        await change.replace(AMOUNTS, [1], to_arrow(AMOUNTS, rows))
        await change.commit()
    async with store.open_reader(application) as reader:
        result = await reader.aggregate(PLANS[2])
    sums = [measure.name for measure in MEASURES if measure.name != "wide_weighted"]
    assert {result.schema.field(name).type for name in sums} == {pa.int64()}


async def test_sums_that_no_store_can_hold_are_refused(store: Store) -> None:
    rows = [{"part": 1, "place": "a", "number": 1, "weight": 10**9, "wide": 9 * 10**33}] * 20
    application = uuid4().hex
    async with store.begin_change(application, "fill") as change:
        await change.replace(AMOUNTS, [1], to_arrow(AMOUNTS, rows))
        await change.commit()
    async with store.open_reader(application) as reader:
        with pytest.raises(OverflowError, match=r"digits|[Oo]verflow|out of range"):
            await reader.aggregate(Aggregate(AMOUNTS, EVERYTHING, (), (Sum("wide", "w", times="weight"),)))
