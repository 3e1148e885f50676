"""API keys: made, narrowed, revoked."""

from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest
from okube_api.auth.repository import Role
from okube_api.clock import stamp

from tests.api.server import MovableClock, Server, Tenant

pytestmark = pytest.mark.anyio


async def made(caller: httpx.AsyncClient, **fields: Any) -> dict[str, Any]:
    """A new key, as it is answered."""
    answer = await caller.post("/auth/keys", json={"name": "nightly", **fields})
    assert answer.status_code == 201, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def test_the_token_of_a_key_is_shown_once(editor: httpx.AsyncClient) -> None:
    key = await made(editor)
    assert set(key) == {"_id", "name", "applications", "role", "expiresAt", "createdAt", "token"}
    listed = (await editor.get("/auth/keys")).json()["documents"]
    assert listed == [{name: value for name, value in key.items() if name != "token"}]


async def test_the_store_knows_no_token(server: Server, editor: httpx.AsyncClient) -> None:
    key = await made(editor)
    secret = jwt.decode(key["token"], options={"verify_signature": False})["sec"]
    kept = await server.services.sessions.keys.get_by_id(key["_id"])
    assert not any(secret in str(value) or key["token"] in str(value) for value in kept.values())


async def test_a_key_does_what_its_user_may(server: Server, tenant: Tenant) -> None:
    program = server.client((await made(tenant.editor))["token"])
    created = await program.post(f"{tenant.url}/sites", json={"name": "Lyon", "online": True})
    assert created.status_code == 201
    assert (await program.get("/auth/me")).json()["expiresAt"] is None


async def test_a_revoked_key_is_refused_at_once(server: Server, editor: httpx.AsyncClient) -> None:
    key = await made(editor)
    program = server.client(key["token"])
    assert (await program.get("/sites")).status_code == 200
    assert (await editor.delete(f"/auth/keys/{key['_id']}")).status_code == 204
    assert (await program.get("/sites")).status_code == 401
    assert (await editor.delete(f"/auth/keys/{key['_id']}")).status_code == 404


async def test_a_key_ends_when_it_says(server: Server, editor: httpx.AsyncClient, clock: MovableClock) -> None:
    ends = clock() + timedelta(days=30)
    key = await made(editor, expiresAt=stamp(ends))
    assert key["expiresAt"] == stamp(ends)
    program = server.client(key["token"])
    clock.ahead = timedelta(days=29)
    assert (await program.get("/sites")).status_code == 200
    clock.ahead = timedelta(days=31)
    assert (await program.get("/sites")).status_code == 401


@pytest.mark.parametrize(("text", "status"), [("2001-01-01T00:00:00Z", 422), ("tomorrow", 400), ("2040-01-01", 400)])
async def test_a_key_ends_in_the_future(editor: httpx.AsyncClient, text: str, status: int) -> None:
    answer = await editor.post("/auth/keys", json={"name": "nightly", "expiresAt": text})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (status, "/expiresAt")


async def test_a_key_is_narrowed_to_applications(server: Server) -> None:
    here, there = await server.tenant(), await server.tenant()
    user = await server.user(roles={here.id: Role.EDITOR, there.id: Role.EDITOR})
    program = server.client((await made(server.client_of(user), applications=[here.key]))["token"])
    assert (await program.get(here.url)).status_code == 200
    assert (await program.get(there.url)).status_code == 404
    assert [one["_id"] for one in (await program.get("/auth/me")).json()["applications"]] == [here.id]


async def test_a_key_is_narrowed_to_a_role(server: Server, tenant: Tenant, platform: httpx.AsyncClient) -> None:
    for maker in (tenant.editor, platform):
        program = server.client((await made(maker, role="reader"))["token"])
        assert (await program.get(f"{tenant.url}/sites")).status_code == 200
        assert (await program.post(f"{tenant.url}/sites", json={"name": "x", "online": True})).status_code == 403
    assert (await program.post("/applications", json={"key": "by-a-narrowed-key"})).status_code == 403


async def test_a_role_adds_nothing_to_what_the_user_may(server: Server, tenant: Tenant) -> None:
    program = server.client((await made(tenant.reader, role="admin"))["token"])
    assert (await program.post(f"{tenant.url}/sites", json={"name": "x", "online": True})).status_code == 403


async def test_a_key_makes_no_keys_and_sets_no_passwords(server: Server, editor: httpx.AsyncClient) -> None:
    key = await made(editor)
    program = server.client(key["token"])
    assert (await program.post("/auth/keys", json={"name": "more"})).status_code == 403
    assert (await program.get("/auth/keys")).status_code == 403
    assert (await program.delete(f"/auth/keys/{key['_id']}")).status_code == 403
    assert (await program.post("/auth/logout")).status_code == 403
    change = {"current": "whatever it is", "new": "a new password, long enough"}
    assert (await program.post("/auth/password", json=change)).status_code == 403


async def test_foreign_applications_and_keys_look_missing(
    tenant: Tenant, stranger: httpx.AsyncClient, editor: httpx.AsyncClient
) -> None:
    foreign = await stranger.post("/auth/keys", json={"name": "x", "applications": [tenant.key]})
    missing = await stranger.post("/auth/keys", json={"name": "x", "applications": ["no such"]})
    assert (foreign.status_code, missing.status_code) == (422, 422)
    assert foreign.text.replace(tenant.key, "no such").split('"requestId"')[0] == missing.text.split('"requestId"')[0]
    assert foreign.json()["errors"][0]["pointer"] == "/applications/0"
    key = await made(editor)
    assert (await stranger.delete(f"/auth/keys/{key['_id']}")).status_code == 404
