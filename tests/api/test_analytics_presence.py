"""Presence over HTTP: answers on each store equal those computed by hand from the truth."""

from random import Random

import pytest
from okube_api.catalogue.kpi import Module

from tests.api.analytics import World, ask
from tests.api.strategies import draw_presence_question
from tests.by_hand.presence import KPIS, presence, scopes

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("seed", range(12))
async def test_random_questions_on_all_paths(alpha: World, beta: World, seed: int) -> None:
    world, random = (alpha, beta)[seed % 3 == 2], Random(seed)
    question = draw_presence_question(world.truth, random)
    kpis = tuple(kpi for kpi in KPIS if question.scope in scopes(kpi))
    for kpi, data in zip(kpis, await ask(world, Module.PRESENCE, kpis, question, alias=seed), strict=True):
        assert data == presence(world.truth, kpi, question), kpi
