"""Days as ordinals (1 = 1970-01-01), and their bucket numbers in facts and rollups."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta

import numpy as np

from okube_api.store.arrays import Ints

_EVE = date(1969, 12, 31)


def to_ordinal(day: date) -> int:
    """Return the ordinal of a day; 1 is 1970-01-01."""
    return (day - _EVE).days


def to_date(number: int) -> date:
    """Return the date of an ordinal."""
    return _EVE + timedelta(days=number)


def month_number(day: int) -> int:
    """Return year * 12 + month - 1 of a day's ordinal."""
    day_date = to_date(day)
    return day_date.year * 12 + day_date.month - 1


def month_start(month: int) -> int:
    """Return the ordinal of a month's first day."""
    return to_ordinal(date(month // 12, month % 12 + 1, 1))


def first_day(column: str, number: int) -> int:
    """Return the ordinal of the first day of a day, week or month, as the column of that name numbers them."""
    if column == "month":
        return month_start(number)
    return number * 7 - 2 if column == "week" else number


def get_first_days(numbers: Ints, column: str) -> Ints:
    """Return the ordinals of the first days of days, weeks or months, as the column of that name numbers them."""
    if column == "month":
        months = (numbers - 1970 * 12).astype("datetime64[M]")
        days: Ints = months.astype("datetime64[D]").astype(np.int64) + 1
        return days
    return numbers * 7 - 2 if column == "week" else numbers


def bucket_numbers(days: Ints, column: str) -> Ints:
    """Return the bucket numbers of days, as the column of that name holds them in facts and rollups."""
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
