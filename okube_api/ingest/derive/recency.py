"""Decides whether a stay is new, and how many days ago its user was last seen: pure functions of arrays.

A *visitor-day* is a user at a location (or anywhere in the application) on a local day, however many stays it has.
It is new when the same user has no visitor-day there in the twelve months before it (`VisitorDays.is_new`).

A *key* is one integer for a user and a location, or for a user alone.  A key and a day are packed into one integer,
`key << 20 | day`: sorting packed integers sorts by key, then by day, and sets of visitor-days are sets of integers.
Day numbers stay below 2 ** 20 until the year 4840.

`derive/recency_flags.py` computes the columns of facts with this, `refresh/recency.py` writes them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from okube_api.ingest.columns.columns import mark_group_starts, sort_order
from okube_api.store.arrays import Flags, Ints

NEW_AFTER_MONTHS = 12
"""A visitor-day is new after this many months without one."""

_DAY_BITS = 20


def pack(keys: Ints, days: Ints) -> Ints:
    """Return each key and day as one integer."""
    packed: Ints = (keys << _DAY_BITS) | days
    return packed


def unpack_keys(packed: Ints) -> Ints:
    """Return the keys of packed integers."""
    return packed >> _DAY_BITS


def unpack_days(packed: Ints) -> Ints:
    """Return the days of packed integers."""
    days: Ints = packed & (2**_DAY_BITS - 1)
    return days


@dataclass(frozen=True, slots=True, eq=False)
class LastSeen:
    """The last day on which each key was seen; keys ascend.  There may be millions of keys, so days take 32 bits."""

    keys: Ints
    days: NDArray[np.int32]

    def look_up(self, keys: Ints) -> Ints:
        """Return the last day of each of these keys, 0 for keys that were never seen."""
        if len(self.keys) == 0:
            return np.zeros(len(keys), np.int64)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[at] == keys, self.days[at], 0).astype(np.int64)


NEVER_SEEN = LastSeen(np.empty(0, np.int64), np.empty(0, np.int32))


def find_last_seen(keys: Ints, days: Ints) -> LastSeen:
    """Return the last day of each key, from pairs of a key and a day in any order."""
    by = sort_order(keys, days)
    return _take_last_days(keys[by], days[by])


def update_last_seen(last_seen: LastSeen, keys: Ints, days: Ints) -> LastSeen:
    """Return `last_seen` updated with later days: pairs of a key and a day, sorted by key, then by day."""
    later = _take_last_days(keys, days)
    at = np.searchsorted(last_seen.keys, later.keys)
    exists = np.zeros(len(later.keys), np.bool_)
    if len(last_seen.keys):
        exists = last_seen.keys[np.minimum(at, len(last_seen.keys) - 1)] == later.keys
    updated = last_seen.days.copy()
    updated[at[exists]] = later.days[exists]
    return LastSeen(
        np.insert(last_seen.keys, at[~exists], later.keys[~exists]),
        np.insert(updated, at[~exists], later.days[~exists]),
    )


def _take_last_days(keys: Ints, days: Ints) -> LastSeen:
    """Return the last day of each key, from pairs of a key and a day sorted by key, then by day."""
    ends = np.flatnonzero(np.append(keys[1:] != keys[:-1], True)) if len(keys) else np.empty(0, np.int64)
    return LastSeen(keys[ends], days[ends].astype(np.int32))


@dataclass(frozen=True, slots=True, eq=False)
class VisitorDays:
    """Visitor-days in order of key and day.

    row: the index of the first row of each.  previous_day: the day of the previous visitor-day of the key, 0 if none.
    """

    row: Ints
    key: Ints
    day: Ints
    previous_day: Ints

    @property
    def is_new(self) -> Flags:
        """Whether the key has no visitor-day in the twelve months before the day."""
        return self.previous_day < subtract_twelve_months(self.day)

    @property
    def gap_d(self) -> Ints:
        """Days since the previous visitor-day; meaningless where there is none."""
        return self.day - self.previous_day


def find_visitor_days(
    key: Ints, day: Ints, tie_breakers: tuple[NDArray[np.generic], ...], last_seen: LastSeen
) -> VisitorDays:
    """Return the visitor-days of rows, each of which has a key and a day.

    tie_breakers: columns by which the rows of one key and day are sorted, to find the first of them.
    last_seen: when the keys were last seen before all of these days.
    """
    by = sort_order(key, day, *tie_breakers)
    rows = by[mark_group_starts(key[by], day[by])] if len(by) else by
    key, day = key[rows], day[rows]
    previous_day = last_seen.look_up(key)
    has_previous_row = np.flatnonzero(key[1:] == key[:-1]) + 1
    previous_day[has_previous_row] = day[has_previous_row - 1]
    return VisitorDays(rows, key, day, previous_day)


def subtract_twelve_months(days: Ints) -> Ints:
    """Return the days twelve months earlier, as ordinals (1 is 1970-01-01); 29 February becomes 28 February."""
    if len(days):
        low, high = int(days.min()), int(days.max())
        if high - low + 1 < len(days):  # each day of the range is computed once
            earlier_days: Ints = subtract_twelve_months(np.arange(low, high + 1))[days - low]
            return earlier_days
    dates = (days - 1).astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    days_into_month = (dates - months.astype("datetime64[D]")).astype(np.int64)
    earlier = months - NEW_AFTER_MONTHS
    length_d = ((earlier + 1).astype("datetime64[D]") - earlier.astype("datetime64[D]")).astype(np.int64)
    month_start = earlier.astype("datetime64[D]").astype(np.int64)
    same_days: Ints = month_start + np.minimum(days_into_month, length_d - 1) + 1
    return same_days
