"""KPIs by hour equal their computation by hand, in time zones whose clocks change on other days."""

from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from itertools import product

import pytest
from okube_api.catalogue.conversion import CONVERSION
from okube_api.catalogue.geomarketing import GEO_MARKETING
from okube_api.catalogue.kpi import Kpi, Module
from okube_api.catalogue.performance import PERFORMANCE
from okube_api.catalogue.presence import PRESENCE
from okube_api.engine.calendar import Granularity, Mode
from okube_api.engine.granularities import find_granularity_problem

from tests.by_hand import presence
from tests.by_hand.hours import find_hour
from tests.by_hand.question import Question, only
from tests.engine import ask_conversion
from tests.engine.ask import ask
from tests.engine.expected_hours import expect_conversion, expect_geo_marketing, expect_performance, expect_presence
from tests.engine.hourly_tenants import PERIODS, hourly_tenant
from tests.engine.stores import Reading

pytestmark = pytest.mark.anyio


def has_hours(kpi: Kpi) -> bool:
    """Return whether a KPI can be asked for by hour."""
    return find_granularity_problem(kpi, (), Mode.HISTOGRAM, Granularity.HOUR) is None


cached_tenant = cache(hourly_tenant)
HISTOGRAM, HOURS, HOURS_OF_WEEK = ("histogram", "hour"), ("aggregation", "hour"), ("aggregation", "hourOfWeek")
BUCKETS: dict[str, list[tuple[str, str, bool]]] = {
    "forward in Paris": [(*HISTOGRAM, True), (*HOURS, False), (*HOURS_OF_WEEK, True)],
    "back on Lord Howe": [(*HISTOGRAM, False), (*HOURS, True), (*HOURS_OF_WEEK, False)],
    "forward on Lord Howe": [(*HISTOGRAM, True)],
    "back in New York": [(*HISTOGRAM, False)],
    "a single day": [(*HISTOGRAM, False), (*HOURS, True)],
    "before and after changes": [(*HISTOGRAM, False)],
}
"""By period: mode, granularity and uplift."""
FEW = ("forward in Paris", "back on Lord Howe")


def pair_with_periods(*scopes: str) -> list[tuple[str, str]]:
    """Return pairs of a scope and a period: globals with all periods, the other scopes with few."""
    return [("globals", period) for period in PERIODS] + [(scope, period) for scope in scopes for period in FEW]


LIKE_OTHERS = {"model", "manufacturer", "homeDistanceVisitsPerScope", "workDistanceVisitsPerScope"}
GEO_KPIS = tuple(kpi.name for kpi in GEO_MARKETING if has_hours(kpi) and kpi.name not in LIKE_OTHERS)
OF_VISITORS = {"poiSessions", "perPoiSessions"}
"""By sites, these count stays of the visitors of the whole period, which the computation by hour does not know."""
PRESENCE_KPIS = tuple(kpi.name for kpi in PRESENCE if has_hours(kpi) and kpi.name != "areaMatching")
CONVERSION_KPIS = (
    "offlineVisits",
    "onlineVisits",
    "offlineConversions",
    "revenues",
    "offlineRevenues",
    "offlineVisitsLinear",
    "offlineVisitsShapley",
    "offlineVisitsFC",
    "offlineVisitsAttributions",
    "offlineConversionRate",
    "timeBeforeOfflineVisitPerScope",
)


@pytest.mark.parametrize(("scope", "period"), pair_with_periods("sites"))
async def test_geo_marketing_by_hour(reading: Reading, scope: str, period: str) -> None:
    truth = cached_tenant(1)
    for mode, granularity, uplift in BUCKETS[period]:
        question = Question(*PERIODS[period], mode, granularity, scope, uplift=uplift)
        kpis = [kpi for kpi in GEO_KPIS if scope == "globals" or kpi not in OF_VISITORS]
        async with reading(truth) as reader:
            answers = await ask(reader, truth, Module.GEO_MARKETING, tuple(kpis), question)
        for kpi, actual in zip(kpis, answers, strict=True):
            assert actual == expect_geo_marketing(truth, kpi, question), (kpi, mode, granularity)


