"""Fiscal calendars: the published calendar of the NRF, and plain Python for any rule and any day."""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.catalogue.buckets import to_date, to_ordinal
from okube_api.engine.fiscal_calendar import (
    BusinessCalendar,
    FiscalCalendar,
    MonthlyCalendar,
    RetailCalendar,
    read_calendar,
)
from okube_api.kit.application import CalendarSettings
from okube_api.kit.year_end import YearEnd, parse_year_end
from okube_api.store.arrays import Ints

from tests.by_hand.calendars import (
    CalendarMonths,
    RetailMonths,
    find_month,
    find_retail_week,
    find_week_of_year,
    find_week_start,
)
from tests.engine.business_calendars import get_plain_rule

NRF = RetailCalendar((4, 5, 4), parse_year_end("saturday nearest 31 January"))
WEEKS = st.sampled_from([(4, 5, 4), (4, 4, 5), (5, 4, 4)])
YEAR_ENDS = st.one_of(
    st.dates(date(2000, 1, 1), date(2000, 12, 31)).flatmap(
        lambda day: st.builds(YearEnd, st.integers(1, 7), st.just(day.month), st.just(day.day))
    ),
    st.builds(YearEnd, st.integers(1, 7), st.integers(1, 12)),
    st.builds(YearEnd, st.integers(1, 7), st.just(12), st.integers(24, 31)),
    st.builds(YearEnd, st.integers(1, 7), st.just(1), st.integers(1, 5)),
)
YEAR_STARTS = st.dates(date(2000, 1, 1), date(2000, 12, 31)).map(lambda day: CalendarMonths(day.month, day.day))
DAYS = st.dates(date(1950, 1, 1), date(2150, 12, 31))
LEAP_DAYS = st.sampled_from([date(2023, 2, 28), date(2024, 2, 28), date(2024, 2, 29), date(2024, 3, 1)])

# The first Sunday of each fiscal year of the National Retail Federation's calendar (nrf.com/resources/4-5-4-calendar);
# 2016 to 2023 are also in the tests of cldr_calendars and merch_calendar.  2012, 2017 and 2023 have 53 weeks by that
# page, 2028 by its rule: the 53rd week is added when four or more days of January are left after the 52nd.
NRF_YEARS = {
    2010: date(2010, 1, 31),
    2011: date(2011, 1, 30),
    2012: date(2012, 1, 29),
    2013: date(2013, 2, 3),
    2014: date(2014, 2, 2),
    2015: date(2015, 2, 1),
    2016: date(2016, 1, 31),
    2017: date(2017, 1, 29),
    2018: date(2018, 2, 4),
    2019: date(2019, 2, 3),
    2020: date(2020, 2, 2),
    2021: date(2021, 1, 31),
    2022: date(2022, 1, 30),
    2023: date(2023, 1, 29),
    2024: date(2024, 2, 4),
    2025: date(2025, 2, 2),
    2026: date(2026, 2, 1),
    2027: date(2027, 1, 31),
    2028: date(2028, 1, 30),
    2029: date(2029, 2, 4),
    2030: date(2030, 2, 3),
    2031: date(2031, 2, 2),
}
NRF_LONG_YEARS = {2012, 2017, 2023, 2028}
NRF_MONTHS = {
    2014: ["02-02", "03-02", "04-06", "05-04", "06-01", "07-06", "08-03", "08-31", "10-05", "11-02", "11-30", "01-04"],
    2017: ["01-29", "02-26", "04-02", "04-30", "05-28", "07-02", "07-30", "08-27", "10-01", "10-29", "11-26", "12-31"],
    2023: ["01-29", "02-26", "04-02", "04-30", "05-28", "07-02", "07-30", "08-27", "10-01", "10-29", "11-26", "12-31"],
    2024: ["02-04", "03-03", "04-07", "05-05", "06-02", "07-07", "08-04", "09-01", "10-06", "11-03", "12-01", "01-05"],
    2026: ["02-01", "03-01", "04-05", "05-03", "05-31", "07-05", "08-02", "08-30", "10-04", "11-01", "11-29", "01-03"],
}  # fmt: skip


