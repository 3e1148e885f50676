"""Reading events one per `id` against plain Python, in blocks of any size."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from typing import Any, cast

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from okube_api.ingest.events.kinds import DETECTIONS
from okube_api.ingest.raw.identified_events import read_identified_events
from okube_api.ingest.raw.reader import BatchDelta
from okube_api.store.conditions import Condition
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Reader
from okube_api.store.schema import Table

Row = dict[str, Any]
ADDED, REMOVED = 4, 1
DELTA = BatchDelta(frozenset({2, 3, ADDED}), added=frozenset({ADDED}), removed=frozenset({REMOVED}))
NOT_LIVE = 5
SCHEMA = make_arrow_schema(get_stored_types(DETECTIONS.table))


class BlockReader:
    """A reader of rows that come in blocks of a given size, ascending by day."""

    def __init__(self, rows: Sequence[Row], size: int) -> None:
        self._rows, self._size = sorted(rows, key=lambda row: row["part"]), size

    async def read_parts(self, _table: Table, low: int, high: int, _where: Condition) -> AsyncIterator[pa.Table]:
        """Yield the rows of some days."""
        rows = [row for row in self._rows if low <= row["part"] <= high]
        for start in range(0, len(rows), self._size):
            yield pa.Table.from_pylist(rows[start : start + self._size], SCHEMA)


def build_row(day: int, batch: int, identifier: int | None, at: int) -> Row:
    fixed = {"user": 1, "equipment": "e"}
    return fixed | {"part": day, "batch": batch, "id_high": identifier, "id_low": identifier, "at": at}


ROWS = st.lists(
    st.builds(
        build_row,
        st.integers(1, 5),
        st.integers(1, NOT_LIVE),
        st.sampled_from((None, 7, 8)),
        st.integers(0, 9),
    ),
    max_size=20,
)


def list_counted(rows: Sequence[Row], batches: set[int]) -> list[Row]:
    """Return the rows of batches that count: all without an id; of each id and day the first."""
    live = sorted((row for row in rows if row["batch"] in batches), key=lambda row: (row["batch"], row["at"]))
    first = {(row["part"], row["id_high"]): row for row in reversed(live) if row["id_high"] is not None}
    return [row for row in live if row["id_high"] is None] + list(first.values())


def to_sorted_events(rows: Sequence[Row]) -> list[tuple[int, ...]]:
    return sorted((row["part"], row["batch"], row["id_high"] or 0, row["at"]) for row in rows)


@given(ROWS, st.sampled_from((1, 2, 3, 100)))
def test_one_event_of_each_id_and_day_is_read_and_days_ascend(rows: list[Row], size: int) -> None:
    async def read() -> list[tuple[pa.Table, list[int]]]:
        view = cast("Reader", BlockReader(rows, size))
        blocks = read_identified_events(view, DETECTIONS, 1, 4, DELTA)
        return [(block, changes.tolist()) async for block, changes in blocks]

    blocks = asyncio.run(read())
    assert all(block.num_rows for block, _ in blocks)
    days = [day for block, _ in blocks for day in block["part"].to_pylist()]
    assert all(before <= after for before, after in pairwise(days))

    events = [event for block, changes in blocks for event in zip(block.to_pylist(), changes, strict=True)]
    in_span = [row for row in rows if row["part"] <= 4]
    before = [row for row, change in events if change <= 0]
    after = [row for row, change in events if change >= 0]
    assert to_sorted_events(before) == to_sorted_events(list_counted(in_span, {1, 2, 3}))
    assert to_sorted_events(after) == to_sorted_events(list_counted(in_span, {2, 3, 4}))
