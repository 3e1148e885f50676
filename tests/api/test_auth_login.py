"""Logging in and out, passwords, and accounts that are locked."""

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

WRONG = "another password than theirs"
NEW = "a new password, long enough"


async def logged_in(nobody: httpx.AsyncClient, login: str, password: str = PASSWORD, **more: object) -> httpx.Response:
    """The answer to a login."""
    return await nobody.post("/auth/login", json={"login": login, "password": password, **more})


async def solution(nobody: httpx.AsyncClient) -> str:
    """A solved captcha: the number found by trying each, as ALTCHA describes it."""
    challenge = (await nobody.get("/auth/captcha")).json()
    number = next(
        number
        for number in range(challenge["maxnumber"] + 1)
        if hashlib.sha256(f"{challenge['salt']}{number}".encode()).hexdigest() == challenge["challenge"]
    )
    names = ("algorithm", "challenge", "salt", "signature")
    payload = {name: challenge[name] for name in names} | {"number": number}
    return base64.b64encode(json.dumps(payload).encode()).decode()


async def test_a_login_answers_all_that_clients_rely_on(tenant: Tenant, nobody: httpx.AsyncClient) -> None:
    user = next(iter(tenant.users.values()))
    answer = await logged_in(nobody, user.login.upper())
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


async def test_a_login_may_be_a_form(tenant: Tenant, nobody: httpx.AsyncClient) -> None:
    user = next(iter(tenant.users.values()))
    answer = await nobody.post("/auth/login", data={"login": user.login, "password": PASSWORD, "setCookie": "false"})
    assert answer.status_code == 200


async def test_a_token_lasts_48_hours(server: Server, nobody: httpx.AsyncClient, clock: MovableClock) -> None:
    user = await server.user()
    caller = server.client((await logged_in(nobody, user.login)).json()["auth"]["token"])
    clock.ahead = timedelta(hours=47, minutes=59)
    assert (await caller.get("/auth/me")).status_code == 200
    clock.ahead = timedelta(hours=48, seconds=1)
    assert (await caller.get("/auth/me")).status_code == 401


async def test_a_platform_administrator_sees_every_application(
    tenant: Tenant, platform: httpx.AsyncClient, reader: httpx.AsyncClient
) -> None:
    me = (await platform.get("/auth/me")).json()
    assert me["platformAdmin"] is True
    assert {"_id": tenant.id, "key": tenant.key, "role": "admin"} in me["applications"]
    assert (await reader.get("/auth/me")).json()["platformAdmin"] is False


async def test_an_unknown_login_is_answered_as_a_wrong_password(server: Server, nobody: httpx.AsyncClient) -> None:
    user = await server.user()
    known = (await logged_in(nobody, user.login, WRONG)).json()
    unknown = (await logged_in(nobody, f"{uuid4().hex}@example.com", WRONG)).json()
    assert known["status"] == 401
    assert known | {"requestId": ""} == unknown | {"requestId": ""}


async def test_a_disabled_user_is_refused_from_the_next_request_on(server: Server, nobody: httpx.AsyncClient) -> None:
    user = await server.user()
    caller = server.client_of(user)
    assert (await caller.get("/auth/me")).status_code == 200

    async def disabled(stored: dict[str, object]) -> dict[str, object]:
        return stored | {"disabled": True}

    users = server.services.sessions.users
    await users.change(await users.get_by_id(user.id), disabled)
    assert (await caller.get("/auth/me")).status_code == 401
    assert (await logged_in(nobody, user.login)).status_code == 401


async def test_a_token_is_good_no_more_after_its_logout(server: Server) -> None:
    user = await server.user()
    first, second = server.client_of(user), server.client_of(user)
    assert (await first.post("/auth/logout")).status_code == 204
    assert (await first.get("/auth/me")).status_code == 401
    assert (await second.get("/auth/me")).status_code == 200


