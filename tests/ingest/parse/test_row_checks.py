"""Lines that are valid JSON, or nearly, but no valid events: each is rejected with its reason."""

import pytest
from okube_api.ingest.parse.cell_columns import CellReader
from okube_api.ingest.parse.line_blocks import LineBlock
from okube_api.ingest.parse.text import NdjsonParser

STAY = b'{"user":"a","site":"b","start":"2024-03-28T10:25:15Z","duration_s":%s}'


@pytest.mark.parametrize("factor", [1, 60], ids=["seconds", "minutes"])
@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"9" * 5000, "more than 400 digits"),
        (b"-" + b"9" * 5000, "more than 400 digits"),
        (b"9" * 400, "'duration_s'"),
        (b"1e400", "'duration_s'"),
        (b"-1e99999999999999999999", "'duration_s'"),
        (b'"1e400"', "'duration_s'"),
        (b'"' + b"9" * 5000 + b'"', "'duration_s'"),
        (b'"\\ud800"', "surrogate"),
        (b'"\\u0000"', "'duration_s'"),
        (b"[" * 100_000 + b"]" * 100_000, "not valid JSON"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
    ],
    ids=range(12),
)
def test_values_that_are_no_durations_are_rejected(value: bytes, reason: str, factor: int) -> None:
    reader = CellReader("stays", factors={"duration_s": factor})
    block = NdjsonParser("stays", reader).read(LineBlock(b"\n".join([STAY % b"1", STAY % value, STAY % b"2"]), 1))
    assert block.rows["duration_s"].to_pylist() == [factor, 2 * factor]
    assert [line.number for line in block.rejected] == [2]
    assert reason in block.rejected[0].reason


@pytest.mark.parametrize("value", [b"-0", b"-0.0", b"0e999", b"1e-400"])
def test_unusual_forms_of_zero_are_accepted(value: bytes) -> None:
    block = NdjsonParser("stays").read(LineBlock(STAY % value, 1))
    assert block.rows["duration_s"].to_pylist() == [0]


@pytest.mark.parametrize("value", [b"5", b"-1", b"1e30", b"true", b"null", b"[1]", b"{}", b"99999999999999999999"])
@pytest.mark.parametrize(
    ("kind", "line", "reason"),
    [
        ("visits", b'{"user":"a","site":"b","at":%s}', "'at': Use RFC 3339 with an offset, such as 2019-"),
        ("deliveries", b'{"campaign":"a","prints":1,"day":%s}', "'day': Write a day as YYYY-MM-DD."),
    ],
)
def test_values_that_are_no_times_are_explained(kind: str, line: bytes, reason: str, value: bytes) -> None:
    (rejected,) = NdjsonParser(kind).read(LineBlock(line % value, 1)).rejected
    assert rejected.reason.startswith(reason)


def test_values_that_are_no_texts_are_explained() -> None:
    (rejected,) = (
        NdjsonParser("visits").read(LineBlock(b'{"user":[],"site":"b","at":"2024-03-28T10:25:15Z"}', 1)).rejected
    )
    assert rejected.reason == "'user': Input should be a valid string"
