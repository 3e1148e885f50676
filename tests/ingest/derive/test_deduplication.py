"""Deduplication of events against plain Python."""

from typing import Any

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from okube_api.ingest.derive.deduplication import deduplicate, mark_first_occurrences

CONTENT = ("user", "at")
SCHEMA = pa.schema([(name, pa.int64()) for name in ("part", "batch", "id_high", "id_low", *CONTENT)])
Row = dict[str, Any]

events = st.builds(
    lambda part, batch, identifier, user, at: {
        "part": part,
        "batch": batch,
        "id_high": identifier,
        "id_low": identifier,
        "user": user,
        "at": at,
    },
    st.integers(1, 2),
    st.integers(1, 3),
    st.sampled_from([None, None, 7, 8]),
    st.integers(1, 2),
    st.integers(1, 2),
)


def build_table(rows: list[Row]) -> pa.Table:
    return pa.Table.from_pylist(rows, SCHEMA)


def event_key(row: Row) -> tuple[Any, ...]:
    """Return what two rows of the same event have in common."""
    return row["part"], row["user"], row["id_high"] or (None, row["at"])


def rank(row: Row) -> tuple[int, ...]:
    """Return what decides which row of an event counts: the least."""
    return row["batch"], row["user"], row["at"]


@given(st.lists(events, max_size=12))
def test_one_row_of_each_event_counts_that_of_the_earliest_batch(rows: list[Row]) -> None:
    is_first = mark_first_occurrences(build_table(rows), CONTENT).tolist()
    counted = [row for row, counts in zip(rows, is_first, strict=True) if counts]
    assert len(counted) == len({event_key(row) for row in rows})
    for row in counted:
        assert rank(row) == min(rank(other) for other in rows if event_key(other) == event_key(row))


@given(st.lists(st.tuples(events, st.sampled_from([-1, 0, 1])), max_size=12))
def test_rows_that_count_on_one_side_only_are_those_that_differ(changed_rows: list[tuple[Row, int]]) -> None:
    rows, changes = [row for row, _ in changed_rows], np.array([change for _, change in changed_rows], np.int64)
    after, differs = deduplicate(build_table(rows), changes, CONTENT)
    sides = []
    for side in (changes <= 0, changes >= 0):
        counts = np.zeros(len(rows), np.bool_)
        numbers = np.flatnonzero(side)
        counts[numbers] = mark_first_occurrences(build_table([rows[number] for number in numbers]), CONTENT)
        sides.append(counts)
    assert after.tolist() == sides[1].tolist()
    assert differs.tolist() == (sides[0] != sides[1]).tolist()


@given(st.permutations([(5.0, 1.0), (5.0, 2.0), (9.0, 1.0), (None, None)]))
def test_of_equal_pings_with_the_same_id_the_most_accurate_counts(details: list[tuple[float | None, ...]]) -> None:
    row = {"part": 1, "batch": 1, "id_high": 7, "id_low": 7, "user": 1, "at": 1}
    schema = pa.schema([*SCHEMA, ("accuracy", pa.float64()), ("speed", pa.float64())])
    rows = [{**row, "accuracy": accuracy, "speed": speed} for accuracy, speed in details]
    is_first = mark_first_occurrences(pa.Table.from_pylist(rows, schema), CONTENT).tolist()
    assert [of_row for of_row, counts in zip(details, is_first, strict=True) if counts] == [(5.0, 1.0)]
