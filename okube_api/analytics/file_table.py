"""Writes the table of an answer to a file with typed columns: XLSX or Parquet."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import date
from types import NoneType
from typing import BinaryIO

from okube_api.analytics.table import FIRST_COLUMNS, AnswerTable
from okube_api.catalogue.kpi import Module, Unit
from okube_api.catalogue.registry import CATALOGUE
from okube_api.catalogue.shapes import RATE_FIELDS
from okube_api.kit.file_options import FileFormat
from okube_api.tables.file_columns import FileColumn, FileColumnType, Value
from okube_api.tables.typed_file import open_typed_file

_FIXED_COLUMNS = FIRST_COLUMNS[:-1]
_TYPES: Mapping[frozenset[type], FileColumnType] = {
    frozenset(): FileColumnType.NUMBER,
    frozenset({int}): FileColumnType.INTEGER,
    frozenset({float}): FileColumnType.NUMBER,
    frozenset({int, float}): FileColumnType.NUMBER,
    frozenset({bool}): FileColumnType.BOOLEAN,
    frozenset({str}): FileColumnType.TEXT,
    frozenset({date}): FileColumnType.DAY,
}
_PERCENT, _CHANGE = "0.00%", "+0.00%;-0.00%;0.00%"
_POINTS = '+0.00%" pts";-0.00%" pts";0.00%" pts"'  # the cell keeps the difference of the rates, 0.0125 for 1.25 points
_INTEGER, _DECIMAL = "#,##0", "#,##0.00"


def write_table(table: AnswerTable, file_format: FileFormat, module: Module, file: BinaryIO) -> None:
    """Write the table to the file.  Raise Impossible for too many rows."""
    columns = [
        *(FileColumn(name, FileColumnType.DAY if name == "from" else FileColumnType.TEXT) for name in _FIXED_COLUMNS),
        *(_build_column(name, table, module) for name in table.columns),
    ]
    with closing(open_typed_file(file_format, file, columns, module.value)) as typed_file:
        for block in table.blocks:
            typed_file.write(block.list_rows(table.columns))
        typed_file.finish()


def _build_column(name: str, table: AnswerTable, module: Module) -> FileColumn:
    types = frozenset(table.types.get(name, ())) - {NoneType}
    value_type = _TYPES.get(types, FileColumnType.ANY)
    is_numeric = value_type in {FileColumnType.INTEGER, FileColumnType.NUMBER, FileColumnType.ANY}
    return FileColumn(name, value_type, _build_number_format(name, table, module) if is_numeric else None)


def _build_number_format(
    name: str, table: AnswerTable, module: Module
) -> Callable[[Sequence[Value], float], str | None]:
    """Return the function that chooses how spreadsheets show a number.

    Shares and rates are shown in percent, relative changes with their sign, too, and differences of rates in points.
    """
    if name in {"item_from", "item_to"}:
        return lambda _values, _number: None
    column, _, inner_field = name.partition(".")
    if column == "change" and inner_field:
        return lambda _values, _number: _choose_change(is_rate=_is_rate(inner_field))
    if name not in {"value", "compared_value", "change"}:
        return lambda _values, number: _choose_by_field(name, number)
    units = {kpi.name: kpi.unit for kpi in CATALOGUE[module]}
    field_index = len(_FIXED_COLUMNS) + table.columns.index("field") if "field" in table.columns else None

    def choose(values: Sequence[Value], number: float) -> str:
        field = None if field_index is None else values[field_index]
        unit = units[str(values[0])]
        if name == "change":
            return _choose_change(is_rate=_is_rate(field) if isinstance(field, str) else unit is Unit.RATIO)
        if isinstance(field, str):
            return _choose_by_field(field, number)
        if unit is Unit.RATIO:
            return _PERCENT
        return _DECIMAL if unit is Unit.MONEY or isinstance(number, float) else _INTEGER

    return choose


def _choose_change(*, is_rate: bool) -> str:
    return _POINTS if is_rate else _CHANGE


def _choose_by_field(field: str, number: float) -> str:
    if _is_rate(field) or field.partition(".")[0] == "ci95":
        return _PERCENT
    return _DECIMAL if isinstance(number, float) else _INTEGER


def _is_rate(field: str) -> bool:
    """Return whether a field of a leaf is a rate, by the last part of its dotted name."""
    return field.rpartition(".")[-1] in RATE_FIELDS
