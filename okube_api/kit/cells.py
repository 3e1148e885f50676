"""Reads single values of files: a cell of text or a typed value, by the type of its field.

Events and tables, in whatever format, read their values by these rules.  A value that no rule understands is returned
unchanged, for the model of its field to refuse.  The patterns mean the same in RE2 and in Python, so that whole columns
are read by the same ones (`ingest/parse/cell_columns.py`).
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from math import isfinite
from typing import Any, Literal

from okube_api.kit.booleans import CELL_BOOLEANS

DateOrder = Literal["dmy", "mdy"]


class ValueType(Enum):
    """Type of the values of a field."""

    TEXT = "text"
    NUMBER = "number"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    INSTANT = "instant"
    DAY = "day"


@dataclass(frozen=True, slots=True)
class CellFormat:
    """Conventions of a file that cannot be seen from a single value.

    decimal_comma: whether `1,234` is a number between 1 and 2; if not, it is refused, because it may mean 1234.
    date_order: the order of day and month in `01/02/2024`; None when it is unknown.
    """

    decimal_comma: bool = False
    date_order: DateOrder | None = None


CENTURY = "20"
"""First digits of years that are written with two digits."""
BLANKS = " \t\r\n\u00a0"
_BLANK = f"[{BLANKS}]*"
_WIDE_BLANK, _NARROW_BLANK = "\u00a0", "\u202f"  # the second one also before AM and PM
NUMBER_PATTERN = rf"^{_BLANK}([+-]?)([0-9]+[.]?[0-9]*|[.][0-9]+)([eE][+-]?[0-9]{{1,3}})?{_BLANK}$"
COMMA_PATTERN = rf"^{_BLANK}[+-]?[0-9]*,[0-9]*([eE][+-]?[0-9]{{1,3}})?{_BLANK}$"
GROUPED_PATTERN = rf"^{_BLANK}[+-]?[1-9][0-9]{{0,2}},[0-9]{{3}}{_BLANK}$"
"""Numbers whose comma separates thousands in English, and is a decimal comma in other languages."""
SPACED_PATTERN = (
    rf"^{_BLANK}[+-]?(?:[0-9]{{1,3}}(?:[ {_WIDE_BLANK}{_NARROW_BLANK}][0-9]{{3}})+|[0-9]+)(?:[.,][0-9]*)?"
    rf"[{BLANKS}{_NARROW_BLANK}]*(?:€|EUR)?{_BLANK}$"
)
"""Numbers with blanks between thousands, or with the euro behind them, as spreadsheets show amounts."""
SPACED_CHARACTERS = f"[{BLANKS}{_NARROW_BLANK}€EUR]"
"""What is no part of such a number."""
INSTANT_PATTERN = (
    rf"^{_BLANK}(?P<date>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|[0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}}|[0-9]{{8}})[Tt ]"
    r"(?P<hour>[0-9]{2}):?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9})[0-9]*)?)?"
    r" ?(?:(?P<utc>[Zz]|[Uu][Tt][Cc]|[Gg][Mm][Tt])|(?P<sign>[+-])(?P<hours>[0-9]{2})(?::?(?P<minutes>[0-9]{2}))?"
    rf"(?: [A-Z]{{3,5}})?)(?:\[[A-Za-z0-9_/+-]+\])?{_BLANK}$"
)
"""Instants with an offset, as databases and languages print them."""
EPOCH_PATTERN = rf"^{_BLANK}(?:([0-9]{{10}})(?:[.]([0-9]{{1,9}}))?|([0-9]{{13}})(?:[.]0*)?|([0-9]{{16}})){_BLANK}$"
"""Seconds, milliseconds or microseconds since 1970; the number of digits distinguishes them from September 2001 on."""
DAY_PATTERN = (
    rf"^{_BLANK}([0-9]{{4}})(?:-([0-9]{{2}})-([0-9]{{2}})|/([0-9]{{2}})/([0-9]{{2}}))"
    rf"(?:[T ]00:00(?::00(?:[.,]0+)?)?)?{_BLANK}$"
)
ORDERED_DAY_PATTERN = (
    rf"^{_BLANK}([0-9]{{1,2}})[/.-]([0-9]{{1,2}})(?:[/.-]([0-9]{{4}})|/([0-9]{{2}}))"
    rf"(?:[T ]00:00(?::00(?:[.,]0+)?)?)?{_BLANK}$"
)
"""Days whose order of day and month must be known; years of two digits (`31/12/24`) are those from 2000 on."""
LOCAL_TIME_PATTERN = (
    rf"^{_BLANK}(?P<date>[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}|[0-9]{{4}}/[0-9]{{2}}/[0-9]{{2}}|[0-9]{{8}})[Tt ]"
    r"(?P<hour>[0-9]{2}):?(?P<minute>[0-9]{2})(?::?(?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9})[0-9]*)?)?"
    rf"{_BLANK}$"
)
"""Instants without an offset, as databases and languages print them; their time zone must be known."""
ORDERED_TIME_PATTERN = (
    rf"^{_BLANK}(?P<first>[0-9]{{1,2}})[/.-](?P<middle>[0-9]{{1,2}})"
    r"(?:[/.-](?P<year>[0-9]{4})|/(?P<short_year>[0-9]{2}))(?:,? |T)"
    r"(?P<hour>[0-9]{1,2})[:.](?P<minute>[0-9]{2})(?:[:.](?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9})[0-9]*)?)?"
    rf"(?:[{BLANKS}{_NARROW_BLANK}]*(?P<half>[AaPp])[.]?[Mm][.]?)?{_BLANK}$"
)
"""The same as spreadsheets write them; the order of day and month must be known, too."""
DURATION_PATTERN = rf"^{_BLANK}(?P<hours>[0-9]{{1,4}}):(?P<minutes>[0-5][0-9]):(?P<seconds>[0-5][0-9]){_BLANK}$"
"""Durations as spreadsheets show them; with two parts only, they may be hours or minutes."""

_TIME_PATTERN = (
    rf"^{_BLANK}(?:1899-12-3[01]|1900-01-00)?[T ]?(?P<hour>[0-9]{{1,2}})(?:[:.](?P<minute>[0-9]{{2}})"
    r"(?:[:.](?P<second>[0-9]{2})(?:[.,](?P<fraction>[0-9]{1,9})[0-9]*)?)?| ?[hH] ?(?P<after>[0-9]{2})?(?: ?min)?)"
    rf"(?:[{BLANKS}{_NARROW_BLANK}]*(?P<half>[AaPp])[.]?[Mm][.]?)?{_BLANK}$"
)
"""Times of day, also as French writes them (`14h30`), and with the day that a spreadsheet puts before them."""
_MIDNIGHT = re.compile(r"[T ]00:00(?::00(?:[.,]0+)?)?$")

_NUMBER, _COMMA, _GROUPED = re.compile(NUMBER_PATTERN), re.compile(COMMA_PATTERN), re.compile(GROUPED_PATTERN)
_SPACED, _SPACED_CHARACTERS = re.compile(SPACED_PATTERN), re.compile(SPACED_CHARACTERS)
_INSTANT, _EPOCH = re.compile(INSTANT_PATTERN), re.compile(EPOCH_PATTERN)
_LOCAL_TIME, _ORDERED_TIME = re.compile(LOCAL_TIME_PATTERN), re.compile(ORDERED_TIME_PATTERN)
_DAY, _ORDERED_DAY = re.compile(DAY_PATTERN), re.compile(ORDERED_DAY_PATTERN)
_TIME, _DURATION = re.compile(_TIME_PATTERN), re.compile(DURATION_PATTERN)
_DAY_MINUTES = 24 * 60
_EPOCH_UNITS_S = {10: Decimal(1), 13: Decimal("1e-3"), 16: Decimal("1e-6")}
_LONGEST_NUMBER = 400
_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**63 - 1


def read_value(value: Any, value_type: ValueType, cell_format: CellFormat) -> Any:
    """Convert a value to the form that models accept: texts, numbers, RFC 3339 and `YYYY-MM-DD`."""
    match value_type:
        case ValueType.TEXT:
            return str(value) if _is_integer(value) else value
        case ValueType.NUMBER:
            return read_number(value, cell_format) if isinstance(value, str) else value
        case ValueType.INTEGER:
            return _read_integer(value, cell_format)
        case ValueType.BOOLEAN:
            return read_boolean(value)
        case ValueType.INSTANT:
            return _read_instant(value)
        case ValueType.DAY:
            return _read_day(value, cell_format.date_order) if isinstance(value, str) else value


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def read_number(text: str, cell_format: CellFormat) -> int | float | str:
    """Convert a text to a number: to an integer if it has no point, exponent or decimal comma, else to a float.

    Return any other text unchanged.
    """
    if len(text) > _LONGEST_NUMBER:
        return text
    digits = _SPACED_CHARACTERS.sub("", text) if _SPACED.fullmatch(text) else text
    if "," in digits and _COMMA.fullmatch(digits) and (cell_format.decimal_comma or not _GROUPED.fullmatch(digits)):
        digits = digits.replace(",", ".")
    if not _NUMBER.fullmatch(digits):
        return text
    digits = digits.strip(BLANKS)
    if digits.lstrip("+-").isdecimal():
        integer = int(digits)
        if _MIN_INTEGER <= integer <= _MAX_INTEGER:
            return integer
    number = float(digits)
    return number if isfinite(number) else text


def _read_integer(value: Any, cell_format: CellFormat) -> Any:
    """Convert a text, float or decimal to an integer; return a number with a fraction without rounding it."""
    number: Any = read_number(value, cell_format) if isinstance(value, str) else value
    if isinstance(number, float | Decimal):
        is_whole = isfinite(number) and -(2**53) < number < 2**53 and number == int(number)
        return int(number) if is_whole else number
    return number


def read_boolean(value: Any) -> Any:
    """Convert a text to a boolean (see `CELL_BOOLEANS`); return any other value unchanged."""
    return CELL_BOOLEANS.get(value.strip().lower(), value) if isinstance(value, str) else value


def _read_instant(value: Any) -> Any:
    """Convert an instant with an offset to RFC 3339; a leap second becomes the last millisecond before it.

    Leap seconds are at 23:59:60 UTC; the second 60 of any other minute is no instant.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    text = value if isinstance(value, str) else _format_epoch(value)
    if parts := _INSTANT.fullmatch(text):
        date = parts["date"].replace("/", "-")
        if len(date) == len("20240401"):
            date = f"{date[:4]}-{date[4:6]}-{date[6:]}"
        second, fraction = parts["second"] or "00", parts["fraction"]
        if second == "60":
            if not _ends_utc_day(parts):
                return value
            second, fraction = "59", "999"
        offset = "Z" if parts["utc"] else f"{parts['sign']}{parts['hours']}:{parts['minutes'] or '00'}"
        fraction = f".{fraction}" if fraction else ""
        return f"{date}T{parts['hour']}:{parts['minute']}:{second}{fraction}{offset}"
    if parts := _EPOCH.fullmatch(text):
        digits = parts[1] or parts[3] or parts[4]
        seconds = Decimal(digits) * _EPOCH_UNITS_S[len(digits)] + Decimal(f"0.{parts[2] or 0}")
        instant = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(seconds * 1000))
        return f"{instant:%Y-%m-%dT%H:%M:%S}.{instant.microsecond // 1000:03}Z"
    return value


