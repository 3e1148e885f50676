"""Geometries and parents of sites and points of interest over HTTP: JSON and tables."""

import csv
import io
from typing import Any

import h3
import httpx
import orjson
import pytest
from okube_api.geo.place_cells import compute_cells

from tests.api.server import Json, Tenant

pytestmark = pytest.mark.anyio

RING: list[list[float]] = [[4.8315, 45.757], [4.8325, 45.757], [4.8325, 45.758], [4.8315, 45.758], [4.8315, 45.757]]
HOLE: list[list[float]] = [
    [4.8319, 45.7574],
    [4.8321, 45.7574],
    [4.8321, 45.7576],
    [4.8319, 45.7576],
    [4.8319, 45.7574],
]
SQUARE: Json = {"type": "Polygon", "coordinates": [RING]}
WITH_HOLE: Json = {"type": "Polygon", "coordinates": [RING, HOLE]}
TWO: Json = {"type": "MultiPolygon", "coordinates": [[RING], [[[lng + 0.01, lat] for lng, lat in RING]]]}
SQUARE_WKT = "POLYGON ((4.8315 45.757, 4.8325 45.757, 4.8325 45.758, 4.8315 45.758, 4.8315 45.757))"
FAR_AWAY = [50.0, 45.0]

KINDS = ("sites", "pois")


async def create_place(tenant: Tenant, kind: str, **fields: Any) -> Json:
    """Create an offline site or a point of interest."""
    return await tenant.create(kind, **{"name": "x"} | ({"online": False} if kind == "sites" else {}) | fields)


async def change_place(tenant: Tenant, kind: str, place: Json, fields: Json) -> httpx.Response:
    return await tenant.editor.put(f"{tenant.url}/{kind}/{place['_id']}", json=fields)


async def import_rows(tenant: Tenant, kind: str, content: str, **form: str) -> httpx.Response:
    path = "sites/import" if kind == "sites" else kind
    return await tenant.editor.post(f"{tenant.url}/{path}", files={"file": ("x.csv", content.encode())}, data=form)


async def export_rows(tenant: Tenant, kind: str) -> str:
    return (await tenant.reader.get(f"{tenant.url}/{kind}", headers={"Accept": "text/csv"})).text


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("geometry", [SQUARE, WITH_HOLE, TWO])
async def test_geometry_is_answered_with_a_point_and_cells_in_it(tenant: Tenant, kind: str, geometry: Json) -> None:
    place = await create_place(tenant, kind, geometry=geometry)
    assert place["geometry"] == geometry
    lng, lat = place["coordinates"]
    assert 4.8315 < lng < 4.8425
    assert 45.757 < lat < 45.758
    for cell in place["indoorIndexes"]["indexes"]:
        cell_lat, cell_lng = h3.cell_to_latlng(cell)
        is_own = cell == h3.latlng_to_cell(lat, lng, 12)
        assert is_own or (4.8315 <= cell_lng <= 4.8425 and 45.757 <= cell_lat <= 45.758)
    listed = (await tenant.reader.get(f"{tenant.url}/{kind}")).json()["documents"]
    assert [document["geometry"] for document in listed] == [geometry]
    assert "cellsGiven" not in place


