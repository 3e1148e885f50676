"""Hours of columns of instants against the clocks of the standard library."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from okube_api.catalogue.buckets import to_ordinal
from okube_api.ingest.columns.local_hours import compute_hours

from tests.engine.numbering import hour_columns

ZONES = ("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Sao_Paulo")
INSTANTS = st.one_of(
    st.integers(0, 37 * 366 * 86_400).map(
        lambda offset_s: datetime(2000, 1, 1, tzinfo=UTC) + timedelta(seconds=offset_s)
    ),
    st.builds(  # around clock changes
        lambda change, offset_s: change + timedelta(seconds=offset_s),
        st.sampled_from(
            [
                datetime(2026, 3, 29, 1, tzinfo=UTC),
                datetime(2026, 11, 1, 6, tzinfo=UTC),
                datetime(2026, 4, 4, 15, tzinfo=UTC),
                datetime(2026, 10, 3, 15, 30, tzinfo=UTC),
                datetime(2018, 11, 4, 3, tzinfo=UTC),
            ]
        ),
        st.integers(-100_000, 100_000),
    ),
)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.lists(st.tuples(INSTANTS, st.integers(0, len(ZONES) - 1), st.integers(0, 1)), max_size=30))
def test_hours_are_those_of_the_local_clock(rows: list[tuple[datetime, int, int]]) -> None:
    """Some rows belong to the day before their instant."""
    days = [(at.astimezone(ZoneInfo(ZONES[zone])) - timedelta(days=earlier)).date() for at, zone, earlier in rows]
    hours = compute_hours(
        np.array([(at - EPOCH) // timedelta(milliseconds=1) for at, _, _ in rows], np.int64),
        np.array([to_ordinal(day) for day in days], np.int64),
        np.array([zone for _, zone, _ in rows], np.int64),
        ZONES,
    )
    expected = [hour_columns(at, day, ZONES[zone]) for (at, zone, _), day in zip(rows, days, strict=True)]
    assert {name: values.tolist() for name, values in hours.items()} == {
        name: [row[name] for row in expected] for name in ("elapsed_min", "hour_of_day", "minute_of_day")
    }
