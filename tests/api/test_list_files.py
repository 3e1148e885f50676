"""Lists as files: CSV, XLSX and Parquet have the values of JSON, lists of places are GeoJSON, too."""

import errno
import io
from datetime import date, datetime
from typing import Any

import httpx
import openpyxl
import pytest
from okube_api.tables import xlsx_file
from pyarrow import parquet

from tests.api.file_readers import Row, read_csv, read_parquet, read_xlsx
from tests.api.server import Server, Tenant

pytestmark = [pytest.mark.anyio, pytest.mark.one_store]

Json = dict[str, Any]
SQUARE = {"type": "Polygon", "coordinates": [[[2.0, 48.0], [2.001, 48.0], [2.001, 48.001], [2.0, 48.001], [2.0, 48.0]]]}
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
LISTS = ("sites", "pois", "campaigns", "studies", "levers", "areas", "sites/e/equipments")


@pytest.fixture(scope="module")
async def filled(shared_server: Server) -> Tenant:
    """Create resources of each kind, which no test changes."""
    tenant = await shared_server.create_tenant()
    await tenant.create(
        "sites", name="=Épinal", online=False, key="e", coordinates=[6.45, 48.17], radius=70.5, tags=["a", "b|c"],
        openings={"monday": [["09:00", "12:30"]]}, attributes={"zip": "01000", "floor": 2, "new": True, "size": 1.5},
    )  # fmt: skip
    await tenant.create("sites", name="Web", key="0042", online=True)
    await tenant.create("pois", name="Parc", key="p", geometry=SQUARE)
    await tenant.create("pois", name="Gare", key="g", coordinates=[2.35, 48.85], type="station")
    dates = {"from": "2024-12-01", "to": "2024-12-31"}
    await tenant.create("campaigns", key="c", name="Noël", costs=[{"amount": 1.5, "type": "cpm"}], **dates)
    await tenant.create("campaigns", key="banner", format="banner")
    await tenant.create("studies", key="s", name="été;", sites=["e"], **dates)
    assert (await tenant.admin.post(f"{tenant.url}/levers", json={"key": "tv", "name": "TV"})).status_code == 201
    response = await tenant.admin.post(f"{tenant.url}/sites/e/equipments", json={"key": "door", "name": "Door"})
    assert response.status_code == 201, response.text
    areas = [
        {"code": "693820101", "name": "Bellecour", "lng": 4.8, "lat": 45.7, "geometry": SQUARE},
        {"code": "693820102", "lng": 4.9, "lat": 45.8},
    ]
    await shared_server.services.areas.upsert(tenant.id, areas)
    return tenant


async def read(tenant: Tenant, path: str, accept: str = "*/*", **query: str) -> httpx.Response:
    """Return the response with a list."""
    response = await tenant.reader.get(f"{tenant.url}/{path}", params=query, headers={"Accept": accept})
    assert response.status_code == 200, response.text
    return response


def find_value(document: Json, column: str) -> Any:
    """Return the value of a column in a document of JSON; None where it has none."""
    if column in {"longitude", "latitude"}:
        return (document["coordinates"] or (None, None))[column == "latitude"]
    value: Any = document
    for name in column.split("."):
        value = (value or {}).get(name)
    return None if value in ("", {}, []) else value


def plain(value: Any) -> Any:
    """Return a value of a typed file as JSON has it."""
    if isinstance(value, datetime):
        return f"{value.replace(tzinfo=None).isoformat(timespec='seconds')}"
    return value.isoformat() if isinstance(value, date) else None if value == [] else value


@pytest.mark.parametrize("path", LISTS)
async def test_files_have_the_values_of_json(filled: Tenant, path: str) -> None:
    documents = (await read(filled, path, format="json")).json()["documents"]
    assert documents
    files: dict[str, list[Row]] = {
        "parquet": read_parquet((await read(filled, path, format="parquet")).content),
        "xlsx": read_xlsx((await read(filled, path, format="xlsx")).content),
    }
    csv_rows = read_csv(await read(filled, path, format="csv"))
    for name, rows in files.items():
        assert [list(row) for row in rows] == [list(row) for row in csv_rows]
        for row, document in zip(rows, documents, strict=True):
            for column, value in row.items():
                expected = find_value(document, column)
                if column in {"createdAt", "updatedAt"}:
                    expected = expected[:19]
                elif column in {"geometry", "costs"} and expected:
                    assert isinstance(value, str)
                    continue
                elif name == "parquet" and column.startswith(("attributes", "extra")) and expected is not None:
                    expected = expected if isinstance(expected, str) else str(expected).lower()
                elif name == "xlsx" and isinstance(expected, list):
                    assert isinstance(value, str)
                    continue
                assert plain(value) == expected, (name, column)


