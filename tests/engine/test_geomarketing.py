"""The KPIs of geo-marketing equal their computation by hand, over rows built in plain Python."""

from dataclasses import replace
from datetime import date
from functools import cache
from itertools import product
from random import Random

import pytest
from okube_api.catalogue.geomarketing import GEO_MARKETING
from okube_api.catalogue.kpi import Module

from tests.by_hand.geomarketing import KPIS, geomarketing
from tests.by_hand.question import Question
from tests.by_hand.truth import Truth
from tests.engine.ask import ask
from tests.engine.stores import Reading
from tests.engine.strategies import random_filter
from tests.engine.tenants import AREAS, tenant

FIRST, LAST = date(2020, 11, 14), date(2021, 3, 30)
cached_tenant = cache(tenant)
compute_by_hand = cache(geomarketing)  # the same for each store


async def assert_as_by_hand(reading: Reading, truth: Truth, question: Question) -> None:
    """Assert that the KPIs that have the question's scope, requested together, equal their computation by hand."""
    kpis = tuple(kpi.name for kpi in GEO_MARKETING if question.scope in KPIS[kpi.name].scopes)
    async with reading(truth) as reader:
        answers = await ask(reader, truth, Module.GEO_MARKETING, kpis, question)
    for kpi, actual in zip(kpis, answers, strict=True):
        assert actual == compute_by_hand(truth, kpi, question), kpi


@pytest.mark.anyio
@pytest.mark.parametrize("uplift", [False, True])
@pytest.mark.parametrize("scope", ["globals", "sites", "homes", "works", "zones", "pois"])
async def test_kpis_by_every_scope_mode_and_granularity(reading: Reading, scope: str, uplift: bool) -> None:
    truth = cached_tenant(1)
    modes = tuple(product(("histogram", "aggregation"), ("day", "week", "month", "year")))
    for mode, granularity in modes[int(uplift) :: 2]:  # the other half is tested with the other uplift
        if granularity == "day" and mode == "histogram":
            first, last = date(2020, 12, 20), date(2021, 1, 10)
        else:
            first, last = FIRST, LAST
        await assert_as_by_hand(
            reading, truth, Question(first, last, mode, granularity, scope, uplift, study=truth.studies[0].id)
        )


def random_question(truth: Truth, random: Random) -> Question:
    """Return a question about geo-marketing, with any scope, buckets and filters."""
    first = date(2020, 10, 1).toordinal() + random.randrange(180)
    codes = [area.code for area in AREAS]
    question = Question(
        date.fromordinal(first),
        date.fromordinal(first + random.choice((0, 3, 29, 45, 120))),
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
        tags=random_filter(random, ["north", "south", "big"]),
        weekdays=frozenset(random.sample(range(1, 8), 3)) if random.random() < 0.3 else None,
    )
    if random.random() < 0.2:
        question = replace(question, site=random.choice(truth.sites).id, sites=None)
    return replace(question, scope="globals") if question.site and question.scope == "sites" else question


@pytest.mark.anyio
@pytest.mark.parametrize("seed", range(36))
async def test_random_questions_to_random_tenants(reading: Reading, seed: int) -> None:
    truth = cached_tenant(seed % 6)
    await assert_as_by_hand(reading, truth, random_question(truth, Random(seed)))


def test_the_catalogue_has_the_same_kpis_and_scopes() -> None:
    assert {kpi.name: {"globals", *kpi.scopes} for kpi in GEO_MARKETING} == {
        name: set(definition.scopes) for name, definition in KPIS.items()
    }
