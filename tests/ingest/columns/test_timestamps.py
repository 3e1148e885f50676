"""Columns of instants and days, against `datetime`."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as some
from okube_api.ingest.columns.timestamps import parse_days, parse_instants

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FORM = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII)

offsets = some.integers(-23 * 60 - 59, 23 * 60 + 59).map(lambda minutes: timezone(timedelta(minutes=minutes)))
moments = some.datetimes(datetime(1969, 12, 1), datetime(2100, 1, 20), timezones=offsets)  # noqa: DTZ001
written = some.one_of(
    moments.map(datetime.isoformat),
    moments.map(lambda at: at.isoformat(timespec="seconds")),
    moments.map(lambda at: at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")),
)
spoiled = some.tuples(written, some.integers(0, 40), some.characters(codec="ascii")).map(
    lambda one: one[0][: one[1]] + one[2] + one[0][one[1] + 1 :]
)
texts = some.lists(some.one_of(written, spoiled, some.text(max_size=30), some.none()), max_size=20)


def by_hand(text: str | None) -> int | None:
    """Milliseconds since 1970, by the standard library; None for what is no instant of the years that are taken."""
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
    found, valid = parse_instants(pa.array(column, pa.string()))
    assert [int(ms) if is_one else None for ms, is_one in zip(found, valid, strict=True)] == [
        by_hand(text) for text in column
    ]


@given(
    some.lists(some.one_of(some.dates(date(1960, 1, 1), date(2110, 1, 1)).map(date.isoformat), some.text()), max_size=9)
)
def test_days_of_a_column(column: list[str]) -> None:
    found, valid = parse_days(pa.array(column, pa.string()))
    assert [int(day) if is_one else None for day, is_one in zip(found, valid, strict=True)] == [
        ordinal(text) for text in column
    ]


def ordinal(text: str) -> int | None:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", text, re.ASCII):
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return (day - EPOCH.date()).days + 1 if 1970 <= day.year <= 2099 else None


def test_a_slice_of_a_column_is_read_as_such() -> None:
    column = pa.array(["nonsense", "2019-03-28T09:25:15Z", "2019-03-28T09:25:15.5+01:00", None])
    found, valid = parse_instants(column.slice(1, 2))
    assert (found.tolist(), valid.tolist()) == ([1_553_765_115_000, 1_553_761_515_500], [True, True])
