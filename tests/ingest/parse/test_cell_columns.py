"""Test that whole columns are read by the rules of single values."""

import io
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.errors import Impossible
from okube_api.ingest.columns.timestamps import to_milliseconds
from okube_api.ingest.parse.cell_columns import CellReader
from okube_api.ingest.parse.parquet import read_parquet
from okube_api.ingest.parse.row_checks import InvalidLine, validate_event
from okube_api.ingest.parse.text import ParsedBlock

NUMBERS = st.one_of(
    st.text("0123456789.,eE+-_x \uff11\u0661", max_size=7),
    st.floats(allow_nan=False, allow_infinity=False).map(str),
    st.integers(-10, 10**13).map(str),
    st.text("01 \u00a0\u202f,.€EUR-", max_size=9),
    st.sampled_from(["1 234,50", "1\u202f234,5\u202f€", "12 €", "1 23", "-1\u00a0234\u00a0567", "1,234 €", "9EUR"]),
    st.sampled_from(["1,5", "1,234", "12,0", "0x10", "1_0", "inf", "nan", "1e400", "5\n", "\u00a07"]),
)
ZONES = st.sampled_from(["Z", "z", " UTC", "+02", "-0330", "+01:00", " +0200", "+02:00[Europe/Rome]", "", "+1"])
INSTANTS = st.one_of(
    st.builds(
        "{}{}{}{}{}".format,
        st.sampled_from(["2022-11-05", "20221105", "2022/11/05", "2022-02-30", "1969-12-31"]),
        st.sampled_from(["T", " ", "t", "_"]),
        st.sampled_from(["10:20", "102030", "10:20:30", "23:59:60", "24:00:00", "1:20"]),
        st.sampled_from(["", ".5", ",25", ".123456789", "."]),
        ZONES,
    ),
    st.sampled_from(["1667643630", "1667643630123", "1667643630123456", "1667643630.5", "166764363", " 1667643630 "]),
)
DAYS = st.sampled_from(
    [
        "2022-11-05",
        "2022/11/05",
        "05/11/2022",
        "5.11.2022",
        "25/11/2022",
        "25/11/22",
        "5/11/22",
        "2022-11-05 00:00:00",
        "2022-11-05T01:00",
        "x",
    ]
)


def read_singly(reader: CellReader, events: list[dict[str, Any]]) -> list[dict[str, Any] | None]:
    """Return the events as the rules of single values read them, None where one is not valid."""
    results: list[dict[str, Any] | None] = []
    for event in events:
        try:
            results.append(validate_event(reader.kind, reader.read_event(event)))
        except InvalidLine:
            results.append(None)
    return results


@given(st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=6), st.booleans())
def test_numbers(rows: list[tuple[str, str]], decimal_comma: bool) -> None:
    events = [{"campaign": "c", "day": "2022-11-05", "prints": prints} for prints, _ in rows]
    reader = CellReader("deliveries", decimal_comma=decimal_comma)
    table, valid = reader.read_rows(pa.Table.from_pylist(events))
    singly = read_singly(reader, events)
    assert valid.tolist() == [event is not None for event in singly]
    assert [row["prints"] for row in table.to_pylist() if row["prints"] is not None and row["prints"] >= 0] >= [
        event["prints"] for event in singly if event
    ]
    visits = [{"user": "u", "site": "s", "at": "2022-11-05T00:00:00Z", "amount": amount} for _, amount in rows]
    reader = CellReader("purchases", decimal_comma=decimal_comma)
    table, valid = reader.read_rows(pa.Table.from_pylist(visits))
    amounts = [row["amount"] if is_valid else None for row, is_valid in zip(table.to_pylist(), valid, strict=True)]
    assert amounts == [event and event["amount"] for event in read_singly(reader, visits)]


