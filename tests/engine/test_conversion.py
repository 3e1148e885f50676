"""The KPIs of conversion equal their computation by hand, over rows built in plain Python."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache
from itertools import product
from random import Random
from typing import Any

import pytest
from okube_api.catalogue.conversion import CONVERSION
from okube_api.engine.run import answer

from tests.by_hand.conversion import KPIS, SCOPES, conversion
from tests.by_hand.question import Question, only, without
from tests.by_hand.truth import Campaign, Cost, Delivery, Place, Touch, Truth, Visit
from tests.engine.ask_conversion import ask, resolve_question
from tests.engine.campaign_tenants import ONLY_DELIVERIES, WITHOUT_TOUCHES, campaign_tenant
from tests.engine.rendered import render_data
from tests.engine.stores import Reading
from tests.engine.strategies import CAMPAIGN_SCOPES, random_conversion_question
from tests.truth.random_events import BURSTS

compute_by_hand = cache(conversion)  # the same for each store
PERIODS = {
    "day": BURSTS[1],
    "week": (date(2024, 3, 14), date(2024, 5, 3)),
    "month": (date(2024, 3, 20), date(2024, 11, 5)),
    "year": (date(2020, 12, 20), date(2024, 10, 20)),
}
MODES = tuple(product(("histogram", "aggregation"), ("day", "week", "month", "year")))


async def assert_as_by_hand(
    reading: Reading, truth: Truth, question: Question, kpis: tuple[str, ...] = tuple(KPIS)
) -> None:
    """Assert that KPIs, requested together, equal their computation by hand."""
    async with reading(truth) as reader:
        answers = await ask(reader, truth, kpis, question)
    for kpi, actual in zip(kpis, answers, strict=True):
        assert actual == compute_by_hand(truth, kpi, question), kpi


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.parametrize("uplift", [False, True])
@pytest.mark.parametrize("scope", CAMPAIGN_SCOPES)
async def test_kpis_by_every_scope_mode_and_granularity(reading: Reading, scope: str, uplift: bool) -> None:
    for number, (mode, granularity) in enumerate(
        MODES[int(uplift) :: 2]
    ):  # the other half is tested with the other uplift
        first, last = PERIODS[granularity]
        kpis = tuple(KPIS) if number == int(uplift) else tuple(KPIS)[number::4]
        await assert_as_by_hand(
            reading, campaign_tenant(1), Question(first, last, mode, granularity, scope, uplift), kpis
        )


@pytest.mark.anyio
@pytest.mark.parametrize("seed", range(30))
async def test_random_questions_to_random_tenants(reading: Reading, seed: int) -> None:
    random = Random(seed)
    truth = campaign_tenant(seed % 6)
    await assert_as_by_hand(
        reading, truth, random_conversion_question(truth, random), tuple(random.sample(list(KPIS), 24))
    )


@pytest.mark.anyio
@pytest.mark.parametrize("scope", CAMPAIGN_SCOPES)
@pytest.mark.parametrize("seed", [WITHOUT_TOUCHES, ONLY_DELIVERIES])
async def test_applications_without_exposures_or_visits(reading: Reading, seed: int, scope: str) -> None:
    await assert_as_by_hand(reading, campaign_tenant(seed), Question(*BURSTS[1], granularity="week", scope=scope))


@pytest.mark.anyio
@pytest.mark.parametrize("scope", ["sites", "campaigns"])
async def test_amounts_that_round_to_zero_are_not_shown(reading: Reading, scope: str) -> None:
    days = (date(2024, 3, 18), date(2024, 3, 19))
    campaigns = [
        Campaign(f"{number:024x}", key, "lever", costs=(Cost("cpm", amount),))
        for number, (key, amount) in enumerate([("cheap", Fraction(5)), ("dear", Fraction(6)), ("free", Fraction(0))])
    ]
    deliveries = [Delivery(campaign.id, day, prints=1) for campaign in campaigns for day in days]
    truth = Truth(sites=campaign_tenant(0).sites[:1], campaigns=campaigns, deliveries=deliveries)
    await assert_as_by_hand(reading, truth, Question(*days, scope=scope), ("cost", "prints", "globalLeverPerformance"))
    costs = conversion(truth, "cost", Question(*days, scope="campaigns"))
    assert [(row["all"], row["temporals"]) for row in costs.values()] == [(0.01, {}), (0.01, {"0": 0.01, "1": 0.01})]


@pytest.mark.anyio
async def test_parts_of_sites_are_the_same_in_every_question(reading: Reading) -> None:
    north, south, closed = (Place(f"{number:024x}", f"site-{number}", "", active=number < 3) for number in (1, 2, 3))
    day = date(2024, 3, 18)
    shut, mixed, everywhere = (
        Campaign(name * 24, name, "lever", sites=sites, costs=(Cost("fixed", Fraction(amount), day, day),))
        for name, sites, amount in (("a", (closed.id,), 9), ("b", (north.id, closed.id), 5), ("c", (), 8))
    )
    truth = Truth(
        sites=(north, south, closed),
        campaigns=[shut, mixed, everywhere],
        deliveries=[Delivery(campaign.id, day, prints=6) for campaign in (shut, mixed, everywhere)],
    )
    base = Question(day, day)
    for filter_, scope in product(
        (None, only(closed.id), only(north.id, closed.id), without(south.id), without(closed.id)),
        CAMPAIGN_SCOPES,
    ):
        await assert_as_by_hand(
            reading, truth, replace(base, sites=filter_, scope=scope), ("cost", "prints", "ctr", "roi", "costByVisit")
        )
    costs = conversion(truth, "cost", replace(base, scope="sites"))
    assert {site: row["all"] for site, row in costs.items()} == {north.id: 9, south.id: 4}  # 5 + 8 / 2, 8 / 2
    assert conversion(truth, "cost", base)["all"] == 13
    named = conversion(truth, "cost", replace(base, scope="sites", sites=only(closed.id, north.id)))
    assert {site: row["all"] for site, row in named.items()} == {north.id: 9, closed.id: 9}


@pytest.mark.anyio
async def test_without_active_sites_a_question_has_the_whole_of_a_global_campaign(reading: Reading) -> None:
    day = date(2024, 3, 18)
    campaign = Campaign("c" * 24, "c", "lever", costs=(Cost("fixed", Fraction(9), day, day),))
    truth = Truth(sites=(Place("1" * 24, "shut", "", active=False),), campaigns=[campaign])
    for scope in CAMPAIGN_SCOPES:
        await assert_as_by_hand(reading, truth, Question(day, day, scope=scope), ("cost",))
    assert conversion(truth, "cost", Question(day, day))["all"] == 9


@pytest.mark.anyio
async def test_visitors_come_at_or_after_their_first_exposure(reading: Reading) -> None:
    noon = datetime(2024, 3, 18, 12, tzinfo=UTC)
    north, south = (Place(f"{number:024x}", f"site-{number}", "") for number in (1, 2))
    radio, letter = (Campaign(name * 24, name, "lever", extras=frozenset({f"name:{name}"})) for name in "ab")
    hour, week = timedelta(hours=1), timedelta(days=7)
    touches = [
        *(Touch(user, radio.id, noon, "print") for user in ("before", "at", "after", "next week", "elsewhere", "both")),
        Touch("before", letter.id, noon - 3 * hour, "click"),  # counts where both campaigns do
        Touch("next week", radio.id, noon + week + 2 * hour, "click"),
        *(Touch(user, radio.id, noon, "control") for user in ("both", "control", "early control", "none")),
    ]
    visits = [
        Visit("before", north.id, noon - hour),
        Visit("at", north.id, noon),
        Visit("after", north.id, noon + hour),
        Visit("next week", north.id, noon + week),  # within that week before its touch, in the period after the first
        Visit("elsewhere", south.id, noon + hour),
        Visit("both", north.id, noon + hour),
        Visit("control", south.id, noon + hour),
        Visit("early control", north.id, noon - hour),
    ]
    truth = Truth(sites=(north, south), campaigns=[radio, letter], touches=touches, visits=visits)
    question = Question(date(2024, 3, 18), date(2024, 3, 31), granularity="week")
    for scope, filter_ in product(CAMPAIGN_SCOPES, (None, only(radio.id), only(letter.id))):
        variant = replace(question, scope=scope, campaigns=filter_)
        await assert_as_by_hand(reading, truth, variant, ("comparisonOfflineVisits", "venueRate"))
    answer = conversion(truth, "comparisonOfflineVisits", question)
    assert answer["all"]["exposed"] == {"users": 6, "visitors": 6, "rate": 1.0}
    assert answer["all"]["control"] == {"users": 3, "visitors": 1, "rate": 0.3333}
    assert answer["temporals"]["1"]["exposed"] == {"users": 1, "visitors": 0, "rate": 0.0}
    by_radio = conversion(truth, "comparisonOfflineVisits", replace(question, campaigns=only(radio.id)))["all"]
    assert by_radio["exposed"] == {"users": 6, "visitors": 5, "rate": 0.8333}


@pytest.mark.anyio
async def test_a_named_site_that_another_filter_leaves_out_is_empty(reading: Reading) -> None:
    noon = datetime(2024, 3, 18, 12, tzinfo=UTC)
    north, south = (Place(f"{number:024x}", f"site-{number}", "", tags=frozenset({f"t{number}"})) for number in (1, 2))
    campaign = Campaign("a" * 24, "a", "lever")
    truth = Truth(
        sites=(north, south),
        campaigns=[campaign],
        touches=[Touch(user, campaign.id, noon, "print") for user in ("one", "two")]
        + [Touch("three", campaign.id, noon, "control")],
        visits=[Visit("one", site.id, noon + timedelta(hours=1)) for site in (north, south)],
    )
    question = Question(
        noon.date(), noon.date(), scope="sites", sites=only(north.id, south.id), tags=only("t1"), uplift=True
    )
    await assert_as_by_hand(reading, truth, question)
    async with reading(truth) as reader:
        rates, comparisons = await ask(reader, truth, ("venueRate", "comparisonOfflineVisits"), question)
    assert rates == {north.id: {"all": 0.5, "temporals": {"0": 0.5}}, south.id: {"all": None, "temporals": {}}}
    assert comparisons[north.id]["all"]["exposed"] == {"users": 2, "visitors": 1, "rate": 0.5}
    assert comparisons[south.id]["all"]["exposed"] == {"users": 0, "visitors": 0, "rate": None}
    assert comparisons[south.id]["all"]["control"] is None


@pytest.mark.anyio
async def test_a_deleted_campaign_keeps_its_identifier(reading: Reading) -> None:
    truth = campaign_tenant(1)
    deleted, *remaining = truth.campaigns
    base = Question(*BURSTS[1], granularity="week")
    kpis = ("offlineVisitsLinear", "prints", "offlineVisitsPerCampaign")

    async def read_answers(scope: str) -> list[Any]:
        question = resolve_question(truth, kpis[: 3 if scope == "campaigns" else 2], replace(base, scope=scope))
        campaigns_by_id = {campaign.id: question.campaigns[campaign.id] for campaign in remaining}
        labels = {name: label for name, label in question.labels.items() if name != deleted.id}
        async with reading(truth) as reader:
            without_deleted = replace(question, campaigns=campaigns_by_id, labels=labels)
            return render_data(question, await answer(without_deleted, reader))

    campaigns, levers = await read_answers("campaigns"), await read_answers("levers")
    for kpi, by_campaign, by_lever in zip(kpis, campaigns, levers, strict=False):
        assert by_campaign == conversion(truth, kpi, replace(base, scope="campaigns"))
        assert by_lever["unknown"] == by_campaign[deleted.id]


def test_the_catalogue_has_the_same_kpis_and_scopes() -> None:
    assert {kpi.name: ("globals", *kpi.scopes) for kpi in CONVERSION} == dict.fromkeys(KPIS, SCOPES)
