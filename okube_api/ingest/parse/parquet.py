"""Parses Parquet files of events, a bounded number of rows at a time."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from io import SEEK_END
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.clock import stamp
from okube_api.errors import BadRequest, Impossible, TooLarge
from okube_api.ingest.columns.allocator import trim
from okube_api.ingest.parse.cell_columns import CellReader, UnreadableColumn
from okube_api.ingest.parse.codecs import check_ratio
from okube_api.ingest.parse.column_map import ColumnMap
from okube_api.ingest.parse.line_blocks import MAX_LINE_BYTES
from okube_api.ingest.parse.parquet_pages import measure_column
from okube_api.ingest.parse.row_checks import InvalidLine, validate_event
from okube_api.ingest.parse.text import ParsedBlock, RejectedLine, check_columns
from okube_api.kit.headers import MAX_COLUMNS
from okube_api.store.arrays import Flags
from okube_api.store.values import Json

if TYPE_CHECKING:
    from pyarrow.parquet import ParquetFile

_BLOCK_ROWS = 131_072
_BLOCK_BYTES = 16 * 2**20
_BUFFER_BYTES = 2**20
_MAX_FOOTER_BYTES = 8 * 2**20
_MAX_ROW_GROUPS = 32_767  # that Parquet can number
_MAX_PAGE_BYTES = 128 * 2**20
_SMALL_DICTIONARY_BYTES = 64
_SPARSE_ROWS = 10_000  # a block of fewer rows has long texts, which fragment the memory: it gets fewer still
_MAX_TEXT_BYTES = 8192
_MAX_FIXED_BYTES = 64
_NO_TEXT = "The text is not valid UTF-8."


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
        (event,) = self.read_events([number])
        return format_event(event)

    def read_events(self, numbers: Sequence[int]) -> list[Json]:
        """Return rows as values of JSON, without nulls, by their numbers in the file."""
        rows = self.rows.take(pa.array([number - self.first_row for number in numbers], pa.int64()))
        columns = {name: _to_json_values(rows.column(name).combine_chunks()) for name in rows.column_names}
        return [
            {name: values[index] for name, values in columns.items() if values[index] is not None}
            for index in range(len(numbers))
        ]


def format_event(event: Json) -> bytes:
    """Return an event as a line of JSON, cut to one byte more than a line may have."""
    return orjson.dumps(event, default=str)[: MAX_LINE_BYTES + 1]


def read_parquet(
    kind: str,
    source: BinaryIO,
    reader: CellReader | None = None,
    column_map: ColumnMap | None = None,
    limit: int | None = None,
) -> Iterator[tuple[ParsedBlock, SentRows]]:
    """Yield the blocks of a file, each with its rows as sent.

    limit: maximum size of all rows in memory, in bytes; with a limit, their ratio to the size of the file is limited,
    too.
    Raise BadRequest when the file is not Parquet, Impossible when its columns are not those of the kind, TooLarge.
    """
    file_bytes = _check_footer(source)
    with _open_file(source) as file:
        columns = column_map or ColumnMap(kind)
        names = _list_data_columns(file, columns.find_field)
        check_columns(kind, names, columns)
        names = [name for name in names if columns.find_field(name)]
        _check_types(file, names)
        first_row, total_bytes = 1, 0
        for table in _read_tables(file, source, names):
            if limit is not None:
                total_bytes += _count_bytes(table)
                _check_total(total_bytes, file_bytes, limit)
            rows, readable = _replace_invalid_texts(_add_zones(table, file))
            sent = SentRows(rows, first_row)
            yield _parse_rows(reader or CellReader(kind), columns, sent, readable), sent
            first_row = sent.last_row + 1


def read_first_rows(source: BinaryIO, count: int) -> tuple[list[str], list[Json]]:
    """Return the names of the columns of a file, and its first rows as values of JSON, without nulls.

    Columns of lists and objects are left out.  Raise BadRequest, Impossible or TooLarge when it cannot be read.
    """
    _check_footer(source)
    with _open_file(source) as file:
        names = _list_data_columns(file, lambda _: None)
        excess = _find_excess(file, names)
        names = [name for name in names if name not in excess]
        for table in _read_tables(file, source, names):
            rows, _ = _replace_invalid_texts(_add_zones(table.slice(0, count), file))
            sent = SentRows(rows, 1)
            return names, sent.read_events(range(1, sent.last_row + 1))
        return names, []


@contextmanager
def _open_file(source: BinaryIO) -> "Iterator[ParquetFile]":
    """Open a file.  Raise BadRequest when it is not Parquet, also while it is read, Impossible for too many columns."""
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - takes 9 MB of memory

    try:
        with ParquetFile(
            source,
            pre_buffer=False,
            buffer_size=_BUFFER_BYTES,
            coerce_int96_timestamp_unit="us",
            thrift_container_size_limit=_MAX_ROW_GROUPS,
        ) as file:
            if (count := file.metadata.num_columns) > MAX_COLUMNS:
                raise Impossible(f"The file has {count:,} columns. It may have {MAX_COLUMNS:,} columns at most.")
            yield file
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise BadRequest(f"The file cannot be read as Parquet: {str(error)[:200]}") from None


def _check_footer(source: BinaryIO) -> int:
    """Return the size of a file.  Raise TooLarge when its metadata is very large."""
    size = source.seek(0, SEEK_END)
    source.seek(max(size - 8, 0))
    footer_bytes = int.from_bytes(source.read(4), "little")
    source.seek(0)
    if size > footer_bytes > _MAX_FOOTER_BYTES:
        raise TooLarge(
            f"The metadata of the Parquet file has more than {_MAX_FOOTER_BYTES // 2**20} MB. Write larger row groups, "
            "or only the columns that are needed."
        )
    return size


def _count_bytes(rows: pa.Table) -> int:
    """Return the size of rows in memory, with each text as often as it is used."""
    total = int(rows.nbytes)
    for column in rows.columns:
        if pa.types.is_dictionary(column.type) and not pa.types.is_primitive(column.type.value_type):
            for chunk in column.chunks:
                total += pc.sum(pc.binary_length(chunk.dictionary).take(chunk.indices)).as_py() or 0
    return total


def _check_total(total_bytes: int, file_bytes: int, limit: int) -> None:
    if total_bytes > limit:
        raise TooLarge(f"The rows of the file may have {limit:,} bytes at most when they are decompressed.")
    check_ratio(total_bytes, file_bytes)


def _check_types(file: "ParquetFile", names: Sequence[str]) -> None:
    """Raise Impossible when a column does not have simple values."""
    for reason in _find_excess(file, names).values():
        raise Impossible(reason)


def _find_excess(file: "ParquetFile", names: Sequence[str]) -> dict[str, str]:
    """Return the columns whose values are no texts or numbers, each with the reason."""
    leaves = {column.path: column for column in map(file.schema.column, range(file.metadata.num_columns))}
    reasons: dict[str, str] = {}
    for name in names:
        column = leaves.get(name)
        if column is None or column.max_repetition_level or column.max_definition_level > 1:
            reasons[name] = f"Column '{name}' has lists or objects. Each of its values must be one text or number."
        elif column.physical_type == "FIXED_LEN_BYTE_ARRAY" and column.length > _MAX_FIXED_BYTES:
            reasons[name] = f"Column '{name}' has values of {column.length:,} bytes, which are no texts or numbers."
    return reasons


# -- blocks ---------------------------------------------------------------------------------------------------------


def _read_tables(file: "ParquetFile", source: BinaryIO, names: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the rows of columns in tables of bounded size.  Raise the refusals of `_plan_blocks`."""
    for row_groups, block_rows in _plan_blocks(file, source, names):
        pending: list[pa.RecordBatch] = []
        rows = 0
        # A batch of a column with a dictionary ends with its row group, which may have a few rows only.
        for batch in file.iter_batches(block_rows, row_groups=row_groups, columns=names):
            if pending and rows + batch.num_rows > block_rows:
                yield pa.Table.from_batches(pending).unify_dictionaries()
                pending, rows = [], 0
                if block_rows < _SPARSE_ROWS:
                    trim()
            pending.append(batch)
            rows += batch.num_rows
        if pending:
            yield pa.Table.from_batches(pending).unify_dictionaries()


