"""Applications over HTTP."""

from uuid import uuid4

import httpx
import pytest

from tests.api.server import Json, Server, Tenant

pytestmark = pytest.mark.anyio

SETTINGS = {
    "attribution": {"windows": {"click": 30, "print": 7, "opening": 7}},
    "stays": {"gapMinutes": 15, "minimumSeconds": 120},
    "presence": {"gapMinutes": 30, "dropoutSeconds": 300},
}


async def test_an_application_has_its_defaults(platform: httpx.AsyncClient) -> None:
    key = f"shop {uuid4().hex}"
    made = await platform.post("/applications", json={"key": key})
    assert made.status_code == 201
    body = made.json()
    bands = body["settings"].pop("bands")
    named = {name: body[name] for name in ("key", "name", "timezone", "currency", "active", "settings")}
    assert named == {
        "key": key,
        "name": key,
        "timezone": "Europe/Paris",
        "currency": "EUR",
        "active": True,
        "settings": SETTINGS,
    }
    assert set(bands) == {"dwell", "distance", "visits", "delay", "gap"}
    assert (await platform.get(f"/a/{body['_id']}")).json()["key"] == key


async def test_only_platform_administrators_create(admin: httpx.AsyncClient, nobody: httpx.AsyncClient) -> None:
    assert (await admin.post("/applications", json={"key": "mine"})).status_code == 403
    assert (await nobody.post("/applications", json={"key": "mine"})).status_code == 401


async def test_a_key_is_taken_once(platform: httpx.AsyncClient, tenant: Tenant) -> None:
    answer = await platform.post("/applications", json={"key": tenant.key})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "taken")


async def test_settings_are_merged_however_deep(tenant: Tenant, admin: httpx.AsyncClient) -> None:
    await admin.put(tenant.url, json={"settings": {"attribution": {"windows": {"click": 10}}}})
    await admin.patch(tenant.url, json={"settings": {"stays": {"gapMinutes": 20}}, "name": "Named"})
    changed = (await admin.put(tenant.url, json={"settings": {"attribution": {"windows": {"print": 3}}}})).json()
    assert changed["name"] == "Named"
    assert changed["settings"]["attribution"] == {"windows": {"click": 10, "print": 3, "opening": 7}}
    assert changed["settings"]["stays"] == {"gapMinutes": 20, "minimumSeconds": 120}
    assert (await tenant.reader.get(tenant.url)).json() == changed


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"timezone": "Mars/Olympus"}, "/timezone"),
        ({"currency": "euro"}, "/currency"),
        ({"currency": None}, "/currency"),
        ({"key": ""}, "/key"),
        ({"key": "a\u0000b"}, "/key"),
        ({"name": 7}, "/name"),
        ({"settings": {"stays": {"gapMinutes": -1}}}, "/settings/stays/gapMinutes"),
        ({"settings": {"stays": {"gap": 1}}}, "/settings/stays/gap"),
        ({"settings": {"bands": {"dwell": []}}}, "/settings/bands/dwell"),
        ({"_id": "f" * 24}, "/_id"),
        ({"createdAt": "2020-01-01T00:00:00.000Z"}, "/createdAt"),
        ({"version": 9}, "/version"),
    ],
)
async def test_a_bad_field_is_named_and_nothing_changes(
    tenant: Tenant, admin: httpx.AsyncClient, body: Json, pointer: str
) -> None:
    before = (await admin.get(tenant.url)).json()
    answer = await admin.put(tenant.url, json=body)
    assert answer.status_code == 400
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]
    assert (await admin.get(tenant.url)).json() == before


async def test_only_its_administrators_change_it(tenant: Tenant, stranger: httpx.AsyncClient) -> None:
    for caller, status in ((tenant.reader, 403), (tenant.editor, 403), (stranger, 404)):
        assert (await caller.put(tenant.url, json={"name": "Theirs"})).status_code == status


async def test_the_list_holds_what_one_may_read(
    server: Server, tenant: Tenant, platform: httpx.AsyncClient, reader: httpx.AsyncClient, other_tenant: Tenant
) -> None:
    listed = (await reader.get("/applications")).json()
    assert [one["_id"] for one in listed["documents"]] == [tenant.id]
    assert listed["_$paginated"] == {"total": 1, "page": 1, "per_page": 25, "page_count": 1, "has_more": False}
    found = (await platform.get("/applications", params={"q": tenant.key[4:].upper()})).json()
    assert [one["_id"] for one in found["documents"]] == [tenant.id]
    none = (await reader.get("/applications", params={"q": other_tenant.key})).json()
    assert none["documents"] == []


async def test_an_application_whose_key_is_an_id_is_found(
    server: Server, platform: httpx.AsyncClient, tenant: Tenant
) -> None:
    """A key of 24 hex digits that is another's id finds the other: ids come first."""
    free = uuid4().hex[:24]
    by_key = await server.application(key=free)
    assert (await platform.get(f"/applications/{free}")).json()["_id"] == by_key["_id"]
    shadowed = await server.application(key=tenant.id)
    assert (await platform.get(f"/applications/{tenant.id}")).json()["_id"] == tenant.id
    assert (await platform.get(f"/applications/{shadowed['_id']}")).json()["key"] == tenant.id