@pytest.mark.parametrize(
    "sent",
    [
        {"type": "Feature", "properties": None, "geometry": SQUARE},
        {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": SQUARE}]},
        {"type": "Polygon", "coordinates": [[[*point, 170.5] for point in RING]], "bbox": [0, 0, 1, 1]},
        SQUARE_WKT,
        f"SRID=4326;{SQUARE_WKT}",
        SQUARE_WKT.replace("POLYGON ((", "polygon((").replace(", ", ","),
        "POLYGON Z ((4.8315 45.757 1, 4.8325 45.757 1, 4.8325 45.758 1, 4.8315 45.758 1, 4.8315 45.757 1))",
        orjson.dumps(SQUARE).decode(),
    ],
)
async def test_other_forms_of_a_polygon_are_read(tenant: Tenant, sent: Any) -> None:
    assert (await create_place(tenant, "pois", geometry=sent))["geometry"] == SQUARE


def ring(*points: Any) -> Json:
    return {"type": "Polygon", "coordinates": [list(points)]}


CIRCLE = [[4 + number % 2 * 0.001, 45 + number * 1e-6] for number in range(2600)]
REFUSED: list[tuple[Any, int, str]] = [
    ({"type": "Point", "coordinates": [4.8, 45.7]}, 400, "Polygon"),
    ({"type": "Polygon"}, 400, "/coordinates"),
    ({"type": "Polygon", "coordinates": [RING, []]}, 400, "/coordinates/1"),
    ({"type": "Polygon", "coordinates": [[*RING[:2], [4.83], *RING[3:]]]}, 400, "/coordinates/0/2"),
    ({"type": "Polygon", "coordinates": [[*RING[:2], ["4.83", "45.7"], *RING[3:]]]}, 400, "/coordinates/0/2"),
    ({"type": "Polygon", "coordinates": [[*RING[:2], [4.83, 45.7, "high"], *RING[3:]]]}, 400, "/coordinates/0/2"),
    ({"type": "FeatureCollection", "features": []}, 400, "one Feature"),
    ([4.8, 45.7], 400, "GeoJSON"),
    (5, 400, "GeoJSON"),
    ("POINT (4.8 45.7)", 400, "POLYGON"),
    ("POLYGON ((4.8 45.7, x", 400, "WKT"),
    ("{", 400, "GeoJSON"),
    (ring(*RING[:-1], [4.83, 45.75]), 422, "not closed: its last point [4.83, 45.75]"),
    ("POLYGON ((4.83 45.757, 4.84 45.757, 4.84 45.758))", 422, "[4.84, 45.758] must be its first, [4.83, 45.757]"),
    (
        "MULTIPOLYGON (((4 45, 4.1 45, 4.1 45.1, 4 45)), ((5 45, 5.1 45, 5.1 45.1, 5 45, 5 45.05)))",
        422,
        "point [5.0, 45.05] must be its first, [5.0, 45.0]",
    ),
    ("SRID=2154;POLYGON ((842000 6519000, 842100 6519000, 842100 6519100, 842000 6519000))", 400, "SRID=4326"),
    (ring([179.99, 1], [180.01, 1], [180.01, 1.01], [179.99, 1]), 422, "MultiPolygon with one polygon on each side"),
    ("POLYGON EMPTY", 422, "empty"),
    (ring([4, 45], [5, 45], [4, 45]), 422, "3 points"),
    (ring([45.757, 94.8], [45.758, 94.8], [45.758, 94.9], [45.757, 94.8]), 422, "[45.757, 94.8]"),
    (ring([4, 45], [4.002, 45.002], [4.002, 45], [4, 45.002], [4, 45]), 422, "Self-intersection at [4.001, 45.001]"),
    ({"type": "Polygon", "coordinates": [HOLE, RING]}, 422, "Hole lies outside shell at [4.8315, 45.757]"),
    ({"type": "MultiPolygon", "coordinates": [[RING], [RING]]}, 422, "not valid"),
    (ring([179.9, 0], [-179.9, 0], [-179.9, 0.1], [179.9, 0]), 422, "180th meridian after [179.9, 0.0]. Split"),
    (ring([4, 45], [5, 45], [5, 46], [4, 45]), 422, "square kilometres"),
    (ring([4, 45], [4.000001, 45], [4.000001, 45.000001], [4, 45]), 422, "smaller"),
    (ring(*CIRCLE, CIRCLE[0]), 422, "2,601 points"),
]  # fmt: skip


@pytest.mark.parametrize(("geometry", "status", "words"), REFUSED, ids=range(len(REFUSED)))
async def test_polygons_that_cannot_be_are_refused_with_the_place_of_the_fault(
    tenant: Tenant, geometry: Any, status: int, words: str
) -> None:
    for kind in KINDS:
        body = {"name": "x", "geometry": geometry} | ({"online": False} if kind == "sites" else {})
        response = await tenant.editor.post(f"{tenant.url}/{kind}", json=body)
        assert response.status_code == status, response.text
        (fault,) = response.json()["errors"]
        assert fault["pointer"] == "/geometry"
        assert words in fault["message"]


async def test_position_is_required_of_points_of_interest(tenant: Tenant) -> None:
    response = await tenant.editor.post(f"{tenant.url}/pois", json={"name": "x", "geometry": None})
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, "/coordinates")


async def test_coordinates_that_are_far_from_the_geometry_are_refused(tenant: Tenant) -> None:
    body = {"name": "x", "coordinates": FAR_AWAY, "geometry": SQUARE}
    response = await tenant.editor.post(f"{tenant.url}/pois", json=body)
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/coordinates")


