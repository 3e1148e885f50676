"""Conversion over HTTP, on each store: what is answered equals the definitions by hand."""

from random import Random
from typing import Any

import pytest
from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.catalogue.kpi import Module
from okube_api.store.conditions import equal

from tests.api.analytics import World, asked
from tests.by_hand.conversion import KPIS, conversion, scopes
from tests.by_hand.question import Question, only
from tests.engine.test_conversion import random_question
from tests.truth.happenings import BURSTS

pytestmark = pytest.mark.anyio
URL = "/conversions/levers/analytics"


@pytest.mark.parametrize("seed", range(14))
async def test_random_questions_by_every_path(alpha: World, beta: World, seed: int) -> None:
    world, random = (alpha, beta)[seed % 3 == 2], Random(seed)
    question = random_question(world.truth, random)
    kpis = tuple(kpi for kpi in random.sample(list(KPIS), 20) if question.scope in scopes(kpi))
    for kpi, found in zip(kpis, await asked(world, Module.CONVERSION, kpis, question, alias=seed), strict=True):
        assert found == conversion(world.truth, kpi, question), kpi


async def posted(world: World, body: Any, **query: Any) -> Any:
    """An answer of the application."""
    response = await world.reader.post(f"/applications/{world.tenant.id}{URL}", json=body, params=query)
    return response.status_code, response.json()


async def test_names_of_campaigns_levers_and_extras_are_shown(alpha: World) -> None:
    display = [one for one in alpha.truth.campaigns if one.lever == alpha.truth.campaigns[0].lever]
    body = {
        "filters": {"levers": [display[0].lever]},
        "params": [
            {
                "kpi": "cost",
                "globals": False,
                "temporals": False,
                "campaigns": {"properties": ["key", "name"]},
                "levers": {"properties": ["key"]},
                "extras": True,
            }
        ],
    }
    status, (campaigns, levers, extras) = await posted(alpha, body, **{"from": "2024-03-18", "to": "2024-04-07"})
    assert status == 200
    assert {row["key"]: row["name"] for row in campaigns["data"].values()} == {one.key: one.name for one in display}
    assert [row["key"] for row in levers["data"].values()] == ["lever 0001"]
    names = sorted({extra for one in display for extra in one.extras})
    assert list(extras["data"]) == [row["name"] for row in extras["data"].values()] == names


async def test_nobody_known_to_be_exposed_is_said(alpha: World) -> None:
    radio = next(one for one in alpha.truth.campaigns if one.key == "radio")
    body = {"filters": {"campaigns": ["radio"]}, "params": [{"kpi": "venueRate", "temporals": False}]}
    period = {"from": "2024-03-18", "to": "2024-04-07", "uplift": False}
    status, answer = await posted(alpha, body, meta=True, **period)
    question = Question(*BURSTS[1], campaigns=only(radio.id))
    assert status == 200
    assert answer["results"][0]["data"]["all"] == conversion(alpha.truth, "venueRate", question)["all"]
    assert "prints" in answer["meta"]["notes"][0]


async def test_costs_in_another_currency_are_left_out_and_said(alpha: World) -> None:
    store = alpha.tenant.server.services.store
    radio = equal("_id", next(one.id for one in alpha.truth.campaigns if one.key == "radio"))
    (document,) = await store.find(CAMPAIGNS, radio)
    body = {"filters": {"campaigns": ["radio"]}, "params": [{"kpi": "cost", "temporals": False}]}
    period = {"from": "2024-03-18", "to": "2024-04-07", "meta": True}
    try:
        await store.update(CAMPAIGNS, radio, {"costs": [{**document["costs"][0], "currency": "USD"}]})
        _, foreign = await posted(alpha, body, **period)
    finally:
        await store.update(CAMPAIGNS, radio, {"costs": document["costs"]})
    _, own = await posted(alpha, body, **period)
    assert (foreign["results"][0]["data"]["all"], own["results"][0]["data"]["all"]) == (0, 700)
    assert ("radio" in foreign["meta"]["notes"][0], own["meta"]["notes"]) == (True, [])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (
            {"params": [{"kpi": "offlineVisits"}], "filters": {"campaigns": ["radio", "no such"]}},
            "/filters/campaigns/1",
        ),
        ({"params": [{"kpi": "offlineVisits"}], "filters": {"levers": {"not": ["no such"]}}}, "/filters/levers/not/0"),
        ({"params": [{"kpi": "globalLeverPerformance", "campaigns": True}]}, "/params/0/campaigns"),
        ({"params": [{"kpi": "venueRate", "extras": True}]}, "/params/0/extras"),
        ({"params": [{"kpi": "offlineVisits", "homes": True}]}, "/params/0/homes"),
        ({"params": [{"kpi": "offlineVisits"}], "filters": {"extras": ["no colon"]}}, "/filters/extras/0"),
    ],
)
async def test_what_cannot_be_asked_is_refused_where_it_stands(alpha: World, body: Any, pointer: str) -> None:
    status, problem = await posted(alpha, body)
    assert status in (400, 422)
    assert pointer in str(problem)
