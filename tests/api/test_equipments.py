"""Equipments and areas over HTTP."""

import httpx
import pytest

from tests.api.server import Json, Tenant

pytestmark = pytest.mark.anyio


async def create_equipment(tenant: Tenant, site: Json, key: str, **fields: object) -> Json:
    response = await tenant.admin.post(f"/sites/{site['_id']}/equipments", json={"key": key, **fields})
    assert response.status_code == 201, response.text
    created: Json = response.json()
    return created


@pytest.fixture
async def site(tenant: Tenant) -> Json:
    """Create a site for equipments."""
    return await tenant.create("sites", name="Lyon", online=False, key="lyon")


async def test_equipment_is_found_by_every_path(tenant: Tenant, reader: httpx.AsyncClient, site: Json) -> None:
    equipment = await create_equipment(tenant, site, "till/1", name="Till", type="wifi")
    assert (equipment["site"], equipment["active"]) == (site["_id"], True)
    site_paths = [f"/{word}/{site['_id']}" for word in ("sites", "s")]
    for application in (tenant.id, tenant.key):
        for name in (site["_id"], "lyon"):
            site_paths += [f"/{a}/{application}/{s}/{name}" for a in ("applications", "a") for s in ("sites", "s")]
    for path in site_paths:
        assert (await reader.get(f"{path}/equipments")).json()["documents"] == [equipment]
        for name in (equipment["_id"], "till%2F1"):
            assert (await reader.get(f"{path}/equipments/{name}")).json() == equipment


async def test_equipment_is_changed_and_deleted(tenant: Tenant, admin: httpx.AsyncClient, site: Json) -> None:
    await create_equipment(tenant, site, "till", name="Till", type="wifi")
    url = f"{tenant.url}/sites/lyon/equipments/till"
    changed = (await admin.patch(url, json={"name": None, "active": False, "key": "door"})).json()
    assert (changed["key"], changed["name"], changed["type"], changed["active"]) == ("door", None, "wifi", False)
    assert (await admin.get(url)).status_code == 404
    assert (await admin.delete(f"{tenant.url}/sites/lyon/equipments/door")).status_code == 204
    assert (await admin.get(f"{tenant.url}/sites/lyon/equipments")).json()["documents"] == []


async def test_keys_are_unique_in_the_application(tenant: Tenant, admin: httpx.AsyncClient, site: Json) -> None:
    await create_equipment(tenant, site, "till")
    other = await tenant.create("sites", name="Lille", online=False, key="lille")
    refused = await admin.post(f"{tenant.url}/sites/lille/equipments", json={"key": "till"})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "taken")
    assert (await admin.get(f"/sites/{other['_id']}/equipments/till")).status_code == 404


@pytest.mark.parametrize(
    ("query", "expected"), [({"q": "TILL"}, 2), ({"active": "true"}, 2), ({"keys": ["door", "x"]}, 1), ({}, 3)]
)
async def test_lists_are_filtered(
    tenant: Tenant, reader: httpx.AsyncClient, site: Json, query: Json, expected: int
) -> None:
    for key in ("till-1", "till-2", "door"):
        await create_equipment(tenant, site, key, active=key != "till-2")
    answer = await reader.get(f"{tenant.url}/sites/lyon/equipments", params=query)
    assert len(answer.json()["documents"]) == expected


async def test_only_administrators_change_equipments(tenant: Tenant, editor: httpx.AsyncClient, site: Json) -> None:
    await create_equipment(tenant, site, "till")
    url = f"{tenant.url}/sites/lyon/equipments"
    assert (await editor.post(url, json={"key": "x"})).status_code == 403
    assert (await editor.put(f"{url}/till", json={"name": "x"})).status_code == 403
    assert (await editor.delete(f"{url}/till")).status_code == 403


async def test_equipments_are_deleted_with_their_site(tenant: Tenant, editor: httpx.AsyncClient, site: Json) -> None:
    deleted = await create_equipment(tenant, site, "till")
    assert (await editor.delete(f"{tenant.url}/sites/lyon")).status_code == 204
    again = await tenant.create("sites", name="Lyon", online=False, key="lyon")
    assert (await create_equipment(tenant, again, "till"))["_id"] != deleted["_id"]


async def test_areas_are_upserted_and_listed(
    tenant: Tenant, reader: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    areas = [{"code": f"69382010{n}", "name": name, "lng": 4.8, "lat": 45.7} for n, name in enumerate("abc")]
    await tenant.server.services.areas.upsert(tenant.id, areas)
    await tenant.server.services.areas.upsert(tenant.id, [{**areas[1], "name": "Bellecour"}])
    for path in ("applications", "a"):
        documents = (await reader.get(f"/{path}/{tenant.key}/areas", params={"q": "belle"})).json()["documents"]
        assert [(area["code"], area["name"], area["lng"]) for area in documents] == [("693820101", "Bellecour", 4.8)]
    assert (await reader.get(f"{tenant.url}/areas")).json()["_$paginated"]["total"] == 3
    assert (await stranger.get(f"{tenant.url}/areas")).status_code == 404
