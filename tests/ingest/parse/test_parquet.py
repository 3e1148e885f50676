"""Parquet files that become very large when they are decoded, and values that Python cannot hold."""

import io
import tracemalloc
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from okube_api.errors import BadRequest, Impossible, Refusal, TooLarge
from okube_api.ingest.parse import codecs, parquet
from okube_api.ingest.parse.parquet import read_parquet
from okube_api.ingest.parse.parquet_pages import measure_column
from okube_api.ingest.parse.text import ParsedBlock

AT = "2024-03-28T10:25:15Z"
LIMIT = 10**10


def repeat(text: str, count: int) -> pa.Array:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(count, np.int32)), pa.array([text]))


def build_pings(count: int, **columns: pa.Array) -> pa.Table:
    """Return valid pings, but for the given columns."""
    numbers = pa.array(np.ones(count))
    return pa.table({"user": repeat("u", count), "at": repeat(AT, count), "lng": numbers, "lat": numbers} | columns)


def write(table: pa.Table, **options: Any) -> io.BytesIO:
    file = io.BytesIO()
    pq.write_table(table, file, compression="zstd", store_schema=False, **options)
    return file


def read(file: io.BytesIO, kind: str = "pings", limit: int | None = LIMIT) -> list[ParsedBlock]:
    return [block for block, _ in read_parquet(kind, file, limit=limit)]


# -- sizes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "x" * 8000),
        ({"use_dictionary": False, "column_encoding": {"user": "DELTA_BYTE_ARRAY"}}, "x" * 2000),
    ],
    ids=["dictionary", "delta"],
)
def test_texts_that_repeat_are_read_in_blocks_of_bounded_size(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], text: str
) -> None:
    monkeypatch.setattr(parquet, "_BLOCK_BYTES", 2**20)
    file = write(build_pings(2000, user=pa.array([text] * 2000)), **options)
    before = pa.total_allocated_bytes()
    blocks = read_parquet("pings", file)
    sizes = [pa.total_allocated_bytes() - before for _ in blocks]
    assert len(sizes) > 3
    assert max(sizes) < 16 * 2**20


def test_rows_that_expand_beyond_the_ratio_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codecs, "MIN_LIMITED_BYTES", 2**20)
    file = write(build_pings(200_000))
    with pytest.raises(TooLarge, match="250 times"):
        read(file)
    assert sum(block.rows.num_rows for block in read(file, limit=None)) == 200_000  # a file on disk is trusted
    with pytest.raises(TooLarge, match="may have 1,000 bytes"):
        read(file, limit=1000)


@pytest.mark.parametrize(
    ("file", "error", "reason"),
    [
        (write(build_pings(9, user=repeat("x" * 70_000, 9))), Impossible, "'user' has a text of 70,000 bytes"),
        (write(build_pings(9, user=pa.array([["a"]] * 9))), Impossible, "'user' has lists or objects"),
        (write(build_pings(9, user=pa.array([{"a": "b"}] * 9))), Impossible, "'user' has lists or objects"),
        (write(build_pings(9, user=pa.array([b"x" * 99] * 9, pa.binary(99)))), Impossible, "values of 99 bytes"),
        (write(build_pings(1, **{f"c{index}": pa.array([1]) for index in range(1000)})), Impossible, "1,004 columns"),
        (io.BytesIO(b"PAR1" + b"\0" * 9_000_000 + (9_000_000).to_bytes(4, "little") + b"PAR1"), TooLarge, "metadata"),
        (io.BytesIO(b""), BadRequest, "Parquet"),
        (io.BytesIO(b"PAR1"), BadRequest, "Parquet"),
    ],
    ids=["long text", "list", "object", "bytes", "columns", "metadata", "empty", "short"],
)
def test_files_are_refused_before_they_are_decoded(file: io.BytesIO, error: type[Refusal], reason: str) -> None:
    with pytest.raises(error) as refusal:
        read(file)
    assert reason in refusal.value.detail


def test_large_pages_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet, "_MAX_PAGE_BYTES", 2**20)
    file = write(build_pings(2, user=pa.array(["x" * 600_000, "y" * 600_000])), use_dictionary=False)
    tracemalloc.start()
    with pytest.raises(TooLarge, match="row group 1"):
        read(file)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@pytest.mark.parametrize("store_schema", [True, False], ids=["dictionaries", "texts"])