def to_days(*days: date) -> Ints:
    """Return the ordinals of days."""
    return np.array([to_ordinal(day) for day in days], dtype=np.int64)


def list_month_starts(fiscal: FiscalCalendar, year: int, months: int = 12) -> list[date]:
    """Return the first days of fiscal months, from the first of a year."""
    numbers = np.arange(year * 12, year * 12 + months)
    return [to_date(int(day)) for day in fiscal.find_month_starts(numbers)]


@pytest.mark.parametrize(("year", "first"), NRF_YEARS.items())
def test_years_start_where_the_nrf_has_published(year: int, first: date) -> None:
    eve, start = NRF.number_months(to_days(first - timedelta(days=1), first)).tolist()
    assert (eve, start) == ((year - 1) * 12 + 11, year * 12)
    assert list_month_starts(NRF, year, 1) == [first]


@pytest.mark.parametrize("year", range(2010, 2031))
def test_years_have_53_weeks_where_the_nrf_has_published(year: int) -> None:
    weeks = 53 if year in NRF_LONG_YEARS else 52
    last = NRF_YEARS[year + 1] - timedelta(days=1)
    assert (last - NRF_YEARS[year]).days + 1 == weeks * 7
    assert NRF.number_weeks(to_days(last)).tolist() == [weeks]
    assert NRF.number_months(to_days(last, last - timedelta(days=34))).tolist() == [
        year * 12 + 11,
        year * 12 + (11 if weeks == 53 else 10),
    ]


def test_the_table_follows_the_count_of_days_left_in_january() -> None:
    """Check the table against the NRF's rule: a 53rd week if January has four or more days left after the 52nd."""
    start = NRF_YEARS[2010]
    for year in range(2010, 2031):
        after = start + timedelta(weeks=52)
        start = after + timedelta(weeks=1) if (date(year + 1, 1, 31) - after).days + 1 >= 4 else after
        assert start == NRF_YEARS[year + 1]


@pytest.mark.parametrize(("year", "starts"), NRF_MONTHS.items())
def test_months_start_where_the_nrf_has_published(year: int, starts: list[str]) -> None:
    expected = [f"{year + (text < '01-20')}-{text}" for text in starts]
    assert [day.isoformat() for day in list_month_starts(NRF, year)] == expected


@given(st.builds(RetailCalendar, WEEKS, YEAR_ENDS), st.lists(DAYS, min_size=1, max_size=5))
def test_retail_months_equal_plain_python(fiscal: RetailCalendar, days: list[date]) -> None:
    rule = get_plain_rule(fiscal)
    assert isinstance(rule, RetailMonths)
    months = [find_month(rule, day) for day in days]
    numbers = fiscal.number_months(to_days(*days))
    assert numbers.tolist() == [year * 12 + month - 1 for year, month in months]
    assert fiscal.number_weeks(to_days(*days)).tolist() == [find_retail_week(rule, day) for day in days]
    starts = [to_date(int(day)) for day in fiscal.find_month_starts(numbers)]
    assert [find_month(rule, start) for start in starts] == months
    assert all(find_month(rule, start - timedelta(days=1)) < month for start, month in zip(starts, months, strict=True))


@given(YEAR_STARTS, st.lists(DAYS | LEAP_DAYS, min_size=1, max_size=5))
def test_months_as_they_are_equal_plain_python(rule: CalendarMonths, days: list[date]) -> None:
    fiscal = MonthlyCalendar(rule.month, rule.day)
    months = [find_month(rule, day) for day in days]
    numbers = fiscal.number_months(to_days(*days))
    assert numbers.tolist() == [year * 12 + month - 1 for year, month in months]
    starts = [to_date(int(day)) for day in fiscal.find_month_starts(numbers)]
    assert [find_month(rule, start) for start in starts] == months
    assert all(find_month(rule, start - timedelta(days=1)) < month for start, month in zip(starts, months, strict=True))


