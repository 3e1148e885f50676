"""Parses rows of texts into the fields of a body, and validates them by its model."""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from okube_api.errors import Fault, Impossible, format_suggestion
from okube_api.kit.cells import (
    GROUPED_PATTERN,
    INSTANT_PATTERN,
    CellFormat,
    ValueType,
    is_naive_instant,
    is_ordered_day,
    read_value,
)
from okube_api.kit.encodings import looks_misread
from okube_api.kit.schemas import Body
from okube_api.store.values import Json
from okube_api.tables.cells import NULL_CELL, parse_free, parse_list, parse_text, split_items
from okube_api.tables.columns import COORDINATES, CellType, TableColumn, TableColumns, list_columns
from okube_api.tables.reading import RowBlock

ID_COLUMN = "_id"
MAX_ERRORS = 100
"""Of a table, in an answer."""

ENCODING_HINT = " The file seems to have another encoding: give `encoding`, such as utf8 or windows-1252."
_MAPPER_HINT = " To read columns with names of your own, give the column of each field as `mapper[field]`."

_COMMA_HINT = " A comma before three digits may be a decimal comma or not: write 1234 or 1.234."

_DEFAULT_FORMAT = CellFormat()
_INSTANT, _GROUPED = re.compile(INSTANT_PATTERN), re.compile(GROUPED_PATTERN)
_SERIAL_DAY = re.compile(r" *([2-7]\d{4})(?:[.,]0+)? *", re.ASCII)  # 1954 to 2119


@dataclass(frozen=True, slots=True)
class Row:
    """A valid row: its line in the file, its `_id` if it has one, and its fields; null clears a field."""

    line: int
    id: str | None
    fields: Json


