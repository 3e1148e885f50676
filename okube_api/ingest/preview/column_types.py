"""Finds the types of columns from their values, by the rules that read them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property
from typing import Any

from okube_api.ingest.field_names import split_name
from okube_api.ingest.preview.file_head import FileHead
from okube_api.kit.booleans import CELL_BOOLEANS
from okube_api.kit.cells import (
    BLANKS,
    CellFormat,
    DateOrder,
    DateOrderFinder,
    ValueType,
    is_day,
    is_instant,
    is_ordered_day,
    is_ordered_time,
    read_local_time,
    read_time_of_day,
    read_value,
)

_SAMPLES = 5
_DAY_LENGTH = 10  # of `2024-12-31`, behind which some tools write a midnight
_LONGEST_SAMPLE = 200
_MIN_SHARE = 0.9
_MAX_CELLS, _MIN_ROWS = 30_000, 20  # reading a cell as all types takes some 40 µs
_EPOCH = re.compile("1[0-9]{9}|1[0-9]{12}|1[0-9]{15}")
_EPOCH_WORDS = frozenset(("timestamp", "ts", "time", "date", "datetime", "at", "epoch", "start", "end", "heure"))


class GuessedType(StrEnum):
    """The type of the values of a column; `time` is a time of day."""

    TEXT = "text"
    NUMBER = "number"
    DAY = "day"
    TIME = "time"
    INSTANT = "instant"
    BOOLEAN = "boolean"
    EMPTY = "empty"


@dataclass(frozen=True, eq=False)
class SampleColumn:
    """A column, and its values in the first rows of a file, without those that are empty."""

    name: str
    type: GuessedType
    values: Sequence[Any]

    @cached_property
    def limits(self) -> tuple[float, float] | None:
        """The least and the greatest of the values that are numbers, None when none is."""
        read = [read_value(value, ValueType.NUMBER, _ANY_COMMA) for value in self.values]
        numbers = [number for number in read if isinstance(number, int | float)]
        return (min(numbers), max(numbers)) if numbers else None

    def list_samples(self) -> list[str]:
        """Return some distinct values, as the file has them."""
        texts = dict.fromkeys(str(value)[:_LONGEST_SAMPLE] for value in self.values)
        return list(texts)[:_SAMPLES]


@dataclass(frozen=True, slots=True)
class SampledFile:
    """The columns of a file, and how its values are written.

    cell_format: its order of day and month is None when there are no such days or no order is likely.
    has_decimal_comma: whether a column of numbers has commas.
    has_local_times: whether it has instants without an offset.
    """

    columns: Sequence[SampleColumn]
    cell_format: CellFormat
    has_decimal_comma: bool
    has_local_times: bool


def sample_columns(head: FileHead, date_order: DateOrder | None) -> SampledFile:
    """Return the columns of the first rows of a file.  date_order: given by the sender, else it is guessed."""
    columns = []
    rows = head.rows[: max(_MAX_CELLS // max(len(head.names), 1), _MIN_ROWS)]
    for position, name in enumerate(head.names):
        values = [row[position] for row in rows if row[position] is not None and row[position] != ""]
        columns.append(SampleColumn(name, guess_type(name, values), values))
    dated = [column for column in columns if column.type in (GuessedType.DAY, GuessedType.INSTANT)]
    has_decimal_comma = any(
        "," in str(value) for column in columns if column.type is GuessedType.NUMBER for value in column.values
    )
    is_continental = has_decimal_comma or head.delimiter == ";"
    order = date_order or _guess_order([value for column in dated for value in column.values], is_continental)
    has_local_times = any(
        column.type is GuessedType.INSTANT and any(_is_local_time(value) for value in column.values) for column in dated
    )
    has_times = any(column.type is GuessedType.TIME for column in columns)
    cell_format = CellFormat(head.delimiter not in (None, ","), order)
    return SampledFile(columns, cell_format, has_decimal_comma, has_local_times or has_times)


def _is_local_time(value: Any) -> bool:
    return isinstance(value, str) and read_local_time(value, "dmy") is not None


def _guess_order(values: Sequence[Any], is_continental: bool) -> DateOrder | None:
    """Return the order of day and month that values leave; when they leave both, that of countries which write `1,5`.

    is_continental: whether the file has decimal commas, or semicolons between its cells.
    """
    ordered = [value for value in values if is_ordered_day(value) or is_ordered_time(value)]
    if not ordered:
        return None
    finder = DateOrderFinder(has_short_years=True)  # the sender sees the guess
    finder.add(ordered)
    if finder.order is not None:
        return finder.order
    is_possible = all(_names_day(value, "dmy") for value in ordered)
    return "dmy" if is_possible and (is_continental or any("." in value for value in ordered)) else None


def _names_day(value: str, order: DateOrder) -> bool:
    first, middle = (int(part) for part in re.split(r"[/.-]", value.strip(BLANKS))[:2])
    return (middle if order == "dmy" else first) <= 12


def guess_type(name: str, values: Sequence[Any]) -> GuessedType:
    """Return the type of almost all values.  name: of the column, which tells seconds since 1970 from numbers."""
    if not values:
        return GuessedType.EMPTY
    is_epoch_name = not _EPOCH_WORDS.isdisjoint(split_name(name))
    counts = dict.fromkeys(GuessedType, 0)
    for value in values:
        counts[_find_type(value, is_epoch_name=is_epoch_name)] += 1
    if counts[GuessedType.INSTANT]:  # at midnight, some tools leave the time out
        counts[GuessedType.INSTANT] += counts[GuessedType.DAY]
    best = max(counts, key=lambda column_type: counts[column_type])
    return best if counts[best] >= _MIN_SHARE * len(values) else GuessedType.TEXT


def _find_type(value: Any, *, is_epoch_name: bool) -> GuessedType:
    text = str(value).strip(BLANKS)
    is_code = text[:1] == "0" and text.isdigit() and len(text) > 1  # which has its zeros as a text only
    is_number = not is_code and not isinstance(read_value(value, ValueType.NUMBER, _ANY_COMMA), str)
    checks = {
        GuessedType.BOOLEAN: isinstance(value, bool) or (text.lower() in CELL_BOOLEANS and not text[0].isdigit()),
        GuessedType.INSTANT: is_instant(text) or (is_epoch_name and _EPOCH.fullmatch(text) is not None),
        GuessedType.DAY: is_day(text),
        GuessedType.NUMBER: is_number,
        GuessedType.TIME: read_time_of_day(text) is not None,
    }
    return next((column_type for column_type, is_type in checks.items() if is_type), GuessedType.TEXT)


_ANY_COMMA = CellFormat(decimal_comma=True)


def render_value(value: Any, column_type: GuessedType, cell_format: CellFormat) -> Any:
    """Return a value as the server reads it in a field of the column's type."""
    if not isinstance(value, str):
        return value
    if column_type is GuessedType.INSTANT and (local_time := read_local_time(value, cell_format.date_order)):
        return local_time
    if column_type is GuessedType.TIME:
        return read_time_of_day(value) or value
    value_type = _VALUE_TYPES.get(column_type)
    read = value if value_type is None else read_value(value, value_type, cell_format)
    if value_type is ValueType.DAY and not _is_calendar_day(read):
        return value  # such as of the 26th month, when the sender gives another order of day and month
    return read


def _is_calendar_day(text: Any) -> bool:
    try:
        date.fromisoformat(str(text)[:_DAY_LENGTH])
    except ValueError:
        return False
    return True


_VALUE_TYPES = {
    GuessedType.NUMBER: ValueType.NUMBER,
    GuessedType.BOOLEAN: ValueType.BOOLEAN,
    GuessedType.DAY: ValueType.DAY,
    GuessedType.INSTANT: ValueType.INSTANT,
}
