"""The KPIs of store performance equal their computation by hand, over rows built in plain Python."""

from dataclasses import replace
from datetime import date
from fractions import Fraction
from functools import cache
from itertools import product
from random import Random

import numpy as np
import pytest
from okube_api.catalogue.kpi import KpiKind, Module
from okube_api.catalogue.performance import MOST_SITES, PERFORMANCE
from okube_api.engine.evaluators.matrix import count_shared_users, weigh_shared_users
from okube_api.engine.unions import Numbers
from okube_api.store.arrays import Ints

from tests.by_hand.conversion import conversion
from tests.by_hand.performance import KPIS, SCOPES, performance, scopes
from tests.by_hand.performance import MOST_SITES as MOST_SITES_BY_HAND
from tests.by_hand.question import Question, only
from tests.by_hand.truth import Truth
from tests.engine import ask_conversion
from tests.engine.ask import ask
from tests.engine.shop_tenants import edge_tenant, shop_tenant
from tests.engine.stores import InMemory, Reading
from tests.engine.strategies import random_performance_question
from tests.truth.random_events import BURSTS

pytestmark = pytest.mark.anyio

compute_by_hand = cache(performance)  # the same for each store
MARCH = (date(2024, 3, 18), date(2024, 3, 24))
PERIODS = {
    "day": BURSTS[1],
    "week": (date(2024, 3, 14), date(2024, 5, 3)),
    "month": (date(2023, 3, 20), date(2024, 11, 5)),
    "year": (date(2020, 12, 20), date(2024, 10, 20)),
}


async def assert_as_by_hand(reading: Reading, truth: Truth, question: Question) -> None:
    """Assert that all KPIs, requested together, equal their computation by hand."""
    async with reading(truth) as reader:
        answers = await ask(reader, truth, Module.PERFORMANCE, tuple(KPIS), question)
    for kpi, actual in zip(KPIS, answers, strict=True):
        assert actual == compute_by_hand(truth, kpi, question), kpi


@pytest.mark.slow
@pytest.mark.parametrize("uplift", [False, True])
@pytest.mark.parametrize("scope", SCOPES)
async def test_kpis_by_every_scope_mode_and_granularity(reading: Reading, scope: str, uplift: bool) -> None:
    modes = tuple(product(("histogram", "aggregation"), PERIODS.items()))
    for mode, (granularity, period) in modes[int(uplift) :: 2]:  # the other half is tested with the other uplift
        await assert_as_by_hand(reading, shop_tenant(1), Question(*period, mode, granularity, scope, uplift))


@pytest.mark.parametrize("seed", range(12))
async def test_random_questions_to_random_tenants(reading: Reading, seed: int) -> None:
    truth = shop_tenant(seed % 6)
    await assert_as_by_hand(reading, truth, random_performance_question(truth, Random(seed)))


@pytest.mark.parametrize("uplift", [False, True])
@pytest.mark.parametrize("scope", SCOPES)
async def test_edges_of_visits_and_purchases(reading: Reading, scope: str, uplift: bool) -> None:
    truth = edge_tenant()
    for period, granularity in ((MARCH, "day"), (PERIODS["month"], "month")):
        await assert_as_by_hand(reading, truth, Question(*period, "histogram", granularity, scope, uplift))
    await assert_as_by_hand(reading, truth, Question(*MARCH, scope=scope, uplift=uplift, sites=only("d" * 24)))


async def test_figures_of_a_week_on_paper(reading: Reading) -> None:
    """Compare with figures that were counted from the list of events."""
    truth = edge_tenant()
    kpis = ("visits", "purchases", "sales", "refunds", "unattributedVisits", "newVisitorShare", "conversionRate")
    async with reading(truth) as reader:
        answers = await ask(reader, truth, Module.PERFORMANCE, kpis, Question(*MARCH))
        by_site = await ask(reader, truth, Module.PERFORMANCE, ("newVisitorShare",), Question(*MARCH, scope="sites"))
        by_channel = await ask(reader, truth, Module.PERFORMANCE, ("sales",), Question(*MARCH, scope="channels"))
    gross = 0 + Fraction(999_999, 100_000) + 10 + Fraction(1999, 100) + 500 + 10**9 + 20 + 5 + 50
    expected = [7, 9, float(round(gross - 83, 2)), 83.0, 3, 0.5, round(9 / 7, 4)]
    assert [data["all"] for data in answers] == expected
    assert {site[0]: data["all"] for site, data in by_site[0].items()} == {"a": 0.6667, "b": 1.0, "c": 1.0}
    assert by_channel[0]["online"]["all"] == -33.0


