"""Test the parsing of instants and days against `datetime`."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from okube_api.ingest.columns.timestamps import parse_days, parse_instant, parse_instants

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FORM = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)
FORM = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:[0-5]\d)", re.ASCII)
offsets = st.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = st.datetimes(datetime(1969, 12, 1), datetime(2100, 1, 20), timezones=offsets)  # noqa: DTZ001
written = st.one_of(
    moments.map(datetime.isoformat),
    moments.map(lambda at: at.isoformat(timespec="seconds")),
    moments.map(lambda at: at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")),
)
spoiled = st.tuples(written, st.integers(0, 40), st.characters(codec="ascii")).map(
    lambda drawn: drawn[0][: drawn[1]] + drawn[2] + drawn[0][drawn[1] + 1 :]
)
texts = st.lists(st.one_of(written, spoiled, st.text(max_size=30), st.none()), max_size=20)


def compute_instant(text: str | None) -> int | None:
    """Return ms since 1970 by the standard library, None for texts that are not an instant of a supported year."""
    if text is None or not FORM.fullmatch(text):
        return None
    try:
        at = datetime.fromisoformat(text.upper().replace(" ", "T"))
        ms = (at - EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None
    return ms if at >= EPOCH and at < datetime(2100, 1, 1, tzinfo=UTC) else None


@given(texts)
def test_instants_of_a_column(column: list[str | None]) -> None:
    at_ms, valid = parse_instants(pa.array(column, pa.string()))
    assert [int(ms) if is_valid else None for ms, is_valid in zip(at_ms, valid, strict=True)] == [
        compute_instant(text) for text in column
    ]


@given(st.lists(st.one_of(st.dates(date(1960, 1, 1), date(2110, 1, 1)).map(date.isoformat), st.text()), max_size=9))
def test_days_of_a_column(column: list[str]) -> None:
    ordinals, valid = parse_days(pa.array(column, pa.string()))
    assert [int(day) if is_valid else None for day, is_valid in zip(ordinals, valid, strict=True)] == [
        compute_ordinal(text) for text in column
    ]


def compute_ordinal(text: str) -> int | None:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return (day - EPOCH.date()).days + 1 if 1970 <= day.year <= 2099 else None


def test_a_slice_of_a_column_is_parsed_alone() -> None:
    column = pa.array(["nonsense", "2019-03-28T09:25:15Z", "2019-03-28T09:25:15.5+01:00", None])
    at_ms, valid = parse_instants(column.slice(1, 2))
    assert (at_ms.tolist(), valid.tolist()) == ([1_553_765_115_000, 1_553_761_515_500], [True, True])


@given(texts)
def test_single_instants(column: list[str | None]) -> None:
    for text in column:
        if text is not None:
            assert parse_instant(text) == compute_instant(text)