async def test_a_new_password_ends_every_token(server: Server, nobody: httpx.AsyncClient) -> None:
    user = await server.user()
    caller = server.client_of(user)
    refused = await caller.post("/auth/password", json={"current": WRONG, "new": NEW})
    assert refused.status_code == 403
    assert (await caller.post("/auth/password", json={"current": PASSWORD, "new": "short"})).status_code == 400
    assert (await caller.get("/auth/me")).status_code == 200
    assert (await caller.post("/auth/password", json={"current": PASSWORD, "new": NEW})).status_code == 204
    assert (await caller.get("/auth/me")).status_code == 401
    assert (await logged_in(nobody, user.login)).status_code == 401
    assert (await logged_in(nobody, user.login, NEW)).status_code == 200


Login = Callable[[Server], Awaitable[str]]


async def _known(server: Server) -> str:
    return (await server.user()).login


async def _unknown(server: Server) -> str:
    return f"{uuid4().hex}@example.com"


@pytest.mark.parametrize("login_of", [_known, _unknown])
async def test_five_failures_lock_an_account_whether_or_not_there_is_one(
    server: Server, nobody: httpx.AsyncClient, clock: MovableClock, login_of: Login
) -> None:
    login = await login_of(server)
    for _ in range(5):
        assert (await logged_in(nobody, login, WRONG)).status_code == 401
    locked = await logged_in(nobody, login)
    assert (locked.status_code, locked.json()["code"]) == (403, "captcha_required")
    clock.ahead = timedelta(minutes=14)
    assert (await logged_in(nobody, login)).status_code == 403
    clock.ahead = timedelta(minutes=16)
    assert (await logged_in(nobody, login, WRONG)).status_code == 401


async def locked_account(server: Server, nobody: httpx.AsyncClient) -> User:
    """A user whose account has just been locked."""
    user = await server.user()
    for _ in range(5):
        await logged_in(nobody, user.login, WRONG)
    assert (await logged_in(nobody, user.login)).status_code == 403
    return user


async def test_a_solved_captcha_unlocks_once(server: Server, nobody: httpx.AsyncClient) -> None:
    user = await locked_account(server, nobody)
    payload = await solution(nobody)
    assert (await logged_in(nobody, user.login, WRONG, captchaPayload=payload)).status_code == 401
    again = await logged_in(nobody, user.login, captchaPayload=payload)
    assert (again.status_code, again.json()["code"]) == (403, "captcha_required")
    assert (await logged_in(nobody, user.login, captchaPayload=await solution(nobody))).status_code == 200
    assert (await logged_in(nobody, user.login)).status_code == 200


async def test_a_captcha_is_good_for_ten_minutes(
    server: Server, nobody: httpx.AsyncClient, clock: MovableClock
) -> None:
    user = await locked_account(server, nobody)
    payload = await solution(nobody)
    clock.ahead = timedelta(minutes=11)
    assert (await logged_in(nobody, user.login, captchaPayload=payload)).status_code == 403


@pytest.mark.parametrize(
    "change", [{"number": -1}, {"number": "1"}, {"salt": "00?expires=99999999999&"}, {"signature": ""}]
)
async def test_a_forged_captcha_unlocks_nothing(
    server: Server, nobody: httpx.AsyncClient, change: dict[str, object]
) -> None:
    user = await locked_account(server, nobody)
    payload = json.loads(base64.b64decode(await solution(nobody)))
    forged = base64.b64encode(json.dumps(payload | change).encode()).decode()
    assert (await logged_in(nobody, user.login, captchaPayload=forged)).status_code == 403


@pytest.mark.parametrize("payload", ["x", "e30=", "bnVsbA==", "WzFd", "é", "=" * 4096])
async def test_a_captcha_that_is_none_unlocks_nothing(server: Server, nobody: httpx.AsyncClient, payload: str) -> None:
    user = await locked_account(server, nobody)
    assert (await logged_in(nobody, user.login, captchaPayload=payload)).status_code == 403
