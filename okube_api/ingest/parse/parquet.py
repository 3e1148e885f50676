"""Parses Parquet files of events: columns of any width, a bounded number of rows at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, BinaryIO

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.clock import stamp
from okube_api.errors import BadRequest, Impossible
from okube_api.ingest.parse.column_checks import FieldRule, get_field_rules, mark_valid_rows
from okube_api.ingest.parse.row_checks import InvalidLine, validate_event
from okube_api.ingest.parse.text import ParsedBlock, RejectedLine, check_columns
from okube_api.store.values import Json

_BLOCK_ROWS = 131_072
_BUFFER_BYTES = 2**20


def read_parquet(kind: str, source: BinaryIO) -> Iterator[tuple[ParsedBlock, int]]:
    """Yield the blocks of a file, and with each how many rows of the file were read; row numbers start at 1.

    Raises BadRequest when the file is not Parquet, Impossible when its columns are not those of the kind.
    """
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - takes 9 MB of memory

    try:
        with ParquetFile(source, pre_buffer=False, buffer_size=_BUFFER_BYTES) as file:
            check_columns(kind, file.schema_arrow.names)
            first_row = 1
            for batch in file.iter_batches(_BLOCK_ROWS):
                last_row = first_row + batch.num_rows - 1
                yield _parse_rows(kind, pa.Table.from_batches([batch]), first_row), last_row
                first_row = last_row + 1
    except (pa.ArrowInvalid, OSError) as error:
        raise BadRequest(f"The file cannot be read as Parquet: {str(error)[:200]}") from None


def _parse_rows(kind: str, rows: pa.Table, first_row: int) -> ParsedBlock:
    sent = pa.table({rule.name: _cast_column(rule, rows) for rule in get_field_rules(kind)})
    numbers = np.arange(first_row, first_row + sent.num_rows, dtype=np.int64)
    valid = mark_valid_rows(kind, sent)
    if valid.all():
        return ParsedBlock(sent, numbers)
    rejected = [_reject(kind, rows.slice(index, 1), first_row + index) for index in np.flatnonzero(~valid).tolist()]
    return ParsedBlock(sent.filter(pa.array(valid)), numbers[valid], rejected)


def format_row(parsed: ParsedBlock, number: int) -> bytes:
    """Return a valid row of a block as a line of JSON, by its number in the file."""
    index = int(np.searchsorted(parsed.line_numbers, number))
    return orjson.dumps(_to_event(parsed.rows.slice(index, 1)))


def _to_event(row: pa.Table) -> Json:
    return {name: _to_json_value(value) for name, value in row.to_pylist()[0].items() if value is not None}


def _reject(kind: str, row: pa.Table, number: int) -> RejectedLine:
    event = _to_event(row)
    reason = "A value is not valid for its column."
    try:
        validate_event(kind, event)
    except InvalidLine as error:
        reason = str(error)
    return RejectedLine(number, reason, orjson.dumps(event, default=str))


def _to_json_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def _cast_column(rule: FieldRule, rows: pa.Table) -> pa.ChunkedArray:
    """Return a column with a type that the checks accept.  Raises Impossible when it cannot hold such values."""
    if rule.name not in rows.column_names:
        return pa.chunked_array([pa.nulls(rows.num_rows, rule.type)])
    column = rows[rule.name]
    if pa.types.is_null(column.type):
        return column.cast(rule.type)
    expected = rule.format or rule.schema["type"]
    for accepts, cast in _CASTS[expected]:
        if accepts(column.type):
            try:
                return cast(column)
            except pa.ArrowInvalid:
                break
    raise Impossible(f"Column '{rule.name}' has the type {column.type}, which cannot be read as {expected}.")


def _is_text(type_: pa.DataType) -> bool:
    value_type = type_.value_type if pa.types.is_dictionary(type_) else type_
    return bool(
        pa.types.is_string(value_type) or pa.types.is_large_string(value_type) or pa.types.is_string_view(value_type)
    )


def _is_instant(type_: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(type_) and type_.tz)


def _is_number(type_: pa.DataType) -> bool:
    return bool(pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_))


def _to_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())


def _to_number(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.float64(), safe=False)


def _to_integer(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return floats as integers; a fraction becomes -1, which no integer field accepts."""
    values = pc.fill_null(column.cast(pa.float64()), 0).to_numpy()
    is_integer = np.isfinite(values) & (values == np.rint(values)) & (np.abs(values) < 2**53)
    integers = np.where(is_integer, values, -1).astype(np.int64)
    return pa.chunked_array([pa.array(integers, mask=~column.is_valid().to_numpy())])


_Cast = tuple[Callable[[pa.DataType], bool], Callable[[pa.ChunkedArray], pa.ChunkedArray]]
_CASTS: Mapping[str, Sequence[_Cast]] = {
    "string": ((_is_text, _to_text),),
    "date-time": ((_is_text, _to_text), (_is_instant, lambda column: column)),
    "date": ((_is_text, _to_text), (pa.types.is_date, lambda column: column.cast(pa.date32()))),
    "number": ((_is_number, _to_number),),
    "integer": ((pa.types.is_integer, lambda column: column.cast(pa.int64())), (pa.types.is_floating, _to_integer)),
}
