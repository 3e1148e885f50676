"""Reads deduplicated events of whole days, as the facts of conversion need them."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.ingest.columns.columns import to_integers
from okube_api.ingest.events.kinds import EventKind
from okube_api.ingest.raw.reader import BatchDelta, encode_texts, make_empty_rows, read_blocks
from okube_api.ingest.refresh.context import RefreshTask
from okube_api.store.arrays import Flags
from okube_api.store.protocol import Reader

MAX_ROWS = 500_000


async def read_changed_events(view: Reader, kind: EventKind, task: RefreshTask) -> AsyncIterator[pa.Table]:
    """Yield the events that count only before or only after a change, in tables of whole days."""
    for first, last in task.changed_days:
        async for rows in _read_whole_days(view, kind, first, last, task.delta):
            _, differs = await asyncio.to_thread(task.delta.deduplicate, rows, kind.deduplication_key)
            yield rows.filter(pa.array(differs))


async def find_event_users(view: Reader, kinds: Sequence[EventKind], low: int, high: int, delta: BatchDelta) -> Flags:
    """Return whether each user number has events of some kinds before or after a change, on the UTC days [low, high].

    Users with greater numbers than the flags have none.
    """
    has_events = np.zeros(0, np.bool_)
    for kind in kinds:
        async for block in read_blocks(view, kind.table, low, high, delta.list_batches(kind)):
            users = to_integers(block["user"])
            if (size := int(users.max()) + 1) > len(has_events):
                has_events = np.concatenate((has_events, np.zeros(size - len(has_events), np.bool_)))
            has_events[users] = True
    return has_events


class DayReader:
    """Reads the events that count after a change, for ascending ranges of days; reads each day from the store once.

    users: whether to read the events of each user number; None reads those of all users.
    rows_per_day: the average number of events of the days that the last call read from the store.
    """

    def __init__(self, view: Reader, kind: EventKind, delta: BatchDelta, users: Flags | None = None) -> None:
        self._view, self._kind, self._delta, self._users = view, kind, delta, users
        self._rows = _drop_keys(make_empty_rows(kind.table))
        self._next_day: int | None = None
        self.rows_per_day = 0.0

    async def read_days(self, low: int, high: int) -> pa.Table:
        """Return the events of the UTC days [low, high], without batch and id.

        From call to call, neither limit may decrease.
        """
        await asyncio.to_thread(self._drop_days, low)
        first = low if self._next_day is None else max(low, self._next_day)
        row_count = 0
        async for rows in _read_whole_days(self._view, self._kind, first, high, self._delta, users=self._users):
            counts, _ = await asyncio.to_thread(self._delta.deduplicate, rows, self._kind.deduplication_key)
            new_rows = _drop_keys(rows if counts.all() else rows.filter(pa.array(counts)))
            self._rows = pa.concat_tables([self._rows, new_rows])
            row_count += new_rows.num_rows
        if high >= first:
            self.rows_per_day = row_count / (high + 1 - first)
        self._next_day = max(first, high + 1)
        return self._rows

    def _drop_days(self, low: int) -> None:
        """Forget the events of days before `low`."""
        self._rows = self._rows.filter(pc.greater_equal(self._rows["part"], low))


async def _read_whole_days(
    view: Reader, kind: EventKind, low: int, high: int, delta: BatchDelta, *, users: Flags | None = None
) -> AsyncIterator[pa.Table]:
    """Yield the events that count before or after the change, in tables of whole UTC days."""
    pending = make_empty_rows(kind.table)
    async for block in read_blocks(view, kind.table, low, high, delta.list_batches(kind)):
        newest = block["part"][-1].as_py()
        rows = block if users is None else block.filter(pa.array(_mark_users(block, users)))
        pending = pa.concat_tables([pending, encode_texts(rows)])
        if pending.num_rows < MAX_ROWS:
            continue
        is_complete: Flags = to_integers(pending["part"]) < newest
        if is_complete.any():
            yield pending.filter(pa.array(is_complete)).unify_dictionaries()
            pending = pending.filter(pa.array(np.logical_not(is_complete)))
    if pending.num_rows:
        yield pending.unify_dictionaries()


def _mark_users(rows: pa.Table, users: Flags) -> Flags:
    """Return which rows belong to the users who are marked."""
    numbers = to_integers(rows["user"])
    is_known = numbers < len(users)
    is_marked: Flags = np.append(users, False)[np.where(is_known, numbers, len(users))]
    return is_marked


def _drop_keys(rows: pa.Table) -> pa.Table:
    """Return events without the columns that only deduplication needs."""
    return rows.drop_columns(["batch", "id_high", "id_low"])
