"""Answers as tables: objects, comparisons, cut buckets, and what an answer lacks."""

from io import StringIO
from typing import Any

from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.cli.answer_tables import AnswerPrinter
from okube_api.client.analytics_answer import AnalyticsAnswer
from rich.console import Console

META = {"from": "2024-07-02", "to": "2024-07-14", "timezone": "Europe/Paris", "buckets": {}, "notes": []}


def build_element(kpi: str, data: Any, *, scope: str = "globals", **fields: Any) -> dict[str, Any]:
    """Return an element of an answer by week."""
    return {"kpi": kpi, "mode": "histogram", "scope": scope, "granularity": "week", "data": data, **fields}


def print_lines(module: Module, results: list[dict[str, Any]], **meta: Any) -> list[str]:
    """Return the lines of the tables after the period, without rules and empty lines."""
    file = StringIO()
    console = Console(file=file, width=120, force_terminal=True, color_system=None)
    printer = AnswerPrinter(console, BY_NAME[module], most_rows=50, is_ranked=False)
    printer.print(AnalyticsAnswer(results, META | meta))
    lines = [line.rstrip() for line in file.getvalue().splitlines() if line.strip("─ ")]
    assert lines[0].startswith("2024-07-02 to 2024-07-14 (Europe/Paris)")
    return lines[1:]


def test_changes_of_rates_in_objects_are_points() -> None:
    comparison = {
        "to": "previousYear",
        "from": "2023-07-02",
        "until": "2023-07-14",
        "data": {"all": {"print": {"contacts": 80, "share": 0.25}}},
        "change": {"all": {"print": {"contacts": 0.25, "share": 0.0152}}},
    }
    element = build_element(
        "printVsClick", {"all": {"print": {"contacts": 100, "share": 0.2652}}}, comparisons=[comparison]
    )
    change = {"printVsClick": {"print.contacts": "relative", "print.share": "difference"}}
    assert [line.split() for line in print_lines(Module.CONVERSION, [element], change=change)] == [
        ["printVsClick"],
        ["total", "before", "change"],
        ["print.contacts", "100", "80", "+25.0%"],
        ["print.share", "26.52%", "25.00%", "+1.52", "pt"],
    ]


def test_intervals_that_are_cut_are_marked() -> None:
    element = build_element("visits", {"all": 8, "temporals": {"0": 5, "1": 3}})
    meta = {"buckets": {"week": ["2024-07-01", "2024-07-08"]}, "cut": {"week": ["0"]}}
    assert print_lines(Module.PERFORMANCE, [element], **meta) == [
        "        total  trend",
        "visits      8  █▁",
        "week         visits",
        "2024-07-01*       5",
        "2024-07-08        3",
        "* Only partly in the period: the first week.",
    ]


def test_a_trend_that_is_cut_has_no_mark() -> None:
    element = build_element("visits", {"s": {"name": "Lyon", "all": 8, "temporals": {"0": 5, "1": 3}}}, scope="sites")
    meta = {"buckets": {"week": ["2024-07-01", "2024-07-08"]}, "cut": {"week": ["0"]}}
    assert print_lines(Module.PERFORMANCE, [element], **meta)[-1] == "Only partly in the period: the first week."


def test_cells_of_a_matrix_have_both_areas() -> None:
    matrix = {"areas": ["door", "shelf"], "users": [[3, 1], [1, 2]], "rate": [[1.0, 0.3333], [0.5, 1.0]]}
    lines = print_lines(Module.PRESENCE, [build_element("areaMatching", {"all": matrix})])
    assert [line.split() for line in lines if line.startswith("door")] == [
        ["door", "door", "3"],
        ["door", "shelf", "1"],
        ["door", "door", "100.00%"],
        ["door", "shelf", "33.33%"],
    ]


def test_the_row_of_one_area_has_no_item() -> None:
    """Check the rows of a matrix by equipments, of which each is about one area."""
    row = {"areas": ["door", "shelf"], "users": [[3, 1]], "rate": [[1.0, 0.3333]]}
    element = build_element("areaMatching", {"e1": {"key": "door", "name": "Door", "all": row}}, scope="equipments")
    lines = print_lines(Module.PRESENCE, [element])
    assert [line.split() for line in lines if line.startswith("Door")] == [
        ["Door", "door", "door", "3"],
        ["Door", "door", "shelf", "1"],
        ["Door", "door", "door", "100.00%"],
        ["Door", "door", "shelf", "33.33%"],
    ]


def test_a_kpi_that_the_package_does_not_know_has_plain_numbers() -> None:
    """Check an answer of a newer server."""
    assert print_lines(Module.PERFORMANCE, [build_element("smiles", {"all": 12345})])[1] == "smiles  12,345"


def test_values_that_are_missing_are_dashes() -> None:
    data = {
        "a": {"name": "Lyon", "all": None, "temporals": {"1": None}},
        "b": {"name": "Lille", "all": 2, "temporals": {"0": 1, "1": 1}},
    }
    elements = [
        build_element("visits", {"all": 2, "temporals": {"0": 1, "1": 1}}),
        build_element("visits", data, scope="sites"),
    ]
    meta = {"buckets": {"week": ["2024-07-01", "2024-07-08"]}, "cut": {}}
    assert print_lines(Module.PERFORMANCE, elements, **meta) == [
        "sites    visits  trend",
        "Lille         2  ▅▅",
        "Lyon          -",
        "Overall       2  ▅▅",
    ]


def test_sites_that_like_for_like_leaves_out_are_named() -> None:
    sites = [{"_id": str(number), "key": f"s{number}", "name": "Site", "reason": "no_data"} for number in range(12)]
    names = ", ".join(f"s{number}" for number in range(10))
    lines = print_lines(Module.PERFORMANCE, [build_element("visits", {"all": 1})], likeForLike=sites)
    assert lines[-1] == f"Left out, because they were not open in all periods: {names} and 2 more."
