"""Read tables of any format back, as columns and rows of plain values."""

import csv
import io
from datetime import date, datetime
from typing import Any

import httpx
import openpyxl
from pyarrow import parquet

Row = dict[str, Any]
NUMBERS = ("item_from", "item_to", "value", "share", "compared_value", "change")


def read_xlsx(content: bytes) -> list[Row]:
    """Return the rows of all sheets of an XLSX file; an empty cell is None."""
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True)
    rows: list[Row] = []
    for sheet in book.worksheets:
        header, *lines = sheet.iter_rows()
        names = [cell.value for cell in header]
        rows += [dict(zip(names, map(_read_cell, line), strict=True)) for line in lines]
    return rows


def _read_cell(cell: Any) -> Any:
    assert cell.data_type in {"s", "n", "b", "d"}, f"{cell.coordinate} is a formula or an error"
    value = cell.value
    if isinstance(value, datetime) and cell.number_format == "mm-dd-yy":
        return value.date()
    return value


def read_parquet(content: bytes) -> list[Row]:
    """Return the rows of a Parquet file."""
    rows: list[Row] = parquet.read_table(io.BytesIO(content)).to_pylist()
    return rows


def read_csv(
    response: httpx.Response, *, delimiter: str = ",", decimal: str = ".", dates: str = "%Y-%m-%d"
) -> list[Row]:
    """Return the rows of a table of an answer: numbers and days by the names of their columns."""
    charset = response.charset_encoding or ""
    text = response.content.decode("utf-8-sig" if charset == "utf-8" else charset)

    def parse(name: str, cell: str) -> Any:
        if not cell:
            return None
        if name in NUMBERS:
            return float(cell.replace(decimal, "."))
        if name in {"from", "compared_from"}:
            return datetime.strptime(cell, dates).date()  # noqa: DTZ007 - a day
        return cell

    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    return [{name: parse(name, cell) for name, cell in row.items()} for row in reader]


def unify(rows: list[Row]) -> list[Row]:
    """Return rows whose numbers are floats: some formats tell integers from other numbers, some do not."""
    return [{name: float(value) if type(value) is int else value for name, value in row.items()} for row in rows]


def is_day(value: Any) -> bool:
    """Return whether a value is a day without a time."""
    return isinstance(value, date) and not isinstance(value, datetime)
