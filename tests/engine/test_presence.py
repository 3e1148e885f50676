"""Every KPI of presence, over rows written in plain Python, equals its definition by hand."""

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
from tests.engine.test_geomarketing import random_filter
from tests.engine.walking_tenants import crowd, walking_tenant

pytestmark = pytest.mark.anyio

FIRST, LAST = date(2020, 11, 14), date(2021, 3, 30)
known = cache(walking_tenant)
crowded = cache(crowd)


async def check(reading: Reading, truth: Truth, question: Question) -> None:
    """Every KPI that has the question's scope, asked together."""
    kpis = tuple(kpi.name for kpi in PRESENCE if question.scope in scopes(kpi.name))
    async with reading(truth) as reader:
        answers = await ask(reader, truth, Module.PRESENCE, kpis, question)
    for kpi, found in zip(kpis, answers, strict=True):
        assert found == presence(truth, kpi, question), kpi


@pytest.mark.parametrize("scope", ["globals", "sites", "equipments"])
async def test_every_scope_mode_and_granularity(reading: Reading, scope: str) -> None:
    truth = known(1)
    for mode, granularity in product(("histogram", "aggregation"), ("day", "week", "month", "year")):
        if granularity == "day" and mode == "histogram":
            first, last = date(2020, 12, 20), date(2021, 1, 10)
        else:
            first, last = FIRST, LAST
        await check(reading, truth, Question(first, last, mode, granularity, scope))


@pytest.mark.parametrize("scope", ["globals", "sites", "equipments"])
async def test_a_filter_on_equipments_keeps_stays_that_passed_by(reading: Reading, scope: str) -> None:
    truth = known(2)
    one, two = (equipment.id for equipment in truth.equipments[:2])
    for chosen in (only(one), only(one, two), without(one), without(one, two)):
        await check(reading, truth, Question(FIRST, LAST, granularity="month", scope=scope, equipments=chosen))


def random_question(truth: Truth, random: Random) -> Question:
    """Anything that can be asked of presence."""
    first = date(2020, 10, 1).toordinal() + random.randrange(180)
    question = Question(
        date.fromordinal(first),
        date.fromordinal(first + random.choice((0, 3, 29, 45, 120))),
        mode=random.choice(("histogram", "aggregation")),
        granularity=random.choice(("day", "week", "month", "year")),
        scope=random.choice(("globals", "sites", "equipments")),
        sites=random_filter(random, [site.id for site in truth.sites]),
        equipments=random_filter(random, [equipment.id for equipment in truth.equipments]),
        tags=random_filter(random, ["north", "south", "big"]),
        weekdays=frozenset(random.sample(range(1, 8), 3)) if random.random() < 0.3 else None,
    )
    if random.random() < 0.2:
        question = replace(question, site=random.choice(truth.sites).id, sites=None, tags=None)
    return replace(question, scope="globals") if question.site and question.scope == "sites" else question


@pytest.mark.parametrize("seed", range(24))
async def test_random_questions_to_random_tenants(reading: Reading, seed: int) -> None:
    truth = known(seed % 6)
    await check(reading, truth, random_question(truth, Random(seed)))


@pytest.mark.parametrize("scope", ["globals", "sites"])
async def test_only_the_busiest_areas_stand_in_matrices_and_orders(reading: Reading, scope: str) -> None:
    truth = crowded(3)
    question = Question(date(2021, 1, 4), date(2021, 1, 8), scope=scope)
    kpis = ("areaMatching", "visitOrder")
    async with reading(truth) as reader:
        matching, order = await ask(reader, truth, Module.PRESENCE, kpis, question)
    assert matching == presence(truth, "areaMatching", question)
    assert order == presence(truth, "visitOrder", question)
    whole = matching["all"] if scope == "globals" else matching[truth.sites[0].id]["all"]
    assert len(whole["areas"]) == MOST_AREAS < len(truth.equipments)


def test_the_catalogue_holds_the_thirteen_with_their_scopes() -> None:
    assert {kpi.name: {"globals", *kpi.scopes} for kpi in PRESENCE} == {name: set(scopes(name)) for name in KPIS}


@pytest.mark.parametrize("seed", range(3))
async def test_what_is_additive_adds_up_over_days_and_sites(seed: int) -> None:
    truth = known(seed)
    kpis = tuple(kpi.name for kpi in PRESENCE if kpi.kind is KpiKind.ADDITIVE)
    assert set(kpis) == {"attendance", "dropouts", "entering", "leaving", "sessions"}
    question = Question(FIRST, LAST)
    async with InMemory().reading(truth) as reader:
        whole = await ask(reader, truth, Module.PRESENCE, kpis, question)
        by_site = await ask(reader, truth, Module.PRESENCE, kpis, replace(question, scope="sites"))
    for kpi, total, sites in zip(kpis, whole, by_site, strict=True):
        assert total["all"] == sum(total["temporals"].values()) > 0, kpi
        assert total["all"] == sum(site["all"] for site in sites.values()), kpi
