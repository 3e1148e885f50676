"""Every KPI of conversion, over rows written in plain Python, equals its definition by hand."""

from dataclasses import replace
from datetime import date
from itertools import product
from random import Random

import pytest
from okube_api.catalogue.conversion import CONVERSION
from tests.by_hand.conversion import KPIS, conversion, scopes
from tests.by_hand.question import Filter, Question, only, without
from tests.by_hand.truth import Truth
from tests.engine.ask_conversion import ask
from tests.engine.campaign_tenants import BARE, UNSEEN, campaign_tenant
from tests.engine.stores import Reading
from tests.truth.happenings import BURSTS

SCOPES = ("globals", "sites", "campaigns", "levers", "extras")
MODES = tuple(product(("histogram", "aggregation"), ("day", "week", "month", "year")))


async def check(reading: Reading, truth: Truth, question: Question, kpis: tuple[str, ...] = tuple(KPIS)) -> None:
    """Every KPI that has the question's scope, asked together."""
    kpis = tuple(kpi for kpi in kpis if question.scope in scopes(kpi))
    async with reading(truth) as reader:
        answers = await ask(reader, truth, kpis, question)
    for kpi, found in zip(kpis, answers, strict=True):
        assert found == conversion(truth, kpi, question), kpi


@pytest.mark.anyio
@pytest.mark.parametrize("uplift", [False, True])
@pytest.mark.parametrize("scope", SCOPES)
async def test_every_scope_mode_and_granularity(reading: Reading, scope: str, uplift: bool) -> None:
    for number, (mode, granularity) in enumerate(MODES):
        first, last = (date(2024, 3, 20), date(2024, 11, 5)) if granularity != "day" else (*BURSTS[1],)
        kpis = tuple(KPIS) if number % 3 == int(uplift) else tuple(KPIS)[number % 5 :: 5]
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
@pytest.mark.parametrize("seed", range(50))
async def test_random_questions_to_random_tenants(reading: Reading, seed: int) -> None:
    random = Random(seed)
    truth = campaign_tenant(seed % 6)
    await check(reading, truth, random_question(truth, random), tuple(random.sample(list(KPIS), 30)))


@pytest.mark.anyio
@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("seed", [UNSEEN, BARE])
async def test_without_exposures_or_without_any_visit(reading: Reading, seed: int, scope: str) -> None:
    await check(reading, campaign_tenant(seed), Question(*BURSTS[1], granularity="week", scope=scope))


def test_the_catalogue_holds_the_sixty_six_with_their_scopes() -> None:
    assert {kpi.name: ("globals", *kpi.scopes) for kpi in CONVERSION} == {name: scopes(name) for name in KPIS}
