"""From events sent to answers: what came in through the ingest is answered as the definitions say."""

import json
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any

import pytest
from okube_api.catalogue.kpi import Module

from tests.api import test_analytics_geomarketing as geo_marketing
from tests.api import test_analytics_presence as presences
from tests.api.analytics import World, asked, placed
from tests.api.server import running
from tests.by_hand import conversion, geomarketing, presence
from tests.by_hand.question import Question
from tests.engine import test_conversion as conversions
from tests.truth import tenant as truths

pytestmark = pytest.mark.anyio

ORDER = ("areas", "panelists", "stays", "pings", "detections", "touches", "deliveries", "visits", "purchases")


@pytest.fixture(scope="module")
async def told(store_kind: str, fresh_store_url: Callable[[], str]) -> AsyncIterator[World]:
    """An application whose events were sent over HTTP, kind by kind."""
    tenant = truths.beta()
    async with running(store_kind, fresh_store_url()) as server:
        world = await placed(server, tenant.truth)
        for kind in ORDER:
            await sent(world, kind, tenant.events[kind])
        await server.services.following.settled(world.tenant.id)
        yield world


async def sent(world: World, kind: str, events: list[Any]) -> None:
    """Sends events, and sees to it that all were taken."""
    lines = "".join(f"{json.dumps(event)}\n" for event in events)
    url, headers = f"{world.tenant.url}/ingest/{kind}", {"Content-Type": "application/x-ndjson"}
    response = await world.tenant.editor.post(url, content=lines.encode(), headers=headers, timeout=60)
    assert response.status_code == 201, response.text
    batch = response.json()
    assert (batch["accepted"], batch["rejected"]) == (len(events), 0)


async def check(world: World, module: Module, kpis: tuple[str, ...], question: Question, by_hand: Any) -> None:
    """Every one of the KPIs."""
    for kpi, found in zip(kpis, await asked(world, module, kpis, question), strict=True):
        assert found == by_hand(world.truth, kpi, question), kpi


@pytest.mark.parametrize("seed", range(3))
async def test_geo_marketing(told: World, seed: int) -> None:
    question = geo_marketing.random_question(told, Random(seed))
    kpis = tuple(kpi for kpi, known in geomarketing.KPIS.items() if question.scope in known.scopes)
    await check(told, Module.GEO_MARKETING, kpis, question, geomarketing.geomarketing)


@pytest.mark.parametrize("seed", range(3))
async def test_conversion(told: World, seed: int) -> None:
    question = conversions.random_question(told.truth, Random(seed))
    kpis = tuple(kpi for kpi in conversion.KPIS if question.scope in conversion.scopes(kpi))[:40]
    await check(told, Module.CONVERSION, kpis, question, conversion.conversion)


@pytest.mark.parametrize("seed", range(3))
async def test_presence(told: World, seed: int) -> None:
    question = presences.random_question(told, Random(seed))
    kpis = tuple(kpi for kpi in presence.KPIS if question.scope in presence.scopes(kpi))
    await check(told, Module.PRESENCE, kpis, question, presence.presence)


async def test_freshness_is_the_last_instant_ingested(told: World) -> None:
    events = truths.beta().truth
    last = max(one.at for many in (events.detections, events.touches, events.purchases) for one in many)
    url = f"{told.tenant.url}/presence/analytics?meta=true"
    meta = (await told.reader.post(url, json={"params": [{"kpi": "sessions"}]})).json()["meta"]
    assert meta["freshness"] >= last.strftime("%Y-%m-%dT%H:%M")
    assert meta["freshness"].endswith("Z")
