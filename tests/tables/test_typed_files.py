"""Files with typed columns, read back."""

import io
from contextlib import closing
from datetime import UTC, date, datetime
from typing import Any

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from okube_api.errors import Impossible
from okube_api.kit.file_options import FileFormat
from okube_api.tables import xlsx_file
from okube_api.tables.file_columns import FileColumn, FileColumnType
from okube_api.tables.typed_file import TYPED_FORMATS, open_typed_file
from okube_api.tables.xlsx_file import XlsxFile
from openpyxl.utils.escape import unescape
from openpyxl.worksheet.worksheet import Worksheet
from pyarrow import parquet

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), min_size=1, max_size=20)
COLUMNS = {
    FileColumnType.TEXT: TEXTS | st.sampled_from(("=1+1", "+33", "@x", "0042", "_x0041_", " -1", "https://x.fr")),
    FileColumnType.INTEGER: st.integers(-(2**53), 2**53).filter(lambda number: abs(number) < 10**15),
    FileColumnType.NUMBER: st.floats(-1e300, 1e300, allow_subnormal=False),
    FileColumnType.BOOLEAN: st.booleans(),
    FileColumnType.DAY: st.dates(date(1900, 3, 1), date(2100, 1, 1)),
    FileColumnType.INSTANT: st.datetimes(datetime(1901, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)).map(  # noqa: DTZ001
        lambda instant: instant.replace(microsecond=0)
    ),
}


def write(file_format: FileFormat, columns: list[FileColumn], rows: list[list[Any]]) -> bytes:
    """Return a file with these rows."""
    file = io.BytesIO()
    with closing(open_typed_file(file_format, file, columns, "sites")) as typed_file:
        typed_file.write(rows)
        typed_file.finish()
    return file.getvalue()


def read_sheet(content: bytes) -> Worksheet:
    """Return the only sheet of an XLSX file."""
    (sheet,) = openpyxl.load_workbook(io.BytesIO(content)).worksheets
    return sheet


@settings(max_examples=10, deadline=None)
@given(st.lists(st.tuples(*(st.none() | values for values in COLUMNS.values())).map(list), max_size=5))
def test_values_are_read_back(rows: list[list[Any]]) -> None:
    columns = [FileColumn(value_type.value, value_type) for value_type in COLUMNS]
    contents = [write(file_format, columns, rows) for file_format in TYPED_FORMATS]
    assert contents == [write(file_format, columns, rows) for file_format in TYPED_FORMATS]
    sheet = read_sheet(contents[0])
    lines = [list(line) for line in sheet.iter_rows(min_row=2, max_row=len(rows) + 1, max_col=len(columns))]
    for line, row in zip(lines, rows, strict=True):
        shown = [value.replace(tzinfo=None) if isinstance(value, datetime) else value for value in row]
        values = [cell.value.date() if cell.number_format == "mm-dd-yy" else cell.value for cell in line]
        assert values[0] is None if row[0] is None else unescape(values[0]) == row[0]
        assert values[1:] == shown[1:]
        assert {cell.data_type for cell in line} <= {"s", "n", "b", "d"}
    table = parquet.read_table(io.BytesIO(contents[1]))
    assert [list(row.values()) for row in table.to_pylist()] == rows


@pytest.mark.parametrize("text", ["=1+1", "+33 6", "@sum", "\t=1", "-1+2"])
def test_formulas_are_texts_that_stay_texts_when_they_are_edited(text: str) -> None:
    cell = read_sheet(write(FileFormat.XLSX, [FileColumn("a", FileColumnType.TEXT)], [[text]]))["A2"]
    assert (cell.data_type, cell.value, cell.quotePrefix) == ("s", text, True)


def test_more_rows_continue_on_further_sheets() -> None:
    file = io.BytesIO()
    with closing(XlsxFile(file, [FileColumn("n", FileColumnType.INTEGER)], "sites", sheet_rows=3)) as typed_file:
        typed_file.write([number] for number in range(7))
        typed_file.finish()
    book = openpyxl.load_workbook(file)
    assert book.sheetnames == ["sites", "sites 2", "sites 3"]
    assert [[cell.value for (cell,) in sheet.iter_rows()] for sheet in book.worksheets] == [
        ["n", 0, 1, 2],
        ["n", 3, 4, 5],
        ["n", 6],
    ]
    assert {sheet.freeze_panes for sheet in book.worksheets} == {"A2"}


def test_too_many_rows_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_file, "MAX_SHEETS", 2)
    columns, rows = [FileColumn("n", FileColumnType.INTEGER)], ([number] for number in range(7))
    with (
        closing(XlsxFile(io.BytesIO(), columns, "sites", sheet_rows=3)) as typed_file,
        pytest.raises(Impossible, match="more than 6 rows, which are too many for XLSX"),
    ):
        typed_file.write(rows)


def test_what_cells_cannot_hold() -> None:
    types = {"text": FileColumnType.TEXT, "day": FileColumnType.DAY, "items": FileColumnType.TEXTS}
    rows: list[list[Any]] = [["x" * 32_768, date(1850, 1, 1), ["a|b", "c"]], ["x" * 32_767, None, []]]
    content = write(FileFormat.XLSX, [FileColumn(*column) for column in types.items()], rows)
    sheet = read_sheet(content)
    assert [cell.value for cell in sheet[2]] == ["[32,768 characters: too long for a cell]", "1850-01-01", "a\\|b|c"]
    assert [cell.value for cell in sheet[3]] == ["x" * 32_767, None, None]


def test_integers_beyond_doubles_stay_exact_in_parquet() -> None:
    types = {"n": FileColumnType.INTEGER, "x": FileColumnType.NUMBER, "any": FileColumnType.ANY}
    columns = [FileColumn(*column) for column in types.items()]
    content = write(FileFormat.PARQUET, columns, [[2**60 + 1, 2**60 + 1, 5]])
    assert parquet.read_table(io.BytesIO(content)).to_pylist() == [{"n": 2**60 + 1, "x": float(2**60), "any": "5"}]
