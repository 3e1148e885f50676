"""Local days of instants, also around changes of the clock, and periods of queries."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from okube_api.errors import Impossible
from okube_api.kit.period_query import PeriodQuery, local_day

ZONES = ("UTC", "Europe/Paris", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Africa/Cairo")


@settings(max_examples=100, deadline=None)
@given(seconds=st.integers(0, 4 * 10**9), zone=st.sampled_from(ZONES))
def test_local_day_is_the_day_in_the_zone(seconds: int, zone: str) -> None:
    day, at_midnight = local_day(str(seconds), ZoneInfo(zone))
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    assert day == local.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d")
    assert at_midnight == (local.astimezone(ZoneInfo(zone)).strftime("%H:%M:%S") == "00:00:00")


@pytest.mark.parametrize(
    ("seconds", "zone", "expected"),
    [
        ("-99999999999", "UTC", "0001-01-02"),
        ("-99999999999", "Asia/Kathmandu", "0001-01-02"),
        ("-99999999999", "America/New_York", "0001-01-01"),
        ("999999999999", "UTC", "9999-12-30"),
        ("999999999999", "Pacific/Apia", "9999-12-30"),
    ],
)
def test_instant_beyond_the_calendar_is_on_the_nearest_day(seconds: str, zone: str, expected: str) -> None:
    assert local_day(seconds, ZoneInfo(zone))[0] == expected


@pytest.mark.parametrize(
    ("seconds", "zone", "expected"),
    [
        ("99999999999", "UTC", "5138-11-16"),
        ("-1", "UTC", "1969-12-31"),
        ("-1", "Europe/Paris", "1970-01-01"),
        ("-1", "America/New_York", "1969-12-31"),
    ],
)
def test_instant_far_from_now_is_on_its_own_day(seconds: str, zone: str, expected: str) -> None:
    assert local_day(seconds, ZoneInfo(zone))[0] == expected


def test_period_that_ends_before_it_starts_is_impossible() -> None:
    query = PeriodQuery.model_validate({"from": "2019-03-02", "to": "2019-03-01"})
    with pytest.raises(Impossible):
        query.match_period()


@pytest.mark.parametrize(
    ("tz", "timezone", "expected"),
    [
        ("Europe/Paris", "Europe/Paris", ("2024-03-31", "2024-03-31")),
        ("UTC", "Europe/Paris", ("2024-03-31", "2024-04-01")),
        ("Europe/Paris", "UTC", ("2024-03-30", "2024-03-31")),
        ("Pacific/Auckland", "America/Los_Angeles", ("2024-03-30", "2024-03-31")),
        ("America/Los_Angeles", "Pacific/Auckland", ("2024-03-31", "2024-04-01")),
        ("Asia/Kathmandu", "Asia/Kathmandu", ("2024-03-31", "2024-03-31")),
    ],
)
def test_days_of_another_time_zone(tz: str, timezone: str, expected: tuple[str, str]) -> None:
    query = PeriodQuery.model_validate({"from": "2024-03-31", "to": "2024-03-31", "tz": tz})
    same = PeriodQuery.model_validate({"from": expected[0], "to": expected[1]})
    assert query.match_days_in(timezone) == same.match_period()


@pytest.mark.parametrize(("first", "last"), [("0001-01-01", "9999-12-31"), ("0001-01-01", None), (None, "9999-12-31")])
def test_days_at_the_ends_of_the_calendar(first: str | None, last: str | None) -> None:
    for tz, timezone in (("Pacific/Apia", "America/New_York"), ("America/New_York", "Pacific/Apia")):
        days = {name: day for name, day in (("from", first), ("to", last)) if day}
        PeriodQuery.model_validate({**days, "tz": tz}).match_days_in(timezone)
