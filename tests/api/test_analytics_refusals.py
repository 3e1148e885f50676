"""Questions that cannot be answered: what is said, and where it points."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from okube_api.catalogue.kpi import Module
from okube_api.store.plans import Aggregate, Select
from okube_api.store.protocol import Reader, Store
from starlette.types import ASGIApp, Message, Scope

from tests.api.analytics import PATHS, World, settled
from tests.api.server import Tenant, running
from tests.truth import tenant as truths

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
SESSIONS: Json = {"params": [{"kpi": "sessions"}]}


def paths(world: World, module: Module) -> tuple[str, str]:
    """A module's two paths, in a world."""
    below = PATHS[module].format(study=world.truth.studies[0].id)
    return f"{world.tenant.url}{below}", f"/sites/{world.truth.sites[0].id}{below}"


async def refused(
    world: World, body: Any, *, status: int, module: Module = Module.PRESENCE, site: bool = False
) -> Json:
    """The problem that a question is answered with."""
    response = await world.reader.post(paths(world, module)[site], json=body)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: Json = response.json()
    return problem


def faults(problem: Json) -> list[tuple[str, str, str]]:
    """Where, pointer and code of each thing wrong."""
    return [(one["in"], one["pointer"], one["code"]) for one in problem["errors"]]


# -- malformed ----------------------------------------------------------------------------------------------------


NEAR: list[tuple[str, str]] = [
    ("sesions", "Did you mean 'sessions'?"),
    ("posSessions", "It is a KPI of geo-marketing."),
    ("offlineVisits", "It is a KPI of conversion."),
    ("os", "It is a KPI of geo-marketing."),
    ("qqqqqqq", "No KPI 'qqqqqqq' in presence."),
]


async def test_an_unknown_kpi_says_which_is_near(alpha: World) -> None:
    for kpi, hint in NEAR:
        problem = await refused(alpha, {"params": [{"kpi": "uniqUsers"}, {"kpi": kpi}]}, status=400)
        assert faults(problem) == [("body", "/params/1/kpi", "unknown_value")]
        assert hint in problem["detail"]


BY_CITY = {"kpi": "sessions", "sites": {"properties": ["city"]}}
MALFORMED: list[tuple[Json, str, str]] = [
    ({}, "/params", "missing"),
    ({"params": []}, "/params", "out_of_range"),
    ({"params": {}}, "/params", "wrong_type"),
    ({"params": [{}]}, "/params/0/kpi", "missing"),
    ({"params": [{"kpi": 1}]}, "/params/0/kpi", "wrong_type"),
    ({"params": [{"kpi": "sessions", "mode": "line"}]}, "/params/0/mode", "unknown_value"),
    ({"params": [{"kpi": "sessions", "granularity": "hour"}]}, "/params/0/granularity", "unknown_value"),
    ({"params": [{"kpi": "sessions", "all": "true"}]}, "/params/0/all", "wrong_type"),
    ({"params": [{"kpi": "sessions", "sites": "lyon"}]}, "/params/0/sites", "wrong_type"),
    ({"params": [{"kpi": "sessions", "sites": {"properties": []}}]}, "/params/0/sites/properties", "out_of_range"),
    (
        {"params": [{"kpi": "sessions", "sites": {"properties": ["city"]}}]},
        "/params/0/sites/properties/0",
        "unknown_value",
    ),
    ({"params": [{"kpi": "sessions", "sites": {"limit": 0}}]}, "/params/0/sites/limit", "out_of_range"),
    ({"params": [{"kpi": "sessions", "sites": {"sort": "name"}}]}, "/params/0/sites/sort", "unknown_value"),
    ({"params": [{"kpi": "sessions", "sites": {"top": 3}}]}, "/params/0/sites/top", "unknown_field"),
    ({"params": [{"kpi": "sessions", "colour": 1}]}, "/params/0/colour", "unknown_field"),
    ({**SESSIONS, "period": 1}, "/period", "unknown_field"),
    ({**SESSIONS, "filters": {"sites": []}}, "/filters/sites", "out_of_range"),
    ({**SESSIONS, "filters": {"sites": [""]}}, "/filters/sites/0", "out_of_range"),
    ({**SESSIONS, "filters": {"sites": "lyon-2"}}, "/filters/sites", "wrong_type"),
    ({**SESSIONS, "filters": {"sites": {"not": []}}}, "/filters/sites/not", "out_of_range"),
    ({**SESSIONS, "filters": {"sites": {"is": ["lyon-2"]}}}, "/filters/sites/not", "missing"),
    ({**SESSIONS, "filters": {"weekdays": [0]}}, "/filters/weekdays/0", "out_of_range"),
    ({**SESSIONS, "filters": {"weekdays": [8]}}, "/filters/weekdays/0", "out_of_range"),
    ({**SESSIONS, "filters": {"weather": ["sun"]}}, "/filters/weather", "unknown_field"),
    ({**SESSIONS, "filters": []}, "/filters", "wrong_type"),
]


