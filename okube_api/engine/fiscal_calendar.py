"""Fiscal calendars: the month, quarter, year and week of any day in the calendar that an application has set.

Fiscal months are numbered `year * 12 + month`, month 0 to 11, so that `number // 3` is the quarter and `number // 12`
the year.  A fiscal year has the name of the calendar year in which it begins, as the NRF (National Retail Federation)
names its years.  Days are ordinals (1 = 1970-01-01) of local days.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np

from okube_api.catalogue.buckets import bucket_numbers, get_first_days
from okube_api.kit.application import CalendarSettings
from okube_api.kit.year_end import WEEKDAYS, YearEnd, parse_year_end
from okube_api.store.arrays import Ints

MONDAY = 1
_MONTHS, _QUARTERS = 12, 4
_MOST_DAYS_TO_NEAREST = 3  # from any day to the nearest one of a weekday
_SHIFT = 3  # the ISO weekday of an ordinal is (ordinal + _SHIFT) % 7, and 7 for 0


class FiscalCalendar(Protocol):
    """A calendar of fiscal months."""

    def number_months(self, days: Ints) -> Ints:
        """Return the number of the fiscal month of each day."""

    def find_month_starts(self, months: Ints) -> Ints:
        """Return the first day of each fiscal month."""


@dataclass(frozen=True, slots=True)
class MonthlyCalendar:
    """A calendar whose fiscal months begin on the same day of each month, or on the last day of a shorter month.

    start_month, start_day: the first day of the fiscal year.
    """

    start_month: int
    start_day: int = 1

    def number_months(self, days: Ints) -> Ints:
        """Return the number of the fiscal month of each day."""
        months = bucket_numbers(days, "month")
        return months - (days < self._find_starts(months)) - (self.start_month - 1)

    def find_month_starts(self, months: Ints) -> Ints:
        """Return the first day of each fiscal month."""
        return self._find_starts(months + self.start_month - 1)

    def _find_starts(self, months: Ints) -> Ints:
        """Return the day of each calendar month on which a fiscal month begins."""
        return _find_days_of_months(months, self.start_day)


@dataclass(frozen=True)
class RetailCalendar:
    """A calendar of whole weeks: years of 52 or 53 weeks, quarters of 13, months of 4 and 5.

    The 53rd week belongs to the last month.

    weeks: of the three months of a quarter.
    year_end: the rule for the last day of a year.
    """

    weeks: tuple[int, int, int]
    year_end: YearEnd

    @property
    def week_start(self) -> int:
        """The ISO weekday on which weeks, months and years begin."""
        return self.year_end.weekday % 7 + 1

    def number_months(self, days: Ints) -> Ints:
        """Return the number of the fiscal month of each day."""
        years, weeks = self._find_years_and_weeks(days)
        months = np.searchsorted(self._first_weeks, weeks, side="right") - 1
        return years * _MONTHS + months

    def find_month_starts(self, months: Ints) -> Ints:
        """Return the first day of each fiscal month."""
        return self._find_year_starts(months // _MONTHS) + 7 * self._first_weeks[months % _MONTHS]

    def number_weeks(self, days: Ints) -> Ints:
        """Return the number of each day's week in the fiscal year, 1 to 53."""
        return self._find_years_and_weeks(days)[1] + 1

    @cached_property
    def _first_weeks(self) -> Ints:
        """The first week of each of the 12 months; the first week of a year is 0."""
        return np.cumsum([0, *self.weeks * _QUARTERS], dtype=np.int64)[:_MONTHS]

    @cached_property
    def _year_offset(self) -> int:
        """What to add to a fiscal year for the calendar year by whose rule the fiscal year before ends: 0 or -1.

        It is -1 for rules by which years end around New Year.  Such a year begins in December or in January, and has
        the name of that January, because two years in succession can begin in the same calendar year.
        """
        month, day = self.year_end.month, self.year_end.day
        latest_start = 32 if day is None else day + _MOST_DAYS_TO_NEAREST + 1
        return -1 if month == _MONTHS and latest_start > 31 else 0

    def _find_years_and_weeks(self, days: Ints) -> tuple[Ints, Ints]:
        """Return the fiscal year of each day, and its week there; the first is 0."""
        calendar_years = bucket_numbers(days, "year")
        years = np.arange(int(calendar_years.min()) - 1, int(calendar_years.max()) + 2)
        starts = self._find_year_starts(years)
        positions = np.searchsorted(starts, days, side="right") - 1
        return years[positions], (days - starts[positions]) // 7

    def _find_year_starts(self, years: Ints) -> Ints:
        """Return the first day of each fiscal year: the day after the last one of the year before."""
        rule = self.year_end
        months = (years + self._year_offset) * _MONTHS + rule.month - 1
        if rule.day is None:
            ends_of_months = get_first_days(months + 1, "month") - 1
            last_days = ends_of_months - (ends_of_months + _SHIFT - rule.weekday) % 7
        else:
            targets = _find_days_of_months(months, rule.day)
            ahead = (rule.weekday - targets - _SHIFT) % 7
            last_days = targets + np.where(ahead <= _MOST_DAYS_TO_NEAREST, ahead, ahead - 7)
        return last_days + 1


