"""Points of interest over HTTP."""

from typing import Any

import h3
import httpx
import pytest
from okube_api.auth.repository import Role

from tests.api.server import Json, Server, Tenant

pytestmark = pytest.mark.anyio

BELLECOUR, PART_DIEU, LILLE = [4.8320, 45.7578], [4.8590, 45.7610], [3.0635, 50.6365]


def distance_m(a: list[float], b: list[float]) -> float:
    return float(h3.great_circle_distance((a[1], a[0]), (b[1], b[0]), unit="m"))


def get_names(response: httpx.Response) -> list[str]:
    """Return the names of the POIs on a page."""
    assert response.status_code == 200, response.text
    return [poi["name"] for poi in response.json()["documents"]]


async def create_poi(tenant: Tenant, name: str, coordinates: list[float], **fields: Any) -> Json:
    return await tenant.create("pois", name=name, coordinates=coordinates, **fields)


async def test_poi_is_created_with_its_cells_and_found_by_every_path(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    poi = await create_poi(tenant, "Bellecour", BELLECOUR, key="bellecour/2", address={"city": "Lyon", "street": None})
    assert (poi["radius"], poi["active"], poi["timezone"]) == (70, True, "Europe/Paris")
    assert poi["address"] == {"city": "Lyon"}
    own = h3.latlng_to_cell(BELLECOUR[1], BELLECOUR[0], 12)
    cells = {cell: distance_m(BELLECOUR, list(h3.cell_to_latlng(cell)[::-1])) for cell in h3.grid_disk(own, 20)}
    assert set(poi["indoorIndexes"]["indexes"]) == {cell for cell, distance in cells.items() if distance <= 70}
    assert set(poi["outdoorIndexes"]["indexes"]) == {cell for cell, distance in cells.items() if 70 < distance <= 120}
    for application in (tenant.id, tenant.key):
        for name in (poi["_id"], "bellecour%2F2"):
            for path in ("applications", "a"):
                assert (await reader.get(f"/{path}/{application}/pois/{name}")).json() == poi
    assert (await reader.get(f"/pois/{poi['_id']}")).json() == poi
    assert (await reader.get("/pois/bellecour%2F2")).status_code == 404


async def test_cells_are_computed_from_the_place_unless_given(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    poi = await create_poi(tenant, "Bellecour", BELLECOUR)
    url = f"{tenant.url}/pois/{poi['_id']}"
    given = {"resolution": 10, "indexes": [h3.latlng_to_cell(45.7, 4.8, 10)]}
    changed = (await editor.put(url, json={"indoorIndexes": given})).json()
    assert (changed["indoorIndexes"], changed["outdoorIndexes"]) == (given, poi["outdoorIndexes"])
    renamed = (await editor.patch(url, json={"name": "Place Bellecour"})).json()
    assert renamed["indoorIndexes"] == given
    wider = (await editor.put(url, json={"radius": 100})).json()
    assert len(wider["indoorIndexes"]["indexes"]) > len(poi["indoorIndexes"]["indexes"])
    back = (await editor.put(url, json={"radius": None})).json()
    assert (back["radius"], back["indoorIndexes"]) == (70, poi["indoorIndexes"])
    nowhere = (await editor.put(url, json={"coordinates": None})).json()
    assert (nowhere["coordinates"], nowhere["indoorIndexes"], nowhere["outdoorIndexes"]) == ([], {}, {})


async def test_sites_are_resolved_by_id_or_key(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    site = await tenant.create("sites", name="Lyon", online=True, key="lyon", keys=["lyon-2"])
    other = await tenant.create("sites", name="Web", online=True)
    poi = await create_poi(tenant, "Bellecour", BELLECOUR, sites=["lyon-2", other["_id"], "lyon"])
    assert poi["sites"] == [site["_id"], other["_id"]]
    refused = await editor.put(f"{tenant.url}/pois/{poi['_id']}", json={"sites": ["lyon", "nowhere"]})
    assert refused.status_code == 422
    assert refused.json()["errors"][0] | {"message": ""} == {
        "in": "body", "pointer": "/sites/1", "code": "unknown_reference", "message": ""
    }  # fmt: skip


async def test_direct_list_has_only_readable_applications(
    tenant: Tenant, reader: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    poi = await create_poi(tenant, "Bellecour", BELLECOUR)
    assert (await reader.get("/pois")).json()["documents"] == [poi]
    assert get_names(await reader.get("/pois", params={"app": tenant.key})) == ["Bellecour"]
    assert (await stranger.get("/pois")).json()["documents"] == []
    assert (await stranger.get("/pois", params={"app": tenant.key})).status_code == 404
    assert (await stranger.get(f"/pois/{poi['_id']}")).status_code == 404


async def test_creation_must_name_the_application_once(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    body = {"name": "Bellecour", "coordinates": BELLECOUR}
    assert (await editor.post("/pois", json=body)).status_code == 400
    assert (await editor.post("/pois", json={**body, "app": tenant.key})).status_code == 201
    assert (await editor.post(f"{tenant.url}/pois", json={**body, "app": tenant.key})).status_code == 400


@pytest.mark.parametrize(
    "fields",
    [{"coordinates": [4.8]}, {"coordinates": [200, 4]}, {"radius": 301}, {"radius": 0}, {"name": None}, {"tags": []},
     {"timezone": "Mars"}, {"_id": "x"}],
)  # fmt: skip
async def test_malformed_poi_is_refused(tenant: Tenant, editor: httpx.AsyncClient, fields: Json) -> None:
    body = {"name": "Bellecour", "coordinates": BELLECOUR} | fields
    assert (await editor.post(f"{tenant.url}/pois", json=body)).status_code == 400


async def test_cells_of_a_wrong_resolution_are_refused(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    cells = {"resolution": 12, "indexes": ["8a1f902e6217fff"]}
    body = {"name": "Bellecour", "coordinates": BELLECOUR, "indoorIndexes": cells}
    assert (await editor.post(f"{tenant.url}/pois", json=body)).status_code == 422


@pytest.fixture
async def places(tenant: Tenant) -> Json:
    """Create three POIs and return them by name."""
    pois = [
        await create_poi(tenant, "Bellecour", BELLECOUR, key="bellecour", tags=["square", "lyon"]),
        await create_poi(tenant, "Part-Dieu", PART_DIEU, tags=["station", "lyon"], active=False),
        await create_poi(tenant, "Grand'Place", LILLE, tags=["square"], address={"city": "Lille"}),
    ]
    return {poi["name"]: poi for poi in pois}


LISTS: list[tuple[Json, list[str]]] = [
    ({}, ["Bellecour", "Part-Dieu", "Grand'Place"]),
    ({"q": "LILLE"}, ["Grand'Place"]),
    ({"tags": ["station", "square"]}, ["Bellecour", "Part-Dieu", "Grand'Place"]),
    ({"tags": "lyon", "active": "true"}, ["Bellecour"]),
    ({"keys": "bellecour"}, ["Bellecour"]),
    ({"name": "false"}, []),
    ({"near": "4.8320,45.7578", "distance": 2000}, ["Bellecour"]),
    ({"near": "4.8320,45.7578", "distance": 2200}, ["Bellecour", "Part-Dieu"]),
    ({"near": "4.8320,45.7578", "distance": 20_000_000}, ["Bellecour", "Part-Dieu", "Grand'Place"]),
    ({"bbox": "4.832,45.7578,4.9,46"}, ["Bellecour", "Part-Dieu"]),
    ({"bbox": "4,45,3.5,51"}, ["Bellecour", "Part-Dieu", "Grand'Place"]),
    ({"h3": h3.latlng_to_cell(45.7578, 4.832, 5)}, ["Bellecour", "Part-Dieu"]),
    ({"h3": h3.latlng_to_cell(45.7578, 4.832, 12)}, ["Bellecour"]),
    ({"h3": h3.latlng_to_cell(45.7580, 4.832, 15)}, ["Bellecour"]),
    ({"h3": h3.latlng_to_cell(45.7590, 4.832, 15)}, []),
]


async def test_lists_are_filtered(tenant: Tenant, reader: httpx.AsyncClient, places: Json) -> None:
    answers = [(query, get_names(await reader.get(f"{tenant.url}/pois", params=query))) for query, _ in LISTS]
    assert answers == LISTS


@pytest.mark.parametrize(("further_m", "expected"), [(0.01, ["Bellecour", "Part-Dieu"]), (-0.01, ["Bellecour"])])
async def test_near_is_exact(
    tenant: Tenant, reader: httpx.AsyncClient, places: Json, further_m: float, expected: list[str]
) -> None:
    distance = distance_m(BELLECOUR, PART_DIEU) + further_m
    query: dict[str, str | float] = {"near": "4.832,45.7578", "distance": distance}
    assert get_names(await reader.get(f"{tenant.url}/pois", params=query)) == expected


@pytest.mark.parametrize("longitude", [179.9999, -179.9999, 180, -180])
async def test_near_crosses_the_180th_meridian(tenant: Tenant, reader: httpx.AsyncClient, longitude: float) -> None:
    await create_poi(tenant, "east", [179.9995, -17.0])
    await create_poi(tenant, "west", [-179.9995, -17.0])
    query: dict[str, str | int] = {"near": f"{longitude},-17.0", "distance": 200}
    assert get_names(await reader.get(f"{tenant.url}/pois", params=query)) == ["east", "west"]


async def test_lists_are_filtered_by_type_and_related_sites(tenant: Tenant, reader: httpx.AsyncClient) -> None:
    lyon = await tenant.create("sites", name="Lyon", online=True, key="lyon", keys=["lugdunum"])
    await tenant.create("sites", name="Lille", online=True, key="lille")
    station = await create_poi(tenant, "station", PART_DIEU, type="station", sites=["lyon"])
    assert (station["type"], station["sites"]) == ("station", [lyon["_id"]])
    await create_poi(tenant, "square", BELLECOUR, type="square", sites=["lyon", "lille"])
    await create_poi(tenant, "other", LILLE, sites=[])
    lists: list[tuple[Json, list[str]]] = [
        ({"type": "station"}, ["station"]),
        ({"type": ["station", "square"]}, ["station", "square"]),
        ({"type": "stat"}, []),
        ({"sites": "lugdunum"}, ["station", "square"]),
        ({"sites": "lille", "type": "square"}, ["square"]),
        ({"sites": ["lille", lyon["_id"]]}, ["station", "square"]),
        ({"sites": "nowhere"}, []),
    ]
    answers = [(query, get_names(await reader.get(f"{tenant.url}/pois", params=query))) for query, _ in lists]
    assert answers == lists
    url = f"{tenant.url}/pois/{station['_id']}"
    assert (await tenant.editor.put(url, json={"type": None})).json()["type"] is None
    for query in ({"sites": ""}, {"type": ""}):
        assert (await reader.get(f"{tenant.url}/pois", params=query)).status_code == 400


async def test_list_of_a_study(tenant: Tenant, reader: httpx.AsyncClient, places: Json) -> None:
    await tenant.create("studies", key="lyon", pois=["bellecour", places["Part-Dieu"]["_id"]])
    assert get_names(await reader.get(f"{tenant.url}/pois", params={"study": "lyon"})) == ["Bellecour", "Part-Dieu"]
    assert get_names(await reader.get(f"{tenant.url}/pois", params={"study": "none"})) == []


@pytest.mark.parametrize(
    "query", [{"near": "4.8"}, {"near": "200,1"}, {"bbox": "1,2,3"}, {"h3": "abc"}, {"distance": 0}]
)
async def test_invalid_parameters_are_refused(tenant: Tenant, reader: httpx.AsyncClient, query: Json) -> None:
    assert (await reader.get(f"{tenant.url}/pois", params=query)).status_code == 400


async def test_body_names_the_poi_to_update(tenant: Tenant, editor: httpx.AsyncClient, places: Json) -> None:
    poi, other = places["Bellecour"], places["Part-Dieu"]
    for path in ("/pois", f"{tenant.url}/pois", f"/a/{tenant.id}/pois"):
        named = await editor.put(path, json={"key": "bellecour", "name": path})
        assert (named.status_code, named.json()["_id"], named.json()["name"]) == (200, poi["_id"], path)
        named = await editor.patch(path, json={"_id": other["_id"].upper(), "type": path})
        assert (named.status_code, named.json()["_id"], named.json()["type"]) == (200, other["_id"], path)
    renamed = await editor.put("/pois", json={"_id": poi["_id"], "key": "new"})
    assert (renamed.json()["key"], renamed.json()["name"]) == ("new", f"/a/{tenant.id}/pois")
    whole = await editor.put("/pois", json=renamed.json())
    assert (whole.json(), whole.headers["ETag"]) == (renamed.json(), renamed.headers["ETag"])
    outdated = await editor.put("/pois", json={"key": "new"}, headers={"If-Match": '"1"'})
    assert outdated.status_code == 412


async def test_update_without_a_known_poi_is_refused(
    tenant: Tenant, other_tenant: Tenant, editor: httpx.AsyncClient, places: Json
) -> None:
    foreign = await create_poi(other_tenant, "Theirs", LILLE, key="theirs")
    refused: list[tuple[str, Json, int]] = [
        ("/pois", {"name": "x"}, 400),
        (f"{tenant.url}/pois", {"name": "x"}, 400),
        (f"{tenant.url}/pois", {"key": "bellecour", "app": tenant.key}, 400),
        ("/pois", {"key": "nothing"}, 404),
        ("/pois", {"key": "theirs"}, 404),
        ("/pois", {"key": "theirs", "app": other_tenant.key}, 404),
        ("/pois", {"_id": foreign["_id"]}, 404),
        (f"{tenant.url}/pois", {"_id": foreign["_id"]}, 404),
        (f"{tenant.url}/pois", {"key": places["Bellecour"]["_id"]}, 404),
        ("/pois", {"_id": "bellecour"}, 400),
        ("/pois", {"_id": places["Bellecour"]["_id"], "createdAt": "x"}, 400),
    ]
    answers = [(path, body, (await editor.put(path, json=body)).status_code) for path, body, _ in refused]
    assert answers == refused
    assert (await tenant.reader.put("/pois", json={"key": "bellecour"})).status_code == 403


async def test_ambiguous_key_needs_the_application(
    server: Server, tenant: Tenant, other_tenant: Tenant, places: Json
) -> None:
    await create_poi(other_tenant, "Theirs", LILLE, key="bellecour")
    user = await server.create_user(roles={tenant.id: Role.EDITOR, other_tenant.id: Role.READER})
    client = server.client_of(user)
    ambiguous = await client.put("/pois", json={"key": "bellecour", "name": "x"})
    assert ambiguous.status_code == 409
    assert set(ambiguous.json()["applications"]) == {tenant.key, other_tenant.key}
    named = await client.put("/pois", json={"key": "bellecour", "name": "x", "app": tenant.key})
    assert (named.status_code, named.json()["_id"]) == (200, places["Bellecour"]["_id"])
    refused = await client.put("/pois", json={"key": "bellecour", "name": "x", "app": other_tenant.key})
    assert refused.status_code == 403


async def test_deleted_poi_is_removed_from_studies(tenant: Tenant, editor: httpx.AsyncClient, places: Json) -> None:
    study = await tenant.create("studies", key="lyon", pois=["bellecour", places["Part-Dieu"]["_id"]])
    assert (await editor.delete(f"{tenant.url}/pois/bellecour")).status_code == 204
    assert (await editor.get(f"{tenant.url}/pois/bellecour")).status_code == 404
    after = (await editor.get(f"{tenant.url}/studies/{study['_id']}")).json()
    assert after["pois"] == [places["Part-Dieu"]["_id"]]


async def test_readers_cannot_change_pois(tenant: Tenant, reader: httpx.AsyncClient, places: Json) -> None:
    url = f"{tenant.url}/pois/bellecour"
    assert (await reader.put(url, json={"name": "x"})).status_code == 403
    assert (await reader.delete(url)).status_code == 403
    assert (await reader.post(f"{tenant.url}/pois", json={"name": "x", "coordinates": LILLE})).status_code == 403


async def test_keys_are_unique_in_the_application(tenant: Tenant, editor: httpx.AsyncClient, places: Json) -> None:
    taken = await editor.post(f"{tenant.url}/pois", json={"name": "x", "coordinates": LILLE, "key": "bellecour"})
    assert (taken.status_code, taken.json()["errors"][0]["code"]) == (422, "taken")


async def test_write_with_an_outdated_etag_is_refused(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    poi = await create_poi(tenant, "Bellecour", BELLECOUR)
    url = f"{tenant.url}/pois/{poi['_id']}"
    tag = (await editor.get(url)).headers["ETag"]
    assert (await editor.put(url, json={"name": "a"}, headers={"If-Match": tag})).status_code == 200
    assert (await editor.put(url, json={"name": "b"}, headers={"If-Match": tag})).status_code == 412
    assert (await editor.delete(url, headers={"If-Match": tag})).status_code == 412
