"""Lines of NDJSON or CSV as columns.  Columns are read at once; where that fails, lines are looked at one by one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.json

from okube_api.errors import Impossible, suggestion
from okube_api.ingest.parse.column_checks import certain, columns_of, properties
from okube_api.ingest.parse.line_blocks import LONGEST_LINE, Lines
from okube_api.ingest.parse.row_checks import BadLine, checked, of_csv, of_json
from okube_api.store.arrays import Ints
from okube_api.store.base import Json

_FEW = 128
_PIECE_BYTES = 2**20
_DELIMITERS = (",", ";", "\t", "|")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A line that is no event.

    number: in its file, from 1; text: as it was sent.
    """

    number: int
    reason: str
    text: bytes


@dataclass(frozen=True, slots=True)
class Read:
    """What lines hold: the columns of their kind as they were sent, the number of each row's line, and the bad ones."""

    rows: pa.Table
    numbers: Ints
    rejected: Sequence[Rejected] = ()


def joined(kind: str, parts: Sequence[Read]) -> Read:
    """All of them, in order."""
    return Read(
        pa.concat_tables([columns_of(kind).empty_table(), *(part.rows for part in parts)]),
        np.concatenate([np.empty(0, np.int64), *(part.numbers for part in parts)]),
        [one for part in parts for one in part.rejected],
    )


class Parser(Protocol):
    """Reads the lines of one file.

    header: the line that names its columns, as it was sent; None before it was read, and where there is none.
    """

    header: str | None

    def read(self, lines: Lines) -> Read:
        """What a block of lines holds.  Raises Impossible when the whole file cannot be read."""


class NdjsonParser:
    """One JSON object a line."""

    def __init__(self, kind: str) -> None:
        self.header: str | None = None
        self._kind = kind
        options = pa.json.ParseOptions(
            explicit_schema=columns_of(kind), newlines_in_values=False, unexpected_field_behavior="error"
        )
        self._parse = options
        self._reading = pa.json.ReadOptions(use_threads=True, block_size=_PIECE_BYTES)

    def read(self, lines: Lines) -> Read:
        """See `Parser`."""
        return _read(self._kind, lines, self._columns, of_json)

    def _columns(self, lines: Lines) -> pa.Table:
        data = np.frombuffer(lines.data, np.uint8)
        kept = lines.kept
        objects = (data[lines.starts[kept]] == ord("{")) & (data[lines.bare_ends[kept] - 1] == ord("}"))
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

    def read(self, lines: Lines) -> Read:
        """See `Parser`."""
        if not self._names:
            lines = self._header(lines)
        return _read(self._kind, lines, self._columns, self._one)

    def _header(self, lines: Lines) -> Lines:
        kept = lines.kept
        if len(kept) == 0:
            return lines
        at = int(kept[0])
        text = lines.line(at).decode("utf-8", "replace")
        self._delimiter = max(_DELIMITERS, key=text.count)
        self._names = [name.strip().strip('"') for name in text.split(self._delimiter)]
        check_names(self._kind, self._names)
        self.header = text
        return lines.part(at + 1, len(lines)) if at + 1 < len(lines) else Lines(b"", lines.first + at + 1)

    def _one(self, text: bytes) -> Json:
        return of_csv(self._kind, self._names, self._delimiter, text)

    def _columns(self, lines: Lines) -> pa.Table:
        schema = columns_of(self._kind)
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


def check_names(kind: str, names: Sequence[str]) -> None:
    """Raises Impossible when these are not the columns of a kind: a wrong column is wrong in every line.

    A file without a header has an event there, so that what is no column is not repeated: it may be somebody's name.
    """
    known = [one.name for one in properties(kind)]
    for number, name in enumerate(names, start=1):
        if name not in known:
            meant = suggestion(name, known)
            raise Impossible(f"Column {number} of the header is none of {kind}: {', '.join(known)}.{meant}")
        if names.count(name) > 1:
            raise Impossible(f"The column '{name}' stands twice.")
    for one in properties(kind):
        if one.required and one.name not in names:
            raise Impossible(f"The column '{one.name}' is missing.")


def _read(kind: str, lines: Lines, columns: Callable[[Lines], pa.Table], one: Callable[[bytes], Json]) -> Read:
    """Reads lines at once; when that cannot be, their halves; of few, each."""
    if len(lines.kept) == 0:
        return joined(kind, [])
    try:
        _check_utf8(lines.data)
        rows = columns(lines)
        if rows.num_rows != len(lines.kept):
            raise pa.ArrowInvalid("not a row a line")
    except (pa.ArrowException, UnicodeDecodeError):
        if len(lines) <= _FEW:
            return _one_by_one(kind, lines, lines.kept, one)
        middle = len(lines) // 2
        halves = lines.part(0, middle), lines.part(middle, len(lines))
        return joined(kind, [_read(kind, half, columns, one) for half in halves])
    good = certain(kind, rows)
    if good.all():
        return Read(rows, lines.kept + lines.first)
    careful = _one_by_one(kind, lines, lines.kept[~good], one)
    return joined(kind, [Read(rows.filter(pa.array(good)), lines.kept[good] + lines.first), careful])


def _check_utf8(data: bytes) -> None:
    ends = pa.py_buffer(np.array([0, len(data)], np.int32).tobytes())
    pa.Array.from_buffers(pa.string(), 1, [None, ends, pa.py_buffer(data)]).validate(full=True)


def _one_by_one(kind: str, lines: Lines, places: Ints, one: Callable[[bytes], Json]) -> Read:
    events: list[Json] = []
    numbers: list[int] = []
    rejected: list[Rejected] = []
    for at in places.tolist():
        text, number = lines.line(at), lines.first + at
        try:
            if len(text) > LONGEST_LINE:
                raise BadLine(f"The line is longer than {LONGEST_LINE:,} bytes.")
            if not text.strip():
                continue
            events.append(checked(kind, one(text)))
            numbers.append(number)
        except BadLine as error:
            rejected.append(Rejected(number, str(error), text))
    return Read(pa.Table.from_pylist(events, columns_of(kind)), np.array(numbers, np.int64), rejected)
