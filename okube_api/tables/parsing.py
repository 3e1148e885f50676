"""Rows of texts as the fields of a body, held to the body's limits."""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any

from pydantic import ValidationError

from okube_api.errors import Fault, Impossible, format_suggestion
from okube_api.kit.schemas import Body
from okube_api.store.values import Json
from okube_api.tables.cells import parse_free, parse_list, parse_text
from okube_api.tables.columns import CellType, TableColumn, TableColumns, list_columns
from okube_api.tables.reading import RowBlock

ID = "_id"

_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d+,\d+", re.ASCII)
_WORDS = {"true": True, "false": False, "1": True, "0": False}


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its line, the `_id` that it names, and its fields as documents hold them, null where it clears one."""

    line: int
    id: str | None
    fields: Json


class RowParser:
    """Reads the rows of tables whose columns are the fields of `model`.

    columns: those of the table.
    renamed: the table's column for each column of the model that it has by another name; others are not read.  An
        `_id` among the names says to read the table's `_id`.
    ignored: columns that the table may have, though nothing is read from them.
    decimal_comma: `48,85` is a number.
    Raises Impossible for columns that mean nothing here, and for renamed ones that the table lacks.
    """

    def __init__(
        self,
        model: type[Body],
        columns: Sequence[str],
        *,
        renamed: Mapping[str, str] | None = None,
        ignored: Collection[str] = (),
        decimal_comma: bool = False,
    ) -> None:
        self._model = model
        known = list_columns(model)
        self._nullable = known.nullable
        self._columns = _renamed(known, columns, renamed) if renamed else _chosen(known, columns, {ID, *ignored})
        self._has_id = ID in (columns if renamed is None else renamed)
        self._parsers = [(name, column, _parser(column, decimal_comma)) for name, column in self._columns]
        self._names = {column.path: name for name, column in self._columns}

    @property
    def partial_objects(self) -> dict[str, frozenset[str]]:
        """The objects that the table has columns of, and which: what others they hold, a row leaves alone."""
        found: dict[str, set[str]] = {}
        for _, column in self._columns:
            if len(column.path) > 1 and column.path[0] != "coordinates":
                found.setdefault(column.path[0], set()).add(column.path[1])
        return {name: frozenset(inner) for name, inner in found.items()}

    def read(self, block: RowBlock) -> tuple[list[Row], list[Fault]]:
        """The rows of a block, and what is wrong with the others."""
        rows: list[Row] = []
        faults = list(block.faults)
        names = list(block.rows.columns)
        for line, *cells in block.rows.itertuples(name=None):
            texts = dict(zip(names, cells, strict=True))
            try:
                body = self._model.model_validate(self._fields(texts))
            except ValidationError as error:
                faults += [self._fault(one, line) for one in error.errors(include_url=False)]
            else:
                rows.append(Row(line, (texts[ID] or None) if self._has_id else None, body.dump_set_fields()))
        return rows, faults

    def _fields(self, texts: Mapping[str, str]) -> Json:
        """The fields that a row names; null where its cells are empty and null is allowed."""
        found: Json = {}
        for name, column, parse in self._parsers:
            text = texts[name]
            first, *inner = column.path
            if not inner:
                found[first] = parse(text) if text else None
            elif text:
                found.setdefault(first, {})[inner[0]] = parse(text)
            else:
                found.setdefault(first, {})
        if pair := found.get("coordinates"):
            found["coordinates"] = [pair.get("0"), pair.get("1")]
        whole = {name: None if value == {} else value for name, value in found.items()}
        return {name: value for name, value in whole.items() if value is not None or name in self._nullable}

    def column_at(self, pointer: str) -> str | None:
        """The table's column that a pointer to a field means."""
        path = tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:])
        return self._column(path) if path else None

    def _column(self, path: tuple[str, ...]) -> str:
        found = next((self._names[path[:size]] for size in (2, 1) if path[:size] in self._names), None)
        if found is None:  # of an object that the row names in part: its first column stands for it
            found = next((name for whole, name in self._names.items() if whole[:1] == path[:1]), path[0])
        return found

    def _fault(self, error: Any, line: int) -> Fault:
        column = self._column(tuple(str(part) for part in error["loc"]) or ("",))
        reason = "This is required." if error["type"] == "missing" else str(error["msg"]).removeprefix("Value error, ")
        return Fault("body", "/file", "invalid", reason if reason.endswith(".") else f"{reason}.", line, column)


def _chosen(known: TableColumns, columns: Sequence[str], ignored: Collection[str]) -> list[tuple[str, TableColumn]]:
    """The columns that a table has and a model knows, each with its name in the table."""
    found = [(name, known.find_column(name)) for name in columns if name]
    names = [column.name for column in known.fixed]
    faults = [
        _unknown(name, f"There is no column '{name[:100]}' here.{format_suggestion(name, names)}")
        for name, column in found
        if column is None and name not in ignored
    ]
    if faults:
        raise Impossible(faults[0].message, faults=faults)
    return [(name, column) for name, column in found if column is not None]


def _renamed(known: TableColumns, columns: Sequence[str], renamed: Mapping[str, str]) -> list[tuple[str, TableColumn]]:
    faults = [
        _unknown(name, f"The file has no column '{name[:100]}'.{format_suggestion(name, columns)}")
        for name in renamed.values()
        if name not in columns
    ]
    if faults:
        raise Impossible(faults[0].message, faults=faults)
    found = [(name, known.find_column(ours)) for ours, name in renamed.items() if ours != ID]
    return [(name, column) for name, column in found if column is not None]


def _unknown(name: str, reason: str) -> Fault:
    return Fault("body", "/file", "unknown_column", reason, 1, name)


# -- cells ---------------------------------------------------------------------------------------------------


def _parser(column: TableColumn, decimal_comma: bool) -> Callable[[str], Any]:
    """What reads a cell that is not empty; what it cannot read stays a text, for the model to refuse."""
    if column.sort is CellType.NUMBER:
        return _with_comma if decimal_comma else _number
    return _PARSERS[column.sort]


def _number(text: str) -> int | float | str:
    bare = parse_text(text).strip()
    if _INTEGER.fullmatch(bare) and -(2**63) <= (whole := int(bare)) < 2**63:
        return whole
    number = float(bare) if _NUMBER.fullmatch(bare) else nan
    return number if isfinite(number) else text


def _with_comma(text: str) -> int | float | str:
    return _number(text.replace(",", ".") if _DECIMAL_COMMA.fullmatch(text.strip()) else text)


def _boolean(text: str) -> bool | str:
    return _WORDS.get(text.strip().lower(), text)


def _values(text: str) -> list[Any]:
    return [_value(item) for item in parse_list(text)]


def _value(item: str) -> Any:
    try:
        return json.loads(item, parse_constant=str)
    except (ValueError, RecursionError):
        return item


_PARSERS: Mapping[CellType, Callable[[str], Any]] = {
    CellType.TEXT: parse_text,
    CellType.BOOLEAN: _boolean,
    CellType.TEXTS: parse_list,
    CellType.VALUES: _values,
    CellType.FREE: parse_free,
}
