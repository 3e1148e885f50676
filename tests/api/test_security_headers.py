"""Headers for browsers, the hosts of the server, and who may read its documentation."""

from collections.abc import AsyncIterator

import pytest
from okube_api.http.security_headers import SECURITY_HEADERS

from tests.api.server import PASSWORD, Server, share_store

pytestmark = [pytest.mark.anyio, pytest.mark.one_store]

PAGES = ("/docs", "/redoc", "/openapi.json", "/static/docs.js")


@pytest.fixture
async def proxied(server: Server) -> AsyncIterator[Server]:
    """Run the application behind a proxy."""
    async with share_store(server, trusted_proxies="10.0.0.0/8", allowed_hosts="api.example") as other:
        yield other


@pytest.mark.parametrize("path", ["/health/live", "/sites", "/nowhere", "/auth/captcha", "/%ff"])
async def test_every_answer_has_the_security_headers(server: Server, path: str) -> None:
    headers = (await server.client().get(path)).headers
    for name in SECURITY_HEADERS:
        assert headers[name] == SECURITY_HEADERS[name]
    assert "strict-transport-security" not in headers


async def test_pages_keep_their_own_policy(server: Server) -> None:
    headers = (await server.client().get("/docs")).headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"


async def test_https_is_remembered_where_it_is_required(proxied: Server) -> None:
    headers = {"Host": "api.example", "X-Forwarded-Proto": "https"}
    client = proxied.client(address=("10.1.1.1", 1), **headers)
    for path in ("/auth/captcha", "/nowhere", "/sites"):
        assert (await client.get(path)).headers["strict-transport-security"] == "max-age=31536000"
    async with share_store(proxied, trusted_proxies="10.0.0.0/8", allowed_hosts="*", require_https=False) as plain:
        answer = await plain.client(address=("10.1.1.1", 1), **headers).get("/auth/captcha")
        assert "strict-transport-security" not in answer.headers


async def test_foreign_hosts_are_refused(proxied: Server) -> None:
    headers = {"Host": "evil.example", "X-Forwarded-Proto": "https"}
    answer = await proxied.client(address=("10.1.1.1", 1), **headers).get("/auth/captcha")
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "/Host"
    assert answer.json()["requestId"] == answer.headers["x-request-id"] != ""


async def test_documentation_can_be_for_logged_in_callers(server: Server) -> None:
    user = await server.create_user()
    async with share_store(server, docs="login") as other:
        for path in PAGES:
            answer = await other.client().get(path)
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
            assert (await other.client_of(user).get(path)).status_code == 200
        browser = other.client()
        login = {"login": user.login, "password": PASSWORD, "setCookie": True}
        assert (await browser.post("/auth/login", json=login)).status_code == 200
        cookies = {name.removeprefix("__Host-"): value for name, value in browser.cookies.items()}
        assert cookies
        pairs = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        for path in PAGES:
            assert (await other.client(Cookie=pairs).get(path)).status_code == 200


async def test_documentation_can_be_off(server: Server) -> None:
    user = await server.create_user(platform_admin=True)
    async with share_store(server, docs="off") as other:
        for path in PAGES:
            answer = await other.client_of(user).get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