async def test_malformed_questions_point_at_what_is_wrong(alpha: World) -> None:
    for body, pointer, code in MALFORMED:
        assert ("body", pointer, code) in faults(await refused(alpha, body, status=400)), body


QUERIES: list[str] = [
    "from=2024-3-1",
    "from=yesterday",
    "to=2024-02-30",
    "uplift=true",
    "meta=perhaps",
    "form=2024-03-01",
    "from=",
    "from",
]


async def test_query_parameters_are_checked(alpha: World) -> None:
    for query in QUERIES:
        response = await alpha.reader.post(f"{paths(alpha, Module.PRESENCE)[0]}?{query}", json=SESSIONS)
        assert response.status_code == 400, response.text
        name = query.partition("=")[0]
        assert [(one["in"], one["pointer"]) for one in response.json()["errors"]] == [("query", f"/{name}")]


OTHER_KINDS: list[str] = ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""]


async def test_bodies_are_json_and_nothing_else(alpha: World) -> None:
    for kind in OTHER_KINDS:
        headers = {"Content-Type": kind} if kind else {}
        for url in paths(alpha, Module.PRESENCE):
            response = await alpha.reader.post(url, content=b'{"params": [{"kpi": "sessions"}]}', headers=headers)
            assert response.status_code == 415


# -- well-formed, and impossible ------------------------------------------------------------------------------------


NO_SCOPES: list[tuple[Module, str, str, bool]] = [
    (Module.PRESENCE, "sessions", "homes", False),
    (Module.PRESENCE, "sessions", "campaigns", False),
    (Module.PRESENCE, "sessions", "sites", True),
    (Module.PRESENCE, "areaMatching", "equipments", False),
    (Module.PRESENCE, "visitOrder", "equipments", True),
    (Module.GEO_MARKETING, "poiSessions", "sites", False),
    (Module.GEO_MARKETING, "posSessions", "pois", False),
    (Module.GEO_MARKETING, "posAffinity", "homes", False),
    (Module.GEO_MARKETING, "posSessions", "equipments", False),
    (Module.GEO_MARKETING, "posSessions", "sites", True),
    (Module.CONVERSION, "venueRate", "extras", False),
    (Module.CONVERSION, "offlineVisits", "pois", False),
    (Module.CONVERSION, "offlineVisits", "sites", True),
]


async def test_scopes_that_are_not_there(alpha: World) -> None:
    for module, kpi, scope, site in NO_SCOPES:
        body = {"params": [{"kpi": kpi, scope: True}]}
        problem = await refused(alpha, body, status=422, module=module, site=site)
        assert faults(problem) == [("body", f"/params/0/{scope}", "impossible")]
        assert f"{scope}" in problem["detail"]


NO_FILTERS: list[tuple[Module, str, bool]] = [
    (Module.PRESENCE, "homes", False),
    (Module.PRESENCE, "sites", True),
    (Module.PRESENCE, "tags", True),
    (Module.GEO_MARKETING, "equipments", False),
    (Module.GEO_MARKETING, "levers", True),
    (Module.GEO_MARKETING, "sites", True),
    (Module.CONVERSION, "works", False),
    (Module.CONVERSION, "sites", True),
]


