"""Geo-marketing over HTTP: answers on each store equal those computed by hand from the truth."""

from random import Random

import pytest
from okube_api.catalogue.kpi import Module

from tests.api.analytics import World, ask
from tests.api.strategies import draw_geo_marketing_question
from tests.by_hand.geomarketing import KPIS, geomarketing

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("seed", range(12))
async def test_random_questions_on_all_paths(alpha: World, beta: World, seed: int) -> None:
    world, random = (alpha, beta)[seed % 3 == 2], Random(seed)
    question = draw_geo_marketing_question(world.truth, random)
    kpis = tuple(kpi for kpi, definition in KPIS.items() if question.scope in definition.scopes)
    for kpi, data in zip(kpis, await ask(world, Module.GEO_MARKETING, kpis, question, alias=seed), strict=True):
        assert data == geomarketing(world.truth, kpi, question), kpi
