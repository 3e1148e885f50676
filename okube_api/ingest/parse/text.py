"""Parses lines of text into columns: many lines in one step, or line by line if that fails.  Also parses NDJSON."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from okube_api.errors import Impossible
from okube_api.ingest.field_names import suggest_field
from okube_api.ingest.parse.cell_columns import CellReader, UnreadableColumn
from okube_api.ingest.parse.column_checks import get_field_rules, get_schema
from okube_api.ingest.parse.column_map import ColumnMap
from okube_api.ingest.parse.line_blocks import MAX_LINE_BYTES, LineBlock
from okube_api.ingest.parse.row_checks import (
    ENCODING_HINT,
    MAPPER_HINT,
    InvalidLine,
    parse_json_line,
    validate_event,
)
from okube_api.kit.headers import find_duplicate
from okube_api.store.arrays import Ints
from okube_api.store.values import Json

_MAX_SINGLE_LINES = 128
_ARROW_BLOCK_BYTES = 2**20
_SAMPLE_LINES = 20
_JSON_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64()}


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
    """The valid events of some lines as columns, the line number of each row, and the rejected lines.

    lines: the parsed lines; None for formats without lines.
    """

    rows: pa.Table
    line_numbers: Ints
    rejected: Sequence[RejectedLine] = ()
    lines: LineBlock | None = None

    def get_line(self, number: int) -> bytes:
        """Return the text of a line by its number in the file."""
        if self.lines is None:
            raise LookupError(number)
        return self.lines.get_line(int(np.searchsorted(self.lines.numbers, number)))


def concat_blocks(kind: str, blocks: Sequence[ParsedBlock]) -> ParsedBlock:
    """Return the rows and rejected lines of several blocks, in order."""
    return ParsedBlock(
        pa.concat_tables([get_schema(kind).empty_table(), *(_format_timestamps(block.rows) for block in blocks)]),
        np.concatenate([np.empty(0, np.int64), *(block.line_numbers for block in blocks)]),
        [line for block in blocks for line in block.rejected],
    )


def _format_timestamps(rows: pa.Table) -> pa.Table:
    """Return rows with instants as texts: blocks of a file can have both."""
    for position, column in enumerate(rows.columns):
        if pa.types.is_timestamp(column.type):
            rows = rows.set_column(position, rows.column_names[position], pc.strftime(column, "%Y-%m-%dT%H:%M:%SZ"))
    return rows


class Parser(Protocol):
    """Parses the lines of one file.

    header: the line that names the columns, as sent; None before it was read, and for formats without header.
    """

    header: str | None

    def read(self, lines: LineBlock, *, is_last: bool = True) -> ParsedBlock:
        """Parse the next lines of the file.  Raise Impossible when the file as a whole cannot be read.

        is_last: whether the file ends here; else the last lines may be kept for the next call.
        """

    def parse_line(self, text: bytes) -> Json | None:
        """Return the event of a line, not validated; None for a line without values.  Raise InvalidLine."""


class NdjsonParser:
    """Parses one JSON object per line."""

    def __init__(self, kind: str, reader: CellReader | None = None, column_map: ColumnMap | None = None) -> None:
        self.header: str | None = None
        self._reader = reader or CellReader(kind)
        self._map = column_map or ColumnMap(kind)
        self._read_options = pa.json.ReadOptions(use_threads=True, block_size=_ARROW_BLOCK_BYTES)
        types = {field.name: field.type for field in get_schema(kind)}
        self._is_numeric = {
            column: not pa.types.is_string(types[self._map.find_field(column) or name])
            for name, column in self._map.columns.items()
        }
        self._is_numeric |= {column: False for column in self._map.times.values() if column not in self._is_numeric}
        self._types = {name: pa.float64() if numeric else pa.string() for name, numeric in self._is_numeric.items()}
        # Fields that the file does not have take time, so only fields of sample lines are read.  If a line has another
        # field, Arrow refuses the block, unless unknown fields are ignored: then all fields are read from the start.
        self._names = set(self._types) if self._map.is_mapped else set[str]()

    def read(self, lines: LineBlock, *, is_last: bool = True) -> ParsedBlock:  # noqa: ARG002 - as in `Parser`
        """See `Parser`."""
        if len(lines.nonempty) > 0:
            self._adapt_schema(lines)
        return replace(parse_lines(self._reader, lines, self._parse_columns, self.parse_line), lines=lines)

    def parse_line(self, text: bytes) -> Json:
        """See `Parser`."""
        return self._map.rename_event(parse_json_line(text))

    def _adapt_schema(self, lines: LineBlock) -> None:
        """Set the types of fields by some sample lines: texts may be sent as numbers, and numbers as texts."""
        samples: defaultdict[str, Counter[pa.DataType]] = defaultdict(Counter)
        for index in lines.nonempty[:: max(1, len(lines.nonempty) // _SAMPLE_LINES)].tolist():
            with suppress(InvalidLine):
                for name, value in parse_json_line(lines.get_line(index)).items():
                    if name in self._types and type(value) in _JSON_TYPES:
                        is_float = self._is_numeric[name] and type(value) is int
                        samples[name][pa.float64() if is_float else _JSON_TYPES[type(value)]] += 1
        self._types |= {name: types.most_common(1)[0][0] for name, types in samples.items()}
        self._names |= samples.keys()

    def _parse_columns(self, lines: LineBlock) -> pa.Table:
        # Arrow parses objects, not lines, so it would also accept an object that spans two lines.
        data = np.frombuffer(lines.data, np.uint8)
        indices = lines.nonempty
        is_object = (data[lines.starts[indices]] == ord("{")) & (data[lines.content_ends[indices] - 1] == ord("}"))
        if not is_object.all():
            raise pa.ArrowInvalid("a line is not a JSON object")
        try:
            rows = self._read_json(lines.data)
        except pa.ArrowInvalid:
            if len(self._names) == len(self._types):
                raise
            self._names = set(self._types)  # a line may have a field that no sample line has
            rows = self._read_json(lines.data)
        return self._map.rename_rows(rows)

    def _read_json(self, data: bytes) -> pa.Table:
        options = pa.json.ParseOptions(
            explicit_schema=pa.schema({name: type_ for name, type_ in self._types.items() if name in self._names}),
            newlines_in_values=False,
            unexpected_field_behavior="ignore" if self._map.is_mapped else "error",
        )
        return pa.json.read_json(pa.BufferReader(data), read_options=self._read_options, parse_options=options)


def check_columns(kind: str, names: Sequence[str], column_map: ColumnMap) -> None:
    """Raise Impossible when the columns of a file are not those of its kind: every line would be rejected.

    Columns without a name are ignored, with a mapper also those that it does not name.  The message does not repeat
    unknown names: in a file without a header they are values, perhaps the name of a person.
    """
    columns, mapper = column_map.columns, column_map.mapper
    hint = ENCODING_HINT if any("\0" in name or "\ufffd" in name for name in names) else MAPPER_HINT
    for field, column in mapper.items():
        if column not in names:
            raise Impossible(f"The file has no column '{column[:100]}', which `mapper[{field}]` names.")
    for field, column in column_map.times.items():
        if column not in names:
            raise Impossible(f"The file has no column '{column[:100]}', which `time[{field}]` names.")
    for number, name in enumerate(names, start=1):
        if name and not column_map.is_mapped and name not in columns:
            suggestion = suggest_field(kind, name, list(columns))
            fields = ", ".join(columns)
            raise Impossible(
                f"Column {number} of the header is unknown. Columns of {kind}: {fields}.{suggestion}{hint}"
            )
    if duplicate := find_duplicate([name for name in names if column_map.find_field(name)]):
        raise Impossible(f"Duplicate column '{duplicate}'.")
    for rule in get_field_rules(kind):
        if rule.required and (rule.name not in columns or columns[rule.name] not in names):
            raise Impossible(f"Column '{rule.name}' is missing.{hint}")


def parse_lines(
    reader: CellReader,
    lines: LineBlock,
    parse_columns: Callable[[LineBlock], pa.Table],
    parse_line: Callable[[bytes], Json | None],
) -> ParsedBlock:
    """Parse lines.

    parse_columns: parses many lines in one step; raises ArrowException when any line is invalid, without saying which.
    parse_line: parses one line; raises InvalidLine.
    """
    kind = reader.kind
    if len(lines.nonempty) == 0:
        return concat_blocks(kind, [])
    try:
        _check_utf8(lines.data)
        if lines.malformed:
            raise pa.ArrowInvalid("a line is malformed")
        sent = parse_columns(lines)
        if sent.num_rows != len(lines.nonempty):
            raise pa.ArrowInvalid("the number of rows is not the number of lines")
        rows, valid = reader.read_rows(sent)
    except (pa.ArrowException, UnicodeDecodeError, UnreadableColumn):
        # One invalid line makes its whole block fail.  So a block that fails is halved, and each half is parsed in one
        # step again; halves without invalid lines succeed.  A small part that still fails is parsed line by line.
        # With n lines, an invalid line costs about log2(n / 128) failed attempts, each on half as many lines.
        if len(lines) <= _MAX_SINGLE_LINES:
            return _parse_one_by_one(reader, lines, lines.nonempty, parse_line)
        middle = len(lines) // 2
        halves = lines.slice(0, middle), lines.slice(middle, len(lines))
        return concat_blocks(kind, [parse_lines(reader, half, parse_columns, parse_line) for half in halves])
    if valid.all():
        return ParsedBlock(rows, lines.numbers[lines.nonempty])
    doubtful = _parse_one_by_one(reader, lines, lines.nonempty[~valid], parse_line)
    certain = ParsedBlock(rows.filter(pa.array(valid)), lines.numbers[lines.nonempty[valid]])
    return concat_blocks(kind, [certain, doubtful])


def _check_utf8(data: bytes) -> None:
    """Raise ArrowInvalid when data is not UTF-8.  Arrow validates the data as one text of an array, without a copy."""
    ends = pa.py_buffer(np.array([0, len(data)], np.int32).tobytes())
    pa.Array.from_buffers(pa.string(), 1, [None, ends, pa.py_buffer(data)]).validate(full=True)


def _parse_one_by_one(
    reader: CellReader, lines: LineBlock, indices: Ints, parse_line: Callable[[bytes], Json | None]
) -> ParsedBlock:
    """Parse and validate the lines with these indices; skip lines that have only blanks or empty cells."""
    events: list[tuple[int, Json]] = []
    rejected: list[RejectedLine] = []
    for index in indices.tolist():
        text = lines.get_line(index)
        try:
            if index in lines.malformed:
                raise InvalidLine(lines.malformed[index])
            if len(text) > MAX_LINE_BYTES:
                raise InvalidLine(f"Line is longer than {MAX_LINE_BYTES:,} bytes.")
            event = parse_line(text) if text.strip() else None
            if event is not None:
                reader.note_days(event)
                events.append((index, event))
        except InvalidLine as error:
            rejected.append(RejectedLine(int(lines.numbers[index]), str(error), text))
    rows: list[Json] = []
    numbers: list[int] = []
    for index, event in events:
        number = int(lines.numbers[index])
        try:
            rows.append(validate_event(reader.kind, reader.read_event(event)))
            numbers.append(number)
        except InvalidLine as error:
            rejected.append(RejectedLine(number, str(error), lines.get_line(index)))
    rejected.sort(key=lambda line: line.number)
    return ParsedBlock(pa.Table.from_pylist(rows, get_schema(reader.kind)), np.array(numbers, np.int64), rejected)