def test_small_row_groups_are_read_together(*, store_schema: bool) -> None:
    file = io.BytesIO()
    pq.write_table(build_pings(1000), file, row_group_size=10, store_schema=store_schema)
    (block,) = read(file)
    assert block.line_numbers.tolist() == list(range(1, 1001))


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("has_dictionary", [True, False])
def test_the_size_of_a_column(version: str, *, has_dictionary: bool) -> None:
    texts = pa.array([f"{number:06}" for number in range(5000)])
    file = write(pa.table({"user": texts}), use_dictionary=has_dictionary, data_page_version=version)
    size = measure_column(file, pq.ParquetFile(file).metadata.row_group(0).column(0))
    assert (size.dictionary_bytes, size.dictionary_values) == ((50_000, 5000) if has_dictionary else (0, 0))
    assert size.row_bytes == (0 if has_dictionary else pytest.approx(10, abs=0.1))


@pytest.mark.parametrize("at", range(4, 24))
def test_a_damaged_header_of_a_page_is_refused_or_read(at: int) -> None:
    file = write(build_pings(100))
    data = bytearray(file.getvalue())
    for value in (0, 0x7F, 0xFF):
        data[at] = value
        with suppress(BadRequest, Impossible, TooLarge):
            read(io.BytesIO(bytes(data)))


def test_a_long_text_of_a_rejected_row_is_cut() -> None:
    (block,) = read(write(build_pings(2, user=pa.array(["é" * 9000, "u"])), use_dictionary=False))
    (line,) = block.rejected
    assert "'user'" in line.reason
    assert line.text.decode().count("é") == 8192


# -- values -----------------------------------------------------------------------------------------------------------


def write_invalid_texts(texts: list[bytes]) -> io.BytesIO:
    """Return a file with a column of texts that are not all UTF-8."""
    file = io.BytesIO()
    column = pa.array(texts, pa.binary()).view(pa.string())
    pq.write_table(build_pings(len(texts), user=column), file)
    return file


def test_texts_that_are_not_utf8_are_rejected() -> None:
    (block,) = read(write_invalid_texts([b"a", b"\xff", "é".encode(), b"\xc3"]))
    assert block.rows["user"].to_pylist() == ["a", "é"]
    assert [(line.number, line.reason) for line in block.rejected] == [
        (2, "'user': The text is not valid UTF-8."),
        (4, "'user': The text is not valid UTF-8."),
    ]
    assert "\ufffd" in block.rejected[0].text.decode()


def view_timestamps(numbers: list[int], unit: str, zone: str | None = "UTC") -> pa.Array:
    return pa.array(numbers, pa.int64()).view(pa.timestamp(unit, zone))


@pytest.mark.parametrize("zone", ["UTC", "Europe/Paris", "Mars/Phobos"])
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_instants_out_of_range_are_rejected(unit: str, zone: str) -> None:
    factor = {"ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    wrapping = 1_711_621_515 + 2**64 // 10**6  # becomes a valid instant when it overflows on its way to microseconds
    numbers = [1_711_621_515 * factor, 2**62, -(2**62), min(wrapping * factor, 2**63 - 1)]
    file = io.BytesIO()
    pq.write_table(build_pings(4, at=view_timestamps(numbers, unit, zone)), file)
    (block,) = read(file)
    assert block.line_numbers.tolist() == [1]
    assert [line.number for line in block.rejected] == [2, 3, 4]


def test_days_out_of_range_are_rejected() -> None:
    days = pa.array([19_000, 2**31 - 1, -(2**31)], pa.int32()).view(pa.date32())
    rows = {"day": days, "campaign": pa.array(["c"] * 3), "prints": pa.array([1] * 3)}
    (block,) = read(write(pa.table(rows)), "deliveries")
    assert block.line_numbers.tolist() == [1]
    assert [line.number for line in block.rejected] == [2, 3]
    assert all("'day'" in line.reason or "not valid" in line.reason for line in block.rejected)


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_midnights_out_of_range_are_rejected(unit: str) -> None:
    numbers = [19_000 * 86_400 * {"ms": 10**3, "us": 10**6, "ns": 10**9}[unit], 2**62, -(2**62)]
    rows = {"day": view_timestamps(numbers, unit, None), "campaign": pa.array(["c"] * 3), "prints": pa.array([1] * 3)}
    file = io.BytesIO()
    pq.write_table(pa.table(rows), file)
    (block,) = read(file, "deliveries")
    assert block.line_numbers.tolist() == [1]
