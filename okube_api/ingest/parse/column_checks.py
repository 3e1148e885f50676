"""Whole columns held to the schema of their kind: which rows certainly meet it; the others are looked at one by one."""

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
from okube_api.store.arrays import Flags
from okube_api.store.values import Json

_TYPES = {"string": pa.string(), "number": pa.float64(), "integer": pa.int64()}


@dataclass(frozen=True, slots=True)
class FieldRule:
    """A field, as its JSON Schema says.

    rule: the schema of a value that is not null.
    """

    name: str
    required: bool
    rule: Mapping[str, Any]

    @property
    def type(self) -> pa.DataType:
        """The Arrow type of a column of such values."""
        return _TYPES[self.rule["type"]]

    @property
    def format(self) -> str | None:
        """`date-time` or `date` for texts that are such."""
        return self.rule.get("format")


@lru_cache
def get_field_rules(kind: str) -> tuple[FieldRule, ...]:
    """The fields of a kind."""
    schema = KINDS[kind].model.model_json_schema()
    required = schema.get("required", ())
    return tuple(FieldRule(name, name in required, _rule(one)) for name, one in schema["properties"].items())


def _rule(schema: Json) -> Json:
    for alternative in schema.get("anyOf", ()):
        if alternative.get("type") != "null":
            return _rule(alternative)
    return schema


@lru_cache
def get_schema(kind: str) -> pa.Schema:
    """The columns that rows of a kind are read into, as they are sent."""
    return pa.schema([(one.name, one.type) for one in get_field_rules(kind)])


def mark_valid_rows(kind: str, rows: pa.Table) -> Flags:
    """The rows that meet the schema; of the others nothing is said."""
    found = np.ones(rows.num_rows, np.bool_)
    for one in get_field_rules(kind):
        column = rows[one.name].combine_chunks()
        given = column.is_valid().to_numpy(zero_copy_only=False)
        if one.required:
            found &= given
        if given.any():
            found &= _meets(one, column) | ~given
    return found & _TOGETHER[kind](rows) if kind in _TOGETHER else found


def _meets(one: FieldRule, column: pa.Array) -> Flags:
    if pa.types.is_string(column.type):
        return _texts(one, column)
    if pa.types.is_timestamp(column.type):
        return mark_supported_years(convert_timestamps(column))
    if pa.types.is_date(column.type):
        return mark_supported_years(column.cast(pa.int32()).fill_null(0).to_numpy().astype(np.int64) * DAY_MS)
    values = pc.fill_null(column, 0).to_numpy(zero_copy_only=False)
    low, high = one.rule.get("minimum"), one.rule.get("maximum")
    found: Flags = np.isfinite(values)
    if low is not None:
        found &= values >= low
    if high is not None:
        found &= values <= high
    return found


def _texts(one: FieldRule, column: pa.Array) -> Flags:
    if one.format is not None:
        return _FORMATS[one.format](column)
    if "enum" in one.rule:
        return _filled(pc.is_in(column, value_set=pa.array(one.rule["enum"])))
    if "pattern" in one.rule:
        encoded = column.dictionary_encode()
        fits = _pattern_and_length(one.rule, encoded.dictionary)
        found: Flags = np.append(fits, True)[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
        return found
    lengths = pc.utf8_length(column)
    least, most = one.rule.get("minLength", 0), one.rule.get("maxLength", 2**31 - 1)
    return _filled(pc.and_(pc.greater_equal(lengths, least), pc.less_equal(lengths, most)))


def _pattern_and_length(rule: Mapping[str, Any], values: pa.Array) -> Flags:
    pattern, least, most = re.compile(rule["pattern"]), rule.get("minLength", 0), rule.get("maxLength", 2**31 - 1)
    return np.array([least <= len(one) <= most and bool(pattern.search(one)) for one in values.to_pylist()], np.bool_)


def _filled(flags: pa.Array) -> Flags:
    found: Flags = pc.fill_null(flags, True).to_numpy(zero_copy_only=False)
    return found


_FORMATS: Mapping[str, Callable[[pa.Array], Flags]] = {
    "date-time": lambda column: parse_instants(column)[1],
    "date": lambda column: parse_days(column)[1],
}


def _one_place(rows: pa.Table) -> Flags:
    given = [rows[name].is_valid().to_numpy() for name in ("site", "poi")]
    one: Flags = given[0] != given[1]
    return one


def _not_backwards(rows: pa.Table) -> Flags:
    start, end = to_milliseconds(rows["at"]), to_milliseconds(rows["end"])
    forwards: Flags = (end >= start) | ~rows["end"].is_valid().to_numpy()
    return forwards


_TOGETHER: Mapping[str, Callable[[pa.Table], Flags]] = {"stays": _one_place, "visits": _not_backwards}
"""What the model of a kind asks of several fields together."""
