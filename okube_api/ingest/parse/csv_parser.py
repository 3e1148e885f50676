"""Parses CSV of any dialect: delimiters, quotes, line ends within quotes, short lines, unnamed columns."""

import csv
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from okube_api.errors import Impossible
from okube_api.ingest.parse.cell_columns import CellReader
from okube_api.ingest.parse.column_checks import get_schema
from okube_api.ingest.parse.column_map import ColumnMap
from okube_api.ingest.parse.csv_records import RecordCutter, strip_cells
from okube_api.ingest.parse.line_blocks import LineBlock
from okube_api.ingest.parse.row_checks import EMPTY_CELLS, parse_csv_line
from okube_api.ingest.parse.text import ParsedBlock, check_columns, concat_blocks, parse_lines
from okube_api.kit.headers import (
    LONG_CELL,
    LONG_HEADER,
    MAX_HEADER_CHARACTERS,
    MAX_TITLE_LINES,
    NO_HEADER,
    describe_excess_columns,
    find_named_header,
    find_separator,
    guess_delimiter,
)
from okube_api.store.values import Json
from okube_api.tables.formula_marks import MARKED_FORMULA, remove_mark

_ARROW_BLOCK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class CsvHeader:
    """The header of a file.

    text: as sent; None when it was not found yet.  names: of the columns, an empty text for columns without a name.
    delimiter: None while it is unknown.
    """

    text: str | None
    names: list[str]
    delimiter: str | None


def read_header(
    lines: LineBlock,
    delimiter: str | None,
    expected: Collection[str],
    find_position: Callable[[Sequence[str], Collection[str], str | None], int | None],
) -> tuple[CsvHeader, LineBlock]:
    """Read the header; return it and the lines after it.

    delimiter: None if it has to be found.  expected: names of columns that the header may have.
    find_position: returns which of some lines that are not blank is the header.  When it returns None, all lines are
    returned.
    Raise Impossible when the header is too long or has too many columns.
    """
    indexes: list[int] = []
    texts: list[str] = []
    for index in map(int, lines.nonempty):
        text = lines.get_line(index).decode("utf-8", "replace")
        if not text.strip(' ,;\t|"'):
            continue
        if len(text) > MAX_HEADER_CHARACTERS:
            if texts:
                break
            raise Impossible(LONG_HEADER)
        if not texts and (separator := find_separator(text)) is not None:
            delimiter = delimiter or separator
            continue
        indexes.append(index)
        texts.append(text)
        if len(texts) == MAX_TITLE_LINES:
            break
    if not texts:
        return CsvHeader(None, [], delimiter), LineBlock(b"", lines.first_line + len(lines))
    position = find_position(texts, expected, delimiter)
    if position is None:
        return CsvHeader(None, [], delimiter), lines
    text, after = texts[position], indexes[position] + 1
    delimiter = delimiter or guess_delimiter(text, expected)
    rest = lines.slice(after, len(lines)) if after < len(lines) else LineBlock(b"", lines.first_line + after)
    return CsvHeader(text, _split_header(text, delimiter), delimiter), rest


