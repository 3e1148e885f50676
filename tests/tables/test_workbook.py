"""Test the reader of workbooks: its texts, and the limits of hostile files."""

import io
import zipfile
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.errors import Impossible, TooLarge
from okube_api.tables.workbook import format_cell, open_sheet

from tests.tables.workbooks import replace_sheet, write_workbook

INSTANT = datetime.fromisoformat("2024-05-01T14:35:10")
SHEET = (
    b'<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>%b'
    b"</sheetData></worksheet>"
)


def read_rows(workbook: bytes, name: str | None = None) -> list[list[str]]:
    return list(open_sheet(io.BytesIO(workbook), name).rows)


def test_cells_are_read_as_texts() -> None:
    rows: list[list[Any]] = [
        ["text", 12, 12.5, 1 / 3, 3_760_123_456_789, True, "00123"],
        [date(2024, 5, 1), INSTANT, time(9, 5), timedelta(hours=36), " a\nb ", None, -0.5],
        [],
        ["last"],
    ]
    assert read_rows(write_workbook({"Données": rows})) == [
        ["text", "12", "12.5", "0.3333333333333333", "3760123456789", "true", "00123"],
        ["2024-05-01", "2024-05-01T14:35:10", "09:05:00", "36:00:00", " a b ", "", "-0.5"],
        [""] * 7,
        ["last", *[""] * 6],
    ]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_stay_exact(number: float) -> None:
    assert float(format_cell(number)) == number


@given(st.datetimes(INSTANT))
def test_instants_are_rounded_to_milliseconds(instant: datetime) -> None:
    read = datetime.fromisoformat(format_cell(instant))
    assert abs(read - instant) <= timedelta(microseconds=500)


def test_the_first_sheet_with_data_is_the_default() -> None:
    workbook = write_workbook({"Notice": [], "Visites": [["site"], ["lyon"]], "Autre": [["x"]]})
    sheet = open_sheet(io.BytesIO(workbook))
    assert (sheet.name, list(sheet.names)) == ("Visites", ["Notice", "Visites", "Autre"])
    assert read_rows(workbook, "Autre") == [["x"]]
    with pytest.raises(Impossible, match=r"no sheet 'Autres'.*Did you mean 'Autre'"):
        open_sheet(io.BytesIO(workbook), "Autres")


def test_leading_empty_rows_and_columns_keep_their_places() -> None:
    rows = read_rows(write_workbook({"A": [[], [None, "name"], [None, "x"]]}))
    assert [[cell for cell in row if cell] for row in rows] == [[], ["name"], ["x"]]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 not a zip file",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1 an old workbook",
        b"text",
    ],
)
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(Impossible):
        open_sheet(io.BytesIO(content))


def test_other_archives_are_refused() -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("content.xml", "<x/>")
    with pytest.raises(Impossible, match="no workbook"):
        open_sheet(file)


def test_large_parts_are_refused() -> None:
    workbook = replace_sheet(write_workbook({"A": [["x"]]}), SHEET % (b" " * 3_000_000))
    with pytest.raises(TooLarge, match="2 MB at most"):
        open_sheet(io.BytesIO(workbook), max_bytes=2 * 2**20)


def test_damaged_parts_are_refused() -> None:
    workbook = bytearray(write_workbook({"A": [["x"]] * 1000}))
    workbook[len(workbook) // 3] ^= 0xFF
    with pytest.raises(Impossible):
        list(open_sheet(io.BytesIO(bytes(workbook))).rows)


@pytest.mark.parametrize(
    "rows",
    [
        b'<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
        b"<row r='1'><c r = 'A1'><v>1</v></c></row><row r='1048576'><c s='>' r='xfd1048576'><v>1</v></c></row>",
        b'<row r="1">' + b"<c/>" * 9000 + b'</row><row r="1048576"><c><v>1</v></c></row>',
        b"<row>" + b"<c/>" * 9000 + b"</row>" + b"<row/>" * 9000,
        b'<x:row r="1"><x:c r="A1"/></x:row><x:row r="900000"><x:c r="ZZ900000"/></x:row>',
    ],
)
def test_sparse_sheets_are_refused_before_cells_are_allocated(rows: bytes) -> None:
    with pytest.raises(TooLarge, match="cells at most"):
        open_sheet(io.BytesIO(replace_sheet(write_workbook({"A": [["x"]]}), SHEET % rows)))


def test_cells_without_references_are_read() -> None:
    rows = b"<row><c><v>1</v></c><c><v>2</v></c></row>" * 100
    read = read_rows(replace_sheet(write_workbook({"A": [["x"]]}), SHEET % rows))
    assert read == [["1", "2"]] * 100
