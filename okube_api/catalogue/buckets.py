"""Days as ordinals (1 = 1970-01-01), and the bucket numbers that facts and rollups carry of them.  Pure."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta

import numpy as np

from okube_api.store.arrays import Ints

_EVE = date(1969, 12, 31)


def to_ordinal(day: date) -> int:
    """The day's ordinal; 1 is 1970-01-01."""
    return (day - _EVE).days


def to_date(number: int) -> date:
    """The date with this ordinal."""
    return _EVE + timedelta(days=number)


def month_number(day: int) -> int:
    """year * 12 + month - 1 of a day's ordinal."""
    found = to_date(day)
    return found.year * 12 + found.month - 1


def month_start(month: int) -> int:
    """The ordinal of a month's first day."""
    return to_ordinal(date(month // 12, month % 12 + 1, 1))


def bucket_numbers(days: Ints, column: str) -> Ints:
    """The bucket numbers of days, as facts and rollups carry them in the column of that name."""
    result: Ints = _NUMBERS[column](days)
    return result


def _months(days: Ints) -> Ints:
    months: Ints = (days - 1).astype("datetime64[D]").astype("datetime64[M]").astype(np.int64) + 1970 * 12
    return months


def _isoweeks(days: Ints) -> Ints:
    thursdays = days - (days + 2) % 7 + 3  # a week belongs to the year of its Thursday
    years = (thursdays - 1).astype("datetime64[D]").astype("datetime64[Y]")
    weeks: Ints = (thursdays - 1 - years.astype("datetime64[D]").astype(np.int64)) // 7 + 1
    return weeks


_NUMBERS: Mapping[str, Callable[[Ints], Ints]] = {
    "day": lambda days: days,
    "week": lambda days: (days + 2) // 7,
    "month": _months,
    "year": lambda days: _months(days) // 12,
    "month_of_year": lambda days: _months(days) % 12 + 1,
    "weekday": lambda days: (days + 2) % 7 + 1,
    "isoweek": _isoweeks,
}
