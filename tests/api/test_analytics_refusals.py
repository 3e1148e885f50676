"""Questions that are refused: the status, the pointer to the fault, and a message that says what would work."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from okube_api.auth.repository import Role
from okube_api.catalogue.kpi import Module
from okube_api.store.plans import Aggregate, Select
from okube_api.store.protocol import Reader, Store

from tests.api.analytics import PATH_SUFFIXES, World
from tests.api.connections import call_until
from tests.api.server import Server, Tenant, share_store

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
SESSIONS: Json = {"params": [{"kpi": "sessions"}]}


def list_paths(world: World, module: Module) -> tuple[str, str]:
    """Return the path of questions about the application, and the one about its first site."""
    suffix = PATH_SUFFIXES[module].format(study=world.truth.studies[0].id)
    return f"{world.tenant.url}{suffix}", f"/sites/{world.truth.sites[0].id}{suffix}"


async def post_refused(
    world: World, body: Any, *, status: int, module: Module = Module.PRESENCE, site: bool = False
) -> Json:
    """Post a question and return the problem of the response."""
    response = await world.reader.post(list_paths(world, module)[site], json=body)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    problem: Json = response.json()
    return problem


def list_faults(problem: Json) -> list[tuple[str, str, str]]:
    """Return the place, pointer and code of each fault."""
    return [(error["in"], error["pointer"], error["code"]) for error in problem["errors"]]


# -- malformed ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kpi", "hint"),
    [
        ("sesions", "Did you mean 'sessions'?"),
        ("posSessions", "It is a KPI of geo-marketing."),
        ("offlineVisits", "It is a KPI of conversion."),
        ("os", "It is a KPI of geo-marketing."),
        ("qqqqqqq", "Unknown KPI 'qqqqqqq' in presence. GET /analytics/kpis lists all KPIs."),
    ],
)
async def test_an_unknown_kpi_is_refused_with_a_hint(alpha: World, kpi: str, hint: str) -> None:
    problem = await post_refused(alpha, {"params": [{"kpi": "uniqUsers"}, {"kpi": kpi}]}, status=400)
    assert list_faults(problem) == [("body", "/params/1/kpi", "unknown_value")]
    assert hint in problem["detail"]


MALFORMED: list[tuple[Json, str, str]] = [
    ({}, "/params", "missing"),
    ({"params": []}, "/params", "out_of_range"),
    ({"params": {}}, "/params", "wrong_type"),
    ({"params": [{}]}, "/params/0/kpi", "missing"),
    ({"params": [{"kpi": 1}]}, "/params/0/kpi", "wrong_type"),
    ({"params": [{"kpi": "sessions", "mode": "line"}]}, "/params/0/mode", "unknown_value"),
    ({"params": [{"kpi": "sessions", "granularity": "minute"}]}, "/params/0/granularity", "unknown_value"),
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
    ({**SESSIONS, "filters": {"sites": [""]}}, "/filters/sites/0", "out_of_range"),
    ({**SESSIONS, "filters": {"sites": "lyon-2"}}, "/filters/sites", "wrong_type"),
    ({**SESSIONS, "filters": {"sites": {"not": None}}}, "/filters/sites/not", "wrong_type"),
    ({**SESSIONS, "filters": {"sites": {"not": [""]}}}, "/filters/sites/not/0", "out_of_range"),
    ({**SESSIONS, "filters": {"weather": []}}, "/filters/weather", "unknown_field"),
    ({"params": [{"kpi": "sessions", "sites": {"properties": None}}]}, "/params/0/sites/properties", "wrong_type"),
    ({"params": [{"kpi": "sessions", "sites": {"property": 1}}]}, "/params/0/sites/properties", "wrong_type"),
    (
        {"params": [{"kpi": "sessions", "sites": {"properties": ["_id"], "property": []}}]},
        "/params/0/sites/properties",
        "out_of_range",
    ),
    ({**SESSIONS, "filters": {"sites": {"is": ["lyon-2"]}}}, "/filters/sites/not", "missing"),
    ({**SESSIONS, "filters": {"weekdays": [0]}}, "/filters/weekdays/0", "out_of_range"),
    ({**SESSIONS, "filters": {"weekdays": [8]}}, "/filters/weekdays/0", "out_of_range"),
    ({**SESSIONS, "filters": {"weather": ["sun"]}}, "/filters/weather", "unknown_field"),
    ({**SESSIONS, "filters": []}, "/filters", "wrong_type"),
]


@pytest.mark.parametrize(("body", "pointer", "code"), MALFORMED)
async def test_malformed_questions_are_refused_with_a_pointer(
    alpha: World, body: Json, pointer: str, code: str
) -> None:
    assert ("body", pointer, code) in list_faults(await post_refused(alpha, body, status=400))


@pytest.mark.parametrize(
    "query",
    [
        "from=2024-3-1",
        "from=yesterday",
        "to=2024-02-30",
        "meta=perhaps",
        "form=2024-03-01",
        "from=",
        "from",
    ],
)
async def test_bad_query_parameters_are_refused(alpha: World, query: str) -> None:
    response = await alpha.reader.post(f"{list_paths(alpha, Module.PRESENCE)[0]}?{query}", json=SESSIONS)
    assert response.status_code == 400, response.text
    name = query.partition("=")[0]
    assert [(error["in"], error["pointer"]) for error in response.json()["errors"]] == [("query", f"/{name}")]


@pytest.mark.parametrize(
    "content_type", ["application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x", ""]
)
async def test_bodies_that_are_not_json_are_refused(alpha: World, content_type: str) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    for url in list_paths(alpha, Module.PRESENCE):
        response = await alpha.reader.post(url, content=b'{"params": [{"kpi": "sessions"}]}', headers=headers)
        assert response.status_code == 415


# -- well-formed, but impossible -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "kpi", "scope", "site"),
    [
        (Module.PRESENCE, "sessions", "homes", False),
        (Module.PRESENCE, "sessions", "campaigns", False),
        (Module.PRESENCE, "sessions", "sites", True),
        (Module.PRESENCE, "visitOrder", "sites", True),
        (Module.GEO_MARKETING, "posSessions", "pois", False),
        (Module.GEO_MARKETING, "posAffinity", "pois", False),
        (Module.GEO_MARKETING, "posSessions", "equipments", False),
        (Module.GEO_MARKETING, "posSessions", "sites", True),
        (Module.CONVERSION, "offlineVisits", "pois", False),
        (Module.CONVERSION, "offlineVisits", "sites", True),
    ],
)
async def test_unavailable_scopes_are_refused(alpha: World, module: Module, kpi: str, scope: str, site: bool) -> None:
    body = {"params": [{"kpi": kpi, scope: True}]}
    problem = await post_refused(alpha, body, status=422, module=module, site=site)
    assert list_faults(problem) == [("body", f"/params/0/{scope}", "impossible")]
    assert f"cope '{scope}'" in problem["detail"]
    assert "Use one of: globals" in problem["detail"]


@pytest.mark.parametrize(
    ("module", "name", "site"),
    [
        (Module.PRESENCE, "homes", False),
        (Module.PRESENCE, "sites", True),
        (Module.PRESENCE, "tags", True),
        (Module.GEO_MARKETING, "equipments", False),
        (Module.GEO_MARKETING, "levers", True),
        (Module.GEO_MARKETING, "sites", True),
        (Module.CONVERSION, "works", False),
        (Module.CONVERSION, "sites", True),
    ],
)
async def test_unavailable_filters_are_refused(alpha: World, module: Module, name: str, site: bool) -> None:
    kpi = {"presence": "sessions", "geo-marketing": "posSessions", "conversion": "prints"}[module.value]
    body = {"filters": {name: ["x"]}, "params": [{"kpi": kpi}]}
    problem = await post_refused(alpha, body, status=422, module=module, site=site)
    assert list_faults(problem) == [("body", f"/filters/{name}", "impossible")]
    assert f"Filter '{name}' is not available in {module.value} questions" in problem["detail"]


@pytest.mark.parametrize(
    ("switches", "message"),
    [
        ({"globals": False}, "Set 'globals' or another scope"),
        ({"globals": False, "sites": False}, "Set 'globals' or another scope"),
        ({"all": False, "temporals": False}, "'all' and 'temporals' are both false"),
        ({"all": False, "temporals": False, "sites": True}, "'all' and 'temporals' are both false"),
    ],
)
async def test_params_that_request_nothing_are_refused(alpha: World, switches: Json, message: str) -> None:
    body = {"params": [{"kpi": "uniqUsers"}, {"kpi": "sessions", **switches}]}
    problem = await post_refused(alpha, body, status=422)
    assert list_faults(problem) == [("body", "/params/1", "impossible")]
    assert message in problem["detail"]


async def test_each_unknown_reference_has_a_fault(alpha: World, beta: World) -> None:
    foreign = beta.truth.sites[0].id
    body = {"filters": {"sites": ["lyon-2", "lyon-3", foreign]}, **SESSIONS}
    assert list_faults(await post_refused(alpha, body, status=422)) == [
        ("body", "/filters/sites/1", "unknown_reference"),
        ("body", "/filters/sites/2", "unknown_reference"),
    ]
    body = {"filters": {"equipments": {"not": ["eq-door", "eq-window"]}}, **SESSIONS}
    assert list_faults(await post_refused(alpha, body, status=422)) == [
        ("body", "/filters/equipments/not/1", "unknown_reference"),
    ]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("from=2024-03-02&to=2024-03-01", "after"),
        ("from=0001-01-01&to=0001-01-05", "years"),
        ("from=9999-12-31", "years"),
        ("to=0001-01-05", "years"),
    ],
)
async def test_impossible_periods_are_refused(alpha: World, query: str, message: str) -> None:
    response = await alpha.reader.post(f"{list_paths(alpha, Module.PRESENCE)[0]}?{query}", json=SESSIONS)
    assert response.status_code == 422, response.text
    assert message in response.json()["detail"]
    assert response.json()["errors"][0]["in"] == "query"


async def test_more_than_fifty_params_are_refused(alpha: World) -> None:
    param = SESSIONS["params"][0]
    assert (
        await alpha.reader.post(list_paths(alpha, Module.PRESENCE)[0], json={"params": [param] * 50})
    ).status_code == 200
    problem = await post_refused(alpha, {"params": [param] * 51}, status=422)
    assert list_faults(problem) == [("body", "/params", "impossible")]
    assert "50" in problem["detail"]


# -- access ---------------------------------------------------------------------------------------------------------


POS_SESSIONS: Json = {"params": [{"kpi": "posSessions"}]}


@pytest.mark.parametrize(
    "path",
    [
        "{own_application}/studies/{foreign_study}",
        "{own_application}/studies/no-such-study",
        "/sites/{own_site}/studies/{foreign_study}",
        "/sites/{own_site}/studies/{own_study_key}",  # a path without the application takes ids only
        "/sites/lyon-2/studies/{own_study}",
        "{own_application}/sites/{foreign_site}/studies/{own_study}",
        "{foreign_application}/studies/{own_study}",
        "/applications/no-such-application/studies/{own_study}",
    ],
)
async def test_unknown_and_foreign_resources_are_not_found(alpha: World, beta: World, path: str) -> None:
    own, foreign = alpha.truth.studies[0], beta.truth.studies[0]
    url = path.format(
        own_application=alpha.tenant.url,
        own_site=alpha.truth.sites[0].id,
        own_study=own.id,
        own_study_key=own.key,
        foreign_application=beta.tenant.url,
        foreign_site=beta.truth.sites[0].id,
        foreign_study=foreign.id,
    )
    assert (await alpha.reader.post(f"{url}/geo-marketing/analytics", json=POS_SESSIONS)).status_code == 404


@pytest.mark.parametrize(("module", "body"), [(Module.PRESENCE, SESSIONS), (Module.GEO_MARKETING, POS_SESSIONS)])
async def test_questions_need_a_role_in_the_application(
    alpha: World, stranger: httpx.AsyncClient, module: Module, body: Json
) -> None:
    for url in list_paths(alpha, module):
        assert (await stranger.post(url, json=body)).status_code == 404
        assert (await alpha.tenant.server.client().post(url, json=body)).status_code == 401


# -- limits -----------------------------------------------------------------------------------------------------------


async def test_a_question_that_needs_too_many_rows_is_refused(beta: World) -> None:
    async with share_store(beta.tenant.server, query_rows=10) as strict:
        reader = strict.client_of(beta.tenant.users[Role.READER])
        url = list_paths(beta, Module.PRESENCE)[0]
        body = {"params": [{"kpi": "rangeAmplitude"}]}  # it has no rollup
        response = await reader.post(url, params={"from": "2020-12-01", "to": "2024-12-31"}, json=body)
        assert response.status_code == 422
        assert response.json()["code"] == "too_much_to_read"
        assert "10 rows" in response.json()["detail"]
        assert "shorter period" in response.json()["detail"]
        response = await reader.post(url, params={"from": "2024-03-20", "to": "2024-03-21"}, json=body)
        assert response.status_code == 200


def slow_down(store: Store, monkeypatch: pytest.MonkeyPatch) -> tuple[asyncio.Event, asyncio.Event]:
    """Make reads of the store take a minute; return events that are set when a read starts and when it is stopped."""
    started, stopped = asyncio.Event(), asyncio.Event()
    open_reader = store.open_reader

    async def read_slowly(plan: Aggregate | Select) -> None:
        started.set()
        try:
            await asyncio.sleep(60)
        finally:
            stopped.set()

    @asynccontextmanager
    async def open_slow_reader(application: str, **limits: Any) -> AsyncIterator[Reader]:
        async with open_reader(application, **limits) as reader:
            monkeypatch.setattr(reader, "aggregate", read_slowly)
            monkeypatch.setattr(reader, "select", read_slowly)
            yield reader

    monkeypatch.setattr(store, "open_reader", open_slow_reader)
    return started, stopped


async def test_a_question_that_takes_too_long_is_stopped(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    async with share_store(server, query_timeout_s=0.2) as strict:
        tenant = await strict.create_tenant()
        started, stopped = slow_down(strict.services.store, monkeypatch)
        response = await tenant.reader.post(f"{tenant.url}/presence/analytics", json=SESSIONS)
        assert started.is_set()
        assert stopped.is_set()
        assert (response.status_code, response.json()["code"]) == (503, "question_timeout")
        assert response.headers["Retry-After"]
        assert "0.2 seconds" in response.json()["detail"]


async def test_a_question_is_stopped_when_the_client_disconnects(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    disconnected = asyncio.Event()
    started, stopped = slow_down(tenant.server.services.store, monkeypatch)
    url = f"{tenant.url}/presence/analytics"
    call = asyncio.ensure_future(call_until(disconnected, url, tenant.reader, tenant.server.app))
    await asyncio.wait_for(started.wait(), 10)
    assert not stopped.is_set()
    disconnected.set()
    await asyncio.wait_for(stopped.wait(), 2)
    sent = await asyncio.wait_for(call, 2)
    assert sent[0]["status"] == 499
