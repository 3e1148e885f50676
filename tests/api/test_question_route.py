"""Questions that are answered without FastAPI: the same responses as with it, for valid requests and for others."""

from typing import Any

import httpx
import pytest
from fastapi import routing
from okube_api.api import request_body
from okube_api.api.question_requests import QuestionRoute
from okube_api.auth.repository import Role
from okube_api.catalogue.kpi import Module

from tests.api.analytics import PATH_SUFFIXES
from tests.api.server import Server, Tenant, share_store

pytestmark = [pytest.mark.anyio, pytest.mark.one_store]

Json = dict[str, Any]
SESSIONS: Json = {"params": [{"kpi": "sessions"}]}
GEO: Json = {"params": [{"kpi": "posSessions", "granularity": "week", "sites": True}]}
VISITS: Json = {"params": [{"kpi": "offlineVisits"}]}
DAYS = "from=2025-01-01&to=2025-01-31"


async def post(
    tenant: Tenant, module: Module, query: str, body: Any, *, site: str | None = None
) -> tuple[int, Json, Any]:
    """Return the status, the headers and the body of a question's response, without what differs each time."""
    url = "" if site is None else f"/sites/{site}"
    url = f"{tenant.url}{url}{PATH_SUFFIXES[module].format(study='all')}?{query}"
    response = await tenant.reader.post(url, json=body)
    headers = {name: text for name, text in response.headers.items() if name not in {"x-request-id", "ratelimit"}}
    content = response.json()
    if isinstance(content, dict):
        content.pop("requestId", None)
    return response.status_code, headers, content


@pytest.mark.parametrize("site", [None, "lyon"])
@pytest.mark.parametrize(
    ("module", "query", "body"),
    [
        (Module.PRESENCE, DAYS, SESSIONS),
        (Module.PRESENCE, "to=2025-01-31&uplift=false&_=1", SESSIONS),
        (Module.PRESENCE, DAYS, {"params": [{"kpi": "sessions", "sites": True}]}),
        (Module.PRESENCE, "from=", SESSIONS),
        (Module.PRESENCE, "from=2025-02-30", {"params": []}),
        (Module.PRESENCE, "from=2025-02-01&to=2025-01-01", SESSIONS),
        (Module.PRESENCE, f"{DAYS}&from=2025-01-02", SESSIONS),
        (Module.PRESENCE, f"{DAYS}&explain=true", SESSIONS),
        (Module.PRESENCE, DAYS, {**SESSIONS, "filters": {"sites": ["nowhere"], "tags": ["x"]}}),
        (Module.PRESENCE, DAYS, [SESSIONS]),
        (Module.GEO_MARKETING, DAYS, GEO),
        (Module.GEO_MARKETING, f"{DAYS}&uplift=0", GEO),
        (Module.GEO_MARKETING, f"{DAYS}&uplift=perhaps", {"params": [{"kpi": "posSessions", "levers": True}]}),
        (Module.GEO_MARKETING, f"{DAYS}&uplift=perhaps&meta=2", {**GEO, "limit": 1}),
        (Module.CONVERSION, f"{DAYS}&uplift=true", VISITS),
        (Module.CONVERSION, DAYS, {"params": [{"kpi": "offlineVisit"}]}),
    ],
)
async def test_responses_are_those_of_fastapi(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, *, module: Module, query: str, body: Any, site: str | None
) -> None:
    await tenant.create("sites", key="lyon", name="Lyon", online=True)
    await tenant.create("studies", key="all", name="All")
    early = await post(tenant, module, query, body, site=site)

    async def decline(*_: Any) -> None:
        return None

    with monkeypatch.context() as patch:
        patch.setattr(QuestionRoute, "respond_early", decline)
        assert await post(tenant, module, query, body, site=site) == early


@pytest.mark.parametrize("path", ["/sites/unknown/presence/analytics", "/studies/none/geo-marketing/analytics"])
async def test_an_unknown_site_or_study_is_refused_before_the_body(tenant: Tenant, path: str) -> None:
    response = await tenant.reader.post(f"{tenant.url}{path}", json={"params": [{"kpi": "unknown"}]})
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("site", [None, "lyon"])
@pytest.mark.parametrize(
    ("module", "body"), [(Module.PRESENCE, SESSIONS), (Module.GEO_MARKETING, GEO), (Module.CONVERSION, VISITS)]
)
async def test_valid_questions_are_answered_without_fastapi(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch, *, module: Module, body: Json, site: str | None
) -> None:
    await tenant.create("sites", key="lyon", name="Lyon", online=True)
    await tenant.create("studies", key="all", name="All")
    if site is not None:
        body = {"params": [{name: option for name, option in body["params"][0].items() if name != "sites"}]}

    async def refuse(**_: Any) -> None:
        raise AssertionError("FastAPI resolves the dependencies.")

    with monkeypatch.context() as patch:
        patch.setattr(routing, "solve_dependencies", refuse)
        status, _, content = await post(tenant, module, DAYS, body, site=site)
    assert status == 200, content


async def test_a_repeated_body_is_not_parsed_again(server: Server, tenant: Tenant, stranger: httpx.AsyncClient) -> None:
    url, body = f"{tenant.url}/presence/analytics?{DAYS}", b'{"params": [{"kpi":  "sessions"}]}'
    json_type = {"Content-Type": "application/json"}

    def refuse(_: bytes) -> None:
        raise AssertionError("The body is parsed.")

    first = await tenant.reader.post(url, content=body, headers=json_type)
    assert first.status_code == 200, first.text
    assert (await stranger.post(url, content=body, headers=json_type)).status_code == 404
    for headers in ({"Content-Type": "text/plain"}, {**json_type, "Content-Encoding": "gzip"}):
        assert (await tenant.reader.post(url, content=body, headers=headers)).status_code == 415
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(request_body, "read_json", refuse)
        again = await tenant.reader.post(url, content=body, headers=json_type)
    assert (again.status_code, again.content, again.headers["etag"]) == (200, first.content, first.headers["etag"])


async def test_ignored_fields_are_named_each_time(server: Server, tenant: Tenant) -> None:
    token = server.issue_token(tenant.users[Role.READER])
    url, body = f"{tenant.url}/presence/analytics?{DAYS}", {"params": [{"kpi": "sessions"}]}
    async with share_store(server, unknown_fields="ignore") as application:
        client = application.client(token)
        for _ in range(3):
            response = await client.post(url, json={**body, "colour": "red"})
            assert (response.status_code, response.headers["x-okube-ignored"]) == (200, "body/colour")
            response = await client.post(url, json=body)
            assert (response.status_code, "x-okube-ignored" in response.headers) == (200, False)