@pytest.mark.parametrize("kind", KINDS)
async def test_circle_counts_again_when_the_geometry_is_cleared(tenant: Tenant, kind: str) -> None:
    place = await create_place(tenant, kind, geometry=SQUARE, coordinates=[4.8317, 45.7572], radius=50)
    cleared = (await change_place(tenant, kind, place, {"geometry": None})).json()
    assert (cleared["geometry"], cleared["coordinates"]) == ({}, [4.8317, 45.7572])
    assert cleared["indoorIndexes"] == compute_cells((4.8317, 45.7572), 50)["indoorIndexes"]


@pytest.mark.parametrize("kind", ["sites", "pois"])
@pytest.mark.parametrize("geometry", [None, {}])
async def test_place_is_created_without_a_geometry_as_answers_have_it(
    tenant: Tenant, kind: str, geometry: Json | None
) -> None:
    fields = {"name": "Lyon", "coordinates": [4.8317, 45.7572], "geometry": geometry}
    place = await tenant.create(kind, **fields, **({"online": False} if kind == "sites" else {}))
    assert (place["geometry"], place["coordinates"]) == ({}, fields["coordinates"])


async def test_empty_geometry_does_not_replace_coordinates(tenant: Tenant) -> None:
    answer = await tenant.editor.post(f"{tenant.url}/pois", json={"name": "Gare", "geometry": {}})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (400, "/coordinates")


async def test_internal_field_of_cells_is_refused(tenant: Tenant) -> None:
    place = await create_place(tenant, "pois", geometry=SQUARE)
    response = await change_place(tenant, "pois", place, {"cellsGiven": []})
    assert (response.status_code, response.json()["errors"][0]["code"]) == (400, "unknown_field")


@pytest.mark.parametrize("kind", KINDS)
async def test_outdoor_cells_are_never_indoor(tenant: Tenant, kind: str) -> None:
    place = await create_place(tenant, kind, geometry=SQUARE)
    indoor = place["indoorIndexes"]["indexes"]
    given: Json = {"resolution": 12, "indexes": [*indoor[:2], *place["outdoorIndexes"]["indexes"][:2]]}
    changed = (await change_place(tenant, kind, place, {"outdoorIndexes": given})).json()
    assert changed["outdoorIndexes"]["indexes"] == given["indexes"][2:]
    none = {"resolution": 12, "indexes": []}
    assert (await change_place(tenant, kind, place, {"outdoorIndexes": none})).json()["outdoorIndexes"] == none
    back = (await change_place(tenant, kind, place, {"outdoorIndexes": None})).json()
    assert back["outdoorIndexes"] == place["outdoorIndexes"]


# -- tables ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
async def test_table_has_the_geometry_as_wkt(tenant: Tenant, kind: str) -> None:
    for geometry in (SQUARE, WITH_HOLE, TWO, None):
        await create_place(tenant, kind, geometry=geometry, coordinates=[4.832, 45.7578])
    before = (await tenant.reader.get(f"{tenant.url}/{kind}")).json()
    content = await export_rows(tenant, kind)
    cells = [row["geometry"] for row in csv.DictReader(io.StringIO(content))]
    assert cells[0] == SQUARE_WKT
    assert cells[3] == ""
    report = (await import_rows(tenant, kind, content)).json()
    assert (report["unchanged"], report["failed"]) == (4, 0)
    assert (await tenant.reader.get(f"{tenant.url}/{kind}")).json() == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("text", [SQUARE_WKT, orjson.dumps(SQUARE).decode()])
async def test_table_with_a_geometry_needs_no_coordinates(tenant: Tenant, kind: str, text: str) -> None:
    content = io.StringIO()
    csv.writer(content).writerows([("key", "name", "outline"), ("a", "A", text)])
    form = {"mapper[key]": "key", "mapper[name]": "name", "mapper[geometry]": "outline"}
    response = await import_rows(tenant, kind, content.getvalue(), **form)
    assert response.json()["created"] == 1, response.text
    place = (await tenant.reader.get(f"{tenant.url}/{kind}/a")).json()
    assert place["geometry"] == SQUARE
    assert place["coordinates"] == pytest.approx([4.832, 45.7575])
    assert place.get("online") in (None, False)


async def test_wrong_geometries_of_a_table_are_reported_by_line(tenant: Tenant) -> None:
    content = (
        'key,name,geometry\na,A,"POLYGON ((4 45, 4.002 45.002, 4.002 45, 4 45.002, 4 45))"\nb,B,POINT (4 45)\nc,C,\n'
    )
    errors = (await import_rows(tenant, "pois", content)).json()["errors"]
    assert [(error["line"], error["column"]) for error in errors] == [
        (2, "geometry"),
        (3, "geometry"),
        (4, "coordinates"),
    ]
    assert "Self-intersection at [4.001, 45.001]" in errors[0]["message"]