@pytest.mark.parametrize("path", LISTS)
async def test_media_types_and_names_of_files(filled: Tenant, path: str) -> None:
    name = path.rpartition("/")[2]
    kinds = {"csv": "text/csv; charset=utf-8", "xlsx": XLSX, "parquet": "application/vnd.apache.parquet"}
    if name in {"sites", "pois", "areas"}:
        kinds["geojson"] = "application/geo+json"
    for extension, kind in kinds.items():
        by_format = await read(filled, path, format=extension)
        by_accept = await read(filled, path, accept=kind.partition(";")[0])
        for response in (by_format, by_accept):
            assert response.headers["content-type"] == kind
            assert response.headers["content-disposition"] == f'attachment; filename="{name}.{extension}"'
            assert response.headers["vary"].split(",")[0] == "Accept"
        assert by_format.content == by_accept.content
    assert (await read(filled, path, accept="text/csv", format="json")).headers["content-type"] == "application/json"


async def test_sheets_of_lists(filled: Tenant) -> None:
    (sheet,) = openpyxl.load_workbook(io.BytesIO((await read(filled, "campaigns", format="xlsx")).content)).worksheets
    header = [cell.value for cell in sheet[1]]
    assert (sheet.title, sheet.freeze_panes) == ("campaigns", "A2")
    start, created = sheet[2][header.index("from")], sheet[2][header.index("createdAt")]
    assert (start.value, start.number_format) == (datetime(2024, 12, 1), "mm-dd-yy")  # noqa: DTZ001 - a cell
    assert created.number_format == "m/d/yy h:mm"
    (sheet,) = openpyxl.load_workbook(io.BytesIO((await read(filled, "sites", format="xlsx")).content)).worksheets
    header = [cell.value for cell in sheet[1]]
    types = {
        column: sheet[2][header.index(column)].data_type for column in ("name", "radius", "attributes.zip", "active")
    }
    assert types == {"name": "s", "radius": "n", "attributes.zip": "s", "active": "b"}
    assert sheet[3][header.index("key")].value == "0042"


async def test_types_of_parquet(filled: Tenant) -> None:
    schema = parquet.read_schema(io.BytesIO((await read(filled, "sites", format="parquet")).content))
    types = {name: str(schema.field(name).type) for name in ("radius", "level", "tags", "online", "createdAt", "name")}
    assert types == {
        "radius": "double",
        "level": "int64",
        "tags": "list<element: string>",
        "online": "bool",
        "createdAt": "timestamp[ms, tz=UTC]",
        "name": "string",
    }
    campaigns = parquet.read_schema(io.BytesIO((await read(filled, "campaigns", format="parquet")).content))
    assert str(campaigns.field("from").type) == "date32[day]"


@pytest.mark.parametrize(
    ("path", "geometries"),
    [
        ("sites", [{"type": "Point", "coordinates": [6.45, 48.17]}, None]),
        ("pois", [SQUARE, {"type": "Point", "coordinates": [2.35, 48.85]}]),
        ("areas", [SQUARE, {"type": "Point", "coordinates": [4.9, 45.8]}]),
    ],
)
async def test_places_as_geojson(filled: Tenant, path: str, geometries: list[Json | None]) -> None:
    documents = (await read(filled, path)).json()["documents"]
    collection = (await read(filled, path, format="geojson")).json()
    assert collection["type"] == "FeatureCollection"
    features = collection["features"]
    assert [feature["geometry"] for feature in features] == geometries
    assert [feature["id"] for feature in features] == [document["_id"] for document in documents]
    for feature, document in zip(features, documents, strict=True):
        properties = feature["properties"]
        assert "geometry" not in properties
        assert properties["createdAt"][:19] == document["createdAt"][:19]
        assert properties["createdAt"].endswith("Z")
        assert {name: properties.get(name) for name in ("key", "name", "code")} == {
            name: document.get(name) for name in ("key", "name", "code")
        }
    assert (await read(filled, path, format="geojson", q="no such text")).json()["features"] == []


async def test_properties_of_sites(filled: Tenant) -> None:
    first = (await read(filled, "sites", format="geojson")).json()["features"][0]["properties"]
    assert (first["tags"], first["openings.monday"]) == (["a", "b|c"], [["09:00", "12:30"]])
    attributes = {name: first[f"attributes.{name}"] for name in ("zip", "floor", "new", "size")}
    assert attributes == {"zip": "01000", "floor": 2, "new": True, "size": 1.5}


