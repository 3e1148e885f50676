"""The rhythm of events: seasons, weekdays, opening hours and growth, and instants that follow it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Self
from zoneinfo import ZoneInfo

import numpy as np

from okube_api.demo.generator.formats import FORMATS, ShopFormat
from okube_api.demo.generator.world import BLOCK_DAYS, DAYS, HORIZON_DAYS, World
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
        """Expected number of events of each day, relative to the mean day of the first two years; shape (days,)."""
        by_day = self._intensity.sum(axis=1)
        return np.asarray(by_day / by_day[:DAYS].mean())

    def draw_in_block(self, random: np.random.Generator, size: int, block: int) -> tuple[Ints, Ints]:
        """Draw days of a block, counted from the first day, and instants, in seconds since 1970; shapes (size,)."""
        low, high = self._sums[[block * BLOCK_DAYS * SLOTS, (block + 1) * BLOCK_DAYS * SLOTS]]
        return self._draw_between(random, np.full(size, low), np.full(size, high))

    def draw_on(self, random: np.random.Generator, days: Ints) -> Ints:
        """Draw an instant on each of these days, which must have events; shape (len(days),)."""
        return self._draw_between(random, self._sums[days * SLOTS], self._sums[(days + 1) * SLOTS])[1]

    def _draw_between(self, random: np.random.Generator, low: Floats, high: Floats) -> tuple[Ints, Ints]:
        drawn = low + random.random(len(low)) * (high - low)
        slots = np.searchsorted(self._sums, drawn, side="right") - 1
        return slots // SLOTS, self._starts[slots] + random.integers(0, _SLOT_S, size=len(low))


def build_rhythms(world: World, timezone: str) -> list[Rhythm]:
    """Return the rhythm of each of `FORMATS`, on the days of a world and some after them."""
    starts = _list_slot_starts(world.first, max(world.days, DAYS) + HORIZON_DAYS, timezone)
    return [Rhythm(shop_format, starts, world.first) for shop_format in FORMATS]


@dataclass(frozen=True, slots=True)
class BlockRhythm:
    """How many events of each format there are in a block, relatively.

    intensities: by format, relative to the mean day; shape (formats,).
    """

    rhythms: Sequence[Rhythm]
    block: int
    intensities: Floats

    @classmethod
    def create(cls, rhythms: Sequence[Rhythm], block: int) -> Self:
        """Return the rhythm of a block."""
        days = slice(block * BLOCK_DAYS, (block + 1) * BLOCK_DAYS)
        return cls(rhythms, block, np.array([rhythm.day_intensity[days].mean() for rhythm in rhythms]))

    def count_candidates(self, per_day: float) -> int:
        """Return the number of events that there would be if all were of the busiest format.

        per_day: mean number of events of a day.
        """
        return max(round(per_day * BLOCK_DAYS * float(self.intensities.max())), 1)

    def draw(self, formats: Ints, random: np.random.Generator) -> tuple[Ints, Ints, Ints]:
        """Draw which candidates become events, by their formats.

        formats: indexes of `rhythms`; shape (candidates,).
        Return the indexes of the events, their days and their instants, in seconds since 1970.
        """
        chance = self.intensities / self.intensities.max()
        events = np.flatnonzero(random.random(len(formats)) < chance[formats])
        days, at = np.zeros_like(events), np.zeros_like(events)
        for index, rhythm in enumerate(self.rhythms):
            rows = np.flatnonzero(formats[events] == index)
            days[rows], at[rows] = rhythm.draw_in_block(random, len(rows), self.block)
        return events, days, at


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
