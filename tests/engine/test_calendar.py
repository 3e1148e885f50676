"""The calendar against the standard library's own dates."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.catalogue.buckets import bucket_numbers, month_number, month_start, to_date, to_ordinal
from okube_api.engine.calendar import (
    Buckets,
    Granularity,
    Mode,
    Period,
    PeriodError,
    cut_into_buckets,
    resolve_period,
    to_local_date,
)

DATES = st.dates(date(1903, 1, 1), date(2199, 12, 31))
PERIODS = st.builds(
    lambda start, length: Period(to_ordinal(start), to_ordinal(start) + length), DATES, st.integers(0, 800)
)


def find_interval_start(day: date, granularity: Granularity) -> date:
    """Return the first day of the interval that contains a day, by plain dates."""
    match granularity:
        case Granularity.DAY:
            return day
        case Granularity.WEEK:
            return day - timedelta(days=day.weekday())
        case Granularity.MONTH:
            return day.replace(day=1)
        case Granularity.YEAR:
            return day.replace(month=1, day=1)


def find_category(day: date, granularity: Granularity) -> int:
    """Return the category of a day, by plain dates."""
    match granularity:
        case Granularity.DAY:
            return day.isoweekday()
        case Granularity.WEEK:
            return day.isocalendar().week
        case Granularity.MONTH:
            return day.month
        case Granularity.YEAR:
            return day.year


def test_the_first_day_is_one() -> None:
    assert to_ordinal(date(1970, 1, 1)) == 1
    assert to_date(1) == date(1970, 1, 1)


@given(PERIODS, st.sampled_from(Granularity))
def test_intervals_are_numbered_from_the_one_of_the_first_day(span: Period, granularity: Granularity) -> None:
    buckets = cut_into_buckets(span, Mode.HISTOGRAM, granularity)
    starts = sorted({find_interval_start(to_date(int(day)), granularity) for day in span.days})
    assert buckets.labels == tuple(str(index) for index in range(len(starts)))
    assert buckets.first_days == tuple(to_ordinal(start) for start in starts)
    for day, bucket in zip(span.days, buckets.of_day, strict=True):
        assert starts[bucket] == find_interval_start(to_date(int(day)), granularity)


@given(PERIODS, st.sampled_from(Granularity))
def test_categories_are_those_of_the_days_of_the_period(span: Period, granularity: Granularity) -> None:
    buckets = cut_into_buckets(span, Mode.AGGREGATION, granularity)
    assert buckets.labels == tuple(
        str(c) for c in sorted({find_category(to_date(int(day)), granularity) for day in span.days})
    )
    for day, bucket in zip(span.days, buckets.of_day, strict=True):
        assert buckets.labels[bucket] == str(find_category(to_date(int(day)), granularity))


@given(PERIODS, st.sampled_from(Mode), st.sampled_from(Granularity))
def test_values_of_finer_columns_are_located_in_the_same_bucket(span: Period, mode: Mode, grain: Granularity) -> None:
    buckets = cut_into_buckets(span, mode, grain)
    (column,) = buckets.columns
    assert buckets.is_one_to_one
    assert list(buckets.locate((column,), [bucket_numbers(span.days, column)])) == list(buckets.of_day)
    assert list(buckets.locate(("day",), [span.days])) == list(buckets.of_day)
    if column in {"month", "year", "month_of_year"}:
        assert list(buckets.locate(("month",), [bucket_numbers(span.days, "month")])) == list(buckets.of_day)


def test_a_year_can_have_week_53() -> None:
    buckets = cut_into_buckets(
        Period(to_ordinal(date(2020, 12, 28)), to_ordinal(date(2021, 1, 4))), Mode.AGGREGATION, Granularity.WEEK
    )
    assert buckets.labels == ("1", "53")
    assert list(buckets.of_day) == [1] * 7 + [0]


@given(DATES)
def test_month_numbers_are_those_of_dates(day: date) -> None:
    number = month_number(to_ordinal(day))
    assert number == day.year * 12 + day.month - 1
    assert to_date(month_start(number)) == day.replace(day=1)


@given(PERIODS)
def test_whole_months_are_those_inside_the_period(span: Period) -> None:
    whole_months = span.whole_months
    expected = [
        month
        for month in range(month_number(span.first) - 1, month_number(span.last) + 2)
        if month_start(month) >= span.first and month_start(month + 1) - 1 <= span.last
    ]
    assert (list(range(whole_months[0], whole_months[1] + 1)) if whole_months else []) == expected


TODAY = date(2024, 3, 31)
YESTERDAY = date(2024, 3, 30)


@pytest.mark.parametrize(
    ("start", "end", "first", "last"),
    [
        (None, None, date(2024, 3, 1), YESTERDAY),
        (date(2024, 1, 1), None, date(2024, 1, 1), date(2024, 1, 30)),
        (date(2024, 3, 20), None, date(2024, 3, 20), YESTERDAY),
        (date(2024, 5, 1), None, date(2024, 5, 1), date(2024, 5, 1)),
        (None, date(2024, 2, 29), date(2024, 1, 31), date(2024, 2, 29)),
        (None, date(2030, 1, 30), date(2030, 1, 1), date(2030, 1, 30)),
        (date(2024, 2, 2), date(2024, 2, 2), date(2024, 2, 2), date(2024, 2, 2)),
    ],
)
def test_default_periods(start: date | None, end: date | None, first: date, last: date) -> None:
    assert resolve_period(start, end, TODAY) == Period(to_ordinal(first), to_ordinal(last))


def test_the_period_of_a_study_is_the_default() -> None:
    own = (date(2023, 1, 1), date(2023, 6, 30))
    assert resolve_period(None, None, TODAY, own) == Period(to_ordinal(own[0]), to_ordinal(own[1]))
    assert resolve_period(None, date(2024, 1, 30), TODAY, own) == Period(
        to_ordinal(date(2024, 1, 1)), to_ordinal(date(2024, 1, 30))
    )


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (date(2024, 1, 2), date(2024, 1, 1), "is after"),
        (date(2010, 1, 1), date(2024, 1, 1), "at most 3660 days"),
        (None, date(1, 1, 10), "between the years"),
        (date(1, 1, 10), date(1, 2, 1), "between the years"),
        (date(9999, 12, 30), None, "between the years"),
    ],
)
def test_periods_that_are_not_allowed_are_refused(start: date | None, end: date | None, message: str) -> None:
    with pytest.raises(PeriodError, match=message):
        resolve_period(start, end, TODAY)


def test_a_period_has_at_most_3660_days() -> None:
    assert len(Period(1, 3660).days) == 3660
    with pytest.raises(PeriodError):
        Period(1, 3661)


def test_a_local_day_changes_at_local_midnight() -> None:
    late = datetime(2024, 3, 30, 23, 30, tzinfo=UTC)  # 00:30 in Paris, on the night the clocks change
    assert to_local_date(late, "Europe/Paris") == date(2024, 3, 31)
    assert to_local_date(late, "America/New_York") == date(2024, 3, 30)


def test_buckets_are_cached() -> None:
    first: Buckets = cut_into_buckets(Period(10, 400), Mode.HISTOGRAM, Granularity.WEEK)
    assert cut_into_buckets(Period(10, 400), Mode.HISTOGRAM, Granularity.WEEK) is first
