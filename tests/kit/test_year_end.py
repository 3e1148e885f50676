"""Texts that name the last day of a retail year."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.kit.year_end import YearEnd, YearEndError, parse_year_end

LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
YEAR_ENDS = st.integers(1, 12).flatmap(
    lambda month: st.builds(YearEnd, st.integers(1, 7), st.just(month), st.none() | st.integers(1, LENGTHS[month - 1]))
)


@pytest.mark.parametrize(
    ("text", "year_end"),
    [
        ("saturday nearest 31 January", YearEnd(6, 1, 31)),
        ("SATURDAY  nearest\t31 january ", YearEnd(6, 1, 31)),
        ("Sunday nearest to 1 march", YearEnd(7, 3, 1)),
        ("last saturday of August", YearEnd(6, 8)),
        ("Last Friday in december", YearEnd(5, 12)),
        ("monday nearest 29 February", YearEnd(1, 2, 29)),
    ],
)
def test_both_forms_are_read_in_any_case(text: str, year_end: YearEnd) -> None:
    assert parse_year_end(text) == year_end


@given(YEAR_ENDS)
def test_texts_of_rules_are_read_back(year_end: YearEnd) -> None:
    assert parse_year_end(str(year_end)) == parse_year_end(str(year_end).upper()) == year_end


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Write the last day"),
        ("31 January", "Write the last day"),
        ("saturday nearest January", "Write the last day"),
        ("caturday nearest 31 January", "Write the last day"),
        ("first saturday of January", "Write the last day"),
        ("last saturday of Janvier", "Write the last day"),
        ("saturday nearest \uff13\uff11 January", "Write the last day"),
        ("saturday nearest 31 April", "April has the days 1 to 30, not 31."),
        ("saturday nearest 0 May", "May has the days 1 to 31, not 0."),
    ],
)
def test_other_texts_are_refused(text: str, message: str) -> None:
    with pytest.raises(YearEndError, match=message):
        parse_year_end(text)
