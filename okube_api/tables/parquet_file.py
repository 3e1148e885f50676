"""Writes tables as Parquet with typed columns, a group of rows at a time."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, BinaryIO

import orjson
import pyarrow as pa
from pyarrow import parquet

from okube_api.tables.file_columns import FileColumn, FileColumnType, Value
from okube_api.threads import check_stopped

_GROUP_ROWS = 50_000

_ARROW_TYPES: Mapping[FileColumnType, Any] = {
    FileColumnType.TEXT: pa.string(),
    FileColumnType.INTEGER: pa.int64(),
    FileColumnType.NUMBER: pa.float64(),
    FileColumnType.BOOLEAN: pa.bool_(),
    FileColumnType.DAY: pa.date32(),
    FileColumnType.INSTANT: pa.timestamp("ms", tz="UTC"),
    FileColumnType.TEXTS: pa.list_(pa.string()),
    FileColumnType.PAIRS: pa.list_(pa.list_(pa.string())),
    FileColumnType.ANY: pa.string(),
}


class ParquetFile:
    """A Parquet file with one table."""

    def __init__(self, file: BinaryIO, columns: Sequence[FileColumn]) -> None:
        self._columns = columns
        self._schema = pa.schema([(column.name, _ARROW_TYPES[column.value_type]) for column in columns])
        self._writer = parquet.ParquetWriter(file, self._schema, compression="zstd")
        self._rows: list[Sequence[Value]] = []

    def write(self, rows: Iterable[Sequence[Value]]) -> None:
        """Append rows."""
        for row in rows:
            self._rows.append(row)
            if len(self._rows) == _GROUP_ROWS:
                self._write_group()

    def finish(self) -> None:
        """Write what is left; the file itself stays open."""
        if self._rows:
            self._write_group()
        self._writer.close()

    def close(self) -> None:
        """Release the memory of an unfinished table."""
        self._rows.clear()
        self._writer.is_open = False

    def _write_group(self) -> None:
        check_stopped()
        arrays = [
            _build_array(values, column, field.type)
            for values, column, field in zip(zip(*self._rows, strict=True), self._columns, self._schema, strict=True)
        ]
        self._writer.write_table(pa.Table.from_arrays(arrays, schema=self._schema))
        self._rows.clear()


def _build_array(values: Sequence[Value], column: FileColumn, arrow_type: Any) -> Any:
    """Return the values of a column in its type."""
    convert = _CONVERSIONS.get(column.value_type)
    if convert is not None:
        values = [None if value is None else convert(value) for value in values]
    return pa.array(values, arrow_type)


def _format_any(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


_CONVERSIONS: Mapping[FileColumnType, Any] = {
    FileColumnType.NUMBER: float,  # Arrow refuses integers that a double cannot hold exactly
    FileColumnType.TEXT: _format_any,
    FileColumnType.ANY: _format_any,
}
