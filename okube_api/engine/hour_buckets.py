"""Buckets by hour: hours since the first midnight of a period, hours of the day, and hours of the week.

Rows have the local day that they belong to, the minutes that really passed since its midnight (`elapsed_min`, rounded
down to hours, or to half hours in a zone whose clock moves by half an hour), and the hour that the local clock showed.
Days of clock changes have 23 or 25 hours, so where a row belongs depends on the time zone of its place.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from okube_api.catalogue.buckets import bucket_numbers, to_date
from okube_api.catalogue.fact import ELAPSED, HOUR_OF_DAY, Fact
from okube_api.engine.calendar import Buckets, Granularity, Mode, Period
from okube_api.store.arrays import Flags, Ints

_MINUTE_MS, _HOUR_MS, _DAY_MS = 60_000, 3_600_000, 86_400_000
_HOURS, _WEEKDAYS = 24, 7
_PROBE_MIN = 15  # every hour that a clock shows on a day, it shows at one of these minutes
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SINCE_MIDNIGHT = ("day", ELAPSED)
_OF_CLOCK = {Granularity.HOUR: (HOUR_OF_DAY,), Granularity.HOUR_OF_WEEK: ("weekday", HOUR_OF_DAY)}


@dataclass(frozen=True)
class ZoneDays:
    """The local days of a period in one time zone.

    bounds_ms: the instant (UTC) at which each day begins, and at which the last one ends.
    """

    zone: ZoneInfo
    first: int
    bounds_ms: Ints

    @property
    def hours(self) -> int:
        """How many hours of real time begin in the period."""
        return -int((self.bounds_ms[0] - self.bounds_ms[-1]) // _HOUR_MS)

    def number_hours(self, days: Ints, elapsed_min: Ints) -> Ints:
        """Return the hours between the first midnight and each instant; at most the last hour of the period."""
        hours: Ints = (self._find_instants(days, elapsed_min) - self.bounds_ms[0]) // _HOUR_MS
        return hours

    def read_clock(self, days: Ints, elapsed_min: Ints) -> tuple[Ints, Ints]:
        """Return the local day and the hour of the local clock at each instant; at most the end of the period."""
        at_ms = self._find_instants(days, elapsed_min)
        positions = np.searchsorted(self.bounds_ms, at_ms, side="right") - 1
        hours = (at_ms - self.bounds_ms[positions]) // _HOUR_MS
        irregular = np.flatnonzero(~self._is_regular[positions])
        instants_ms, of_row = np.unique(at_ms[irregular], return_inverse=True)
        hours[irregular] = self._read_hours(instants_ms)[of_row]
        return positions + self.first, hours

    def find_first_hours(self) -> Ints:
        """Return the ordinal of the local day on which each hour of the period begins."""
        starts_ms = self.bounds_ms[0] + np.arange(self.hours) * _HOUR_MS
        days: Ints = np.searchsorted(self.bounds_ms, starts_ms, side="right") - 1 + self.first
        return days

    def has_same_clock(self, other: "ZoneDays") -> bool:
        """Return whether the local clocks of both zones show the same at the same time since midnight.

        On a day of a clock change, the zones must be the same.
        """
        if not np.array_equal(self._is_regular, other._is_regular):
            return False
        return self.zone.key == other.zone.key or bool(self._is_regular.all())

    @cached_property
    def clock_hours(self) -> Flags:
        """Whether the local clock shows each of the 24 hours on each day; shape (days, 24)."""
        shows = np.ones((len(self._is_regular), _HOURS), dtype=np.bool_)
        for day in np.flatnonzero(~self._is_regular):
            shows[day] = False
            start_ms, end_ms = self.bounds_ms[day : day + 2]
            shows[day, self._read_hours(np.arange(start_ms, end_ms, _PROBE_MIN * _MINUTE_MS))] = True
        return shows

    @cached_property
    def _is_regular(self) -> Flags:
        """Whether each day has 24 hours."""
        is_regular: Flags = np.diff(self.bounds_ms) == _DAY_MS
        return is_regular

    def _find_instants(self, days: Ints, elapsed_min: Ints) -> Ints:
        at_ms = self.bounds_ms[days - self.first] + elapsed_min * _MINUTE_MS
        instants: Ints = np.minimum(at_ms, self.bounds_ms[-1] - 1)
        return instants

    def _read_hours(self, at_ms: Ints) -> Ints:
        local = [(_EPOCH + timedelta(milliseconds=int(instant))).astimezone(self.zone) for instant in at_ms]
        return np.array([time.hour for time in local], dtype=np.int64)


@lru_cache(maxsize=256)
def list_zone_days(period: Period, timezone: str) -> ZoneDays:
    """Return the local days of a period in a time zone.

    If clocks are set forward at midnight, a day begins at the first instant that has its date.
    """
    zone = ZoneInfo(timezone)
    dates = [to_date(day) for day in range(period.first, period.last + 2)]
    bounds_s = [datetime(day.year, day.month, day.day, tzinfo=zone).timestamp() for day in dates]
    return ZoneDays(zone, period.first, np.array([round(bound) * 1000 for bound in bounds_s], dtype=np.int64))


@dataclass(frozen=True, eq=False)
class HourBuckets(Buckets):
    """Buckets by hour; the rows of each place belong to them by the time zone of the place.

    categories: for each weekday (1 to 7) and hour of the day, at `weekday * 24 + hour`, the position of its bucket;
        None for hours since midnight.
    zones: the time zones of the places, at least one.
    """

    granularity: Granularity
    categories: Ints | None
    zones: tuple[ZoneDays, ...]

    def columns_of(self, fact: Fact, *, by_first: bool = False) -> tuple[str, ...]:
        """Return the columns of a fact that determine the bucket of a row.

        by_first: whether rows are to be counted in the bucket of the first of several.  Only the time since midnight
            says which is first.
        """
        return _SINCE_MIDNIGHT if by_first or fact.starts_later else self.columns

    def needs_zone(self, columns: tuple[str, ...]) -> bool:
        """Return whether the same values of these columns belong to different buckets in different time zones."""
        if columns != _SINCE_MIDNIGHT:
            return False
        if self.categories is None:
            return any(not np.array_equal(np.diff(a.bounds_ms), np.diff(b.bounds_ms)) for a, b in pairwise(self.zones))
        return any(not a.has_same_clock(b) for a, b in pairwise(self.zones))

    def locate(self, columns: tuple[str, ...], values: Sequence[Ints], zones: Ints | None = None) -> Ints:
        """Return the position of the bucket of each row.

        columns: those of `columns_of`.
        values: the values of each column, row by row.
        zones: the time zone of each row, an index into `zones`; None where it makes no difference.
        """
        if columns != _SINCE_MIDNIGHT:
            assert self.categories is not None
            weekday, hour = values if len(columns) > 1 else (np.ones_like(values[0]), values[0])
            of_category: Ints = self.categories[weekday * _HOURS + hour]
            return of_category
        days, elapsed_min = values
        positions = np.empty(len(days), dtype=np.int64)
        for code, zone in enumerate(self.zones if zones is not None else self.zones[:1]):
            rows = np.flatnonzero(zones == code) if zones is not None else slice(None)
            if self.categories is None:
                positions[rows] = zone.number_hours(days[rows], elapsed_min[rows])
            else:
                day, hour = zone.read_clock(days[rows], elapsed_min[rows])
                positions[rows] = self.categories[bucket_numbers(day, "weekday") * _HOURS + hour]
        return positions


@lru_cache(maxsize=256)
def cut_into_hours(period: Period, mode: Mode, granularity: Granularity, timezones: tuple[str, ...]) -> HourBuckets:
    """Return the buckets of a period by hours of local time.

    timezones: the distinct time zones of the places of a question; first the one that gives buckets their first days.
    """
    zones = tuple(list_zone_days(period, timezone) for timezone in timezones)
    if mode is Mode.HISTOGRAM:
        return _list_hours(period, zones)
    return _list_categories(period, granularity, zones)


def _list_hours(period: Period, zones: tuple[ZoneDays, ...]) -> HourBuckets:
    """Return the hours since the first midnight."""
    count = max(zone.hours for zone in zones)
    first_days = zones[0].find_first_hours()
    first_days = np.append(first_days, np.full(count - len(first_days), period.last))
    labels = tuple(str(hour) for hour in range(count))
    is_last_cut = all(zone.bounds_ms[-1] - zone.bounds_ms[0] < count * _HOUR_MS for zone in zones)  # half an hour
    return HourBuckets(
        period,
        columns=_SINCE_MIDNIGHT,
        is_one_to_one=False,
        labels=labels,
        first_days=tuple(first_days.tolist()),
        of_day=(zones[0].bounds_ms[:-1] - zones[0].bounds_ms[0]) // _HOUR_MS,
        cut=labels[-1:] if is_last_cut else (),
        granularity=Granularity.HOUR,
        categories=None,
        zones=zones,
    )


def _list_categories(period: Period, granularity: Granularity, zones: tuple[ZoneDays, ...]) -> HourBuckets:
    """Return the hours of the day, or of the week, that the local clocks show in the period."""
    by_weekday = granularity is Granularity.HOUR_OF_WEEK
    weekdays = bucket_numbers(period.days, "weekday")
    shown: dict[int, int] = {}  # the first day of each `weekday * 24 + hour`
    for zone in zones:
        positions, hours = np.nonzero(zone.clock_hours)
        keys = weekdays[positions] * _HOURS + hours if by_weekday else hours
        for key, first in zip(*np.unique(keys, return_index=True), strict=True):
            shown.setdefault(int(key), int(positions[first]) + period.first)
    keys = np.array(sorted(shown), dtype=np.int64)
    categories = np.zeros((_WEEKDAYS + 1) * _HOURS, dtype=np.int64)
    if by_weekday:
        categories[keys] = np.arange(len(keys))
        labels = tuple(f"{key // _HOURS}-{key % _HOURS}" for key in keys)
    else:
        categories.reshape(_WEEKDAYS + 1, _HOURS)[:, keys] = np.arange(len(keys))
        labels = tuple(str(key) for key in keys)
    of_day = categories[weekdays * _HOURS + zones[0].clock_hours.argmax(axis=1)]
    return HourBuckets(
        period,
        columns=_OF_CLOCK[granularity],
        is_one_to_one=False,
        labels=labels,
        first_days=tuple(shown[int(key)] for key in keys),
        of_day=of_day,
        cut=(),
        granularity=granularity,
        categories=categories,
        zones=zones,
    )
