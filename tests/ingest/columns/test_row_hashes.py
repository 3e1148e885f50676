"""Hashes of rows: the same for equal rows, whatever the encoding and the chunks of their columns."""

import pyarrow as pa
from okube_api.ingest.columns.row_hashes import hash_rows

ROWS = [("a", 1, 0.0), ("b", 1, 0.0), ("a", 1, -0.0), (None, 1, 0.0), ("a", None, 0.0), ("", 1, 0.0), ("a", 1, 2.0)]
SCHEMA = pa.schema([("text", pa.string()), ("integer", pa.int64()), ("number", pa.float64())])


def build_rows(rows: list[tuple[str | None, int | None, float]]) -> pa.Table:
    """Return rows as a table."""
    return pa.Table.from_pylist([dict(zip(SCHEMA.names, row, strict=True)) for row in rows], SCHEMA)


def test_rows_have_equal_hashes_if_and_only_if_they_are_equal() -> None:
    """Compare every row with every other; -0.0 equals 0.0."""
    hashes = hash_rows(build_rows(ROWS).columns, len(ROWS)).tolist()
    for number, row in enumerate(ROWS):
        assert [other == row for other in ROWS] == [other == hashes[number] for other in hashes]


def test_hashes_do_not_depend_on_chunks_and_encoding() -> None:
    """Hash the rows in two chunks with different dictionaries."""
    chunks = pa.concat_tables([build_rows(ROWS[3:]), build_rows(ROWS[:3])])
    encoded = pa.concat_tables(
        [
            chunk.set_column(0, "text", chunk["text"].dictionary_encode())
            for chunk in (build_rows(ROWS[3:]), build_rows(ROWS[:3]))
        ]
    )
    expected = hash_rows(build_rows(ROWS[3:] + ROWS[:3]).columns, len(ROWS)).tolist()
    assert hash_rows(chunks.columns, len(ROWS)).tolist() == expected
    assert hash_rows(encoded.columns, len(ROWS)).tolist() == expected


def test_a_column_without_values_has_hashes() -> None:
    """Hash integers that are all null."""
    column = pa.chunked_array([pa.nulls(2, pa.int64())])
    first, second = hash_rows([column], 2).tolist()
    assert first == second