@dataclass(frozen=True, slots=True)
class BusinessCalendar:
    """The calendar of an application: its weeks, and its fiscal calendar if it has one.

    week_start: the ISO weekday on which weeks start.
    """

    fiscal: MonthlyCalendar | RetailCalendar | None = None
    week_start: int = MONDAY

    def number_weeks(self, days: Ints) -> Ints:
        """Return the number of the week of each day; weeks in succession have numbers in succession."""
        return (days + _SHIFT - self.week_start) // 7

    def find_week_starts(self, weeks: Ints) -> Ints:
        """Return the first day of each week."""
        return weeks * 7 - _SHIFT + self.week_start

    def number_weeks_of_year(self, days: Ints) -> Ints:
        """Return the number of each day's week in its year, 1 to 53.

        It is the week of the retail year if weeks start with it.  Otherwise, the first week of a year is the first with
        at least four days in it, as in ISO 8601: the year of a week is that of its fourth day.
        """
        if isinstance(self.fiscal, RetailCalendar) and self.fiscal.week_start == self.week_start:
            return self.fiscal.number_weeks(days)
        fourth_days = self.find_week_starts(self.number_weeks(days)) + 3
        new_years = get_first_days(bucket_numbers(fourth_days, "year") * _MONTHS, "month")
        return (fourth_days - new_years) // 7 + 1


ISO_CALENDAR = BusinessCalendar()
"""The calendar of applications without settings: weeks of ISO 8601, no fiscal year."""


@lru_cache(maxsize=1024)
def read_calendar(settings: CalendarSettings | None) -> BusinessCalendar:
    """Return the calendar that the settings of an application describe."""
    if settings is None:
        return ISO_CALENDAR
    fiscal: MonthlyCalendar | RetailCalendar | None = None
    week_start = MONDAY
    if settings.retail is not None and settings.year_ends is not None:
        first, second, third = (int(weeks) for weeks in settings.retail.split("-"))
        fiscal = RetailCalendar((first, second, third), parse_year_end(settings.year_ends))
        week_start = fiscal.week_start
    elif settings.fiscal_year_start is not None:
        month, day = settings.fiscal_year_start.split("-")
        fiscal = MonthlyCalendar(int(month), int(day))
    if settings.week_start is not None:
        week_start = WEEKDAYS.index(settings.week_start) + 1
    return BusinessCalendar(fiscal, week_start)


def _find_days_of_months(months: Ints, day: int) -> Ints:
    """Return the ordinal of a day of each month (year * 12 + month - 1), or of the last day of a shorter month."""
    starts = get_first_days(months, "month")
    lengths = get_first_days(months + 1, "month") - starts
    days: Ints = starts + np.minimum(day, lengths) - 1
    return days
