"""Fiscal calendars in plain Python: day by day, with `datetime.date` and no numbers of days."""

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import NamedTuple

from okube_api.engine.fiscal_calendar import MonthlyCalendar, RetailCalendar
from okube_api.kit.year_end import YearEnd

DAY = timedelta(days=1)


class FiscalMonth(NamedTuple):
    """A fiscal year, and a month of it, 1 to 12."""

    year: int
    month: int


class CalendarMonths(NamedTuple):
    """Fiscal months that start on one day of each month."""

    month: int
    day: int


@dataclass(frozen=True)
class RetailMonths:
    """Fiscal months of whole weeks."""

    weeks: tuple[int, ...]
    year_end: YearEnd


def get_plain_rule(fiscal: MonthlyCalendar | RetailCalendar) -> CalendarMonths | RetailMonths:
    """Return the rule of a fiscal calendar of the engine."""
    if isinstance(fiscal, MonthlyCalendar):
        return CalendarMonths(fiscal.start_month, fiscal.start_day)
    return RetailMonths(fiscal.weeks, fiscal.year_end)


def find_day(year: int, month: int, day: int) -> date:
    """Return a day of a month, or the last day of a shorter month."""
    return date(year, month, min(day, calendar.monthrange(year, month)[1]))


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
    year, start = find_retail_year(rule.year_end, day)
    week = (day - start).days // 7
    for month, weeks in enumerate([*rule.weeks] * 4, start=1):
        if week < weeks:
            return FiscalMonth(year, month)
        week -= weeks
    return FiscalMonth(year, 12)


def find_retail_week(rule: RetailMonths, day: date) -> int:
    """Return the week of the retail year that a day is in, 1 to 53."""
    return (day - find_retail_year(rule.year_end, day)[1]).days // 7 + 1


def find_retail_year(year_end: YearEnd, day: date) -> tuple[int, date]:
    """Return the name and the first day of the retail year of a day."""
    starts = [find_last_day(year_end, year) + DAY for year in range(day.year - 2, day.year + 2)]
    start = max(first for first in starts if first <= day)
    # Where some years start in December and some in January, those of December have the name of the next year.
    starts_around_new_year = {1, 12} <= {first.month for first in _list_starts(year_end)}
    return (start.year + 1 if starts_around_new_year and start.month == 12 else start.year), start


@cache
def _list_starts(year_end: YearEnd) -> Sequence[date]:
    return [find_last_day(year_end, year) + DAY for year in range(2000, 2400)]


def find_last_day(year_end: YearEnd, year: int) -> date:
    """Return the last day of the retail year that ends in a calendar year, or some days before or after it."""
    if year_end.day is None:
        day = find_day(year, year_end.month, 31)
        while day.isoweekday() != year_end.weekday:
            day -= DAY
        return day
    target = find_day(year, year_end.month, year_end.day)
    around = [target + DAY * distance for distance in range(-6, 7)]
    return min((day for day in around if day.isoweekday() == year_end.weekday), key=lambda day: abs(day - target))


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
