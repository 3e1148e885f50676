"""The cookie of a login: how it is set, and which requests may use it."""

import httpx
import pytest
from okube_api.auth.repository import User

from tests.api.server import PASSWORD, Server, sharing

pytestmark = pytest.mark.anyio

HOST = "http://127.0.0.1"
FOREIGN = [
    {},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": f"{HOST}:8080"},
    {"Origin": HOST, "Sec-Fetch-Site": "cross-site"},
    {"Origin": HOST, "Sec-Fetch-Site": "same-site"},
]


async def with_cookie(server: Server, user: User) -> tuple[httpx.AsyncClient, httpx.Response]:
    """A browser that has just logged in, and the answer that it got."""
    browser = server.client()
    answer = await browser.post(
        "/auth/login", json={"login": user.login, "password": PASSWORD, "setCookie": True}, headers={"Origin": HOST}
    )
    assert answer.status_code == 200, answer.text
    browser.headers["Cookie"] = answer.headers["set-cookie"].partition(";")[0]
    return browser, answer


async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(server: Server) -> None:
    _, answer = await with_cookie(server, await server.user())
    value, *attributes = answer.headers["set-cookie"].split("; ")
    assert value == f"okube_token={answer.json()['auth']['token']}"
    assert {one.lower() for one in attributes} == {"httponly", "max-age=172800", "path=/", "samesite=lax", "secure"}


async def test_the_cookie_travels_in_plain_only_where_https_is_not_required(server: Server) -> None:
    async with sharing(server, require_https=False) as plain:
        _, answer = await with_cookie(plain, await plain.user())
        assert "secure" not in answer.headers["set-cookie"].lower()


async def test_reading_needs_the_cookie_alone(server: Server) -> None:
    browser, _ = await with_cookie(server, await server.user())
    assert (await browser.get("/auth/me")).status_code == 200


@pytest.mark.parametrize("headers", FOREIGN)
async def test_another_sites_page_changes_nothing(server: Server, headers: dict[str, str]) -> None:
    browser, _ = await with_cookie(server, await server.user())
    assert (await browser.post("/auth/logout", headers=headers)).status_code == 403
    assert (await browser.get("/auth/me")).status_code == 200


async def test_a_page_of_this_server_may_write_and_log_out(server: Server) -> None:
    browser, _ = await with_cookie(server, await server.user())
    answer = await browser.post("/auth/logout", headers={"Origin": HOST, "Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 204
    assert answer.headers["set-cookie"].startswith('okube_token=""; ')
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert (await browser.get("/auth/me")).status_code == 401


@pytest.mark.parametrize("headers", FOREIGN[1:])
async def test_another_sites_page_logs_nobody_in(server: Server, headers: dict[str, str]) -> None:
    body = {"login": (await server.user()).login, "password": PASSWORD, "setCookie": True}
    answer = await server.client().post("/auth/login", json=body, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_a_bearer_token_counts_before_a_cookie(server: Server) -> None:
    browser, _ = await with_cookie(server, await server.user())
    browser.headers["Authorization"] = "Bearer nonsense"
    assert (await browser.get("/auth/me")).status_code == 401
