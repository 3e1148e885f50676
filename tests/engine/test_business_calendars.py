"""Quarters, and weeks and fiscal periods of applications with a calendar, equal their computation by hand.

Retail years of 53 weeks end in the days of the tenants: on 2 and on 3 January 2021.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from functools import cache
from itertools import product
from random import Random

import pytest
from okube_api.catalogue.geomarketing import GEO_MARKETING
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.presence import PRESENCE
from okube_api.engine.planner import plan_question
from okube_api.engine.run import answer

from tests.by_hand.calendars import Calendar, CalendarMonths, RetailMonths
from tests.by_hand.conversion import KPIS as CONVERSION_KPIS
from tests.by_hand.conversion import conversion
from tests.by_hand.geomarketing import KPIS as GEO_MARKETING_KPIS
from tests.by_hand.geomarketing import geomarketing
from tests.by_hand.performance import KPIS as PERFORMANCE_KPIS
from tests.by_hand.performance import SCOPES as PERFORMANCE_SCOPES
from tests.by_hand.performance import performance
from tests.by_hand.presence import presence, scopes
from tests.by_hand.question import Question
from tests.by_hand.truth import Truth
from tests.engine import ask_conversion
from tests.engine.ask import ask, resolve_question
from tests.engine.campaign_tenants import campaign_tenant
from tests.engine.rendered import render_data
from tests.engine.shop_tenants import shop_tenant
from tests.engine.stores import Reading
from tests.engine.strategies import (
    CAMPAIGN_SCOPES,
    random_conversion_question,
    random_geo_marketing_question,
    random_period,
    random_presence_question,
)
from tests.engine.tenants import tenant
from tests.engine.walking_tenants import walking_tenant

NRF = Calendar(RetailMonths((4, 5, 4), 6, 1, 31), week_start=7)
CALENDARS = (
    NRF,
    Calendar(CalendarMonths(2, 1), week_start=6),
    Calendar(RetailMonths((4, 4, 5), 7, 12, 31)),  # weeks from Monday; 53 weeks to 3 January 2021
    Calendar(CalendarMonths(2, 29), week_start=7),
    Calendar(RetailMonths((5, 4, 4), 6, 12, 31), week_start=2),  # 53 weeks to 2 January 2021
)
MODES = tuple(product(("histogram", "aggregation"), ("week", "quarter", "fiscalMonth", "fiscalQuarter", "fiscalYear")))
WINTER = (date(2020, 11, 14), date(2021, 3, 30))  # cuts a bucket of each granularity at both ends
SPRING = (date(2024, 3, 14), date(2024, 5, 3))
NEW_YEAR = (date(2020, 12, 20), date(2021, 1, 6))

cached_tenant, cached_walking_tenant = cache(tenant), cache(walking_tenant)
compute_geo_marketing, compute_presence, compute_conversion = cache(geomarketing), cache(presence), cache(conversion)


def list_questions(
    offset: int, scope: str, period: tuple[date, date], study: str | None = None
) -> Iterator[tuple[int, Question]]:
    """Yield questions of half of the modes and granularities, with calendars by turns; the other half for `offset + 1`.

    A retail year must end in the period of a question by fiscal years.
    """
    for number, (mode, granularity) in list(enumerate(MODES))[offset % 2 :: 2]:
        calendar = CALENDARS[(number + offset) % len(CALENDARS)]
        days = NEW_YEAR if granularity == "fiscalYear" else period
        uplift = (number + offset) % 3 == 0
        yield number, Question(*days, mode, granularity, scope, uplift, study=study, calendar=calendar)


def choose_kpis(kpis: list[str], always: tuple[str, ...], number: int) -> tuple[str, ...]:
    """Return the KPIs to ask for in every question, if they are in the list, and a part of the others by turns."""
    return tuple(dict.fromkeys([*(kpi for kpi in always if kpi in kpis), *kpis[number :: len(MODES) // 2]]))


@pytest.mark.anyio
@pytest.mark.parametrize(("offset", "scope"), list(enumerate(["globals", "sites", "homes", "pois"])))
async def test_geo_marketing(reading: Reading, offset: int, scope: str) -> None:
    truth = cached_tenant(1)
    kpis = [kpi.name for kpi in GEO_MARKETING if scope in GEO_MARKETING_KPIS[kpi.name].scopes]
    for number, question in list_questions(offset, scope, WINTER, truth.studies[0].id):
        requested = choose_kpis(kpis, ("uniqUsers", "posSessions", "poiSessions"), number)
        async with reading(truth) as reader:
            answers = await ask(reader, truth, Module.GEO_MARKETING, requested, question)
        for kpi, actual in zip(requested, answers, strict=True):
            assert actual == compute_geo_marketing(truth, kpi, question), (kpi, question)


@pytest.mark.anyio
@pytest.mark.parametrize(("offset", "scope"), list(enumerate(["globals", "sites", "equipments"])))
async def test_presence(reading: Reading, offset: int, scope: str) -> None:
    truth = cached_walking_tenant(1)
    kpis = [kpi.name for kpi in PRESENCE if scope in scopes(kpi.name)]
    for number, question in list_questions(offset, scope, WINTER):
        requested = choose_kpis(kpis, ("uniqUsers", "attendance", "sessions"), number)
        async with reading(truth) as reader:
            answers = await ask(reader, truth, Module.PRESENCE, requested, question)
        for kpi, actual in zip(requested, answers, strict=True):
            assert actual == compute_presence(truth, kpi, question), (kpi, question)


@pytest.mark.anyio
@pytest.mark.parametrize(("offset", "scope"), list(enumerate(CAMPAIGN_SCOPES)))
async def test_conversion(reading: Reading, offset: int, scope: str) -> None:
    truth = campaign_tenant(1)
    for number, question in list_questions(offset, scope, SPRING):
        requested = choose_kpis(list(CONVERSION_KPIS), ("cost", "venueRate", "comparisonOfflineVisits"), number)
        async with reading(truth) as reader:
            answers = await ask_conversion.ask(reader, truth, requested, question)
        for kpi, actual in zip(requested, answers, strict=True):
            assert actual == compute_conversion(truth, kpi, question), (kpi, question)


@pytest.mark.anyio
@pytest.mark.parametrize(("offset", "scope"), list(enumerate(PERFORMANCE_SCOPES)))
async def test_performance(reading: Reading, offset: int, scope: str) -> None:
    truth = shop_tenant(1)
    for number, question in list_questions(offset, scope, SPRING):
        requested = choose_kpis(list(PERFORMANCE_KPIS), ("visitors", "newVisitorShare"), number)
        async with reading(truth) as reader:
            answers = await ask(reader, truth, Module.PERFORMANCE, requested, question)
        for kpi, actual in zip(requested, answers, strict=True):
            assert actual == performance(truth, kpi, question), (kpi, question)


@pytest.mark.anyio
@pytest.mark.parametrize("seed", range(12))
async def test_random_questions_with_filters(reading: Reading, seed: int) -> None:
    random = Random(seed)
    period = random_period(random, date(2020, 10, 1), 180, (0, 29, 120))
    match seed % 3:
        case 0:
            truth = cached_tenant(1)
            question = random_geo_marketing_question(truth, random, period, ("north", "south", "big"))
            kpis = [kpi.name for kpi in GEO_MARKETING if question.scope in GEO_MARKETING_KPIS[kpi.name].scopes]
        case 1:
            truth = cached_walking_tenant(1)
            question = random_presence_question(truth, random, period, ("north", "south", "big"))
            kpis = [kpi.name for kpi in PRESENCE if question.scope in scopes(kpi.name)]
        case _:
            truth = campaign_tenant(1)
            question, kpis = random_conversion_question(truth, random), list(CONVERSION_KPIS)
    mode, granularity = random.choice(MODES)
    question = replace(question, mode=mode, granularity=granularity, calendar=random.choice(CALENDARS))
    requested = tuple(random.sample(kpis, min(len(kpis), 6)))
    compute = (compute_geo_marketing, compute_presence, compute_conversion)[seed % 3]
    async with reading(truth) as reader:
        if seed % 3 == 2:
            answers = await ask_conversion.ask(reader, truth, requested, question)
        else:
            answers = await ask(reader, truth, (Module.GEO_MARKETING, Module.PRESENCE)[seed % 3], requested, question)
    for kpi, actual in zip(requested, answers, strict=True):
        assert actual == compute(truth, kpi, question), (kpi, question)


@pytest.mark.parametrize(
    ("granularity", "calendar", "tables"),
    [
        ("quarter", NRF, {"geo_stays_place_month", "geo_stays_place_day"}),
        ("fiscalQuarter", Calendar(CalendarMonths(2, 1)), {"geo_stays_place_month", "geo_stays_place_day"}),
        ("fiscalQuarter", NRF, {"geo_stays_place_day"}),
        ("week", NRF, {"geo_stays_place_day"}),
    ],
)
def test_quarters_are_read_from_rows_of_months(granularity: str, calendar: Calendar, tables: set[str]) -> None:
    truth: Truth = cached_tenant(1)
    question = Question(*WINTER, granularity=granularity, scope="sites", calendar=calendar, study=truth.studies[0].id)
    plan = plan_question(resolve_question(truth, Module.GEO_MARKETING, ("posSessions",), question))
    assert {pass_.part.table.name for pass_ in plan.passes} == tables


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("granularity", "calendar", "is_one_to_one"),
    [
        ("quarter", NRF, False),
        ("fiscalMonth", Calendar(CalendarMonths(2, 1)), True),
        ("fiscalQuarter", Calendar(CalendarMonths(2, 1)), False),
        ("fiscalMonth", Calendar(RetailMonths((4, 4, 5), 7, 12, 31)), False),
        ("week", Calendar(RetailMonths((4, 4, 5), 7, 12, 31)), True),
    ],
)
async def test_sizes_of_sets_are_not_added(
    reading: Reading, granularity: str, calendar: Calendar, is_one_to_one: bool
) -> None:
    """Ask for buckets alone, which can be answered from the sizes of sets where each bucket has one."""
    truth = cached_tenant(1)
    days = (date(2020, 10, 19), date(2021, 3, 28))  # whole weeks
    by_hand = Question(*days, granularity=granularity, scope="sites", calendar=calendar, study=truth.studies[0].id)
    async with reading(truth) as reader:
        question = resolve_question(truth, Module.GEO_MARKETING, ("uniqUsers",), by_hand)
        question = replace(question, requested_kpis=(replace(question.requested_kpis[0], all=False),))
        engine_answer = await answer(question, reader)
        (data,) = render_data(question, engine_answer)
    expected = compute_geo_marketing(truth, "uniqUsers", by_hand)
    assert {site: row["temporals"] for site, row in data.items()} == {
        site: row["temporals"] for site, row in expected.items()
    }
    buckets = question.buckets_of(question.requested_kpis[0])
    assert buckets is not None
    assert buckets.is_one_to_one == is_one_to_one
