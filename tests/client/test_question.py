"""Questions that are built from arguments."""

from datetime import date, datetime
from typing import Any

import pandas
import pytest
from okube_api.client.question import build_question


@pytest.mark.parametrize(
    ("compare", "targets"),
    [
        ("previous-year-same-weekday", ["previousYearSameWeekday"]),
        (["previousPeriod", "previous-year"], ["previousPeriod", "previousYear"]),
        (("2024-01-01", "2024-01-31"), [{"from": "2024-01-01", "to": "2024-01-31"}]),
        ((date(2024, 1, 1), datetime(2024, 1, 31, 9)), [{"from": "2024-01-01", "to": "2024-01-31"}]),  # noqa: DTZ001
        (("previous-month", "previous-quarter"), ["previousMonth", "previousQuarter"]),
        ({"from": "2024-01-01", "to": "2024-01-31"}, [{"from": "2024-01-01", "to": "2024-01-31"}]),
    ],
)
def test_compared_periods(compare: Any, targets: Any) -> None:
    question = build_question("shop", "performance", "visits", compare=compare, like_for_like=True)
    assert question.body["compare"] == {"to": targets, "likeForLike": True}


@pytest.mark.parametrize(
    ("module", "arguments", "path"),
    [
        ("performance", {}, "/applications/a%20b/performance/analytics"),
        ("presence", {"site": "lyon"}, "/applications/a%20b/sites/lyon/presence/analytics"),
        ("conversion", {}, "/applications/a%20b/conversions/levers/analytics"),
        ("geo-marketing", {}, "/applications/a%20b/studies/all/geo-marketing/analytics"),
        ("geo-marketing", {"study": "s"}, "/applications/a%20b/studies/s/geo-marketing/analytics"),
    ],
)
def test_paths(module: Any, arguments: Any, path: str) -> None:
    assert build_question("a b", module, "x", **arguments).path == path


def test_unknown_module_is_refused_with_the_modules() -> None:
    with pytest.raises(ValueError, match=r"Unknown module 'sales'\. Modules: geo-marketing, conversion"):
        build_question("a", "sales", "x")  # type: ignore[arg-type]


def test_own_fields_of_a_kpi_count_more_than_the_arguments() -> None:
    question = build_question("a", "performance", ["visits", {"kpi": "sales", "granularity": "month"}], by="day")
    assert [param["granularity"] for param in question.body["params"]] == ["day", "month"]


def test_whole_is_included_without_scopes_only() -> None:
    assert build_question("a", "performance", "visits").body["params"] == [
        {"kpi": "visits", "mode": "histogram", "all": True, "temporals": False, "globals": True}
    ]
    (param,) = build_question("a", "performance", "visits", scopes={"sites": {"limit": 3}}).body["params"]
    assert not param["globals"]
    assert param["sites"] == {"properties": ("key", "name"), "limit": 3}
    (param,) = build_question("a", "performance", "visits", group_by=["sites.type", "sites"]).body["params"]
    assert param["by"] == [{"of": "sites.type"}, {"properties": ("key", "name"), "of": "sites"}]


@pytest.mark.parametrize("scopes", ["sites", ["sites"], ("sites",), {"sites": True}])
def test_one_scope_needs_no_list(scopes: Any) -> None:
    (param,) = build_question("a", "performance", "visits", scopes=scopes).body["params"]
    assert param["sites"] == {"properties": ("key", "name")}


@pytest.mark.parametrize("grouping", ["sites.tags", {"of": "sites.tags"}])
def test_one_grouping_needs_no_list(grouping: Any) -> None:
    (param,) = build_question("a", "performance", "visits", group_by=grouping).body["params"]
    assert param["by"] == [{"of": "sites.tags"}]


def test_days_of_pandas_are_days() -> None:
    start, until = pandas.Timestamp("2024-03-01"), pandas.Timestamp("2024-03-31 23:30", tz="Europe/Paris")
    params = build_question("a", "performance", "visits", start=start, until=until).params
    assert (params["from"], params["to"]) == ("2024-03-01", "2024-03-31")
