"""Reads uploaded CSV tables of any common dialect in blocks, each row with the line that it starts on.

The standard library parses the text: the parser of pandas fills short rows with empty cells, and stops at the first
line that it cannot read.  Blocks of rows are pandas frames, indexed by line.
"""

import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from okube_api.errors import Fault, Impossible, TooLarge
from okube_api.kit.encodings import CODECS, Encoding

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS = 100_000
DELIMITERS = ",;\t|"

_BLOCK_ROWS = 1000
_CELL_LIMIT = 128 * 1024
_SEPARATOR_LINE = re.compile('sep=([^"\r\n])[\r\n]*')  # spreadsheets name the delimiter so in the first line
_UNREADABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Rows of texts, indexed by line, and the faults of the lines in between that could not be read."""

    rows: "pd.DataFrame"
    faults: list[Fault]


@dataclass(slots=True)
class _PendingRows:
    """The rows of a block that is being read."""

    cells: list[Sequence[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


class UploadedTable:
    """An uploaded table; the header is read at once, the rows by `read_blocks`.

    delimiter: when None, the file may name it (`sep=;`); else it is guessed from the header, as the one that gives the
        most of the `expected` columns, then the most columns.
    Raises Impossible for a file without a header, or with duplicate columns.
    """

    def __init__(self, file: BinaryIO, encoding: Encoding, delimiter: str | None, expected: Collection[str]) -> None:
        self._encoding = encoding
        codec = "utf-8-sig" if encoding == "utf8" else CODECS[encoding]
        self._text = io.TextIOWrapper(file, codec, "surrogateescape", newline="")
        first_line = self._text.readline()
        self._text.seek(0)
        separator = _SEPARATOR_LINE.fullmatch(first_line)
        self.delimiter = delimiter or (separator[1] if separator else _guess_delimiter(first_line, expected))
        self._reader = csv.reader(self._text, delimiter=self.delimiter, strict=True)
        if separator:
            next(self._reader)
        self.columns = self._read_header()
        self._named_columns = [index for index, name in enumerate(self.columns) if name]

    def _read_header(self) -> list[str]:
        try:
            names = next(self._reader, [])
        except csv.Error as error:
            raise _impossible(_describe_error(error), 1) from None
        if not any(names):
            raise _impossible("The file has no header. The first line must name the columns.", 1)
        if unreadable := next((name for name in names if _UNREADABLE.search(name)), None):
            raise _impossible(self._describe_unreadable(unreadable), 1)
        for name in names:
            if name and names.count(name) > 1:
                raise _impossible(f"Duplicate column '{name[:100]}' in the header.", 1)
        return names

    def read_blocks(self) -> Iterator[RowBlock]:
        """Yield the rows in blocks, without blank lines.  Raise TooLarge after more than `MAX_ROWS` rows."""
        total = 0
        pending = _PendingRows()
        while True:
            line = self._reader.line_num + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                break
            except csv.Error as error:
                pending.faults.append(_fault(_describe_error(error), line))
                continue
            if any(cells):
                self._add_row(cells, line, pending)
            if len(pending.lines) + len(pending.faults) >= _BLOCK_ROWS:
                total += len(pending.lines) + len(pending.faults)
                if total > MAX_ROWS:
                    raise TooLarge(f"A table must not have more than {MAX_ROWS:,} rows.")
                yield self._build_block(pending)
                pending = _PendingRows()
        if total + len(pending.lines) + len(pending.faults) > MAX_ROWS:
            raise TooLarge(f"A table must not have more than {MAX_ROWS:,} rows.")
        yield self._build_block(pending)

    def _add_row(self, cells: list[str], line: int, pending: _PendingRows) -> None:
        width = len(self.columns)
        if len(cells) < width or any(cells[width:]):
            pending.faults.append(_fault(f"The line has {len(cells)} cells, but the header has {width}.", line))
        elif _UNREADABLE.search("".join(cells)):
            pending.faults += [
                _fault(self._describe_unreadable(cell), line, name)
                for name, cell in zip(self.columns, cells, strict=False)
                if _UNREADABLE.search(cell)
            ]
        else:
            pending.cells.append(cells)
            pending.lines.append(line)

    def _describe_unreadable(self, text: str) -> str:
        if "\0" in text:
            return "Texts must not contain NUL characters."
        return f"The text contains bytes that are not valid in the encoding {self._encoding}."

    def _build_block(self, pending: _PendingRows) -> RowBlock:
        import pandas as pd  # noqa: PLC0415 - only uploads need it; it takes 50 MB and half a second

        cells = [[row[index] for index in self._named_columns] for row in pending.cells]
        names = [self.columns[index] for index in self._named_columns]
        return RowBlock(pd.DataFrame(cells, index=pending.lines, columns=names, dtype=object), pending.faults)


def _guess_delimiter(first_line: str, expected: Collection[str]) -> str:
    def score(delimiter: str) -> tuple[int, int]:
        names = next(csv.reader([first_line], delimiter=delimiter), [])
        return sum(name in expected for name in names), len(names)

    return max(DELIMITERS, key=score)


def _describe_error(error: csv.Error) -> str:
    text = str(error)
    if "field larger" in text:
        return f"A cell must not be longer than {_CELL_LIMIT // 1024} KiB."
    if "unexpected end" in text:
        return "A quoted cell has no closing quote."
    return "A cell continues after its closing quote. Double the quotes within a cell."


def _fault(reason: str, line: int, column: str | None = None) -> Fault:
    return Fault("body", "/file", "unreadable", reason, line, column)


def _impossible(reason: str, line: int) -> Impossible:
    return Impossible(reason, faults=[_fault(reason, line)])