def _ends_utc_day(parts: re.Match[str]) -> bool:
    """Return whether the minute of an instant is 23:59 UTC."""
    minutes = int(parts["hour"]) * 60 + int(parts["minute"])
    if parts["sign"]:
        offset = int(parts["hours"]) * 60 + int(parts["minutes"] or 0)
        minutes -= offset if parts["sign"] == "+" else -offset
    return minutes % _DAY_MINUTES == _DAY_MINUTES - 1


def _format_epoch(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    return f"{Decimal(repr(value)):f}" if isfinite(value) else ""


def is_naive_instant(value: Any) -> bool:
    """Tell whether a value is an instant without a time zone."""
    return isinstance(value, str) and bool(_LOCAL_TIME.fullmatch(value) or _ORDERED_TIME.fullmatch(value))


def read_local_time(text: str, order: DateOrder | None) -> str | None:
    """Return an instant without an offset as `YYYY-MM-DDThh:mm:ss` with an optional fraction.

    Return None for other texts, and when the order of day and month must be known and is not.
    """
    if parts := _LOCAL_TIME.fullmatch(text):
        date = parts["date"].replace("/", "-")
        if len(date) == len("20240401"):
            date = f"{date[:4]}-{date[4:6]}-{date[6:]}"
        hour = int(parts["hour"])
    elif order is not None and (parts := _ORDERED_TIME.fullmatch(text)):
        day, month = (parts["first"], parts["middle"]) if order == "dmy" else (parts["middle"], parts["first"])
        date = f"{parts['year'] or CENTURY + parts['short_year']}-{int(month):02}-{int(day):02}"
        hour = int(parts["hour"])
        if parts["half"]:
            if not 1 <= hour <= 12:
                return None
            hour = hour % 12 + (12 if parts["half"] in "Pp" else 0)
    else:
        return None
    fraction = f".{parts['fraction']}" if parts["fraction"] else ""
    return f"{date}T{hour:02}:{parts['minute']}:{parts['second'] or '00'}{fraction}"


def read_time_of_day(text: str) -> str | None:
    """Return a time of day as `hh:mm:ss` with an optional fraction, None for other texts."""
    parts = _TIME.fullmatch(text)
    if parts is None:
        return None
    hour = int(parts["hour"])
    if parts["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if parts["half"] in "Pp" else 0)
    fraction = f".{parts['fraction']}" if parts["fraction"] else ""
    return f"{hour:02}:{parts['minute'] or parts['after'] or '00'}:{parts['second'] or '00'}{fraction}"


def read_duration_s(value: Any) -> int | None:
    """Return the seconds of a duration such as `0:12:30`, None for other values."""
    parts = _DURATION.fullmatch(value) if isinstance(value, str) else None
    return None if parts is None else (int(parts["hours"]) * 60 + int(parts["minutes"])) * 60 + int(parts["seconds"])


def strip_midnight(day: str) -> str:
    """Return the text of a day without blanks around it and without the midnight that some tools write after it."""
    return _MIDNIGHT.sub("", day.strip(BLANKS))


def normalize_time(time: str) -> str:
    """Return a time of day as `read_time_of_day` does, and other texts without blanks around them."""
    return read_time_of_day(time) or time.strip(BLANKS)


# -- days -------------------------------------------------------------------------------------------------------------


def _read_day(text: str, order: DateOrder | None) -> str:
    if parts := _DAY.fullmatch(text):
        return f"{parts[1]}-{parts[2] or parts[4]}-{parts[3] or parts[5]}"
    if order is not None and (parts := _ORDERED_DAY.fullmatch(text)):
        day, month = (parts[1], parts[2]) if order == "dmy" else (parts[2], parts[1])
        return f"{parts[3] or CENTURY + parts[4]}-{int(month):02}-{int(day):02}"
    return text


def is_day(value: Any) -> bool:
    """Tell whether a value is a day, perhaps one whose order of day and month must be known."""
    return isinstance(value, str) and bool(_DAY.fullmatch(value) or _ORDERED_DAY.fullmatch(value))


def is_instant(value: Any) -> bool:
    """Tell whether a value is an instant, with or without an offset."""
    return isinstance(value, str) and bool(_INSTANT.fullmatch(value) or is_naive_instant(value))


def is_ordered_day(value: Any) -> bool:
    """Tell whether a value is a day whose order of day and month must be known."""
    return isinstance(value, str) and bool(_ORDERED_DAY.fullmatch(value))


def is_ordered_time(value: Any) -> bool:
    """Tell whether a value is an instant whose order of day and month must be known."""
    return isinstance(value, str) and bool(_ORDERED_TIME.fullmatch(value))


class DateOrderFinder:
    """Finds the only order of day and month with which all values of a file are valid days.

    order: None while both orders are possible, and when neither is.
    has_short_years: whether days with years of two digits count; in some countries they begin with the year.
    """

    def __init__(self, *, has_short_years: bool = False) -> None:
        self._has_short_years = has_short_years
        self._has_late_first = self._has_late_second = False

    def add(self, texts: Iterable[Any]) -> None:
        """Take more values into account; values that are not such days are ignored."""
        for text in texts:
            if not isinstance(text, str):
                continue
            parts = _ORDERED_DAY.fullmatch(text) or _ORDERED_TIME.fullmatch(text)
            if parts and (parts[3] or self._has_short_years):
                self._has_late_first |= int(parts[1]) > 12
                self._has_late_second |= int(parts[2]) > 12

    @property
    def order(self) -> DateOrder | None:
        """The only possible order, if there is exactly one."""
        if self._has_late_first == self._has_late_second:
            return None
        return "dmy" if self._has_late_first else "mdy"
