"""Reads pings and stay events, and yields the stays of the days that a change affects, some days at a time.

The derivation itself, which needs no store, is in `derive/geo_stays.py`.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from okube_api.ingest.columns.columns import DayRange, count_by_group, to_integers
from okube_api.ingest.columns.local_days import to_utc_days
from okube_api.ingest.derive.geo_stays import (
    NO_STAY_EVENTS,
    PingUse,
    StayColumns,
    StayEvents,
    concat_stays,
    deduplicate_stays,
    find_stays,
    match_pings,
)
from okube_api.ingest.derive.ping_runs import PingRuns, PingSessionizer
from okube_api.ingest.derive.place_index import PlaceIndex
from okube_api.ingest.derive.sessionize import Detections
from okube_api.ingest.events.kinds import PINGS, STAYS
from okube_api.ingest.raw.identified_events import read_identified_events
from okube_api.ingest.raw.reader import BatchDelta, read_blocks
from okube_api.ingest.refresh.context import RefreshTask
from okube_api.ingest.refresh.sessions import SessionPiece, read_session_pieces
from okube_api.store.arrays import Ints
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Reader

MAX_STAYS = 500_000

_CountKey = tuple[int, int, int]  # a UTC day, the number of a batch, a `PingUse`


@dataclass(frozen=True, slots=True, eq=False)
class StayDays:
    """Local days to write, ascending, and all stays on these days after the change."""

    days: Ints
    stays: StayColumns


class PingCounts:
    """Counts what becomes of the pings of new batches, while days are read, each of them once or several times.

    batches: the numbers of the new batches.
    """

    def __init__(self, batches: Collection[int] = ()) -> None:
        self._batches = np.array(sorted(batches), np.int64)
        self._counts: dict[_CountKey, int] = {}

    def count(self, batch: int, use: PingUse) -> int:
        """Return the number of pings of a batch with this use on the days read so far."""
        return sum(count for (_, number, of_use), count in self._counts.items() if (number, of_use) == (batch, use))

    def find(self, pings: pa.Table, use: Ints) -> Counter[_CountKey]:
        """Return the number of pings of new batches by UTC day, batch and use.

        use: of each ping (`PingUse`); those that are matched are not counted.
        """
        if len(self._batches) == 0:
            return Counter()
        batches = to_integers(pings["batch"])
        is_counted = np.isin(batches, self._batches) & (use != PingUse.MATCHED)
        days, batches = to_integers(pings["part"])[is_counted], batches[is_counted]
        return self._count_keys(days, np.searchsorted(self._batches, batches), use[is_counted])

    def number_changes(self, pings: pa.Table, changes: Ints) -> Ints:
        """Return changes with the position of the new batch, from 1, where pings are added.

        A ping that is added, but not with a new batch, has the next number: it has the `id` of a ping that is removed.
        """
        batches = to_integers(pings["batch"])
        positions = np.where(
            np.isin(batches, self._batches), np.searchsorted(self._batches, batches), len(self._batches)
        )
        return np.where(changes > 0, positions + 1, changes)

    def set_days(self, counts: Mapping[_CountKey, int]) -> None:
        """Set the counts of whole days."""
        self._counts |= counts

    def set_jumps(self, jumps: Detections) -> None:
        """Set the number of jumps of whole days; their changes are those of `number_changes`."""
        jumps = jumps.filter(jumps.change <= len(self._batches))
        use = np.full(len(jumps), PingUse.JUMP, np.int64)
        self.set_days(self._count_keys(to_utc_days(jumps.at_ms), jumps.change.astype(np.int64) - 1, use))

    def _count_keys(self, days: Ints, positions: Ints, use: Ints) -> Counter[_CountKey]:
        if len(days) == 0:
            return Counter()
        first, batches, uses = int(days.min()), len(self._batches), len(PingUse)
        counts = count_by_group(((days - first) * batches + positions) * uses + use, 0)
        keys = np.flatnonzero(counts)
        columns = first + keys // (batches * uses), self._batches[keys // uses % batches], keys % uses
        by_key = zip(*(column.tolist() for column in columns), strict=True)
        return Counter(dict(zip(by_key, counts[keys].tolist(), strict=True)))


async def read_stay_days(
    view: Reader, sessionizer: PingSessionizer, task: RefreshTask, ping_counts: PingCounts
) -> AsyncIterator[StayDays]:
    """Yield the stays of the local days that a task affects, some days at a time, ascending by day."""
    async for piece in _read_pings(view, sessionizer, task, ping_counts):
        span = piece.first, piece.last
        of_pings = await asyncio.to_thread(find_stays, piece.sessions, sessionizer, span)
        if sessionizer.limits.ignores_jumps:
            ping_counts.set_jumps(await asyncio.to_thread(sessionizer.list_new_jumps, piece.sessions, span))
        async for (first, last), of_events in _read_stay_events(view, sessionizer.places, task.delta, span):
            extra_days = np.array(sorted(day for day in task.extra_days if first <= day <= last), np.int64)
            of_piece = piece.affected_days[(piece.affected_days >= first) & (piece.affected_days <= last)]
            days = np.unique(np.concatenate((of_piece, of_events.affected_days, extra_days)))
            sources = (of_pings, of_events.stays)
            yield StayDays(
                days, concat_stays([stays.take(np.flatnonzero(np.isin(stays.day, days))) for stays in sources])
            )


def _read_pings(
    view: Reader, sessionizer: PingSessionizer, task: RefreshTask, ping_counts: PingCounts
) -> AsyncIterator[SessionPiece[PingRuns]]:
    """Return the runs of pings, in pieces that together cover all days of the task."""

    def match(pings: pa.Table, changes: Ints) -> tuple[Detections, Counter[_CountKey]]:
        if sessionizer.limits.ignores_jumps:
            changes = ping_counts.number_changes(pings, changes)
        detections, use = match_pings(pings, changes, sessionizer)
        return detections, ping_counts.find(pings, use)

    async def read_detections(low: int, high: int) -> AsyncIterator[tuple[int, Detections]]:
        counts: Counter[_CountKey] = Counter()
        async for block, changes in read_identified_events(view, PINGS, low, high, task.delta):
            detections, of_block = await asyncio.to_thread(match, block, changes)
            counts += of_block
            yield int(to_integers(block["part"])[-1]), detections
        ping_counts.set_days(counts)

    return read_session_pieces(read_detections, sessionizer, task.day_ranges)


async def _read_stay_events(
    view: Reader, places: PlaceIndex, delta: BatchDelta, span: DayRange
) -> AsyncIterator[tuple[DayRange, StayEvents]]:
    """Yield ranges of local days, which together cover `span`, with the stays of stay events on these days."""

    def deduplicate(rows: pa.Table) -> StayEvents:
        return deduplicate_stays(rows, delta.find_row_changes(rows), STAYS.deduplication_key, places)

    first, last = span
    pending, events = make_arrow_schema(get_stored_types(STAYS.table)).empty_table(), NO_STAY_EVENTS
    async for block in read_blocks(view, STAYS.table, first - 1, last + 1, delta.list_batches(STAYS)):
        pending = pa.concat_tables([pending, block])
        # The last UTC day of the block may continue in the next block.  A local day can have events of the UTC days
        # before and after it.  So the last complete local day is two days before the last UTC day.
        through = int(to_integers(block["part"])[-1]) - 2
        if first <= through < last and pending.num_rows >= MAX_STAYS:
            complete = to_integers(pending["part"]) <= through + 1
            events = events.concat(deduplicate(pending.filter(pa.array(complete))))
            pending = pending.filter(pa.array(~complete))
            yield (first, through), events.between(first, through)
            events, first = events.after(through), through + 1
    events = events.concat(deduplicate(pending))
    yield (first, last), events.between(first, last)