@pytest.mark.parametrize("seed", [0, 1, 2, 5])
async def test_attributed_and_unattributed_are_all_by_day_and_site(reading: Reading, seed: int) -> None:
    truth = shop_tenant(seed)
    question = Question(*BURSTS[1], scope="sites")
    kpis = ("visits", "sales", "unattributedVisits", "unattributedSales")
    async with reading(truth) as reader:
        everything = await ask(reader, truth, Module.PERFORMANCE, kpis, question)
        attributed = await ask_conversion.ask(reader, truth, ("offlineVisits", "onlineVisits", "revenues"), question)
    assert attributed == [conversion(truth, kpi, question) for kpi in ("offlineVisits", "onlineVisits", "revenues")]

    def read(data: dict[str, dict[str, dict[str, float]]], site: str, bucket: str) -> float:
        return data.get(site, {}).get("temporals", {}).get(bucket, 0)

    visits, sales, other_visits, other_sales = everything
    offline, online, revenues = attributed
    for site, bucket in product((site.id for site in truth.sites), question.buckets()):
        visits_of_campaigns = read(offline, site, bucket) + read(online, site, bucket)
        assert read(visits, site, bucket) == visits_of_campaigns + read(other_visits, site, bucket)
        together = read(revenues, site, bucket) + read(other_sales, site, bucket)
        assert read(sales, site, bucket) == pytest.approx(together, abs=0.001)


def test_the_catalogue_has_the_same_kpis_and_scopes() -> None:
    assert {kpi.name: {"globals", *kpi.scopes} for kpi in PERFORMANCE} == {name: set(scopes(name)) for name in KPIS}
    assert MOST_SITES == MOST_SITES_BY_HAND


@pytest.mark.parametrize("scope", ["sites", "channels"])
async def test_additive_kpis_add_up_over_days_and_scopes(scope: str) -> None:
    truth = shop_tenant(1)
    kpis = tuple(kpi.name for kpi in PERFORMANCE if kpi.kind is KpiKind.ADDITIVE)
    assert set(kpis) == {"visits", "purchases", "sales", "refunds", "unattributedVisits", "unattributedSales"}
    question = Question(*BURSTS[1])
    async with InMemory().reading(truth) as reader:
        totals = await ask(reader, truth, Module.PERFORMANCE, kpis, question)
        parts = await ask(reader, truth, Module.PERFORMANCE, kpis, replace(question, scope=scope))
    for kpi, total, part in zip(kpis, totals, parts, strict=True):
        assert total["all"] == pytest.approx(sum(total["temporals"].values()), abs=0.001), kpi
        assert total["all"] == pytest.approx(sum(value["all"] for value in part.values()), abs=0.001), kpi


@pytest.mark.parametrize("users", [0, 1, 900, 40_000])
def test_weights_of_shared_users(users: int) -> None:
    random = np.random.default_rng(users)
    weights = random.integers(1, 10**9, 50_000)
    sets = [np.sort(random.choice(50_000, users, replace=False)).astype(np.uint32) for _ in range(4)]

    def weigh(numbers: Numbers) -> Ints:
        return weights[numbers]

    expected = [[int(weights[np.intersect1d(row, column)].sum()) for column in sets] for row in sets]
    assert weigh_shared_users(sets, weigh).tolist() == expected
    assert weigh_shared_users(sets, lambda numbers: np.ones(len(numbers), np.int64)).tolist() == (
        count_shared_users(sets).tolist()
    )
    assert weigh_shared_users([], weigh).shape == (0, 0)
