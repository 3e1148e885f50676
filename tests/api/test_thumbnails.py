"""Thumbnails of sites over HTTP."""

import io
from typing import Any

import h3
import httpx
import pytest
from okube_api.auth.repository import Role
from PIL import Image

from tests.api.server import Json, Server, Tenant, share_store

pytestmark = pytest.mark.anyio


def draw_picture(file_format: str, size: tuple[int, int] = (60, 40), mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, (200, 30, 30, 128)[: len(mode)]).save(out, file_format, **options)
    return out.getvalue()


def open_image(response: httpx.Response) -> Image.Image:
    assert response.status_code == 200, response.text
    return Image.open(io.BytesIO(response.content))


@pytest.fixture
async def site(tenant: Tenant) -> Json:
    return await tenant.create("sites", name="Lyon", online=True, key="lyon")


async def upload(tenant: Tenant, raw: bytes, **fields: str) -> httpx.Response:
    return await tenant.editor.put(f"{tenant.url}/sites/lyon", files={"thumbnail": ("x", raw)}, data=fields)


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
async def test_picture_is_stored_and_served(
    tenant: Tenant, reader: httpx.AsyncClient, site: Json, file_format: str
) -> None:
    assert site["thumbnail"] is None
    response = await upload(tenant, draw_picture(file_format), name="Lyon 2")
    assert response.status_code == 200, response.text
    changed = response.json()
    assert (changed["name"], changed["thumbnail"]) == ("Lyon 2", f"/sites/{site['_id']}/thumbnail")
    assert (await reader.get(f"{tenant.url}/sites/lyon")).json() == changed
    for path in (changed["thumbnail"], f"/a/{tenant.key}/s/lyon/thumbnail"):
        served = await reader.get(path)
        assert (open_image(served).format, open_image(served).size) == ("JPEG", (60, 40))
        assert (served.headers["content-type"], served.headers["cache-control"]) == ("image/jpeg", "private, no-cache")
    tag = served.headers["etag"]
    again = await reader.get(path, headers={"If-None-Match": f'"x", W/{tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)


async def test_the_path_of_a_picture_has_the_prefix_of_a_trusted_proxy(
    server: Server, tenant: Tenant, site: Json
) -> None:
    plain, url = f"/sites/{site['_id']}/thumbnail", f"{tenant.url}/sites/lyon"
    token = server.issue_token(tenant.users[Role.EDITOR])
    async with share_store(server, trusted_proxies="10.0.0.0/8", require_https=False) as proxied:
        client = proxied.client(token, address=("10.4.4.4", 1), **{"X-Forwarded-Prefix": "/maps/"})
        uploaded = await client.put(url, files={"thumbnail": ("x", draw_picture("PNG"))})
        assert uploaded.json()["thumbnail"] == f"/maps{plain}"
        answer = (await client.get(url)).json()
        assert answer["thumbnail"] == f"/maps{plain}"
        assert (await client.get(f"{tenant.url}/sites")).json()["documents"][0]["thumbnail"] == f"/maps{plain}"
        assert f"/maps{plain}" in (await client.get(f"{tenant.url}/sites", headers={"Accept": "text/csv"})).text
        written_back = await client.put(url, json=answer)
        assert written_back.status_code == 200, written_back.text
    assert (await tenant.reader.get(url)).json()["thumbnail"] == plain


async def test_metadata_of_a_picture_is_removed(tenant: Tenant, reader: httpx.AsyncClient, site: Json) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "where I live"  # orientation (a quarter turn) and description
    raw = draw_picture("JPEG", (60, 40), exif=exif, comment=b"a secret") + b"trailing secret"
    assert (await upload(tenant, raw)).status_code == 200
    served = await reader.get(f"/sites/{site['_id']}/thumbnail")
    assert open_image(served).size == (40, 60)
    assert not open_image(served).getexif()
    assert b"secret" not in served.content
    assert b"where I live" not in served.content


async def test_large_picture_is_reduced_and_stays_transparent(
    tenant: Tenant, reader: httpx.AsyncClient, site: Json
) -> None:
    assert (await upload(tenant, draw_picture("PNG", (2048, 1024), "RGBA"))).status_code == 200
    served = open_image(await reader.get(f"/sites/{site['_id']}/thumbnail"))
    assert (served.format, served.size) == ("PNG", (1024, 512))
    assert served.has_transparency_data


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"no picture", 415),
        (b"", 415),
        (draw_picture("GIF"), 415),
        (draw_picture("BMP"), 415),
        (draw_picture("JPEG")[:200], 415),
        (b"GIF89a" + draw_picture("PNG"), 415),
        (draw_picture("PNG", (5001, 5000), "L"), 413),
        (draw_picture("PNG") + b"\0" * 5_242_880, 413),
    ],
)
async def test_invalid_or_too_large_picture_is_refused(
    tenant: Tenant, reader: httpx.AsyncClient, site: Json, raw: bytes, status: int
) -> None:
    response = await upload(tenant, raw, name="changed")
    assert response.status_code == status, response.text
    assert (await reader.get(f"{tenant.url}/sites/lyon")).json() == site
    assert (await reader.get(f"{tenant.url}/sites/lyon/thumbnail")).status_code == 404


