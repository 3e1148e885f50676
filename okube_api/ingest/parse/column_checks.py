"""Validates whole columns against the JSON Schema of their kind.

Rows that pass are valid.  Rows that fail are checked again by `row_checks`, which decides and gives the reason.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.clock import DAY_MS
from okube_api.ingest.columns.timestamps import (
    convert_timestamps,
    mark_supported_years,
    parse_days,
    parse_instants,
    to_milliseconds,
)
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.events.models import is_area_geometry
from okube_api.kit.cells import ValueType
from okube_api.store.arrays import Flags
from okube_api.store.values import Json

_VALUE_TYPES = {
    "string": ValueType.TEXT,
    "number": ValueType.NUMBER,
    "integer": ValueType.INTEGER,
    "date-time": ValueType.INSTANT,
    "date": ValueType.DAY,
}
_ARROW_TYPES = {"string": pa.string(), "number": pa.float64(), "integer": pa.int64()}


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A field of a kind of events.

    schema: the JSON Schema of its values, except null.
    """

    name: str
    required: bool
    schema: Mapping[str, Any]

    @property
    def type(self) -> pa.DataType:
        """Arrow type of a column of such values, as sent."""
        return _ARROW_TYPES[self.schema["type"]]

    @property
    def format(self) -> str | None:
        """`date-time` or `date`, for texts that are an instant or a day."""
        return self.schema.get("format")

    @property
    def is_duration(self) -> bool:
        """Whether the field has seconds, which a file may also have as `0:12:30`."""
        return self.name.endswith("_s")

    @property
    def value_type(self) -> ValueType:
        """Type of the field's values."""
        return _VALUE_TYPES[self.format or self.schema["type"]]


@lru_cache
def get_field_rules(kind: str) -> tuple[FieldRule, ...]:
    """Return the fields of a kind, in the order of its model."""
    schema = KINDS[kind].model.model_json_schema()
    required = schema.get("required", ())
    return tuple(FieldRule(name, name in required, _drop_null(field)) for name, field in schema["properties"].items())


def _drop_null(schema: Json) -> Json:
    for alternative in schema.get("anyOf", ()):
        if alternative.get("type") != "null":
            return _drop_null(alternative)
    return schema


@lru_cache
def get_schema(kind: str) -> pa.Schema:
    """Return the Arrow schema into which files of a kind are parsed: the fields as sent."""
    return pa.schema([(rule.name, rule.type) for rule in get_field_rules(kind)])


def mark_valid_rows(kind: str, rows: pa.Table) -> Flags:
    """Return which rows are certainly valid; for other rows, `row_checks` decides.

    rows: the columns of `get_schema`; instants and days may be Arrow timestamps and dates.
    """
    valid = np.ones(rows.num_rows, np.bool_)
    for rule in get_field_rules(kind):
        column = rows[rule.name].combine_chunks()
        given = column.is_valid().to_numpy(zero_copy_only=False)
        if rule.required:
            valid &= given
        if given.any():
            valid &= _mark_valid_values(rule, column) | ~given
    return valid & _ROW_CHECKS[kind](rows) if kind in _ROW_CHECKS else valid


def _mark_valid_values(rule: FieldRule, column: pa.Array) -> Flags:
    """Return which values of a column are valid; the result for nulls is arbitrary."""
    if pa.types.is_string(column.type):
        return _mark_valid_texts(rule, column)
    if pa.types.is_timestamp(column.type):
        return mark_supported_years(convert_timestamps(column))
    if pa.types.is_date(column.type):
        return mark_supported_years(column.cast(pa.int32()).fill_null(0).to_numpy().astype(np.int64) * DAY_MS)
    values = pc.fill_null(column, 0).to_numpy(zero_copy_only=False)
    valid: Flags = np.isfinite(values)
    if (low := rule.schema.get("minimum")) is not None:
        valid &= values >= low
    if (high := rule.schema.get("maximum")) is not None:
        valid &= values <= high
    return valid


def _mark_valid_texts(rule: FieldRule, column: pa.Array) -> Flags:
    if rule.format is not None:
        return _FORMAT_CHECKS[rule.format](column)
    if "enum" in rule.schema:
        return _to_flags(pc.is_in(column, value_set=pa.array(rule.schema["enum"])))
    shortest, longest = rule.schema.get("minLength", 0), rule.schema.get("maxLength", 2**31 - 1)
    if "pattern" in rule.schema:  # of Python's dialect, so it is applied in Python, to each distinct text once
        pattern = re.compile(rule.schema["pattern"])
        encoded = column.dictionary_encode()
        matches = [
            shortest <= len(text) <= longest and bool(pattern.search(text)) for text in encoded.dictionary.to_pylist()
        ]
        of_code = np.array([*matches, True], np.bool_)  # code -1 stands for null
        valid: Flags = of_code[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
        return valid
    lengths = pc.utf8_length(column)
    return _to_flags(pc.and_(pc.greater_equal(lengths, shortest), pc.less_equal(lengths, longest)))


def _to_flags(values: pa.Array) -> Flags:
    flags: Flags = pc.fill_null(values, True).to_numpy(zero_copy_only=False)
    return flags


_FORMAT_CHECKS: Mapping[str, Callable[[pa.Array], Flags]] = {
    "date-time": lambda column: parse_instants(column)[1],
    "date": lambda column: parse_days(column)[1],
}


def _has_one_place(rows: pa.Table) -> Flags:
    has_site, has_poi = (rows[name].is_valid().to_numpy() for name in ("site", "poi"))
    has_one: Flags = has_site != has_poi
    return has_one


def _ends_after_start(rows: pa.Table) -> Flags:
    start_ms, end_ms = to_milliseconds(rows["at"]), to_milliseconds(rows["end"])
    in_order: Flags = (end_ms >= start_ms) | ~rows["end"].is_valid().to_numpy()
    return in_order


def _has_possible_geometry(rows: pa.Table) -> Flags:
    return np.array([text is None or is_area_geometry(text) for text in rows["geometry"].to_pylist()], np.bool_)


_ROW_CHECKS: Mapping[str, Callable[[pa.Table], Flags]] = {
    "areas": _has_possible_geometry,
    "stays": _has_one_place,
    "visits": _ends_after_start,
}
"""Checks of several fields together, and those that JSON Schemas cannot express, as in the models of these kinds."""
