"""Test that lines are parsed into columns, at once or one by one, with the same result in every format."""

import csv
import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.errors import BadRequest, Impossible
from okube_api.ingest.columns.timestamps import to_milliseconds
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.parse.cell_columns import CellReader
from okube_api.ingest.parse.column_checks import get_field_rules, get_schema, mark_valid_rows
from okube_api.ingest.parse.column_map import ColumnMap
from okube_api.ingest.parse.csv_parser import CsvParser
from okube_api.ingest.parse.line_blocks import LineBlock
from okube_api.ingest.parse.parquet import read_parquet
from okube_api.ingest.parse.row_checks import InvalidLine, parse_json_line, validate_event
from okube_api.ingest.parse.text import NdjsonParser

VALID: dict[str, dict[str, Any]] = {
    "areas": {
        "code": "693820101",
        "name": "Bellecour",
        "lng": 4.832,
        "lat": 45.757,
        "geometry": "POLYGON ((4.83 45.75, 4.84 45.75, 4.84 45.76, 4.83 45.75))",
    },
    "panelists": {"user": "a", "weight": 1.25, "home": "2A0040101", "os": "android"},
    "pings": {"user": "a", "at": "2024-03-28T10:25:15+01:00", "lng": -0.5, "lat": 45},
    "stays": {"user": "a", "site": "s", "start": "2024-03-28T10:25:15Z", "duration_s": 60, "zone": "indoor"},
    "detections": {"device": "d", "equipment": "e", "at": "2024-03-28T10:25:15.123Z", "id": "x"},
    "touches": {"user": "a", "campaign": "c", "at": "2024-03-28T10:25:15Z", "kind": "click"},
    "deliveries": {"campaign": "c", "day": "2024-03-28", "prints": 12},
    "visits": {"user": "a", "site": "s", "at": "2024-03-28T10:25:15Z", "end": "2024-03-28T10:35:15Z"},
    "purchases": {"user": "a", "site": "s", "at": "2024-03-28T10:25:15Z", "amount": 12.5, "order": "o"},
}
ODD_VALUES: tuple[Any, ...] = (
    None,
    True,
    1,
    -1,
    0.5,
    10**20,
    "",
    "x",
    "x" * 2000,
    "2024-02-30",
    "2024-03-28T10:20:00Z",
    "1",
    [],
    {},
    "a\nb",
    "é",
    999,
)


def to_block(*texts: str | bytes) -> LineBlock:
    return LineBlock(b"".join((text if isinstance(text, bytes) else text.encode()) + b"\n" for text in texts), 1)


def validate_line(kind: str, text: str) -> dict[str, Any] | None:
    """Return the event of a line by its model, None when the line is not valid."""
    try:
        return validate_event(kind, CellReader(kind).read_event(parse_json_line(text.encode())))
    except InvalidLine:
        return None


def test_every_kind_has_a_valid_example() -> None:
    assert list(VALID) == list(KINDS)
    for kind, event in VALID.items():
        assert mark_valid_rows(kind, pa.Table.from_pylist([event], get_schema(kind))).all(), kind
        assert validate_event(kind, event) == event


@given(st.data())
def test_columns_are_validated_as_by_the_models(data: st.DataObject) -> None:
    """Check that exactly the events are accepted that the model accepts, with the same values."""
    kind = data.draw(st.sampled_from(list(KINDS)))
    names = [rule.name for rule in get_field_rules(kind)]
    changes = st.dictionaries(st.sampled_from([*names, "surplus"]), st.sampled_from(ODD_VALUES), max_size=2)
    events = [VALID[kind] | data.draw(changes) for _ in range(data.draw(st.integers(1, 6)))]
    texts = [json.dumps(event) for event in events]
    read = NdjsonParser(kind).read(to_block(*texts))
    expected = [validate_line(kind, text) for text in texts]
    valid = {number: event for number, event in enumerate(expected, 1) if event is not None}
    parsed = {
        number: drop_none(row) for number, row in zip(read.line_numbers.tolist(), read.rows.to_pylist(), strict=True)
    }
    assert parsed == valid
    assert sorted(line.number for line in read.rejected) == [n for n, event in enumerate(expected, 1) if event is None]
    assert all(line.text.decode() == texts[line.number - 1] for line in read.rejected)


