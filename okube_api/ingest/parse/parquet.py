"""Parses Parquet files of events, a bounded number of rows at a time."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import orjson
import pyarrow as pa

from okube_api.clock import stamp
from okube_api.errors import BadRequest, Impossible
from okube_api.ingest.parse.cell_columns import CellReader, UnreadableColumn
from okube_api.ingest.parse.column_map import ColumnMap
from okube_api.ingest.parse.row_checks import InvalidLine, validate_event
from okube_api.ingest.parse.text import ParsedBlock, RejectedLine, check_columns
from okube_api.store.values import Json

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

_BLOCK_ROWS = 131_072
_BUFFER_BYTES = 2**20


@dataclass(frozen=True, slots=True, eq=False)
class SentRows:
    """Rows of a file as they were sent.

    first_row: the number of the first row in the file, from 1.
    """

    rows: pa.Table
    first_row: int

    @property
    def last_row(self) -> int:
        """The number of the last row in the file."""
        return self.first_row + int(self.rows.num_rows) - 1

    def format_row(self, number: int) -> bytes:
        """Return a row as a line of JSON, by its number in the file."""
        return orjson.dumps(self.read_event(number), default=str)

    def read_event(self, number: int) -> Json:
        """Return a row as values of JSON, without nulls, by its number in the file."""
        row = self.rows.slice(number - self.first_row, 1)
        for place, field in enumerate(row.schema):
            if pa.types.is_timestamp(field.type) and field.type.unit == "ns":  # Python has no nanoseconds
                type_ = pa.timestamp("us", field.type.tz)
                row = row.set_column(place, field.name, row.column(place).cast(type_, safe=False))
        return {name: _to_json_value(value) for name, value in row.to_pylist()[0].items() if value is not None}


def read_parquet(
    kind: str, source: BinaryIO, reader: CellReader | None = None, column_map: ColumnMap | None = None
) -> Iterator[tuple[ParsedBlock, SentRows]]:
    """Yield the blocks of a file, each with its rows as sent.

    Raise BadRequest when the file is not Parquet, Impossible when its columns are not those of the kind.
    """
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - takes 9 MB of memory

    try:
        with ParquetFile(source, pre_buffer=False, buffer_size=_BUFFER_BYTES) as file:
            columns = column_map or ColumnMap(kind)
            names = _list_data_columns(file, columns)
            check_columns(kind, names, columns)
            names = [name for name in names if columns.find_field(name)]
            first_row = 1
            for batch in file.iter_batches(_BLOCK_ROWS, columns=names):
                sent = SentRows(_add_zones(pa.Table.from_batches([batch]), file), first_row)
                yield _parse_rows(reader or CellReader(kind), columns, sent), sent
                first_row = sent.last_row + 1
    except (pa.ArrowInvalid, OSError) as error:
        raise BadRequest(f"The file cannot be read as Parquet: {str(error)[:200]}") from None


def _list_data_columns(file: "ParquetFile", columns: ColumnMap) -> list[str]:
    """Return the names of the columns, without those in which pandas keeps the index of a data frame."""
    names: list[str] = file.schema_arrow.names
    index_columns: list[Any] = []
    with suppress(ValueError, KeyError, TypeError):
        index_columns = orjson.loads((file.schema_arrow.metadata or {})[b"pandas"])["index_columns"]
    return [name for name in names if name not in index_columns or columns.find_field(name)]


def _add_zones(rows: pa.Table, file: "ParquetFile") -> pa.Table:
    """Return rows with the time zone UTC for timestamps of 96 bits: this old type is always in UTC."""
    for position in range(len(file.schema)):
        column = file.schema.column(position)
        if column.physical_type == "INT96" and column.path in rows.column_names:
            place = rows.column_names.index(column.path)
            rows = rows.set_column(place, column.path, rows[column.path].cast(pa.timestamp("ns", "UTC")))
    return rows


def _parse_rows(reader: CellReader, columns: ColumnMap, sent: SentRows) -> ParsedBlock:
    try:
        rows, valid = reader.read_rows(columns.rename_rows(sent.rows))
    except UnreadableColumn as error:
        raise Impossible(f"{error}.") from None
    numbers = np.arange(sent.first_row, sent.last_row + 1, dtype=np.int64)
    if valid.all():
        return ParsedBlock(rows, numbers)
    rejected = [_reject(reader, columns, sent, number) for number in numbers[~valid].tolist()]
    return ParsedBlock(rows.filter(pa.array(valid)), numbers[valid], rejected)


def _reject(reader: CellReader, columns: ColumnMap, sent: SentRows, number: int) -> RejectedLine:
    event = sent.read_event(number)
    reason = "A value is not valid for its column."
    try:
        validate_event(reader.kind, reader.read_event(columns.rename_event(event)))
    except InvalidLine as error:
        reason = str(error)
    return RejectedLine(number, reason, sent.format_row(number))


def _to_json_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return stamp(value) if value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, timedelta):
        return value.total_seconds()
    return float(value) if isinstance(value, Decimal) else value
