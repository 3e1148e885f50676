"""The calendar of a question: its period in days (ordinals, 1 = 1970-01-01) and the buckets of the period.

A bucket of a histogram is a day, week, month, quarter or year of the period, the last three also of a fiscal calendar;
number 0 contains the first day.  A bucket of an aggregation is a category of days (a weekday, a week, month or quarter
of the year, a year) with days in the period.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from okube_api.catalogue.buckets import (
    bucket_numbers,
    get_first_days,
    month_number,
    month_start,
    to_date,
    to_ordinal,
)
from okube_api.catalogue.fact import Fact
from okube_api.engine.fiscal_calendar import ISO_CALENDAR, MONDAY, BusinessCalendar, MonthlyCalendar
from okube_api.store.arrays import Ints

LONGEST_PERIOD_D = 3660
DEFAULT_PERIOD_D = 30
_EARLIEST = to_ordinal(date(2, 1, 1))  # weeks and months around any day of a period are dates too
_LATEST = to_ordinal(date(9998, 12, 31))


class Mode(StrEnum):
    """What the buckets of an answer are: consecutive intervals of the period, or categories of days."""

    HISTOGRAM = "histogram"
    AGGREGATION = "aggregation"


class Granularity(StrEnum):
    """The length of a bucket, or its category."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"
    HOUR_OF_WEEK = "hourOfWeek"
    FISCAL_MONTH = "fiscalMonth"
    FISCAL_QUARTER = "fiscalQuarter"
    FISCAL_YEAR = "fiscalYear"

    @property
    def is_fiscal(self) -> bool:
        """Whether its buckets are those of a fiscal calendar."""
        return self in _FISCAL_MONTHS


HOURLY = frozenset({Granularity.HOUR, Granularity.HOUR_OF_WEEK})
"""The granularities whose buckets are hours; see `hour_buckets`."""


def to_local_date(instant: datetime, timezone: str) -> date:
    """Return the date of an aware instant in a time zone."""
    return instant.astimezone(ZoneInfo(timezone)).date()


class PeriodError(ValueError):
    """A period that is not allowed; the message says why."""


@dataclass(frozen=True, slots=True)
class Period:
    """Local days `first` to `last`, both included, as ordinals."""

    first: int
    last: int

    def __post_init__(self) -> None:
        if self.first < _EARLIEST or self.last > _LATEST:
            raise PeriodError("A period must lie between the years 2 and 9998.")
        if self.first > self.last:
            raise PeriodError(f"`from` ({to_date(self.first)}) is after `to` ({to_date(self.last)}).")
        if self.last - self.first >= LONGEST_PERIOD_D:
            raise PeriodError(
                f"A period has at most {LONGEST_PERIOD_D} days; this one has {self.last - self.first + 1}."
            )

    @property
    def days(self) -> Ints:
        """The ordinals of all days, ascending."""
        return np.arange(self.first, self.last + 1, dtype=np.int64)

    @property
    def whole_months(self) -> tuple[int, int] | None:
        """The first and last month (year * 12 + month - 1) that lie entirely in the period; None when none does."""
        low = month_number(self.first)
        if month_start(low) < self.first:
            low += 1
        high = month_number(self.last + 1) - 1
        return (low, high) if low <= high else None

    @property
    def whole_weeks(self) -> tuple[int, int] | None:
        """The first and last week ((day + 2) // 7) that lie entirely in the period; None when none does."""
        low, high = (self.first + 8) // 7, (self.last + 3) // 7 - 1
        return (low, high) if low <= high else None


def resolve_period(
    start: date | None, end: date | None, today: date, study_period: tuple[date, date] | None = None
) -> Period:
    """Return the period of a question, whose start and end are optional.

    If both are missing, it is `study_period` or, without a study, the last 30 complete days.  If one is missing, it
    has 30 days; a computed end is yesterday at the latest, unless that is before `start`.
    Raise PeriodError when the start is after the end, or the period is too long.
    """
    yesterday = today - timedelta(days=1)
    away = timedelta(days=DEFAULT_PERIOD_D - 1)
    try:
        if start is None and end is None:
            start, end = study_period or (yesterday - away, yesterday)
        elif start is None and end is not None:
            start = end - away
        elif end is None and start is not None:
            end = max(min(start + away, yesterday), start)
    except OverflowError:
        raise PeriodError("A period must lie between the years 2 and 9998.") from None
    assert start is not None
    assert end is not None
    return Period(to_ordinal(start), to_ordinal(end))


_MONTHS_PER_YEAR = 12
_MONTHS = {Granularity.MONTH: 1, Granularity.QUARTER: 3, Granularity.YEAR: _MONTHS_PER_YEAR}
"""The number of months in a bucket."""
_FISCAL_MONTHS = {
    Granularity.FISCAL_MONTH: 1,
    Granularity.FISCAL_QUARTER: 3,
    Granularity.FISCAL_YEAR: _MONTHS_PER_YEAR,
}
"""The number of fiscal months in a bucket."""
_COLUMNS = {
    Mode.HISTOGRAM: {
        Granularity.DAY: "day",
        Granularity.WEEK: "week",
        Granularity.MONTH: "month",
        Granularity.YEAR: "year",
    },
    Mode.AGGREGATION: {
        Granularity.DAY: "weekday",
        Granularity.WEEK: "isoweek",
        Granularity.MONTH: "month_of_year",
        Granularity.YEAR: "year",
    },
}


