"""Login and logout, passwords, locked accounts and captchas."""

import asyncio
import base64
import hashlib
import json
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import uuid4

import httpx
import pytest
from okube_api.auth.attempts import ATTEMPTS
from okube_api.auth.passwords import Passwords
from okube_api.auth.repository import User
from okube_api.clock import stamp
from okube_api.store.conditions import equal

from tests.api.server import PASSWORD, MovableClock, Server, Tenant, share_store

pytestmark = pytest.mark.anyio

WRONG_PASSWORD = "a password that is not theirs"
NEW_PASSWORD = "a new password, long enough"


async def log_in(nobody: httpx.AsyncClient, login: str, password: str = PASSWORD, **more: object) -> httpx.Response:
    """Post a login and return the response."""
    return await nobody.post("/auth/login", json={"login": login, "password": password, **more})


async def solve_captcha(nobody: httpx.AsyncClient, level: int = 0) -> str:
    """Return the payload of a solved captcha: try each counter, as ALTCHA describes it."""
    challenge = (await nobody.get("/auth/captcha", params={"level": level})).json()
    parameters = challenge["parameters"]
    start = bytes.fromhex(parameters["salt"]) + bytes.fromhex(parameters["nonce"])
    for counter in range(parameters["data"]["maxCounter"] + 1):
        key = hashlib.sha256(start + counter.to_bytes(4, "big")).hexdigest()
        if key.startswith(parameters["keyPrefix"]):
            return encode_payload({"challenge": challenge, "solution": {"counter": counter, "derivedKey": key}})
    raise AssertionError("the challenge has no solution")


def encode_payload(payload: object) -> str:
    """Return a payload as it is sent."""
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
    name = tenant.application["name"]
    assert {"_id": tenant.id, "key": tenant.key, "name": name, "role": "admin"} in me["applications"]
    assert (await reader.get("/auth/me")).json()["platformAdmin"] is False


async def test_users_learn_their_applications_and_roles(
    tenant: Tenant, server: Server, reader: httpx.AsyncClient
) -> None:
    own = {"_id": tenant.id, "key": tenant.key, "name": tenant.application["name"]}
    me = (await reader.get("/auth/me")).json()
    assert (me["isApiKey"], me["applications"]) == (False, [{**own, "role": "reader"}])
    body = {"name": "k", "role": "editor", "applications": [tenant.key]}
    token = (await tenant.admin.post("/auth/keys", json=body)).json()["token"]
    me = (await server.client(token).get("/auth/me")).json()
    assert (me["isApiKey"], me["applications"]) == (True, [{**own, "role": "editor"}])


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
    """Create a user whose account is locked, as by failed logins."""
    user = await server.create_user()
    await set_failures(server, user.login, server.services.settings.login_failures)
    assert (await log_in(nobody, user.login)).status_code == 403
    return user


@pytest.fixture(scope="module")
async def solved_captcha(shared_server: Server) -> str:
    """Solve a captcha for tests that are refused, which does not use it up."""
    return await solve_captcha(shared_server.client())


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
    ("part", "change"),
    [
        ("solution", {"counter": -1}),
        ("solution", {"counter": "1"}),
        ("solution", {"derivedKey": ""}),
        ("parameters", {"expiresAt": 99_999_999_999}),
        ("parameters", {"data": {"level": 4}}),
        ("parameters", {"keyPrefix": "0"}),
        ("challenge", {"signature": ""}),
        ("challenge", {"parameters": None}),
    ],
)
async def test_a_forged_captcha_is_refused(
    server: Server, *, nobody: httpx.AsyncClient, solved_captcha: str, part: str, change: dict[str, object]
) -> None:
    user = await lock_account(server, nobody)
    payload = json.loads(base64.b64decode(solved_captcha))
    parts = {**payload, "parameters": payload["challenge"]["parameters"]}
    parts[part].update(change)
    assert (await log_in(nobody, user.login, captchaPayload=encode_payload(payload))).status_code == 403


