"""Reads a sheet of an XLSX workbook as rows of texts, in bounded memory.

The library that reads workbooks allocates a rectangle of cells as large as the references in the file say, and does
not limit what a compressed part may become.  So all parts are decompressed and measured before it reads any.
"""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, BinaryIO

from okube_api.errors import Impossible, TooLarge, format_suggestion
from okube_api.kit.booleans import format_boolean

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
"""Media type of a workbook."""
ZIP_MARK, OLD_MARK = b"PK\x03\x04", b"\xd0\xcf\x11\xe0"
"""First bytes of a workbook, and of an old or an encrypted one."""
MAX_UNPACKED_BYTES = 256 * 2**20
MAX_SMALL_UNPACKED_BYTES = 32 * 2**20
MAX_CELLS = 5_000_000

_MAX_PARTS = 10_000
_PIECE_BYTES = 2**20
_CELL = re.compile(rb"<(?:\w+:)?c[\s/>]")
_ROW = re.compile(rb"<(?:\w+:)?row(?=[\s/>])")
_REFERENCE = re.compile(rb"\br\s*=\s*[\"']([A-Za-z]{0,3})([0-9]{1,10})[\"']")
"""The reference of a cell or, without letters, of a row."""
_LINE_ENDS = re.compile(r"[\r\n]+")
_EXACT_INTEGERS = 2.0**53
_MS_PER_S = 1000
_MINUTE_S, _HOUR_S = 60, 3600


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of a workbook.

    names: of all sheets.  rows: the texts of all rows from the first on, also of empty ones; an empty text is no value.
    """

    name: str
    names: Sequence[str]
    rows: Iterator[list[str]]


def open_sheet(file: BinaryIO, name: str | None = None, max_bytes: int = MAX_UNPACKED_BYTES) -> Sheet:
    """Return a sheet of a workbook: that with a name, or the first one with data.

    max_bytes: maximum size of all parts, decompressed.
    Raise Impossible when the file is no workbook or has no such sheet, TooLarge.
    """
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415 - only uploads of workbooks need it

    file.seek(0)
    _check_parts(file, max_bytes)
    file.seek(0)
    try:
        workbook = CalamineWorkbook.from_filelike(file)
        names = workbook.sheet_names
        if name is not None and name not in names:
            raise Impossible(
                f"The workbook has no sheet '{name[:100]}'. Its sheets: {', '.join(names)[:500]}."
                f"{format_suggestion(name, names)}"
            )
        for candidate in names if name is None else [name]:
            sheet = workbook.get_sheet_by_name(candidate)
            if name is not None or sheet.total_height > 0:
                return Sheet(candidate, names, _format_rows(sheet.iter_rows()))
    except CalamineError as error:
        raise Impossible(f"The workbook cannot be read: {str(error)[:200]}") from None
    raise Impossible("The workbook has no sheet with data.")


def _format_rows(rows: Iterator[list[Any]]) -> Iterator[list[str]]:
    for row in rows:
        yield [format_cell(value) for value in row]


def format_cell(value: object) -> str:
    """Return the text of a cell: days and instants as ISO 8601, numbers exactly, line ends as blanks."""
    format_value = _FORMATS.get(type(value), str)
    return format_value(value)


def _format_text(value: str) -> str:
    return _LINE_ENDS.sub(" ", value) if "\n" in value or "\r" in value else value


def _format_number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < _EXACT_INTEGERS else repr(value)


def _format_instant(value: datetime) -> str:
    return _round_to_ms(value).isoformat()


def _format_time(value: time) -> str:
    return _round_to_ms(datetime.combine(date(2000, 1, 1), value)).time().isoformat()


def _format_duration(value: timedelta) -> str:
    seconds = round(value.total_seconds())
    return f"{seconds // _HOUR_S:02}:{seconds // _MINUTE_S % 60:02}:{seconds % 60:02}"


def _round_to_ms(instant: datetime) -> datetime:
    """Return an instant without the error of a fraction of a day, as a workbook stores it."""
    rounded_ms = round(instant.microsecond / _MS_PER_S)
    return instant.replace(microsecond=0) + timedelta(milliseconds=rounded_ms)


_FORMATS: dict[type, Callable[[Any], str]] = {
    str: _format_text,
    bool: format_boolean,
    float: _format_number,
    datetime: _format_instant,
    date: date.isoformat,
    time: _format_time,
    timedelta: _format_duration,
}


# -- limits ------------------------------------------------------------------------------------------------------------


def _check_parts(file: BinaryIO, max_bytes: int) -> None:
    """Raise Impossible when a file is no workbook, TooLarge when it is too large to read it."""
    if file.read(4) == OLD_MARK:
        raise Impossible("The workbook is encrypted or in an old format. Save it as .xlsx without a password.")
    total_bytes = 0
    try:
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
            if "xl/workbook.xml" not in archive.namelist() or len(parts) > _MAX_PARTS:
                raise Impossible("The file is no workbook of the format XLSX.")
            for part in parts:
                measure = _SheetMeasure()
                with archive.open(part) as content:
                    while piece := content.read(_PIECE_BYTES):
                        total_bytes += len(piece)
                        if total_bytes > max_bytes:
                            raise TooLarge(
                                f"The workbook may have {max_bytes // 2**20} MB at most when it is decompressed. Save "
                                "it as CSV."
                            )
                        measure.add(piece)
                if measure.cells > MAX_CELLS:
                    raise TooLarge(
                        f"A sheet may have {MAX_CELLS:,} cells at most, empty ones between others included. Save it as "
                        "CSV."
                    )
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, OSError, EOFError) as error:
        raise Impossible(f"The workbook cannot be read: {str(error)[:200]}") from None


class _SheetMeasure:
    """Measures the rectangle of cells of a part from its references, and from cells and rows without one.

    A cell without a reference is right of the cell before it, a row without one below the row before it.
    """

    def __init__(self) -> None:
        self._rest = b""  # the beginning of a tag
        self._rows = self._columns = 0
        self._rows_without_reference = 0
        self._cells_without_reference = self._most_without_reference = 0  # of the last row, and of any row

    @property
    def cells(self) -> int:
        """How many cells the rectangle has at most."""
        return (self._rows + self._rows_without_reference) * (self._columns + self._most_without_reference)

    def add(self, piece: bytes) -> None:
        """Take the next bytes of the part into account.  Raise Impossible for a tag of many bytes."""
        data = self._rest + piece
        end = data.rfind(b"<")
        self._rest = data[end:] if end >= 0 else b""
        if len(self._rest) > _PIECE_BYTES:
            raise Impossible("The workbook cannot be read: it has a tag of more than 1 MB.")
        first, *others = _ROW.split(data[:end] if end >= 0 else data)
        self._add_cells(first, is_row=False)
        for row in others:
            self._cells_without_reference = 0
            self._add_cells(row, is_row=True)

    def _add_cells(self, data: bytes, *, is_row: bool) -> None:
        references = _REFERENCE.findall(data)
        columns = [letters for letters, _ in references if letters]
        if references:
            self._rows = max(self._rows, *(int(row) for _, row in references))
        if columns:
            self._columns = max(self._columns, *map(_to_column_number, set(columns)))
        self._rows_without_reference += is_row and len(columns) == len(references)
        self._cells_without_reference += max(len(_CELL.findall(data)) - len(columns), 0)
        self._most_without_reference = max(self._most_without_reference, self._cells_without_reference)


def _to_column_number(letters: bytes) -> int:
    number = 0
    for letter in letters.upper():
        number = 26 * number + letter - ord("A") + 1
    return number
