"""Reads from a stored fact of stays the visits on which recency flags depend."""

from collections.abc import Collection, Iterator
from dataclasses import replace

import numpy as np
import pyarrow as pa

from okube_api.catalogue.fact import Fact
from okube_api.ingest.columns.columns import find_distinct, to_integers
from okube_api.ingest.derive.recency import pack
from okube_api.ingest.derive.recency_flags import (
    NO_STAY_ROWS,
    LastVisits,
    RecencyKeys,
    StayRows,
    find_last_visits,
    index_stay_rows,
)
from okube_api.store.arrays import Ints
from okube_api.store.conditions import Between, Condition, OneOf, equal
from okube_api.store.plans import Aggregate, Max, Select
from okube_api.store.protocol import Change

_FEW_USERS, _SLICE_USERS = 2000, 500_000
_NONE = np.empty(0, np.int64)


class VisitHistory:
    """Reads the stored rows of a fact, as a change sees them."""

    def __init__(self, change: Change, fact: Fact, keys: RecencyKeys) -> None:
        self._change, self._table, self._keys = change, fact.table, keys
        self._is_visit = equal(keys.stay_flag or "visitor_day", 1)
        self._visit_keys = replace(keys, by_stay=False, stay_flag=None)  # of rows that meet this condition
        self._stored_days: frozenset[int] | None = None

    async def list_stored_days(self) -> frozenset[int]:
        """Return the days that had rows before the change; call it before anything is written."""
        if self._stored_days is None:
            self._stored_days = frozenset(await self._change.list_parts(self._table))
        return self._stored_days

    async def read_last_visits(self, day: int, users: Ints) -> LastVisits:
        """Return when users were last seen before a day."""
        keys, days = [_NONE], [_NONE]
        for condition in _split_users(users):
            where = Between("part", None, day - 1) & self._is_visit & condition
            plan = Aggregate(self._table, where, (*self._keys.columns, "user"), (Max("day", "day"),))
            rows = await self._change.aggregate(plan)
            numbers, location = self._visit_keys.find_locations(rows)
            keys.append(self._keys.make_keys(to_integers(rows["user"])[numbers], location))
            days.append(to_integers(rows["day"])[numbers])
        return find_last_visits(self._keys, np.concatenate(keys), np.concatenate(days))

    async def read_visits_between(self, days: Ints, users: Ints) -> StayRows:
        """Return the first stays of visitor-days of users on stored days between `days` that are not among `days`."""
        first, last = int(days[0]), int(days[-1])
        other_days = {day for day in await self.list_stored_days() if first < day < last} - set(days.tolist())
        if not other_days or len(users) == 0:
            return NO_STAY_ROWS
        where = Between("part", min(other_days), max(other_days)) & self._is_visit
        rows = await self._select(where, users, self._visit_keys.row_columns)
        rows = rows.filter(pa.array(np.isin(to_integers(rows["day"]), sorted(other_days))))
        return index_stay_rows(rows, self._visit_keys)

    async def read_visits(self, days: Collection[int]) -> Ints:
        """Return the stored visitor-days at locations on these days, packed, distinct and ascending."""
        stored_days = tuple(sorted(await self.list_stored_days() & set(days)))
        if not stored_days:
            return _NONE
        where = OneOf("part", stored_days) & self._is_visit
        rows = await self._change.select(Select(self._table, where, (*self._keys.columns, "user", "day")))
        numbers, location = self._visit_keys.find_locations(rows)
        keys = self._keys.make_keys(to_integers(rows["user"])[numbers], location)
        return find_distinct(pack(keys, to_integers(rows["day"])[numbers]))

    async def read_rows(self, first: int, last: int, users: Ints, flags: Collection[str]) -> pa.Table:
        """Return the rows of these users on the days [first, last], and possibly rows of other users."""
        return await self._select(Between("part", first, last), users, (*self._keys.row_columns, *flags))

    async def _select(self, where: Condition, users: Ints, columns: tuple[str, ...]) -> pa.Table:
        plans = (Select(self._table, where & condition, columns) for condition in _split_users(users))
        return pa.concat_tables([await self._change.select(plan) for plan in plans])


def _split_users(users: Ints) -> Iterator[Condition]:
    """Yield conditions of bounded size that together match these users, and possibly users with numbers in between."""
    if len(users) <= _FEW_USERS:
        yield OneOf("user", tuple(users.tolist()))
        return
    first, last = int(users.min()), int(users.max())
    for low in range(first, last + 1, _SLICE_USERS):
        yield Between("user", low, min(low + _SLICE_USERS - 1, last))