class RowParser:
    """Parses the rows of a table whose columns are the fields of `model`.

    columns: the header of the table.
    renamed: the table's column for each column of the model; other columns are not read.  The `_id` is read if it is a
        key of `renamed`.
    ignored: columns that the table may have but that are not read.
    cell_format: how numbers and days are written.
    timezone: in which instants are days, an IANA name; without it, they are refused.
    factors: by which the numbers of a column are multiplied, by the name of the model's column.
    item_defaults: what the only object of a list has where the row has other inner fields of it, by the list's field.
    Raises Impossible for columns that the model does not have, and for renamed columns that the table does not have.
    """

    def __init__(
        self,
        model: type[Body],
        columns: Sequence[str],
        *,
        renamed: Mapping[str, str] | None = None,
        ignored: Collection[str] = (),
        cell_format: CellFormat = _DEFAULT_FORMAT,
        timezone: str | None = None,
        factors: Mapping[str, Fraction] | None = None,
        item_defaults: Mapping[str, Json] | None = None,
    ) -> None:
        self._model, self._item_defaults = model, item_defaults or {}
        model_columns = list_columns(model)
        self._nullable = model_columns.nullable
        if renamed:
            self._columns = _match_renamed_columns(model_columns, columns, renamed)
        else:
            self._columns = _match_columns(model_columns, columns, {ID_COLUMN, *ignored})
        self._has_id = ID_COLUMN in (columns if renamed is None else renamed)
        day_fields = list_day_fields(model)
        zone = None if timezone is None else ZoneInfo(timezone)
        self._parsers = [
            (
                name,
                column,
                _get_cell_parser(
                    column, _find_value_type(column, day_fields), cell_format, zone, (factors or {}).get(column.name)
                ),
            )
            for name, column in self._columns
        ]
        self._names = {column.path: name for name, column in self._columns}
        self._number_columns = {name for name, column in self._columns if column.cell_type is CellType.NUMBER}
        self._day_columns = {name for name, column in self._columns if column.name in day_fields}

    @property
    def partial_objects(self) -> dict[str, frozenset[str]]:
        """The objects of which the table has columns, with their inner fields that it has; rows change no others."""
        inner_names: dict[str, set[str]] = {}
        for _, column in self._columns:
            if len(column.path) == 2 and column.path[0] != "coordinates":
                inner_names.setdefault(column.path[0], set()).add(column.path[1])
        return {name: frozenset(inner) for name, inner in inner_names.items()}

    @property
    def has_single_items(self) -> bool:
        """Whether the table has columns of the only object of a list."""
        return any(len(column.path) == 3 for _, column in self._columns)

    def list_values(self, fields: Json) -> Json:
        """Return the values of a row's fields by the columns of the model that the table has, without absent ones."""
        values = {column.name: _get_value(fields, column.path) for _, column in self._columns}
        return {name: value for name, value in values.items() if value is not None}

    def list_texts(self, texts: Mapping[str, str]) -> dict[str, str]:
        """Return the cells of a row by the columns of the model, without empty ones."""
        return {column.name: texts[name] for name, column in self._columns if texts.get(name)}

    def find_model_column(self, column: str | None) -> str | None:
        """Return the model's column of a column of the table; other names unchanged."""
        return next((model_column.name for name, model_column in self._columns if name == column), column)

    def parse(self, block: RowBlock) -> tuple[list[Row], list[Fault]]:
        """Return the valid rows of a block, and the faults of the others in the order of their lines."""
        rows: list[Row] = []
        faults = list(block.faults)
        names = list(block.rows.columns)
        for line, *cells in block.rows.itertuples(name=None):
            texts = dict(zip(names, cells, strict=True))
            if ambiguous := self._find_ambiguous_column(texts):
                reason = f"Give '{ambiguous.path[0]}' or the columns of its only item, not both."
                faults.append(Fault("body", "/file", "invalid", reason, line, ambiguous.name))
                continue
            try:
                body = self._model.model_validate(self._parse_fields(texts))
            except ValidationError as error:
                faults += [self._build_fault(details, line, texts) for details in error.errors(include_url=False)]
            else:
                rows.append(Row(line, (texts[ID_COLUMN] or None) if self._has_id else None, body.dump_set_fields()))
        return rows, sorted(faults, key=lambda fault: fault.line or 0)

    def _parse_fields(self, texts: Mapping[str, str]) -> Json:
        """Return the fields of a row; an empty cell gives null where null is allowed, else no field."""
        fields: Json = {}
        items: dict[str, Json] = {}  # the only object of a list, by the field of the list
        for name, column, parse in self._parsers:
            text = "" if texts[name] == NULL_CELL else texts[name]
            first, *inner = column.path
            if not inner:
                fields[first] = parse(text) if text else None
            elif len(inner) == 2:
                items.setdefault(first, {}).update({inner[1]: parse(text)} if text else {})
            elif text:
                fields.setdefault(first, {})[inner[0]] = parse(text)
            else:
                fields.setdefault(first, {})
        for first, item in items.items():
            fields[first] = [self._item_defaults.get(first, {}) | item] if item else fields.get(first)
        if pair := fields.get("coordinates"):
            fields["coordinates"] = [pair.get("0"), pair.get("1")]
        fields = {name: None if value == {} else value for name, value in fields.items()}
        return {name: value for name, value in fields.items() if value is not None or name in self._nullable}

    def _find_ambiguous_column(self, texts: Mapping[str, str]) -> TableColumn | None:
        """Return a column of the only object in a list where the row has the column of the list, too."""
        for name, column in self._columns:
            if len(column.path) == 3 and texts[name] and texts.get(self._names.get(column.path[:1], "")):
                return replace(column, name=name)
        return None

    def find_column(self, pointer: str) -> str | None:
        """Return the table's column of the field that a pointer names; None for an empty pointer."""
        path = tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
        return self._get_column(path) if path else None

    def _get_column(self, path: tuple[str, ...]) -> str:
        for size in (3, 2, 1):
            if path[:size] in self._names:
                return self._names[path[:size]]
        # An object that the table has only inner fields of: the first of them.
        return next((name for column_path, name in self._names.items() if column_path[:1] == path[:1]), path[0])

    def _build_fault(self, error: Any, line: int, texts: Mapping[str, str]) -> Fault:
        column = self._get_column(tuple(str(part) for part in error["loc"]) or ("",))
        reason = str(error["msg"]).removeprefix("Value error, ")
        if error["type"] == "missing":
            reason = "A value is required."
        elif error["loc"][:1] == ("coordinates",) and error["input"] is None:
            reason = "Give both the longitude and the latitude, or none of them."
        if is_ordered_day(texts.get(column)):
            reason = f"{reason.removesuffix('.')}. Give `dates` as `dmy` or `mdy` for days such as 31/12/2024"
        elif column in self._day_columns and _INSTANT.match(texts.get(column, "")):
            reason = f"{reason.removesuffix('.')}. Give `timezone` for instants such as 2024-03-31T22:00:00Z"
        elif column in self._number_columns and _GROUPED.match(texts.get(column, "")):
            reason = f"{reason.removesuffix('.')}.{_COMMA_HINT}"
        elif looks_misread(texts.get(column, "")):
            reason = f"{reason.removesuffix('.')}.{ENCODING_HINT}"
        return Fault("body", "/file", "invalid", reason if reason.endswith(".") else f"{reason}.", line, column)


