"""Instants and local days, around the days on which clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from okube_api.errors import Impossible
from okube_api.kit.period_query import PeriodQuery, _day

ZONES = ("UTC", "Europe/Paris", "America/New_York", "Asia/Kathmandu", "Pacific/Apia", "Africa/Cairo")


@settings(max_examples=100, deadline=None)
@given(seconds=st.integers(0, 4 * 10**9), zone=st.sampled_from(ZONES))
def test_the_day_of_an_instant_is_the_zones(seconds: int, zone: str) -> None:
    day, at_midnight = _day(str(seconds), ZoneInfo(zone))
    local = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    assert day == local.astimezone(ZoneInfo(zone)).strftime("%Y-%m-%d")
    assert at_midnight == (local.astimezone(ZoneInfo(zone)).strftime("%H:%M:%S") == "00:00:00")


@pytest.mark.parametrize("seconds", ["99999999999", "-99999999999", "-1"])
def test_instants_beyond_calendars_are_the_nearest(seconds: str) -> None:
    for zone in ZONES:
        day, _ = _day(seconds, ZoneInfo(zone))
        assert len(day) == len("2019-03-28")


def test_a_period_that_ends_before_it_starts_is_impossible() -> None:
    query = PeriodQuery.model_validate({"from": "2019-03-02", "to": "2019-03-01"})
    with pytest.raises(Impossible):
        query.match_period()
