"""Buckets by hour against the standard library's own clocks."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.catalogue.buckets import to_date, to_ordinal
from okube_api.catalogue.fact import ELAPSED, HOUR_OF_DAY
from okube_api.engine.calendar import Granularity, Mode, Period
from okube_api.engine.hour_buckets import HourBuckets, cut_into_hours

ZONES = (
    "Europe/Paris",
    "America/New_York",
    "Australia/Lord_Howe",  # its clock moves by half an hour
    "Asia/Kolkata",  # half an hour beside UTC
    "America/Sao_Paulo",  # its clock was set forward at midnight
)
PERIODS = st.builds(
    lambda start, length: Period(to_ordinal(start), to_ordinal(start) + length),
    st.dates(date(2000, 1, 1), date(2037, 1, 1)),
    st.integers(0, 100),
)
SECONDS = st.integers(0, 102 * 86_400)


def find_midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a local day."""
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def describe(instant: datetime, timezone: str) -> dict[str, int]:
    """Return the columns of a row that happens at an instant, computed minute by minute where a clock may move."""
    zone = ZoneInfo(timezone)
    local = instant.astimezone(zone)
    step_min = 30 if timezone == "Australia/Lord_Howe" else 60
    elapsed_min = (instant - find_midnight(local.date(), zone)) // timedelta(minutes=step_min) * step_min
    return {
        "day": to_ordinal(local.date()),
        "weekday": local.isoweekday(),
        ELAPSED: elapsed_min,
        HOUR_OF_DAY: local.hour,
    }


def locate(buckets: HourBuckets, columns: tuple[str, ...], rows: list[dict[str, int]], zones: list[int]) -> list[str]:
    """Return the labels of the buckets of rows."""
    values = [np.array([row[name] for row in rows], np.int64) for name in columns]
    of_row = np.array(zones, np.int64) if buckets.needs_zone(columns) else None
    return [buckets.labels[position] for position in buckets.locate(columns, values, of_row)]


