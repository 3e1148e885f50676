"""Test local days against `datetime`: around offset changes, and at random."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.ingest.columns.local_days import compute_day_start, find_offset_range_ms, to_local_days

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_ZERO = EPOCH.date() - timedelta(days=1)
TIMEZONES = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))


def compute_day(at_ms: int, zone: str) -> int:
    return datetime.fromtimestamp(at_ms // 1000, ZoneInfo(zone)).toordinal() - DAY_ZERO.toordinal()


def test_no_instants_have_no_days() -> None:
    assert to_local_days(np.zeros(0, np.int64), "Europe/Paris").tolist() == []


@pytest.mark.parametrize(
    "zone",
    [
        "Europe/Paris",
        "America/New_York",
        "America/St_Johns",  # clocks went back from 00:01 to 23:01 of the day before
        "America/Sao_Paulo",  # clocks went back at midnight, to the day before
        "Pacific/Apia",  # skipped 30 December 2011
        "Asia/Shanghai",
        "Africa/Casablanca",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "UTC",
    ],
)
def test_every_half_hour_of_years_with_offset_changes(zone: str) -> None:
    starts = [datetime(year, 1, 1, tzinfo=UTC) for year in (2006, 2011, 2024)]
    at = np.concatenate([int(s.timestamp()) * 1000 + np.arange(0, 366 * 48) * 1_800_000 - 1 for s in starts])
    assert to_local_days(at, zone).tolist() == [compute_day(int(at_ms), zone) for at_ms in at]


@given(
    st.lists(st.integers(0, 4_102_444_799_999), min_size=1, max_size=20),
    st.sampled_from(TIMEZONES),
)
def test_any_instant_of_a_century(at: list[int], zone: str) -> None:
    assert to_local_days(np.array(at, np.int64), zone).tolist() == [compute_day(at_ms, zone) for at_ms in at]


@given(st.integers(4000, 40_000), st.sampled_from(["Europe/Paris", "Asia/Shanghai", "America/New_York"]))
def test_a_day_starts_when_the_day_before_ends(day: int, zone: str) -> None:
    start = compute_day_start(day, zone)
    assert to_local_days(np.array([start - 1, start], np.int64), zone).tolist() == [day - 1, day]


def test_offset_range_covers_the_years_of_instants() -> None:
    """Take a time zone with summer time, and one that has moved across the date line between two years."""
    instants = np.array([1_325_376_000_000, 1_293_840_000_000])  # the starts of 2012 and 2011
    hour_ms = 3_600_000
    assert find_offset_range_ms(instants, ["Europe/Paris"]) == (hour_ms, 2 * hour_ms)
    assert find_offset_range_ms(instants, ["Pacific/Apia", "Europe/Paris"]) == (-11 * hour_ms, 14 * hour_ms)
    assert find_offset_range_ms(instants, []) == (0, 0)
    assert find_offset_range_ms(instants[:0], ["Europe/Paris"]) == (0, 0)
