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
from tests.engine.strategies import name_random_site, random_geo_marketing_question, random_period
from tests.engine.tenants import tenant

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


@pytest.mark.slow
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


def draw_question(truth: Truth, random: Random) -> Question:
    """Draw a question; one about a single site may have a filter on tags, unlike those of the routes."""
    period = random_period(random, date(2020, 10, 1), 180, (0, 3, 29, 45, 120))
    question = random_geo_marketing_question(truth, random, period, ("north", "south", "big"))
    return replace(name_random_site(question, truth, random, 0.2), tags=question.tags)


@pytest.mark.anyio
@pytest.mark.parametrize("seed", range(36))
async def test_random_questions_to_random_tenants(reading: Reading, seed: int) -> None:
    truth = cached_tenant(seed % 6)
    await assert_as_by_hand(reading, truth, draw_question(truth, Random(seed)))


def test_the_catalogue_has_the_same_kpis_and_scopes() -> None:
    assert {kpi.name: {"globals", *kpi.scopes} for kpi in GEO_MARKETING} == {
        name: set(definition.scopes) for name, definition in KPIS.items()
    }
