"""Compared periods: where they lie, and which of their days are set against each other."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.catalogue.buckets import to_date, to_ordinal
from okube_api.engine.calendar import Period, PeriodError
from okube_api.engine.compared_periods import Shift, find_compared_days, shift_period

BY_DATES = {Shift.PREVIOUS_YEAR: 12, Shift.PREVIOUS_QUARTER: 3, Shift.PREVIOUS_MONTH: 1}


def read_period(days: str) -> Period:
    """Return the period of a text such as `2024-02-01..2024-02-29`."""
    first, last = map(date.fromisoformat, days.split(".."))
    return Period(to_ordinal(first), to_ordinal(last))


def write_period(period: Period) -> str:
    """Return a period as a text such as `2024-02-01..2024-02-29`."""
    return f"{to_date(period.first)}..{to_date(period.last)}"


periods = st.builds(
    lambda first, days: Period(to_ordinal(first), to_ordinal(first) + days),
    st.dates(date(1990, 1, 1), date(2040, 12, 31)),
    st.integers(0, 800),
)


@pytest.mark.parametrize(
    ("period", "shift", "expected"),
    [
        ("2026-11-16..2026-11-22", Shift.PREVIOUS_PERIOD, "2026-11-09..2026-11-15"),
        ("2026-11-01..2026-11-01", Shift.PREVIOUS_PERIOD, "2026-10-31..2026-10-31"),
        ("2026-11-16..2026-11-22", Shift.PREVIOUS_YEAR, "2025-11-16..2025-11-22"),
        ("2024-02-29..2024-02-29", Shift.PREVIOUS_YEAR, "2023-02-28..2023-02-28"),
        ("2024-02-01..2024-02-29", Shift.PREVIOUS_YEAR, "2023-02-01..2023-02-28"),
        ("2025-02-01..2025-02-28", Shift.PREVIOUS_YEAR, "2024-02-01..2024-02-28"),
        ("2026-11-16..2026-11-22", Shift.PREVIOUS_YEAR_SAME_WEEKDAY, "2025-11-17..2025-11-23"),
        ("2026-10-01..2026-12-31", Shift.PREVIOUS_QUARTER, "2026-07-01..2026-09-30"),
        ("2026-05-31..2026-05-31", Shift.PREVIOUS_QUARTER, "2026-02-28..2026-02-28"),
        ("2026-03-01..2026-03-31", Shift.PREVIOUS_MONTH, "2026-02-01..2026-02-28"),
        ("2026-02-01..2026-02-28", Shift.PREVIOUS_MONTH, "2026-01-01..2026-01-28"),
        ("2026-01-15..2026-02-14", Shift.PREVIOUS_MONTH, "2025-12-15..2026-01-14"),
        ("2024-03-29..2024-03-31", Shift.PREVIOUS_MONTH, "2024-02-29..2024-02-29"),
    ],
)
def test_shifted_periods(period: str, shift: Shift, expected: str) -> None:
    assert write_period(shift_period(read_period(period), shift)) == expected


@given(periods)
def test_the_period_before_ends_right_before(period: Period) -> None:
    before = shift_period(period, Shift.PREVIOUS_PERIOD)
    assert (before.last + 1, len(before.days)) == (period.first, len(period.days))


@given(periods)
def test_the_same_weekday_is_52_weeks_before(period: Period) -> None:
    before = shift_period(period, Shift.PREVIOUS_YEAR_SAME_WEEKDAY)
    assert to_date(before.first) == to_date(period.first) - timedelta(weeks=52)
    assert to_date(before.last).weekday() == to_date(period.last).weekday()


@given(periods, st.sampled_from(list(BY_DATES)))
def test_shifts_by_dates_keep_the_day_number_or_end_in_a_shorter_month(period: Period, shift: Shift) -> None:
    shifted = shift_period(period, shift)
    for before, day in ((shifted.first, period.first), (shifted.last, period.last)):
        earlier, later = to_date(before), to_date(day)
        months = (later.year - earlier.year) * 12 + later.month - earlier.month
        assert months == BY_DATES[shift]
        is_last_of_month = (earlier + timedelta(days=1)).day == 1
        assert earlier.day == later.day or (earlier.day < later.day and is_last_of_month)


@pytest.mark.parametrize("shift", Shift)
def test_periods_at_the_start_of_the_calendar_are_refused(shift: Shift) -> None:
    first = to_ordinal(date(2, 1, 1))
    with pytest.raises(PeriodError):
        shift_period(Period(first, first + 5), shift)


@pytest.mark.parametrize(
    ("period", "compared", "last_complete", "own_last", "other_last"),
    [
        # A week of which three days are over.
        ("2026-11-23..2026-11-29", Shift.PREVIOUS_PERIOD, "2026-11-25", "2026-11-25", "2026-11-18"),
        ("2026-11-23..2026-11-29", Shift.PREVIOUS_YEAR, "2026-11-25", "2026-11-25", "2025-11-25"),
        # By dates, also across 29 February: 34 days against 33.
        ("2024-02-01..2024-03-31", Shift.PREVIOUS_YEAR, "2024-03-05", "2024-03-05", "2023-03-05"),
        ("2026-03-01..2026-03-31", Shift.PREVIOUS_MONTH, "2026-03-30", "2026-03-30", "2026-02-28"),
        # A given period, longer and shorter than what has passed.
        ("2026-11-01..2026-11-30", "2026-09-01..2026-09-20", "2026-11-10", "2026-11-10", "2026-09-10"),
        ("2026-11-01..2026-11-30", "2026-09-01..2026-09-05", "2026-11-10", "2026-11-10", "2026-09-05"),
        # A given period that is not over, or both.
        ("2025-11-01..2025-11-30", "2026-11-01..2026-11-30", "2026-11-10", "2025-11-10", "2026-11-10"),
        ("2026-11-01..2026-11-30", "2026-11-05..2026-11-30", "2026-11-10", "2026-11-06", "2026-11-10"),
    ],
)
def test_only_days_that_are_over_are_compared(
    period: str, compared: Shift | str, last_complete: str, own_last: str, other_last: str
) -> None:
    other = compared if isinstance(compared, Shift) else read_period(compared)
    days = find_compared_days(read_period(period), other, to_ordinal(date.fromisoformat(last_complete)))
    assert days is not None
    assert not days.is_complete
    assert (str(to_date(days.own.last)), str(to_date(days.other.last))) == (own_last, other_last)


@pytest.mark.parametrize("last_complete", ["2026-11-22", "2026-10-01"])
def test_nothing_is_compared_before_the_first_day_is_over(last_complete: str) -> None:
    period = read_period("2026-11-23..2026-11-29")
    assert find_compared_days(period, Shift.PREVIOUS_YEAR, to_ordinal(date.fromisoformat(last_complete))) is None


@given(periods, st.sampled_from(Shift) | periods, st.integers(-400, 400))
def test_days_compared_are_over_and_begin_both_periods(period: Period, compared: Shift | Period, past: int) -> None:
    last_complete = period.last + past
    days = find_compared_days(period, compared, last_complete)
    uncut = compared if isinstance(compared, Period) else shift_period(period, compared)
    if days is None:
        assert period.first > last_complete or uncut.first > last_complete
        return
    assert max(days.own.last, days.other.last) <= last_complete
    assert (days.own.first, days.other.first) == (period.first, uncut.first)
    assert days.own.last <= period.last
    assert days.other.last <= uncut.last
    assert days.is_complete == (days.own == period and days.other == uncut)