def _get_value(fields: Json, path: Sequence[str]) -> Any:
    """Return the value at a path of names and of positions in lists, None where there is none."""
    value: Any = fields
    for part in path:
        if isinstance(value, list):
            value = value[int(part)] if int(part) < len(value) else None
        elif isinstance(value, dict):
            value = value.get(part)
        else:
            return None
    return value


def _match_columns(
    model_columns: TableColumns, columns: Sequence[str], ignored: Collection[str]
) -> list[tuple[str, TableColumn]]:
    """Return the columns of the model that a table has, each with its name in the table."""
    matches = [(name, model_columns.find_column(name)) for name in columns if name]
    unknown = [name for name, column in matches if column is None and name not in ignored]
    if unknown:
        hint = _MAPPER_HINT if not any(map(looks_misread, columns)) else ENCODING_HINT
        raise _unknown_columns("Unknown column '{}'.", unknown, model_columns.readable_names, hint)
    return [(name, column) for name, column in matches if column is not None]


def _match_renamed_columns(
    model_columns: TableColumns, columns: Sequence[str], renamed: Mapping[str, str]
) -> list[tuple[str, TableColumn]]:
    """Return the renamed columns of the model, each with its name in the table."""
    missing = [name for name in renamed.values() if name not in columns]
    if missing:
        hint = " `mapper` must have the names in the file's header."
        raise _unknown_columns(
            "The file has no column '{}'.",
            missing,
            columns,
            ENCODING_HINT if any(map(looks_misread, columns)) else hint,
        )
    matches = [
        (name, model_columns.find_column(model_name)) for model_name, name in renamed.items() if model_name != ID_COLUMN
    ]
    return [(name, column) for name, column in matches if column is not None]


def _unknown_columns(reason: str, names: Sequence[str], similar: Sequence[str], hint: str) -> Impossible:
    """Return the refusal of some columns, with a hint and a suggestion for the first one: suggestions are slow.

    similar: the names to suggest.
    """
    faults = [
        Fault("body", "/file", "unknown_column", reason.format(name[:100]), 1, name[:100])
        for name in names[:MAX_ERRORS]
    ]
    suggestion = format_suggestion(names[0][:100], [name[:100] for name in similar])
    first = replace(faults[0], message=f"{faults[0].message}{suggestion}{hint}")
    return Impossible(first.message, faults=[first, *faults[1:]])


# -- cells ---------------------------------------------------------------------------------------------------


def _get_cell_parser(
    column: TableColumn,
    value_type: ValueType,
    cell_format: CellFormat,
    zone: ZoneInfo | None,
    factor: Fraction | None,
) -> Callable[[str], Any]:
    """Return the parser of cells that are not empty; it returns invalid cells as texts, for the model to refuse."""
    if value_type is ValueType.TEXT:
        return _PARSERS[column.cell_type]
    if column.name in COORDINATES:  # `48,629` cannot be 48629
        cell_format = replace(cell_format, decimal_comma=True)

    def parse(text: str) -> Any:
        value = read_value(parse_text(text), value_type, cell_format)
        if value_type is ValueType.DAY:
            return _find_serial_day(value) or _find_local_day(value, zone) or value
        if isinstance(value, str):
            return text
        return value if factor is None else _multiply(value, factor)

    return parse


def _find_serial_day(text: str) -> str | None:
    """Return the day of a number that a spreadsheet shows instead: 45627 is 2024-12-01; None for other texts."""
    match = _SERIAL_DAY.fullmatch(text)
    return (date(1899, 12, 30) + timedelta(days=int(match[1]))).isoformat() if match else None


