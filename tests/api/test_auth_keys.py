"""API keys: creation, restrictions, expiry, revocation."""

from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from okube_api.auth.repository import Role
from okube_api.clock import stamp
from okube_api.store.conditions import equal

from tests.api.server import PASSWORD, MovableClock, Server, Tenant

pytestmark = pytest.mark.anyio


async def create_key(caller: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """Create a key and return the body of the response."""
    answer = await caller.post("/auth/keys", json={"name": "nightly", **fields})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_the_token_of_a_key_is_returned_once(editor: httpx.AsyncClient) -> None:
    key = await create_key(editor)
    assert set(key) == {
        "_id", "name", "applications", "role", "expiresAt", "survivesPasswordChange", "createdAt", "token"
    }  # fmt: skip
    listed = (await editor.get("/auth/keys")).json()["documents"]
    assert listed == [{name: value for name, value in key.items() if name != "token"}]


async def test_the_token_is_not_in_the_store(server: Server, editor: httpx.AsyncClient) -> None:
    key = await create_key(editor)
    secret = jwt.decode(key["token"], options={"verify_signature": False})["sec"]
    document = await server.services.sessions.keys.get_by_id(key["_id"])
    assert not any(secret in str(value) or key["token"] in str(value) for value in document.values())


async def test_a_key_has_the_roles_of_its_user(server: Server, tenant: Tenant) -> None:
    client = server.client((await create_key(tenant.editor))["token"])
    created = await client.post(f"{tenant.url}/sites", json={"name": "Lyon", "online": True})
    assert created.status_code == 201
    assert (await client.get("/auth/me")).json()["expiresAt"] is None


async def test_a_revoked_key_is_refused_at_once(server: Server, editor: httpx.AsyncClient) -> None:
    key = await create_key(editor)
    client = server.client(key["token"])
    assert (await client.get("/sites")).status_code == 200
    assert (await editor.delete(f"/auth/keys/{key['_id']}")).status_code == 204
    assert (await client.get("/sites")).status_code == 401
    assert (await editor.delete(f"/auth/keys/{key['_id']}")).status_code == 404


@pytest.mark.parametrize(("fields", "status"), [({}, 401), ({"survivesPasswordChange": True}, 200)])
async def test_a_key_ends_with_the_password_unless_it_survives(
    server: Server, fields: dict[str, bool], status: int
) -> None:
    owner = server.client_of(user := await server.create_user())
    key = await create_key(owner, **fields)
    assert key["survivesPasswordChange"] is fields.get("survivesPasswordChange", False)
    client = server.client(key["token"])
    assert (await client.get("/sites")).status_code == 200
    change = {"current": PASSWORD, "new": "violet harbour tram 72"}
    assert (await owner.post("/auth/password", json=change)).status_code == 204
    assert (await client.get("/sites")).status_code == status
    new_key = await create_key(server.client_of(await server.find_user(user.login)))
    assert (await server.client(new_key["token"]).get("/sites")).status_code == 200


async def test_a_key_of_an_earlier_version_survives(server: Server) -> None:
    owner = server.client_of(await server.create_user())
    key = await create_key(owner)
    keys = server.services.sessions.keys
    stored = await keys.get_by_id(key["_id"])
    new_fields = ("generation", "survivesPasswordChange")
    former = {name: value for name, value in stored.items() if name not in new_fields}
    assert await server.services.store.replace(keys.collection, equal("_id", key["_id"]), former)
    change = {"current": PASSWORD, "new": "violet harbour tram 72"}
    assert (await owner.post("/auth/password", json=change)).status_code == 204
    assert (await server.client(key["token"]).get("/sites")).status_code == 200


async def test_a_key_expires(server: Server, editor: httpx.AsyncClient, clock: MovableClock) -> None:
    expires_at = clock() + timedelta(days=30)
    key = await create_key(editor, expiresAt=stamp(expires_at))
    assert key["expiresAt"] == stamp(expires_at)
    client = server.client(key["token"])
    clock.ahead = timedelta(days=29)
    assert (await client.get("/sites")).status_code == 200
    clock.ahead = timedelta(days=31)
    assert (await client.get("/sites")).status_code == 401


@pytest.mark.parametrize(("text", "status"), [("2001-01-01T00:00:00Z", 422), ("tomorrow", 400), ("2040-01-01", 400)])
async def test_an_expiry_in_the_past_or_in_another_format_is_refused(
    editor: httpx.AsyncClient, text: str, status: int
) -> None:
    answer = await editor.post("/auth/keys", json={"name": "nightly", "expiresAt": text})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (status, "/expiresAt")


async def test_a_key_can_be_restricted_to_applications(server: Server) -> None:
    allowed, other = await server.create_tenant(), await server.create_tenant()
    user = await server.create_user(roles={allowed.id: Role.EDITOR, other.id: Role.EDITOR})
    client = server.client((await create_key(server.client_of(user), applications=[allowed.key]))["token"])
    assert (await client.get(allowed.url)).status_code == 200
    assert (await client.get(other.url)).status_code == 404
    applications = (await client.get("/auth/me")).json()["applications"]
    assert [application["_id"] for application in applications] == [allowed.id]


async def test_a_key_can_be_restricted_to_a_role(server: Server, tenant: Tenant, platform: httpx.AsyncClient) -> None:
    for owner in (tenant.editor, platform):
        client = server.client((await create_key(owner, role="reader"))["token"])
        assert (await client.get(f"{tenant.url}/sites")).status_code == 200
        assert (await client.post(f"{tenant.url}/sites", json={"name": "x", "online": True})).status_code == 403
    assert (await client.post("/applications", json={"key": "by-a-restricted-key"})).status_code == 403


async def test_the_role_of_a_key_does_not_exceed_that_of_its_user(server: Server, tenant: Tenant) -> None:
    client = server.client((await create_key(tenant.reader, role="admin"))["token"])
    assert (await client.post(f"{tenant.url}/sites", json={"name": "x", "online": True})).status_code == 403


async def test_a_key_cannot_manage_keys_or_passwords(server: Server, editor: httpx.AsyncClient) -> None:
    key = await create_key(editor)
    client = server.client(key["token"])
    assert (await client.post("/auth/keys", json={"name": "more"})).status_code == 403
    assert (await client.get("/auth/keys")).status_code == 403
    assert (await client.delete(f"/auth/keys/{key['_id']}")).status_code == 403
    assert (await client.post("/auth/logout")).status_code == 403
    change = {"current": "whatever it is", "new": "a new password, long enough"}
    assert (await client.post("/auth/password", json=change)).status_code == 403


async def test_foreign_applications_and_keys_are_not_found(
    tenant: Tenant, stranger: httpx.AsyncClient, editor: httpx.AsyncClient
) -> None:
    foreign = await stranger.post("/auth/keys", json={"name": "x", "applications": [tenant.key]})
    missing = await stranger.post("/auth/keys", json={"name": "x", "applications": ["no such"]})
    assert (foreign.status_code, missing.status_code) == (422, 422)
    assert foreign.text.replace(tenant.key, "no such").split('"requestId"')[0] == missing.text.split('"requestId"')[0]
    assert foreign.json()["errors"][0]["pointer"] == "/applications/0"
    key = await create_key(editor)
    assert (await stranger.delete(f"/auth/keys/{key['_id']}")).status_code == 404
