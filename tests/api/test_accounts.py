"""Users of the platform: they are listed, disabled and enabled by platform administrators.

`test_setup.py` tests the last platform administrator, on a store without other users.
"""

from typing import Any

import httpx
import pytest
from okube_api.auth.keys import KEYS
from okube_api.auth.repository import USERS, User
from okube_api.store.conditions import EVERYTHING, equal

from tests.api.server import PASSWORD, Json, Server, Tenant, share_store

pytestmark = pytest.mark.anyio


async def set_disabled(caller: httpx.AsyncClient, user: User, disabled: bool, **headers: str) -> httpx.Response:
    return await caller.put(f"/admin/users/{user.login}", json={"disabled": disabled}, headers=headers)


async def log_in(server: Server, login: str, password: str) -> httpx.Response:
    return await server.client().post("/auth/login", json={"login": login, "password": password})


async def create_key(caller: httpx.AsyncClient, **fields: Any) -> str:
    answer = await caller.post("/auth/keys", json={"name": "nightly", "survivesPasswordChange": True, **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["token"])


async def test_a_disabled_user_is_refused_at_once_in_every_process(
    server: Server, tenant: Tenant, platform: httpx.AsyncClient
) -> None:
    user = next(iter(tenant.users.values()))
    token = server.issue_token(user)
    key = await create_key(server.client(token))
    async with share_store(server) as other:
        clients = [process.client(text) for process in (server, other) for text in (token, key)]
        for client in clients:
            assert (await client.get(f"{tenant.url}/sites")).status_code == 200
        answer = await set_disabled(platform, user, True)
        assert (answer.status_code, answer.json()["disabled"]) == (200, True), answer.text
        for client in clients:
            assert (await client.get(f"{tenant.url}/sites")).status_code == 401
    assert await server.services.store.count(KEYS, equal("user", user.id)) == 0


async def test_a_login_says_nothing_of_a_disabled_user(server: Server, platform: httpx.AsyncClient) -> None:
    user = await server.create_user()
    await set_disabled(platform, user, True)
    unknown = "nobody-has-this@example.com"
    answers = [await log_in(server, *pair) for pair in ((user.login, PASSWORD), (user.login, "x"), (unknown, PASSWORD))]
    assert {answer.status_code for answer in answers} == {401}
    described = [{name: text for name, text in answer.json().items() if name != "requestId"} for answer in answers]
    assert described[0] == described[1] == described[2]
    assert "disabled" not in answers[0].text


async def test_an_invitation_does_not_log_a_disabled_user_in(
    server: Server, tenant: Tenant, platform: httpx.AsyncClient
) -> None:
    user = await server.create_user()
    await set_disabled(platform, user, True)
    invited = await tenant.admin.post(f"{tenant.url}/users", json={"login": user.login, "role": "reader"})
    accepted = await server.client().post(
        "/auth/invitations/accept", json={"token": invited.json()["token"], "password": PASSWORD}
    )
    assert accepted.status_code == 401
    stored = await server.services.sessions.users.get_by_id(user.id)
    assert stored["roles"] == []


async def test_an_enabled_user_logs_in_with_the_same_roles_but_without_earlier_tokens(
    server: Server, tenant: Tenant, platform: httpx.AsyncClient
) -> None:
    user = next(iter(tenant.users.values()))
    token = server.issue_token(user)
    key = await create_key(server.client(token))
    await set_disabled(platform, user, True)
    answer = await set_disabled(platform, user, False)
    role = {"_id": tenant.id, "key": tenant.key, "role": "reader", "disabled": False}
    assert (answer.json()["disabled"], answer.json()["applications"]) == (False, [role])
    for text in (token, key):
        assert (await server.client(text).get(f"{tenant.url}/sites")).status_code == 401
    logged_in = await log_in(server, user.login, PASSWORD)
    assert logged_in.status_code == 200
    assert (await server.client(logged_in.json()["auth"]["token"]).get(f"{tenant.url}/sites")).status_code == 200


async def test_keys_stay_gone_after_a_disabling_that_was_interrupted(
    server: Server, tenant: Tenant, platform: httpx.AsyncClient
) -> None:
    user = next(iter(tenant.users.values()))
    key = await create_key(server.client_of(user))
    users = server.services.sessions.users
    await users.set_disabled(await users.get_by_id(user.id), disabled=True)  # the process dies before the next step
    assert (await set_disabled(platform, user, False)).status_code == 200
    assert (await server.client(key).get("/sites")).status_code == 401


async def test_an_account_takes_its_answer_back(server: Server, tenant: Tenant, platform: httpx.AsyncClient) -> None:
    user = next(iter(tenant.users.values()))
    first = await platform.get(f"/admin/users/{user.id}")
    assert first.status_code == 200
    second = await platform.put(
        f"/admin/users/{user.id}", json=first.json(), headers={"If-Match": first.headers["ETag"]}
    )
    assert (second.status_code, second.json()) == (200, first.json())
    assert second.headers["ETag"] == first.headers["ETag"]
    renamed = await platform.put(f"/admin/users/{user.id}", json={"name": "Another"})
    assert (renamed.status_code, renamed.json()["errors"][0]["code"]) == (400, "read_only")


async def test_an_outdated_precondition_leaves_the_user_able_to_log_in(
    server: Server, platform: httpx.AsyncClient
) -> None:
    user = await server.create_user()
    etag = (await platform.get(f"/admin/users/{user.id}")).headers["ETag"]
    await set_disabled(platform, user, True)
    await set_disabled(platform, user, False)
    assert (await set_disabled(platform, user, True, **{"If-Match": etag})).status_code == 412
    assert (await log_in(server, user.login, PASSWORD)).status_code == 200


async def test_the_list_has_every_user_once(server: Server, tenant: Tenant, platform: httpx.AsyncClient) -> None:
    user = next(iter(tenant.users.values()))
    await set_disabled(platform, user, True)
    listed: Json = (await platform.get("/admin/users", params={"q": user.login})).json()
    (document,) = listed["documents"]
    assert (document["login"], document["disabled"], document["platformAdmin"]) == (user.login, True, False)
    assert set(document) == {
        "_id", "login", "name", "platformAdmin", "disabled", "applications", "createdAt", "updatedAt"
    }  # fmt: skip
    everybody = (await platform.get("/admin/users", params={"per_page": 0})).json()["_$paginated"]["total"]
    assert everybody == await server.services.store.count(USERS, EVERYTHING)


async def test_only_platform_administrators_see_and_change_accounts(server: Server, tenant: Tenant) -> None:
    user = next(iter(tenant.users.values()))
    for answer in (
        await tenant.admin.get("/admin/users"),
        await tenant.admin.get(f"/admin/users/{user.id}"),
        await set_disabled(tenant.admin, user, True),
    ):
        assert answer.status_code == 403
    assert (await server.client().get("/admin/users")).status_code == 401


@pytest.mark.parametrize("name", ["nobody-has-this@example.com", "0" * 24, "x"])
async def test_an_unknown_user_is_not_found(platform: httpx.AsyncClient, name: str) -> None:
    assert (await platform.put(f"/admin/users/{name}", json={"disabled": True})).status_code == 404
