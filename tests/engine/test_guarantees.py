"""What the engine guarantees, before rounding: sums add up, credits are conserved, parts of a period make the whole."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from random import Random

import orjson
import pytest
from okube_api.analytics.answer import build_results
from okube_api.catalogue.conversion import CONVERSION
from okube_api.catalogue.expressions.composites import Ratio
from okube_api.catalogue.expressions.numbers import Distinct
from okube_api.catalogue.geomarketing import GEO_MARKETING
from okube_api.catalogue.kpi import Kpi, KpiKind, Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.catalogue.value import Number
from okube_api.engine import question as engine
from okube_api.engine.run import answer

from tests.by_hand.conversion import KPIS, scopes
from tests.by_hand.question import Question, only
from tests.by_hand.truth import Truth
from tests.engine import ask_conversion
from tests.engine.ask import resolved as resolved_elsewhere
from tests.engine.campaign_tenants import campaign_tenant
from tests.engine.exact import WHOLE, Exact, evaluate_exactly, totals
from tests.engine.stores import InMemory, Reading
from tests.engine.tenants import tenant
from tests.engine.test_conversion import random_question
from tests.truth.tenant import alpha

pytestmark = pytest.mark.anyio
MEMORY = InMemory()
ADDED_UP = (KpiKind.ADDITIVE, KpiKind.PARTICIPATION)
SPRING = Question(date(2024, 3, 10), date(2024, 5, 9), granularity="day")
WINTER = Question(date(2020, 12, 1), date(2021, 1, 31), granularity="week", study=alpha().truth.studies[0].id)


def additive(kpis: Iterable[Kpi], scope: str = "globals") -> tuple[str, ...]:
    """The KPIs that are sums, and have the scope."""
    return tuple(
        kpi.name
        for kpi in kpis
        if kpi.kind in ADDED_UP and isinstance(kpi.value, Number) and scope in ("globals", *kpi.scopes)
    )


def of_kind(kpis: Iterable[str], kind: KpiKind) -> tuple[str, ...]:
    """Those of them that add up in the same way."""
    return tuple(kpi for kpi in kpis if BY_NAME[Module.CONVERSION][kpi].kind is kind)


async def conversion(truth: Truth, kpis: tuple[str, ...], question: Question) -> dict[str, Exact]:
    """Conversion KPIs before rounding."""
    async with MEMORY.reading(truth) as reader:
        return await evaluate_exactly(reader, ask_conversion.resolved(truth, kpis, question))


async def geo_marketing(truth: Truth, kpis: tuple[str, ...], question: Question) -> dict[str, Exact]:
    """Geo-marketing KPIs before rounding."""
    async with MEMORY.reading(truth) as reader:
        return await evaluate_exactly(reader, resolved_elsewhere(truth, Module.GEO_MARKETING, kpis, question))


# -- sums over days --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("uplift", [False, True])
@pytest.mark.parametrize("scope", ["globals", "sites", "campaigns", "levers", "extras"])
async def test_days_add_up_to_the_period_in_conversion(scope: str, uplift: bool) -> None:
    question = replace(SPRING, scope=scope, uplift=uplift)
    found = await conversion(alpha().truth, additive(CONVERSION, scope), question)
    assert len(found) == len(additive(CONVERSION, scope)) > 20
    for kpi, values in found.items():
        assert values, kpi
        for buckets in values.values():
            days = sum((value for label, value in buckets.items() if label != WHOLE), Fraction(0))
            assert days == buckets.get(WHOLE, 0), kpi


@pytest.mark.parametrize("uplift", [False, True])
@pytest.mark.parametrize("scope", ["globals", "sites", "homes", "works"])
async def test_weeks_add_up_to_the_period_in_geo_marketing(scope: str, uplift: bool) -> None:
    found = await geo_marketing(
        alpha().truth, additive(GEO_MARKETING, scope), replace(WINTER, scope=scope, uplift=uplift)
    )
    assert {"attendance", "posSessions"} <= set(found)
    for kpi, values in found.items():
        for buckets in values.values():
            weeks = sum((value for label, value in buckets.items() if label != WHOLE), Fraction(0))
            assert weeks == buckets.get(WHOLE, 0), kpi


# -- sums over scopes ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("uplift", [False, True])
@pytest.mark.parametrize("scope", ["sites", "campaigns", "levers"])
async def test_scope_values_add_up_to_the_global_figure_in_conversion(scope: str, uplift: bool) -> None:
    kpis = additive(CONVERSION, scope)
    if scope != "sites":
        kpis = of_kind(kpis, KpiKind.ADDITIVE)
    question = replace(SPRING, granularity="week", uplift=uplift)
    parts = await conversion(alpha().truth, kpis, replace(question, scope=scope))
    whole = await conversion(alpha().truth, kpis, question)
    assert {kpi: totals(found) for kpi, found in parts.items()} == {kpi: totals(found) for kpi, found in whole.items()}


@pytest.mark.parametrize("scope", ["sites", "homes", "works"])
async def test_scope_values_add_up_to_the_global_figure_in_geo_marketing(scope: str) -> None:
    kpis = additive(GEO_MARKETING, scope)
    parts = await geo_marketing(alpha().truth, kpis, replace(WINTER, scope=scope, uplift=True))
    whole = await geo_marketing(alpha().truth, kpis, replace(WINTER, uplift=True))
    assert {kpi: totals(found) for kpi, found in parts.items()} == {kpi: totals(found) for kpi, found in whole.items()}


@pytest.mark.parametrize("seed", range(3))
async def test_participation_by_campaign_is_more_than_the_global_figure(seed: int) -> None:
    question = Question(date(2020, 12, 1), date(2024, 12, 31), granularity="year")
    parts = await conversion(campaign_tenant(seed), ("offlineVisits",), replace(question, scope="campaigns"))
    whole = await conversion(campaign_tenant(seed), ("offlineVisits",), question)
    assert totals(parts["offlineVisits"])[WHOLE] > totals(whole["offlineVisits"])[WHOLE]


# -- models ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 1, 2, 5])
@pytest.mark.parametrize("scope", ["globals", "sites", "campaigns", "levers"])
async def test_every_model_shares_out_exactly_the_attributed_visits(scope: str, seed: int) -> None:
    models = ("offlineVisitsLinear", "offlineVisitsShapley", "offlineVisitsFC", "offlineVisitsLC")
    question = Question(date(2020, 12, 1), date(2024, 12, 31), granularity="month", uplift=bool(seed % 2))
    credits = await conversion(campaign_tenant(seed), models, replace(question, scope=scope))
    visits = await conversion(campaign_tenant(seed), ("offlineVisits",), question)
    for model, found in credits.items():
        assert totals(found) == totals(visits["offlineVisits"]), model


@pytest.mark.parametrize("seed", [0, 1, 2, 5])
async def test_a_filter_on_each_campaign_in_turn_shares_out_the_same(seed: int) -> None:
    truth, kpis = campaign_tenant(seed), of_kind(additive(CONVERSION), KpiKind.ADDITIVE)
    question = Question(date(2024, 3, 18), date(2024, 11, 5), granularity="month", uplift=True)
    summed: dict[str, dict[str, Fraction]] = {kpi: {} for kpi in kpis}
    for campaign in truth.campaigns:
        for kpi, found in (await conversion(truth, kpis, replace(question, campaigns=only(campaign.id)))).items():
            for label, value in totals(found).items():
                summed[kpi][label] = summed[kpi].get(label, Fraction(0)) + value
    whole = await conversion(truth, kpis, question)
    assert summed == {kpi: totals(found) for kpi, found in whole.items()}


# -- parts of a period -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(8))
async def test_two_parts_of_a_period_make_the_whole(seed: int) -> None:
    random = Random(seed)
    truth, scope = campaign_tenant(seed % 3), random.choice(["globals", "sites", "campaigns", "levers", "extras"])
    kpis = additive(CONVERSION, scope)
    first = date(2024, 2, 20) + timedelta(days=random.randrange(40))
    cut, last = first + timedelta(days=random.randrange(60)), date(2024, 11, random.randrange(1, 30))
    parts = [Question(first, cut, scope=scope), Question(cut + timedelta(days=1), last, scope=scope)]
    summed: dict[str, dict[str, Fraction]] = {kpi: {} for kpi in kpis}
    for part in parts:
        for kpi, found in (await conversion(truth, kpis, replace(part, granularity="year"))).items():
            for name, buckets in found.items():
                summed[kpi][name] = summed[kpi].get(name, Fraction(0)) + buckets.get(WHOLE, 0)
    whole = await conversion(truth, kpis, Question(first, last, scope=scope, granularity="year"))
    for kpi in kpis:
        expected = {name: buckets[WHOLE] for name, buckets in whole[kpi].items() if WHOLE in buckets}
        assert {name: value for name, value in summed[kpi].items() if value} == expected, kpi


# -- what never adds up ----------------------------------------------------------------------------------------------


async def test_ratios_are_of_sums_and_not_means_of_ratios() -> None:
    ratios = [kpi for kpi in CONVERSION if isinstance(kpi.value, Ratio)]
    question = replace(SPRING, granularity="week")
    resolved = ask_conversion.resolved(alpha().truth, tuple(kpi.name for kpi in ratios), question)
    async with MEMORY.reading(alpha().truth) as reader:
        rounded = build_results(resolved, (await answer(resolved, reader)).kpi_results)
        above, below = [await evaluate_exactly(reader, _parts(resolved, side)) for side in ("above", "below")]
    unlike_means = 0
    for kpi, element in zip(ratios, rounded, strict=True):
        over, under = (side[kpi.name].get("globals", {}) for side in (above, below))
        weeks = [label for label in over if label != WHOLE]
        assert sum((over[week] for week in weeks), Fraction(0)) == over.get(WHOLE, 0)
        shown = element["data"]["all"]
        assert shown == (float(round(over.get(WHOLE, Fraction(0)) / under[WHOLE], 4)) if WHOLE in under else None)
        means = [value for value in element["data"]["temporals"].values() if value is not None]
        unlike_means += bool(means) and shown != round(sum(means) / len(means), 4)
    assert unlike_means > len(ratios) / 2


def _parts(question: engine.Question, side: str) -> engine.Question:
    """The same question of one part of every ratio."""
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
        for found in (await geo_marketing(truth, kpis, replace(question, scope=scope))).values():
            for buckets in found.values():
                months = [value for label, value in buckets.items() if label != WHOLE]
                assert max(months) <= buckets[WHOLE] < sum(months)


# -- stores ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reading", ["duckdb", "mongo"], indirect=True)
@pytest.mark.parametrize("seed", range(20, 32))
async def test_every_store_answers_digit_for_digit_the_same(reading: Reading, seed: int) -> None:
    random, truth = Random(seed), campaign_tenant(seed % 3)
    asked = random_question(truth, random)
    kpis = tuple(kpi for kpi in KPIS if asked.scope in scopes(kpi))
    question = ask_conversion.resolved(truth, kpis, asked)
    answers = []
    for where in (MEMORY.reading, reading):
        async with where(truth) as reader:
            answers.append(orjson.dumps(build_results(question, (await answer(question, reader)).kpi_results)))
    assert answers[0] == answers[1]
