"""Writes tables as XLSX, with constant memory: rows go to a temporary file at once.

Texts are never formulas, links or numbers.  A table with more rows than a sheet has continues on the next sheets.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import lru_cache
from tempfile import TemporaryDirectory
from typing import BinaryIO

import orjson
import xlsxwriter
from xlsxwriter.exceptions import FileCreateError
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from okube_api.errors import Impossible
from okube_api.tables.cells import join_items
from okube_api.tables.file_columns import FileColumn, Value
from okube_api.tables.formula_marks import is_formula
from okube_api.threads import check_stopped

SHEET_ROWS = 1_048_575
"""The most rows of a sheet, below its header."""
MAX_SHEETS = 5
"""The most sheets: more rows take longer to open than people wait, and are better served by other formats."""
_MAX_TEXT = 32_767  # of a cell, in units of UTF-16
_MEASURED_ROWS = 500  # by which the width of a column is chosen
_MIN_WIDTH, _MAX_WIDTH = 6, 50
_DAY_WIDTH, _INSTANT_WIDTH = 11, 17
_FIRST_YEAR = 1900
_CREATED = datetime(2000, 1, 1)  # noqa: DTZ001 - a constant, so that equal tables have equal bytes
# Indexes of built-in formats: Excel and LibreOffice show them as the language of their user has it.
_DAY_FORMAT, _INSTANT_FORMAT = 14, 22


class _ExactNumber(float):
    """A number that is written with up to 17 digits, which a double may need; the library asks for 16."""

    def __format__(self, spec: str) -> str:
        return repr(float(self))


class XlsxFile:
    """An XLSX file with one table.

    title: the name of the sheet.
    sheet_rows: the most rows of a sheet, below its header; `SHEET_ROWS` if None.
    """

    def __init__(
        self, file: BinaryIO, columns: Sequence[FileColumn], title: str, *, sheet_rows: int | None = None
    ) -> None:
        self._columns, self._title, self._sheet_rows = columns, title, sheet_rows or SHEET_ROWS
        self._folder = TemporaryDirectory()
        self._book = xlsxwriter.Workbook(file, {"constant_memory": True, "tmpdir": self._folder.name})
        self._book.use_zip64()  # if a sheet is that large
        self._book.set_properties({"created": _CREATED})
        self._header_format = self._add_format({"bold": True, "bottom": 1})
        self._text_format = self._add_format({"quote_prefix": True})
        self._day_format = self._add_format({"num_format": _DAY_FORMAT})
        self._instant_format = self._add_format({"num_format": _INSTANT_FORMAT})
        self._number_format = lru_cache(maxsize=None)(lambda pattern: self._add_format({"num_format": pattern}))
        self._widths = [_limit_width(len(column.name) + 2) for column in columns]  # with the button of the filter
        self._sheets: list[Worksheet] = []
        self._row = 0
        self._add_sheet()

    def write(self, rows: Iterable[Sequence[Value]]) -> None:
        """Append rows.  Raise Impossible for more than `MAX_SHEETS` sheets."""
        for values in rows:
            if self._row == self._sheet_rows:
                self._end_sheet()
                self._add_sheet()
            self._row += 1
            if self._row % 1000 == 0:
                check_stopped()
            is_measured = len(self._sheets) == 1 and self._row <= _MEASURED_ROWS
            for index, value in enumerate(values):
                if value is None or value in ("", []):
                    continue
                self._write_cell(index, value, values)
                if is_measured and (width := _measure_width(value)) > self._widths[index]:
                    self._widths[index] = _limit_width(width)

    def finish(self) -> None:
        """Write what is left; the file itself stays open."""
        self._end_sheet()
        for sheet in self._sheets:
            for index, width in enumerate(self._widths):
                sheet.set_column(index, index, width)
        try:
            self._book.close()
        except FileCreateError as error:  # wraps the error of the system
            raise error.args[0] from None

    def close(self) -> None:
        """Delete the temporary files."""
        for sheet in self._sheets:
            sheet.row_data_fh.close()
        self._folder.cleanup()

    def _add_format(self, properties: dict[str, object]) -> Format:
        cell_format: Format = self._book.add_format(properties)
        return cell_format

    def _add_sheet(self) -> None:
        number = len(self._sheets) + 1
        if number > MAX_SHEETS:
            raise Impossible(
                f"The table has more than {MAX_SHEETS * self._sheet_rows:,} rows, which are too many for XLSX. Ask for "
                "Parquet or CSV, or for fewer rows."
            )
        sheet = self._book.add_worksheet(self._title if number == 1 else f"{self._title} {number}")
        sheet.freeze_panes(1, 0)
        sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{self._sheet_rows + 1}"})  # keys such as 0042
        for index, column in enumerate(self._columns):
            sheet.write_string(0, index, column.name, self._header_format)
        self._sheets.append(sheet)
        self._row = 0

    def _end_sheet(self) -> None:
        self._sheets[-1].autofilter(0, 0, self._row, len(self._columns) - 1)

    def _write_cell(self, index: int, value: Value, values: Sequence[Value]) -> None:
        """Write a cell of the current row."""
        sheet, row = self._sheets[-1], self._row
        if isinstance(value, str | list):
            text = value if isinstance(value, str) else _format_list(value)
            if len(text) > _MAX_TEXT // 2 and (length := len(text.encode("utf-16-le")) // 2) > _MAX_TEXT:
                text = f"[{length:,} characters: too long for a cell]"
            sheet.write_string(row, index, text, self._text_format if is_formula(text) else None)
        elif isinstance(value, bool):
            sheet.write_boolean(row, index, value)
        elif isinstance(value, int | float):
            choose_format = self._columns[index].number_format
            pattern = None if choose_format is None else choose_format(values, value)
            if float(f"{value:.16G}") != value:
                value = _ExactNumber(value)
            sheet.write_number(row, index, value, None if pattern is None else self._number_format(pattern))
        elif isinstance(value, date):
            if value.year < _FIRST_YEAR:  # before the first day of spreadsheets
                sheet.write_string(row, index, value.isoformat())
            elif isinstance(value, datetime):
                sheet.write_datetime(row, index, value.replace(tzinfo=None), self._instant_format)
            else:
                sheet.write_datetime(row, index, value, self._day_format)


def _measure_width(value: Value) -> int:
    """Return about how many characters a cell shows."""
    if isinstance(value, str):
        return len(value)
    if isinstance(value, list):
        return len(_format_list(value))
    if isinstance(value, date):
        return _INSTANT_WIDTH if isinstance(value, datetime) else _DAY_WIDTH
    return len(f"{value:,}")


def _limit_width(width: int) -> int:
    return min(max(width, _MIN_WIDTH), _MAX_WIDTH)


def _format_list(items: Sequence[object]) -> str:
    """Return the items of a list joined by `|`, as CSV has them but for marks of formulas."""
    return join_items([item if isinstance(item, str) else orjson.dumps(item).decode() for item in items])
