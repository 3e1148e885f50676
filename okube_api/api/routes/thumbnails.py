"""Files that come with sites: pictures, and whole tables."""

from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Header
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import CanCreate, Held, SiteToRead
from okube_api.api.aliases import aliased, under_applications
from okube_api.api.container import Services, ServicesHere
from okube_api.api.csv_import import ImportAnswer, Partial, take_table
from okube_api.api.multipart import MultipartRoute, Parts, TableRoute, multipart, read_parts
from okube_api.api.openapi import refusals
from okube_api.api.route import ApiRoute
from okube_api.api.routes.site_tables import TABLE
from okube_api.api.routes.sites import LIST, ONE, SiteToEdit
from okube_api.http.etags import IfMatch, matching, tagged
from okube_api.kit.schemas import UNSET
from okube_api.settings import Settings
from okube_api.sites.schemas import SiteAnswer, SiteCreate, SiteUpdate
from okube_api.sites.thumbnails import MOST_BYTES, Picture, redrawn
from okube_api.store.base import Json

router = APIRouter(route_class=ApiRoute, tags=["sites"])

THUMBNAIL = "thumbnail"
PICTURES = tuple(f"{path}/{THUMBNAIL}" for path in ONE)
IMPORT = under_applications("/sites/import", "/s/import")


class PictureRoute(MultipartRoute):
    """A route for a picture, and fields beside it."""

    def body_limit(self, settings: Settings) -> int:
        """The most bytes of all parts together."""
        return MOST_BYTES + settings.body_limit


async def _picture(parts: Parts) -> Picture | None:
    """The picture among the parts, drawn anew.  Raises UnsupportedMedia and TooLarge."""
    if THUMBNAIL not in parts.files:
        return None
    return await to_thread.run_sync(redrawn, await parts.files[THUMBNAIL].read())


async def _shown(shared: Services, held: Held, site: Json, picture: Picture | None) -> Json:
    """The site, with its picture kept."""
    if picture is None:
        return site
    path = await shared.thumbnails.put(site, picture)
    return await shared.sites.update(held.application, site, {THUMBNAIL: path})


@multipart(router, "POST", LIST, PictureRoute, status_code=201)
async def create_site_with_picture(request: Request, creator: CanCreate, shared: ServicesHere) -> Response:
    """A new site, with its picture."""
    parts = await read_parts(request, (THUMBNAIL,), MOST_BYTES)
    try:
        body = parts.body(SiteCreate)
        caller = await creator.caller(body.app)
        picture = await _picture(parts)
    finally:
        await parts.close()
    site = await shared.sites.create(caller.application, body.named(without={"app"}))
    held = Held(caller.user, caller.role, caller.application, site)
    return tagged(await _shown(shared, held, site, picture), SiteAnswer, 201)


@multipart(router, "PUT PATCH", ONE, PictureRoute)
async def update_site_with_picture(
    request: Request, held: SiteToEdit, shared: ServicesHere, if_match: IfMatch = UNSET
) -> Response:
    """Changes the fields named in the body and the picture in it."""
    parts = await read_parts(request, (THUMBNAIL,), MOST_BYTES)
    try:
        fields = parts.body(SiteUpdate).named()
        picture = await _picture(parts)
    finally:
        await parts.close()
    site = await shared.sites.update(held.application, held.document, fields, matching(if_match))
    return tagged(await _shown(shared, held, site, picture), SiteAnswer)


_IMAGE = {"schema": {"type": "string", "format": "binary"}}
_SHOWN = {
    200: {"description": "The picture.", "content": {"image/jpeg": _IMAGE, "image/png": _IMAGE}},
    304: {"description": "The picture is the one that the caller has."},
}


@aliased(router, "GET", PICTURES, response_class=Response, responses={**_SHOWN, **refusals(404)})
async def get_thumbnail(
    caller: SiteToRead,
    shared: ServicesHere,
    if_none_match: Annotated[str, Header(alias="If-None-Match", description="The `ETag` that one has.")] = UNSET,
) -> Response:
    """The picture of a site."""
    picture = await shared.thumbnails.get(caller.site)
    tag = f'"{picture.tag}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if if_none_match and tag in {one.strip().removeprefix("W/") for one in if_none_match.split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(picture.image, headers=headers, media_type=picture.media_type)


@aliased(router, "DELETE", PICTURES, status_code=204, responses=refusals(404))
async def delete_thumbnail(held: SiteToEdit, shared: ServicesHere) -> None:
    """Takes the picture of a site away."""
    await shared.thumbnails.get(held.document)
    await shared.sites.update(held.application, held.document, {THUMBNAIL: None})
    await shared.thumbnails.remove(held.document)


tables = APIRouter(route_class=TableRoute, tags=["sites"])


@aliased(
    tables,
    "POST",
    IMPORT,
    response_model=ImportAnswer,
    responses=refusals(404, 422),
    openapi_extra=TABLE.documented,
)
async def import_sites(
    request: Request, creator: CanCreate, shared: ServicesHere, partial: Partial = False
) -> Response:
    """Many sites, as a CSV file: rows whose id or key exists update, others create; all of them, or nothing.

    A new site is offline when it has coordinates or an address.
    """
    return await take_table(request, creator, shared.sites, TABLE, partial=partial)


router.routes.extend(tables.routes)
