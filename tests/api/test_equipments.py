"""Equipments over HTTP, below their site."""

import httpx
import pytest

from tests.api.server import Json, Tenant

pytestmark = pytest.mark.anyio


async def equip(tenant: Tenant, site: Json, key: str, **fields: object) -> Json:
    response = await tenant.admin.post(f"/sites/{site['_id']}/equipments", json={"key": key, **fields})
    assert response.status_code == 201, response.text
    made: Json = response.json()
    return made


@pytest.fixture
async def site(tenant: Tenant) -> Json:
    """A site to furnish."""
    return await tenant.make("sites", name="Lyon", online=False, key="lyon")


async def test_one_is_found_by_every_path(tenant: Tenant, reader: httpx.AsyncClient, site: Json) -> None:
    made = await equip(tenant, site, "till/1", name="Till", type="wifi")
    assert (made["site"], made["active"]) == (site["_id"], True)
    below = [f"/{word}/{site['_id']}" for word in ("sites", "s")]
    for application in (tenant.id, tenant.key):
        for one in (site["_id"], "lyon"):
            below += [f"/{a}/{application}/{s}/{one}" for a in ("applications", "a") for s in ("sites", "s")]
    for path in below:
        assert (await reader.get(f"{path}/equipments")).json()["documents"] == [made]
        for name in (made["_id"], "till%2F1"):
            assert (await reader.get(f"{path}/equipments/{name}")).json() == made


async def test_changing_and_deleting_one(tenant: Tenant, admin: httpx.AsyncClient, site: Json) -> None:
    await equip(tenant, site, "till", name="Till", type="wifi")
    url = f"{tenant.url}/sites/lyon/equipments/till"
    changed = (await admin.patch(url, json={"name": None, "active": False, "key": "door"})).json()
    assert (changed["key"], changed["name"], changed["type"], changed["active"]) == ("door", None, "wifi", False)
    assert (await admin.get(url)).status_code == 404
    assert (await admin.delete(f"{tenant.url}/sites/lyon/equipments/door")).status_code == 204
    assert (await admin.get(f"{tenant.url}/sites/lyon/equipments")).json()["documents"] == []


async def test_keys_are_unique_in_the_application(tenant: Tenant, admin: httpx.AsyncClient, site: Json) -> None:
    await equip(tenant, site, "till")
    other = await tenant.make("sites", name="Lille", online=False, key="lille")
    refused = await admin.post(f"{tenant.url}/sites/lille/equipments", json={"key": "till"})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, "taken")
    assert (await admin.get(f"/sites/{other['_id']}/equipments/till")).status_code == 404


async def test_lists_are_narrowed(tenant: Tenant, reader: httpx.AsyncClient, site: Json) -> None:
    for key in ("till-1", "till-2", "door"):
        await equip(tenant, site, key, active=key != "till-2")
    for query, expected in (({"q": "TILL"}, 2), ({"active": "true"}, 2), ({"keys": ["door", "x"]}, 1), ({}, 3)):
        found = await reader.get(f"{tenant.url}/sites/lyon/equipments", params=query)
        assert len(found.json()["documents"]) == expected


async def test_administrators_change_them(tenant: Tenant, editor: httpx.AsyncClient, site: Json) -> None:
    await equip(tenant, site, "till")
    url = f"{tenant.url}/sites/lyon/equipments"
    assert (await editor.post(url, json={"key": "x"})).status_code == 403
    assert (await editor.put(f"{url}/till", json={"name": "x"})).status_code == 403
    assert (await editor.delete(f"{url}/till")).status_code == 403


async def test_they_go_with_their_site(tenant: Tenant, editor: httpx.AsyncClient, site: Json) -> None:
    made = await equip(tenant, site, "till")
    assert (await editor.delete(f"{tenant.url}/sites/lyon")).status_code == 204
    again = await tenant.make("sites", name="Lyon", online=False, key="lyon")
    assert (await equip(tenant, again, "till"))["_id"] != made["_id"]


async def test_areas_are_listed(tenant: Tenant, reader: httpx.AsyncClient, stranger: httpx.AsyncClient) -> None:
    areas = [{"code": f"69382010{n}", "name": name, "lng": 4.8, "lat": 45.7} for n, name in enumerate("abc")]
    await tenant.server.services.areas.upsert(tenant.id, areas)
    await tenant.server.services.areas.upsert(tenant.id, [{**areas[1], "name": "Bellecour"}])
    for path in ("applications", "a"):
        found = (await reader.get(f"/{path}/{tenant.key}/areas", params={"q": "belle"})).json()["documents"]
        assert [(one["code"], one["name"], one["lng"]) for one in found] == [("693820101", "Bellecour", 4.8)]
    assert (await reader.get(f"{tenant.url}/areas")).json()["_$paginated"]["total"] == 3
    assert (await stranger.get(f"{tenant.url}/areas")).status_code == 404
