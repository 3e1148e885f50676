"""Parses lines of NDJSON or CSV into columns: many lines at once, one by one where that fails."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.json

from okube_api.errors import Impossible, format_suggestion
from okube_api.ingest.parse.column_checks import get_field_rules, get_schema, mark_valid_rows
from okube_api.ingest.parse.line_blocks import MAX_LINE_BYTES, LineBlock
from okube_api.ingest.parse.row_checks import InvalidLine, parse_csv_line, parse_json_line, validate_event
from okube_api.store.arrays import Ints
from okube_api.store.values import Json

_MAX_SINGLE_LINES = 128
_ARROW_BLOCK_BYTES = 2**20
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line that is not a valid event.

    number: of the line in the file, from 1.  text: as it was sent.
    """

    number: int
    reason: str
    text: bytes


@dataclass(frozen=True, slots=True)
class ParsedBlock:
    """The valid events of some lines as columns, as sent; the line number of each row; and the rejected lines."""

    rows: pa.Table
    line_numbers: Ints
    rejected: Sequence[RejectedLine] = ()


def concat_blocks(kind: str, blocks: Sequence[ParsedBlock]) -> ParsedBlock:
    """Return the rows and rejected lines of several blocks, in order."""
    return ParsedBlock(
        pa.concat_tables([get_schema(kind).empty_table(), *(block.rows for block in blocks)]),
        np.concatenate([np.empty(0, np.int64), *(block.line_numbers for block in blocks)]),
        [line for block in blocks for line in block.rejected],
    )


class Parser(Protocol):
    """Parses the lines of one file.

    header: the line that names the columns, as sent; None before it was read, and for formats without header.
    """

    header: str | None

    def read(self, lines: LineBlock) -> ParsedBlock:
        """Parse the next lines of the file.  Raises Impossible when the file as a whole cannot be read."""


class NdjsonParser:
    """Parses one JSON object a line."""

    def __init__(self, kind: str) -> None:
        self.header: str | None = None
        self._kind = kind
        self._parse_options = pa.json.ParseOptions(
            explicit_schema=get_schema(kind), newlines_in_values=False, unexpected_field_behavior="error"
        )
        self._read_options = pa.json.ReadOptions(use_threads=True, block_size=_ARROW_BLOCK_BYTES)

    def read(self, lines: LineBlock) -> ParsedBlock:
        """See `Parser`."""
        return _parse(self._kind, lines, self._parse_columns, parse_json_line)

    def _parse_columns(self, lines: LineBlock) -> pa.Table:
        # Arrow reads objects, not lines: it would also accept an object that spans two lines.
        data = np.frombuffer(lines.data, np.uint8)
        indices = lines.nonempty
        is_object = (data[lines.starts[indices]] == ord("{")) & (data[lines.content_ends[indices] - 1] == ord("}"))
        if not is_object.all():
            raise pa.ArrowInvalid("a line is not a JSON object")
        return pa.json.read_json(
            pa.BufferReader(lines.data), read_options=self._read_options, parse_options=self._parse_options
        )


