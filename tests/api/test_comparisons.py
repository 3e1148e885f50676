"""Comparisons with other periods, against plain Python: values, changes, days that are over, like-for-like, CSV."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from okube_api.catalogue.kpi import Module

from tests.api.analytics import World, build_body, build_path
from tests.by_hand.changes import Answer, compare_answers
from tests.by_hand.conversion import conversion
from tests.by_hand.geomarketing import geomarketing
from tests.by_hand.presence import presence
from tests.by_hand.question import Question

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
AUTUMN = (date(2024, 10, 21), date(2024, 11, 3))  # with the end of summer time in Europe and in New York
SPRING = (date(2024, 3, 25), date(2024, 4, 7))
ANSWERS: dict[Module, Answer] = {
    Module.PRESENCE: presence,
    Module.GEO_MARKETING: geomarketing,
    Module.CONVERSION: conversion,
}


def given(period: tuple[date, date]) -> Json:
    """Return a period to compare with."""
    return {"from": period[0].isoformat(), "to": period[1].isoformat()}


async def ask_compared(
    world: World, module: Module, kpis: tuple[str, ...], question: Question, compare: Json, **url: str
) -> Any:
    """Return the answer to a question that is compared."""
    parameters = {"from": question.first.isoformat(), "to": question.last.isoformat(), **url}
    if module is not Module.PRESENCE:
        parameters["uplift"] = str(question.uplift).lower()
    body = build_body(world, kpis, question) | {"compare": compare}
    response = await world.reader.post(build_path(world, module, question), params=parameters, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def sort_items(leaf: Any) -> Any:
    """Return a leaf whose lists of items are in one order: their order in a change is not of interest."""
    if isinstance(leaf, dict):
        return {name: sort_items(part) for name, part in leaf.items() if name not in {"_id", "code"}}
    if isinstance(leaf, list) and all(isinstance(part, dict) for part in leaf):
        return sorted(map(sort_items, leaf), key=repr)
    return leaf


CASES = [
    (Module.PRESENCE, ("sessions", "timespent", "uniqUsers", "timespentPerScope"), {"scope": "sites"}),
    (Module.PRESENCE, ("acquisition", "visitOrder", "rangeAmplitude"), {"granularity": "week"}),
    (Module.PRESENCE, ("sessions", "timespent"), {"scope": "equipments", "mode": "aggregation"}),
    (Module.PRESENCE, ("sessions",), {"site": 0, "granularity": "month"}),
    (Module.GEO_MARKETING, ("attendance", "uniqUsers", "os", "visitorVsPedestrian"), {"granularity": "week"}),
    (Module.GEO_MARKETING, ("posSessions", "timespent", "uniqUsers"), {"scope": "homes", "granularity": "month"}),
    (Module.GEO_MARKETING, ("attendance", "posAffinity"), {"uplift": True, "scope": "sites", "granularity": "week"}),
    (Module.CONVERSION, ("ctr", "cost", "roi", "offlineVisitsAndConversions"), {"granularity": "week"}),
    (Module.CONVERSION, ("offlineVisits", "globalLeverPerformance"), {"scope": "campaigns", "granularity": "year"}),
    (Module.CONVERSION, ("offlineVisitsPerCampaign", "printVsClick"), {"scope": "sites", "granularity": "month"}),
    (Module.CONVERSION, ("comparisonOfflineVisits", "venueRate"), {"mode": "aggregation", "uplift": True}),
]


def build_question(world: World, module: Module, options: Json, period: tuple[date, date] = AUTUMN) -> Question:
    """Return a question; its `site` is given by its position."""
    site = world.truth.sites[options["site"]].id if "site" in options else None
    study = world.truth.studies[1].id if module is Module.GEO_MARKETING else None
    return Question(*period, **options | {"site": site, "study": study})


@pytest.mark.parametrize(("module", "kpis", "options"), CASES)
async def test_values_and_changes_equal_plain_python(
    alpha: World, module: Module, kpis: tuple[str, ...], options: Json
) -> None:
    question = build_question(alpha, module, options)
    periods = {
        "previousPeriod": (date(2024, 10, 7), date(2024, 10, 20)),
        "previousYear": (date(2023, 10, 21), date(2023, 11, 3)),
        "spring": (date(2024, 3, 25), date(2024, 4, 7)),
        "longer": (date(2024, 10, 14), date(2024, 11, 4)),
    }
    targets = [given(period) if name in {"spring", "longer"} else name for name, period in periods.items()]
    results = await ask_compared(alpha, module, kpis, question, {"to": targets})
    for kpi, result in zip(kpis, results, strict=True):
        assert len(result["comparisons"]) == len(periods)
        for comparison, target, (first, last) in zip(result["comparisons"], targets, periods.values(), strict=True):
            assert {name: comparison[name] for name in ("to", "from", "until")} == {
                "to": target,
                "from": first.isoformat(),
                "until": last.isoformat(),
            }
            then = replace(question, first=first, last=last)
            expected = compare_answers(ANSWERS[module], alpha.truth, kpi, question, then)
            assert sort_items(comparison["data"]) == sort_items(expected["data"]), kpi
            assert sort_items(comparison["change"]) == sort_items(expected["change"]), kpi
