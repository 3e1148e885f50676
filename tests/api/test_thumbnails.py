"""Pictures of sites."""

import io
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.api.server import Json, Tenant

pytestmark = pytest.mark.anyio


def picture(form: str, size: tuple[int, int] = (60, 40), mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    Image.new(mode, size, (200, 30, 30, 128)[: len(mode)]).save(out, form, **options)
    return out.getvalue()


def image_of(response: httpx.Response) -> Image.Image:
    assert response.status_code == 200, response.text
    return Image.open(io.BytesIO(response.content))


@pytest.fixture
async def site(tenant: Tenant) -> Json:
    return await tenant.make("sites", name="Lyon", online=True, key="lyon")


async def put(tenant: Tenant, raw: bytes, **fields: str) -> httpx.Response:
    return await tenant.editor.put(f"{tenant.url}/sites/lyon", files={"thumbnail": ("x", raw)}, data=fields)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
async def test_a_picture_is_kept_and_served(tenant: Tenant, reader: httpx.AsyncClient, site: Json, form: str) -> None:
    assert site["thumbnail"] is None
    response = await put(tenant, picture(form), name="Lyon 2")
    assert response.status_code == 200, response.text
    changed = response.json()
    assert (changed["name"], changed["thumbnail"]) == ("Lyon 2", f"/sites/{site['_id']}/thumbnail")
    assert (await reader.get(f"{tenant.url}/sites/lyon")).json() == changed
    for path in (changed["thumbnail"], f"/a/{tenant.key}/s/lyon/thumbnail"):
        served = await reader.get(path)
        assert (image_of(served).format, image_of(served).size) == ("JPEG", (60, 40))
        assert (served.headers["content-type"], served.headers["cache-control"]) == ("image/jpeg", "private, no-cache")
    tag = served.headers["etag"]
    again = await reader.get(path, headers={"If-None-Match": f'"x", W/{tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)


async def test_what_came_with_a_picture_is_gone(tenant: Tenant, reader: httpx.AsyncClient, site: Json) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "where I live"  # to be turned by a quarter, and a description
    raw = picture("JPEG", (60, 40), exif=exif, comment=b"a secret") + b"trailing secret"
    assert (await put(tenant, raw)).status_code == 200
    served = await reader.get(f"/sites/{site['_id']}/thumbnail")
    assert image_of(served).size == (40, 60)
    assert not image_of(served).getexif()
    assert b"secret" not in served.content
    assert b"where I live" not in served.content


async def test_large_pictures_get_smaller_and_transparent_ones_stay(
    tenant: Tenant, reader: httpx.AsyncClient, site: Json
) -> None:
    assert (await put(tenant, picture("PNG", (2048, 1024), "RGBA"))).status_code == 200
    served = image_of(await reader.get(f"/sites/{site['_id']}/thumbnail"))
    assert (served.format, served.size) == ("PNG", (1024, 512))
    assert served.has_transparency_data


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"no picture", 415),
        (b"", 415),
        (picture("GIF"), 415),
        (picture("BMP"), 415),
        (picture("JPEG")[:200], 415),
        (b"GIF89a" + picture("PNG"), 415),
        (picture("PNG", (5001, 5000), "L"), 413),
        (picture("PNG") + b"\0" * 5_242_880, 413),
    ],
)
async def test_what_is_no_picture_or_too_large(
    tenant: Tenant, reader: httpx.AsyncClient, site: Json, raw: bytes, status: int
) -> None:
    response = await put(tenant, raw, name="changed")
    assert response.status_code == status, response.text
    assert (await reader.get(f"{tenant.url}/sites/lyon")).json() == site
    assert (await reader.get(f"{tenant.url}/sites/lyon/thumbnail")).status_code == 404


async def test_a_new_site_with_a_picture_and_nested_fields(tenant: Tenant, editor: httpx.AsyncClient) -> None:
    fields = {
        "app": tenant.key,
        "name": "Lyon",
        "online": "false",
        "address[city]": "Lyon",
        "tags": ["a", "b"],
        "level": "2",
    }
    response = await editor.post("/sites", files={"thumbnail": picture("PNG")}, data=fields)
    assert response.status_code == 201, response.text
    site = response.json()
    assert (site["address"], site["tags"], site["level"]) == ({"city": "Lyon"}, ["a", "b"], 2)
    assert (await editor.get(site["thumbnail"])).status_code == 200


async def test_a_picture_is_taken_away(tenant: Tenant, editor: httpx.AsyncClient, site: Json) -> None:
    await put(tenant, picture("PNG"))
    url = f"{tenant.url}/sites/lyon/thumbnail"
    assert (await tenant.reader.delete(url)).status_code == 403
    assert (await editor.delete(url)).status_code == 204
    assert (await editor.get(url)).status_code == 404
    assert (await editor.get(f"{tenant.url}/sites/lyon")).json()["thumbnail"] is None
    assert (await editor.delete(url)).status_code == 404


async def test_foreign_pictures_are_not_found(tenant: Tenant, stranger: httpx.AsyncClient, site: Json) -> None:
    await put(tenant, picture("PNG"))
    assert (await stranger.get(f"/sites/{site['_id']}/thumbnail")).status_code == 404


async def test_multipart_fields_are_held_to_the_same_limits(
    tenant: Tenant, editor: httpx.AsyncClient, site: Json
) -> None:
    for fields, pointer in (({"level": "x"}, "/level"), ({"_id": "x"}, "/_id"), ({"address[x]": "y"}, "/address/x")):
        response = await put(tenant, picture("PNG"), **fields)
        assert (response.status_code, response.json()["errors"][0]["pointer"]) == (400, pointer)
    other = await editor.put(f"{tenant.url}/sites/lyon", files={"picture": picture("PNG")})
    assert (other.status_code, other.json()["errors"][0]["pointer"]) == (400, "/picture")
