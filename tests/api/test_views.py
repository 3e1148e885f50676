"""Views: who sees, changes and deletes them, their bounds, and what becomes of them with their owner."""

from typing import Any

import httpx
import pytest
from okube_api.auth.repository import Role
from okube_api.views import repository

from tests.api.server import Json, Server, Tenant

pytestmark = pytest.mark.anyio

VIEW = {"name": "Monday morning", "path": "overview", "query": "period=last-week&sites=lyon-2"}


async def save_view(client: httpx.AsyncClient, tenant: Tenant, **fields: object) -> Json:
    """Save a view and return it."""
    response = await client.post(f"{tenant.url}/views", json=VIEW | fields)
    assert response.status_code == 201, response.text
    view: Json = response.json()
    return view


async def list_names(client: httpx.AsyncClient, tenant: Tenant, **query: str) -> list[str]:
    """Return the names of the views that a list has."""
    documents = (await client.get(f"{tenant.url}/views", params=query)).json()["documents"]
    return [view["name"] for view in documents]


async def test_a_reader_keeps_own_views(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    view = await save_view(reader, tenant)
    user = tenant.users[Role.READER]
    assert {name: view[name] for name in VIEW} == VIEW
    assert (view["shared"], view["owner"]) == (False, {"_id": user.id, "name": user.name})
    for url in (f"{tenant.url}/views", f"/a/{tenant.id}/views"):
        assert (await reader.get(url)).json()["documents"] == [view]
        assert (await reader.get(f"{url}/{view['_id']}")).json() == view
    url = f"{tenant.url}/views/{view['_id']}"
    changed = await reader.patch(url, json={"query": "", "path": "manage/sites"})
    assert (changed.json()["query"], changed.json()["path"], changed.json()["name"]) == (
        "", "manage/sites", VIEW["name"],
    )  # fmt: skip
    assert (await reader.delete(url)).status_code == 204
    assert (await reader.get(url)).status_code == 404


async def test_query_and_sharing_have_defaults(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    view = (await reader.post(f"{tenant.url}/views", json={"name": "Map", "path": "map"})).json()
    assert (view["query"], view["shared"]) == ("", False)


async def test_own_and_shared_views_are_listed(
    tenant: Tenant, editor: httpx.AsyncClient, reader: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    await save_view(editor, tenant, name="Team", shared=True)
    private = await save_view(editor, tenant, name="Mine")
    await save_view(reader, tenant, name="Reader's")
    assert await list_names(editor, tenant) == ["Team", "Mine"]
    assert await list_names(reader, tenant) == ["Team", "Reader's"]
    assert await list_names(tenant.admin, tenant) == ["Team"]
    assert await list_names(reader, tenant, shared="false") == ["Reader's"]
    assert await list_names(reader, tenant, shared="true") == ["Team"]
    assert await list_names(reader, tenant, q="READER") == ["Reader's"]
    for client in (reader, tenant.admin):
        for method in ("GET", "PUT", "DELETE"):
            answer = await client.request(method, f"{tenant.url}/views/{private['_id']}", json={})
            assert answer.status_code == 404, method
    assert (await stranger.get(f"{tenant.url}/views")).status_code == 404


async def test_views_belong_to_one_application(server: Server, tenant: Tenant, other_tenant: Tenant) -> None:
    user = await server.create_user(roles={tenant.id: Role.EDITOR, other_tenant.id: Role.EDITOR})
    client = server.client_of(user)
    view = await save_view(client, tenant, shared=True)
    assert await list_names(client, other_tenant) == []
    assert (await client.get(f"{other_tenant.url}/views/{view['_id']}")).status_code == 404


async def test_sharing_requires_an_editor(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    refused = await reader.post(f"{tenant.url}/views", json={**VIEW, "shared": True})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    url = f"{tenant.url}/views/{(await save_view(reader, tenant))['_id']}"
    assert (await reader.patch(url, json={"shared": True})).status_code == 403
    assert (await reader.patch(url, json={"shared": False, "name": "Other"})).status_code == 200


async def test_the_owner_and_administrators_change_shared_views(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    view = await save_view(editor, tenant, shared=True)
    url = f"{tenant.url}/views/{view['_id']}"
    other = tenant.server.client_of(await tenant.server.create_user(roles={tenant.id: Role.EDITOR}))
    for client in (tenant.reader, other):
        for method in ("PUT", "PATCH", "DELETE"):
            refused = await client.request(method, url, json={"name": "Taken over"})
            assert refused.status_code == 403, method
    changed = await tenant.admin.patch(url, json={"name": "By the administrator"})
    assert (changed.json()["name"], changed.json()["owner"]) == ("By the administrator", view["owner"])
    assert (await tenant.admin.delete(url)).status_code == 204


async def test_an_owner_who_has_become_a_reader_can_only_withdraw_a_shared_view(
    tenant: Tenant, editor: httpx.AsyncClient
) -> None:
    view = await save_view(editor, tenant, shared=True)
    url = f"{tenant.url}/views/{view['_id']}"
    user = tenant.users[Role.EDITOR].id
    assert (await tenant.admin.put(f"{tenant.url}/users/{user}", json={"role": "reader"})).status_code == 200
    assert (await editor.patch(url, json={"name": "Other"})).status_code == 403
    assert (await editor.put(url, json=view)).json() == view
    assert (await editor.patch(url, json={"shared": False})).json()["shared"] is False


async def test_views_of_an_api_key_belong_to_its_user(server: Server, tenant: Tenant) -> None:
    token = (await tenant.editor.post("/auth/keys", json={"name": "k", "role": "reader"})).json()["token"]
    client = server.client(token)
    assert (await client.post(f"{tenant.url}/views", json={**VIEW, "shared": True})).status_code == 403
    view = await save_view(client, tenant)
    assert (await tenant.editor.get(f"{tenant.url}/views/{view['_id']}")).json() == view


async def test_a_view_that_has_changed_is_not_overwritten(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    url = f"{tenant.url}/views/{(await save_view(reader, tenant))['_id']}"
    tag = (await reader.get(url)).headers["etag"]
    changed = await reader.put(url, json={"name": "First"}, headers={"If-Match": tag})
    assert (changed.status_code, changed.headers["etag"] != tag) == (200, True)
    for method in ("PUT", "DELETE"):
        assert (await reader.request(method, url, json={"name": "x"}, headers={"If-Match": tag})).status_code == 412


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 251),
        ("name", "two\nlines"),
        ("name", None),
        ("path", ""),
        ("path", "/overview"),
        ("path", "overview/"),
        ("path", "manage//sites"),
        ("path", "../../docs"),
        ("path", "manage/%2e%2e"),
        ("path", "https://elsewhere.example"),
        ("path", "overview?period=x"),
        ("path", "x" * 251),
        ("query", "?period=last-week"),
        ("query", "period=x#top"),
        ("query", "a\tb"),
        ("query", "x" * 8001),
        ("shared", "yes"),
        ("owner", {"_id": "5e1834b0e12d62a85b388a1b", "name": "x"}),
    ],
)
async def test_invalid_fields_are_refused(tenant: Tenant, reader: httpx.AsyncClient, field: str, value: Any) -> None:
    refused = await reader.post(f"{tenant.url}/views", json=VIEW | {field: value})
    assert refused.status_code == 400, refused.text
    assert [fault["pointer"] for fault in refused.json()["errors"]] == [f"/{field}"]


async def test_the_largest_view_is_accepted(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    largest = {"name": "é" * 250, "path": "x" * 250, "query": "q=" + "é" * 7998}
    view = await save_view(reader, tenant, **largest)
    assert (await reader.get(f"{tenant.url}/views/{view['_id']}")).json() == view
    assert {name: view[name] for name in largest} == largest


async def test_the_number_of_views_is_bounded(
    tenant: Tenant, reader: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "MAX_VIEWS", 2)
    views = [await save_view(reader, tenant, name=name) for name in "ab"]
    refused = await reader.post(f"{tenant.url}/views", json=VIEW)
    assert (refused.status_code, refused.json()["code"]) == (422, "impossible")
    assert "2 views" in refused.json()["detail"]
    await save_view(tenant.editor, tenant)
    await reader.delete(f"{tenant.url}/views/{views[0]['_id']}")
    await save_view(reader, tenant)


async def test_views_that_nobody_else_sees_are_deleted_with_their_owners_role(
    server: Server, tenant: Tenant, other_tenant: Tenant
) -> None:
    user = await server.create_user(roles={tenant.id: Role.EDITOR, other_tenant.id: Role.EDITOR})
    client, url = server.client_of(user), f"{tenant.url}/users/{user.id}"
    shared = await save_view(client, tenant, name="Team", shared=True)
    await save_view(client, tenant, name="Mine")
    elsewhere = await save_view(client, other_tenant)
    assert (await tenant.admin.delete(url, headers={"If-Match": '"x-1"'})).status_code == 412
    assert await list_names(client, tenant) == ["Team", "Mine"]
    assert (await tenant.admin.delete(url)).status_code == 204
    assert (await tenant.reader.get(f"{tenant.url}/views")).json()["documents"] == [shared]
    assert (await client.get(f"{other_tenant.url}/views")).json()["documents"] == [elsewhere]
    await server.services.sessions.users.set_role(
        await server.services.sessions.users.get_by_id(user.id), tenant.id, Role.READER
    )
    assert await list_names(client, tenant) == ["Team"]