def _plan_blocks(file: "ParquetFile", source: BinaryIO, names: Sequence[str]) -> Iterator[tuple[list[int], int]]:
    """Yield row groups that are read together, each time with the number of rows that fit into a block.

    Raise BadRequest, Impossible or TooLarge when a row group cannot be read in bounded memory.
    """
    positions = {file.schema.column(position).path: position for position in range(file.metadata.num_columns)}
    selected = {name: positions[name] for name in names}
    row_groups: list[int] = []
    rows, row_bytes = 0, 0.0
    for index in range(file.num_row_groups):
        row_groups.append(index)
        rows += file.metadata.row_group(index).num_rows
        row_bytes = max(row_bytes, _measure_row(file, source, index, selected))
        if rows >= _BLOCK_ROWS or index == file.num_row_groups - 1:
            block_rows = min(_BLOCK_ROWS, int(_BLOCK_BYTES / max(row_bytes, 1)))
            if block_rows < _SPARSE_ROWS:
                block_rows //= 4
            yield row_groups, max(1, block_rows)
            row_groups, rows, row_bytes = [], 0, 0.0


def _measure_row(file: "ParquetFile", source: BinaryIO, index: int, positions: Mapping[str, int]) -> float:
    """Return how many bytes a row of a row group has at most, on average over any consecutive rows.

    positions: of the columns in the file, by name.
    """
    row_group = file.metadata.row_group(index)
    sizes = {name: measure_column(source, row_group.column(position)) for name, position in positions.items()}
    # A dictionary is in memory twice: as a page and as the texts made of it.
    if sum(size.page_bytes + 2 * size.dictionary_bytes for size in sizes.values()) > _MAX_PAGE_BYTES:
        raise TooLarge(
            f"The pages of row group {index + 1} have more than {_MAX_PAGE_BYTES // 2**20} MB together. Write smaller "
            "pages, or row groups of fewer rows, for example with `row_group_size=1_000_000` in pandas."
        )
    small = sum(size.dictionary_bytes for size in sizes.values() if size.dictionary_bytes <= _SMALL_DICTIONARY_BYTES)
    row_bytes = small + sum(size.row_bytes for size in sizes.values())
    texts = [
        name
        for name, position in positions.items()
        if sizes[name].dictionary_bytes > _SMALL_DICTIONARY_BYTES
        and file.schema.column(position).physical_type == "BYTE_ARRAY"
    ]
    if not texts:
        return row_bytes
    for name, dictionary in _read_dictionaries(file, source, index, texts).items():
        size = sizes[name]
        if len(dictionary) < size.dictionary_values:  # not all of it was read
            row_bytes += size.dictionary_bytes
        elif len(dictionary):
            longest = pc.max(pc.binary_length(dictionary)).as_py() or 0
            if longest > _MAX_TEXT_BYTES:
                raise Impossible(
                    f"Column '{name}' has a text of {longest:,} bytes. Texts may have {_MAX_TEXT_BYTES:,} bytes at "
                    "most in columns that repeat them."
                )
            row_bytes += longest
    return row_bytes