def drop_none(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '"a"',
        '{"user":"a"}{"user":"b"}',
        '{"user":"a","user":"b"}',
        '{"user":"\\ud800","at":"2024-03-28T10:25:15Z","lng":1,"lat":1}',
        b'{"user":"\xff","at":"2024-03-28T10:25:15Z","lng":1,"lat":1}',
        '{"user":"a","at":"2024-03-28T10:25:15Z","lng":NaN,"lat":1}',
        '{"user":"a","at":"2024-03-28T10:25:15Z","lng":1e999,"lat":1}',
        '{"user":"a","at":"2024-03-28T10:25:15Z","lng":181,"lat":1}',
        '{"user":"a","at":"2024-03-28T10:25:15","lng":1,"lat":1}',
        '{"user":"a","at":17116179,"lng":1,"lat":1}',
        '{"user":"","at":"2024-03-28T10:25:15Z","lng":1,"lat":1}',
        "[" * 100_000,
    ],
)
def test_one_invalid_line_among_many(text: str | bytes) -> None:
    valid = json.dumps(VALID["pings"])
    read = NdjsonParser("pings").read(to_block(*[valid] * 300, text, "", "  ", *[valid] * 300))
    assert read.rows.num_rows == 600
    assert read.line_numbers.tolist() == [*range(1, 301), *range(304, 604)]
    (rejected,) = read.rejected
    assert (rejected.number, rejected.text) == (301, text if isinstance(text, bytes) else text.encode())


def test_a_visit_that_ends_before_it_starts_is_rejected() -> None:
    visit = VALID["visits"]
    ends = [visit["at"], "2024-03-28T11:25:15+01:00", "2024-03-28T11:25:14.999+01:00", "2024-03-28T10:25:16Z"]
    events = [{**visit, "end": end} for end in ends]
    read = NdjsonParser("visits").read(to_block(*map(json.dumps, events)))
    assert (read.line_numbers.tolist(), [line.number for line in read.rejected]) == ([1, 2, 4], [3])
    assert read.rejected[0].reason == "'end' is before 'at'."
    at = {name: pa.array([event[name] for event in events]).cast(pa.timestamp("ms", "UTC")) for name in ("at", "end")}
    (block,) = read_parquet("visits", write_parquet(pa.table({"user": ["a"] * 4, "site": ["s"] * 4, **at})))
    assert (block[0].line_numbers.tolist(), block[0].rejected[0].reason) == ([1, 2, 4], read.rejected[0].reason)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_csv_with_any_delimiter_and_quoting(delimiter: str, quoting: Any) -> None:
    events = [VALID["areas"], {**VALID["areas"], "name": 'So-called "centre", or so; perhaps'}, VALID["areas"]]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(VALID["areas"]), delimiter=delimiter, quoting=quoting, lineterminator="\n")
    writer.writeheader()
    writer.writerows(events)
    read = CsvParser("areas").read(LineBlock(text.getvalue().encode(), 1))
    assert (read.rows.to_pylist(), read.line_numbers.tolist(), list(read.rejected)) == (events, [2, 3, 4], [])


def test_reasons_name_the_fields_of_csv() -> None:
    text = (
        "lat,lng,user,at\n45,4.8,a,2024-03-28T10:25:15Z\n45,,a,2024-03-28T10:25:15Z\nx,4,a,2024-03-28T10:25:15Z\n"
        '45,4.8,a\n45,4.8,"a,2024-03-28T10:25:15Z\n45,4.8,b,2024-03-28T10:25:15Z'
    )
    read = CsvParser("pings").read(LineBlock(text.encode(), 1))
    assert [(row["user"], row["lng"]) for row in read.rows.to_pylist()] == [("a", 4.8), ("b", 4.8)]
    assert read.line_numbers.tolist() == [2, 7]
    reasons = {line.number: line.reason for line in read.rejected}
    assert "'lng': Field required" in reasons[3]
    assert "'lat': Input should be a valid number" in reasons[4]
    assert "3 cells" in reasons[5]
    assert "not valid CSV" in reasons[6]


@pytest.mark.parametrize("header", ["user,at,lng", "user,at,lng,lat,altitude", "user,at,lng,lat,lat"])
def test_a_wrong_header_refuses_the_file(header: str) -> None:
    with pytest.raises(Impossible):
        CsvParser("pings").read(LineBlock(f"{header}\n".encode(), 1))


# -- Parquet ------------------------------------------------------------------------------------------------------


def write_parquet(table: pa.Table) -> io.BytesIO:
    file = io.BytesIO()
    pq.write_table(table, file)
    file.seek(0)
    return file


