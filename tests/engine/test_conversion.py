"""Every KPI of conversion, over rows written in plain Python, equals its definition by hand."""

from dataclasses import replace
from datetime import date
from fractions import Fraction
from functools import cache
from itertools import product
from random import Random
from typing import Any

import pytest
from okube_api.analytics.answer import build_results
from okube_api.catalogue.conversion import CONVERSION
from okube_api.engine.run import answer

from tests.by_hand.conversion import KPIS, conversion, scopes
from tests.by_hand.question import Filter, Question, only, without
from tests.by_hand.truth import Campaign, Cost, Delivery, Place, Truth
from tests.engine.ask_conversion import ask, resolved
from tests.engine.campaign_tenants import BARE, UNSEEN, campaign_tenant
from tests.engine.stores import Reading
from tests.truth.happenings import BURSTS

by_hand = cache(conversion)  # each store is asked the same
SCOPES = ("globals", "sites", "campaigns", "levers", "extras")
PERIODS = {
    "day": BURSTS[1],
    "week": (date(2024, 3, 14), date(2024, 5, 3)),
    "month": (date(2024, 3, 20), date(2024, 11, 5)),
    "year": (date(2020, 12, 20), date(2024, 10, 20)),
}
MODES = tuple(product(("histogram", "aggregation"), ("day", "week", "month", "year")))


async def check(reading: Reading, truth: Truth, question: Question, kpis: tuple[str, ...] = tuple(KPIS)) -> None:
    """Every KPI that has the question's scope, asked together."""
    kpis = tuple(kpi for kpi in kpis if question.scope in scopes(kpi))
    async with reading(truth) as reader:
        answers = await ask(reader, truth, kpis, question)
    for kpi, found in zip(kpis, answers, strict=True):
        assert found == by_hand(truth, kpi, question), kpi


@pytest.mark.anyio
@pytest.mark.parametrize("uplift", [False, True])
@pytest.mark.parametrize("scope", SCOPES)
async def test_every_scope_mode_and_granularity(reading: Reading, scope: str, uplift: bool) -> None:
    for number, (mode, granularity) in enumerate(MODES[int(uplift) :: 2]):  # the other half with the other uplift
        first, last = PERIODS[granularity]
        kpis = tuple(KPIS) if number == int(uplift) else tuple(KPIS)[number::4]
        await check(reading, campaign_tenant(1), Question(first, last, mode, granularity, scope, uplift), kpis)


def some(random: Random, values: list[str], chance: float = 0.3) -> Filter | None:
    """No filter, or one over some of the values."""
    if random.random() > chance:
        return None
    return random.choice((only, only, without))(*random.sample(values, random.randint(1, min(len(values), 3))))


def random_question(truth: Truth, random: Random) -> Question:
    """Anything that can be asked of conversion."""
    first = random.choice(BURSTS)[0].toordinal() + random.randrange(-3, 18)
    question = Question(
        date.fromordinal(first),
        date.fromordinal(first + random.choice((0, 6, 20, 50, 230))),
        mode=random.choice(("histogram", "aggregation")),
        granularity=random.choice(("week", "month", "year")),
        scope=random.choice(SCOPES),
        uplift=random.random() < 0.5,
        sites=some(random, [site.id for site in truth.sites]),
        tags=some(random, ["city", "flagship"], 0.15),
        campaigns=some(random, [one.id for one in truth.campaigns]),
        levers=some(random, sorted({one.lever for one in truth.campaigns})),
        extras=some(random, ["segment:vip", "wave:1", "wave:2", "paid:true", "no:such"]),
        weekdays=frozenset(random.sample(range(1, 8), 3)) if random.random() < 0.15 else None,
    )
    if random.random() < 0.2:
        question = replace(question, site=random.choice(truth.sites).id, sites=None, tags=None)
        return replace(question, scope="globals") if question.scope == "sites" else question
    return question


@pytest.mark.anyio
@pytest.mark.parametrize("seed", range(30))
async def test_random_questions_to_random_tenants(reading: Reading, seed: int) -> None:
    random = Random(seed)
    truth = campaign_tenant(seed % 6)
    await check(reading, truth, random_question(truth, random), tuple(random.sample(list(KPIS), 24)))