@pytest.mark.parametrize(("scope", "period"), pair_with_periods("sites", "equipments"))
async def test_presence_by_hour(reading: Reading, scope: str, period: str) -> None:
    truth = cached_tenant(3)
    equipments = only(*(equipment.id for equipment in truth.equipments[:5]))
    for (mode, granularity, _), filter_ in product(BUCKETS[period], (None, equipments)):
        question = Question(*PERIODS[period], mode, granularity, scope, equipments=filter_)
        kpis = PRESENCE_KPIS if filter_ is None else ("attendance", "sessions", "leaving", "uniqUsers")
        async with reading(truth) as reader:
            answers = await ask(reader, truth, Module.PRESENCE, kpis, question)
        for kpi, actual in zip(kpis, answers, strict=True):
            assert actual == expect_presence(truth, kpi, question), (kpi, mode, granularity, filter_)


async def test_areas_are_matched_by_the_passages_of_the_hour(reading: Reading) -> None:
    truth = cached_tenant(3)
    names = {equipment.id: equipment.key for equipment in truth.equipments}
    question = Question(*PERIODS["forward in Paris"], "aggregation", "hour")
    devices: defaultdict[str, defaultdict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in presence.mark_rows(truth):
        if row.equipment is not None and question.contains(row.day):
            hour = find_hour(datetime.fromtimestamp(row.start_s, UTC), truth.zone_of(row.session.site), question)
            devices[hour][names[row.equipment]].add(row.session.device)
    async with reading(truth) as reader:
        (actual,) = await ask(reader, truth, Module.PRESENCE, ("areaMatching",), question)
    for hour, leaf in actual["temporals"].items():
        assert set(leaf["areas"]) == set(devices[hour])
        assert leaf["users"] == [
            [len(devices[hour][a] & devices[hour][b]) for b in leaf["areas"]] for a in leaf["areas"]
        ]


@pytest.mark.parametrize(("scope", "period"), pair_with_periods("sites", "campaigns"))
async def test_conversion_by_hour(reading: Reading, scope: str, period: str) -> None:
    truth = cached_tenant(4)
    for mode, granularity, uplift in BUCKETS[period]:
        question = Question(*PERIODS[period], mode, granularity, scope, uplift=uplift)
        async with reading(truth) as reader:
            answers = await ask_conversion.ask(reader, truth, CONVERSION_KPIS, question)
        for kpi, actual in zip(CONVERSION_KPIS, answers, strict=True):
            assert actual == expect_conversion(truth, kpi, question), (kpi, mode, granularity)


@pytest.mark.slow
@pytest.mark.parametrize(("scope", "period"), pair_with_periods("sites", "channels"))
async def test_performance_by_hour(reading: Reading, scope: str, period: str) -> None:
    truth, kpis = cached_tenant(4), tuple(kpi.name for kpi in PERFORMANCE)
    for mode, granularity, uplift in BUCKETS[period]:
        question = Question(*PERIODS[period], mode, granularity, scope, uplift=uplift)
        async with reading(truth) as reader:
            answers = await ask(reader, truth, Module.PERFORMANCE, kpis, question)
        for kpi, actual in zip(kpis, answers, strict=True):
            assert actual == expect_performance(truth, kpi, question), (kpi, mode, granularity)


@pytest.mark.parametrize("zones", [("Asia/Kolkata",) * 4, ("Australia/Lord_Howe",) * 4])
async def test_sites_of_one_zone_have_its_hours(reading: Reading, zones: tuple[str, ...]) -> None:
    truth = hourly_tenant(5, zones)
    question = Question(*PERIODS["before and after changes"], "histogram", "hour", "sites")
    async with reading(truth) as reader:
        for scope in ("globals", "sites"):
            asked = replace(question, scope=scope)
            (actual,) = await ask(reader, truth, Module.PRESENCE, ("sessions",), asked)
            assert actual == expect_presence(truth, "sessions", asked)


def test_kpis_of_days_have_no_hours() -> None:
    """What is known by the day has no hours: deliveries, costs, touches, and what counts days of a visitor."""
    kpis = (*GEO_MARKETING, *PRESENCE, *CONVERSION, *PERFORMANCE)
    without = {kpi.name for kpi in kpis if not has_hours(kpi)}
    expected = {kpi.name for kpi in CONVERSION if "ohort" in kpi.name or "ost" in kpi.name or "oi" in kpi.name.lower()}
    expected |= {"ctr", "prints", "clicks", "openings", "globalLeverPerformance", "printVsClick"}
    expected |= {"printVsClickVsOpenings", "venueRate", "printsByOfflineVisit", "comparisonOfflineVisits"}
    assert without == expected | {"returningPerScope", "rangeAmplitude"}
