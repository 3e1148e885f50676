"""The KPIs of presence equal their computation by hand, over rows built in plain Python."""

from dataclasses import replace
from datetime import date
from functools import cache
from itertools import product
from random import Random

import pytest
from okube_api.catalogue.kpi import KpiKind, Module
from okube_api.catalogue.presence import MOST_AREAS, PRESENCE

from tests.by_hand.presence import KPIS, presence, scopes
from tests.by_hand.question import Question, only, without
from tests.by_hand.truth import Truth
from tests.engine.ask import ask
from tests.engine.stores import InMemory, Reading
from tests.engine.strategies import name_random_site, random_period, random_presence_question
from tests.engine.walking_tenants import crowded_tenant, walking_tenant

pytestmark = pytest.mark.anyio

FIRST, LAST = date(2020, 11, 14), date(2021, 3, 30)
cached_tenant = cache(walking_tenant)
cached_crowd = cache(crowded_tenant)


async def assert_as_by_hand(reading: Reading, truth: Truth, question: Question) -> None:
    """Assert that the KPIs that have the question's scope, requested together, equal their computation by hand."""
    kpis = tuple(kpi.name for kpi in PRESENCE if question.scope in scopes(kpi.name))
    async with reading(truth) as reader:
        answers = await ask(reader, truth, Module.PRESENCE, kpis, question)
    for kpi, actual in zip(kpis, answers, strict=True):
        assert actual == presence(truth, kpi, question), kpi


@pytest.mark.slow
@pytest.mark.parametrize("scope", ["globals", "sites", "equipments"])
async def test_kpis_by_every_scope_mode_and_granularity(reading: Reading, scope: str) -> None:
    truth = cached_tenant(1)
    for mode, granularity in product(("histogram", "aggregation"), ("day", "week", "month", "year")):
        if granularity == "day" and mode == "histogram":
            first, last = date(2020, 12, 20), date(2021, 1, 10)
        else:
            first, last = FIRST, LAST
        await assert_as_by_hand(reading, truth, Question(first, last, mode, granularity, scope))


@pytest.mark.parametrize("scope", ["globals", "sites", "equipments"])
async def test_a_filter_on_equipments_selects_stays_with_a_passage_there(reading: Reading, scope: str) -> None:
    truth = cached_tenant(2)
    first, second = (equipment.id for equipment in truth.equipments[:2])
    for chosen in (only(first), only(first, second), without(first), without(first, second)):
        await assert_as_by_hand(
            reading, truth, Question(FIRST, LAST, granularity="month", scope=scope, equipments=chosen)
        )


def draw_question(truth: Truth, random: Random) -> Question:
    """Draw a question with any scope, buckets, filters and period."""
    period = random_period(random, date(2020, 10, 1), 180, (0, 3, 29, 45, 120))
    question = random_presence_question(truth, random, period, ("north", "south", "big"))
    return name_random_site(question, truth, random, 0.2)


@pytest.mark.parametrize("seed", range(24))
async def test_random_questions_to_random_tenants(reading: Reading, seed: int) -> None:
    truth = cached_tenant(seed % 6)
    await assert_as_by_hand(reading, truth, draw_question(truth, Random(seed)))


@pytest.mark.parametrize("scope", ["globals", "sites"])
async def test_matrices_and_orders_have_the_busiest_areas_only(reading: Reading, scope: str) -> None:
    truth = cached_crowd(3)
    question = Question(date(2021, 1, 4), date(2021, 1, 8), scope=scope)
    kpis = ("areaMatching", "visitOrder")
    async with reading(truth) as reader:
        matching, order = await ask(reader, truth, Module.PRESENCE, kpis, question)
    assert matching == presence(truth, "areaMatching", question)
    assert order == presence(truth, "visitOrder", question)
    leaf = matching["all"] if scope == "globals" else matching[truth.sites[0].id]["all"]
    assert len(leaf["areas"]) == MOST_AREAS < len(truth.equipments)


def test_the_catalogue_has_the_same_kpis_and_scopes() -> None:
    assert {kpi.name: {"globals", *kpi.scopes} for kpi in PRESENCE} == {name: set(scopes(name)) for name in KPIS}


@pytest.mark.parametrize("seed", range(3))
async def test_additive_kpis_add_up_over_days_and_sites(seed: int) -> None:
    truth = cached_tenant(seed)
    kpis = tuple(kpi.name for kpi in PRESENCE if kpi.kind is KpiKind.ADDITIVE)
    assert set(kpis) == {"attendance", "dropouts", "entering", "leaving", "sessions"}
    question = Question(FIRST, LAST)
    async with InMemory().reading(truth) as reader:
        totals = await ask(reader, truth, Module.PRESENCE, kpis, question)
        by_site = await ask(reader, truth, Module.PRESENCE, kpis, replace(question, scope="sites"))
    for kpi, total, sites in zip(kpis, totals, by_site, strict=True):
        assert total["all"] == sum(total["temporals"].values()) > 0, kpi
        assert total["all"] == sum(site["all"] for site in sites.values()), kpi
