"""Login and logout, passwords, locked accounts and captchas."""

import base64
import hashlib
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from okube_api.auth.repository import User

from tests.api.server import PASSWORD, MovableClock, Server, Tenant

pytestmark = pytest.mark.anyio

WRONG_PASSWORD = "a password that is not theirs"
NEW_PASSWORD = "a new password, long enough"


async def log_in(nobody: httpx.AsyncClient, login: str, password: str = PASSWORD, **more: object) -> httpx.Response:
    """Post a login and return the response."""
    return await nobody.post("/auth/login", json={"login": login, "password": password, **more})


async def solve_captcha(nobody: httpx.AsyncClient) -> str:
    """Return the payload of a solved captcha: try each number, as ALTCHA describes it."""
    challenge = (await nobody.get("/auth/captcha")).json()
    number = next(
        number
        for number in range(challenge["maxnumber"] + 1)
        if hashlib.sha256(f"{challenge['salt']}{number}".encode()).hexdigest() == challenge["challenge"]
    )
    names = ("algorithm", "challenge", "salt", "signature")
    payload = {name: challenge[name] for name in names} | {"number": number}
    return base64.b64encode(json.dumps(payload).encode()).decode()


async def test_a_login_returns_token_user_and_applications(tenant: Tenant, nobody: httpx.AsyncClient) -> None:
    user = next(iter(tenant.users.values()))
    answer = await log_in(nobody, user.login.upper())
    assert answer.status_code == 200
    body = answer.json()
    assert (body["success"], body["message"]) == (True, "Authentication succeeded.")
    auth = body["auth"]
    assert set(auth) == {"token", "type", "expiresAt", "user", "applications"}
    assert auth["type"] == "Bearer"
    assert auth["user"] == {"_id": user.id, "login": user.login, "name": user.name}
    assert auth["applications"] == [{"_id": tenant.id, "key": tenant.key, "role": "reader"}]
    assert "set-cookie" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"login": "nobody@example.com", "password": "wrong"}, 401),
        ({"login": "nobody@example.com"}, 400),
        ({"login": "nobody@example.com", "password": 7}, 400),
        ({}, 400),
    ],
)
async def test_a_failed_login_says_so_in_its_body(nobody: httpx.AsyncClient, body: object, status: int) -> None:
    answer = await nobody.post("/auth/login", json=body)
    problem = answer.json()
    assert (answer.status_code, problem["success"], problem["message"]) == (status, False, problem["detail"])
    assert "success" not in (await nobody.get("/auth/me")).json()


async def test_a_login_to_a_locked_account_says_that_it_failed(server: Server, nobody: httpx.AsyncClient) -> None:
    login = f"{uuid4().hex}@example.com"
    for _ in range(server.services.settings.login_failures):
        assert (await log_in(nobody, login, WRONG_PASSWORD)).json()["success"] is False
    problem = (await log_in(nobody, login)).json()
    assert (problem["code"], problem["success"]) == ("captcha_required", False)


async def test_a_login_can_be_a_form(tenant: Tenant, nobody: httpx.AsyncClient) -> None:
    user = next(iter(tenant.users.values()))
    answer = await nobody.post("/auth/login", data={"login": user.login, "password": PASSWORD, "setCookie": "false"})
    assert answer.status_code == 200


async def test_a_token_expires_after_48_hours(server: Server, nobody: httpx.AsyncClient, clock: MovableClock) -> None:
    user = await server.create_user()
    caller = server.client((await log_in(nobody, user.login)).json()["auth"]["token"])
    clock.ahead = timedelta(hours=47, minutes=59)
    assert (await caller.get("/auth/me")).status_code == 200
    clock.ahead = timedelta(hours=48, seconds=1)
    assert (await caller.get("/auth/me")).status_code == 401


async def test_a_platform_administrator_has_all_applications(
    tenant: Tenant, platform: httpx.AsyncClient, reader: httpx.AsyncClient
) -> None:
    me = (await platform.get("/auth/me")).json()
    assert me["platformAdmin"] is True
    assert {"_id": tenant.id, "key": tenant.key, "role": "admin"} in me["applications"]
    assert (await reader.get("/auth/me")).json()["platformAdmin"] is False


async def test_an_unknown_login_gets_the_response_of_a_wrong_password(
    server: Server, nobody: httpx.AsyncClient
) -> None:
    user = await server.create_user()
    wrong_password = (await log_in(nobody, user.login, WRONG_PASSWORD)).json()
    unknown_login = (await log_in(nobody, f"{uuid4().hex}@example.com", WRONG_PASSWORD)).json()
    assert wrong_password["status"] == 401
    assert wrong_password | {"requestId": ""} == unknown_login | {"requestId": ""}


async def test_a_disabled_user_is_refused_at_the_next_request(server: Server, nobody: httpx.AsyncClient) -> None:
    user = await server.create_user()
    caller = server.client_of(user)
    assert (await caller.get("/auth/me")).status_code == 200

    async def disable(stored: dict[str, object]) -> dict[str, object]:
        return stored | {"disabled": True}

    users = server.services.sessions.users
    await users.change(await users.get_by_id(user.id), disable)
    assert (await caller.get("/auth/me")).status_code == 401
    assert (await log_in(nobody, user.login)).status_code == 401


