"""Conditions on rows keep the rows that the filters of a question keep, computed row by row in plain Python."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.catalogue.facts import PRESENCE_SESSIONS, STAYS, USERS
from okube_api.catalogue.geomarketing import AT_POIS, AT_SITES, AT_STUDY
from okube_api.catalogue.presence import AT_EQUIPMENTS
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.catalogue.terms import Slice, Sums, Term, UserSet
from okube_api.engine.calendar import Period
from okube_api.engine.question import Question, RowFilter, ValueFilter
from okube_api.engine.row_conditions import select_rows
from okube_api.engine.time_filters import DaySelection, OpeningInterval
from okube_api.store.schema import ColumnType

from tests.conformance.plain import meets

PLACES, AREAS = ("a", "b", "p"), ("h", "w")
ROLES = {PlaceRole.SITES: ("a", "b"), PlaceRole.POIS: ("p",), PlaceRole.STUDY: PLACES}
TYPES = dict.fromkeys(("place", "zone", "home", "work"), ColumnType.TEXT) | dict.fromkeys(
    ("day", "weekday", "hour_of_day", "minute_of_day", "elapsed_min"), ColumnType.INTEGER
)
QUESTION = Question("x" * 24, Period(100, 120), uplift=False, requested_kpis=(), places=ROLES, filters=(), edges={})


def make_rows() -> list[dict[str, Any]]:
    """Return rows of every place and area, at various times."""
    return [
        {
            "place": place,
            "zone": "indoor",
            "home": home,
            "work": work,
            "day": day,
            "weekday": (day + 2) % 7 + 1,
            "hour_of_day": minute // 60,
            "minute_of_day": minute,
        }
        for place in PLACES
        for home, work in ((None, "w"), ("h", None), ("w", "h"))
        for day in (100, 103, 107)
        for minute in (0, 539, 540, 1439)
    ]


_values = st.builds(ValueFilter, st.lists(st.sampled_from(AREAS), unique=True).map(tuple), st.booleans())
_some_places = st.lists(st.sampled_from(PLACES), unique=True).map(tuple)
_days = st.lists(st.sampled_from((100, 103, 107)), unique=True).map(tuple)
_selections = st.one_of(
    st.builds(DaySelection, _days),
    st.builds(
        lambda days, for_a, for_others: DaySelection(days, ((("a",), for_a), (("b", "p"), for_others))),
        _days,
        _days,
        _days,
    ),
)
_intervals = st.builds(
    OpeningInterval,
    st.lists(st.integers(1, 7), unique=True).map(tuple),
    st.sampled_from((0, 540)),
    st.sampled_from((539, 1439)),
    _some_places,
)
row_filters = st.builds(
    RowFilter,
    places=st.dictionaries(st.sampled_from((PlaceRole.SITES, PlaceRole.POIS)), _some_places),
    filters=st.lists(st.tuples(st.sampled_from((Scope.HOMES, Scope.WORKS, Scope.EQUIPMENTS)), _values), max_size=2).map(
        tuple
    ),
    weekdays=st.none() | st.lists(st.integers(1, 7), unique=True).map(tuple),
    days=st.none() | _selections,
    hours=st.none() | st.lists(st.sampled_from((0, 8, 9, 23)), unique=True).map(tuple),
    openings=st.none() | st.lists(_intervals, max_size=2).map(tuple),
)


def passes(row: dict[str, Any], role: PlaceRole, row_filter: RowFilter | Question) -> bool:
    """Return whether a row at a place of a role passes the filters on time; of a RowFilter, also the other ones."""
    place, tests = row["place"], []
    if isinstance(row_filter, RowFilter):
        tests.append(role not in row_filter.places or place in row_filter.places[role])
        for scope, value_filter in row_filter.filters:
            column = {Scope.HOMES: "home", Scope.WORKS: "work"}.get(scope)
            tests.append(column is None or (row[column] in value_filter.values) != value_filter.negated)
    tests.append(row_filter.weekdays is None or row["weekday"] in row_filter.weekdays)
    tests.append(row_filter.hours is None or row["hour_of_day"] in row_filter.hours)
    if row_filter.days is not None:
        of_place = [days for places, days in row_filter.days.by_place if place in places]
        tests.append(row["day"] in (of_place[0] if of_place else row_filter.days.days))
    if row_filter.openings is not None:
        tests.append(
            any(
                place in interval.places
                and row["weekday"] in interval.weekdays
                and interval.first_minute <= row["minute_of_day"] <= interval.last_minute
                for interval in row_filter.openings
            )
        )
    return all(tests)


@pytest.mark.parametrize("slice_", [AT_SITES, AT_POIS, AT_STUDY])
@pytest.mark.parametrize("is_set", [False, True])
@given(own=row_filters, groups=st.lists(st.lists(row_filters, min_size=1, max_size=3).map(tuple), max_size=2))
def test_rows_pass_each_filter_and_one_of_each_group(
    slice_: Slice, is_set: bool, own: RowFilter, groups: list[tuple[RowFilter, ...]]
) -> None:
    term: Term = UserSet(slice_, USERS) if is_set else Sums(slice_, (STAYS,))
    question = replace(
        QUESTION,
        weekdays=own.weekdays,
        days=own.days,
        hours=own.hours,
        openings=own.openings,
        alternatives=tuple(groups),
    )
    condition = select_rows(term, question)
    assert slice_.place is not None
    role, _ = slice_.place
    for row in make_rows():
        expected = (
            row["place"] in ROLES[role]
            and passes(row, role, question)
            and all(any(passes(row, role, part) for part in group) for group in groups)
        )
        assert meets(row, condition.where, TYPES) is expected
    assert condition.columns <= TYPES.keys() - {"day", "weekday"}


def test_a_part_that_concerns_no_rows_keeps_all_of_them() -> None:
    about_pois = RowFilter(places={PlaceRole.POIS: ("p",)})
    question = replace(QUESTION, alternatives=((about_pois, RowFilter(hours=(9,))),))
    term = Sums(AT_SITES, (STAYS,))
    assert select_rows(term, question).columns == select_rows(term, QUESTION).columns


@pytest.mark.parametrize(
    ("row_filter", "is_expected"),
    [
        (RowFilter(hours=(9,)), True),
        (RowFilter(weekdays=(1,)), True),
        (RowFilter(openings=()), True),
        (RowFilter(days=DaySelection(())), True),
        (RowFilter(filters=((Scope.HOMES, ValueFilter(("h",))),)), False),
    ],
)
def test_filters_on_time_need_rows_of_days(row_filter: RowFilter, is_expected: bool) -> None:
    assert replace(QUESTION, alternatives=((RowFilter(), row_filter),)).needs_days is is_expected


@pytest.mark.parametrize(
    ("selection", "bounds"),
    [
        (None, (100, 120)),
        (DaySelection((103, 107)), (103, 107)),
        (DaySelection((), ((("a",), (101, 103)), (("b",), ()), (("p",), (119,)))), (101, 119)),
        (DaySelection(()), (100, 100)),
    ],
)
def test_the_period_to_read_ends_with_the_days_to_keep(selection: DaySelection | None, bounds: tuple[int, int]) -> None:
    assert replace(QUESTION, days=selection).period_to_read == Period(*bounds)


@pytest.mark.parametrize(
    ("elapsed_min", "minute", "is_next_day"),
    [
        (0, 0, False),
        (660, 719, False),
        (720, 720, False),
        (1380, 1439, False),
        (1380, 0, True),  # the day had 23 hours
        (1440, 30, True),
        (1500, 0, True),  # the day had 25 hours
        (1440, 1439, False),  # the last hour of such a day
        (2100, 719, True),
        (2160, 725, True),
        (2820, 1439, True),
    ],
)
def test_passages_after_midnight_have_the_opening_hours_of_the_next_day(
    elapsed_min: int, minute: int, is_next_day: bool
) -> None:
    row = {"site": "a", "day": 103, "weekday": 2, "elapsed_min": elapsed_min, "minute_of_day": minute}
    term = Sums(AT_EQUIPMENTS, (PRESENCE_SESSIONS,))
    for weekday, is_expected in ((2, not is_next_day), (3, is_next_day), (1, False)):
        question = replace(QUESTION, openings=(OpeningInterval((weekday,), 0, 1439, ("a", "b")),))
        condition = select_rows(term, question)
        assert meets(row, condition.where, TYPES | {"site": ColumnType.TEXT}) is is_expected
        assert condition.columns == {"site", "minute_of_day", "elapsed_min"}