@dataclass(frozen=True, eq=False)
class Buckets:
    """The buckets of a period, in order.

    columns: the columns of facts and rollups whose values determine the bucket of a row.
    is_one_to_one: whether each combination of values of the columns is a bucket of its own.  If a bucket merges
        several (a quarter merges months), its sets of users must be merged, too: their sizes cannot be added.
    labels: their keys in an answer.
    first_days: the ordinal of the first day of each: of the interval (the first day of a week, whether or not it is in
        the period), or of the category within the period.
    of_day: the position of the bucket of each day of the period.
    cut: the keys of the intervals that are only partly in the period: the first and the last one can be.
    """

    period: Period
    columns: tuple[str, ...]
    is_one_to_one: bool
    labels: tuple[str, ...]
    first_days: tuple[int, ...]
    of_day: Ints
    cut: tuple[str, ...]

    def columns_of(self, fact: Fact, *, by_first: bool = False) -> tuple[str, ...]:  # noqa: ARG002 - used by hours
        """Return the columns of a fact that determine the bucket of a row.

        by_first: whether rows are to be counted in the bucket of the first of several rows of a day.
        """
        return self.columns

    def needs_zone(self, columns: tuple[str, ...]) -> bool:  # noqa: ARG002 - used by hours
        """Return whether the same values of these columns belong to different buckets in different time zones."""
        return False

    def locate(self, columns: tuple[str, ...], values: Sequence[Ints], zones: Ints | None = None) -> Ints:  # noqa: ARG002
        """Return the position of the bucket of each row.

        columns: those of the buckets, or finer ones (day; month for quarters and years).
        values: the values of each column, row by row.
        zones: the number of each row's time zone, where it makes a difference.
        """
        (column,), (numbers,) = columns, values
        if column == "day":
            return self.of_day[numbers - self.period.first]
        numbers_of_days = bucket_numbers(self.period.days, column)
        least = int(numbers_of_days.min())
        by_number = np.empty(int(numbers_of_days.max()) - least + 1, dtype=np.int64)
        by_number[numbers_of_days - least] = self.of_day
        return by_number[numbers - least]


@lru_cache(maxsize=256)
def cut_into_buckets(
    span: Period, mode: Mode, granularity: Granularity, calendar: BusinessCalendar = ISO_CALENDAR
) -> Buckets:
    """Return the buckets of a period.

    calendar: of the application; it has a fiscal calendar if the granularity needs one.
    """
    days = span.days
    column = _find_column(mode, granularity, calendar)
    numbers = _number_days(days, mode, granularity, calendar)
    distinct, first, of_day = np.unique(numbers, return_index=True, return_inverse=True)
    cut: tuple[str, ...] = ()
    if mode is Mode.HISTOGRAM:
        labels = tuple(map(str, range(len(distinct))))
        bounds = _find_interval_starts(np.append(distinct, distinct[-1] + 1), granularity, calendar)
        starts = bounds[:-1]
        is_first_cut, is_last_cut = bounds[0] < span.first, bounds[-1] > span.last + 1
        cut = tuple(dict.fromkeys((*labels[: int(is_first_cut)], *labels[len(labels) - int(is_last_cut) :])))
    else:
        labels = tuple(map(str, distinct.tolist()))
        starts = days[first]
    is_column_of_buckets = _COLUMNS[mode].get(granularity) == column
    is_one_to_one = is_column_of_buckets or len(np.unique(bucket_numbers(days, column))) == len(distinct)
    return Buckets(span, (column,), is_one_to_one, labels, tuple(starts.tolist()), of_day.astype(np.int64), cut)


def _find_column(mode: Mode, granularity: Granularity, calendar: BusinessCalendar) -> str:
    """Return the column of facts and rollups that determines the buckets, of the rows that cover the most days."""
    if granularity.is_fiscal:
        fiscal = calendar.fiscal
        if isinstance(fiscal, MonthlyCalendar):
            return "month" if fiscal.start_day == 1 else "day"
        return "week" if fiscal is not None and fiscal.week_start == MONDAY else "day"
    if granularity is Granularity.QUARTER:
        return "month"
    if granularity is Granularity.WEEK and calendar != ISO_CALENDAR:
        return "week" if calendar.week_start == MONDAY else "day"
    return _COLUMNS[mode][granularity]


def _number_days(days: Ints, mode: Mode, granularity: Granularity, calendar: BusinessCalendar) -> Ints:
    """Return the number of each day's bucket: of intervals in their order, or of categories as their key."""
    if granularity is Granularity.DAY:
        return bucket_numbers(days, _COLUMNS[mode][granularity])
    if granularity is Granularity.WEEK:
        return calendar.number_weeks(days) if mode is Mode.HISTOGRAM else calendar.number_weeks_of_year(days)
    if granularity.is_fiscal:
        assert calendar.fiscal is not None, "the application has no fiscal calendar"
        size, months = _FISCAL_MONTHS[granularity], calendar.fiscal.number_months(days)
    else:
        size, months = _MONTHS[granularity], bucket_numbers(days, "month")
    if mode is Mode.HISTOGRAM or size == _MONTHS_PER_YEAR:
        return months // size
    return months % _MONTHS_PER_YEAR // size + 1


def _find_interval_starts(numbers: Ints, granularity: Granularity, calendar: BusinessCalendar) -> Ints:
    """Return the first day of each interval."""
    if granularity is Granularity.DAY:
        return numbers
    if granularity is Granularity.WEEK:
        return calendar.find_week_starts(numbers)
    if granularity.is_fiscal:
        assert calendar.fiscal is not None, "the application has no fiscal calendar"
        return calendar.fiscal.find_month_starts(numbers * _FISCAL_MONTHS[granularity])
    return get_first_days(numbers * _MONTHS[granularity], "month")
