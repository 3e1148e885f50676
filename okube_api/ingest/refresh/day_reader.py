"""Reads deduplicated events of whole days, as the facts of conversion need them."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.ingest.columns.columns import to_integers
from okube_api.ingest.events.kinds import EventKind
from okube_api.ingest.raw.reader import BatchDelta, encode_texts, make_empty_rows, read_blocks
from okube_api.ingest.refresh.context import RefreshTask
from okube_api.store.arrays import Flags
from okube_api.store.protocol import Reader

MAX_ROWS = 1_000_000


async def read_changed_events(view: Reader, kind: EventKind, task: RefreshTask) -> AsyncIterator[pa.Table]:
    """Yield the events that count only before or only after a change, in tables of whole days."""
    for first, last in task.changed_days:
        async for rows in _read_whole_days(view, kind, first, last, task.delta):
            _, differs = await asyncio.to_thread(task.delta.deduplicate, rows, kind.deduplication_key)
            yield rows.filter(pa.array(differs))


class DayReader:
    """Reads the events that count after a change, for ascending ranges of days; reads each day from the store once."""

    def __init__(self, view: Reader, kind: EventKind, delta: BatchDelta) -> None:
        self._view, self._kind, self._delta = view, kind, delta
        self._rows = make_empty_rows(kind.table)
        self._next_day: int | None = None

    async def read_days(self, low: int, high: int) -> pa.Table:
        """Return the events of the UTC days [low, high]; from call to call, neither limit may decrease."""
        self._rows = self._rows.filter(pc.greater_equal(self._rows["part"], low))
        first = low if self._next_day is None else max(low, self._next_day)
        async for rows in _read_whole_days(self._view, self._kind, first, high, self._delta):
            counts, _ = await asyncio.to_thread(self._delta.deduplicate, rows, self._kind.deduplication_key)
            self._rows = pa.concat_tables([self._rows, rows.filter(pa.array(counts))])
        self._next_day = max(first, high + 1)
        return self._rows


async def _read_whole_days(
    view: Reader, kind: EventKind, low: int, high: int, delta: BatchDelta
) -> AsyncIterator[pa.Table]:
    """Yield the events that count before or after the change, in tables of whole UTC days."""
    pending = make_empty_rows(kind.table)
    async for block in read_blocks(view, kind.table, low, high, delta.either_side):
        pending = pa.concat_tables([pending, encode_texts(block)])
        is_complete: Flags = to_integers(pending["part"]) < to_integers(block["part"])[-1]
        if pending.num_rows >= MAX_ROWS and is_complete.any():
            yield pending.filter(pa.array(is_complete)).unify_dictionaries()
            pending = pending.filter(pa.array(np.logical_not(is_complete)))
    if pending.num_rows:
        yield pending.unify_dictionaries()
