"""Columns of files with types (XLSX, Parquet, GeoJSON), and the values of documents in them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import Enum
from functools import lru_cache
from typing import Any

import orjson
from pydantic import BaseModel

from okube_api.geo.geometry import format_wkt
from okube_api.kit.file_options import parse_day, parse_instant
from okube_api.kit.schemas import list_types
from okube_api.store.values import Json
from okube_api.tables.columns import GEOMETRY, CellType, TableColumn, list_columns

Value = str | int | float | bool | date | datetime | list[Any] | None


class FileColumnType(Enum):
    """The type of the values of a column."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DAY = "day"
    INSTANT = "instant"
    TEXTS = "texts"
    PAIRS = "pairs"  # lists of lists of texts, such as opening hours
    ANY = "any"  # text, number or boolean, each value as it is


@dataclass(frozen=True, slots=True)
class FileColumn:
    """A column of a file.

    number_format: how spreadsheets show a number of a row; None for their default.
    """

    name: str
    value_type: FileColumnType
    number_format: Callable[[Sequence[Value], float], str | None] | None = None


class DocumentTable:
    """The typed columns of documents, one for every field of `model`.

    free_names: by each field that holds an object of free-form names, the names that have columns.
    """

    def __init__(self, model: type[BaseModel], free_names: Mapping[str, Sequence[str]]) -> None:
        columns = list_table_columns(model, free_names)
        self.columns = [FileColumn(column.name, find_value_type(model, column)) for column in columns]
        self._readers = [
            _build_reader(column, file_column.value_type)
            for column, file_column in zip(columns, self.columns, strict=True)
        ]

    def read_rows(self, documents: Iterable[Json]) -> Iterator[list[Value]]:
        """Yield the values of each document, by column."""
        for document in documents:
            yield [read(document) for read in self._readers]


def list_table_columns(model: type[BaseModel], free_names: Mapping[str, Sequence[str]]) -> list[TableColumn]:
    """Return the columns of all fields of `model`, then one for each of the free-form names."""
    columns = list_columns(model)
    free_columns = [
        TableColumn(f"{name}.{inner}", (name, inner), CellType.FREE)
        for name in columns.free_objects
        for inner in free_names.get(name, ())
    ]
    return [*columns.fixed, *free_columns]


_VALUE_TYPES = {
    CellType.TEXT: FileColumnType.TEXT,
    CellType.NUMBER: FileColumnType.NUMBER,
    CellType.BOOLEAN: FileColumnType.BOOLEAN,
    CellType.TEXTS: FileColumnType.TEXTS,
    CellType.VALUES: FileColumnType.TEXT,
    CellType.PAIRS: FileColumnType.PAIRS,
    CellType.WKT: FileColumnType.TEXT,
    CellType.FREE: FileColumnType.ANY,
}
_FORMATS = {"date": FileColumnType.DAY, "date-time": FileColumnType.INSTANT, "integer": FileColumnType.INTEGER}


def find_value_type(model: type[BaseModel], column: TableColumn) -> FileColumnType:
    """Return the type of the values of a column, from the schema of its field."""
    value_type = _VALUE_TYPES[column.cell_type]
    if column.cell_type not in {CellType.TEXT, CellType.NUMBER}:
        return value_type
    *outer, name = column.path
    for part in outer:
        inner = _find_inner_model(model, part)
        if inner is None:  # an item of `coordinates`
            return value_type
        model = inner
    field = _list_properties(model)[name]
    for schema in (field, *field.get("anyOf", ())):
        found_type = _FORMATS.get(schema.get("format", schema.get("type")))
        if found_type is not None:
            return found_type
    return value_type


@lru_cache
def _list_properties(model: type[BaseModel]) -> Mapping[str, Any]:
    properties: Mapping[str, Any] = model.model_json_schema()["properties"]
    return properties


def _find_inner_model(model: type[BaseModel], name: str) -> type[BaseModel] | None:
    for field_name, field in model.model_fields.items():
        if (field.alias or field_name) == name:
            models = (kind for kind in list_types(field.annotation) if isinstance(kind, type))
            return next((kind for kind in models if issubclass(kind, BaseModel)), None)
    return None


_Reader = Callable[[Json], Value]


def _build_reader(column: TableColumn, value_type: FileColumnType) -> _Reader:
    """Return the function that reads a document's value of a column."""
    convert = _CONVERSIONS.get(column.cell_type) or _CONVERSIONS.get(value_type)
    if column.path[0] == "coordinates":
        index = int(column.path[1])

        def read_coordinate(document: Json) -> Value:
            coordinates = document.get("coordinates")
            return coordinates[index] if coordinates else None

        return read_coordinate

    def read(document: Json) -> Value:
        value: Any = document
        for name in column.path:
            value = value.get(name)
            if value is None:
                return None
        if column.path[0] == GEOMETRY and not value:
            return None
        return value if convert is None else convert(value)

    return read


def _format_json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _read_free(value: Any) -> Value:
    """Return a value of a free-form name: lists and objects as JSON."""
    return _format_json(value) if isinstance(value, list | dict) else value


_CONVERSIONS: Mapping[CellType | FileColumnType, Callable[[Any], Value]] = {
    CellType.VALUES: _format_json,
    CellType.WKT: format_wkt,
    CellType.FREE: _read_free,
    FileColumnType.DAY: parse_day,
    FileColumnType.INSTANT: parse_instant,
}