async def test_filters_that_are_not_there(alpha: World) -> None:
    for module, name, site in NO_FILTERS:
        kpi = {"presence": "sessions", "geo-marketing": "posSessions", "conversion": "prints"}[module.value]
        body = {"filters": {name: ["x"]}, "params": [{"kpi": kpi}]}
        problem = await refused(alpha, body, status=422, module=module, site=site)
        assert faults(problem) == [("body", f"/filters/{name}", "impossible")]


NOTHING: list[tuple[Json, str]] = [
    ({"globals": False}, "ask for `globals` or for a scope"),
    ({"globals": False, "sites": False}, "ask for `globals` or for a scope"),
    ({"all": False, "temporals": False}, "`all` and `temporals` are both false"),
    ({"all": False, "temporals": False, "sites": True}, "`all` and `temporals` are both false"),
]


async def test_switches_that_leave_nothing(alpha: World) -> None:
    for switches, words in NOTHING:
        problem = await refused(alpha, {"params": [{"kpi": "uniqUsers"}, {"kpi": "sessions", **switches}]}, status=422)
        assert faults(problem) == [("body", "/params/1", "impossible")]
        assert words in problem["detail"]


async def test_every_unknown_reference_is_pointed_at(alpha: World, beta: World) -> None:
    foreign = beta.truth.sites[0].id
    body = {"filters": {"sites": ["lyon-2", "lyon-3", foreign]}, **SESSIONS}
    assert faults(await refused(alpha, body, status=422)) == [
        ("body", "/filters/sites/1", "unknown_reference"),
        ("body", "/filters/sites/2", "unknown_reference"),
    ]
    body = {"filters": {"equipments": {"not": ["eq-door", "eq-window"]}}, **SESSIONS}
    assert faults(await refused(alpha, body, status=422)) == [
        ("body", "/filters/equipments/not/1", "unknown_reference"),
    ]


async def test_periods_that_cannot_be(alpha: World) -> None:
    url = paths(alpha, Module.PRESENCE)[0]
    for query, words in (
        ("from=2024-03-02&to=2024-03-01", "after"),
        ("from=0001-01-01&to=0001-01-05", "years"),
        ("from=9999-12-31", "years"),
        ("to=0001-01-05", "years"),
    ):
        response = await alpha.reader.post(f"{url}?{query}", json=SESSIONS)
        assert response.status_code == 422, response.text
        assert words in response.json()["detail"]
        assert response.json()["errors"][0]["in"] == "query"


async def test_at_most_fifty_params(alpha: World) -> None:
    param = SESSIONS["params"][0]
    assert (await alpha.reader.post(paths(alpha, Module.PRESENCE)[0], json={"params": [param] * 50})).status_code == 200
    problem = await refused(alpha, {"params": [param] * 51}, status=422)
    assert faults(problem) == [("body", "/params", "impossible")]
    assert "50" in problem["detail"]


# -- who, and of what -----------------------------------------------------------------------------------------------


async def test_paths_that_lead_nowhere(alpha: World, beta: World, stranger: httpx.AsyncClient) -> None:
    geo = {"params": [{"kpi": "posSessions"}]}
    own, foreign = alpha.truth.studies[0], beta.truth.studies[0]
    site = alpha.truth.sites[0].id
    tail = "geo-marketing/analytics"
    nowhere = [
        f"{alpha.tenant.url}/studies/{foreign.id}/{tail}",
        f"{alpha.tenant.url}/studies/no-such-study/{tail}",
        f"/sites/{site}/studies/{foreign.id}/{tail}",
        f"/sites/{site}/studies/{own.key}/{tail}",  # without the application only ids work
        f"/sites/lyon-2/studies/{own.id}/{tail}",
        f"{alpha.tenant.url}/sites/{beta.truth.sites[0].id}/studies/{own.id}/{tail}",
        f"{beta.tenant.url}/studies/{own.id}/{tail}",
        f"/applications/no-such-application/studies/{own.id}/{tail}",
    ]
    for url in nowhere:
        response = await alpha.reader.post(url, json=geo)
        assert response.status_code == 404, url
    for module, body in ((Module.PRESENCE, SESSIONS), (Module.GEO_MARKETING, geo)):
        for url in paths(alpha, module):
            assert (await stranger.post(url, json=body)).status_code == 404
            assert (await alpha.tenant.server.client().post(url, json=body)).status_code == 401


