"""The last day of a retail year, as retailers write it: `saturday nearest 31 January` or `last saturday of january`."""

import calendar
import re
from dataclasses import dataclass

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
"""Names of the weekdays: the first is ISO weekday 1."""
_MONTHS = (
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
)
_LEAP_YEAR = 2000
_NEAREST = re.compile(r"(?P<weekday>[a-z]+) nearest (?:to )?(?P<day>[0-9]{1,2}) (?P<month>[a-z]+)")
_LAST = re.compile(r"last (?P<weekday>[a-z]+) (?:of|in) (?P<month>[a-z]+)")


class YearEndError(ValueError):
    """A text that names no last day of a year; the message says how to write one."""


@dataclass(frozen=True, slots=True)
class YearEnd:
    """A rule for the last day of each year.

    weekday: the ISO weekday of the last day.
    month: 1 to 12.
    day: the year ends on the nearest such weekday to this day of the month (29 February: 28 in other than leap years);
        None: on the last such weekday of the month.
    """

    weekday: int
    month: int
    day: int | None = None

    def __str__(self) -> str:
        weekday, month = WEEKDAYS[self.weekday - 1], _MONTHS[self.month - 1].capitalize()
        return f"last {weekday} of {month}" if self.day is None else f"{weekday} nearest {self.day} {month}"


def parse_year_end(text: str) -> YearEnd:
    """Return the rule that a text names, in any case.  Raise YearEndError."""
    words = " ".join(text.lower().split())
    match = _NEAREST.fullmatch(words) or _LAST.fullmatch(words)
    if match is None or match["weekday"] not in WEEKDAYS or match["month"] not in _MONTHS:
        raise YearEndError(
            "Write the last day of the year as 'saturday nearest 31 January' or as 'last saturday of January', with "
            "the English names of a weekday and a month."
        )
    weekday, month = WEEKDAYS.index(match["weekday"]) + 1, _MONTHS.index(match["month"]) + 1
    if "day" not in match.groupdict():
        return YearEnd(weekday, month)
    day, length = int(match["day"]), calendar.monthrange(_LEAP_YEAR, month)[1]
    if not 1 <= day <= length:
        raise YearEndError(f"{_MONTHS[month - 1].capitalize()} has the days 1 to {length}, not {day}.")
    return YearEnd(weekday, month, day)
