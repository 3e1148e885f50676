"""Writes small workbooks for tests."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import xlsxwriter

_FORMATS = {
    datetime: "dd/mm/yyyy hh:mm:ss",
    date: "dd/mm/yyyy",
    time: "hh:mm",
    timedelta: "[h]:mm:ss",
}


def write_workbook(sheets: Mapping[str, Sequence[Sequence[Any]]]) -> bytes:
    """Return a workbook with these rows of cells in its sheets; None is an empty cell."""
    file = io.BytesIO()
    workbook = xlsxwriter.Workbook(file)
    formats = {kind: workbook.add_format({"num_format": pattern}) for kind, pattern in _FORMATS.items()}
    for name, rows in sheets.items():
        sheet = workbook.add_worksheet(name)
        for row, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                if type(cell) in formats:
                    sheet.write_datetime(row, column, cell, formats[type(cell)])
                elif isinstance(cell, str):
                    sheet.write_string(row, column, cell)
                elif cell is not None:
                    sheet.write(row, column, cell)
    workbook.close()
    return file.getvalue()


def replace_sheet(workbook: bytes, xml: bytes) -> bytes:
    """Return a workbook with another text as its first sheet."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook)) as source, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.infolist():
            target.writestr(part.filename, xml if part.filename.endswith("sheet1.xml") else source.read(part))
    return file.getvalue()
