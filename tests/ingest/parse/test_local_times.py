"""Test that local times become instants: whole columns and single values alike."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.ingest.columns.local_days import to_instants
from okube_api.ingest.columns.timestamps import parse_instants
from okube_api.ingest.parse.cell_columns import CellReader
from okube_api.ingest.parse.local_times import LocalTimes
from okube_api.ingest.parse.row_checks import InvalidLine, validate_event

ZONES = ("Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Kathmandu", "UTC")
NEAR_CHANGES = st.builds(
    lambda day, minutes: np.datetime64(day, "m") + minutes,
    st.sampled_from(["2024-03-31", "2024-10-27", "2024-03-10", "2024-11-03", "2024-04-07", "2024-03-10", "2023-12-31"]),
    st.integers(-1440, 2880),
)
LOCAL_TIMES = st.one_of(
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["2024-03-31", "20241027", "2024/03/10", "2024-02-30", "1970-01-01", "2099-12-31"]),
        st.sampled_from(["T", " "]),
        st.sampled_from(["02:30", "023000", "02:30:15", "23:59:60", "05:29:60", "25:00:00", "00:00:00"]),
        st.sampled_from(["", ".5", ",123456789", "Z", "+02:00"]),
    ),
    st.builds(
        "{}{}{}{}".format,
        st.sampled_from(["31.03.2024", "3/31/2024", "27/10/2024", "5/6/2024", "05-06-2024", "27/10/24", "3/4/24"]),
        st.sampled_from([" ", ", ", "T"]),
        st.sampled_from(["2:30", "02:30:00", "18.30", "18.30.15", "0:05", "12:05", "13:00"]),
        st.sampled_from(["", " PM", "am", " a.m.", "\u202fPM"]),
    ),
    st.sampled_from(["1711980000", "x", "", "2024-03-31"]),
)


class SiteZones:
    """The time zones of sites `0`, `1`, ..."""

    def find_zone(self, field: str, name: str) -> str:
        """Return the time zone of a site."""
        assert field == "site"
        return ZONES[int(name) % len(ZONES)]


@given(st.lists(NEAR_CHANGES, min_size=1, max_size=50), st.sampled_from(ZONES))
def test_instants_of_local_times(times: list[Any], name: str) -> None:
    """Compare with every instant that Python's time zones find for a local time."""
    zone = ZoneInfo(name)
    local_ms = np.array(times).astype("datetime64[ms]").astype(np.int64)
    at_ms, count = to_instants(local_ms, name)
    for time, instant_ms, number in zip(times, at_ms.tolist(), count.tolist(), strict=True):
        local = time.item()
        instants = {local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
        instants = {instant for instant in instants if instant.astimezone(zone).replace(tzinfo=None) == local}
        assert number == len(instants)
        if number == 1:
            assert instants == {datetime.fromtimestamp(instant_ms / 1000, UTC)}


@given(
    st.lists(st.tuples(LOCAL_TIMES, st.integers(0, 5)), min_size=1, max_size=8),
    st.sampled_from([None, "dmy", "mdy"]),
    st.sampled_from([None, *ZONES]),
)
def test_columns_and_single_values_agree(rows: list[tuple[str, int]], order: Any, timezone: str | None) -> None:
    """Read the same local times as a column and one by one; without a time zone, each row has that of its site."""
    local_times = LocalTimes(timezone, SiteZones())
    events = [{"user": "u", "site": str(site), "at": text} for text, site in rows]
    reader = CellReader("visits", date_order=order, local_times=local_times)
    for event in events:
        reader.note_days(event)
    table, valid = reader.read_rows(pa.Table.from_pylist(events))
    at_ms = parse_instants(table["at"].combine_chunks())[0]
    for index, event in enumerate(events):
        try:
            expected = validate_event("visits", reader.read_event(event))["at"]
        except InvalidLine:
            expected = None
        assert bool(valid[index]) == (expected is not None), event
        if expected is not None:
            assert at_ms[index] == parse_instants(pa.array([expected]))[0][0], event


@pytest.mark.parametrize(
    ("text", "is_valid"),
    [
        ("2016-12-31T23:59:60Z", True),
        ("2017-01-01 05:29:60+0530", True),
        ("2016-12-31 18:59:60.5-05", True),
        ("2016-12-31T23:58:60Z", False),
        ("2016-12-31T23:59:60+01:00", False),
        ("20170101T000060Z", False),
    ],
)
def test_leap_seconds_end_a_day_of_utc(text: str, is_valid: bool) -> None:
    event = {"user": "u", "site": "s", "at": text}
    reader = CellReader("visits")
    table, valid = reader.read_rows(pa.Table.from_pylist([event]))
    assert valid.tolist() == [is_valid]
    if not is_valid:
        with pytest.raises(InvalidLine):
            validate_event("visits", reader.read_event(event))
        return
    single = validate_event("visits", reader.read_event(event))["at"]
    last_ms = int(np.datetime64("2016-12-31T23:59:59.999", "ms").astype(np.int64))
    for column in (table["at"].combine_chunks(), pa.array([single])):
        assert parse_instants(column)[0].tolist() == [last_ms]
