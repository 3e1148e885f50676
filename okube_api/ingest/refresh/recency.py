"""Writes days of a fact of stays, or of outcomes, with their recency flags, and corrects the flags of later days.

Flags look back: whether a stay is the first of a visitor-day, how many days ago its user was last seen there, whether
the user is new there or in the whole application (`derive/recency.py` decides that).  So writing a day needs earlier
days and affects later days:

- Looking back: the flags of a day's stays need the last visits of their users before that day.  They are read from the
  store, or remembered: from the days that were just written, which come in ascending order, or from the only `write`.
- Looking forward: a visitor-day that a change adds or removes affects the flags of the next visitor-day with the same
  user and location, and of no later one.  `write` collects these visitor-days, packed as key and day.  `finish` reads
  the later days one month at a time until it has found the next visitor-day of each.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from okube_api.catalogue.buckets import bucket_numbers
from okube_api.catalogue.fact import Fact, Grain
from okube_api.ingest.columns.columns import find_distinct, sort_order, to_integers
from okube_api.ingest.columns.sort_codes import to_sort_codes
from okube_api.ingest.derive.recency import unpack_days, unpack_keys
from okube_api.ingest.derive.recency_flags import (
    FLAGS,
    NEVER_VISITED,
    FlagColumns,
    LastVisits,
    RecencyKeys,
    StayRows,
    Visits,
    compute_flags,
    index_stay_rows,
    mark_followed,
    replace_flags,
)
from okube_api.ingest.refresh.fact_writer import BufferedFactWriter
from okube_api.ingest.refresh.visit_history import VisitHistory
from okube_api.store.arrays import Flags, Ints
from okube_api.store.protocol import Change


@dataclass(frozen=True, slots=True)
class _FirstWrite:
    """What the first call of `write` has read: when its users were last seen before its first day.

    visits: those that it has written.
    """

    day: int
    users: Ints
    before: LastVisits
    visits: Visits


class RecencyWriter:
    """Writes days of a fact with their flags; `finish` then corrects the flags of later days.

    gap_edges: lower edges of the bands of days between visits, for facts that have them.
    grains: those whose rollups can change, None for all of the fact.
    """

    def __init__(
        self,
        change: Change,
        fact: Fact,
        keys: RecencyKeys,
        gap_edges: Sequence[int] | None = None,
        grains: Sequence[Grain] | None = None,
    ) -> None:
        self._change, self._fact, self._keys, self._gap_edges = change, fact, keys, gap_edges
        self._writer = BufferedFactWriter(change, fact, grains)
        self._history = VisitHistory(change, fact, keys)
        columns = {column.name for column in fact.columns}
        self._flags = tuple(name for name in FLAGS if name in columns)
        self._written_days: set[int] = set()
        self._last_written = NEVER_VISITED  # the last visits on the written days
        self._first_write: _FirstWrite | None = None  # until the second
        self._changed_visits: list[Ints] = []  # visitor-days that the change adds or removes, packed

    async def write(self, days: Ints, rows: pa.Table) -> None:
        """Replace the rows of days, which ascend within a call and from call to call.

        rows: `day` and the fact's columns without the flags; if some rows are no stays, in the order of storage.
        """
        if len(days) == 0:
            return
        stays = await asyncio.to_thread(index_stay_rows, rows, self._keys)
        users = find_distinct(stays.user)
        before = await self._find_last_visits(int(days[0]), users)
        between = await self._history.read_visits_between(days, users)
        old_visits = await self._history.read_visits(days.tolist())
        flagged, visits = await asyncio.to_thread(self._add_flags, rows, stays, between, before)
        await self._writer.replace(days.tolist(), flagged)
        self._first_write = None if self._written_days else _FirstWrite(int(days[0]), users, before, visits)
        self._written_days |= set(days.tolist())
        if max(await self._history.list_stored_days(), default=0) > days[0]:  # else there are no later days to correct
            changed = np.setxor1d(old_visits, visits.at_location) if len(old_visits) else visits.at_location
            self._changed_visits.append(changed)
        self._last_written = await asyncio.to_thread(self._last_written.update, visits)

    async def finish(self) -> None:
        """Correct the flags of later days that depend on the written days, and write the rollups by month."""
        changed_visits = np.concatenate([np.empty(0, np.int64), *self._changed_visits])
        if len(changed_visits):
            first = int(unpack_days(changed_visits).min())
            stored_days = await self._history.list_stored_days()
            if any(day > first and day not in self._written_days for day in stored_days):
                await self._correct_later_days(changed_visits, first)
        await self._writer.finish()

    def _add_flags(
        self, rows: pa.Table, stays: StayRows, between: StayRows, before: LastVisits
    ) -> tuple[pa.Table, Visits]:
        """Return the rows with their flags, in the order in which they are stored, and the visitor-days of the rows."""
        flags, visits = compute_flags(stays.append(between), self._keys, before, self._gap_edges, len(stays.row))
        if self._keys.stay_flag is None:
            by = stays.order
            flagged = rows.take(pa.array(stays.row[by]))
            for name in self._flags:
                flagged = flagged.append_column(name, flags[name].take(pa.array(by)))
            return flagged, visits
        for name in self._flags:
            values = np.zeros(rows.num_rows, np.int64)
            values[stays.row] = flags[name][: len(stays.row)].to_numpy()
            rows = rows.append_column(name, pa.array(values))
        return rows, visits

    # -- looking back

    async def _find_last_visits(self, day: int, users: Ints) -> LastVisits:
        """Return when users were last seen before a day: from memory if it knows the visits on all earlier days."""
        if max(self._written_days, default=0) >= day:  # what is in memory may be later than the day
            return await self._read_last_visits(day, users)
        other_days = [other for other in await self._history.list_stored_days() - self._written_days if other < day]
        if not other_days:
            return self._last_written
        first = self._first_write
        if first is not None and max(other_days) < first.day <= day and np.isin(users, first.users).all():
            return await asyncio.to_thread(first.before.update, first.visits)
        return await self._read_last_visits(day, users)

    async def _read_last_visits(self, day: int, users: Ints) -> LastVisits:
        days = await self._history.list_stored_days() | self._written_days
        if len(users) == 0 or not any(other < day for other in days):
            return NEVER_VISITED
        await self._writer.flush()  # so that the written days can be read back
        return await self._history.read_last_visits(day, users)

    # -- looking forward

    async def _correct_later_days(self, changed_visits: Ints, first: int) -> None:
        """Correct flags one month at a time until the next visitor-day of every changed visitor-day was found."""
        await self._writer.flush()
        days = sorted(day for day in await self._history.list_stored_days() | self._written_days if day > first)
        for month in _split_into_months(days):
            if len(changed_visits) == 0:
                return
            users = find_distinct(self._keys.get_users(unpack_keys(changed_visits)))
            stays, flags, differs = await self._compute_stored_flags(month, users)
            wrong_days = sorted(set(stays.day[differs].tolist()) - self._written_days)
            if wrong_days:
                numbers_of_days = pa.array(np.flatnonzero(np.isin(stays.day, wrong_days)))
                right = {name: column.take(numbers_of_days) for name, column in flags.items()}
                await self._rewrite_days(wrong_days, users, right)
            changed_visits = changed_visits[~mark_followed(changed_visits, stays, self._keys)]

    async def _compute_stored_flags(self, month: list[int], users: Ints) -> tuple[StayRows, FlagColumns, Flags]:
        """Return the stored stays of users in a month, sorted, their correct flags, and which have wrong flags."""
        rows = await self._history.read_rows(month[0], month[-1], users, self._flags)
        stays = index_stay_rows(rows, self._keys)
        stays = stays.take(np.flatnonzero(np.isin(stays.user, users)))
        stays = stays.take(stays.order)
        before = await self._find_last_visits(month[0], users)
        computed, _ = compute_flags(stays, self._keys, before, self._gap_edges, 0)
        flags = {name: computed[name] for name in self._flags}
        return stays, flags, replace_flags(rows, stays.row, flags)[1]

    async def _rewrite_days(self, days: list[int], users: Ints, flags: FlagColumns) -> None:
        """Write the rows of days again, with these flags on the rows of these users, in the order of storage."""
        blocks = [block async for block in self._change.read_parts(self._fact.table, days[0], days[-1])]
        rows = pa.concat_tables(blocks)
        rows = rows.filter(pa.array(np.isin(to_integers(rows["day"]), days)))
        rows = rows.take(pa.array(self._find_order(rows)))
        numbers, _ = self._keys.find_locations(rows)
        rows_of_users = numbers[np.isin(to_integers(rows["user"])[numbers], users)]
        corrected, _ = await asyncio.to_thread(replace_flags, rows, rows_of_users, flags)
        await self._writer.replace(days, corrected)
        await self._writer.flush()

    def _find_order(self, rows: pa.Table) -> Ints:
        """Return the positions of the rows of a fact in the order of storage; stays of unknown locations are left out.

        Where some rows are no stays, all rows remain.
        """
        flag = self._keys.stay_flag
        if flag is None:
            stays = index_stay_rows(rows, self._keys)
            return stays.row[stays.order]
        names = ("day", *self._keys.columns, "user", "start", flag, *self._keys.tie_breakers)
        return sort_order(*(to_sort_codes(rows[name]) for name in names))


def _split_into_months(days: Sequence[int]) -> list[list[int]]:
    """Return ascending days as one list per month."""
    ascending = np.array(days, np.int64)
    starts = np.flatnonzero(np.diff(bucket_numbers(ascending, "month"))) + 1
    return [month.tolist() for month in np.split(ascending, starts) if len(month)]