@given(st.lists(INSTANTS, min_size=1, max_size=6))
def test_instants(texts: list[str]) -> None:
    events = [{"user": "u", "site": "s", "at": text} for text in texts]
    reader = CellReader("visits")
    table, valid = reader.read_rows(pa.Table.from_pylist(events))
    singly = read_singly(reader, events)
    assert valid.tolist() == [event is not None for event in singly]
    expected = pa.chunked_array([[event["at"] for event in singly if event]], pa.string())
    assert to_milliseconds(table.filter(pa.array(valid))["at"]).tolist() == to_milliseconds(expected).tolist()


@given(st.lists(DAYS, min_size=1, max_size=6))
def test_days(texts: list[str]) -> None:
    events = [{"campaign": "c", "day": text} for text in texts]
    reader = CellReader("deliveries")
    table, valid = reader.read_rows(pa.Table.from_pylist(events))
    for event in events:
        reader.note_days(event)
    days = [row["day"] if is_valid else None for row, is_valid in zip(table.to_pylist(), valid, strict=True)]
    assert days == [event and event["day"] for event in read_singly(reader, events)]


@pytest.mark.parametrize("zone", [{}, {"zone": None}, {"zone": "indoor"}])
def test_stays_are_indoor_unless_they_say_otherwise(zone: dict[str, Any]) -> None:
    stay = {"user": "u", "site": "s", "start": "2022-11-05T10:00:00Z", "duration_s": 60}
    reader = CellReader("stays")
    table, valid = reader.read_rows(pa.Table.from_pylist([stay | {"zone": "outdoor"}, stay | zone]))
    assert (table["zone"].to_pylist(), valid.tolist()) == (["outdoor", "indoor"], [True, True])
    (event,) = read_singly(reader, [stay | zone])
    assert event == stay | {"zone": "indoor"}


# -- Parquet, typed columns ---------------------------------------------------------------------------------------


def read_table(kind: str, table: pa.Table, **options: Any) -> ParsedBlock:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    file.seek(0)
    ((block, _),) = read_parquet(kind, file)
    return block


def visits(**columns: Any) -> pa.Table:
    at = pa.array([datetime(2022, 11, 5, 10, tzinfo=UTC)], pa.timestamp("us", "UTC"))
    return pa.table({"user": ["u"], "site": ["s"], "at": at} | columns)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([77]), "77"),
        (pa.array([77], pa.uint64()), "77"),
        (pa.array([Decimal(77)], pa.decimal128(20, 0)), "77"),
        (pa.array([b"caf\xc3\xa9"]), "café"),
        (pa.array([b"abc"], pa.binary(3)), "abc"),
        (pa.array(["u"], pa.large_string()), "u"),
        (pa.array([b"u"]).dictionary_encode(), "u"),
    ],
    ids=["integer", "unsigned", "decimal", "bytes", "fixed bytes", "large text", "dictionary"],
)
def test_columns_that_are_texts(column: pa.Array, expected: str) -> None:
    assert read_table("visits", visits(user=column)).rows["user"].to_pylist() == [expected]


@pytest.mark.parametrize("column", [pa.array([7.0]), pa.array([b"\xff"]), pa.array([True])])
def test_columns_that_are_no_texts(column: pa.Array) -> None:
    with pytest.raises(Impossible, match="'user'"):
        read_table("visits", visits(user=column))


def test_the_index_of_a_data_frame_is_no_column() -> None:
    import pandas as pd

    frame = pd.DataFrame(
        {"user": list("abc"), "site": "s", "at": pd.Timestamp("2022-11-05T10:00:00Z")}, index=[4, 7, 9]
    )
    file = io.BytesIO()
    frame[frame.user != "b"].to_parquet(file)
    ((block, _),) = read_parquet("visits", file)
    assert block.rows["user"].to_pylist() == ["a", "c"]


def test_timestamps_of_96_bits_are_utc() -> None:
    at = pa.array([datetime(2022, 11, 5, 10)], pa.timestamp("ns"))  # noqa: DTZ001 - the type has no zone
    rows = read_table("visits", visits(at=at), use_deprecated_int96_timestamps=True).rows
    assert rows["at"].to_pylist() == [datetime(2022, 11, 5, 10, tzinfo=UTC)]


