"""Reads uploaded CSV tables of any common dialect in blocks, each row with the line that it starts on.

The standard library parses the text: the parser of pandas stops at the first line that it cannot read.  Blocks of rows
are pandas frames, indexed by line.
"""

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO

from okube_api.errors import Fault, Impossible, TooLarge
from okube_api.kit.cells import CellFormat, DateOrder, DateOrderFinder, read_number
from okube_api.kit.encodings import find_codec, find_utf16_codec
from okube_api.kit.headers import (
    LONG_CELL,
    LONG_HEADER,
    MAX_HEADER_CHARACTERS,
    MAX_TITLE_LINES,
    NO_HEADER,
    describe_excess_columns,
    find_duplicate,
    find_named_header,
    find_separator,
    guess_delimiter,
)

if TYPE_CHECKING:
    import pandas as pd

MAX_ROWS = 100_000
DELIMITERS = ",;\t|"

BLOCK_ROWS = 1000
_MAX_ROW_FAULTS = 10
_MAX_LINES_BEFORE_HEADER = 1000
_EMPTY_CELLS = f'{DELIMITERS} "\r\n'
_TOTAL = re.compile(r"(?:grand |sous[ -]?|sub[ -]?)?total(?: g[ée]n[ée]ral)?[ \u00a0]*:?", re.IGNORECASE)
_ANY_NUMBER = CellFormat(decimal_comma=True)
_UNREADABLE, _UNREADABLE_UTF16 = re.compile("[\0\ud800-\udfff]"), re.compile("[\0\ud800-\udfff\ufffd]")


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
    named: the columns that the sender names; lines above the first one that has all of them are titles, and a last row
        of totals is left out.
    Raises Impossible for a file without a header, or with duplicate columns.
    """

    def __init__(
        self,
        file: BinaryIO,
        encoding: str,
        delimiter: str | None,
        expected: Collection[str],
        named: Collection[str] = (),
    ) -> None:
        self._encoding = encoding
        self._is_mapped = bool(named)
        codec = _find_codec(file, encoding)
        # Bytes that are invalid in UTF-16 cannot be kept as surrogates; they become U+FFFD.
        errors = "replace" if codec.startswith("utf-16") else "surrogateescape"
        self._unreadable = _UNREADABLE_UTF16 if codec.startswith("utf-16") else _UNREADABLE
        self._text = io.TextIOWrapper(file, codec, errors, newline="")
        self._lines_before_header = 0
        header = self._read_first_line()
        while header and (not header.strip(_EMPTY_CELLS) or find_separator(header)):
            delimiter = delimiter or find_separator(header)
            self._lines_before_header += 1
            if self._lines_before_header > _MAX_LINES_BEFORE_HEADER:
                raise _impossible(NO_HEADER, 1)
            header = self._read_first_line()
        header = self._skip_titles(header, delimiter, named)
        self.delimiter = delimiter or guess_delimiter(header, expected, DELIMITERS)
        self._reader = self._open_reader()
        self.columns = self._read_header(expected)
        self._named_columns = [index for index, name in enumerate(self.columns) if name]

    def _read_first_line(self) -> str:
        """Return the next line, which may be the header."""
        line = self._text.readline(MAX_HEADER_CHARACTERS + 1)
        if len(line) > MAX_HEADER_CHARACTERS:
            raise _impossible(LONG_HEADER, 1)
        return line

    def _skip_titles(self, line: str, delimiter: str | None, named: Collection[str]) -> str:
        """Return the header, which is the first line unless a later one has all columns that the sender names."""
        lines, positions = [line], [self._lines_before_header]
        if not named or find_named_header(lines, named, delimiter) is not None:
            return line
        for position in range(positions[0] + 1, positions[0] + _MAX_LINES_BEFORE_HEADER):
            following = self._text.readline(MAX_HEADER_CHARACTERS + 1)
            if not following or len(following) > MAX_HEADER_CHARACTERS or len(lines) == MAX_TITLE_LINES:
                break
            if following.strip(_EMPTY_CELLS):
                lines.append(following)
                positions.append(position)
        header = find_named_header(lines, named, delimiter) or 0
        self._lines_before_header = positions[header]
        return lines[header]

    def _open_reader(self) -> Any:
        """Return a reader that starts with the header."""
        self._text.seek(0)
        for _ in range(self._lines_before_header):
            self._text.readline()
        return csv.reader(self._text, delimiter=self.delimiter, strict=True)

    def _read_header(self, expected: Collection[str]) -> list[str]:
        try:
            cells: list[str] = next(self._reader, [])
        except csv.Error as error:
            raise _impossible(_describe_error(error), 1) from None
        if not any(cells):
            raise _impossible(NO_HEADER, 1)
        if unreadable := next((cell for cell in cells if self._unreadable.search(cell)), None):
            hint = " Give `encoding=utf-16` if the file is UTF-16." if "\0" in unreadable else ""
            raise _impossible(f"{self._describe_unreadable(unreadable)}{hint}", 1)
        if excess := describe_excess_columns(cells):
            raise _impossible(excess, 1)
        names = [cell if cell in expected else _strip_name(cell) for cell in cells]
        if duplicate := find_duplicate(names):
            raise _impossible(f"Duplicate column '{duplicate[:100]}' in the header.", 1)
        return names

    def find_date_order(self, columns: Collection[str]) -> DateOrder | None:
        """Return the order of day and month that the values of some columns leave; call it before `read_blocks`."""
        positions = [index for index, name in enumerate(self.columns) if name in columns]
        finder = DateOrderFinder()
        while positions:
            try:
                cells = next(self._reader)
            except StopIteration:
                break
            except csv.Error:
                continue
            finder.add(cells[index] for index in positions if index < len(cells))
        self._reader = self._open_reader()
        next(self._reader)
        return finder.order

    def read_blocks(self) -> Iterator[RowBlock]:
        """Yield the rows in blocks, without blank lines.  Raise TooLarge after more than `MAX_ROWS` rows."""
        total = 0
        pending = _PendingRows()
        while True:
            line = self._lines_before_header + self._reader.line_num + 1
            try:
                cells = next(self._reader)
            except StopIteration:
                break
            except csv.Error as error:
                pending.faults.append(_fault(_describe_error(error), line))
                continue
            if any(cells):
                self._add_row(cells, line, pending)
            if len(pending.lines) + len(pending.faults) >= BLOCK_ROWS and not self._ends_with_total(pending):
                total += len(pending.lines) + len(pending.faults)
                if total > MAX_ROWS:
                    raise TooLarge(f"A table must not have more than {MAX_ROWS:,} rows.")
                yield self._build_block(pending)
                pending = _PendingRows()
        if self._ends_with_total(pending):
            pending.cells.pop()
            pending.lines.pop()
        if total + len(pending.lines) + len(pending.faults) > MAX_ROWS:
            raise TooLarge(f"A table must not have more than {MAX_ROWS:,} rows.")
        yield self._build_block(pending)

    def _add_row(self, cells: list[str], line: int, pending: _PendingRows) -> None:
        width = len(self.columns)
        cells += [""] * (width - len(cells))
        if any(cells[width:]):
            pending.faults.append(_fault(f"The line has {len(cells)} cells, but the header has {width}.", line))
        elif self._unreadable.search("".join(cells)):
            faults = (
                _fault(self._describe_unreadable(cell), line, name)
                for name, cell in zip(self.columns, cells, strict=False)
                if self._unreadable.search(cell)
            )
            pending.faults += islice(faults, _MAX_ROW_FAULTS)
        else:
            pending.cells.append(cells)
            pending.lines.append(line)

    def _ends_with_total(self, pending: _PendingRows) -> bool:
        """Return whether the last row has the totals of a file whose columns the sender names.

        Such a row has the word, then numbers only, in half of the columns at most.
        """
        if not self._is_mapped or not pending.cells:
            return False
        filled = [cell for index in self._named_columns if (cell := pending.cells[-1][index].strip())]
        if not filled or 2 * len(filled) > len(self._named_columns) or not _TOTAL.fullmatch(filled[0]):
            return False
        return not any(isinstance(read_number(cell, _ANY_NUMBER), str) for cell in filled[1:])

    def _describe_unreadable(self, text: str) -> str:
        if "\0" in text:
            return "Texts must not contain NUL characters."
        return (
            f"The text contains bytes that are not valid in the encoding {self._encoding}. Give `encoding`, such as "
            "windows-1252, if the file has another one."
        )

    def _build_block(self, pending: _PendingRows) -> RowBlock:
        import pandas as pd  # noqa: PLC0415 - only uploads need it; it takes 50 MB and half a second

        cells = [[row[index] for index in self._named_columns] for row in pending.cells]
        names = [self.columns[index] for index in self._named_columns]
        return RowBlock(pd.DataFrame(cells, index=pending.lines, columns=names, dtype=object), pending.faults)


def _find_codec(file: BinaryIO, encoding: str) -> str:
    """Return the codec of a file, whose byte-order mark counts more than the encoding that the sender says."""
    start = file.read(len(codecs.BOM_UTF8))
    file.seek(0)
    if start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if start == codecs.BOM_UTF8:
        return "utf-8-sig"
    codec = find_codec(encoding)
    return find_utf16_codec(start) if codec == "utf-16" else codec


def _strip_name(name: str) -> str:
    """Return the name of a column without blanks around it; a free-form name may end with blanks."""
    name = name.lstrip(" \t")
    return name if "." in name else name.rstrip(" \t")


def _describe_error(error: csv.Error) -> str:
    text = str(error)
    if "field larger" in text:
        return LONG_CELL
    if "unexpected end" in text:
        return "A quoted cell has no closing quote."
    return "A cell continues after its closing quote. Double the quotes within a cell."


def _fault(reason: str, line: int, column: str | None = None) -> Fault:
    return Fault("body", "/file", "unreadable", reason, line, column)


def _impossible(reason: str, line: int) -> Impossible:
    return Impossible(reason, faults=[_fault(reason, line)])
