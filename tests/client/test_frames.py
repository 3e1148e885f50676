"""Data frames of answers: index, columns and types, in pandas and Polars."""

from datetime import date, datetime
from typing import Any

import polars
import pytest
from okube_api.client import AnalyticsAnswer

META = {
    "from": "2024-03-30",
    "timezone": "Europe/Paris",
    "buckets": {"day": ["2024-03-30", "2024-03-31"], "month": ["2024-03-01"]},
    "notes": [{"code": "no_events", "message": "None."}],
}


def build_element(kpi: str, data: Any, **fields: Any) -> dict[str, Any]:
    return {"kpi": kpi, "mode": "histogram", "scope": "globals", "granularity": "day", "data": data, **fields}


VISITS = build_element("visits", {"all": 5, "temporals": {"0": 2, "1": 3}})
RATES = build_element("rate", {"all": 0.5, "temporals": {"0": None, "1": 1.0}})


def test_days_are_the_index() -> None:
    answer = AnalyticsAnswer([VISITS, RATES], META)
    frame = answer.to_pandas()
    assert frame.index.name == "date"
    assert str(frame.index.dtype) == "datetime64[us]"
    assert frame.dtypes.astype(str).to_dict() == {"visits": "int64", "rate": "float64"}
    assert frame.loc["2024-03-31"].to_dict() == {"visits": 3, "rate": 1}
    table = answer.to_polars()
    assert table.schema == {"date": polars.Date, "visits": polars.Int64, "rate": polars.Float64}
    assert table.rows() == [(date(2024, 3, 30), 2, None), (date(2024, 3, 31), 3, 1.0)]
    assert [note.code for note in answer.notes] == ["no_events"]


def test_totals_have_a_line_of_their_own() -> None:
    answer = AnalyticsAnswer([VISITS], META)
    assert answer.to_pandas(totals=True).to_dict("list") == {"visits": [5]}
    whole = AnalyticsAnswer([build_element("visits", {"all": 5})], META)
    assert whole.to_polars().to_dict(as_series=False) == {"visits": [5]}


def test_hours_are_instants_of_the_application() -> None:
    """Count hours through the change of the clocks, on which there is no hour from 2 to 3."""
    hours = build_element("visits", {"temporals": {str(hour): hour for hour in (0, 25, 26, 27)}}, granularity="hour")
    answer = AnalyticsAnswer([hours], META)
    frame, table = answer.to_pandas(), answer.to_polars()
    expected = ["2024-03-30T00:00:00+01:00", "2024-03-31T01:00:00+01:00"]
    expected += ["2024-03-31T03:00:00+02:00", "2024-03-31T04:00:00+02:00"]
    assert [instant.isoformat() for instant in frame.index] == expected
    assert table["time"].to_list() == list(map(datetime.fromisoformat, expected))
    assert table.schema["time"] == polars.Datetime("us", "Europe/Paris")
    assert str(frame.index.tz) == "Europe/Paris"


@pytest.mark.parametrize(("keys", "values"), [(["9", "10"], [9, 10]), (["1-9", "1-10"], ["1-9", "1-10"])])
def test_categories_are_the_index_of_aggregations(keys: list[str], values: list[Any]) -> None:
    element = build_element("visits", {"temporals": dict.fromkeys(keys, 1)}, mode="aggregation", granularity="hour")
    frame = AnalyticsAnswer([element], META).to_pandas()
    assert (frame.index.name, frame.index.tolist()) == ("hour", values)


def test_buckets_of_different_kinds_have_no_common_frame() -> None:
    hours = build_element("visits", {"temporals": {"9": 1}}, mode="aggregation", granularity="hour")
    answer = AnalyticsAnswer([VISITS, hours], META)
    with pytest.raises(ValueError, match=r"different kinds \(date, hour\).*answer.select"):
        answer.to_pandas()
    assert answer.select(granularity="day").to_pandas()["visits"].tolist() == [2, 3]


def test_days_and_months_have_a_common_frame() -> None:
    months = build_element("sales", {"temporals": {"0": 9.5}}, granularity="month")
    table = AnalyticsAnswer([VISITS, months], META).to_polars()
    assert table.columns == ["date", "granularity", "visits", "sales"]
    assert table.rows()[-1] == (date(2024, 3, 1), "month", None, 9.5)


def test_groups_in_groups_have_the_columns_of_both() -> None:
    data = {
        "north": {"1": {"key": "lille", "all": 2, "share": 0.5}},
        "south": {"2": {"key": "nice", "all": 3, "share": 0.25}},
    }
    outer = {"north": {"all": 4, "name": "North"}, "south": {"all": 5, "name": "South"}}
    element = build_element("visits", data, scope="sites.attributes.region,sites", outer=outer)
    table = AnalyticsAnswer([element], META).to_polars()
    assert table.to_dicts() == [
        {"outer_id": "north", "outer_name": "North", "id": "1", "key": "lille", "visits": 2, "visits.share": 0.5},
        {"outer_id": "south", "outer_name": "South", "id": "2", "key": "nice", "visits": 3, "visits.share": 0.25},
    ]