# -- limits -----------------------------------------------------------------------------------------------------------


async def test_a_question_that_would_read_too_much_says_what_to_narrow(
    store_kind: str, fresh_store_url: Callable[[], str]
) -> None:
    async with running(store_kind, fresh_store_url(), query_rows=10) as server:
        world = await settled(server, truths.beta().truth)
        url = paths(world, Module.PRESENCE)[0]
        body = {"params": [{"kpi": "rangeAmplitude"}]}  # read stay by stay
        response = await world.reader.post(url, params={"from": "2020-12-01", "to": "2024-12-31"}, json=body)
        assert response.status_code == 422
        assert response.json()["code"] == "too_much_to_read"
        assert "10 rows" in response.json()["detail"]
        assert "shorter period" in response.json()["detail"]
        response = await world.reader.post(url, params={"from": "2024-03-20", "to": "2024-03-21"}, json=body)
        assert response.status_code == 200


def slowed(store: Store, monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Event, asyncio.Event]:
    """Makes the store's readers take a minute; whether one was asked, and whether it was stopped."""
    asked, stopped = asyncio.Event(), asyncio.Event()
    reading = store.open_reader

    async def slow(plan: Aggregate | Select) -> None:
        asked.set()
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()

    @asynccontextmanager
    async def slowly(application: str, **limits: Any) -> AsyncIterator[Reader]:
        async with reading(application, **limits) as reader:
            monkeypatch.setattr(reader, "aggregate", slow)
            monkeypatch.setattr(reader, "select", slow)
            yield reader

    monkeypatch.setattr(store, "open_reader", slowly)
    return asked, stopped


async def test_a_question_that_takes_too_long_ends(
    store_kind: str, fresh_store_url: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(store_kind, fresh_store_url(), query_timeout_s=0.2) as server:
        tenant = await server.tenant()
        asked, stopped = slowed(server.services.store, monkeypatch)
        response = await tenant.reader.post(f"{tenant.url}/presence/analytics", json=SESSIONS)
        assert asked.is_set()
        assert stopped.is_set()
        assert response.status_code == 503
        assert response.headers["Retry-After"]
        assert "0.2 seconds" in response.json()["detail"]


async def called(url: str, client: httpx.AsyncClient, app: ASGIApp, gone: asyncio.Event) -> list[Message]:
    """What is sent to a caller who closes the connection when `gone` is set."""
    request = client.build_request("POST", url, json=SESSIONS)
    messages: list[Message] = [{"type": "http.request", "body": request.read(), "more_body": False}]
    sent: list[Message] = []

    async def receive() -> Message:
        if messages:
            return messages.pop()
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": request.url.path,
        "raw_path": request.url.raw_path,
        "query_string": request.url.query,
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
        "client": ("127.0.0.1", 40_000),
        "server": ("127.0.0.1", 80),
        "root_path": "",
    }
    await app(scope, receive, send)
    return sent


async def test_a_caller_who_leaves_stops_the_question(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = asyncio.Event()
    asked, stopped = slowed(tenant.server.services.store, monkeypatch)
    url = f"{tenant.url}/presence/analytics"
    call = asyncio.ensure_future(called(url, tenant.reader, tenant.server.app, gone))
    await asyncio.wait_for(asked.wait(), 10)
    assert not stopped.is_set()
    gone.set()
    await asyncio.wait_for(stopped.wait(), 2)
    sent = await asyncio.wait_for(call, 2)
    assert sent[0]["status"] == 499