def test_timestamps_without_a_zone_are_refused_with_a_remedy() -> None:
    with pytest.raises(Impossible, match=r"'at' has no time zone\. .*tz_localize"):
        read_table("visits", visits(at=pa.array([0], pa.timestamp("us"))))


@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Paris"])
def test_midnights_are_days(zone: str | None) -> None:
    naive = pa.array([datetime(2022, 11, 5), datetime(2022, 11, 6, 1), None], pa.timestamp("us"))  # noqa: DTZ001
    import pyarrow.compute as pc

    day = pc.assume_timezone(naive, zone) if zone else naive
    block = read_table("deliveries", pa.table({"campaign": ["c"] * 3, "day": day}))
    assert block.rows["day"].to_pylist() == [date(2022, 11, 5)]
    assert [line.number for line in block.rejected] == [2, 3]


def test_decimals_are_whole_numbers_when_their_fraction_is_zero() -> None:
    prints = pa.array([Decimal("3.00"), Decimal("3.50")], pa.decimal128(12, 2))
    block = read_table(
        "deliveries", pa.table({"campaign": ["c", "c"], "day": ["2022-11-05", "2022-11-06"], "prints": prints})
    )
    assert block.rows["prints"].to_pylist() == [3]
    assert [line.number for line in block.rejected] == [2]


def test_texts_are_numbers_in_any_format() -> None:
    columns = {"user": ["u"], "site": ["s"], "at": ["2022-11-05 10:00:00+01"], "amount": [" 12.50"]}
    block = read_table("purchases", pa.table(columns))
    assert [(row["at"], row["amount"]) for row in block.rows.to_pylist()] == [("2022-11-05T10:00:00+01:00", 12.5)]


def test_rejected_rows_with_nanoseconds() -> None:
    at = pa.array([1_667_642_400_123_456_789] * 2, pa.timestamp("ns", "UTC"))
    block = read_table("visits", pa.table({"user": ["u", None], "site": ["s", "s"], "at": at}))
    assert [line.text for line in block.rejected] == [b'{"site":"s","at":"2022-11-05T10:00:00.123Z"}']


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_durations_of_parquet_are_seconds(unit: str) -> None:
    durations = pa.array([90, 31 * 86_400 + 1], pa.duration("s")).cast(pa.duration(unit))
    stays = {"user": ["u", "v"], "site": ["s", "s"], "start": ["2022-11-05T10:00:00Z"] * 2, "duration_s": durations}
    block = read_table("stays", pa.table(stays))
    assert (block.rows["duration_s"].to_pylist(), [line.number for line in block.rejected]) == ([90], [2])


@given(
    st.lists(
        st.sampled_from(["0:12:30", "00:12:00", "26:00:01", "12:30", "0:60:00", " 1:02:03 ", "90", "1,5", "x"]),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from([None, {"duration_s": 60.0}]),
)
def test_durations_as_spreadsheets_show_them(texts: list[str], factors: Any) -> None:
    """Read the same durations as a column and one by one; a unit does not change those with hours."""
    events = [{"user": "u", "site": "s", "start": "2022-11-05T00:00:00Z", "duration_s": text} for text in texts]
    reader = CellReader("stays", decimal_comma=True, factors=factors)
    table, valid = reader.read_rows(pa.Table.from_pylist(events))
    seconds = [row["duration_s"] if ok else None for row, ok in zip(table.to_pylist(), valid, strict=True)]
    assert seconds == [event and event["duration_s"] for event in read_singly(reader, events)]
    assert all(value == 750 for text, value in zip(texts, seconds, strict=True) if text == "0:12:30")
    assert all(value is None for text, value in zip(texts, seconds, strict=True) if text in ("12:30", "0:60:00"))