async def test_csv_for_french_spreadsheets(filled: Tenant) -> None:
    response = await read(filled, "campaigns", format="csv", locale="fr")
    assert response.content.startswith(b"\xef\xbb\xbf_id;application;key;")
    text = response.content.decode("utf-8-sig")
    assert ";Noël;;01/12/2024;31/12/2024;" in text
    created = (await read(filled, "campaigns")).json()["documents"][0]["createdAt"]
    assert f";{created[8:10]}/{created[5:7]}/{created[:4]} {created[11:19]};" in text
    assert ";6,45;48,17;70,5;" in (await read(filled, "sites", format="csv", locale="fr")).text
    for path in ("campaigns", "studies"):
        content = (await read(filled, path, format="csv", locale="fr")).content
        imported = await filled.editor.post(f"{filled.url}/{path}", files={"file": content}, data={"dates": "dmy"})
        counts = [imported.json()[name] for name in ("created", "updated", "failed")]
        assert (imported.status_code, counts) == (200, [0, 0, 0]), imported.text


async def test_formats_of_campaigns_filter_unless_they_name_a_file(filled: Tenant) -> None:
    banners = (await read(filled, "campaigns", format="banner")).json()["documents"]
    assert [campaign["key"] for campaign in banners] == ["banner"]
    assert len(read_csv(await read(filled, "campaigns", format="csv"))) == 2
    (banner,) = read_csv(await read(filled, "campaigns", accept="text/csv", format="banner"))
    assert banner["key"] == "banner"


@pytest.mark.parametrize("path", [path for path in LISTS if path != "campaigns"])
async def test_unknown_formats_say_what_would_work(filled: Tenant, path: str) -> None:
    response = await filled.reader.get(f"{filled.url}/{path}", params={"format": "xls"}, headers={"Accept": "text/csv"})
    assert (response.status_code, response.headers["content-type"]) == (400, "application/problem+json")
    assert "'json', 'csv', 'xlsx'" in response.json()["detail"]


@pytest.mark.parametrize("file_format", ["xlsx", "parquet"])
async def test_errors_while_a_file_is_written_are_json(
    filled: Tenant, monkeypatch: pytest.MonkeyPatch, file_format: str
) -> None:
    monkeypatch.setattr(xlsx_file, "SHEET_ROWS", 1)
    monkeypatch.setattr(xlsx_file, "MAX_SHEETS", 1)
    monkeypatch.setattr("okube_api.api.file_export._MAX_NAMES", 1 if file_format == "parquet" else 1000)
    response = await filled.reader.get(f"{filled.url}/sites", params={"format": file_format})
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")


@pytest.mark.parametrize("path", ["sites", "pois", "campaigns", "studies"])
async def test_imports_of_exported_spreadsheets_change_nothing(filled: Tenant, path: str) -> None:
    count = (await read(filled, path, per_page="0")).json()["_$paginated"]["total"]
    content = (await read(filled, path, format="xlsx")).content
    url = f"{filled.url}/{path}{'/import' if path == 'sites' else ''}"
    response = await filled.editor.post(url, files={"file": (f"{path}.xlsx", content)})
    assert response.status_code == 200, response.text
    assert response.json() == {"created": 0, "updated": 0, "unchanged": count, "failed": 0, "errors": []}


@pytest.mark.parametrize("file_format", ["xlsx", "parquet"])
async def test_a_full_disk_is_reported(filled: Tenant, monkeypatch: pytest.MonkeyPatch, file_format: str) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("okube_api.tables.parquet_file.ParquetFile._write_group", fail)
    monkeypatch.setattr("xlsxwriter.workbook.Workbook._store_workbook", fail)
    response = await filled.reader.get(f"{filled.url}/sites", params={"format": file_format})
    assert (response.status_code, response.json()["code"]) == (507, "insufficient_storage")


async def test_each_format_has_a_tag_of_its_own(filled: Tenant) -> None:
    formats = ("json", "csv", "xlsx", "parquet", "geojson")
    responses = [await read(filled, "sites", format=each) for each in formats]
    tags = [response.headers["etag"] for response in responses]
    assert len(set(tags)) == len(formats)
    for tag, each in zip(tags, formats, strict=True):
        headers = {"If-None-Match": tag}
        again = await filled.reader.get(f"{filled.url}/sites", params={"format": each}, headers=headers)
        assert (again.status_code, again.content) == (304, b"")
