"""Conversion over HTTP: answers on each store equal those computed by hand from the truth."""

from random import Random
from typing import Any

import pytest
from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.catalogue.kpi import Module
from okube_api.store.conditions import equal

from tests.api.analytics import World, ask
from tests.by_hand.conversion import KPIS, conversion, scopes
from tests.engine.strategies import random_conversion_question

pytestmark = pytest.mark.anyio
URL = "/conversions/levers/analytics"


@pytest.mark.parametrize("seed", range(14))
async def test_random_questions_on_all_paths(alpha: World, beta: World, seed: int) -> None:
    world, random = (alpha, beta)[seed % 3 == 2], Random(seed)
    question = random_conversion_question(world.truth, random)
    kpis = tuple(kpi for kpi in random.sample(list(KPIS), 20) if question.scope in scopes(kpi))
    for kpi, data in zip(kpis, await ask(world, Module.CONVERSION, kpis, question, alias=seed), strict=True):
        assert data == conversion(world.truth, kpi, question), kpi


async def post(world: World, body: Any, **query: Any) -> Any:
    """Post a question to the application; return the status and the document of the response."""
    response = await world.reader.post(f"/applications/{world.tenant.id}{URL}", json=body, params=query)
    return response.status_code, response.json()


async def test_names_of_campaigns_levers_and_extras_are_shown(alpha: World) -> None:
    lever = alpha.truth.campaigns[0].lever
    display = [campaign for campaign in alpha.truth.campaigns if campaign.lever == lever]
    body = {
        "filters": {"levers": [lever]},
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
    status, (campaigns, levers, extras) = await post(alpha, body, **{"from": "2024-03-18", "to": "2024-04-07"})
    assert status == 200
    assert {row["key"]: row["name"] for row in campaigns["data"].values()} == {
        campaign.key: campaign.name for campaign in display
    }
    assert [row["key"] for row in levers["data"].values()] == ["lever 0001"]
    names = sorted({extra for campaign in display for extra in campaign.extras})
    assert list(extras["data"]) == [row["name"] for row in extras["data"].values()] == names


async def test_the_venue_rate_is_null_where_nobody_was_exposed(alpha: World) -> None:
    body = {
        "filters": {"campaigns": ["radio"]},
        "params": [{"kpi": "venueRate", "temporals": False}, {"kpi": "prints", "temporals": False}],
    }
    period = {"from": "2024-03-18", "to": "2024-04-07", "uplift": False}
    status, answer = await post(alpha, body, meta=True, **period)
    rate, prints = (element["data"]["all"] for element in answer["results"])
    assert (status, rate, [note["code"] for note in answer["meta"]["notes"]]) == (200, None, ["filters_keep_none"])
    assert prints > 0


async def test_costs_in_another_currency_are_left_out_with_a_note(alpha: World) -> None:
    store = alpha.tenant.server.services.store
    radio = equal("_id", next(campaign.id for campaign in alpha.truth.campaigns if campaign.key == "radio"))
    (document,) = await store.find(CAMPAIGNS, radio)
    body = {"filters": {"campaigns": ["radio"]}, "params": [{"kpi": "cost", "temporals": False}]}
    period = {"from": "2024-03-18", "to": "2024-04-07", "meta": True}
    try:
        await store.update(CAMPAIGNS, radio, {"costs": [{**document["costs"][0], "currency": "USD"}]})
        _, foreign = await post(alpha, body, **period)
    finally:
        await store.update(CAMPAIGNS, radio, {"costs": document["costs"]})
    _, own = await post(alpha, body, **period)
    assert (foreign["results"][0]["data"]["all"], own["results"][0]["data"]["all"]) == (0, 700)
    assert ("radio" in foreign["meta"]["notes"][0]["message"], own["meta"]["notes"]) == (True, [])


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (
            {"params": [{"kpi": "offlineVisits"}], "filters": {"campaigns": ["radio", "no such"]}},
            "/filters/campaigns/1",
        ),
        ({"params": [{"kpi": "offlineVisits"}], "filters": {"levers": {"not": ["no such"]}}}, "/filters/levers/not/0"),
        ({"params": [{"kpi": "offlineVisits", "homes": True}]}, "/params/0/homes"),
        ({"params": [{"kpi": "offlineVisits"}], "filters": {"extras": ["no colon"]}}, "/filters/extras/0"),
    ],
)
async def test_impossible_questions_are_refused_with_a_pointer(alpha: World, body: Any, pointer: str) -> None:
    status, problem = await post(alpha, body)
    assert status in (400, 422)
    assert pointer in str(problem)
