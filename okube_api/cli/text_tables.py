"""Tables on a terminal, as wide as their content and no wider than the terminal."""

import os
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

_GAP = 2
_FILE_WIDTH = 200
"""The width of a table that is not printed on a terminal, unless COLUMNS says another one."""
_SHORTEST = 12
"""The width to which columns are cut where a table is too wide."""
_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that change the direction of the text after them, also that of other cells."""


@dataclass(slots=True)
class PrintedColumn:
    """A column of a table.

    is_cuttable: whether long cells may be cut where the table is too wide.
    """

    header: str
    cells: list[str]
    justify: Literal["left", "right"] = "right"
    is_cuttable: bool = False

    @property
    def width(self) -> int:
        """Width of the longest cell, in columns of a terminal."""
        return max(map(cell_len, (self.header, *self.cells)))


def make_printable(text: str) -> str:
    """Return a text without control characters and line ends, which could change what a terminal shows."""
    if text.isprintable():
        return text
    return "".join(
        "\N{REPLACEMENT CHARACTER}"
        if character in _REORDERING or unicodedata.category(character) in _CONTROLS
        else character
        for character in text
    )


def build_label(header: str, cells: list[str]) -> PrintedColumn:
    """Return a column of texts that say what each line is about."""
    return PrintedColumn(header, cells, "left", is_cuttable=True)


def open_output() -> Console:
    """Return the standard output, which prints `?` for a character that its encoding does not have."""
    sys.stdout.reconfigure(errors="replace")  # type: ignore[union-attr] # a stream of text
    return Console(highlight=False, markup=False, emoji=False)


def print_text(console: Console, text: str, style: str = "") -> None:
    """Print a line of text, without the control characters in it."""
    console.print(Text(make_printable(text), style), soft_wrap=True)


def get_table_width(console: Console) -> int:
    """Return the width that tables may have."""
    return console.width if console.is_terminal or "COLUMNS" in os.environ else _FILE_WIDTH


def print_tables(
    console: Console,
    title: str,
    labels: Sequence[PrintedColumn],
    blocks: Sequence[Sequence[PrintedColumn]],
    *,
    has_sum: bool = False,
) -> None:
    """Print columns as one table, or as several with the same labels where blocks do not fit side by side.

    labels: the columns that say what each line is about.
    blocks: columns that stay together.
    has_sum: whether the last line is about all others.
    """
    labels, blocks = [_clean(label) for label in labels], [[_clean(column) for column in block] for block in blocks]
    for columns in _split(labels, blocks, get_table_width(console)):
        print_text(console, "")
        if title:
            print_text(console, title, "bold")
        widths = [column.width for column in columns]
        rule = ("─" if console.encoding.startswith("utf") else "-") * _measure(widths)
        print_text(console, _join([column.header for column in columns], columns, widths), "bold")
        print_text(console, rule, "dim")
        rows = list(zip(*(column.cells for column in columns), strict=True))
        for number, row in enumerate(rows, 1):
            is_sum = has_sum and number == len(rows)
            if is_sum:
                print_text(console, rule, "dim")
            print_text(console, _join(row, columns, widths), "bold" if is_sum else "")


def print_columns(console: Console, columns: Sequence[PrintedColumn]) -> None:
    """Print columns as lines of text, also wider than the terminal."""
    columns = [_clean(column) for column in columns]
    widths = [column.width for column in columns]
    for line in zip(*([column.header, *column.cells] for column in columns), strict=True):
        print_text(console, _join(line, columns, widths))


def _join(cells: Sequence[str], columns: Sequence[PrintedColumn], widths: Sequence[int]) -> str:
    """Return a line of a table.  widths: of the columns."""
    fills = (" " * (width - cell_len(cell)) for cell, width in zip(cells, widths, strict=True))
    padded = (
        cell + fill if column.justify == "left" else fill + cell
        for cell, fill, column in zip(cells, fills, columns, strict=True)
    )
    return (" " * _GAP).join(padded).rstrip()


def _clean(column: PrintedColumn) -> PrintedColumn:
    return replace(column, header=make_printable(column.header), cells=[*map(make_printable, column.cells)])


def _split(
    labels: Sequence[PrintedColumn], blocks: Sequence[Sequence[PrintedColumn]], width: int
) -> Iterator[list[PrintedColumn]]:
    """Yield the columns of each table: as many blocks as fit after the labels, at least one."""
    columns = list(labels)
    widths = _measure_cut(labels)
    for block in blocks:
        block_widths = _measure_cut(block)
        if len(columns) > len(labels) and _measure([*widths, *block_widths]) > width:
            yield _cut(columns, width)
            columns, widths = list(labels), widths[: len(labels)]
        columns.extend(block)
        widths.extend(block_widths)
    yield _cut(columns, width)


def _measure(widths: Sequence[int]) -> int:
    """Return the width of columns of these widths side by side."""
    return sum(widths) + _GAP * (len(widths) - 1)


def _measure_cut(columns: Sequence[PrintedColumn]) -> list[int]:
    """Return the widths of columns when their texts are cut as far as they may be."""
    return [min(column.width, _SHORTEST) if column.is_cuttable else column.width for column in columns]


def _cut(columns: Sequence[PrintedColumn], width: int) -> list[PrintedColumn]:
    """Return the columns with their texts cut as far as needed: the longest ones first."""
    widths = [column.width for column in columns]
    excess = _measure(widths) - width
    while excess > 0:
        candidates = [
            position for position, column in enumerate(columns) if column.is_cuttable and widths[position] > _SHORTEST
        ]
        if not candidates:
            break
        widths[max(candidates, key=lambda position: widths[position])] -= 1
        excess -= 1
    return [
        replace(column, header=_cut_text(column.header, most), cells=[_cut_text(cell, most) for cell in column.cells])
        for column, most in zip(columns, widths, strict=True)
    ]


def _cut_text(text: str, width: int) -> str:
    if cell_len(text) <= width:
        return text
    cut = Text(text)
    cut.truncate(width, overflow="ellipsis")
    return cut.plain
