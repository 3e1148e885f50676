"""Questions of a Monday morning about the demo, over HTTP: each figure equals that of the generated events by hand."""

from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from okube_api.app import create_app
from okube_api.demo.generator.cities import CITIES
from okube_api.settings import Settings

from tests.api.server import SECRET, MovableClock, Server
from tests.by_hand.performance import performance
from tests.by_hand.question import Question, only
from tests.by_hand.results import round_exactly
from tests.demo.filled_demo import UNTIL, FilledDemo

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ZONE = ZoneInfo("Europe/Paris")
FIRST = UNTIL - timedelta(days=52 * 7 - 1)
YEAR_BEFORE = timedelta(days=364)
COUNTS = ("visits", "visitors", "purchases", "sales", "refunds")


@pytest.fixture(scope="module")
async def client(demo: FilledDemo) -> AsyncIterator[httpx.AsyncClient]:
    """Serve the demo to an administrator."""
    clock = MovableClock()
    app = create_app(Settings(secret_key=SECRET), store=demo.services.store, clock=clock)
    async with app.router.lifespan_context(app):
        server = Server(app, "duckdb", clock)
        yield server.client_of(await server.create_user(platform_admin=True))


async def ask(client: httpx.AsyncClient, body: dict[str, Any], first: date = FIRST) -> Any:
    """Return the answer to a question about store performance, from a day to the last one."""
    query = {"from": first.isoformat(), "to": UNTIL.isoformat()}
    url = "/applications/maison-lumen/performance/analytics"
    response = await client.post(url, params=query, json=body)
    assert response.status_code == 200, response.text
    return response.json()


def list_regions(demo: FilledDemo) -> dict[str, list[str]]:
    """Return the ids of the sites of each region; the online site has none."""
    ids, regions = {site.key: site.id for site in demo.truth.sites}, defaultdict(list)
    for site in demo.world.sites:
        regions[CITIES[site.city].region if site.coordinates else "unknown"].append(ids[site.key])
    return regions


@pytest.mark.parametrize("kpi", [*COUNTS, "averageBasket", "conversionRate", "attributedShare"])
async def test_by_region(demo: FilledDemo, client: httpx.AsyncClient, kpi: str) -> None:
    """Fill buckets without visits, as the computation by hand does."""
    param = {"kpi": kpi, "granularity": "month", "fill": True, "by": ["sites.attributes.region"], "globals": False}
    [element] = await ask(client, {"params": [param]})
    question = Question(FIRST, UNTIL, granularity="month")
    expected = {
        region: performance(demo.truth, kpi, replace(question, sites=only(*sites)))
        for region, sites in list_regions(demo).items()
    }
    assert element["data"] == {region: leaf for region, leaf in expected.items() if region in element["data"]}
    assert {region for region, leaf in expected.items() if leaf["all"]} <= element["data"].keys()


@pytest.mark.parametrize("kpi", COUNTS)
async def test_compared_with_the_same_weekdays_of_the_year_before(
    demo: FilledDemo, client: httpx.AsyncClient, kpi: str
) -> None:
    param = {"kpi": kpi, "granularity": "week"}
    [element] = await ask(client, {"compare": {"to": "previousYearSameWeekday"}, "params": [param]})
    question = Question(FIRST, UNTIL, granularity="week")
    now = performance(demo.truth, kpi, question)
    then = performance(demo.truth, kpi, replace(question, first=FIRST - YEAR_BEFORE, last=UNTIL - YEAR_BEFORE))
    [comparison] = element["comparisons"]
    assert element["data"] == now
    assert comparison["data"] == then
    assert (comparison["from"], comparison["until"]) == (
        (FIRST - YEAR_BEFORE).isoformat(),
        (UNTIL - YEAR_BEFORE).isoformat(),
    )
    assert comparison["change"]["all"] == change_between(now["all"], then["all"])
    assert comparison["change"]["temporals"] == {
        week: change_between(value, then["temporals"][week]) for week, value in now["temporals"].items()
    }


def change_between(now: float, then: float) -> float | None:
    """Return the relative change, None when there was nothing before."""
    before = Fraction(str(then))
    return round_exactly((Fraction(str(now)) - before) / before, 4) if before else None


async def test_visits_by_hour_of_the_week(demo: FilledDemo, client: httpx.AsyncClient) -> None:
    param = {"kpi": "visits", "mode": "aggregation", "granularity": "hourOfWeek"}
    [element] = await ask(client, {"params": [param]})
    times = [visit.at.astimezone(ZONE) for visit in demo.truth.visits]
    expected = Counter(f"{at.isoweekday()}-{at.hour}" for at in times if FIRST <= at.date() <= UNTIL)
    assert {hour: count for hour, count in element["data"]["temporals"].items() if count} == expected


async def test_visits_within_the_opening_hours(demo: FilledDemo, client: httpx.AsyncClient) -> None:
    first = UNTIL - timedelta(days=365)
    answer = await ask(client, {"filters": {"opening": True}, "params": [{"kpi": "visits"}]}, first)
    formats = {site.key: site.shop_format for site in demo.world.sites if site.coordinates}
    keys = {site.id: site.key for site in demo.truth.sites if site.key in formats}

    def is_open(site: str, at: datetime) -> bool:
        intervals = formats[keys[site]].openings[at.weekday()]
        return any(start <= f"{at:%H:%M}" < end for start, end in intervals)

    visits = [(visit.site, visit.at.astimezone(ZONE)) for visit in demo.truth.visits if visit.site in keys]
    expected = sum(first <= at.date() <= UNTIL and is_open(site, at) for site, at in visits)
    assert answer[0]["data"]["all"] == expected > 0
