"""The cookie of a login: how it is set, and which requests may use it."""

import httpx
import pytest
from okube_api.auth.repository import User

from tests.api.server import PASSWORD, Server, share_store

pytestmark = pytest.mark.anyio

HOST = "http://127.0.0.1"
FOREIGN_HEADERS = [
    {},
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": f"{HOST}:8080"},
    {"Origin": HOST, "Sec-Fetch-Site": "cross-site"},
    {"Origin": HOST, "Sec-Fetch-Site": "same-site"},
]


async def log_in(server: Server, user: User) -> tuple[httpx.AsyncClient, httpx.Response]:
    """Log in with a cookie; return a client that sends the cookie, and the response to the login."""
    browser = server.client()
    answer = await browser.post(
        "/auth/login", json={"login": user.login, "password": PASSWORD, "setCookie": True}, headers={"Origin": HOST}
    )
    assert answer.status_code == 200, answer.text
    browser.headers["Cookie"] = answer.headers["set-cookie"].partition(";")[0]
    return browser, answer


async def test_scripts_and_other_sites_cannot_read_the_cookie(server: Server) -> None:
    _, answer = await log_in(server, await server.create_user())
    value, *attributes = answer.headers["set-cookie"].split("; ")
    assert value == f"__Host-okube_token={answer.json()['auth']['token']}"
    assert {attribute.lower() for attribute in attributes} == {
        "httponly",
        "max-age=172800",
        "path=/",
        "samesite=lax",
        "secure",
    }


async def test_the_cookie_is_not_secure_where_https_is_not_required(server: Server) -> None:
    async with share_store(server, require_https=False) as plain:
        _, answer = await log_in(plain, await plain.create_user())
        assert "secure" not in answer.headers["set-cookie"].lower()
        assert answer.headers["set-cookie"].startswith("okube_token=")


async def test_a_cookie_that_another_host_can_set_is_ignored(server: Server) -> None:
    token = server.issue_token(await server.create_user())
    assert (await server.client(Cookie=f"okube_token={token}").get("/auth/me")).status_code == 401
    assert (await server.client(Cookie=f"__Host-okube_token={token}").get("/auth/me")).status_code == 200


async def test_the_cookie_alone_is_enough_for_reading(server: Server) -> None:
    browser, _ = await log_in(server, await server.create_user())
    assert (await browser.get("/auth/me")).status_code == 200


@pytest.mark.parametrize("headers", FOREIGN_HEADERS)
async def test_a_page_of_another_site_cannot_write(server: Server, headers: dict[str, str]) -> None:
    browser, _ = await log_in(server, await server.create_user())
    assert (await browser.post("/auth/logout", headers=headers)).status_code == 403
    assert (await browser.get("/auth/me")).status_code == 200


async def test_a_page_of_this_server_can_log_out(server: Server) -> None:
    browser, _ = await log_in(server, await server.create_user())
    answer = await browser.post("/auth/logout", headers={"Origin": HOST, "Sec-Fetch-Site": "same-origin"})
    assert answer.status_code == 204
    assert answer.headers["set-cookie"].startswith('__Host-okube_token=""; ')
    assert "Max-Age=0" in answer.headers["set-cookie"]
    assert (await browser.get("/auth/me")).status_code == 401


@pytest.mark.parametrize("headers", FOREIGN_HEADERS[1:])
async def test_a_page_of_another_site_cannot_log_in(server: Server, headers: dict[str, str]) -> None:
    body = {"login": (await server.create_user()).login, "password": PASSWORD, "setCookie": True}
    answer = await server.client().post("/auth/login", json=body, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


async def test_a_bearer_token_takes_precedence_over_a_cookie(server: Server) -> None:
    browser, _ = await log_in(server, await server.create_user())
    browser.headers["Authorization"] = "Bearer nonsense"
    assert (await browser.get("/auth/me")).status_code == 401
