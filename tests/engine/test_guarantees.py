"""Properties of exact results: sums add up, credits are conserved, parts of a period add up to the period."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from random import Random

import pytest
from okube_api.analytics.answered_question import AnsweredQuestion
from okube_api.analytics.rendering import render_json
from okube_api.catalogue.conversion import CONVERSION
from okube_api.catalogue.expressions.composites import Ratio
from okube_api.catalogue.expressions.numbers import Distinct
from okube_api.catalogue.geomarketing import GEO_MARKETING
from okube_api.catalogue.kpi import Kpi, KpiKind, Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.catalogue.value import Number
from okube_api.engine import question as engine
from okube_api.engine.run import answer

from tests.by_hand.conversion import KPIS
from tests.by_hand.question import Question, only
from tests.by_hand.truth import Truth
from tests.engine import ask_conversion
from tests.engine.ask import resolve_question
from tests.engine.campaign_tenants import campaign_tenant
from tests.engine.exact import PERIOD_LABEL, Exact, evaluate_exactly, totals
from tests.engine.rendered import render_elements
from tests.engine.stores import InMemory, Reading
from tests.engine.strategies import random_conversion_question
from tests.engine.tenants import tenant
from tests.truth.tenant import alpha

pytestmark = pytest.mark.anyio
MEMORY = InMemory()
ADDED_UP = (KpiKind.ADDITIVE, KpiKind.PARTICIPATION)
SPRING = Question(date(2024, 3, 10), date(2024, 5, 9), granularity="day")
WINTER = Question(date(2020, 12, 1), date(2021, 1, 31), granularity="week", study=alpha().truth.studies[0].id)


def list_additive(kpis: Iterable[Kpi], scope: str = "globals") -> tuple[str, ...]:
    """Return the KPIs that are sums and have the scope."""
    return tuple(
        kpi.name
        for kpi in kpis
        if kpi.kind in ADDED_UP and isinstance(kpi.value, Number) and scope in ("globals", *kpi.scopes)
    )


def filter_by_kind(kpis: Iterable[str], kind: KpiKind) -> tuple[str, ...]:
    """Return those of the KPIs that are of the same kind."""
    return tuple(kpi for kpi in kpis if BY_NAME[Module.CONVERSION][kpi].kind is kind)


async def evaluate_conversion(truth: Truth, kpis: tuple[str, ...], question: Question) -> dict[str, Exact]:
    """Evaluate KPIs of conversion, before rounding."""
    async with MEMORY.reading(truth) as reader:
        return await evaluate_exactly(reader, ask_conversion.resolve_question(truth, kpis, question))


async def evaluate_geo_marketing(truth: Truth, kpis: tuple[str, ...], question: Question) -> dict[str, Exact]:
    """Evaluate KPIs of geo-marketing, before rounding."""
    async with MEMORY.reading(truth) as reader:
        return await evaluate_exactly(reader, resolve_question(truth, Module.GEO_MARKETING, kpis, question))


# -- sums over days --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("uplift", [False, True])
@pytest.mark.parametrize("scope", ["globals", "sites", "campaigns", "levers", "extras"])
async def test_days_add_up_to_the_period_in_conversion(scope: str, uplift: bool) -> None:
    question = replace(SPRING, scope=scope, uplift=uplift)
    values_by_kpi = await evaluate_conversion(alpha().truth, list_additive(CONVERSION, scope), question)
    assert len(values_by_kpi) == len(list_additive(CONVERSION, scope)) > 20
    for kpi, values in values_by_kpi.items():
        assert values, kpi
        for buckets in values.values():
            days = sum((value for label, value in buckets.items() if label != PERIOD_LABEL), Fraction(0))
            assert days == buckets.get(PERIOD_LABEL, 0), kpi


@pytest.mark.parametrize("uplift", [False, True])
@pytest.mark.parametrize("scope", ["globals", "sites", "homes", "works"])
async def test_weeks_add_up_to_the_period_in_geo_marketing(scope: str, uplift: bool) -> None:
    values_by_kpi = await evaluate_geo_marketing(
        alpha().truth, list_additive(GEO_MARKETING, scope), replace(WINTER, scope=scope, uplift=uplift)
    )
    assert {"attendance", "posSessions"} <= set(values_by_kpi)
    for kpi, values in values_by_kpi.items():
        for buckets in values.values():
            weeks = sum((value for label, value in buckets.items() if label != PERIOD_LABEL), Fraction(0))
            assert weeks == buckets.get(PERIOD_LABEL, 0), kpi


# -- sums over scopes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("uplift", [False, True])
@pytest.mark.parametrize("scope", ["sites", "campaigns", "levers"])
async def test_scope_values_add_up_to_the_global_figure_in_conversion(scope: str, uplift: bool) -> None:
    kpis = list_additive(CONVERSION, scope)
    if scope != "sites":
        kpis = filter_by_kind(kpis, KpiKind.ADDITIVE)
    question = replace(SPRING, granularity="week", uplift=uplift)
    parts = await evaluate_conversion(alpha().truth, kpis, replace(question, scope=scope))
    period_values = await evaluate_conversion(alpha().truth, kpis, question)
    assert {kpi: totals(values) for kpi, values in parts.items()} == {
        kpi: totals(values) for kpi, values in period_values.items()
    }


@pytest.mark.parametrize("scope", ["sites", "homes", "works"])
async def test_scope_values_add_up_to_the_global_figure_in_geo_marketing(scope: str) -> None:
    kpis = list_additive(GEO_MARKETING, scope)
    if scope == "sites":  # a stay at a POI counts for every site that its user visited
        kpis = tuple(kpi for kpi in kpis if kpi != "poiSessions")
    parts = await evaluate_geo_marketing(alpha().truth, kpis, replace(WINTER, scope=scope, uplift=True))
    period_values = await evaluate_geo_marketing(alpha().truth, kpis, replace(WINTER, uplift=True))
    assert {kpi: totals(values) for kpi, values in parts.items()} == {
        kpi: totals(values) for kpi, values in period_values.items()
    }


@pytest.mark.parametrize("seed", range(3))
async def test_participation_by_campaign_is_more_than_the_global_figure(seed: int) -> None:
    question = Question(date(2020, 12, 1), date(2024, 12, 31), granularity="year")
    parts = await evaluate_conversion(campaign_tenant(seed), ("offlineVisits",), replace(question, scope="campaigns"))
    period_values = await evaluate_conversion(campaign_tenant(seed), ("offlineVisits",), question)
    assert totals(parts["offlineVisits"])[PERIOD_LABEL] > totals(period_values["offlineVisits"])[PERIOD_LABEL]


# -- models ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2, 5])
@pytest.mark.parametrize("scope", ["globals", "sites", "campaigns", "levers"])
async def test_every_model_distributes_exactly_the_attributed_visits(scope: str, seed: int) -> None:
    models = ("offlineVisitsLinear", "offlineVisitsShapley", "offlineVisitsFC", "offlineVisitsLC")
    question = Question(date(2020, 12, 1), date(2024, 12, 31), granularity="month", uplift=bool(seed % 2))
    credits = await evaluate_conversion(campaign_tenant(seed), models, replace(question, scope=scope))
    visits = await evaluate_conversion(campaign_tenant(seed), ("offlineVisits",), question)
    for model, values in credits.items():
        assert totals(values) == totals(visits["offlineVisits"]), model


@pytest.mark.parametrize("seed", [0, 1, 2, 5])
async def test_filters_on_each_campaign_add_up_to_no_filter(seed: int) -> None:
    truth, kpis = campaign_tenant(seed), filter_by_kind(list_additive(CONVERSION), KpiKind.ADDITIVE)
    question = Question(date(2024, 3, 18), date(2024, 11, 5), granularity="month", uplift=True)
    summed: dict[str, dict[str, Fraction]] = {kpi: {} for kpi in kpis}
    for campaign in truth.campaigns:
        for kpi, values in (
            await evaluate_conversion(truth, kpis, replace(question, campaigns=only(campaign.id)))
        ).items():
            for label, value in totals(values).items():
                summed[kpi][label] = summed[kpi].get(label, Fraction(0)) + value
    period_values = await evaluate_conversion(truth, kpis, question)
    assert summed == {kpi: totals(values) for kpi, values in period_values.items()}


# -- parts of a period -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
async def test_two_parts_of_a_period_add_up_to_the_period(seed: int) -> None:
    random = Random(seed)
    truth, scope = campaign_tenant(seed % 3), random.choice(["globals", "sites", "campaigns", "levers", "extras"])
    kpis = list_additive(CONVERSION, scope)
    first = date(2024, 2, 20) + timedelta(days=random.randrange(40))
    cut, last = first + timedelta(days=random.randrange(60)), date(2024, 11, random.randrange(1, 30))
    parts = [Question(first, cut, scope=scope), Question(cut + timedelta(days=1), last, scope=scope)]
    summed: dict[str, dict[str, Fraction]] = {kpi: {} for kpi in kpis}
    for part in parts:
        for kpi, values in (await evaluate_conversion(truth, kpis, replace(part, granularity="year"))).items():
            for name, buckets in values.items():
                summed[kpi][name] = summed[kpi].get(name, Fraction(0)) + buckets.get(PERIOD_LABEL, 0)
    period_values = await evaluate_conversion(truth, kpis, Question(first, last, scope=scope, granularity="year"))
    for kpi in kpis:
        expected = {
            name: buckets[PERIOD_LABEL] for name, buckets in period_values[kpi].items() if PERIOD_LABEL in buckets
        }
        assert {name: value for name, value in summed[kpi].items() if value} == expected, kpi


# -- values that never add up-------------------------------------------------------------------------------------------


async def test_ratios_are_of_sums_and_not_means_of_ratios() -> None:
    ratios = [kpi for kpi in CONVERSION if isinstance(kpi.value, Ratio)]
    question = replace(SPRING, granularity="week")
    resolved = ask_conversion.resolve_question(alpha().truth, tuple(kpi.name for kpi in ratios), question)
    async with MEMORY.reading(alpha().truth) as reader:
        rounded = render_elements(resolved, await answer(resolved, reader))
        numerators, denominators = [
            await evaluate_exactly(reader, _replace_by_part(resolved, side)) for side in ("numerator", "denominator")
        ]
    different_from_mean = 0
    for kpi, element in zip(ratios, rounded, strict=True):
        over, under = (side[kpi.name].get("globals", {}) for side in (numerators, denominators))
        weeks = [label for label in over if label != PERIOD_LABEL]
        assert sum((over[week] for week in weeks), Fraction(0)) == over.get(PERIOD_LABEL, 0)
        shown = element["data"]["all"]
        assert shown == (
            float(round(over.get(PERIOD_LABEL, Fraction(0)) / under[PERIOD_LABEL], 4))
            if PERIOD_LABEL in under
            else None
        )
        means = [value for value in element["data"]["temporals"].values() if value is not None]
        different_from_mean += bool(means) and shown != round(sum(means) / len(means), 4)
    assert different_from_mean > len(ratios) / 2


def _replace_by_part(question: engine.Question, side: str) -> engine.Question:
    """Return the question with every ratio replaced by its numerator or denominator."""
    asks = tuple(
        replace(ask, kpi=replace(ask.kpi, value=getattr(ask.kpi.value, side))) for ask in question.requested_kpis
    )
    return replace(question, requested_kpis=asks)


@pytest.mark.parametrize("seed", range(3))
async def test_distinct_users_are_merged_and_not_summed(seed: int) -> None:
    truth = tenant(seed)
    question = Question(date(2020, 10, 10), date(2021, 4, 18), granularity="month", study=truth.studies[0].id)
    kpis = tuple(kpi.name for kpi in GEO_MARKETING if isinstance(kpi.value, Distinct))
    assert kpis
    for scope in ("globals", "sites"):
        for values in (await evaluate_geo_marketing(truth, kpis, replace(question, scope=scope))).values():
            for buckets in values.values():
                months = [value for label, value in buckets.items() if label != PERIOD_LABEL]
                assert max(months) <= buckets[PERIOD_LABEL] < sum(months)


# -- stores ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reading", ["duckdb", "mongo"], indirect=True)
@pytest.mark.parametrize(
    "seed", [*range(20, 26), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(26, 32))]
)
async def test_all_stores_give_identical_answers(reading: Reading, seed: int) -> None:
    random, truth = Random(seed), campaign_tenant(seed % 3)
    by_hand_question = random_conversion_question(truth, random)
    kpis = tuple(KPIS)
    question = ask_conversion.resolve_question(truth, kpis, by_hand_question)
    answers = []
    for open_reading in (MEMORY.reading, reading):
        async with open_reading(truth) as reader:
            answers.append(render_json([AnsweredQuestion(question, await answer(question, reader))], {}).content)
    assert answers[0] == answers[1]
