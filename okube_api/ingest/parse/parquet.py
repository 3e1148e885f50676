"""Events in Parquet: its columns as those of the kind, whatever their width, a bounded number of rows at a time."""

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

_ROWS_AT_ONCE = 131_072
_BUFFER_BYTES = 2**20


def read_parquet(kind: str, source: BinaryIO) -> Iterator[tuple[ParsedBlock, int]]:
    """The blocks of a file, and how many of its rows have been read; a row's number counts from 1.

    Raises BadRequest when it is no Parquet, Impossible when its columns are not those of the kind.
    """
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - 9 MB, with what reads it from clouds

    try:
        with ParquetFile(source, pre_buffer=False, buffer_size=_BUFFER_BYTES) as file:
            names = file.schema_arrow.names
            check_columns(kind, names)
            first = 1
            for batch in file.iter_batches(_ROWS_AT_ONCE):
                yield _read(kind, pa.Table.from_batches([batch]), first), first + batch.num_rows - 1
                first += batch.num_rows
    except (pa.ArrowInvalid, OSError) as error:
        raise BadRequest(f"The file is no Parquet that can be read: {str(error)[:200]}") from None


def _read(kind: str, rows: pa.Table, first: int) -> ParsedBlock:
    sent = pa.table({one.name: _column(one, rows) for one in get_field_rules(kind)})
    numbers = np.arange(first, first + sent.num_rows, dtype=np.int64)
    good = mark_valid_rows(kind, sent)
    if good.all():
        return ParsedBlock(sent, numbers)
    rejected = [_rejected(kind, rows.slice(at, 1), first + at) for at in np.flatnonzero(~good).tolist()]
    return ParsedBlock(sent.filter(pa.array(good)), numbers[good], rejected)


def format_row(read: ParsedBlock, number: int) -> bytes:
    """A good row as a line of JSON."""
    at = int(np.searchsorted(read.line_numbers, number))
    return orjson.dumps(_event(read.rows.slice(at, 1)))


def _event(row: pa.Table) -> Json:
    return {name: _plain(value) for name, value in row.to_pylist()[0].items() if value is not None}


def _rejected(kind: str, row: pa.Table, number: int) -> RejectedLine:
    event = _event(row)
    reason = "A value is not one that its column may hold."
    try:
        validate_event(kind, event)
    except InvalidLine as error:
        reason = str(error)
    return RejectedLine(number, reason, orjson.dumps(event, default=str))


def _plain(value: Any) -> Any:
    """A value as JSON would have it."""
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


def _column(one: FieldRule, rows: pa.Table) -> pa.ChunkedArray:
    """A column as the checks take it.  Raises Impossible when it cannot hold such values."""
    if one.name not in rows.column_names:
        return pa.chunked_array([pa.nulls(rows.num_rows, one.type)])
    column = rows[one.name]
    if pa.types.is_null(column.type):
        return column.cast(one.type)
    for fits, cast in _CASTS[one.format or one.rule["type"]]:
        if fits(column.type):
            try:
                return cast(column)
            except pa.ArrowInvalid:
                break
    raise Impossible(f"The column '{one.name}' is {column.type}: it cannot hold a {one.format or one.rule['type']}.")


def _is_text(kind: pa.DataType) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value))


def _is_instant(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) and kind.tz)


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())


def _number(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.float64(), safe=False)


def _whole(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Floats as integers; a fraction becomes -1, which no count of ours may be."""
    values = pc.fill_null(column.cast(pa.float64()), 0).to_numpy()
    whole = np.isfinite(values) & (values == np.rint(values)) & (np.abs(values) < 2**53)
    found = np.where(whole, values, -1).astype(np.int64)
    return pa.chunked_array([pa.array(found, mask=~column.is_valid().to_numpy())])


_Cast = tuple[Callable[[pa.DataType], bool], Callable[[pa.ChunkedArray], pa.ChunkedArray]]
_CASTS: Mapping[str, Sequence[_Cast]] = {
    "string": ((_is_text, _text),),
    "date-time": ((_is_text, _text), (_is_instant, lambda column: column)),
    "date": ((_is_text, _text), (pa.types.is_date, lambda column: column.cast(pa.date32()))),
    "number": ((_is_number, _number),),
    "integer": ((pa.types.is_integer, lambda column: column.cast(pa.int64())), (pa.types.is_floating, _whole)),
}
