"""Lines of NDJSON or CSV as columns.  Columns are read at once; where that fails, lines are looked at one by one."""

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

_FEW = 128
_PIECE_BYTES = 2**20
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class RejectedLine:
    """A line that is no event.

    number: in its file, from 1; text: as it was sent.
    """

    number: int
    reason: str
    text: bytes


@dataclass(frozen=True, slots=True)
class ParsedBlock:
    """What lines hold: the columns of their kind as they were sent, the number of each row's line, and the bad ones."""

    rows: pa.Table
    line_numbers: Ints
    rejected: Sequence[RejectedLine] = ()


def concat_blocks(kind: str, parts: Sequence[ParsedBlock]) -> ParsedBlock:
    """All of them, in order."""
    return ParsedBlock(
        pa.concat_tables([get_schema(kind).empty_table(), *(part.rows for part in parts)]),
        np.concatenate([np.empty(0, np.int64), *(part.line_numbers for part in parts)]),
        [one for part in parts for one in part.rejected],
    )


class Parser(Protocol):
    """Reads the lines of one file.

    header: the line that names its columns, as it was sent; None before it was read, and where there is none.
    """

    header: str | None

    def read(self, lines: LineBlock) -> ParsedBlock:
        """What a block of lines holds.  Raises Impossible when the whole file cannot be read."""


class NdjsonParser:
    """One JSON object a line."""

    def __init__(self, kind: str) -> None:
        self.header: str | None = None
        self._kind = kind
        options = pa.json.ParseOptions(
            explicit_schema=get_schema(kind), newlines_in_values=False, unexpected_field_behavior="error"
        )
        self._parse = options
        self._reading = pa.json.ReadOptions(use_threads=True, block_size=_PIECE_BYTES)

    def read(self, lines: LineBlock) -> ParsedBlock:
        """See `Parser`."""
        return _read(self._kind, lines, self._columns, parse_json_line)

    def _columns(self, lines: LineBlock) -> pa.Table:
        data = np.frombuffer(lines.data, np.uint8)
        kept = lines.nonempty
        objects = (data[lines.starts[kept]] == ord("{")) & (data[lines.content_ends[kept] - 1] == ord("}"))
        if not objects.all():
            raise pa.ArrowInvalid("a line is no object")
        return pa.json.read_json(pa.BufferReader(lines.data), read_options=self._reading, parse_options=self._parse)


class CsvParser:
    """A header, then an event a line; no value holds a line end."""

    def __init__(self, kind: str) -> None:
        self.header: str | None = None
        self._kind = kind
        self._names: list[str] = []
        self._delimiter = ","

    def read(self, lines: LineBlock) -> ParsedBlock:
        """See `Parser`."""
        if not self._names:
            lines = self._header(lines)
        return _read(self._kind, lines, self._columns, self._one)

    def _header(self, lines: LineBlock) -> LineBlock:
        kept = lines.nonempty
        if len(kept) == 0:
            return lines
        at = int(kept[0])
        text = lines.get_line(at).decode("utf-8", "replace")
        self._delimiter = max(_DELIMITERS, key=text.count)
        self._names = [name.strip().strip('"') for name in text.split(self._delimiter)]
        check_columns(self._kind, self._names)
        self.header = text
        return lines.slice(at + 1, len(lines)) if at + 1 < len(lines) else LineBlock(b"", lines.first_line + at + 1)

    def _one(self, text: bytes) -> Json:
        return parse_csv_line(self._kind, self._names, self._delimiter, text)

    def _columns(self, lines: LineBlock) -> pa.Table:
        schema = get_schema(self._kind)
        found = pa.csv.read_csv(
            pa.BufferReader(lines.data),
            read_options=pa.csv.ReadOptions(column_names=self._names, block_size=_PIECE_BYTES, use_threads=True),
            parse_options=pa.csv.ParseOptions(delimiter=self._delimiter),
            convert_options=pa.csv.ConvertOptions(
                column_types={name: schema.field(name).type for name in self._names},
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        missing = {name: pa.nulls(found.num_rows, field.type) for name, field in zip(schema.names, schema, strict=True)}
        return pa.table({name: found[name] if name in self._names else missing[name] for name in schema.names})


def check_columns(kind: str, names: Sequence[str]) -> None:
    """Raises Impossible when these are not the columns of a kind: a wrong column is wrong in every line.

    A file without a header has an event there, so that what is no column is not repeated: it may be somebody's name.
    """
    known = [one.name for one in get_field_rules(kind)]
    for number, name in enumerate(names, start=1):
        if name not in known:
            meant = format_suggestion(name, known)
            raise Impossible(f"Column {number} of the header is none of {kind}: {', '.join(known)}.{meant}")
        if names.count(name) > 1:
            raise Impossible(f"The column '{name}' stands twice.")
    for one in get_field_rules(kind):
        if one.required and one.name not in names:
            raise Impossible(f"The column '{one.name}' is missing.")


def _read(
    kind: str, lines: LineBlock, columns: Callable[[LineBlock], pa.Table], one: Callable[[bytes], Json]
) -> ParsedBlock:
    """Reads lines at once; when that cannot be, their halves; of few, each."""
    if len(lines.nonempty) == 0:
        return concat_blocks(kind, [])
    try:
        _check_utf8(lines.data)
        rows = columns(lines)
        if rows.num_rows != len(lines.nonempty):
            raise pa.ArrowInvalid("not a row a line")
    except (pa.ArrowException, UnicodeDecodeError):
        if len(lines) <= _FEW:
            return _one_by_one(kind, lines, lines.nonempty, one)
        middle = len(lines) // 2
        halves = lines.slice(0, middle), lines.slice(middle, len(lines))
        return concat_blocks(kind, [_read(kind, half, columns, one) for half in halves])
    good = mark_valid_rows(kind, rows)
    if good.all():
        return ParsedBlock(rows, lines.nonempty + lines.first_line)
    careful = _one_by_one(kind, lines, lines.nonempty[~good], one)
    return concat_blocks(
        kind, [ParsedBlock(rows.filter(pa.array(good)), lines.nonempty[good] + lines.first_line), careful]
    )


def _check_utf8(data: bytes) -> None:
    ends = pa.py_buffer(np.array([0, len(data)], np.int32).tobytes())
    pa.Array.from_buffers(pa.string(), 1, [None, ends, pa.py_buffer(data)]).validate(full=True)


def _one_by_one(kind: str, lines: LineBlock, places: Ints, one: Callable[[bytes], Json]) -> ParsedBlock:
    events: list[Json] = []
    numbers: list[int] = []
    rejected: list[RejectedLine] = []
    for at in places.tolist():
        text, number = lines.get_line(at), lines.first_line + at
        try:
            if len(text) > MAX_LINE_BYTES:
                raise InvalidLine(f"The line is longer than {MAX_LINE_BYTES:,} bytes.")
            if not text.strip():
                continue
            events.append(validate_event(kind, one(text)))
            numbers.append(number)
        except InvalidLine as error:
            rejected.append(RejectedLine(number, str(error), text))
    return ParsedBlock(pa.Table.from_pylist(events, get_schema(kind)), np.array(numbers, np.int64), rejected)
