"""Routes of sites."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import CanCreate, Readable, ResourceAccess, SiteInPath, SiteToRead, load_in_app
from okube_api.api.aliases import register_aliased, under_applications
from okube_api.api.container import ServicesDep
from okube_api.api.file_export import PLACES_RESPONSE, export_list, open_list
from okube_api.api.file_format import AcceptedPlaces
from okube_api.api.multipart import describe_multipart
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.route import ApiRoute
from okube_api.auth.repository import Role
from okube_api.http.etags import IfMatch, answer_with_etag, parse_if_match
from okube_api.http.middleware.proxy import public_path
from okube_api.http.pagination import Page, answer_page
from okube_api.kit.repository import DocumentPage
from okube_api.kit.schemas import UNSET
from okube_api.sites.schemas import RESERVED_KEY, SiteAnswer, SiteCreate, SiteQuery, SiteUpdate
from okube_api.store.values import Json


def is_import(path_params: Mapping[str, str]) -> bool:
    """Return whether a path below an application is that of the import, not of a site."""
    return path_params.get("site") == RESERVED_KEY and "application" in path_params


class SiteRoute(ApiRoute):
    """A route of sites."""

    def belongs_elsewhere(self, path_params: Mapping[str, str]) -> bool:
        """Return whether the path is that of the import."""
        return is_import(path_params)


router = APIRouter(route_class=SiteRoute, tags=["sites"])

PICTURE_PART = {"thumbnail": False}

LIST = ("/sites", *under_applications("/sites"))
ITEM = ("/sites/{site}", "/s/{site}", *under_applications("/sites/{site}", "/s/{site}"))


async def load_site_to_edit(request: Request, site: SiteInPath, services: ServicesDep) -> ResourceAccess:
    """Return the access to the site of the path, for an editor."""
    return await load_in_app(request, services, services.sites, site, Role.EDITOR)


SiteToEdit = Annotated[ResourceAccess, Depends(load_site_to_edit)]


def with_public_thumbnail(site: Json, request: Request) -> Json:
    """Return a site with the path of its thumbnail as the client sees it, behind a proxy that strips a prefix."""
    path = site.get("thumbnail")
    return {**site, "thumbnail": public_path(request.scope, path)} if path else site


@register_aliased(
    router, "GET", LIST, response_model=Page[SiteAnswer], responses={200: PLACES_RESPONSE, **refusals(404)}
)
async def list_sites(
    request: Request,
    query: Annotated[SiteQuery, Query()],
    readable: Readable,
    services: ServicesDep,
    accepted: AcceptedPlaces,
) -> Response:
    """List the sites of one application or of all that you may read, page by page, or completely as a file."""
    where = readable & query.to_condition()
    if (chosen := accepted.prefer(query.file_format)).is_file:
        convert = partial(with_public_thumbnail, request=request)
        return await export_list(request, await open_list(services.sites, where, SiteAnswer, convert), chosen, query)
    page = await services.sites.find_page(where, query.paging)
    sites = [with_public_thumbnail(site, request) for site in page.documents]
    return answer_page(DocumentPage(sites, page.total), query.paging, SiteAnswer)


@register_aliased(
    router,
    "POST",
    LIST,
    status_code=201,
    response_model=SiteAnswer,
    responses=CREATED | refusals(404, 422),
    openapi_extra=describe_multipart(SiteCreate, PICTURE_PART),
)
async def create_site(body: SiteCreate, creator: CanCreate, services: ServicesDep) -> Response:
    """Create a site."""
    access = await creator.load_access(body.app)
    return answer_with_etag(
        await services.sites.create(access.application, body.dump_set_fields(without={"app"})), SiteAnswer, 201
    )


@register_aliased(router, "GET", ITEM, response_model=SiteAnswer, responses=refusals(404))
async def get_site(request: Request, access: SiteToRead) -> Response:
    """Return a site."""
    return answer_with_etag(with_public_thumbnail(access.site, request), SiteAnswer)


@register_aliased(
    router,
    "PUT PATCH",
    ITEM,
    response_model=SiteAnswer,
    responses=refusals(404, 412, 422),
    openapi_extra=describe_multipart(SiteUpdate, PICTURE_PART),
)
async def update_site(
    request: Request, body: SiteUpdate, access: SiteToEdit, services: ServicesDep, if_match: IfMatch = UNSET
) -> Response:
    """Change the fields in the body and no others.

    An answer of the site is a valid body: fields with their current value do not change, and read-only
    fields are accepted with their current value only.
    """
    site = await services.sites.update(
        access.application,
        access.document,
        body.list_changes(SiteAnswer.render(with_public_thumbnail(access.document, request))),
        parse_if_match(if_match),
    )
    return answer_with_etag(with_public_thumbnail(site, request), SiteAnswer)


@register_aliased(router, "DELETE", ITEM, status_code=204, responses=refusals(404, 412))
async def delete_site(access: SiteToEdit, services: ServicesDep, if_match: IfMatch = UNSET) -> None:
    """Delete a site, with its equipments and its picture."""
    await services.cascade_delete.delete_site(access.document, parse_if_match(if_match))
