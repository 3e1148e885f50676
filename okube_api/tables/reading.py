"""Uploaded tables: CSV as people have it, read a block at a time, each row with the line that it starts on.

The standard library's reader takes the text apart: pandas' own fills rows that were cut short as if their last cells
were empty, and stops at the first line that it cannot read.  Blocks of rows are pandas frames, indexed by line.
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

MOST_ROWS = 100_000
DELIMITERS = ",;\t|"

_BLOCK_ROWS = 1000
_CELL_LIMIT = 128 * 1024
_TOLD = re.compile('sep=([^"\r\n])[\r\n]*')  # a first line of spreadsheets' own, which tells the delimiter
_UNREADABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class RowBlock:
    """Rows of texts, indexed by line, and the lines among them that could not be read."""

    rows: "pd.DataFrame"
    faults: list[Fault]


@dataclass(slots=True)
class _PendingRows:
    """Rows as they come in."""

    cells: list[Sequence[str]] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


class Upload:
    """A table that is uploaded; its header is read at once.

    delimiter: told by the file (`sep=;`) when None, or else guessed from the header: the one that gives the most of the
        `expected` columns, then the most columns.
    Raises Impossible for a file without a header, or with a column twice.
    """

    def __init__(self, file: BinaryIO, encoding: Encoding, delimiter: str | None, expected: Collection[str]) -> None:
        self._encoding = encoding
        codec = "utf-8-sig" if encoding == "utf8" else CODECS[encoding]
        self._text = io.TextIOWrapper(file, codec, "surrogateescape", newline="")
        start = self._text.readline()
        self._text.seek(0)
        told = _TOLD.fullmatch(start)
        self.delimiter = delimiter or (told[1] if told else _guessed(start, expected))
        self._reader = csv.reader(self._text, delimiter=self.delimiter, strict=True)
        if told:
            next(self._reader)
        self.columns = self._header()
        self._kept = [at for at, name in enumerate(self.columns) if name]

    def _header(self) -> list[str]:
        try:
            names = next(self._reader, [])
        except csv.Error as error:
            raise _impossible(_words(error), 1) from None
        if not any(names):
            raise _impossible("The file has no header: its first line must name the columns.", 1)
        if unreadable := next((name for name in names if _UNREADABLE.search(name)), None):
            raise _impossible(self._unreadable(unreadable), 1)
        for name in names:
            if name and names.count(name) > 1:
                raise _impossible(f"The column '{name[:100]}' stands twice in the header.", 1)
        return names

    def blocks(self) -> Iterator[RowBlock]:
        """The rows; blank lines are left out.  Raises TooLarge past `MOST_ROWS`."""
        total = 0
        found = _PendingRows()
        while True:
            line = self._reader.line_num + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                break
            except csv.Error as error:
                found.faults.append(_fault(_words(error), line))
                continue
            if any(cells):
                self._take(cells, line, found)
            if len(found.lines) + len(found.faults) >= _BLOCK_ROWS:
                total += len(found.lines) + len(found.faults)
                if total > MOST_ROWS:
                    raise TooLarge(f"A table may have {MOST_ROWS:,} rows at most.")
                yield self._block(found)
                found = _PendingRows()
        if total + len(found.lines) + len(found.faults) > MOST_ROWS:
            raise TooLarge(f"A table may have {MOST_ROWS:,} rows at most.")
        yield self._block(found)

    def _take(self, cells: list[str], line: int, found: _PendingRows) -> None:
        width = len(self.columns)
        if len(cells) < width or any(cells[width:]):
            found.faults.append(_fault(f"The line has {len(cells)} cells, and the header {width}.", line))
        elif _UNREADABLE.search("".join(cells)):
            found.faults += [
                _fault(self._unreadable(cell), line, name)
                for name, cell in zip(self.columns, cells, strict=False)
                if _UNREADABLE.search(cell)
            ]
        else:
            found.cells.append(cells)
            found.lines.append(line)

    def _unreadable(self, text: str) -> str:
        if "\0" in text:
            return "Texts may not hold NUL characters."
        return f"The text has bytes that are not {self._encoding}."

    def _block(self, found: _PendingRows) -> RowBlock:
        import pandas as pd  # noqa: PLC0415 - only uploads need it, and it is 50 MB and half a second

        cells = [[row[at] for at in self._kept] for row in found.cells]
        names = [self.columns[at] for at in self._kept]
        return RowBlock(pd.DataFrame(cells, index=found.lines, columns=names, dtype=object), found.faults)


def _guessed(start: str, expected: Collection[str]) -> str:
    def fit(delimiter: str) -> tuple[int, int]:
        names = next(csv.reader([start], delimiter=delimiter), [])
        return sum(name in expected for name in names), len(names)

    return max(DELIMITERS, key=fit)


def _words(error: csv.Error) -> str:
    text = str(error)
    if "field larger" in text:
        return f"A cell may have {_CELL_LIMIT // 1024} KiB at most."
    if "unexpected end" in text:
        return "The quotes that open a cell here are not closed."
    return "A cell goes on after its closing quotes: quotes within a cell are doubled."


def _fault(reason: str, line: int, column: str | None = None) -> Fault:
    return Fault("body", "/file", "unreadable", reason, line, column)


def _impossible(reason: str, line: int) -> Impossible:
    return Impossible(reason, faults=[_fault(reason, line)])
