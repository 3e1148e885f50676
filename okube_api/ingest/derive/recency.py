"""Marks of stays that depend on other days of the same user: first of the day, days since, new.

A *key* is whatever someone can be new at: a user's number and a spot's in one number, or the user's alone.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from okube_api.ingest.columns.columns import mark_group_starts, sort_order
from okube_api.store.arrays import Flags, Ints

NEW_AFTER_MONTHS = 12
"""How long someone must have been away to be new again."""


@dataclass(frozen=True, slots=True, eq=False)
class LastSeen:
    """The last day on which each key was seen before something; keys ascend.  There may be millions."""

    keys: Ints
    days: NDArray[np.int32]

    def look_up(self, keys: Ints) -> Ints:
        """The last day of each of these keys, 0 where there is none."""
        if len(self.keys) == 0:
            return np.zeros(len(keys), np.int64)
        at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[at] == keys, self.days[at], 0).astype(np.int64)


NEVER_SEEN = LastSeen(np.empty(0, np.int64), np.empty(0, np.int32))


def find_last_seen(keys: Ints, days: Ints) -> LastSeen:
    """The greatest day of each key."""
    by = sort_order(keys, days)
    keys, days = keys[by], days[by]
    ends = np.flatnonzero(np.append(keys[1:] != keys[:-1], True)) if len(keys) else by
    return LastSeen(keys[ends], days[ends].astype(np.int32))


def update_last_seen(known: LastSeen, keys: Ints, days: Ints) -> LastSeen:
    """What is known, and what was seen on later days: keys and days, ascending together."""
    ends = np.flatnonzero(np.append(keys[1:] != keys[:-1], True)) if len(keys) else np.empty(0, np.int64)
    keys, days = keys[ends], days[ends].astype(np.int32)
    at = np.searchsorted(known.keys, keys)
    again = (
        known.keys[np.minimum(at, len(known.keys) - 1)] == keys if len(known.keys) else np.zeros(len(keys), np.bool_)
    )
    seen = known.days.copy()
    seen[at[again]] = days[again]
    return LastSeen(np.insert(known.keys, at[~again], keys[~again]), np.insert(seen, at[~again], days[~again]))


@dataclass(frozen=True, slots=True, eq=False)
class VisitorDays:
    """The first row of each key on each day: `row` is its number; `before` the day on which the key was last seen
    before, 0 if never."""

    row: Ints
    key: Ints
    day: Ints
    previous_day: Ints

    @property
    def is_new(self) -> Flags:
        """Whether the twelve months before the day hold no other."""
        return self.previous_day < subtract_twelve_months(self.day)

    @property
    def gap_d(self) -> Ints:
        """Days since the one before; meaningless without one."""
        return self.day - self.previous_day


def find_visitor_days(key: Ints, day: Ints, ranks: tuple[NDArray[np.generic], ...], last: LastSeen) -> VisitorDays:
    """The first rows.

    ranks: what rows of one key and day are ordered by.  last: of the keys, before any of these days.
    """
    by = sort_order(key, day, *ranks)
    rows = by[mark_group_starts(key[by], day[by])] if len(by) else by
    key, day = key[rows], day[rows]
    before = last.look_up(key)
    again = np.flatnonzero(key[1:] == key[:-1]) + 1
    before[again] = day[again - 1]
    return VisitorDays(rows, key, day, before)


def subtract_twelve_months(days: Ints) -> Ints:
    """The same days twelve months earlier; 29 February becomes the 28th.  Ordinals, 1 is 1970-01-01."""
    dates = (days - 1).astype("datetime64[D]")
    months = dates.astype("datetime64[M]")
    of_month = (dates - months.astype("datetime64[D]")).astype(np.int64)
    then = months - NEW_AFTER_MONTHS
    length = ((then + 1).astype("datetime64[D]") - then.astype("datetime64[D]")).astype(np.int64)
    found: Ints = then.astype("datetime64[D]").astype(np.int64) + np.minimum(of_month, length - 1) + 1
    return found
