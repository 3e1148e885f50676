"""Days that filters keep, in plain Python; the holidays of the packages are those of official lists."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.analytics.holiday_calendars import (
    UnknownDays,
    find_country,
    list_public_holidays,
    list_school_holidays,
)
from okube_api.analytics.param_groups import PlacedFilters
from okube_api.analytics.schemas.filters import Filters
from okube_api.analytics.time_resolution import TimeContext, combine_days
from okube_api.catalogue.buckets import to_date, to_ordinal
from okube_api.engine.calendar import Period
from okube_api.engine.time_filters import DaySelection

PERIOD = Period(to_ordinal(date(2026, 4, 1)), to_ordinal(date(2026, 6, 30)))
PLACES = ("a", "b", "c")


def list_dates(ordinals: frozenset[int]) -> list[str]:
    """Return days as texts, ascending."""
    return [to_date(day).isoformat() for day in sorted(ordinals)]


# -- holidays ------------------------------------------------------------------------------------------------------


def test_public_holidays_of_france() -> None:
    year = Period(to_ordinal(date(2026, 1, 1)), to_ordinal(date(2026, 12, 31)))
    assert list_dates(list_public_holidays("FR", year)) == [  # service-public.fr
        "2026-01-01",
        "2026-04-06",
        "2026-05-01",
        "2026-05-08",
        "2026-05-14",
        "2026-05-25",
        "2026-07-14",
        "2026-08-15",
        "2026-11-01",
        "2026-11-11",
        "2026-12-25",
    ]


@pytest.mark.parametrize(
    ("zone", "first", "last"),
    [("A", date(2026, 4, 4), date(2026, 4, 19)), ("B", date(2026, 4, 11), date(2026, 4, 26))],
)
def test_spring_holidays_of_schools(zone: str, first: date, last: date) -> None:
    spring = Period(to_ordinal(date(2026, 4, 1)), to_ordinal(date(2026, 5, 1)))
    days = list_school_holidays([zone], spring) & set(range(spring.first, spring.last + 1))
    assert days == frozenset(range(to_ordinal(first), to_ordinal(last) + 1))  # education.gouv.fr


@pytest.mark.parametrize(
    ("first", "last"), [(date(1989, 1, 1), date(1992, 1, 1)), (date(2028, 8, 1), date(2028, 9, 1))]
)
def test_school_holidays_outside_of_those_published_are_unknown(first: date, last: date) -> None:
    with pytest.raises(UnknownDays, match="from 1990-10-27 to 20"):
        list_school_holidays("A", Period(to_ordinal(first), to_ordinal(last)))


def test_public_holidays_of_years_before_a_country_are_unknown() -> None:
    with pytest.raises(UnknownDays, match="of DE are known from"):
        list_public_holidays("DE", Period(to_ordinal(date(1900, 1, 1)), to_ordinal(date(1901, 1, 1))))


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("FR", "FR"),
        ("fra", "FR"),
        ("France", "FR"),
        ("United States", "US"),
        ("united-kingdom", "GB"),
        ("Frankreich", None),
        ("", None),
        ("1", None),
    ],
)
def test_countries_are_found_by_code_and_english_name(name: str, code: str | None) -> None:
    assert find_country(name) == code


# -- selections of days ----------------------------------------------------------------------------------------------

_days = st.lists(st.integers(1, 6), unique=True).map(lambda days: tuple(sorted(days)))


@st.composite
def selections(draw: st.DrawFn) -> DaySelection:
    """Draw days, for all places or for two groups of places."""
    days = draw(_days)
    if draw(st.booleans()):
        return DaySelection(days)
    split = draw(st.integers(0, 3))
    return DaySelection(days, ((PLACES[:split], draw(_days)), (PLACES[split:], draw(_days))))


def find_days(selection: DaySelection, place: str) -> set[int]:
    """Return the days that a selection keeps of a place."""
    of_place = [days for places, days in selection.by_place if place in places]
    return set(of_place[0] if of_place else selection.days)


@given(selections(), selections())
def test_selections_are_combined_place_by_place(left: DaySelection, right: DaySelection) -> None:
    common = combine_days(left, right, frozenset.intersection)
    united = combine_days(left, right, frozenset.union)
    for place in PLACES:
        assert find_days(common, place) == find_days(left, place) & find_days(right, place)
        assert find_days(united, place) == find_days(left, place) | find_days(right, place)


def place_filters(*filters: object) -> list[PlacedFilters]:
    """Return filters of a request."""
    return [PlacedFilters(Filters.model_validate(each), "/filters") for each in filters]


@given(
    st.lists(st.integers(1, 7), min_size=1),
    st.booleans(),
    st.none() | st.booleans(),
    st.lists(st.dates(date(2026, 4, 1), date(2026, 6, 30)), min_size=1, max_size=5),
    st.booleans(),
)
def test_a_filter_keeps_the_days_that_pass_all_of_it(
    weekdays: list[int], excludes: bool, public: bool | None, dates: list[date], excludes_dates: bool
) -> None:
    texts = [day.isoformat() for day in dates]
    filters = place_filters(
        {
            "days": {
                "weekdays": {"not": weekdays} if excludes else weekdays,
                "publicHolidays": public,
                "dates": {"not": texts} if excludes_dates else texts,
            }
        }
    )
    context = TimeContext(PERIOD, {"a": "FR", "b": "US"}, {"a": "a", "b": "b"})
    days = context.resolve(filters).days
    assert days is not None
    holidays = {
        "a": {date(2026, 4, 6), date(2026, 5, 1), date(2026, 5, 8), date(2026, 5, 14), date(2026, 5, 25)},
        "b": {date(2026, 5, 25), date(2026, 6, 19)},
    }
    for place, public_days in holidays.items():
        expected = {
            day
            for day in PERIOD.days.tolist()
            if (to_date(day).isoweekday() in weekdays) != excludes
            and (to_date(day) in dates) != excludes_dates
            and (public is None or (to_date(day) in public_days) == public)
        }
        assert find_days(days, place) == expected


def test_several_filters_on_time_all_hold() -> None:
    filters = place_filters(
        {"weekdays": [1, 2, 3], "hours": [9, 10], "days": {"dates": ["2026-04-06", "2026-04-07"]}},
        {"weekdays": {"not": [2]}, "hours": {"not": [9]}, "days": {"dates": {"not": ["2026-04-07"]}}},
    )
    times = TimeContext(PERIOD, {}, {}).resolve(filters)
    assert (times.weekdays, times.hours) == ((1, 3), (10,))
    assert times.days == DaySelection((to_ordinal(date(2026, 4, 6)),))


def test_parts_about_days_are_united() -> None:
    parts = place_filters(
        {"weekdays": [7]}, {"days": {"dates": ["2026-04-07"]}}, {"weekdays": [1], "days": {"dates": ["2026-04-13"]}}
    )
    period = Period(to_ordinal(date(2026, 4, 6)), to_ordinal(date(2026, 4, 13)))
    days = TimeContext(period, {}, {}).unite_days(parts).days
    assert [to_date(day).day for day in days] == [7, 12, 13]