def _read_dictionaries(file: "ParquetFile", source: BinaryIO, index: int, names: Sequence[str]) -> dict[str, pa.Array]:
    """Return the distinct texts of columns of a row group, without the rows that have them."""
    from pyarrow.parquet import ParquetFile  # noqa: PLC0415 - as above

    with ParquetFile(source, metadata=file.metadata, read_dictionary=names, buffer_size=_BUFFER_BYTES) as encoded:
        for batch in encoded.iter_batches(1, row_groups=[index], columns=names, use_threads=False):
            columns = dict(zip(batch.schema.names, batch.columns, strict=True))
            return {name: column.dictionary for name, column in columns.items()}
    return {}


def _list_data_columns(file: "ParquetFile", find_field: Callable[[str], str | None]) -> list[str]:
    """Return the names of the columns, without those in which pandas keeps the index of a data frame.

    find_field: returns the field of a column; a column with a field is data.
    """
    names: list[str] = file.schema_arrow.names
    index_columns: list[Any] = []
    with suppress(ValueError, KeyError, TypeError):
        index_columns = orjson.loads((file.schema_arrow.metadata or {})[b"pandas"])["index_columns"]
    return [name for name in names if name not in index_columns or find_field(name)]


def _add_zones(rows: pa.Table, file: "ParquetFile") -> pa.Table:
    """Return rows with the time zone UTC for timestamps of 96 bits: this old type is always in UTC."""
    for position in range(len(file.schema)):
        column = file.schema.column(position)
        if column.physical_type == "INT96" and column.path in rows.column_names:
            place = rows.column_names.index(column.path)
            rows = rows.set_column(place, column.path, rows[column.path].cast(pa.timestamp("us", "UTC")))
    return rows


