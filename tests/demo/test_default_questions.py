"""Questions about the demo without a period: no KPI is 0 or empty on a new demo, nor after days were added to it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from okube_api.app import create_app
from okube_api.catalogue.kpi import Module
from okube_api.clock import utc_now
from okube_api.demo.fill import add_days, fill_applications
from okube_api.demo.generator.stays import PING_DAYS
from okube_api.demo.generator.world import DAYS
from okube_api.settings import Settings
from okube_api.store import open_store
from okube_api.store.protocol import Store
from okube_api.store_schema import SCHEMA

from tests.api.server import SECRET, MovableClock, Server
from tests.demo.filled_demo import get_demo_services

pytestmark = [pytest.mark.anyio, pytest.mark.slow]  # a demo is generated and filled

SCALE = 0.02
UNTIL = date(2025, 1, 5)
FIRST = UNTIL - timedelta(days=DAYS - 1)
URL = "/applications/maison-lumen"
PATHS = {
    Module.GEO_MARKETING: "/studies/all/geo-marketing/analytics",
    Module.CONVERSION: "/conversions/levers/analytics",
    Module.PRESENCE: "/presence/analytics",
    Module.PERFORMANCE: "/performance/analytics",
}
MOST_PARAMS = 50


@pytest.fixture(scope="module")
async def store(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    """Fill a store with a demo."""
    store = open_store(f"duckdb:{tmp_path_factory.mktemp('demo') / 'okube.duckdb'}", SCHEMA)
    await store.start()
    async with serve_on(store, UNTIL + timedelta(days=1)) as (server, _):
        await fill_applications(get_demo_services(server.services), UNTIL, scale=SCALE)
    yield store
    await store.close()


@asynccontextmanager
async def serve_on(store: Store, day: date) -> AsyncIterator[tuple[Server, httpx.AsyncClient]]:
    """Serve the store on the morning of a day, to an administrator."""
    clock = MovableClock(datetime(day.year, day.month, day.day, 8, tzinfo=UTC) - utc_now())
    app = create_app(Settings(secret_key=SECRET), store=store, clock=clock)
    async with app.router.lifespan_context(app):
        server = Server(app, "duckdb", clock)
        yield server, server.client_of(await server.create_user(platform_admin=True))


def list_numbers(value: Any) -> Iterator[float]:
    """Yield the numbers of an answer, at any depth."""
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from list_numbers(part)
    elif value is not None:
        yield value


async def find_empty_answers(client: httpx.AsyncClient, *, of_all_scopes: bool) -> list[str]:
    """Return the KPIs and scopes of the catalogue whose answers have no number but 0, or a total of 0.

    of_all_scopes: whether to ask by each scope, and not only about the whole application.
    """
    empty = []
    catalogue = (await client.get("/analytics/kpis")).json()
    for module, path in PATHS.items():
        params = [
            {"kpi": record["kpi"], "globals": scope == "globals", **({} if scope == "globals" else {scope: True})}
            for record in catalogue
            if record["module"] == module.value
            for scope in record["scopes"]
            if of_all_scopes or scope == "globals"
        ]
        for start in range(0, len(params), MOST_PARAMS):
            body = {"params": params[start : start + MOST_PARAMS]}
            response = await client.post(f"{URL}{path}", json=body)
            assert response.status_code == 200, response.text
            for element in response.json():
                data = element["data"]
                total = data.get("all") if isinstance(data, dict) else None
                if total == 0 or not any(list_numbers(data)):
                    empty.append(f"{module.value} {element['kpi']} {element['scope']}")
    return empty


async def test_no_kpi_is_empty_without_a_period(store: Store) -> None:
    async with serve_on(store, UNTIL + timedelta(days=1)) as (_, client):
        assert await find_empty_answers(client, of_all_scopes=True) == []


async def test_places_and_areas_have_what_a_map_needs(store: Store) -> None:
    async with serve_on(store, UNTIL) as (_, client):
        areas, sites, pois, campaigns = [
            (await client.get(f"{URL}/{kind}", params={"per_page": 100})).json()["documents"]
            for kind in ("areas", "sites", "pois", "campaigns")
        ]
        assert {area["geometry"]["type"] for area in areas} == {"Polygon"}
        shops = [site for site in sites if not site["online"]]
        assert len(shops) == 32
        for shop in shops:
            assert shop["coordinates"]
            assert shop["indoorIndexes"]["indexes"]
            assert shop["capacity"] > 0
            assert shop["openings"]
            assert shop["tags"]
            assert shop["attributes"]["region"]
        assert {poi["type"] for poi in pois} == {"station", "market", "mall"}
        for campaign in campaigns:
            assert campaign["costs"]
            assert campaign["provider"]


async def test_no_kpi_is_empty_after_days_were_added(store: Store) -> None:
    """Add one day, then 39 days at once."""
    later = UNTIL + timedelta(days=40)
    async with serve_on(store, later + timedelta(days=1)) as (server, client):
        services = get_demo_services(server.services)
        await add_days(services, FIRST, UNTIL + timedelta(days=1), UNTIL + timedelta(days=1), scale=SCALE)
        await add_days(services, FIRST, UNTIL + timedelta(days=2), later, scale=SCALE)
        assert await find_empty_answers(client, of_all_scopes=False) == []
        body = {"params": [{"kpi": "visits", "granularity": "day", "fill": True}]}
        [element] = (await client.post(f"{URL}{PATHS[Module.PERFORMANCE]}", json=body)).json()
        by_day = list(element["data"]["temporals"].values())
        assert len(by_day) == 30
        assert by_day[-1] > 0
        assert sum(visits > 0 for visits in by_day) > 27  # a few days are empty at this scale


async def test_stays_from_pings_last_as_long_as_given_ones(store: Store) -> None:
    async with serve_on(store, UNTIL + timedelta(days=1)) as (_, client):
        dwells = []
        for until in (UNTIL, UNTIL - timedelta(days=PING_DAYS)):
            since = until - timedelta(days=PING_DAYS - 1)
            query = {"from": str(since), "to": str(until), "uplift": "false"}
            question = {"params": [{"kpi": "timespent", "temporals": False}]}
            answer = await client.post(f"{URL}{PATHS[Module.GEO_MARKETING]}", params=query, json=question)
            dwells.append(answer.json()[0]["data"]["all"])
    assert dwells[0] == pytest.approx(dwells[1], rel=0.35)  # some 300 stays each; long ones are cut as pings
