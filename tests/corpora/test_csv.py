"""CSV of csv-spectrum, read by both readers: that of tables and that of events."""

import csv
import io

import pytest
from okube_api.ingest.parse.csv_parser import CsvParser
from okube_api.ingest.parse.line_blocks import LineBlock
from okube_api.tables.reading import UploadedTable

from tests.corpora.corpora import SpectrumTable, load_spectrum

TABLES = load_spectrum()
AT = "2023-05-06T07:08:09Z"


def test_the_corpus_is_complete() -> None:
    assert len(TABLES) == 12


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_tables_are_read(table: SpectrumTable) -> None:
    uploaded = UploadedTable(io.BytesIO(table.content), "utf8", None, table.columns)
    blocks = list(uploaded.read_blocks())
    assert [fault for block in blocks for fault in block.faults] == []
    assert [row for block in blocks for row in block.rows.to_dict("records")] == table.rows


def build_purchases(table: SpectrumTable, column: str) -> bytes:
    """Return purchases whose `order` is one column of a table; the bytes of its records stay as they are.

    Other columns have no name, so that they are ignored.  The fields that a purchase needs stand before each record.
    """
    reader = csv.reader(io.StringIO(table.content.decode(), newline=""))
    lines = table.content.splitlines(keepends=True)
    line_end = b"\r\n" if lines[0].endswith(b"\r\n") else b"\n"
    names = next(reader)
    header = ",".join(["user", "site", "at", "amount", *("order" if name == column else "" for name in names)])
    records = [header.encode() + line_end]
    start = reader.line_num
    for number, _ in enumerate(reader):
        records.append(f"u{number},s,{AT},1,".encode() + b"".join(lines[start : reader.line_num]))
        start = reader.line_num
    return b"".join(records)


@pytest.mark.parametrize(
    ("table", "column"),
    [pytest.param(table, column, id=f"{table.name}-{column}") for table in TABLES for column in table.columns],
)
def test_events_are_read(table: SpectrumTable, column: str) -> None:
    """Read each column as a text of events; an empty cell is no value."""
    block = CsvParser("purchases").read(LineBlock(build_purchases(table, column), 1))
    assert block.rejected == ()
    expected = [(f"u{number}", row[column] or None) for number, row in enumerate(table.rows)]
    assert [(row["user"], row["order"]) for row in block.rows.to_pylist()] == expected