async def test_site_is_created_with_a_picture_and_nested_fields(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    fields = {
        "app": tenant.key,
        "name": "Lyon",
        "online": "false",
        "address[city]": "Lyon",
        "tags": ["a", "b"],
        "level": "2",
        "openings[monday]": ['["09:00", "12:30"]', '["14:00", "19:00"]'],
    }
    response = await editor.post("/sites", files={"thumbnail": draw_picture("PNG")}, data=fields)
    assert response.status_code == 201, response.text
    site = response.json()
    assert (site["address"], site["tags"], site["level"]) == ({"city": "Lyon"}, ["a", "b"], 2)
    assert site["openings"]["monday"] == [["09:00", "12:30"], ["14:00", "19:00"]]
    assert (await editor.get(site["thumbnail"])).status_code == 200


async def test_picture_is_deleted(tenant: Tenant, editor: httpx.AsyncClient, site: Json) -> None:
    await upload(tenant, draw_picture("PNG"))
    url = f"{tenant.url}/sites/lyon/thumbnail"
    assert (await tenant.reader.delete(url)).status_code == 403
    assert (await editor.delete(url)).status_code == 204
    assert (await editor.get(url)).status_code == 404
    assert (await editor.get(f"{tenant.url}/sites/lyon")).json()["thumbnail"] is None
    assert (await editor.delete(url)).status_code == 404


async def test_picture_of_another_application_is_not_found(
    tenant: Tenant, stranger: httpx.AsyncClient, site: Json
) -> None:
    await upload(tenant, draw_picture("PNG"))
    assert (await stranger.get(f"/sites/{site['_id']}/thumbnail")).status_code == 404


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [({"level": "x"}, "/level"), ({"_id": "x"}, "/_id"), ({"address[city][x]": "y"}, "/address/city")],
)
async def test_invalid_multipart_field_is_refused(
    tenant: Tenant, site: Json, fields: dict[str, str], pointer: str
) -> None:
    response = await upload(tenant, draw_picture("PNG"), **fields)
    assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, pointer)


async def test_picture_comes_with_as_many_cells_as_a_site_may_have(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    disk = list(h3.grid_disk(h3.latlng_to_cell(48.85, 2.35, 12), 58))[:10_000]
    fields = {
        "name": "Paris",
        "online": "false",
        "coordinates": "[2.35, 48.85]",
        "indoorIndexes[resolution]": "12",
        "indoorIndexes[indexes]": disk,
    }
    answer = await editor.post(f"{tenant.url}/sites", files={"thumbnail": draw_picture("PNG")}, data=fields)
    assert answer.status_code == 201, answer.text
    assert set(answer.json()["indoorIndexes"]["indexes"]) == set(disk)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fields", "advice"),
    [({"tags": ["a"] * 25_001}, "Send a long list as JSON in one field."), ({"name": "x" * 1_048_577}, "1,048,576")],
)
async def test_form_of_too_many_or_too_long_fields_is_too_large(
    tenant: Tenant, editor: httpx.AsyncClient, fields: Json, advice: str
) -> None:
    picture = draw_picture("PNG")
    answer = await editor.post(f"{tenant.url}/sites", files={"thumbnail": picture}, data=fields)
    assert answer.status_code == 413
    assert advice in answer.json()["detail"]


async def test_unknown_file_field_is_refused(tenant: Tenant, editor: httpx.AsyncClient, site: Json) -> None:
    other = await editor.put(f"{tenant.url}/sites/lyon", files={"picture": draw_picture("PNG")})
    assert (other.status_code, other.json()["errors"][0]["pointer"]) == (400, "/picture")
