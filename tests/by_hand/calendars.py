"""Calendars of applications: their weeks and fiscal months, day by day, and the buckets of days in them."""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

DAY = timedelta(days=1)


class FiscalMonth(NamedTuple):
    """A fiscal year, and a month of it, 1 to 12."""

    year: int
    month: int


@dataclass(frozen=True)
class CalendarMonths:
    """Fiscal months that start on one day of each month; the first starts in `month`."""

    month: int
    day: int


@dataclass(frozen=True)
class RetailMonths:
    """Fiscal months of whole weeks; years end on the last `weekday` of `month`, or on the nearest to its day `day`."""

    weeks: tuple[int, ...]
    weekday: int
    month: int
    day: int | None = None


def find_day(year: int, month: int, day: int) -> date:
    """Return a day of a month, or the last day of a shorter month."""
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


@cache
def find_month(rule: CalendarMonths | RetailMonths, day: date) -> FiscalMonth:
    """Return the fiscal month of a day."""
    return find_calendar_month(rule, day) if isinstance(rule, CalendarMonths) else find_retail_month(rule, day)


def find_calendar_month(rule: CalendarMonths, day: date) -> FiscalMonth:
    """Return the fiscal month of a day: walk back to the day on which it started, then count months from the year's."""
    start = day
    while start != find_day(start.year, start.month, rule.day):
        start -= DAY
    months_passed = (start.month - rule.month) % 12
    return FiscalMonth(start.year if start.month >= rule.month else start.year - 1, months_passed + 1)


def find_retail_month(rule: RetailMonths, day: date) -> FiscalMonth:
    """Return the fiscal month of a day: cut the year into its weeks."""
    year, start = find_retail_year(rule, day)
    week = (day - start).days // 7
    for month, weeks in enumerate([*rule.weeks] * 4, start=1):
        if week < weeks:
            return FiscalMonth(year, month)
        week -= weeks
    return FiscalMonth(year, 12)


def find_retail_week(rule: RetailMonths, day: date) -> int:
    """Return the week of the retail year that a day is in, 1 to 53."""
    return (day - find_retail_year(rule, day)[1]).days // 7 + 1


@cache
def find_retail_year(rule: RetailMonths, day: date) -> tuple[int, date]:
    """Return the name and the first day of the retail year of a day."""
    starts = [find_last_day(rule, year) + DAY for year in range(day.year - 2, day.year + 2)]
    start = max(first for first in starts if first <= day)
    # Where some years start in December and some in January, those of December have the name of the next year.
    starts_around_new_year = {1, 12} <= {first.month for first in _list_starts(rule)}
    return (start.year + 1 if starts_around_new_year and start.month == 12 else start.year), start


@cache
def _list_starts(rule: RetailMonths) -> Sequence[date]:
    return [find_last_day(rule, year) + DAY for year in range(2000, 2400)]


def find_last_day(rule: RetailMonths, year: int) -> date:
    """Return the last day of the retail year that ends in a calendar year, or some days before or after it."""
    if rule.day is None:
        day = find_day(year, rule.month, 31)
        while day.isoweekday() != rule.weekday:
            day -= DAY
        return day
    target = find_day(year, rule.month, rule.day)
    around = [target + DAY * distance for distance in range(-6, 7)]
    return min((day for day in around if day.isoweekday() == rule.weekday), key=lambda day: abs(day - target))


@cache
def find_week_start(day: date, weekday: int) -> date:
    """Return the first day of the week of a day, for weeks that start on an ISO weekday."""
    while day.isoweekday() != weekday:
        day -= DAY
    return day


def find_week_of_year(day: date, weekday: int) -> int:
    """Return the week of the year that a day is in: week 1 is the first with at least four days in the year."""
    start = find_week_start(day, weekday)
    year = (start + 3 * DAY).year
    first = find_week_start(date(year, 1, 4), weekday)
    return (start - first).days // 7 + 1


MONTHS = {"month": 1, "quarter": 3, "year": 12, "fiscalMonth": 1, "fiscalQuarter": 3, "fiscalYear": 12}


@dataclass(frozen=True)
class Calendar:
    """The calendar of an application: its fiscal months, if it has any, and the ISO weekday on which weeks start."""

    rule: CalendarMonths | RetailMonths | None = None
    week_start: int = 1

    def find_bucket(self, mode: str, granularity: str, day: date, first: date) -> str:
        """Return the key of the bucket of a day, in a period from `first`."""
        if granularity == "week":
            return self._find_week(mode, day, first)
        size = MONTHS[granularity]
        (year, month), (first_year, first_month) = (self._find_month(granularity, each) for each in (day, first))
        if mode == "histogram":
            return str((year * 12 + month - 1) // size - (first_year * 12 + first_month - 1) // size)
        return str(year if size == 12 else (month - 1) // size + 1)

    def _find_month(self, granularity: str, day: date) -> FiscalMonth:
        if not granularity.startswith("fiscal"):
            return FiscalMonth(day.year, day.month)
        assert self.rule is not None
        return find_month(self.rule, day)

    def _find_week(self, mode: str, day: date, first: date) -> str:
        if mode == "histogram":
            return str((find_week_start(day, self.week_start) - find_week_start(first, self.week_start)).days // 7)
        if isinstance(self.rule, RetailMonths) and self.rule.weekday % 7 + 1 == self.week_start:
            return str(find_retail_week(self.rule, day))
        return str(find_week_of_year(day, self.week_start))


ISO_CALENDAR = Calendar()