def _replace_invalid_texts(rows: pa.Table) -> tuple[pa.Table, dict[str, Flags]]:
    """Return rows with texts that are valid UTF-8, and for columns where texts were not, which rows were readable.

    The library does not check the texts of a file.
    """
    readable: dict[str, Flags] = {}
    for place, field in enumerate(rows.schema):
        type_ = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if not (pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_)):
            continue
        column = rows.column(place)
        if all(map(_is_ascii, column.chunks)):
            continue
        try:
            column.validate(full=True)
        except pa.ArrowInvalid:
            values = [value for chunk in column.chunks for value in _to_bytes(chunk).to_pylist()]
            texts = [None if value is None else value.decode("utf-8", "replace") for value in values]
            readable[field.name] = np.array(
                [text is None or text.encode() == value for value, text in zip(values, texts, strict=True)], np.bool_
            )
            rows = rows.set_column(place, field.name, pa.chunked_array([pa.array(texts, pa.string())]))
    return rows, readable


def _is_ascii(column: pa.Array) -> bool:
    """Return whether the texts of a column are certainly ASCII, several times faster than Arrow checks each text."""
    texts = column.dictionary if pa.types.is_dictionary(column.type) else column
    if not (pa.types.is_string(texts.type) or pa.types.is_large_string(texts.type)):
        return False
    data = texts.buffers()[2]
    return data is None or len(data) == 0 or bool(np.frombuffer(data, np.uint8).max() < 128)


def _to_bytes(column: pa.Array) -> pa.Array:
    """Return a column of texts of any type as bytes."""
    column = column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
    return column.cast(pa.binary())


def _parse_rows(reader: CellReader, columns: ColumnMap, sent: SentRows, readable: Mapping[str, Flags]) -> ParsedBlock:
    """Parse rows.

    readable: of columns with texts that are not valid UTF-8, which rows have a valid one.
    """
    try:
        rows, valid = reader.read_rows(columns.rename_rows(sent.rows))
    except UnreadableColumn as error:
        raise Impossible(f"{error}.") from None
    for flags in readable.values():
        valid &= flags
    numbers = np.arange(sent.first_row, sent.last_row + 1, dtype=np.int64)
    if valid.all():
        return ParsedBlock(rows, numbers)
    reasons = {
        number: f"'{columns.find_field(name)}': {_NO_TEXT}"
        for name, flags in readable.items()
        for number in numbers[~flags].tolist()
    }
    rejected = _reject(reader, columns, sent, numbers[~valid].tolist(), reasons)
    return ParsedBlock(rows.filter(pa.array(valid)), numbers[valid], rejected)


def _reject(
    reader: CellReader, columns: ColumnMap, sent: SentRows, numbers: Sequence[int], reasons: Mapping[int, str]
) -> list[RejectedLine]:
    """Return the rejected rows with these numbers.

    reasons: those that are known already, by the number of the row.
    """
    rejected: list[RejectedLine] = []
    for number, event in zip(numbers, sent.read_events(numbers), strict=True):
        reason = reasons.get(number, "A value is not valid for its column.")
        if number not in reasons:
            try:
                validate_event(reader.kind, reader.read_event(columns.rename_event(event)))
            except InvalidLine as error:
                reason = str(error)
        rejected.append(RejectedLine(number, reason, format_event(event)))
    return rejected


# -- values ---------------------------------------------------------------------------------------------------------


def _to_json_values(column: pa.Array) -> list[Any]:
    """Return the values of a column as JSON has them; numbers for instants and days that Python cannot hold.

    Texts are cut to `_MAX_TEXT_BYTES` characters, which no field may have: many long texts fragment the memory.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_string(column.type):
        column = pc.utf8_slice_codeunits(column, 0, _MAX_TEXT_BYTES)
    if pa.types.is_timestamp(column.type):
        # Python has no nanoseconds, and does not know all time zones.
        column = column.cast(pa.timestamp(column.type.unit, "UTC" if column.type.tz else None))
        if column.type.unit == "ns":
            column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    try:
        return [_to_json_value(value) for value in column.to_pylist()]
    except (ValueError, OverflowError):
        is_32_bits = pa.types.is_date32(column.type) or pa.types.is_time32(column.type)
        values: list[Any] = column.view(pa.int32() if is_32_bits else pa.int64()).to_pylist()
        return values


def _to_json_value(value: Any) -> Any:
    if isinstance(value, datetime):
        return stamp(value) if value.tzinfo else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return value
