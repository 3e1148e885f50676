"""Answers by hour over HTTP, and the requests by hour that are refused."""

import csv
import io
from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from okube_api.catalogue.facts import ROLLUP_VERSION, ROLLUP_VERSIONS
from okube_api.catalogue.kpi import Module
from okube_api.store.conditions import EVERYTHING
from okube_api.store.plans import Select

from tests.api.analytics import PATH_SUFFIXES, World, ask, load_world
from tests.api.server import Server
from tests.by_hand.hours import find_hour, list_hours
from tests.by_hand.question import Question
from tests.engine.expected_hours import expect_conversion, expect_geo_marketing, expect_performance, expect_presence
from tests.engine.hourly_tenants import PERIODS, hourly_tenant

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
MODULES = (
    (Module.GEO_MARKETING, expect_geo_marketing, ("posSessions", "attendance", "uniqUsers")),
    (Module.PRESENCE, expect_presence, ("sessions", "leaving", "uniqUsers")),
    (Module.CONVERSION, expect_conversion, ("offlineVisits", "revenues", "offlineVisitsLinear")),
    (Module.PERFORMANCE, expect_performance, ("visits", "newVisitorShare", "unattributedSales")),
)


@pytest.fixture(scope="session")
async def world(shared_server: Server) -> World:
    """Create an application with sites in four time zones."""
    return await load_world(shared_server, hourly_tenant(6))


async def post(
    world: World, module: Module, param: Json, status: int = 200, period: dict[str, str] | None = None
) -> Any:
    """Post a question with one param, and return the body of the response."""
    path = f"{world.tenant.url}{PATH_SUFFIXES[module].format(study=world.truth.studies[0].id)}"
    response = await world.reader.post(path, params=period or {}, json={"params": [param]})
    assert response.status_code == status, response.text
    return response.json()


@pytest.mark.parametrize("scope", ["globals", "sites"])
@pytest.mark.parametrize(("mode", "granularity"), [("histogram", "hour"), ("aggregation", "hourOfWeek")])
async def test_modules_answer_by_hour_as_by_hand(world: World, mode: str, granularity: str, scope: str) -> None:
    study = world.truth.studies[0].id
    for module, compute, kpis in MODULES:
        question = Question(*PERIODS["back in New York"], mode, granularity, scope)
        if module is Module.GEO_MARKETING:
            question = replace(question, study=study)
        for kpi, data in zip(kpis, await ask(world, module, kpis, question), strict=True):
            assert data == compute(world.truth, kpi, question), kpi


async def test_purchases_belong_to_their_own_hour(world: World) -> None:
    truth, question = world.truth, Question(*PERIODS["forward in Paris"], "histogram", "hour")
    sales: defaultdict[str, Fraction] = defaultdict(Fraction)
    for purchase in truth.purchases:
        timezone = truth.zone_of(purchase.site)
        if question.contains(purchase.at.astimezone(ZoneInfo(timezone)).date()):
            sales[find_hour(purchase.at, timezone, question)] += purchase.amount
    (data,) = await ask(world, Module.PERFORMANCE, ("sales",), question)
    hours = list_hours(question, {truth.zone_of(site.id) for site in truth.sites})
    assert data["temporals"] == {hour: float(sales[hour]) for hour in hours}


async def test_csv_has_the_day_on_which_each_hour_begins(world: World) -> None:
    question = Question(*PERIODS["a single day"], "histogram", "hour")
    path = f"{world.tenant.url}{PATH_SUFFIXES[Module.PRESENCE]}"
    day = question.first.isoformat()
    response = await world.reader.post(
        path,
        params={"from": day, "to": day},
        json={"params": [{"kpi": "sessions", "granularity": "hour", "all": False}]},
        headers={"Accept": "text/csv"},
    )
    rows = list(csv.DictReader(io.StringIO(response.text)))
    assert [(row["bucket"], row["from"]) for row in rows] == [(str(hour), day) for hour in range(24)]


@pytest.mark.parametrize(
    ("module", "kpis"),
    [
        (Module.GEO_MARKETING, ["returningPerScope"]),
        (Module.PRESENCE, ["rangeAmplitude"]),
        (Module.CONVERSION, ["cost", "offlineVisits", "prints", "cohortRevenues", "venueRate"]),
    ],
)
async def test_kpis_known_by_the_day_have_no_hours(world: World, module: Module, kpis: list[str]) -> None:
    path = f"{world.tenant.url}{PATH_SUFFIXES[module].format(study=world.truth.studies[0].id)}"
    params = [{"kpi": kpi, "granularity": "hour"} for kpi in kpis]
    response = await world.reader.post(path, json={"params": params})
    assert response.status_code == 422
    without = [kpi for kpi in kpis if kpi != "offlineVisits"]
    assert all(f"'{kpi}'" in response.json()["detail"] for kpi in without)
    assert "offlineVisits" not in response.json()["detail"]
    pointers = [f"/params/{kpis.index(kpi)}/granularity" for kpi in without]
    assert [error["pointer"] for error in response.json()["errors"]] == pointers


async def test_hours_of_the_week_have_no_histogram(world: World) -> None:
    problem = await post(world, Module.PRESENCE, {"kpi": "sessions", "granularity": "hourOfWeek"}, 422)
    assert problem["errors"][0]["pointer"] == "/params/0/granularity"
    assert "'aggregation'" in problem["detail"]


async def test_a_histogram_by_hour_has_at_most_92_days(world: World) -> None:
    period = {"from": "2026-03-01", "to": "2026-06-01"}
    problem = await post(world, Module.PRESENCE, {"kpi": "sessions", "granularity": "hour"}, 422, period)
    assert "at most 92 days; this period has 93" in problem["detail"]
    param = {"kpi": "sessions", "granularity": "hour", "mode": "aggregation"}
    (result,) = await post(world, Module.PRESENCE, param, period=period)
    assert list(result["data"]["temporals"]) == [str(hour) for hour in range(24)]
    period["to"] = "2026-05-31"
    (result,) = await post(world, Module.PRESENCE, {"kpi": "sessions", "granularity": "hour"}, period=period)
    assert len(result["data"]["temporals"]) == 92 * 24 + 1  # Lord Howe: half an hour more than 92 days


async def write_rollup_version(server: Server, world: World, version: int) -> None:
    """Mark all facts of the application as those of a version."""
    async with server.services.store.begin_change(world.tenant.id, "everything") as change:
        stored = await change.select(Select(ROLLUP_VERSIONS, EVERYTHING, ("part", "fact", "version")))
        rows = stored.set_column(2, "version", [[version] * stored.num_rows])
        await change.replace(ROLLUP_VERSIONS, [0], rows)
        await change.commit()


async def test_facts_of_an_earlier_version_have_no_hours_until_they_are_rebuilt(
    shared_server: Server, world: World
) -> None:
    by_hour: Json = {"kpi": "sessions", "granularity": "hour", "mode": "aggregation"}
    await write_rollup_version(shared_server, world, ROLLUP_VERSION - 1)
    problem = await post(world, Module.PRESENCE, by_hour, 503)
    assert "until they are rebuilt" in problem["detail"]
    await post(world, Module.PRESENCE, {"kpi": "sessions"})
    await post(world, Module.PRESENCE, by_hour | {"temporals": False})
    await write_rollup_version(shared_server, world, ROLLUP_VERSION)
    await post(world, Module.PRESENCE, by_hour)