def test_name_of_an_attribute_may_have_a_comma() -> None:
    element = build_element("visits", {"red": {"all": 2}}, scope="sites.attributes.colour, main")
    assert AnalyticsAnswer([element], META).to_polars().rows() == [("red", 2)]


def test_compared_values_have_columns_of_their_own() -> None:
    data = {"a": {"all": 4, "temporals": {"0": 4}}}
    then = {"a": {"all": 2, "temporals": {"0": 2}}, "b": {"all": 7, "temporals": {"0": 7}}}
    change = {"a": {"all": 1.0, "temporals": {"0": 1.0}}, "b": {"all": None, "temporals": {"0": None}}}
    comparison = {"to": {"from": "2024-03-01", "to": "2024-03-02"}, "data": then, "change": change}
    element = build_element("visits", data, scope="sites", comparisons=[comparison])
    answer = AnalyticsAnswer([element], META)
    name = "visits.2024-03-01..2024-03-02"
    assert answer.to_polars().to_dicts() == [
        {"date": date(2024, 3, 30), "id": "a", "visits": 4, name: 2, f"{name}.change": 1.0},
        {"date": date(2024, 3, 30), "id": "b", "visits": None, name: 7, f"{name}.change": None},
    ]
    assert str(answer.to_pandas()["visits"].dtype) == "Int64"
    assert answer.to_polars("long")["compared_value"].to_list() == [2, 7]


def test_compared_days_are_in_the_long_layout() -> None:
    leaves = {"all": 4, "temporals": {"0": 1, "1": 3}}
    comparison = {"to": "previousYear", "from": "2023-03-30", "until": "2023-04-01", "data": leaves, "change": leaves}
    meta = META | {"comparedBuckets": [{"day": ["2023-03-30", "2023-03-31"]}]}
    answer = AnalyticsAnswer([build_element("visits", leaves, comparisons=[comparison])], meta)
    table, frame = answer.to_polars("long"), answer.to_pandas("long")
    assert table["compared_from"].to_list() == [date(2023, 3, 30), date(2023, 3, 31)]
    assert str(frame["compared_from"].dtype) == "datetime64[us]"
    assert answer.to_polars("long", totals=True)["compared_from"].to_list() == [date(2023, 3, 30)]
    hours = build_element("visits", leaves, comparisons=[comparison], granularity="hour")
    table = AnalyticsAnswer([hours], META).to_polars("long")
    assert [str(instant) for instant in table["compared_from"]] == [
        "2023-03-30 00:00:00+02:00",
        "2023-03-30 01:00:00+02:00",
    ]


def test_distribution_has_a_line_for_each_band() -> None:
    leaf = {
        "unit": "s",
        "bins": [{"from": 0, "to": 9, "value": 1, "share": 0.25}, {"from": 9, "to": None, "value": 3, "share": 0.75}],
    }
    answer = AnalyticsAnswer([build_element("stays", {"all": leaf})], META)
    table = answer.to_polars()
    assert table.columns == ["item", "item_from", "item_to", "stays.bins.value", "stays.bins.share"]
    assert table["item"].to_list() == ["[0, 9)", "[9, )"]
    assert answer.to_polars("long").select("field", "unit", "value").rows()[0] == ("bins.value", "s", 1.0)


def test_empty_answer_is_an_empty_frame() -> None:
    assert AnalyticsAnswer([], META).to_pandas().empty
    comparison = {"to": "previousYear", "data": {}, "change": {}}
    nothing = build_element("visits", {}, scope="sites", comparisons=[comparison])
    answer = AnalyticsAnswer([nothing, build_element("sales", {}, scope="sites")], META)
    table = answer.to_polars()
    numbers = ["visits", "visits.previousYear", "visits.previousYear.change", "sales"]
    assert table.schema == {"id": polars.String} | dict.fromkeys(numbers, polars.Float64)
    assert answer.to_pandas().columns.tolist() == table.columns


def test_kpi_without_values_has_its_column() -> None:
    sites = build_element("visits", {"a": {"all": 2}}, scope="sites")
    table = AnalyticsAnswer([sites, build_element("sales", {}, scope="sites")], META).to_polars()
    assert table.rows() == [("a", 2, None)]
    assert table.schema == {"id": polars.String, "visits": polars.Int64, "sales": polars.Float64}


def test_missing_texts_are_missing() -> None:
    data = {"a": {"name": "Lyon", "all": 2}, "b": {"name": None, "all": 3}}
    answer = AnalyticsAnswer([build_element("visits", data, scope="sites")], META)
    assert answer.to_pandas()["name"].isna().tolist() == [False, True]
    nameless = AnalyticsAnswer([build_element("visits", {"b": data["b"]}, scope="sites")], META)
    assert nameless.to_polars().schema["name"] == polars.String


def test_answer_is_shown_in_brief() -> None:
    answer = AnalyticsAnswer([VISITS, build_element("visits", {}, scope="sites")], META | {"to": "2024-03-31"})
    assert repr(answer) == "<AnalyticsAnswer visits by globals, visits by sites, 2024-03-30 to 2024-03-31>"
