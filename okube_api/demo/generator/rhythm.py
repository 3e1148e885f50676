"""The rhythm of events: seasons, weekdays, opening hours and growth, and instants that follow it."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

import numpy as np

from okube_api.demo.generator.formats import FORMATS, ShopFormat
from okube_api.store.arrays import Flags, Floats, Ints

SLOTS = 48  # half hours of a day
_SLOT_S = 1800
_BUSY_HOURS = (0, 0, 0, 0, 0, 0, 0, 1, 3, 7, 11, 12, 12, 10, 11, 13, 15, 17, 18, 14, 8, 3, 1, 0)
"""Relative number of events in each hour of the local day."""
_WEEKDAYS = (0.95, 1.0, 1.15, 1.0, 1.2, 0.0, 0.6)  # relative to a Tuesday; Saturday depends on the format
_MONTHS = (1.05, 0.9, 0.95, 1.0, 1.0, 1.05, 1.05, 0.8, 1.0, 1.0, 1.1, 1.45)
_HOLIDAYS = ((1, 1), (5, 1), (12, 25))  # (month, day) on which all shops are closed
_OUTSIDE = 0.02  # events in the half hours around the opening hours, relative to an hour of the same time


class Rhythm:
    """How many events of a format there are in each half hour of each local day, relatively.

    starts: the instant at which each half hour of each day starts, in seconds since 1970; shape (days, SLOTS).
    """

    def __init__(self, shop_format: ShopFormat, starts: Ints, first: date) -> None:
        self._starts = starts.ravel()
        weekdays = (first.weekday() + np.arange(len(starts))) % 7
        self._intensity = _weigh_slots(shop_format)[weekdays] * _weigh_days(shop_format, first, len(starts))[:, None]

    @cached_property
    def _sums(self) -> Floats:
        """Intensity up to the start of each half hour; shape (days * SLOTS + 1,)."""
        return np.concatenate(([0.0], np.cumsum(self._intensity)))

    @cached_property
    def day_intensity(self) -> Floats:
        """Expected number of events of each day, relative to the mean day; shape (days,)."""
        by_day = self._intensity.sum(axis=1)
        return np.asarray(by_day / by_day.mean())

    def draw(self, random: np.random.Generator, size: int) -> tuple[Ints, Ints]:
        """Draw days, counted from the first, and instants of events, in seconds since 1970; shapes (size,)."""
        return self._draw_between(random, np.zeros(size), np.full(size, self._sums[-1]))

    def draw_on(self, random: np.random.Generator, days: Ints) -> Ints:
        """Draw an instant on each of these days, which must have events; shape (len(days),)."""
        return self._draw_between(random, self._sums[days * SLOTS], self._sums[(days + 1) * SLOTS])[1]

    def _draw_between(self, random: np.random.Generator, low: Floats, high: Floats) -> tuple[Ints, Ints]:
        drawn = low + random.random(len(low)) * (high - low)
        slots = np.searchsorted(self._sums, drawn, side="right") - 1
        return slots // SLOTS, self._starts[slots] + random.integers(0, _SLOT_S, size=len(low))


def build_rhythms(first: date, days: int, timezone: str) -> list[Rhythm]:
    """Return the rhythm of each of `FORMATS`."""
    starts = _list_slot_starts(first, days, timezone)
    return [Rhythm(shop_format, starts, first) for shop_format in FORMATS]


def draw_events(rhythms: Sequence[Rhythm], formats: Ints, random: np.random.Generator) -> tuple[Ints, Ints]:
    """Draw the days and the instants of events, each by the rhythm of its format.

    formats: indexes of `rhythms`; shape (size,), as are the days and instants.
    """
    days, at = np.zeros_like(formats), np.zeros_like(formats)
    for index, rhythm in enumerate(rhythms):
        rows = np.flatnonzero(formats == index)
        days[rows], at[rows] = rhythm.draw(random, len(rows))
    return days, at


def draw_events_on(rhythms: Sequence[Rhythm], formats: Ints, days: Ints, random: np.random.Generator) -> Ints:
    """Draw the instants of events on given days, each by the rhythm of its format; all shapes (size,)."""
    at = np.zeros_like(days)
    for index, rhythm in enumerate(rhythms):
        rows = np.flatnonzero(formats == index)
        at[rows] = rhythm.draw_on(random, days[rows])
    return at


def _list_slot_starts(first: date, days: int, timezone: str) -> Ints:
    """Return when the half hours of the local clock start; shape (days, SLOTS).

    Clocks change at night, when there are no events: the offset of a day is that of its noon.
    """
    zone = ZoneInfo(timezone)
    noons = [datetime.combine(first + timedelta(days=n), time(12), zone).timestamp() for n in range(days)]
    return np.array(noons, dtype=np.int64)[:, None] + (np.arange(SLOTS) - SLOTS // 2) * _SLOT_S


def _weigh_slots(shop_format: ShopFormat) -> Floats:
    """Return the relative number of events in the half hours of each weekday; shape (7, SLOTS)."""
    busy = np.repeat(np.array(_BUSY_HOURS, dtype=np.float64), SLOTS // 24)
    weights = np.zeros((7, SLOTS))
    for weekday, intervals in enumerate(shop_format.openings):
        for start, end in intervals:
            low, high = _to_slot(start), _to_slot(end)
            weights[weekday, low:high] = busy[low:high]
            around = [slot for slot in (low - 1, high) if 0 <= slot < SLOTS]
            weights[weekday, around] += _OUTSIDE * busy[around]
    by_weekday = np.array(_WEEKDAYS)
    by_weekday[5] = shop_format.saturday
    return np.asarray(weights * by_weekday[:, None])


def _to_slot(time_of_day: str) -> int:
    hour, minute = time_of_day.split(":")
    return int(hour) * 2 + int(minute) // 30


def _weigh_days(shop_format: ShopFormat, first: date, days: int) -> Floats:
    """Return the relative number of events of each day by season and growth; 0 when shops are closed."""
    dates = [first + timedelta(days=n) for n in range(days)]
    growth = (1 + shop_format.growth) ** (np.arange(days) / 365)
    is_open: Flags = np.array([shop_format.open_on_holidays or (day.month, day.day) not in _HOLIDAYS for day in dates])
    return np.asarray(np.array([_MONTHS[day.month - 1] for day in dates]) * growth * is_open)