@pytest.mark.anyio
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("seed", [UNSEEN, BARE])
async def test_without_exposures_or_without_any_visit(reading: Reading, seed: int, scope: str) -> None:
    await check(reading, campaign_tenant(seed), Question(*BURSTS[1], granularity="week", scope=scope))


@pytest.mark.anyio
@pytest.mark.parametrize("scope", ["sites", "campaigns"])
async def test_what_rounds_to_nothing_is_without_data(reading: Reading, scope: str) -> None:
    days = (date(2024, 3, 18), date(2024, 3, 19))
    campaigns = [
        Campaign(f"{number:024x}", key, "lever", costs=(Cost("cpm", amount),))
        for number, (key, amount) in enumerate([("cheap", Fraction(5)), ("dear", Fraction(6)), ("free", Fraction(0))])
    ]
    deliveries = [Delivery(one.id, day, prints=1) for one in campaigns for day in days]
    truth = Truth(sites=campaign_tenant(0).sites[:1], campaigns=campaigns, deliveries=deliveries)
    await check(reading, truth, Question(*days, scope=scope), ("cost", "prints", "globalLeverPerformance"))
    shown = conversion(truth, "cost", Question(*days, scope="campaigns"))
    assert [(one["all"], one["temporals"]) for one in shown.values()] == [(0.01, {}), (0.01, {"0": 0.01, "1": 0.01})]


@pytest.mark.anyio
async def test_sites_add_up_to_the_whole_where_a_campaign_has_none_left(reading: Reading) -> None:
    north, south, closed = (Place(f"{number:024x}", f"site-{number}", "", active=number < 3) for number in (1, 2, 3))
    day = date(2024, 3, 18)
    campaign = Campaign("c" * 24, "c", "lever", sites=(closed.id,), costs=(Cost("fixed", Fraction(9), day, day),))
    truth = Truth(sites=(north, south, closed), campaigns=[campaign], deliveries=[Delivery(campaign.id, day, prints=5)])
    question = Question(day, day, scope="sites")
    for asked in (question, replace(question, sites=only(closed.id)), replace(question, sites=only(north.id))):
        await check(reading, truth, asked, ("cost", "prints", "ctr"))
    shown = conversion(truth, "cost", question)
    assert {site: one["all"] for site, one in shown.items()} == {north.id: 4.5, south.id: 4.5}
    named = conversion(truth, "prints", replace(question, sites=only(closed.id)))
    assert {site: one["all"] for site, one in named.items()} == {closed.id: 5.0}


@pytest.mark.anyio
async def test_a_campaign_that_is_gone_stands_for_itself(reading: Reading) -> None:
    truth = campaign_tenant(1)
    gone, *left = truth.campaigns
    asked = Question(*BURSTS[1], granularity="week")
    kpis = ("offlineVisitsLinear", "prints", "offlineVisitsPerCampaign")

    async def answers(scope: str) -> list[Any]:
        question = resolved(truth, kpis[: 3 if scope == "campaigns" else 2], replace(asked, scope=scope))
        known = {one.id: question.campaigns[one.id] for one in left}
        labels = {name: label for name, label in question.labels.items() if name != gone.id}
        async with reading(truth) as reader:
            found = (await answer(replace(question, campaigns=known, labels=labels), reader)).kpi_results
            return [element["data"] for element in build_results(question, found)]

    campaigns, levers = await answers("campaigns"), await answers("levers")
    for kpi, by_campaign, by_lever in zip(kpis, campaigns, levers, strict=False):
        assert by_campaign == conversion(truth, kpi, replace(asked, scope="campaigns"))
        assert by_lever["unknown"] == by_campaign[gone.id]


def test_the_catalogue_holds_the_sixty_six_with_their_scopes() -> None:
    assert {kpi.name: ("globals", *kpi.scopes) for kpi in CONVERSION} == {name: scopes(name) for name in KPIS}
