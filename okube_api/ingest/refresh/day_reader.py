"""Events of some kinds read back by whole days, each event once: what conversion is derived from."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.ingest.columns.columns import to_integers
from okube_api.ingest.events.kinds import EventKind
from okube_api.ingest.raw.reader import BatchDelta, read_blocks
from okube_api.ingest.refresh.context import RefreshTask
from okube_api.store.arrays import Flags
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Reader
from okube_api.store.schema import ColumnType

MAX_ROWS = 1_000_000


async def read_changed_events(view: Reader, kind: EventKind, task: RefreshTask) -> AsyncIterator[pa.Table]:
    """The events that count on one side of a change only, some whole days at a time."""
    for first, last in task.changed_days:
        async for rows in _whole_days(view, kind, first, last, task.delta):
            _, differs = await asyncio.to_thread(task.delta.deduplicate, rows, kind.content_key)
            yield rows.filter(pa.array(differs))


class DayReader:
    """The events that count after a change, each day read once as the days asked for go by."""

    def __init__(self, view: Reader, kind: EventKind, sides: BatchDelta) -> None:
        self._view, self._kind, self._sides = view, kind, sides
        self._held = _none(kind)
        self._next: int | None = None

    async def read_days(self, low: int, high: int) -> pa.Table:
        """Those of the UTC days [low, high]; neither may go back from one call to the next."""
        self._held = self._held.filter(pc.greater_equal(self._held["part"], low))
        first = low if self._next is None else max(low, self._next)
        async for rows in _whole_days(self._view, self._kind, first, high, self._sides):
            counts, _ = await asyncio.to_thread(self._sides.deduplicate, rows, self._kind.content_key)
            self._held = pa.concat_tables([self._held, rows.filter(pa.array(counts))])
        self._next = max(first, high + 1)
        return self._held


async def _whole_days(view: Reader, kind: EventKind, low: int, high: int, sides: BatchDelta) -> AsyncIterator[pa.Table]:
    held = _none(kind)
    async for block in read_blocks(view, kind.table, low, high, sides.either_side):
        held = pa.concat_tables([held, _encoded(block, kind)])
        complete: Flags = to_integers(held["part"]) < to_integers(block["part"])[-1]
        if held.num_rows >= MAX_ROWS and complete.any():
            yield held.filter(pa.array(complete)).unify_dictionaries()
            held = held.filter(pa.array(np.logical_not(complete)))
    if held.num_rows:
        yield held.unify_dictionaries()


def _none(kind: EventKind) -> pa.Table:
    return _encoded(make_arrow_schema(get_stored_types(kind.table)).empty_table(), kind)


def _encoded(rows: pa.Table, kind: EventKind) -> pa.Table:
    """Texts as dictionaries: they repeat, and events are many."""
    for column in kind.table.columns:
        if column.type is ColumnType.TEXT:
            place = rows.schema.get_field_index(column.name)
            rows = rows.set_column(place, column.name, rows[column.name].dictionary_encode())
    return rows
