"""From events to answers, all over HTTP: answers equal those computed by hand from the truth."""

import json
from collections.abc import AsyncIterator, Callable
from random import Random
from typing import Any

import pytest
from okube_api.catalogue.kpi import Module

from tests.api.analytics import World, ask, create_world
from tests.api.server import run_server
from tests.api.strategies import draw_geo_marketing_question, draw_presence_question
from tests.by_hand import conversion, geomarketing, performance, presence
from tests.by_hand.question import Question
from tests.engine.strategies import random_conversion_question, random_performance_question
from tests.truth import tenant as truths

pytestmark = pytest.mark.anyio

KINDS = ("areas", "panelists", "stays", "pings", "detections", "touches", "deliveries", "visits", "purchases")


@pytest.fixture(scope="module")
async def world(store_kind: str, fresh_store_url: Callable[[], str]) -> AsyncIterator[World]:
    """Create an application and send its events over HTTP, kind by kind."""
    tenant = truths.beta()
    async with run_server(store_kind, fresh_store_url()) as server:
        created = await create_world(server, tenant.truth)
        for kind in KINDS:
            await send_events(created, kind, tenant.events[kind])
        await server.services.invalidation.drain(created.tenant.id)
        yield created


async def send_events(world: World, kind: str, events: list[Any]) -> None:
    """Send events, and check that all were accepted."""
    lines = "".join(f"{json.dumps(event)}\n" for event in events)
    url, headers = f"{world.tenant.url}/ingest/{kind}", {"Content-Type": "application/x-ndjson"}
    response = await world.tenant.editor.post(url, content=lines.encode(), headers=headers, timeout=60)
    assert response.status_code == 201, response.text
    batch = response.json()
    assert (batch["accepted"], batch["rejected"]) == (len(events), 0)


async def check(world: World, module: Module, kpis: tuple[str, ...], question: Question, by_hand: Any) -> None:
    """Compare the answers to a question with those computed by hand."""
    for kpi, data in zip(kpis, await ask(world, module, kpis, question), strict=True):
        assert data == by_hand(world.truth, kpi, question), kpi


@pytest.mark.parametrize("seed", range(3))
async def test_geo_marketing(world: World, seed: int) -> None:
    question = draw_geo_marketing_question(world.truth, Random(seed))
    kpis = tuple(kpi for kpi, definition in geomarketing.KPIS.items() if question.scope in definition.scopes)
    await check(world, Module.GEO_MARKETING, kpis, question, geomarketing.geomarketing)


@pytest.mark.parametrize("seed", range(3))
async def test_conversion(world: World, seed: int) -> None:
    question = random_conversion_question(world.truth, Random(seed))
    kpis = tuple(kpi for kpi in conversion.KPIS if question.scope in conversion.scopes(kpi))[:40]
    await check(world, Module.CONVERSION, kpis, question, conversion.conversion)


@pytest.mark.parametrize("seed", range(3))
async def test_presence(world: World, seed: int) -> None:
    question = draw_presence_question(world.truth, Random(seed))
    kpis = tuple(kpi for kpi in presence.KPIS if question.scope in presence.scopes(kpi))
    await check(world, Module.PRESENCE, kpis, question, presence.presence)


@pytest.mark.parametrize("seed", range(3))
async def test_performance(world: World, seed: int) -> None:
    question = random_performance_question(world.truth, Random(seed))
    await check(world, Module.PERFORMANCE, tuple(performance.KPIS), question, performance.performance)


async def test_freshness_is_the_instant_of_the_last_ingest(world: World) -> None:
    events = truths.beta().truth
    last = max(event.at for kind in (events.detections, events.touches, events.purchases) for event in kind)
    url = f"{world.tenant.url}/presence/analytics?meta=true"
    meta = (await world.reader.post(url, json={"params": [{"kpi": "sessions"}]})).json()["meta"]
    assert meta["freshness"] >= last.strftime("%Y-%m-%dT%H:%M")
    assert meta["freshness"].endswith("Z")
