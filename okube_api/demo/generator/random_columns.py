"""Helpers to draw columns: times of day, days of a year, names of numbers."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa

from okube_api.store.arrays import Floats, Ints

HOURS = np.array([0, 0, 0, 0, 0, 0, 0, 1, 2, 6, 10, 12, 13, 11, 11, 12, 13, 15, 16, 12, 6, 2, 1, 0], dtype=np.float64)
"""Relative number of events in each hour of a day."""


def local_midnights(first: date, days: int, timezone: str) -> Ints:
    """Return the instants at which local days start, in seconds since 1970; shape (days,)."""
    zone = ZoneInfo(timezone)
    starts = (datetime.combine(first + timedelta(days=n), datetime.min.time(), zone) for n in range(days))
    return np.fromiter((int(start.timestamp()) for start in starts), dtype=np.int64, count=days)


def draw_times_of_day(random: np.random.Generator, size: int) -> Ints:
    """Draw seconds since midnight, more of them in busy hours; shape (size,)."""
    hours = random.choice(len(HOURS), size=size, p=HOURS / HOURS.sum())
    return hours * 3600 + random.integers(0, 3600, size=size)


def season_shares(first: date, days: int) -> Floats:
    """Return the share of each day in the events of the year: few on Sundays, many on Saturdays and in December.

    The shares sum to 1; shape (days,).
    """
    dates = [first + timedelta(days=n) for n in range(days)]
    weekday = np.array([1.0, 0.9, 1.1, 1.0, 1.2, 1.8, 0.35])[[day.weekday() for day in dates]]
    month = np.array([1.1, 0.9, 0.95, 1, 1, 1.05, 1.1, 0.7, 1, 1, 1.1, 1.5])[[day.month - 1 for day in dates]]
    return np.asarray(weekday * month / (weekday * month).sum())


def to_instants(seconds: Ints) -> pa.Array:
    """Return seconds since 1970 as Arrow timestamps."""
    return pa.array(seconds * 1000, type=pa.timestamp("ms", tz="UTC"))


def format_names(prefix: str, numbers: Ints) -> pa.Array:
    """Return a name such as `prefix-000042` for each number."""
    distinct, positions = np.unique(numbers, return_inverse=True)
    names = pa.array([f"{prefix}-{number:06d}" for number in distinct.tolist()])
    return names.take(pa.array(positions))


def take_values(values: "list[str] | tuple[str, ...]", positions: Ints) -> pa.Array:
    """Return the values at these positions; a position of -1 gives null."""
    return pa.array(values, type=pa.string()).take(pa.array(positions, mask=positions < 0))
