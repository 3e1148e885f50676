"""Users of an application over HTTP: roles are given, changed, disabled and removed."""

from uuid import uuid4

import httpx
import pytest
from okube_api.auth.repository import Role

from tests.api.server import PASSWORD, Json, Server, Tenant

pytestmark = pytest.mark.anyio

FIRST_PASSWORD = "a first password, long enough"


def build_new_user(**fields: object) -> Json:
    """Return the body of a request that creates a user with a role."""
    return {"login": f"{uuid4().hex}@Example.com", "password": FIRST_PASSWORD, "role": "reader", **fields}


async def test_a_new_user_logs_in_with_the_role(
    tenant: Tenant, admin: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    body = build_new_user(name="Jeanne", role="editor")
    created = await admin.post(f"{tenant.url}/users", json=body)
    assert created.status_code == 201
    user = created.json()
    login = body["login"].lower()
    assert user == {"_id": user["_id"], "login": login, "name": "Jeanne", "role": "editor", "disabled": False}
    answer = await nobody.post("/auth/login", json={"login": body["login"], "password": FIRST_PASSWORD})
    assert answer.json()["auth"]["applications"] == [{"_id": tenant.id, "key": tenant.key, "role": "editor"}]


async def test_an_existing_user_keeps_the_password(
    server: Server, tenant: Tenant, admin: httpx.AsyncClient, nobody: httpx.AsyncClient
) -> None:
    user = await server.create_user()
    response = await admin.post(f"{tenant.url}/users", json=build_new_user(login=user.login))
    assert (response.status_code, response.json()["_id"]) == (201, user.id)
    statuses = [
        (await nobody.post("/auth/login", json={"login": user.login, "password": password})).status_code
        for password in (FIRST_PASSWORD, PASSWORD)
    ]
    assert statuses == [401, 200]


async def test_a_second_role_for_the_same_login_is_refused(tenant: Tenant, admin: httpx.AsyncClient) -> None:
    body = build_new_user()
    assert (await admin.post(f"{tenant.url}/users", json=body)).status_code == 201
    again = await admin.post(f"{tenant.url}/users", json=body)
    assert (again.status_code, again.json()["errors"][0]["pointer"]) == (422, "/login")


async def test_a_role_is_changed_disabled_and_removed(server: Server, tenant: Tenant, admin: httpx.AsyncClient) -> None:
    user = tenant.users[Role.READER]
    caller, url = tenant.reader, f"{tenant.url}/users/{user.id}"
    site = {"name": "Lyon", "online": True}
    assert (await caller.post(f"{tenant.url}/sites", json=site)).status_code == 403
    assert (await admin.put(url, json={"role": "editor"})).json()["role"] == "editor"
    assert (await caller.post(f"{tenant.url}/sites", json=site)).status_code == 201
    disabled = (await admin.patch(url, json={"disabled": True})).json()
    assert (disabled["role"], disabled["disabled"]) == ("editor", True)
    assert (await caller.get(f"{tenant.url}/sites")).status_code == 404
    assert (await caller.get("/sites")).json()["documents"] == []
    assert (await admin.put(url, json={"disabled": False})).json()["role"] == "editor"
    assert (await caller.get(f"{tenant.url}/sites")).status_code == 200
    assert (await admin.delete(url)).status_code == 204
    assert (await caller.get(f"{tenant.url}/sites")).status_code == 404
    assert (await admin.delete(url)).status_code == 404


async def test_roles_in_other_applications_are_kept(server: Server, tenant: Tenant, other_tenant: Tenant) -> None:
    user = await server.create_user(roles={tenant.id: Role.READER, other_tenant.id: Role.EDITOR})
    assert (await tenant.admin.delete(f"{tenant.url}/users/{user.id}")).status_code == 204
    assert (await server.client_of(user).get(other_tenant.url)).status_code == 200


async def test_the_list_has_the_users_of_the_application_only(
    tenant: Tenant, admin: httpx.AsyncClient, stranger: object
) -> None:
    listed = (await admin.get(f"{tenant.url}/users")).json()
    assert {(document["_id"], document["role"]) for document in listed["documents"]} == {
        (user.id, role.value) for role, user in tenant.users.items()
    }
    user = tenant.users[Role.EDITOR]
    matches = (await admin.get(f"{tenant.url}/users", params={"q": user.login[:20].upper()})).json()
    assert [document["_id"] for document in matches["documents"]] == [user.id]


async def test_only_administrators_read_and_change_users(tenant: Tenant, stranger: httpx.AsyncClient) -> None:
    for caller, status in ((tenant.reader, 403), (tenant.editor, 403), (stranger, 404)):
        assert (await caller.get(f"{tenant.url}/users")).status_code == status
        assert (await caller.post(f"{tenant.url}/users", json=build_new_user())).status_code == status
        user = tenant.users[Role.READER].id
        assert (await caller.put(f"{tenant.url}/users/{user}", json={"role": "admin"})).status_code == status
        assert (await caller.delete(f"{tenant.url}/users/{user}")).status_code == status


@pytest.mark.parametrize("name", ["{foreign_id}", "f" * 24, "nobody"])
async def test_a_user_of_another_application_is_not_found(
    tenant: Tenant, other_tenant: Tenant, admin: httpx.AsyncClient, name: str
) -> None:
    user = name.format(foreign_id=other_tenant.users[Role.READER].id)
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
async def test_a_bad_field_of_a_user_is_refused(
    tenant: Tenant, admin: httpx.AsyncClient, change: Json, pointer: str
) -> None:
    answer = await admin.post(f"{tenant.url}/users", json=build_new_user(**change))
    assert answer.status_code == 400
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
