"""Tests that rollups of every measure are exact at the edges of weights, amounts and volumes, by day and by month."""

from collections import defaultdict
from collections.abc import Sequence
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from okube_api.catalogue.buckets import bucket_numbers
from okube_api.catalogue.fact import DAY_COLUMNS, Fact, Grain, Measure, Span
from okube_api.catalogue.facts import FACTS
from okube_api.catalogue.weights import MAX_WEIGHT
from okube_api.ingest.derive.rollups import FactRows, merge_days, roll_up
from okube_api.store.plan_analysis import make_arrow_schema
from okube_api.store.schema import ColumnType
from tests.rounds import count_examples

FIRST_DAY = 19_800
_VALUES: dict[ColumnType, Sequence[Any]] = {ColumnType.TEXT: ("a", "b"), ColumnType.TEXTS: (["a"], ["a", "b"])}
WITH_MEASURES = [(fact, grain) for fact in FACTS for grain in fact.grains if grain.measures]


def list_edges(measure: Measure) -> list[int]:
    """Return values of a row that are typical, the greatest that fit, and the greatest that 64 bits or 38 digits do."""
    greatest = min(measure.max_value, 2**62)
    return sorted({0, 1, greatest // 2 + 1, greatest - 1, greatest, *([10**19] if measure.max_value >= 2**63 else [])})


def draw_rows(fact: Fact, grain: Grain) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Draw rows of a fact on days of three months, with the extremes of the measures of a grain.

    Only their number and a seed are drawn, since to draw each value takes longer than the tests.
    """
    return st.builds(build_rows, st.just(fact), st.just(grain), st.integers(0, 25), st.integers(0, 2**32).map(Random))


def build_rows(fact: Fact, grain: Grain, count: int, dice: Random) -> list[dict[str, Any]]:
    """Return so many random rows."""
    edges: dict[str, Sequence[Any]] = {
        measure.field: [None, *list_edges(measure)] for measure in grain.measures if measure.field is not None
    }
    values = {column.name: _VALUES.get(column.type, (0, 1)) for column in fact.columns}
    if fact.weight is not None:
        values[fact.weight] = (0, 1, 1000, MAX_WEIGHT - 1, MAX_WEIGHT)
    if grain.only is not None:
        values[grain.only[0]] = (grain.only[1], "b")
    values |= edges | {"day": [FIRST_DAY + day for day in (0, 1, 20, 40, 41)]}
    return [{name: dice.choice(choices) for name, choices in values.items()} for _ in range(count)]


def to_fact_table(fact: Fact, rows: list[dict[str, Any]]) -> pa.Table:
    types = dict.fromkeys(DAY_COLUMNS, ColumnType.INTEGER) | {column.name: column.type for column in fact.columns}
    days = np.array([row["day"] for row in rows], np.int64)
    buckets = {name: bucket_numbers(days, name).tolist() for name in DAY_COLUMNS}
    complete = [row | {name: buckets[name][at] for name in DAY_COLUMNS} for at, row in enumerate(rows)]
    return pa.Table.from_pylist(complete, schema=make_arrow_schema(types))


def sum_rows(fact: Fact, grain: Grain, rows: list[dict[str, Any]], span: Span) -> dict[Any, dict[str, int]]:
    """Sum the rows of a grain with Python integers."""
    sums: defaultdict[Any, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
    stored: set[Any] = set()  # rows without sums and users are not stored
    for row in rows:
        if grain.only is not None and row[grain.only[0]] != grain.only[1]:
            continue
        period = int(bucket_numbers(np.array([row["day"]]), span)[0])
        key = (period, *(str(row[name]) for name in grain.dimensions))
        for measure in grain.measures:
            value = 1 if measure.field is None else row[measure.field] or 0
            sums[key][measure.name] += value
            if value or not fact.has_users:
                stored.add(key)
            if measure.weighted:
                sums[key][f"{measure.name}_w"] += value * row[fact.weight or ""]
        if any(members.flag is None or row[members.flag] == 1 for members in grain.sets(span)):
            stored.add(key)
    return {key: dict(values) for key, values in sums.items() if key in stored}


def read_sums(grain: Grain, rollup: pa.Table) -> dict[Any, dict[str, int]]:
    return {
        (row["part"], *(str(row[name]) for name in grain.dimensions)): {
            name: int(row[name]) for measure in grain.measures for name in measure.columns
        }
        for row in rollup.to_pylist()
    }


@pytest.mark.parametrize(
    ("fact", "grain"), WITH_MEASURES, ids=[f"{fact.name}-{grain.name}" for fact, grain in WITH_MEASURES]
)
@settings(deadline=None, max_examples=count_examples(15))
@given(data=st.data())
def test_sums_of_every_measure(fact: Fact, grain: Grain, data: st.DataObject) -> None:
    rows = data.draw(draw_rows(fact, grain))
    table = to_fact_table(fact, rows)
    by_day = roll_up(grain, FactRows(fact, table))
    assert read_sums(grain, by_day) == sum_rows(fact, grain, rows, Span.DAY)
    for span in (span for span in grain.spans if span is not Span.DAY):
        expected = sum_rows(fact, grain, rows, span)
        assert read_sums(grain, merge_days(fact, grain, by_day, span)) == expected
        assert read_sums(grain, roll_up(grain, FactRows(fact, table), span)) == expected


def test_columns_are_wide_where_64_bits_might_not_do() -> None:
    for fact, grain in WITH_MEASURES:
        for measure in grain.measures:
            for name, column_type in measure.column_types.items():
                greatest = Fraction(measure.max_value) * (MAX_WEIGHT if name.endswith("_w") else 1) * 2**33
                assert (column_type is ColumnType.WIDE_INTEGER) == (greatest >= 2**63), (fact.name, name)
