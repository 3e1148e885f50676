"""`fill`: scope values have every bucket, those without data as in `globals`."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from okube_api.catalogue.kpi import Module

from tests.api.analytics import World, build_body, build_path
from tests.by_hand.conversion import conversion
from tests.by_hand.geomarketing import geomarketing
from tests.by_hand.performance import performance
from tests.by_hand.presence import presence
from tests.by_hand.question import Question, only
from tests.by_hand.truth import Truth

pytestmark = [pytest.mark.anyio, pytest.mark.one_store]

Json = dict[str, Any]
FIRST, LAST = date(2024, 3, 16), date(2024, 4, 7)
BY_HAND: Mapping[Module, Callable[[Truth, str, Question], Any]] = {
    Module.GEO_MARKETING: geomarketing,
    Module.CONVERSION: conversion,
    Module.PRESENCE: presence,
    Module.PERFORMANCE: performance,
}
KPIS = {
    Module.GEO_MARKETING: ("attendance", "timespent", "uniqUsers", "timespentPerScope", "visitorVsPedestrian", "os"),
    Module.CONVERSION: ("offlineVisits", "ctr", "cost", "offlineVisitsAttributions", "timeBeforeOfflineVisitPerScope"),
    Module.PRESENCE: ("sessions", "timespent", "uniqUsers", "timespentPerScope", "areaMatching", "visitOrder"),
    Module.PERFORMANCE: ("visits", "sales", "newVisitorShare", "basketDistribution", "sharedVisitors"),
}


def list_buckets(module: Module, truth: Truth, question: Question) -> list[str]:
    """Return the buckets of `globals`, which all KPIs have."""
    return list(BY_HAND[module](truth, KPIS[module][0], replace(question, scope="globals"))["temporals"])


def fill_by_hand(
    module: Module, truth: Truth, kpi: str, question: Question, buckets: Sequence[str]
) -> tuple[Json, int]:
    """Return the values by scope with these buckets, and how many of them are added: those where the scope has none."""
    compute, day = BY_HAND[module], date(2020, 1, 1)
    empty = compute(truth, kpi, replace(question, scope="globals", first=day, last=day))["all"]
    values = compute(truth, kpi, question)
    filled = {
        value: {**row, "temporals": {bucket: row["temporals"].get(bucket, empty) for bucket in buckets}}
        for value, row in values.items()
    }
    return filled, sum(len(buckets) - len(row["temporals"]) for row in values.values())


async def ask(world: World, module: Module, kpis: tuple[str, ...], question: Question, accept: str = "*/*") -> Any:
    """Return the response to the KPIs of a question, with filled buckets."""
    body = build_body(world, kpis, question)
    body["params"] = [{**param, "fill": True} for param in body["params"]]
    url = build_path(world, module, question)
    period = {"from": question.first.isoformat(), "to": question.last.isoformat()}
    params = period if module is Module.PRESENCE else {**period, "uplift": str(question.uplift).lower()}
    response = await world.reader.post(url, params=params, json=body, headers={"Accept": accept})
    assert response.status_code == 200, response.text
    return response


@pytest.mark.parametrize(("mode", "granularity"), [("histogram", "day"), ("histogram", "week"), ("aggregation", "day")])
@pytest.mark.parametrize(
    ("module", "scope"),
    [
        (Module.GEO_MARKETING, "sites"),
        (Module.GEO_MARKETING, "homes"),
        (Module.CONVERSION, "campaigns"),
        (Module.CONVERSION, "sites"),
        (Module.PRESENCE, "equipments"),
        (Module.PERFORMANCE, "sites"),
    ],
)
async def test_scope_values_have_every_bucket(
    alpha: World, module: Module, scope: str, mode: str, granularity: str
) -> None:
    study = alpha.truth.studies[0].id if module is Module.GEO_MARKETING else None
    question = Question(FIRST, LAST, mode, granularity, scope, study=study)
    results = (await ask(alpha, module, KPIS[module], question)).json()
    buckets = list_buckets(module, alpha.truth, question)
    filled = 0
    for kpi, result in zip(KPIS[module], results, strict=True):
        data = {value: {"all": row["all"], "temporals": row["temporals"]} for value, row in result["data"].items()}
        expected, added = fill_by_hand(module, alpha.truth, kpi, question, buckets)
        assert data == expected, kpi
        filled += added
    assert filled > 0 or mode == "aggregation"


async def test_scope_values_that_a_filter_names_are_filled_without_any_data(alpha: World) -> None:
    sites = only(*(site.id for site in alpha.truth.sites))
    empty_period = Question(date(2022, 3, 1), date(2022, 3, 3), scope="sites", sites=sites)
    response = await ask(alpha, Module.PRESENCE, ("sessions", "timespent"), empty_period)
    counts, means = (result["data"] for result in response.json())
    assert set(counts) == set(means) == sites.values
    assert all(row["temporals"] == {"0": 0, "1": 0, "2": 0} for row in counts.values())
    assert all(row["temporals"] == {"0": None, "1": None, "2": None} for row in means.values())
    assert response.headers["X-Okube-Notes"] == "no_events"


async def test_other_answers_are_the_same_with_fill(alpha: World) -> None:
    url = f"{alpha.tenant.url}/presence/analytics?from=2024-03-16&to=2024-04-07"
    for options in ({"temporals": False, "sites": True}, {"granularity": "week"}):
        bodies = [{"params": [{"kpi": "sessions", "fill": fill, **options}]} for fill in (True, False)]
        filled, plain = [(await alpha.reader.post(url, json=body)).json() for body in bodies]
        assert filled == plain


async def test_compared_periods_are_filled(alpha: World) -> None:
    url = f"{alpha.tenant.url}/presence/analytics?from=2024-03-18&to=2024-03-20"
    param = {"kpi": "sessions", "equipments": {"share": True}, "globals": False, "fill": True}
    body = {"compare": {"to": {"from": "2022-01-01", "to": "2022-01-03"}}, "params": [param]}
    (result,) = (await alpha.reader.post(url, json=body)).json()
    (comparison,) = result["comparisons"]
    assert result["data"]
    assert {value: (row["all"], row["temporals"]) for value, row in comparison["data"].items()} == dict.fromkeys(
        result["data"], (0, {"0": 0, "1": 0, "2": 0})
    )
    assert set(comparison["change"]) == set(result["data"])
    assert all(row["temporals"] == {"0": None, "1": None, "2": None} for row in comparison["change"].values())


async def test_the_table_has_a_line_for_every_bucket(alpha: World) -> None:
    question = Question(FIRST, LAST, granularity="week", scope="equipments")
    response = await ask(alpha, Module.PRESENCE, ("sessions",), question, accept="text/csv")
    lines = list(csv.DictReader(io.StringIO(response.text)))
    buckets = list_buckets(Module.PRESENCE, alpha.truth, question)
    expected, _ = fill_by_hand(Module.PRESENCE, alpha.truth, "sessions", question, buckets)
    first_days = {"all": "2024-03-16", "0": "2024-03-11", "1": "2024-03-18", "2": "2024-03-25", "3": "2024-04-01"}
    assert {(line["_id"], line["bucket"], line["from"]): int(line["value"]) for line in lines} == {
        (equipment, bucket, first_days[bucket]): value
        for equipment, row in expected.items()
        for bucket, value in ({"all": row["all"]} | row["temporals"]).items()
    }
