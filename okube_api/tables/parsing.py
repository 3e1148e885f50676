"""Parses rows of texts into the fields of a body, and validates them by its model."""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from okube_api.errors import Fault, Impossible, format_suggestion
from okube_api.kit.cells import CellFormat, ValueType, is_ordered_day, read_value
from okube_api.kit.schemas import Body
from okube_api.store.values import Json
from okube_api.tables.cells import parse_free, parse_list, parse_text
from okube_api.tables.columns import CellType, TableColumn, TableColumns, list_columns
from okube_api.tables.reading import RowBlock

ID_COLUMN = "_id"
MAX_ERRORS = 100
"""Of a table, in an answer."""

_DEFAULT_FORMAT = CellFormat()


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
    ) -> None:
        self._model = model
        model_columns = list_columns(model)
        self._nullable = model_columns.nullable
        if renamed:
            self._columns = _match_renamed_columns(model_columns, columns, renamed)
        else:
            self._columns = _match_columns(model_columns, columns, {ID_COLUMN, *ignored})
        self._has_id = ID_COLUMN in (columns if renamed is None else renamed)
        day_fields = list_day_fields(model)
        self._parsers = [
            (name, column, _get_cell_parser(column, _find_value_type(column, day_fields), cell_format))
            for name, column in self._columns
        ]
        self._names = {column.path: name for name, column in self._columns}

    @property
    def partial_objects(self) -> dict[str, frozenset[str]]:
        """The objects of which the table has columns, with their inner fields that it has; rows change no others."""
        inner_names: dict[str, set[str]] = {}
        for _, column in self._columns:
            if len(column.path) == 2 and column.path[0] != "coordinates":
                inner_names.setdefault(column.path[0], set()).add(column.path[1])
        return {name: frozenset(inner) for name, inner in inner_names.items()}

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
            text = texts[name]
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
            fields[first] = [item] if item else fields.get(first)
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
        reason = (
            "A value is required." if error["type"] == "missing" else str(error["msg"]).removeprefix("Value error, ")
        )
        if is_ordered_day(texts.get(column)):
            reason = f"{reason.removesuffix('.')}. Give `dates` as `dmy` or `mdy` for days such as 31/12/2024"
        return Fault("body", "/file", "invalid", reason if reason.endswith(".") else f"{reason}.", line, column)


def _match_columns(
    model_columns: TableColumns, columns: Sequence[str], ignored: Collection[str]
) -> list[tuple[str, TableColumn]]:
    """Return the columns of the model that a table has, each with its name in the table."""
    matches = [(name, model_columns.find_column(name)) for name in columns if name]
    unknown = [name for name, column in matches if column is None and name not in ignored]
    if unknown:
        raise _unknown_columns("Unknown column '{}'.", unknown, model_columns.readable_names)
    return [(name, column) for name, column in matches if column is not None]


def _match_renamed_columns(
    model_columns: TableColumns, columns: Sequence[str], renamed: Mapping[str, str]
) -> list[tuple[str, TableColumn]]:
    """Return the renamed columns of the model, each with its name in the table."""
    missing = [name for name in renamed.values() if name not in columns]
    if missing:
        raise _unknown_columns("The file has no column '{}'.", missing, columns)
    matches = [
        (name, model_columns.find_column(model_name)) for model_name, name in renamed.items() if model_name != ID_COLUMN
    ]
    return [(name, column) for name, column in matches if column is not None]


def _unknown_columns(reason: str, names: Sequence[str], similar: Sequence[str]) -> Impossible:
    """Return the refusal of some columns, with a suggestion among `similar` names for the first one: they are slow."""
    faults = [
        Fault("body", "/file", "unknown_column", reason.format(name[:100]), 1, name[:100])
        for name in names[:MAX_ERRORS]
    ]
    suggestion = format_suggestion(names[0][:100], [name[:100] for name in similar])
    first = replace(faults[0], message=f"{faults[0].message}{suggestion}")
    return Impossible(first.message, faults=[first, *faults[1:]])


# -- cells ---------------------------------------------------------------------------------------------------


def _get_cell_parser(column: TableColumn, value_type: ValueType, cell_format: CellFormat) -> Callable[[str], Any]:
    """Return the parser of cells that are not empty; it returns invalid cells as texts, for the model to refuse."""
    if value_type is ValueType.TEXT:
        return _PARSERS[column.cell_type]

    def parse(text: str) -> Any:
        value = read_value(parse_text(text), value_type, cell_format)
        return text if isinstance(value, str) and value_type is not ValueType.DAY else value

    return parse


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
    return [_parse_value(item) for item in parse_list(text)]


def _parse_value(item: str) -> Any:
    try:
        return json.loads(item, parse_constant=str)
    except (ValueError, RecursionError):
        return item


_PARSERS: Mapping[CellType, Callable[[str], Any]] = {
    CellType.TEXT: parse_text,
    CellType.TEXTS: parse_list,
    CellType.VALUES: _parse_values,
    CellType.FREE: parse_free,
}