@given(PERIODS, st.lists(st.sampled_from(ZONES), min_size=1, max_size=3, unique=True), st.lists(SECONDS, max_size=20))
def test_rows_are_located_in_the_bucket_of_their_hour(period: Period, zones: list[str], seconds: list[int]) -> None:
    first = to_date(period.first)
    rows, codes, since_midnight, of_day, of_week = [], [], [], [], []
    for code, timezone in enumerate(zones):
        zone = ZoneInfo(timezone)
        midnight, end = find_midnight(first, zone), find_midnight(to_date(period.last + 1), zone)
        for instant in (midnight + timedelta(seconds=offset) for offset in seconds):
            if instant < end:
                local = instant.astimezone(zone)
                rows.append(describe(instant, timezone))
                codes.append(code)
                since_midnight.append(str((instant - midnight) // timedelta(hours=1)))
                of_day.append(str(local.hour))
                of_week.append(f"{local.isoweekday()}-{local.hour}")
    histogram = cut_into_hours(period, Mode.HISTOGRAM, Granularity.HOUR, tuple(zones))
    assert locate(histogram, ("day", ELAPSED), rows, codes) == since_midnight
    hours = cut_into_hours(period, Mode.AGGREGATION, Granularity.HOUR, tuple(zones))
    assert locate(hours, (HOUR_OF_DAY,), rows, codes) == of_day
    assert locate(hours, ("day", ELAPSED), rows, codes) == of_day
    week = cut_into_hours(period, Mode.AGGREGATION, Granularity.HOUR_OF_WEEK, tuple(zones))
    assert locate(week, ("weekday", HOUR_OF_DAY), rows, codes) == of_week
    assert locate(week, ("day", ELAPSED), rows, codes) == of_week


@given(PERIODS, st.sampled_from(ZONES))
def test_labels_are_the_hours_that_the_period_touches(period: Period, timezone: str) -> None:
    zone = ZoneInfo(timezone)
    at, end = find_midnight(to_date(period.first), zone), find_midnight(to_date(period.last + 1), zone)
    hours: dict[int, None] = {}
    of_day, of_week = set(), set()
    midnight = at
    while at < end:
        local = at.astimezone(zone)
        hours.setdefault((at - midnight) // timedelta(hours=1))
        of_day.add(local.hour)
        of_week.add((local.isoweekday(), local.hour))
        at += timedelta(minutes=30)
    histogram = cut_into_hours(period, Mode.HISTOGRAM, Granularity.HOUR, (timezone,))
    assert histogram.labels == tuple(map(str, hours))
    starts = [(midnight + timedelta(hours=hour)).astimezone(zone).date() for hour in hours]
    assert histogram.first_days == tuple(map(to_ordinal, starts))
    by_hour = cut_into_hours(period, Mode.AGGREGATION, Granularity.HOUR, (timezone,))
    assert by_hour.labels == tuple(map(str, sorted(of_day)))
    by_week = cut_into_hours(period, Mode.AGGREGATION, Granularity.HOUR_OF_WEEK, (timezone,))
    assert by_week.labels == tuple(f"{weekday}-{hour}" for weekday, hour in sorted(of_week))


@pytest.mark.parametrize(
    ("day", "timezone", "hours", "missing"),
    [
        (date(2026, 3, 29), "Europe/Paris", 23, "2"),
        (date(2026, 10, 25), "Europe/Paris", 25, None),
        (date(2026, 3, 8), "America/New_York", 23, "2"),
        (date(2026, 11, 1), "America/New_York", 25, None),
        (date(2026, 10, 4), "Australia/Lord_Howe", 24, None),  # 23 and a half
        (date(2026, 4, 5), "Australia/Lord_Howe", 25, None),  # 24 and a half
    ],
)
def test_days_of_clock_changes(day: date, timezone: str, hours: int, missing: str | None) -> None:
    period = Period(to_ordinal(day), to_ordinal(day))
    histogram = cut_into_hours(period, Mode.HISTOGRAM, Granularity.HOUR, (timezone,))
    assert len(histogram.labels) == hours
    assert histogram.cut == ((str(hours - 1),) if timezone == "Australia/Lord_Howe" else ())
    labels = cut_into_hours(period, Mode.AGGREGATION, Granularity.HOUR, (timezone,)).labels
    assert labels == tuple(str(hour) for hour in range(24) if str(hour) != missing)


def test_zones_differ_where_their_days_have_other_lengths() -> None:
    day = to_ordinal(date(2026, 3, 29))
    columns = ("day", ELAPSED)
    zones = ("Europe/Paris", "Asia/Kolkata")
    assert cut_into_hours(Period(day, day + 1), Mode.HISTOGRAM, Granularity.HOUR, zones).needs_zone(columns)
    assert not cut_into_hours(Period(day + 1, day + 9), Mode.HISTOGRAM, Granularity.HOUR, zones).needs_zone(columns)
    both_change = ("Europe/Paris", "Europe/London")  # at the same instant, but not at the same local hour
    assert not cut_into_hours(Period(day, day), Mode.HISTOGRAM, Granularity.HOUR, both_change).needs_zone(columns)
    assert cut_into_hours(Period(day, day), Mode.AGGREGATION, Granularity.HOUR, both_change).needs_zone(columns)


def test_an_instant_after_the_period_counts_in_its_last_hour() -> None:
    day = to_ordinal(date(2026, 3, 28))  # a Saturday
    row = {"day": day, ELAPSED: 25 * 60}
    for mode, granularity, label in (
        (Mode.HISTOGRAM, Granularity.HOUR, "23"),
        (Mode.AGGREGATION, Granularity.HOUR, "23"),
        (Mode.AGGREGATION, Granularity.HOUR_OF_WEEK, "6-23"),
    ):
        buckets = cut_into_hours(Period(day, day), mode, granularity, ("Europe/Paris",))
        assert locate(buckets, ("day", ELAPSED), [row], [0]) == [label]