@given(st.builds(RetailCalendar, WEEKS, YEAR_ENDS), st.integers(1900, 2200))
def test_retail_years_are_whole_weeks_and_named_once(fiscal: RetailCalendar, year: int) -> None:
    starts = list_month_starts(fiscal, year, 25)
    weeks = [(after - before).days / 7 for before, after in pairwise(starts)]
    for months in (weeks[:12], weeks[12:]):
        assert months[:11] == [*fiscal.weeks * 4][:11]
        assert months[11] - fiscal.weeks[2] in {0, 1}
    assert {start.isoweekday() for start in starts} == {fiscal.week_start}
    assert starts[0].year in {year, year - 1}


@pytest.mark.parametrize(
    ("settings", "starts"),
    [
        ({"fiscalYearStart": "02-29"}, ["2023-02-28", "2024-02-29", "2025-02-28"]),
        ({"fiscalYearStart": "02-01"}, ["2023-02-01", "2024-02-01", "2025-02-01"]),
        ({"fiscalYearStart": "12-31"}, ["2023-12-31", "2024-12-31", "2025-12-31"]),
        ({"retail": "4-4-5", "yearEnds": "last saturday of december"}, ["2023-01-01", "2023-12-31", "2024-12-29"]),
        ({"retail": "4-4-5", "yearEnds": "sunday nearest 31 december"}, ["2023-01-02", "2024-01-01", "2024-12-30"]),
        ({"retail": "4-4-5", "yearEnds": "sunday nearest 31 august"}, ["2023-09-04", "2024-09-02", "2025-09-01"]),
        ({"retail": "4-4-5", "yearEnds": "saturday nearest 29 february"}, ["2023-02-26", "2024-03-03", "2025-03-02"]),
    ],
)
def test_starts_of_2023_to_2025(settings: dict[str, str], starts: list[str]) -> None:
    calendar = read_calendar(CalendarSettings.model_validate(settings))
    assert calendar.fiscal is not None
    assert [list_month_starts(calendar.fiscal, year, 1)[0].isoformat() for year in (2023, 2024, 2025)] == starts


@given(st.integers(1, 7), st.lists(DAYS, min_size=1, max_size=5))
def test_weeks_start_on_any_day(weekday: int, days: list[date]) -> None:
    calendar = BusinessCalendar(week_start=weekday)
    weeks = calendar.number_weeks(to_days(*days))
    assert [to_date(int(day)) for day in calendar.find_week_starts(weeks)] == [
        find_week_start(day, weekday) for day in days
    ]
    assert calendar.number_weeks_of_year(to_days(*days)).tolist() == [find_week_of_year(day, weekday) for day in days]


@given(DAYS)
def test_weeks_of_the_year_that_start_on_monday_are_those_of_iso_8601(day: date) -> None:
    assert BusinessCalendar().number_weeks_of_year(to_days(day)).tolist() == [day.isocalendar().week]
    assert find_week_of_year(day, 1) == day.isocalendar().week


@pytest.mark.parametrize(
    ("settings", "week_start", "week_of_4_february_2024"),
    [
        ({}, 1, 5),
        ({"weekStart": "sunday"}, 7, 6),
        ({"fiscalYearStart": "02-01"}, 1, 5),
        ({"retail": "4-5-4", "yearEnds": "saturday nearest 31 January"}, 7, 1),
        ({"retail": "4-5-4", "yearEnds": "saturday nearest 31 January", "weekStart": "monday"}, 1, 5),
        ({"retail": "4-5-4", "yearEnds": "sunday nearest 31 January"}, 1, 1),
    ],
)
def test_weeks_follow_the_settings(settings: dict[str, str], week_start: int, week_of_4_february_2024: int) -> None:
    calendar = read_calendar(CalendarSettings.model_validate(settings))
    assert calendar.week_start == week_start
    assert calendar.number_weeks_of_year(to_days(date(2024, 2, 4))).tolist() == [week_of_4_february_2024]
