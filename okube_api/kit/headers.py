"""Finds the header of a file of cells, and the delimiter between its names."""

import csv
import re
from collections.abc import Collection, Iterable, Sequence

from okube_api.kit.cells import CellFormat, is_day, is_instant, read_number

MAX_COLUMNS = 1000
MAX_TITLE_LINES = 20
"""How many lines are searched for the header, without blank ones."""
MAX_HEADER_CHARACTERS = 2**20
LONG_HEADER = f"The header must not be longer than {MAX_HEADER_CHARACTERS:,} characters."
NO_HEADER = "The file has no header. The first line must name the columns."
LONG_CELL = "A cell must not be longer than 128 KiB."
"""Reason for what the reader of the standard library refuses."""

_SEPARATOR = re.compile(r'^[ \ufeff]*+"?+[ ]*+sep[ ]*+=[ ]*([^"\r\n])"?[ ]*(\1*|,*|;*)[ ]*$', re.IGNORECASE)
_LONGEST_SEPARATOR_LINE = 2 * MAX_COLUMNS  # spreadsheets add a delimiter for each column


def find_separator(line: str) -> str | None:
    """Return the delimiter of a first line such as `sep=;`, as any spreadsheet writes it; None for other lines."""
    match = _SEPARATOR.match(line.rstrip("\r\n")) if len(line) <= _LONGEST_SEPARATOR_LINE else None
    return match[1] if match else None


def guess_delimiter(header: str, expected: Iterable[str], delimiters: str = ",;\t|") -> str:
    """Return the delimiter with which a header has the most expected names; of several, the one with the most names."""
    names = frozenset(expected)

    def score(delimiter: str) -> tuple[int, int]:
        try:
            cells = next(csv.reader([header], delimiter=delimiter, skipinitialspace=True), [])
        except csv.Error:  # with this delimiter, a cell is too long
            return 0, 0
        return sum(cell.strip() in names for cell in cells), len(cells)

    return max(delimiters, key=score)


def find_named_header(lines: Sequence[str], names: Collection[str], delimiter: str | None) -> int | None:
    """Return the position of the first line that has all names of columns which the sender gives, None if none has.

    Lines above the header are titles, as people write them into spreadsheets.
    """
    for position, line in enumerate(lines[:MAX_TITLE_LINES]):
        if set(names) <= set(_split_line(line, delimiter or guess_delimiter(line, names))):
            return position
    return None


def find_likely_header(lines: Sequence[str], expected: Collection[str], delimiter: str | None) -> int:
    """Return the position of the first line that seems to name columns: lines above it have few cells.

    expected: names of columns that the file may have.  Return 0 when no line is more likely than the first one.
    """
    rows = [_split_line(line, delimiter or guess_delimiter(line, expected)) for line in lines[:MAX_TITLE_LINES]]
    counts = [sum(map(bool, cells)) for cells in rows]
    for position, cells in enumerate(rows):
        count, widest = counts[position], max(counts[position:])
        if count == widest or (count > 1 and 2 * count > widest):
            is_header = count > 1 and not any(_is_value(cell) for cell in cells if cell)
            return position if is_header else 0
    return 0


def _split_line(line: str, delimiter: str) -> list[str]:
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])]
    except csv.Error:
        return []


def _is_value(cell: str) -> bool:
    number = read_number(cell, CellFormat(decimal_comma=True))
    return not isinstance(number, str) or is_day(cell) or is_instant(cell)


def describe_excess_columns(names: Sequence[str]) -> str | None:
    """Return why a header with these names is refused when it has too many of them, else None."""
    if len(names) <= MAX_COLUMNS:
        return None
    return f"The header has {len(names):,} columns. A file may have {MAX_COLUMNS:,} columns at most."


def find_duplicate(names: Iterable[str]) -> str | None:
    """Return the first name of a header that an earlier column has, too; columns may have no name."""
    seen: set[str] = set()
    for name in names:
        if name and name in seen:
            return name
        seen.add(name)
    return None
