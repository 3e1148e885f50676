"""Routes of files of sites: pictures, and tables to import."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Header
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import CanCreate, ResourceAccess, SiteToRead
from okube_api.api.aliases import register_aliased, under_applications
from okube_api.api.container import Services, ServicesDep
from okube_api.api.csv_import import DryRun, ImportAnswer, Partial, import_table
from okube_api.api.multipart import MultipartBody, MultipartRoute, TableRoute, read_parts, register_multipart
from okube_api.api.openapi import refusals
from okube_api.api.route import ApiRoute
from okube_api.api.routes.site_tables import TABLE
from okube_api.api.routes.sites import ITEM, LIST, SiteToEdit, is_import, with_public_thumbnail
from okube_api.http.etags import IfMatch, answer_with_etag, parse_if_match
from okube_api.kit.dry_run import DryRunAnswer
from okube_api.kit.schemas import UNSET
from okube_api.settings import Settings
from okube_api.sites.schemas import SiteAnswer, SiteCreate, SiteUpdate
from okube_api.sites.thumbnails import MAX_BYTES, Picture
from okube_api.store.values import Json

router = APIRouter(route_class=ApiRoute, tags=["sites"])

THUMBNAIL = "thumbnail"
PICTURES = tuple(f"{path}/{THUMBNAIL}" for path in ITEM)
IMPORT = under_applications("/sites/import", "/s/import")


class PictureRoute(MultipartRoute):
    """A route for a picture and form fields."""

    def body_limit(self, settings: Settings) -> int:
        """Return the maximum size of all parts together, in bytes."""
        return MAX_BYTES + settings.body_limit

    def belongs_elsewhere(self, path_params: Mapping[str, str]) -> bool:
        """Return whether the path is that of the import."""
        return is_import(path_params)


async def _read_picture(services: Services, parts: MultipartBody) -> Picture | None:
    """Return the re-encoded picture among the parts, or None.  Raise UnsupportedMedia or TooLarge."""
    if THUMBNAIL not in parts.files:
        return None
    return await services.thumbnails.reencode(parts.files[THUMBNAIL].read)


async def _store_picture(services: Services, access: ResourceAccess, site: Json, picture: Picture | None) -> Json:
    """Store the picture of a site, if any, and return the site's document."""
    if picture is None:
        return site
    path = await services.thumbnails.put(site, picture)
    return await services.sites.update(access.application, site, {THUMBNAIL: path, "thumbnailEtag": picture.etag})


@register_multipart(router, "POST", LIST, PictureRoute, status_code=201)
async def create_site_with_picture(request: Request, creator: CanCreate, services: ServicesDep) -> Response:
    """Create a site with its picture."""
    parts = await read_parts(request, (THUMBNAIL,), MAX_BYTES)
    try:
        body = await parts.validate(request, SiteCreate)
        access = await creator.load_access(body.app)
        picture = await _read_picture(services, parts)
    finally:
        await parts.close()
    site = await services.sites.create(access.application, body.dump_set_fields(without={"app"}))
    access = ResourceAccess(access.user, access.role, access.application, site)
    site = await _store_picture(services, access, site, picture)
    return answer_with_etag(with_public_thumbnail(site, request), SiteAnswer, 201)


@register_multipart(router, "PUT PATCH", ITEM, PictureRoute)
async def update_site_with_picture(
    request: Request, access: SiteToEdit, services: ServicesDep, if_match: IfMatch = UNSET
) -> Response:
    """Change the fields in the body, and the picture if it has one."""
    parts = await read_parts(request, (THUMBNAIL,), MAX_BYTES)
    try:
        body = await parts.validate(request, SiteUpdate)
        changes = body.list_changes(SiteAnswer.render(with_public_thumbnail(access.document, request)))
        picture = await _read_picture(services, parts)
    finally:
        await parts.close()
    site = await services.sites.update(access.application, access.document, changes, parse_if_match(if_match))
    site = await _store_picture(services, access, site, picture)
    return answer_with_etag(with_public_thumbnail(site, request), SiteAnswer)


IfNoneMatch = Annotated[str, Header(alias="If-None-Match", description="`ETag` of the picture that the client has.")]
_IMAGE = {"schema": {"type": "string", "format": "binary"}}
_PICTURE_RESPONSES = {
    200: {"description": "The picture.", "content": {"image/jpeg": _IMAGE, "image/png": _IMAGE}},
    304: {"description": "The picture has not changed."},
}


@register_aliased(router, "GET", PICTURES, response_class=Response, responses={**_PICTURE_RESPONSES, **refusals(404)})
async def get_thumbnail(
    access: SiteToRead,
    services: ServicesDep,
    if_none_match: IfNoneMatch = UNSET,
) -> Response:
    """Return the picture of a site."""
    picture = await services.thumbnails.get(access.site)
    tag = f'"{picture.etag}"'
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if if_none_match and tag in {value.strip().removeprefix("W/") for value in if_none_match.split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(picture.image, headers=headers, media_type=picture.media_type)


@register_aliased(router, "DELETE", PICTURES, status_code=204, responses=refusals(404))
async def delete_thumbnail(access: SiteToEdit, services: ServicesDep) -> None:
    """Delete the picture of a site."""
    await services.thumbnails.get(access.document)
    await services.sites.update(access.application, access.document, {THUMBNAIL: None, "thumbnailEtag": None})
    await services.thumbnails.remove(access.document)


table_router = APIRouter(route_class=TableRoute, tags=["sites"])


@register_aliased(
    table_router,
    "POST",
    IMPORT,
    response_model=ImportAnswer | DryRunAnswer,
    responses=refusals(404, 422),
    openapi_extra=TABLE.openapi_body,
)
async def import_sites(
    request: Request,
    creator: CanCreate,
    services: ServicesDep,
    *,
    partial: Partial = False,
    dry_run: DryRun = False,
) -> Response:
    """Import sites from a CSV or XLSX file: rows whose id or key exists update a site, others create one.

    One invalid row refuses the whole file, unless the query has `partial=true`.  A new site is offline if it has
    coordinates or an address.
    """
    return await import_table(request, creator, services.sites, TABLE, partial=partial, dry_run=dry_run)


router.routes.extend(table_router.routes)
