"""Geo-marketing over HTTP, on each store: what is answered equals the definitions by hand."""

from dataclasses import replace
from datetime import date
from random import Random

import pytest
from okube_api.catalogue.kpi import Module

from tests.api.analytics import World, asked
from tests.by_hand.geomarketing import KPIS, geomarketing
from tests.by_hand.question import Question
from tests.engine.test_geomarketing import random_filter
from tests.truth.places import AREAS

pytestmark = pytest.mark.anyio

BURSTS = (date(2020, 12, 18), date(2024, 3, 18), date(2024, 10, 14))


def random_question(world: World, random: Random) -> Question:
    """Anything that can be asked of geo-marketing."""
    truth = world.truth
    first = random.choice(BURSTS).toordinal() + random.randrange(-5, 20)
    codes = [area.code for area in AREAS]
    question = Question(
        date.fromordinal(first),
        date.fromordinal(first + random.choice((0, 3, 29, 45, 400))),
        mode=random.choice(("histogram", "aggregation")),
        granularity=random.choice(("day", "week", "month", "year")),
        scope=random.choice(("globals", "sites", "homes", "works", "zones", "pois")),
        uplift=random.random() < 0.5,
        study=random.choice(truth.studies).id,
        sites=random_filter(random, [site.id for site in truth.sites]),
        pois=random_filter(random, [poi.id for poi in truth.pois]),
        homes=random_filter(random, codes),
        works=random_filter(random, codes[:2]),
        zones=random_filter(random, codes) if random.random() < 0.2 else None,
        tags=random_filter(random, ["city", "flagship", "no such tag"]),
        weekdays=frozenset(random.sample(range(1, 8), 3)) if random.random() < 0.3 else None,
    )
    if random.random() < 0.4:
        question = replace(question, site=random.choice(truth.sites).id, sites=None, tags=None)
        return replace(question, scope="globals") if question.scope == "sites" else question
    return question


@pytest.mark.parametrize("seed", range(12))
async def test_random_questions_by_every_path(alpha: World, beta: World, seed: int) -> None:
    world, random = (alpha, beta)[seed % 3 == 2], Random(seed)
    question = random_question(world, random)
    kpis = tuple(kpi for kpi, known in KPIS.items() if question.scope in known.scopes)
    for kpi, found in zip(kpis, await asked(world, Module.GEO_MARKETING, kpis, question, alias=seed), strict=True):
        assert found == geomarketing(world.truth, kpi, question), kpi