async def test_a_logout_revokes_its_token_only(server: Server) -> None:
    user = await server.create_user()
    first, second = server.client_of(user), server.client_of(user)
    assert (await first.post("/auth/logout")).status_code == 204
    assert (await first.get("/auth/me")).status_code == 401
    assert (await second.get("/auth/me")).status_code == 200


async def test_a_new_password_revokes_all_tokens(server: Server, nobody: httpx.AsyncClient) -> None:
    user = await server.create_user()
    caller = server.client_of(user)
    refused = await caller.post("/auth/password", json={"current": WRONG_PASSWORD, "new": NEW_PASSWORD})
    assert refused.status_code == 403
    assert (await caller.post("/auth/password", json={"current": PASSWORD, "new": "short"})).status_code == 400
    assert (await caller.get("/auth/me")).status_code == 200
    assert (await caller.post("/auth/password", json={"current": PASSWORD, "new": NEW_PASSWORD})).status_code == 204
    assert (await caller.get("/auth/me")).status_code == 401
    assert (await log_in(nobody, user.login)).status_code == 401
    assert (await log_in(nobody, user.login, NEW_PASSWORD)).status_code == 200


@pytest.mark.parametrize("password", ["password1234", "x" * 40, "{login}"])
async def test_a_new_password_that_is_easy_to_guess_is_refused(server: Server, password: str) -> None:
    user = await server.create_user()
    caller = server.client_of(user)
    body = {"current": PASSWORD, "new": password.format(login=user.login)}
    answer = await caller.post("/auth/password", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "weak_password")
    assert answer.json()["errors"][0]["pointer"] == "/new"
    assert (await caller.get("/auth/me")).status_code == 200


GetLogin = Callable[[Server], Awaitable[str]]


async def get_existing_login(server: Server) -> str:
    """Create a user and return the login."""
    return (await server.create_user()).login


async def get_unknown_login(server: Server) -> str:
    """Return a login that no user has."""
    return f"{uuid4().hex}@example.com"


@pytest.mark.parametrize("get_login", [get_existing_login, get_unknown_login])
async def test_five_failures_lock_a_login_that_exists_or_not(
    server: Server, nobody: httpx.AsyncClient, clock: MovableClock, get_login: GetLogin
) -> None:
    login = await get_login(server)
    for _ in range(5):
        assert (await log_in(nobody, login, WRONG_PASSWORD)).status_code == 401
    locked = await log_in(nobody, login)
    assert (locked.status_code, locked.json()["code"]) == (403, "captcha_required")
    clock.ahead = timedelta(minutes=14)
    assert (await log_in(nobody, login)).status_code == 403
    clock.ahead = timedelta(minutes=16)
    assert (await log_in(nobody, login, WRONG_PASSWORD)).status_code == 401


async def lock_account(server: Server, nobody: httpx.AsyncClient) -> User:
    """Create a user and lock the account by failed logins."""
    user = await server.create_user()
    for _ in range(5):
        await log_in(nobody, user.login, WRONG_PASSWORD)
    assert (await log_in(nobody, user.login)).status_code == 403
    return user


async def test_a_solved_captcha_counts_once(server: Server, nobody: httpx.AsyncClient) -> None:
    user = await lock_account(server, nobody)
    payload = await solve_captcha(nobody)
    assert (await log_in(nobody, user.login, WRONG_PASSWORD, captchaPayload=payload)).status_code == 401
    again = await log_in(nobody, user.login, captchaPayload=payload)
    assert (again.status_code, again.json()["code"]) == (403, "captcha_required")
    assert (await log_in(nobody, user.login, captchaPayload=await solve_captcha(nobody))).status_code == 200
    assert (await log_in(nobody, user.login)).status_code == 200


async def test_a_captcha_expires_after_ten_minutes(
    server: Server, nobody: httpx.AsyncClient, clock: MovableClock
) -> None:
    user = await lock_account(server, nobody)
    payload = await solve_captcha(nobody)
    clock.ahead = timedelta(minutes=11)
    assert (await log_in(nobody, user.login, captchaPayload=payload)).status_code == 403


@pytest.mark.parametrize(
    "change", [{"number": -1}, {"number": "1"}, {"salt": "00?expires=99999999999&"}, {"signature": ""}]
)
async def test_a_forged_captcha_is_refused(
    server: Server, nobody: httpx.AsyncClient, change: dict[str, object]
) -> None:
    user = await lock_account(server, nobody)
    payload = json.loads(base64.b64decode(await solve_captcha(nobody)))
    forged = base64.b64encode(json.dumps(payload | change).encode()).decode()
    assert (await log_in(nobody, user.login, captchaPayload=forged)).status_code == 403


@pytest.mark.parametrize("payload", ["x", "e30=", "bnVsbA==", "WzFd", "é", "=" * 4096])
async def test_a_malformed_captcha_is_refused(server: Server, nobody: httpx.AsyncClient, payload: str) -> None:
    user = await lock_account(server, nobody)
    assert (await log_in(nobody, user.login, captchaPayload=payload)).status_code == 403