async def test_guesses_in_parallel_are_counted_before_they_are_verified(
    server: Server, nobody: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    verified = []
    verify = Passwords.verify

    async def count_and_verify(
        self: Passwords, password: str, *arguments: str | None, has_priority: bool = False
    ) -> bool:
        verified.append(password)
        return await verify(self, password, *arguments, has_priority=has_priority)

    monkeypatch.setattr(Passwords, "verify", count_and_verify)
    user = await server.create_user()
    async with share_store(server) as other_process:
        callers = (nobody, other_process.client())
        guesses = [log_in(callers[i % 2], user.login, f"{WRONG_PASSWORD} {i}") for i in range(40)]
        statuses = Counter(answer.status_code for answer in await asyncio.gather(*guesses))
    assert len(verified) == 5
    assert statuses == {401: 5, 403: 35}


async def test_correct_logins_in_parallel_all_succeed(server: Server, nobody: httpx.AsyncClient) -> None:
    user = await server.create_user()
    answers = await asyncio.gather(*(log_in(nobody, user.login) for _ in range(12)))
    assert {answer.status_code for answer in answers} == {200}


async def set_failures(server: Server, login: str, failures: int) -> None:
    """Store a number of failed logins from unknown addresses, the last one now."""
    attempts, store = server.services.sessions.attempts, server.services.store
    account, now = attempts.hash_account(login), server.clock()
    document = {
        "_id": account,
        "version": failures,
        "recent": [stamp(now)] * 5,
        "lastAt": stamp(now),
        "expiresAt": stamp(now + timedelta(days=1)),
    }
    await store.delete(ATTEMPTS, equal("_id", account))
    await store.insert(ATTEMPTS, [document])


@pytest.mark.parametrize(("failures", "pause_s"), [(19, 0), (20, 30), (21, 60), (23, 240), (27, 3600), (400, 3600)])
async def test_many_failures_pause_an_account_and_the_owner_sees_it(
    server: Server, nobody: httpx.AsyncClient, clock: MovableClock, failures: int, pause_s: int
) -> None:
    user = await server.create_user()
    owner = server.client_of(user)
    await set_failures(server, user.login, failures)
    me = (await owner.get("/auth/me")).json()
    assert me["failedLogins"] == failures
    assert (me["loginsPausedUntil"] is None) is (pause_s == 0)
    answer = await log_in(nobody, user.login, captchaPayload="x")
    assert answer.status_code == (429 if pause_s else 403)
    if pause_s:
        assert pause_s - 5 <= int(answer.headers["Retry-After"]) <= pause_s
        clock.ahead += timedelta(seconds=pause_s + 1)
        assert (await log_in(nobody, user.login, captchaPayload="x")).status_code != 429


@pytest.mark.parametrize(("failures", "level"), [(5, 0), (9, 0), (10, 1), (15, 2), (19, 2)])
async def test_captchas_take_more_work_after_more_failures(
    server: Server, nobody: httpx.AsyncClient, failures: int, level: int
) -> None:
    async with share_store(server, captcha_effort=50) as quick:
        user, caller = await quick.create_user(), quick.client()
        await set_failures(quick, user.login, failures)
        assert (await log_in(caller, user.login)).json()["captchaLevel"] == level
        if level:
            easy = await solve_captcha(caller, level - 1)
            assert (await log_in(caller, user.login, captchaPayload=easy)).json()["captchaLevel"] == level
        solved = await solve_captcha(caller, level)
        assert (await log_in(caller, user.login, captchaPayload=solved)).status_code == 200
        assert (await quick.client_of(user).get("/auth/me")).json()["failedLogins"] == 0


async def test_guesses_from_elsewhere_do_not_lock_out_a_known_address(server: Server) -> None:
    async with share_store(server, require_https=False) as plain:
        user = await plain.create_user()
        owner, attacker = (plain.client(address=(f"2001:db8:{n}::1", 1)) for n in range(2))
        neighbour = plain.client(address=("2001:db8:0:0:abcd::9", 2))  # of the same /64 as the owner
        assert (await log_in(owner, user.login)).status_code == 200
        for _ in range(6):
            last = await log_in(attacker, user.login, WRONG_PASSWORD)
        assert last.status_code == 403
        assert (await log_in(owner, user.login)).status_code == 200
        assert (await log_in(neighbour, user.login)).status_code == 200
        assert (await log_in(attacker, user.login)).status_code == 403
        await set_failures(plain, user.login, 30)
        assert (await log_in(attacker, user.login)).status_code == 429
        assert (await log_in(owner, user.login)).status_code == 200
        for _ in range(5):
            await log_in(owner, user.login, WRONG_PASSWORD)
        assert (await log_in(owner, user.login)).status_code == 403


@pytest.mark.slow
@pytest.mark.usefixtures("costly_hashes")
async def test_a_flood_of_logins_does_not_keep_out_known_addresses(server: Server) -> None:
    async with share_store(server, require_https=False) as plain:
        user = await plain.create_user()
        owner, session = plain.client(address=("192.0.2.1", 1)), plain.client_of(user)
        assert (await log_in(owner, user.login)).status_code == 200
        attackers = [plain.client(address=(f"198.51.100.{n}", 1)) for n in range(100)]
        flood = [
            asyncio.create_task(log_in(attacker, f"{uuid4().hex}@example.com", WRONG_PASSWORD))
            for attacker in attackers
        ]
        await asyncio.wait(flood, return_when=asyncio.FIRST_COMPLETED)
        assert (await log_in(owner, user.login)).status_code == 200
        passwords = {"current": PASSWORD, "new": "violet harbour tram 72"}
        assert (await session.post("/auth/password", json=passwords)).status_code == 204
        statuses = Counter(answer.status_code for answer in await asyncio.gather(*flood))
    assert set(statuses) == {401, 429}
    assert statuses[429] > 20


async def test_an_unknown_address_is_not_remembered(server: Server) -> None:
    """Where the server does not know addresses, such as on a socket of the file system, all clients share one."""
    user, attempts = await server.create_user(), server.services.sessions.attempts
    for _ in range(2):
        async with attempts.guard(user.login, "", None) as is_known:
            assert not is_known


@pytest.mark.parametrize("payload", ["x", "e30=", "bnVsbA==", "WzFd", "é", "=" * 4096])
async def test_a_malformed_captcha_is_refused(server: Server, nobody: httpx.AsyncClient, payload: str) -> None:
    user = await lock_account(server, nobody)
    assert (await log_in(nobody, user.login, captchaPayload=payload)).status_code == 403