class CsvParser:
    """Parses a header, then one event per record.

    delimiter: if None, it is that of a line such as `sep=;` or, without such a line, guessed from the header.
    has_decimal_comma: whether `1,234` is a number between 1 and 2; if None, it is unless the comma is the delimiter.
    """

    def __init__(
        self,
        kind: str,
        reader: CellReader | None = None,
        delimiter: str | None = None,
        column_map: ColumnMap | None = None,
        *,
        has_decimal_comma: bool | None = None,
    ) -> None:
        self.header: str | None = None
        self._kind = kind
        self._reader = reader or CellReader(kind)
        self._delimiter = delimiter
        self._has_decimal_comma = has_decimal_comma
        self._map = column_map or ColumnMap(kind)
        self._names: list[str] = []  # the field of each column, an empty text for columns that are ignored
        self._cutter: RecordCutter | None = None
        self._pending: LineBlock | None = None  # the first lines, while the header may come after them
        self._has_canonical_numbers = True  # until a number is written in a form that Arrow cannot read

    def read(self, lines: LineBlock, *, is_last: bool = True) -> ParsedBlock:
        """See `Parser`; a record that does not end yet is kept for the next call."""
        if self.header is None:
            lines = self._read_header(lines, is_last=is_last)
        if self._cutter is None:
            if is_last:
                raise Impossible(NO_HEADER)
            return concat_blocks(self._kind, [])
        records = self._cutter.cut(lines, is_last=is_last)
        return replace(parse_lines(self._reader, records, self._parse_columns, self.parse_line), lines=records)

    def _read_header(self, lines: LineBlock, *, is_last: bool) -> LineBlock:
        """Read the names of the columns; return the lines after them."""
        if self._pending is not None:
            lines = LineBlock(self._pending.data + lines.data, self._pending.first_line)
            self._pending = None
        expected = [*self._map.columns.values(), *self._map.times.values()]
        named = {*self._map.mapper.values(), *self._map.times.values()}
        is_long = is_last or len(lines.nonempty) >= MAX_TITLE_LINES or len(lines.data) > MAX_HEADER_CHARACTERS

        def find_position(texts: Sequence[str], _: Collection[str], delimiter: str | None) -> int | None:
            position = find_named_header(texts, named, delimiter)
            return 0 if position is None and is_long else position

        header, rest = read_header(lines, self._delimiter, expected, find_position)
        if header.text is None and len(rest) > 0:
            self._pending = rest  # titles, after which the header may come
            return LineBlock(b"", lines.first_line + len(lines))
        self._delimiter = header.delimiter
        if header.text is not None:
            self.header = header.text
            check_columns(self._kind, header.names, self._map)
            self._names = self._map.rename_names(header.names)
            is_free = self._delimiter != ","
            self._reader.decimal_comma = is_free if self._has_decimal_comma is None else self._has_decimal_comma
            self._cutter = RecordCutter(self._delimiter or ",")
        return rest

    def parse_line(self, text: bytes) -> Json | None:
        """See `Parser`."""
        delimiter = self._delimiter or ","
        event = parse_csv_line(self._kind, self._names, delimiter, strip_cells(text, delimiter))
        return None if event is None else self._map.complete_event(event)

    def _parse_columns(self, lines: LineBlock) -> pa.Table:
        return self._map.complete_rows(self._read_columns(lines))

    def _read_columns(self, lines: LineBlock) -> pa.Table:
        data = strip_cells(lines.data, self._delimiter or ",")
        has_line_ends = lines.record_ends is not None
        if self._has_canonical_numbers:
            try:
                return self._read_csv(data, has_line_ends, as_texts=False)
            except pa.ArrowInvalid:
                rows = self._read_ragged(data, has_line_ends)
                self._has_canonical_numbers = False
                return rows
        return self._read_ragged(data, has_line_ends)

    def _read_ragged(self, data: bytes, has_line_ends: bool) -> pa.Table:
        """Read all columns as texts; if lines have too few or too many cells, add or drop empty cells."""
        try:
            return self._read_csv(data, has_line_ends, as_texts=True)
        except pa.ArrowInvalid:
            if b'"' in data:
                raise
        return self._read_csv(self._align(data), has_line_ends, as_texts=True)

    def _align(self, data: bytes) -> bytes:
        """Return lines without quotes with as many cells as the header: empty cells are added or dropped at the end."""
        mark, width = (self._delimiter or ",").encode(), len(self._names)
        lines = data.replace(b"\r\n", b"\n").split(b"\n")
        for index, line in enumerate(lines):
            surplus = line.count(mark) + 1 - width
            if surplus < 0 and line:
                lines[index] = line + mark * -surplus
            elif surplus > 0:
                lines[index] = line.removesuffix(mark * surplus)
        return b"\n".join(lines)

    def _read_csv(self, data: bytes, has_line_ends: bool, *, as_texts: bool) -> pa.Table:
        schema = get_schema(self._kind)
        # Arrow reads 0x10 as an integer, but not as a floating-point number.
        types = {
            name: pa.string()
            if as_texts or name not in schema.names or pa.types.is_string(schema.field(name).type)
            else pa.float64()
            for name in self._names
            if name
        }
        rows = pa.csv.read_csv(
            pa.BufferReader(data),
            read_options=pa.csv.ReadOptions(
                column_names=[name or f"unnamed {position}" for position, name in enumerate(self._names)],
                block_size=_ARROW_BLOCK_BYTES,
                use_threads=True,
            ),
            parse_options=pa.csv.ParseOptions(delimiter=self._delimiter, newlines_in_values=has_line_ends),
            convert_options=pa.csv.ConvertOptions(
                column_types=types, include_columns=list(types), null_values=EMPTY_CELLS, strings_can_be_null=True
            ),
        )
        return _remove_marks(rows) if b"'" in data else rows


def _remove_marks(rows: pa.Table) -> pa.Table:
    """Return rows of texts without the marks before formulas."""
    for index, name in enumerate(rows.column_names):
        column = rows.column(name)
        if pa.types.is_string(column.type) and pc.any(pc.starts_with(column, "'")).as_py():
            column = pc.replace_substring_regex(column, MARKED_FORMULA, "\\1")
            rows = rows.set_column(index, name, column)
    return rows


def _split_header(text: str, delimiter: str) -> list[str]:
    """Return the names of the columns.  Raise Impossible when there are too many, or when one is too long."""
    try:
        cells = next(csv.reader([text], delimiter=delimiter, skipinitialspace=True), [])
    except csv.Error:
        raise Impossible(LONG_CELL) from None
    if excess := describe_excess_columns(cells):
        raise Impossible(excess)
    return [remove_mark(name.strip()) for name in cells]