async def test_table_that_changes_the_radius_only_computes_the_cells_again(tenant: Tenant) -> None:
    place = await create_place(tenant, "pois", coordinates=[4.832, 45.7578], radius=40.0)
    content = (await export_rows(tenant, "pois")).replace(",40.0,", ",90.0,")
    assert (await import_rows(tenant, "pois", content)).json()["updated"] == 1
    wider = (await tenant.reader.get(f"{tenant.url}/pois/{place['_id']}")).json()
    assert wider["indoorIndexes"] == compute_cells((4.832, 45.7578), 90)["indoorIndexes"]


# -- parents -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("parent_kind", KINDS)
async def test_parent_is_found_by_id_and_key(tenant: Tenant, kind: str, parent_kind: str) -> None:
    mall = await create_place(tenant, parent_kind, key="mall", coordinates=[4.832, 45.7578])
    shop = await create_place(tenant, kind, coordinates=[4.832, 45.7578], parent="mall")
    assert shop["parent"] == mall["_id"]
    assert (await change_place(tenant, kind, shop, {"parent": None})).json()["parent"] is None
    assert (await change_place(tenant, kind, shop, {"parent": mall["_id"]})).json()["parent"] == mall["_id"]


async def test_site_is_meant_where_a_point_of_interest_has_the_same_key(tenant: Tenant) -> None:
    await create_place(tenant, "pois", key="mall", coordinates=[4.832, 45.7578])
    site = await create_place(tenant, "sites", key="main", keys=["mall"], coordinates=[4.832, 45.7578])
    assert (await create_place(tenant, "pois", coordinates=[4, 45], parent="mall"))["parent"] == site["_id"]


@pytest.mark.parametrize("kind", KINDS)
async def test_unknown_parent_is_refused(tenant: Tenant, other_tenant: Tenant, kind: str) -> None:
    foreign = await create_place(other_tenant, kind, key="mall", coordinates=[4.832, 45.7578])
    for name in ("mall", foreign["_id"]):
        body = {"name": "x", "coordinates": [4, 45], "parent": name} | ({"online": False} if kind == "sites" else {})
        response = await tenant.editor.post(f"{tenant.url}/{kind}", json=body)
        fault = response.json()["errors"][0]
        assert (response.status_code, fault["pointer"], fault["code"]) == (422, "/parent", "unknown_reference")
        assert fault["message"].endswith("A parent must exist before the places in it.")


async def test_places_are_never_in_themselves(tenant: Tenant) -> None:
    airport = await create_place(tenant, "sites", key="airport", coordinates=[4.832, 45.7578])
    hall = await create_place(tenant, "pois", key="hall", coordinates=[4.832, 45.7578], parent="airport")
    shop = await create_place(tenant, "sites", key="shop", coordinates=[4.832, 45.7578], parent="hall")
    for kind, place, parent in (("sites", airport, "shop"), ("sites", airport, "airport"), ("pois", hall, "shop")):
        response = await change_place(tenant, kind, place, {"parent": parent})
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (422, "/parent")
    assert (await change_place(tenant, "sites", shop, {"parent": "airport"})).status_code == 200


async def test_table_cannot_put_two_places_into_each_other(tenant: Tenant) -> None:
    for key in ("a", "b"):
        await create_place(tenant, "pois", key=key, coordinates=[4.832, 45.7578])
    response = await import_rows(tenant, "pois", "key,parent\na,b\nb,a\n")
    assert response.status_code == 422
    assert [(error["line"], error["column"]) for error in response.json()["errors"]] == [(3, "parent")]
    assert (await import_rows(tenant, "pois", "key,parent\na,b\n")).json()["updated"] == 1


@pytest.mark.parametrize("parent_kind", KINDS)
async def test_deleted_parent_is_removed_from_places(tenant: Tenant, parent_kind: str) -> None:
    await create_place(tenant, parent_kind, key="mall", coordinates=[4.832, 45.7578])
    for kind in KINDS:
        await create_place(tenant, kind, key="shop", coordinates=[4.832, 45.7578], parent="mall")
    assert (await tenant.editor.delete(f"{tenant.url}/{parent_kind}/mall")).status_code == 204
    for kind in KINDS:
        assert (await tenant.reader.get(f"{tenant.url}/{kind}/shop")).json()["parent"] is None
