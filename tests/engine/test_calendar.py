"""The calendar against the standard library's own dates."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

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
from okube_api.engine.fiscal_calendar import BusinessCalendar, MonthlyCalendar, read_calendar
from okube_api.kit.application import CalendarSettings
from okube_api.kit.year_end import WEEKDAYS

from tests.by_hand.calendars import Calendar
from tests.engine.business_calendars import get_plain_rule

DATES = st.dates(date(1903, 1, 1), date(2199, 12, 31))
PERIODS = st.builds(
    lambda start, length: Period(to_ordinal(start), to_ordinal(start) + length), DATES, st.integers(0, 800)
)


DAY_GRANULARITIES = [each for each in Granularity if each not in {"hour", "hourOfWeek"}]
CALENDARS = st.one_of(
    st.builds(BusinessCalendar, st.builds(MonthlyCalendar, st.integers(1, 12), st.sampled_from([1, 1, 15, 31]))),
    st.builds(
        lambda weekday, month, day: read_calendar(
            CalendarSettings.model_validate(
                {"retail": "4-5-4", "yearEnds": f"{WEEKDAYS[weekday]} nearest {day} {month}"}
            )
        ),
        st.sampled_from([5, 6]),
        st.sampled_from(["january", "december", "august"]),
        st.sampled_from([28, 31]),
    ),
    st.builds(BusinessCalendar, st.just(MonthlyCalendar(4, 6)), st.integers(1, 7)),
)


@dataclass(frozen=True)
class Cut:
    """How a period is cut into buckets."""

    span: Period
    granularity: Granularity
    calendar: BusinessCalendar

    @cached_property
    def days(self) -> list[date]:
        """The days of the period."""
        return [to_date(int(day)) for day in self.span.days]

    def make_buckets(self, mode: Mode) -> Buckets:
        """Return the buckets of the period."""
        return cut_into_buckets(self.span, mode, self.granularity, self.calendar)

    def find_bucket(self, mode: Mode, day: date, first: date) -> int:
        """Return the key of the bucket of a day, in a period from `first`, by plain dates."""
        if self.granularity is Granularity.DAY:
            return day.isoweekday() if mode is Mode.AGGREGATION else (day - first).days
        fiscal = self.calendar.fiscal
        plain = Calendar(get_plain_rule(fiscal) if fiscal else None, self.calendar.week_start)
        return int(plain.find_bucket(mode, self.granularity, day, first))


CUTS = st.builds(Cut, PERIODS, st.sampled_from(DAY_GRANULARITIES), CALENDARS)


def test_the_first_day_is_one() -> None:
    assert to_ordinal(date(1970, 1, 1)) == 1
    assert to_date(1) == date(1970, 1, 1)


@given(CUTS)
def test_intervals_are_numbered_from_the_one_of_the_first_day(cut: Cut) -> None:
    buckets = cut.make_buckets(Mode.HISTOGRAM)
    positions = [cut.find_bucket(Mode.HISTOGRAM, day, cut.days[0]) for day in cut.days]
    assert list(buckets.of_day) == positions
    assert buckets.labels == tuple(str(index) for index in range(positions[-1] + 1))
    for position, start in enumerate(map(to_date, buckets.first_days)):
        assert cut.find_bucket(Mode.HISTOGRAM, start, cut.days[0]) == position
        assert cut.find_bucket(Mode.HISTOGRAM, start - timedelta(days=1), cut.days[0]) == position - 1


@given(CUTS)
def test_intervals_that_are_partly_in_the_period_are_cut(cut: Cut) -> None:
    first, last, day = cut.days[0], cut.days[-1], timedelta(days=1)
    final = cut.find_bucket(Mode.HISTOGRAM, last, first)
    begins_before = {0} if cut.find_bucket(Mode.HISTOGRAM, first - day, first) == 0 else set()
    ends_after = {final} if cut.find_bucket(Mode.HISTOGRAM, last + day, first) == final else set()
    assert cut.make_buckets(Mode.HISTOGRAM).cut == tuple(str(at) for at in sorted(begins_before | ends_after))
    assert cut.make_buckets(Mode.AGGREGATION).cut == ()


@given(CUTS)
def test_categories_are_those_of_the_days_of_the_period(cut: Cut) -> None:
    buckets = cut.make_buckets(Mode.AGGREGATION)
    categories = [cut.find_bucket(Mode.AGGREGATION, day, cut.days[0]) for day in cut.days]
    assert buckets.labels == tuple(str(category) for category in sorted(set(categories)))
    assert [buckets.labels[bucket] for bucket in buckets.of_day] == [str(category) for category in categories]
    assert [to_date(day) for day in buckets.first_days] == [
        cut.days[categories.index(category)] for category in sorted(set(categories))
    ]


@given(CUTS, st.sampled_from(Mode))
def test_values_of_finer_columns_are_located_in_the_same_bucket(cut: Cut, mode: Mode) -> None:
    buckets = cut.make_buckets(mode)
    (column,) = buckets.columns
    values = bucket_numbers(cut.span.days, column)
    assert list(buckets.locate((column,), [values])) == list(buckets.of_day)
    assert list(buckets.locate(("day",), [cut.span.days])) == list(buckets.of_day)
    if column in {"month", "year", "month_of_year"}:
        assert list(buckets.locate(("month",), [bucket_numbers(cut.span.days, "month")])) == list(buckets.of_day)
    assert buckets.is_one_to_one == (len(set(values.tolist())) == len(buckets.labels))


@pytest.mark.parametrize(
    ("calendar", "granularity", "column"),
    [
        ({}, Granularity.QUARTER, "month"),
        ({"weekStart": "sunday"}, Granularity.WEEK, "day"),
        ({"fiscalYearStart": "02-01"}, Granularity.WEEK, "week"),
        ({"fiscalYearStart": "02-01"}, Granularity.FISCAL_QUARTER, "month"),
        ({"fiscalYearStart": "02-15"}, Granularity.FISCAL_QUARTER, "day"),
        ({"retail": "4-5-4", "yearEnds": "saturday nearest 31 january"}, Granularity.FISCAL_MONTH, "day"),
        ({"retail": "4-5-4", "yearEnds": "sunday nearest 31 january"}, Granularity.FISCAL_MONTH, "week"),
    ],
)
@pytest.mark.parametrize("mode", Mode)
def test_rows_of_the_longest_periods_are_read(
    calendar: dict[str, str], granularity: Granularity, column: str, mode: Mode
) -> None:
    period = Period(to_ordinal(date(2023, 1, 10)), to_ordinal(date(2024, 8, 20)))
    business_calendar = read_calendar(CalendarSettings.model_validate(calendar))
    assert cut_into_buckets(period, mode, granularity, business_calendar).columns in {(column,), (f"iso{column}",)}


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
