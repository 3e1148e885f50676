"""`POST /auth/setup`: the first platform administrator is created once, with a token of the server."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from okube_api.applications.repository import APPLICATIONS
from okube_api.auth.first_administrator import LIFETIME, SETUPS, FirstAdministrator
from okube_api.auth.repository import USERS, User
from okube_api.store.conditions import EVERYTHING, equal

from tests.api.server import PASSWORD, Json, Server, run_server, share_store

pytestmark = pytest.mark.anyio

LOGIN = "first@example.com"


@pytest.fixture(scope="module")
async def own_server(store_kind: str, fresh_store_url: Callable[[], str]) -> AsyncIterator[Server]:
    """Run the application on a store of its own."""
    async with run_server(store_kind, fresh_store_url()) as server:
        yield server


@pytest.fixture
async def empty_server(own_server: Server) -> Server:
    """Delete all users, applications and tokens."""
    own_server.clock.ahead = timedelta(0)
    for collection in (USERS, APPLICATIONS, SETUPS):
        await own_server.services.store.delete(collection, EVERYTHING)
    return own_server


async def issue_token(server: Server) -> str:
    token = await server.services.first_administrator.issue_token()
    assert token is not None
    return token


async def set_up(server: Server, token: str, **fields: Any) -> httpx.Response:
    async with server.client() as client:
        return await client.post("/auth/setup", json={"token": token, "login": LOGIN, "password": PASSWORD, **fields})


async def find_logins(server: Server) -> list[str]:
    return [user["login"] for user in await server.services.store.find(USERS, EVERYTHING)]


def assert_refused(answer: httpx.Response) -> None:
    assert answer.status_code == 422
    (fault,) = answer.json()["errors"]
    assert (fault["pointer"], fault["code"]) == ("/token", "invalid_setup_token")


async def test_administrator_and_application_are_created(empty_server: Server) -> None:
    answer = await set_up(
        empty_server,
        await issue_token(empty_server),
        name="Jeanne",
        application={"key": "my-shops", "name": "My shops", "timezone": "Europe/Madrid"},
    )
    assert answer.status_code == 201, answer.text
    body: Json = answer.json()
    assert (body["user"]["login"], body["user"]["name"]) == (LOGIN, "Jeanne")
    async with empty_server.client() as client:
        login = await client.post("/auth/login", json={"login": LOGIN, "password": PASSWORD})
        token = login.json()["auth"]["token"]
    async with empty_server.client(token) as client:
        assert (await client.get("/auth/me")).json()["platformAdmin"] is True
        application = (await client.get("/applications/my-shops")).json()
        assert application["_id"] == body["application"]["_id"]
        assert (application["name"], application["timezone"]) == ("My shops", "Europe/Madrid")
        assert (await client.get("/applications/my-shops/studies/all")).status_code == 200


async def test_token_works_once(empty_server: Server) -> None:
    token, other = [await issue_token(empty_server) for _ in range(2)]
    assert (await set_up(empty_server, token)).json()["application"] is None
    for each in (token, other):
        assert_refused(await set_up(empty_server, each, login="second@example.com"))
    assert await find_logins(empty_server) == [LOGIN]
    assert await empty_server.services.first_administrator.issue_token() is None


async def test_of_requests_at_the_same_time_one_succeeds(empty_server: Server) -> None:
    tokens = [await issue_token(empty_server) for _ in range(2)]
    answers = await asyncio.gather(
        *(set_up(empty_server, tokens[n % 2], login=f"user{n}@example.com") for n in range(6))
    )
    assert sorted(answer.status_code for answer in answers) == [201, *[422] * 5]
    assert len(await find_logins(empty_server)) == 1


@pytest.mark.parametrize("token", ["guess", "x" * 43, "é"])
async def test_wrong_token_is_refused(empty_server: Server, token: str) -> None:
    assert_refused(await set_up(empty_server, token))
    await issue_token(empty_server)
    assert_refused(await set_up(empty_server, token))
    assert await find_logins(empty_server) == []


async def test_token_is_refused_while_there_is_an_administrator(empty_server: Server) -> None:
    token = await issue_token(empty_server)
    await empty_server.create_user(platform_admin=True)
    assert_refused(await set_up(empty_server, token))


async def test_token_expires(empty_server: Server) -> None:
    token = await issue_token(empty_server)
    empty_server.clock.ahead += LIFETIME + timedelta(seconds=1)
    assert_refused(await set_up(empty_server, token))


async def test_token_of_a_server_that_has_ended_is_refused(empty_server: Server) -> None:
    token, other = [await issue_token(empty_server) for _ in range(2)]
    await empty_server.services.first_administrator.revoke_token(token)
    assert_refused(await set_up(empty_server, token))
    assert (await set_up(empty_server, other)).status_code == 201


@pytest.mark.parametrize(
    ("fields", "status", "pointer"),
    [
        ({"password": "password1234"}, 422, "/password"),
        ({"login": "taken@example.com"}, 422, "/login"),
        ({"application": {"key": "taken"}}, 422, "/application/key"),
        ({"login": "no address"}, 400, "/login"),
        ({"application": {"key": "ok", "timezone": "Mars/Base"}}, 400, "/application/timezone"),
    ],
)
async def test_refused_setup_changes_nothing(empty_server: Server, fields: Json, status: int, pointer: str) -> None:
    await empty_server.create_application(key="taken")
    await empty_server.services.sessions.users.create("taken@example.com", "!")
    token = await issue_token(empty_server)
    answer = await set_up(empty_server, token, **{"application": {"key": "mine"}, **fields})
    assert answer.status_code == status, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert await find_logins(empty_server) == ["taken@example.com"]
    applications = await empty_server.services.applications.find_all(None)
    assert [application["key"] for application in applications] == ["taken"]
    assert (await set_up(empty_server, token)).status_code == 201


async def test_setups_are_limited_per_address(tmp_path: Path) -> None:
    async with run_server("duckdb", f"duckdb:{tmp_path / 'okube.duckdb'}", login_rate_limit="2/minute") as server:
        statuses = [(await set_up(server, "guess")).status_code for _ in range(3)]
        assert statuses == [422, 422, 429]


# -- from the settings -------------------------------------------------------------------------------------------


@pytest.fixture
def password_file(tmp_path: Path) -> Path:
    """Write a file with a password."""
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n", encoding="utf-8")
    return file


async def test_settings_create_the_administrator_once(tmp_path: Path, password_file: Path) -> None:
    url = f"duckdb:{tmp_path / 'okube.duckdb'}"
    settings = {"admin_login": LOGIN, "admin_password_file": password_file}
    async with run_server("duckdb", url, **settings) as server:
        first = await server.services.store.find(USERS, EVERYTHING)
        async with server.client() as client:
            answer = await client.post("/auth/login", json={"login": LOGIN, "password": PASSWORD})
            assert answer.status_code == 200
        assert await server.services.first_administrator.issue_token() is None
    await anyio.Path(password_file).write_text("another password for everybody", encoding="utf-8")
    async with run_server("duckdb", url, **settings) as server:
        assert await server.services.store.find(USERS, EVERYTHING) == first
    async with run_server("duckdb", url, **settings | {"admin_login": "other@example.com"}) as server:
        assert await server.services.store.find(USERS, EVERYTHING) == first


async def test_of_servers_that_start_at_the_same_time_one_creates_it(empty_server: Server, password_file: Path) -> None:
    token = await issue_token(empty_server)
    services = empty_server.services
    servers = [FirstAdministrator(services.store, services.clock, services.sessions.users) for _ in range(5)]
    await asyncio.gather(*(server.create_configured(LOGIN, password_file) for server in servers))
    assert await find_logins(empty_server) == [LOGIN]
    assert_refused(await set_up(empty_server, token))


async def test_existing_user_is_not_changed(empty_server: Server, password_file: Path) -> None:
    await empty_server.services.sessions.users.create(LOGIN, "!")
    await empty_server.services.first_administrator.create_configured(LOGIN, password_file)
    (user,) = await empty_server.services.store.find(USERS, EVERYTHING)
    assert (user["password"], user["platformAdmin"]) == ("!", False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "No such file"),
        ("password1234", "easy to guess"),
        ("short", "12 characters"),
        ("pass " * 20_000, "more than 64 KiB"),
    ],
)
async def test_unusable_password_file_is_named(
    empty_server: Server, tmp_path: Path, text: str | None, message: str
) -> None:
    file = tmp_path / "secret"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="OKUBE_ADMIN_PASSWORD_FILE") as error:
        await empty_server.services.first_administrator.create_configured(LOGIN, file)
    assert message in str(error.value)


async def test_login_without_a_password_file_is_refused(empty_server: Server) -> None:
    with pytest.raises(ValueError, match="needs OKUBE_ADMIN_PASSWORD_FILE"):
        await empty_server.services.first_administrator.create_configured(LOGIN, None)


# -- the last administrator --------------------------------------------------------------------------------------


async def set_disabled(caller: httpx.AsyncClient, user: User, *, disabled: bool) -> httpx.Response:
    return await caller.put(f"/admin/users/{user.id}", json={"disabled": disabled})


@pytest.fixture
async def administrators(empty_server: Server) -> tuple[User, User]:
    """Create the only two platform administrators."""
    first, second = [await empty_server.create_user(platform_admin=True) for _ in range(2)]
    return first, second


async def test_the_last_administrator_cannot_be_disabled(
    empty_server: Server, administrators: tuple[User, User]
) -> None:
    first, second = administrators
    caller = empty_server.client_of(first)
    key = (await caller.post("/auth/keys", json={"name": "nightly"})).json()["token"]
    assert (await set_disabled(caller, second, disabled=True)).status_code == 200
    refused = await set_disabled(caller, first, disabled=True)
    (fault,) = refused.json()["errors"]
    assert (refused.status_code, fault["pointer"], fault["code"]) == (422, "/disabled", "last_administrator")
    assert (await empty_server.client(key).get("/admin/users")).status_code == 200
    assert (await set_disabled(caller, second, disabled=False)).status_code == 200
    assert (await set_disabled(caller, first, disabled=True)).status_code == 200


async def test_administrators_cannot_disable_each_other_at_the_same_time(
    empty_server: Server, administrators: tuple[User, User]
) -> None:
    first, second = administrators
    async with share_store(empty_server) as other:
        answers = await asyncio.gather(
            set_disabled(empty_server.client_of(first), second, disabled=True),
            set_disabled(other.client_of(second), first, disabled=True),
        )
    assert [answer.status_code for answer in answers].count(200) == 1, [answer.text for answer in answers]
    able = equal("platformAdmin", True) & equal("disabled", False)
    assert await empty_server.services.store.count(USERS, able) == 1


async def test_disabled_administrators_do_not_open_the_setup(
    empty_server: Server, administrators: tuple[User, User]
) -> None:
    for user in administrators:
        await empty_server.services.store.update(USERS, equal("_id", user.id), {"disabled": True})
    assert await empty_server.services.first_administrator.issue_token() is None
