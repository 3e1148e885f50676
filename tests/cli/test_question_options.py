"""Options of `ask` as arguments of a question."""

from datetime import date
from typing import Any

import pytest
from okube_api.cli.question_options import (
    PERIODS,
    BadOption,
    check_period,
    find_period,
    parse_comparisons,
    parse_days,
    parse_filters,
    parse_granularity,
    parse_scopes,
)

SUNDAY = date(2026, 3, 1)
MONDAY_START, SUNDAY_START = 1, 7


@pytest.mark.parametrize(
    ("word", "week_start", "first", "last"),
    [
        ("yesterday", MONDAY_START, "2026-02-28", "2026-02-28"),
        ("last-30-days", MONDAY_START, "2026-01-30", "2026-02-28"),
        ("this-week", MONDAY_START, "2026-02-23", "2026-03-01"),
        ("this-week", SUNDAY_START, "2026-03-01", "2026-03-07"),
        ("last-week", MONDAY_START, "2026-02-16", "2026-02-22"),
        ("last-week", SUNDAY_START, "2026-02-22", "2026-02-28"),
        ("this-month", MONDAY_START, "2026-03-01", "2026-03-31"),
        ("last-month", MONDAY_START, "2026-02-01", "2026-02-28"),
        ("this-quarter", MONDAY_START, "2026-01-01", "2026-03-31"),
        ("last-quarter", MONDAY_START, "2025-10-01", "2025-12-31"),
        ("this-year", MONDAY_START, "2026-01-01", "2026-12-31"),
        ("last-year", MONDAY_START, "2025-01-01", "2025-12-31"),
    ],
)
def test_periods_are_those_of_the_explorer(word: str, week_start: int, first: str, last: str) -> None:
    days = (date.fromisoformat(first), date.fromisoformat(last))
    assert find_period(word, SUNDAY, week_start) == days


def test_every_period_is_tested() -> None:
    (mark,) = [mark for mark in test_periods_are_those_of_the_explorer.pytestmark if mark.name == "parametrize"]  # type: ignore[attr-defined]
    assert {*PERIODS} <= {case[0] for case in mark.args[1]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("last-wek", "Did you mean 'last-week'"),
        ("", "Use one of: yesterday"),
    ],
)
def test_an_unknown_period_is_refused(text: str, message: str) -> None:
    with pytest.raises(BadOption, match=message):
        check_period(text)


def test_days_are_those_of_the_calendar() -> None:
    assert parse_days("2024-02-28..2024-02-29") == (date(2024, 2, 28), date(2024, 2, 29))
    assert parse_days("last-week") is None
    with pytest.raises(BadOption, match="'2026-02-30' is not a day of the calendar"):
        parse_days("2026-02-30..2026-03-01")


@pytest.mark.parametrize(
    ("texts", "filters"),
    [
        (["site=lyon, paris"], {"sites": ["lyon", "paris"]}),
        (["site=lyon", "sites=paris"], {"sites": ["lyon", "paris"]}),
        (["campaigns.provider!=Adline"], {"campaigns.provider": {"not": ["Adline"]}}),
        (["site!=lyon", "site!=paris"], {"sites": {"not": ["lyon", "paris"]}}),
        (["hours=10-12,15"], {"hours": [10, 11, 12, 15]}),
        (["hour=22-1"], {"hours": [22, 23, 0, 1]}),
        (["weekdays=6-1"], {"weekdays": [6, 7, 1]}),
        (["days.weekdays=1-3", "days.publicHolidays=true"], {"days": {"weekdays": [1, 2, 3], "publicHolidays": True}}),
        (["days.schoolHolidays=A,C"], {"days": {"schoolHolidays": ["A", "C"]}}),
        (["days.schoolHolidays=false"], {"days": {"schoolHolidays": False}}),
        (["opening=true"], {"opening": True}),
        (["extra=audience:new"], {"extras": ["audience:new"]}),
        (["site.attributes.région=Nord"], {"sites.attributes.région": ["Nord"]}),
        (['campaigns.provider=["A, B"]'], {"campaigns.provider": ["A, B"]}),
        (['any=[{"sites": ["a"]}]'], {"any": [{"sites": ["a"]}]}),
        (["sites.tags=a=b"], {"sites.tags": ["a=b"]}),
        ([], {}),
    ],
)  # fmt: skip
def test_filters_are_written_in_short(texts: list[str], filters: dict[str, Any]) -> None:
    assert parse_filters(texts) == filters


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["lyon"], "must be written as FIELD=VALUE"),
        (["=lyon"], "must be written as FIELD=VALUE"),
        (["site="], "must be written as FIELD=VALUE"),
        (["hours=ten"], "'ten' is neither a number nor a range"),
        (["opening=perhaps"], "must be true or false"),
        (["opening!=true"], "the opposite value"),
        (["any=[{"], "no JSON"),
        (["site=lyon", "site!=paris"], "given twice"),
        (["opening=true", "opening=false"], "given twice"),
    ],
)
def test_a_wrong_filter_is_refused(texts: list[str], message: str) -> None:
    with pytest.raises(BadOption, match=message):
        parse_filters(texts)


def test_scopes_have_options_and_groupings_may_be_nested() -> None:
    options = {"limit": 3}
    assert parse_scopes(["sites", "channel"], {}) == ({"sites": True, "channels": True}, [])
    assert parse_scopes(["sites"], options) == ({"sites": options}, [])
    assert parse_scopes(["sites.type"], {}) == ({}, ["sites.type"])
    assert parse_scopes(["site.type, sites"], options) == ({}, ["sites.type", {"of": "sites", "limit": 3}])


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["sits"], "Did you mean 'sites'"),
        (["sites.type", "sites.city"], "nested with a comma"),
        (["globals"], "Unknown"),
    ],
)
def test_a_wrong_scope_is_refused(texts: list[str], message: str) -> None:
    with pytest.raises(BadOption, match=message):
        parse_scopes(texts, {})


def test_names_may_have_hyphens() -> None:
    assert parse_granularity("hour-of-week") == "hourOfWeek"
    assert parse_granularity("fiscalYear") == "fiscalYear"
    assert parse_comparisons(["previous-year-same-weekday", "previousYear", "2025-01-01..2025-01-31"]) == [
        "previousYearSameWeekday",
        "previousYear",
        ("2025-01-01", "2025-01-31"),
    ]


@pytest.mark.parametrize(("text", "message"), [("weak", "Did you mean 'week'"), ("", "Use one of: hour")])
def test_an_unknown_granularity_is_refused(text: str, message: str) -> None:
    with pytest.raises(BadOption, match=message):
        parse_granularity(text)


@pytest.mark.parametrize(
    ("text", "message"), [("previous-yaer", "Did you mean 'previous-year'"), ("2025-01-01..2025-02-30", "not a day")]
)
def test_an_unknown_comparison_is_refused(text: str, message: str) -> None:
    with pytest.raises(BadOption, match=message):
        parse_comparisons([text])