class CsvParser:
    """Parses a header, then one event a line; no value may contain a line end."""

    def __init__(self, kind: str) -> None:
        self.header: str | None = None
        self._kind = kind
        self._names: list[str] = []
        self._delimiter = ","

    def read(self, lines: LineBlock) -> ParsedBlock:
        """See `Parser`."""
        if not self._names:
            lines = self._read_header(lines)
        return _parse(self._kind, lines, self._parse_columns, self._parse_line)

    def _read_header(self, lines: LineBlock) -> LineBlock:
        """Read the names of the columns from the first line that is not empty; return the lines after it."""
        if len(lines.nonempty) == 0:
            return lines
        index = int(lines.nonempty[0])
        header = lines.get_line(index).decode("utf-8", "replace")
        self._delimiter = max(_DELIMITERS, key=header.count)
        self._names = [name.strip().strip('"') for name in header.split(self._delimiter)]
        check_columns(self._kind, self._names)
        self.header = header
        after = index + 1
        return lines.slice(after, len(lines)) if after < len(lines) else LineBlock(b"", lines.first_line + after)

    def _parse_line(self, text: bytes) -> Json:
        return parse_csv_line(self._kind, self._names, self._delimiter, text)

    def _parse_columns(self, lines: LineBlock) -> pa.Table:
        schema = get_schema(self._kind)
        rows = pa.csv.read_csv(
            pa.BufferReader(lines.data),
            read_options=pa.csv.ReadOptions(column_names=self._names, block_size=_ARROW_BLOCK_BYTES, use_threads=True),
            parse_options=pa.csv.ParseOptions(delimiter=self._delimiter),
            convert_options=pa.csv.ConvertOptions(
                column_types={name: schema.field(name).type for name in self._names},
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        absent = {field.name: pa.nulls(rows.num_rows, field.type) for field in schema if field.name not in self._names}
        return pa.table({name: absent[name] if name in absent else rows[name] for name in schema.names})


def check_columns(kind: str, names: Sequence[str]) -> None:
    """Raise Impossible when the columns of a file are not those of its kind: every line would be rejected.

    Unknown names are not repeated: in a file without a header they are values, perhaps the name of a person.
    """
    known_names = [rule.name for rule in get_field_rules(kind)]
    for number, name in enumerate(names, start=1):
        if name not in known_names:
            suggestion = format_suggestion(name, known_names)
            raise Impossible(
                f"Column {number} of the header is unknown. Columns of {kind}: {', '.join(known_names)}.{suggestion}"
            )
        if names.count(name) > 1:
            raise Impossible(f"Duplicate column '{name}'.")
    for rule in get_field_rules(kind):
        if rule.required and rule.name not in names:
            raise Impossible(f"Column '{rule.name}' is missing.")


def _parse(
    kind: str, lines: LineBlock, parse_columns: Callable[[LineBlock], pa.Table], parse_line: Callable[[bytes], Json]
) -> ParsedBlock:
    """Parse lines.

    parse_columns: parses many lines at once; raises ArrowException when one of them is bad, without saying which.
    parse_line: parses one line; raises InvalidLine.
    """
    if len(lines.nonempty) == 0:
        return concat_blocks(kind, [])
    try:
        _check_utf8(lines.data)
        rows = parse_columns(lines)
        if rows.num_rows != len(lines.nonempty):
            raise pa.ArrowInvalid("the number of rows is not the number of lines")
    except (pa.ArrowException, UnicodeDecodeError):
        # One bad line fails its whole block.  So a block that fails is halved, and each half is parsed at once again;
        # halves without bad lines succeed.  A part of a few lines that still fails is parsed line by line.
        # With n lines, a bad line costs about log2(n / 128) failed attempts, on parts that get ever smaller.
        if len(lines) <= _MAX_SINGLE_LINES:
            return _parse_one_by_one(kind, lines, lines.nonempty, parse_line)
        middle = len(lines) // 2
        halves = lines.slice(0, middle), lines.slice(middle, len(lines))
        return concat_blocks(kind, [_parse(kind, half, parse_columns, parse_line) for half in halves])
    valid = mark_valid_rows(kind, rows)
    if valid.all():
        return ParsedBlock(rows, lines.nonempty + lines.first_line)
    doubtful = _parse_one_by_one(kind, lines, lines.nonempty[~valid], parse_line)
    certain = ParsedBlock(rows.filter(pa.array(valid)), lines.nonempty[valid] + lines.first_line)
    return concat_blocks(kind, [certain, doubtful])


def _check_utf8(data: bytes) -> None:
    """Raise ArrowInvalid when data is not UTF-8: checked as the one text of an Arrow array, without a copy."""
    ends = pa.py_buffer(np.array([0, len(data)], np.int32).tobytes())
    pa.Array.from_buffers(pa.string(), 1, [None, ends, pa.py_buffer(data)]).validate(full=True)


def _parse_one_by_one(kind: str, lines: LineBlock, indices: Ints, parse_line: Callable[[bytes], Json]) -> ParsedBlock:
    """Parse and validate the lines with these indices; lines of blanks are skipped."""
    events: list[Json] = []
    numbers: list[int] = []
    rejected: list[RejectedLine] = []
    for index in indices.tolist():
        text, number = lines.get_line(index), lines.first_line + index
        try:
            if len(text) > MAX_LINE_BYTES:
                raise InvalidLine(f"Line is longer than {MAX_LINE_BYTES:,} bytes.")
            if not text.strip():
                continue
            events.append(validate_event(kind, parse_line(text)))
            numbers.append(number)
        except InvalidLine as error:
            rejected.append(RejectedLine(number, str(error), text))
    return ParsedBlock(pa.Table.from_pylist(events, get_schema(kind)), np.array(numbers, np.int64), rejected)