@pytest.mark.parametrize("kind", list(KINDS))
def test_parquet_is_parsed_like_ndjson(kind: str) -> None:
    events = [VALID[kind], {name: value for name, value in VALID[kind].items() if name != "id"}]
    (block,) = read_parquet(kind, write_parquet(pa.Table.from_pylist(events)))
    assert [drop_none(row) for row in block[0].rows.to_pylist()] == [drop_none(event) for event in events]
    assert block[1].last_row == 2


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_parquet_may_contain_timestamps(unit: str) -> None:
    at = (
        pa.array([1_711_617_915, None, 9_000_000_000], pa.timestamp("s"))
        .cast(pa.timestamp(unit))
        .cast(pa.timestamp(unit, "UTC"))
    )
    columns = {"user": pa.array(["a", "b", "c"]).dictionary_encode(), "at": at, "lng": pa.array([1, 2, 3], pa.int8())}
    table = pa.table({**columns, "lat": pa.array([1.0, 2, 3], pa.float32())})
    (block,) = read_parquet("pings", write_parquet(table))
    assert block[0].line_numbers.tolist() == [1]
    assert [line.number for line in block[0].rejected] == [2, 3]
    assert "'at'" in block[0].rejected[0].reason


def test_fractions_are_rejected_for_integers() -> None:
    events = [{**VALID["deliveries"], "prints": prints} for prints in (1.0, 2.5, float("nan"), -3.0)]
    (block,) = read_parquet("deliveries", write_parquet(pa.Table.from_pylist(events)))
    assert block[0].rows["prints"].to_pylist() == [1]
    assert [line.number for line in block[0].rejected] == [2, 3, 4]


@pytest.mark.parametrize(
    "column",
    [pa.array([1], pa.timestamp("ms")), pa.array([1]), pa.array([b"\xff"]), pa.array([[1]])],
    ids=["no zone", "number", "bytes", "list"],
)
def test_columns_that_cannot_be_read_as_instants(column: pa.Array) -> None:
    table = pa.table({"user": ["a"], "at": column, "lng": [1.0], "lat": [1.0]})
    with pytest.raises(Impossible, match="'at'"):
        list(read_parquet("pings", write_parquet(table)))


def test_a_file_that_is_not_parquet() -> None:
    with pytest.raises(BadRequest):
        list(read_parquet("pings", io.BytesIO(b"PAR1 but not really PAR1")))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"user":"a","user":"b"}', "Duplicate field 'user'."),
        ('{"zaphod":1,"zaphod":2}', "Duplicate field."),
        (
            '{"user":"a","at":"2024-03-28T10:25:15Z","lng":1,"lat":1,"zaphod":1}',
            "Unknown field. Fields of pings: id, user, at, lng, lat, accuracy, speed.",
        ),
        ("[]", "Line is not a JSON object."),
        ('{"lng":NaN}', "NaN is not a number in JSON."),
    ],
)
def test_reasons_name_known_fields_only(text: str, reason: str) -> None:
    """Check that a reason repeats nothing that may be the name of a person."""
    (rejected,) = NdjsonParser("pings").read(to_block(text)).rejected
    assert reason in rejected.reason
    assert "zaphod" not in rejected.reason


def _format_pings(count: int, **of_one: Any) -> bytes:
    """Return lines of pings with instants in seconds; the one in line 78 has further fields."""
    pings = [{"user": f"u{n}", "at": 1_700_000_000 + n, "lng": 4.8, "lat": 45.7} for n in range(count)]
    pings[77] |= of_one
    return "".join(json.dumps(ping) + "\n" for ping in pings).encode()


@pytest.mark.parametrize("mapper", [{}, {"user": "user"}])
def test_a_field_of_one_line_is_read(mapper: dict[str, str]) -> None:
    parser = NdjsonParser("pings", column_map=ColumnMap("pings", mapper))
    without, with_field = (
        parser.read(LineBlock(_format_pings(200, **fields), 1)).rows for fields in ({}, {"accuracy": 12.5})
    )
    assert without["accuracy"].null_count == 200
    assert with_field["accuracy"].to_pylist() == [None] * 77 + [12.5] + [None] * 122


def test_integer_instants_around_an_invalid_line() -> None:
    block = NdjsonParser("pings").read(LineBlock(_format_pings(400, lat=95), 1))
    assert [line.number for line in block.rejected] == [78]
    assert to_milliseconds(block.rows["at"]).tolist() == [1_700_000_000_000 + 1000 * n for n in range(400) if n != 77]


@pytest.mark.parametrize("per_second", [1, 1000])
def test_integer_instants_are_not_written_as_texts(per_second: int) -> None:
    at = pa.array([1_700_000_000 * per_second, None, 12], pa.int64())
    rows, valid = CellReader("pings").read_rows(pa.table({"at": at}))
    assert rows["at"].type == pa.timestamp("ms", "UTC")
    assert rows["at"].cast(pa.int64()).to_pylist() == [1_700_000_000_000, None, None]
    assert not valid.any()