def _find_local_day(text: str, zone: ZoneInfo | None) -> str | None:
    """Return the day (YYYY-MM-DD) of an instant in a time zone, or that of a local time; None for other texts."""
    if zone is None:
        return None
    local = is_naive_instant(text)
    instant = read_value(f"{text.rstrip()}Z" if local else text, ValueType.INSTANT, _DEFAULT_FORMAT)
    if instant == text and not _INSTANT.match(text):
        return None
    try:
        parsed = datetime.fromisoformat(instant)
        return (parsed if local else parsed.astimezone(zone)).date().isoformat()
    except (ValueError, OverflowError):
        return None


def _multiply(value: float, factor: Fraction) -> float:
    """Multiply exactly, as decimals: 0.07 by 1000 is 70."""
    product = Fraction(repr(value)) * factor
    return int(product) if product.denominator == 1 else float(product)


def _find_value_type(column: TableColumn, day_fields: Collection[str]) -> ValueType:
    """Return the type of a column's cells; TEXT for those that only tables have."""
    if column.cell_type is CellType.NUMBER:
        return ValueType.INTEGER  # numbers without a fraction become integers, which fields of numbers take, too
    if column.cell_type is CellType.BOOLEAN:
        return ValueType.BOOLEAN
    return ValueType.DAY if column.name in day_fields else ValueType.TEXT


@lru_cache
def list_day_fields(model: type[Body]) -> frozenset[str]:
    """Return the names of the columns of a model that hold days."""
    schema = model.model_json_schema()
    days = _list_days(schema)
    for item_name, item in list_columns(model).single_items.items():
        options = schema["properties"][item.field]
        references = [option["items"]["$ref"] for option in (options, *options.get("anyOf", ())) if "items" in option]
        for reference in references:
            days += [f"{item_name}.{name}" for name in _list_days(schema["$defs"][reference.rpartition("/")[2]])]
    return frozenset(days)


def _list_days(schema: Json) -> list[str]:
    return [
        name
        for name, field in schema.get("properties", {}).items()
        if any(option.get("format") == "date" for option in (field, *field.get("anyOf", ())))
    ]


def _parse_values(text: str) -> list[Any]:
    """Return the values in a cell, each as JSON, or all of them as one JSON list."""
    values = [_parse_value(item) for item in split_items(parse_text(text))]
    return values[0] if len(values) == 1 and isinstance(values[0], list) else values


def _parse_pairs(text: str) -> list[Any]:
    """Return the pairs in a cell: as JSON, or opening hours as people write them (`9h-12h30, 14:00-19:00`)."""
    words = parse_text(text).strip()
    if words.lower() in _CLOSED:
        return []
    hours = [_HOURS.fullmatch(part) for part in _BETWEEN_HOURS.split(words)]
    if all(hours):
        return [
            [f"{int(match[1]):02}:{match[2] or '00'}", f"{int(match[3]):02}:{match[4] or '00'}"]
            for match in hours
            if match is not None
        ]
    values = [_parse_value(item) for item in split_items(parse_text(text))]
    first = values[0]
    is_nested = len(values) == 1 and isinstance(first, list) and first and all(isinstance(pair, list) for pair in first)
    return first if is_nested else values


def _parse_value(item: str) -> Any:
    try:
        return json.loads(item, parse_constant=str)
    except (ValueError, RecursionError):
        return item


_HOUR = r"(\d{1,2})(?:[:hH.](\d{2})?)?"
_HOURS = re.compile(rf"{_HOUR} *(?:[-\u2013\u2014]|à|to|bis) *{_HOUR}", re.ASCII)
_BETWEEN_HOURS = re.compile(r" *[|,;/+&] *| +(?:et|and|und|e|y) +")
_CLOSED = frozenset(("-", "closed", "fermé", "ferme", "geschlossen", "chiuso", "cerrado"))

_PARSERS: Mapping[CellType, Callable[[str], Any]] = {
    CellType.TEXT: parse_text,
    CellType.TEXTS: parse_list,
    CellType.VALUES: _parse_values,
    CellType.PAIRS: _parse_pairs,
    CellType.WKT: parse_text,  # the model of the field reads it
    CellType.FREE: parse_free,
}
