"""Requests of pages of other origins, with and without `OKUBE_ALLOWED_ORIGINS`."""

from collections.abc import AsyncIterator

import pytest

from tests.api.server import Server, Tenant, share_store

pytestmark = [pytest.mark.anyio, pytest.mark.one_store]

DASHBOARD = "https://board.example:8443"
PREFLIGHT = {
    "Origin": DASHBOARD,
    "Access-Control-Request-Method": "PATCH",
    "Access-Control-Request-Headers": "authorization,content-type,x-trace",
}


@pytest.fixture
async def opened(server: Server) -> AsyncIterator[Server]:
    """Run the application for the pages of two origins."""
    async with share_store(server, allowed_origins=f"{DASHBOARD}, https://other.example") as application:
        yield application


@pytest.mark.parametrize("path", ["/sites", "/a/demo/presence/analytics", "/auth/login", "/nothing", "/health/live"])
async def test_preflight_is_answered_before_authentication(opened: Server, path: str) -> None:
    answer = await opened.client().options(path, headers=PREFLIGHT)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == DASHBOARD
    assert {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"} <= {
        *answer.headers["access-control-allow-methods"].split(", ")
    }
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type,x-trace"
    assert "Origin" in answer.headers["vary"]
    assert len(answer.headers["x-request-id"]) == 32


async def test_preflight_of_another_origin_is_refused(opened: Server) -> None:
    answer = await opened.client().options("/sites", headers={**PREFLIGHT, "Origin": "https://evil.example"})
    assert answer.status_code == 400
    assert "access-control-allow-origin" not in answer.headers


async def test_answers_and_refusals_are_marked(opened: Server, tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    token = opened.issue_token(next(iter(tenant.users.values())))
    client, nobody = opened.client(token, Origin=DASHBOARD), opened.client(Origin=DASHBOARD)
    remote = opened.client(address=("192.0.2.1", 1), Origin=DASHBOARD)

    async def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    answers = [
        await client.get(f"{tenant.url}/sites"),
        await client.head(f"{tenant.url}/sites"),
        await nobody.get("/sites"),
        await client.get("/nothing"),
        await client.get(f"{tenant.url}/sites?pag=1"),
        await client.delete(f"{tenant.url}/sites"),
        await remote.get("/sites"),  # plain HTTP
        await client.get("/sites/%ff"),
    ]
    with monkeypatch.context() as patched:
        patched.setattr(type(opened.services.sites), "find_page", fail)
        answers.append(await client.get(f"{tenant.url}/sites?q=x"))
    assert [answer.status_code for answer in answers] == [200, 200, 401, 404, 400, 405, 403, 400, 500]
    for answer in answers:
        assert answer.headers["access-control-allow-origin"] == DASHBOARD
        assert "Origin" in answer.headers["vary"]
        assert {"ETag", "Link", "X-Request-Id"} <= {*answer.headers["access-control-expose-headers"].split(", ")}
        assert "access-control-allow-credentials" not in answer.headers  # the cookie is for pages of this server


async def test_answers_for_another_origin_are_not_marked(opened: Server) -> None:
    answer = await opened.client(Origin="https://evil.example").get("/health/live")
    assert (answer.status_code, "access-control-allow-origin" in answer.headers) == (200, False)


async def test_every_origin_can_be_allowed(server: Server) -> None:
    async with share_store(server, allowed_origins="*") as application:
        answer = await application.client(Origin="https://any.example").get("/health/live")
        assert answer.headers["access-control-allow-origin"] == "*"
        preflight = await application.client().options("/sites", headers=PREFLIGHT)
        assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (200, "*")


async def test_nothing_is_marked_by_default(server: Server) -> None:
    for answer in (
        await server.client(Origin=DASHBOARD).get("/health/live"),
        await server.client().options("/sites", headers=PREFLIGHT),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]
