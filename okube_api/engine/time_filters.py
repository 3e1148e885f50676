"""Filters on when something happens: days, hours of the day, opening hours of sites."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from okube_api.catalogue.buckets import bucket_numbers
from okube_api.catalogue.fact import ELAPSED, HOUR_OF_DAY, MINUTE_OF_DAY
from okube_api.store.arrays import Ints
from okube_api.store.conditions import AllOf, AnyOf, Between, Condition, OneOf


@dataclass(frozen=True, slots=True)
class DaySelection:
    """The days of a period to keep.

    days: ordinals, ascending: of rows without a place, and of all places unless `by_place` is given.
    by_place: where places differ, as the public holidays of their countries do: groups of places, each with its days.
    """

    days: tuple[int, ...]
    by_place: tuple[tuple[tuple[str, ...], tuple[int, ...]], ...] = ()


@dataclass(frozen=True, slots=True)
class OpeningInterval:
    """Local times at which places are open: from `first_minute` of the day to `last_minute`, both included."""

    weekdays: tuple[int, ...]  # 1 is Monday
    first_minute: int
    last_minute: int
    places: tuple[str, ...]


class TimeFilters(Protocol):
    """What has filters on time, all of which must hold; None keeps everything.

    weekdays: 1 (Monday) to 7.  hours: of the local clock, 0 to 23.  openings: without any, no row matches.
    """

    @property
    def weekdays(self) -> tuple[int, ...] | None:
        """The days of the week."""

    @property
    def days(self) -> DaySelection | None:
        """The days."""

    @property
    def hours(self) -> tuple[int, ...] | None:
        """The hours of the day."""

    @property
    def openings(self) -> tuple[OpeningInterval, ...] | None:
        """The opening hours."""


def has_day_filter(filters: TimeFilters) -> bool:
    """Return whether only some days, or parts of days, are kept: rows of weeks and months cannot tell."""
    by_day = filters.weekdays is not None or filters.days is not None
    return by_day or filters.hours is not None or filters.openings is not None


def select_days(days: Ints, filters: TimeFilters) -> Ints:
    """Return those of some days (ordinals) that the filters on days keep, for what has no place."""
    if filters.weekdays is not None:
        days = days[np.isin(bucket_numbers(days, "weekday"), filters.weekdays)]
    if filters.days is not None:
        days = days[np.isin(days, filters.days.days)]
    return days


def match_times(
    filters: TimeFilters, place_column: str | None, *, starts_later: bool = False
) -> list[tuple[tuple[str, ...], Condition]]:
    """Return the conditions on the time of rows, each with the columns that it names besides those of the day.

    place_column: the column of the place of a row; None when rows have none.
    starts_later: whether rows can start after their day, as passages of a stay do.
    """
    conditions: list[tuple[tuple[str, ...], Condition]] = []
    if filters.weekdays is not None:
        conditions.append(((), OneOf("weekday", filters.weekdays)))
    if filters.days is not None:
        conditions.append(_match_days(filters.days, place_column))
    if filters.hours is not None:
        conditions.append(((HOUR_OF_DAY,), OneOf(HOUR_OF_DAY, filters.hours)))
    if filters.openings is not None:
        assert place_column is not None, "rows without a place are never within opening hours"
        within = tuple(
            AllOf(
                (
                    OneOf(place_column, interval.places),
                    _match_weekdays(interval.weekdays, starts_later=starts_later),
                    Between(MINUTE_OF_DAY, interval.first_minute, interval.last_minute),
                )
            )
            for interval in filters.openings
        )
        conditions.append(((place_column, MINUTE_OF_DAY, *((ELAPSED,) if starts_later else ())), AnyOf(within)))
    return conditions


_NOON_MIN = 720
# On its own day, the time since midnight of a row and its clock differ by two hours at most; on the next day, by 22
# hours at least.  So the time since midnight tells which day it is, for mornings and for afternoons.
_IS_NEXT_MORNING = Between(MINUTE_OF_DAY, None, _NOON_MIN - 1) & Between(ELAPSED, 1320, None)
_IS_NEXT_AFTERNOON = Between(MINUTE_OF_DAY, _NOON_MIN, None) & Between(ELAPSED, 2040, None)
_IS_NEXT_DAY = _IS_NEXT_MORNING | _IS_NEXT_AFTERNOON


def _match_weekdays(weekdays: tuple[int, ...], *, starts_later: bool) -> Condition:
    """Return the condition that rows start on one of these days of the week."""
    if not starts_later:
        return OneOf("weekday", weekdays)
    days_before = tuple((weekday + 5) % 7 + 1 for weekday in weekdays)
    return (OneOf("weekday", weekdays) & ~_IS_NEXT_DAY) | (OneOf("weekday", days_before) & _IS_NEXT_DAY)


def _match_days(selection: DaySelection, place_column: str | None) -> tuple[tuple[str, ...], Condition]:
    if place_column is None or not selection.by_place:
        return (), OneOf("day", selection.days)
    groups = tuple(OneOf(place_column, places) & OneOf("day", days) for places, days in selection.by_place)
    return (place_column,), AnyOf(groups)
