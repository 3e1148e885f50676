"""The users of an application."""

from uuid import uuid4

import httpx
import pytest
from okube_api.auth.repository import Role

from tests.api.server import PASSWORD, Json, Server, Tenant

pytestmark = pytest.mark.anyio

FIRST = "a first password, long enough"


def newcomer(**fields: object) -> Json:
    """The body that gives someone new a role."""
    return {"login": f"{uuid4().hex}@Example.com", "password": FIRST, "role": "reader", **fields}


async def test_a_newcomer_logs_in_with_the_role(
    tenant: Tenant, admin: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    body = newcomer(name="Jeanne", role="editor")
    made = await admin.post(f"{tenant.url}/users", json=body)
    assert made.status_code == 201
    shown = made.json()
    login = body["login"].lower()
    assert shown == {"_id": shown["_id"], "login": login, "name": "Jeanne", "role": "editor", "disabled": False}
    answer = await nobody.post("/auth/login", json={"login": body["login"], "password": FIRST})
    assert answer.json()["auth"]["applications"] == [{"_id": tenant.id, "key": tenant.key, "role": "editor"}]


async def test_who_can_log_in_already_keeps_their_password(
    server: Server, tenant: Tenant, admin: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    known = await server.user()
    made = await admin.post(f"{tenant.url}/users", json=newcomer(login=known.login))
    assert (made.status_code, made.json()["_id"]) == (201, known.id)
    statuses = [
        (await nobody.post("/auth/login", json={"login": known.login, "password": password})).status_code
        for password in (FIRST, PASSWORD)
    ]
    assert statuses == [401, 200]


async def test_a_role_is_given_once(tenant: Tenant, admin: httpx.AsyncClient) -> None:
    body = newcomer()
    assert (await admin.post(f"{tenant.url}/users", json=body)).status_code == 201
    again = await admin.post(f"{tenant.url}/users", json=body)
    assert (again.status_code, again.json()["errors"][0]["pointer"]) == (422, "/login")


async def test_a_role_is_changed_disabled_and_taken_away(
    server: Server, tenant: Tenant, admin: httpx.AsyncClient
) -> None:
    user = tenant.users[Role.READER]
    caller, one = tenant.reader, f"{tenant.url}/users/{user.id}"
    site = {"name": "Lyon", "online": True}
    assert (await caller.post(f"{tenant.url}/sites", json=site)).status_code == 403
    assert (await admin.put(one, json={"role": "editor"})).json()["role"] == "editor"
    assert (await caller.post(f"{tenant.url}/sites", json=site)).status_code == 201
    assert (await admin.patch(one, json={"disabled": True})).json() | {"role": "editor", "disabled": True}
    assert (await caller.get(f"{tenant.url}/sites")).status_code == 404
    assert (await caller.get("/sites")).json()["documents"] == []
    assert (await admin.put(one, json={"disabled": False})).json()["role"] == "editor"
    assert (await caller.get(f"{tenant.url}/sites")).status_code == 200
    assert (await admin.delete(one)).status_code == 204
    assert (await caller.get(f"{tenant.url}/sites")).status_code == 404
    assert (await admin.delete(one)).status_code == 404


async def test_a_role_elsewhere_is_left_alone(server: Server, tenant: Tenant, other_tenant: Tenant) -> None:
    user = await server.user(roles={tenant.id: Role.READER, other_tenant.id: Role.EDITOR})
    assert (await tenant.admin.delete(f"{tenant.url}/users/{user.id}")).status_code == 204
    assert (await server.client_of(user).get(other_tenant.url)).status_code == 200


async def test_the_list_is_of_the_application_alone(tenant: Tenant, admin: httpx.AsyncClient, stranger: object) -> None:
    listed = (await admin.get(f"{tenant.url}/users")).json()
    assert {(one["_id"], one["role"]) for one in listed["documents"]} == {
        (user.id, role.value) for role, user in tenant.users.items()
    }
    user = tenant.users[Role.EDITOR]
    found = (await admin.get(f"{tenant.url}/users", params={"q": user.login[:20].upper()})).json()
    assert [one["_id"] for one in found["documents"]] == [user.id]


async def test_only_administrators_see_and_change_users(tenant: Tenant, stranger: httpx.AsyncClient) -> None:
    for caller, status in ((tenant.reader, 403), (tenant.editor, 403), (stranger, 404)):
        assert (await caller.get(f"{tenant.url}/users")).status_code == status
        assert (await caller.post(f"{tenant.url}/users", json=newcomer())).status_code == status
        user = tenant.users[Role.READER].id
        assert (await caller.put(f"{tenant.url}/users/{user}", json={"role": "admin"})).status_code == status
        assert (await caller.delete(f"{tenant.url}/users/{user}")).status_code == status


async def test_a_user_of_others_looks_missing(tenant: Tenant, other_tenant: Tenant, admin: httpx.AsyncClient) -> None:
    for user in (other_tenant.users[Role.READER].id, "f" * 24, "nobody"):
        assert (await admin.put(f"{tenant.url}/users/{user}", json={"role": "admin"})).status_code == 404
        assert (await admin.delete(f"{tenant.url}/users/{user}")).status_code == 404


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"login": "no address"}, "/login"),
        ({"role": "owner"}, "/role"),
        ({"role": None}, "/role"),
        ({"password": "too short"}, "/password"),
        ({"platformAdmin": True}, "/platformAdmin"),
        ({"generation": 7}, "/generation"),
    ],
)
async def test_a_bad_user_is_refused(tenant: Tenant, admin: httpx.AsyncClient, change: Json, pointer: str) -> None:
    answer = await admin.post(f"{tenant.url}/users", json=newcomer(**change))
    assert answer.status_code == 400
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
