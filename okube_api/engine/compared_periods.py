"""The periods that a period is compared with, and the days of both that are set against each other."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from okube_api.catalogue.buckets import to_date, to_ordinal
from okube_api.engine.calendar import Period, PeriodError

_SAME_WEEKDAY_D = 364


class Shift(StrEnum):
    """A period to compare with, by where it lies from the period of the question."""

    PREVIOUS_PERIOD = "previousPeriod"
    PREVIOUS_YEAR = "previousYear"
    PREVIOUS_YEAR_SAME_WEEKDAY = "previousYearSameWeekday"
    PREVIOUS_QUARTER = "previousQuarter"
    PREVIOUS_MONTH = "previousMonth"


_MONTHS = {Shift.PREVIOUS_YEAR: 12, Shift.PREVIOUS_QUARTER: 3, Shift.PREVIOUS_MONTH: 1}


@dataclass(frozen=True, slots=True)
class ComparedDays:
    """The days of two periods that are set against each other.

    own: of the question's period.  other: of the period that it is compared with.
    is_complete: whether they are all days of both.
    """

    own: Period
    other: Period
    is_complete: bool


def shift_period(period: Period, shift: Shift) -> Period:
    """Return the period that lies so from another one.

    Years, quarters and months back are by dates: the same day numbers, or the last day of a shorter month.
    Raise PeriodError when it lies before the year 2.
    """
    if shift is Shift.PREVIOUS_PERIOD:
        return _move(period, period.last - period.first + 1)
    if shift is Shift.PREVIOUS_YEAR_SAME_WEEKDAY:
        return _move(period, _SAME_WEEKDAY_D)
    first, last = (_subtract_months(to_date(day), _MONTHS[shift]) for day in (period.first, period.last))
    return Period(to_ordinal(first), to_ordinal(last))


def _move(period: Period, days: int) -> Period:
    return Period(period.first - days, period.last - days)


def _subtract_months(day: date, months: int) -> date:
    """Return the same day of an earlier month, or its last day if it is shorter."""
    year, month = divmod(day.year * 12 + day.month - 1 - months, 12)
    if year < 1:
        raise PeriodError("A period must lie between the years 2 and 9998.")
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def find_compared_days(period: Period, compared: Shift | Period, last_complete: int) -> ComparedDays | None:
    """Return the days to compare of a period and of the one that a shift gives, or of a given one.

    A period that ends after `last_complete`, the last day that is over (an ordinal), has its days until then only, and
    as many days of the other period count: the same day numbers where the shift is by dates, else the same number of
    days.  None when there is no such day.  Raise PeriodError as `shift_period` does.
    """
    other = compared if isinstance(compared, Period) else shift_period(period, compared)
    if period.last <= last_complete and other.last <= last_complete:
        return ComparedDays(period, other, is_complete=True)
    days = min(last_complete - each.first + 1 for each in (period, other) if each.last > last_complete)
    if days <= 0:
        return None
    own = _cut(period, days)
    if isinstance(compared, Shift) and compared is not Shift.PREVIOUS_PERIOD:
        return ComparedDays(own, shift_period(own, compared), is_complete=False)
    return ComparedDays(own, _cut(other, days), is_complete=False)


def _cut(period: Period, days: int) -> Period:
    """Return the first days of a period."""
    return Period(period.first, min(period.last, period.first + days - 1))
