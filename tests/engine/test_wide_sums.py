"""KPIs of applications with extreme weights, amounts and volumes equal their computation by hand."""

from dataclasses import replace
from datetime import date
from fractions import Fraction
from functools import cache
from random import Random

import pytest
from okube_api.catalogue.geomarketing import GEO_MARKETING
from okube_api.catalogue.kpi import Module

from tests.by_hand import conversion, geomarketing, performance
from tests.by_hand.question import Question
from tests.by_hand.truth import Truth
from tests.engine import ask, ask_conversion
from tests.engine.campaign_tenants import campaign_tenant
from tests.engine.stores import Reading
from tests.engine.strategies import random_conversion_question, random_performance_question
from tests.engine.tenants import tenant

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MAX_WEIGHT, MAX_AMOUNT, MAX_VOLUME = 10**6, 10**9, 10**12
FIRST, LAST = date(2020, 11, 14), date(2021, 3, 30)


@cache
def build_extreme_tenant(seed: int) -> Truth:
    """Build an application of campaigns whose weights, amounts and volumes are near their limits."""
    random, truth = Random(seed), campaign_tenant(seed)

    def near(limit: int) -> Fraction:
        return limit - Fraction(random.randrange(10**5), 1000)

    return replace(
        truth,
        panelists=[replace(panelist, weight=near(MAX_WEIGHT)) for panelist in truth.panelists],
        purchases=[replace(purchase, amount=near(MAX_AMOUNT)) for purchase in truth.purchases],
        deliveries=[
            replace(
                delivery,
                prints=MAX_VOLUME - random.randrange(9),
                clicks=MAX_VOLUME - random.randrange(9),
                openings=MAX_VOLUME - random.randrange(9),
            )
            for delivery in truth.deliveries
        ],
        campaigns=[
            replace(
                campaign,
                costs=tuple(replace(cost, amount=near(MAX_AMOUNT)) for cost in campaign.costs),
            )
            for campaign in truth.campaigns
        ],
    )


@cache
def build_extreme_panel(seed: int) -> Truth:
    """Build an application of GPS stays, as long and by panelists of as much weight as may be sent."""
    random, truth = Random(seed), tenant(seed, stays=5000)
    weights = (Fraction(MAX_WEIGHT), MAX_WEIGHT - Fraction(1, 1000), MAX_WEIGHT - Fraction(7, 4))
    panelists = [replace(panelist, weight=random.choice(weights)) for panelist in truth.panelists]
    stays = [replace(stay, dwell_s=31 * 86_400 - number % 9) for number, stay in enumerate(truth.stays)]
    return replace(truth, panelists=tuple(panelists), stays=tuple(stays))


@pytest.mark.parametrize("seed", range(10))
async def test_conversion(reading: Reading, seed: int) -> None:
    truth = build_extreme_tenant(seed % 3)
    question = replace(random_conversion_question(truth, Random(seed)), uplift=seed % 5 != 0)
    kpis = tuple(kpi for kpi in conversion.KPIS if question.scope in conversion.scopes(kpi))
    async with reading(truth) as reader:
        answers = await ask_conversion.ask(reader, truth, kpis, question)
    for kpi, actual in zip(kpis, answers, strict=True):
        assert actual == conversion.conversion(truth, kpi, question), kpi


@pytest.mark.parametrize("seed", range(4))
async def test_performance(reading: Reading, seed: int) -> None:
    truth = build_extreme_tenant(seed % 3)
    refunds = [replace(purchase, amount=-purchase.amount) for purchase in truth.purchases[seed::3]]
    truth = replace(truth, purchases=[*truth.purchases, *refunds[1:]])
    question = replace(random_performance_question(truth, Random(seed)), uplift=seed > 0)
    kpis = tuple(performance.KPIS)
    async with reading(truth) as reader:
        answers = await ask.ask(reader, truth, Module.PERFORMANCE, kpis, question)
    for kpi, actual in zip(kpis, answers, strict=True):
        assert actual == performance.performance(truth, kpi, question), kpi


@pytest.mark.parametrize("granularity", ["day", "month"])
@pytest.mark.parametrize("scope", ["globals", "sites", "homes"])
async def test_geo_marketing(reading: Reading, scope: str, granularity: str) -> None:
    truth = build_extreme_panel(2)
    question = Question(FIRST, LAST, "aggregation", granularity, scope, uplift=True, study=truth.studies[0].id)
    kpis = tuple(kpi.name for kpi in GEO_MARKETING if scope in geomarketing.KPIS[kpi.name].scopes)
    async with reading(truth) as reader:
        answers = await ask.ask(reader, truth, Module.GEO_MARKETING, kpis, question)
    for kpi, actual in zip(kpis, answers, strict=True):
        assert actual == geomarketing.geomarketing(truth, kpi, question), kpi
