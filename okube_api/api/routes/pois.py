"""Routes of points of interest."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import CanCreate, Creator, Readable, ResourceAccess, load_by_id, load_by_key, load_in_app
from okube_api.api.aliases import register_aliased, under_applications
from okube_api.api.container import Services, ServicesDep
from okube_api.api.csv_import import DryRun, Partial, TableSpec, import_table
from okube_api.api.file_export import PLACES_RESPONSE, export_list, open_list
from okube_api.api.file_format import AcceptedPlaces
from okube_api.api.multipart import register_multipart
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.route import ApiRoute
from okube_api.api.table_form import LENGTHS_M, build_table_fields
from okube_api.auth.repository import Role
from okube_api.errors import BadRequest, NotFound
from okube_api.http.etags import IfMatch, answer_with_etag, parse_if_match
from okube_api.http.pagination import Page, answer_page
from okube_api.kit.schemas import UNSET
from okube_api.pois.schemas import PoiAnswer, PoiCreate, PoiQuery, PoiUpdate, PoiUpdateByName, parse_numbers
from okube_api.store.conditions import Condition, Overlaps, equal

router = APIRouter(route_class=ApiRoute, tags=["points of interest"])

LIST = ("/pois", *under_applications("/pois"))
ITEM = ("/pois/{poi}", *under_applications("/pois/{poi}"))

TABLE = TableSpec(
    PoiUpdate,
    PoiAnswer,
    ("name", ("coordinates", "geometry")),
    build_table_fields("PoiTable", PoiUpdate, units={"radius": LENGTHS_M}),
)

PoiInPath = Annotated[str, Path(description="Id of the point of interest; in a path with an application also its key.")]


async def load_poi_to_read(request: Request, poi: PoiInPath, services: ServicesDep) -> ResourceAccess:
    """Return the access to the point of interest of the path, for a reader."""
    return await load_in_app(request, services, services.pois, poi, Role.READER)


async def load_poi_to_edit(request: Request, poi: PoiInPath, services: ServicesDep) -> ResourceAccess:
    """Return the access to the point of interest of the path, for an editor."""
    return await load_in_app(request, services, services.pois, poi, Role.EDITOR)


PoiToRead = Annotated[ResourceAccess, Depends(load_poi_to_read)]
PoiToEdit = Annotated[ResourceAccess, Depends(load_poi_to_edit)]


@register_aliased(
    router, "GET", LIST, response_model=Page[PoiAnswer], responses={200: PLACES_RESPONSE, **refusals(404)}
)
async def list_pois(
    request: Request,
    query: Annotated[PoiQuery, Query()],
    readable: Readable,
    services: ServicesDep,
    accepted: AcceptedPlaces,
) -> Response:
    """List the points of interest of one application or of all that you may read, by page or completely as a file."""
    where = await _build_condition(query, readable, services)
    if (chosen := accepted.prefer(query.file_format)).is_file:
        return await export_list(request, await open_list(services.pois, where, PoiAnswer), chosen, query)
    return answer_page(await services.pois.find_page(where, query.paging), query.paging, PoiAnswer)


async def _build_condition(query: PoiQuery, readable: Condition, services: Services) -> Condition:
    where = readable & query.to_condition()
    if query.study:
        where &= await services.studies.match_pois(readable, query.study)
    if query.sites:
        where &= Overlaps("sites", await services.sites.find_ids(readable, query.sites))
    if query.near:
        longitude, latitude = parse_numbers(query.near)
        where &= await services.pois.match_within_distance(where, longitude, latitude, query.distance)
    return where


@register_multipart(router, "POST", LIST)
async def import_pois(
    request: Request,
    creator: CanCreate,
    services: ServicesDep,
    *,
    partial: Partial = False,
    dry_run: DryRun = False,
) -> Response:
    """Import points of interest from a table."""
    return await import_table(request, creator, services.pois, TABLE, partial=partial, dry_run=dry_run)


@register_aliased(
    router,
    "POST",
    LIST,
    status_code=201,
    response_model=PoiAnswer,
    responses=CREATED | refusals(404, 422),
    openapi_extra=TABLE.openapi_body,
)
async def create_poi(body: PoiCreate, creator: CanCreate, services: ServicesDep) -> Response:
    """Create a point of interest, or the points of interest of a CSV file with columns named like the fields.

    A file also updates points of interest whose `_id` or key exists; its answer (200) has the numbers of both.  One
    invalid row refuses the whole file, unless the query has `partial=true`.
    """
    access = await creator.load_access(body.app)
    return answer_with_etag(
        await services.pois.create(access.application, body.dump_set_fields(without={"app"})), PoiAnswer, 201
    )


@register_aliased(router, "PUT PATCH", LIST, response_model=PoiAnswer, responses=refusals(404, 409, 412, 422))
async def update_named_poi(
    body: PoiUpdateByName, creator: CanCreate, services: ServicesDep, if_match: IfMatch = UNSET
) -> Response:
    """Change the point of interest that the body's `_id` names, or else its `key`."""
    access = await _load_named_poi(body, creator, services)
    poi = await services.pois.update(
        access.application,
        access.document,
        body.list_changes(PoiAnswer.render(access.document)),
        parse_if_match(if_match),
    )
    return answer_with_etag(poi, PoiAnswer)


async def _load_named_poi(body: PoiUpdateByName, creator: Creator, services: Services) -> ResourceAccess:
    """Return an editor's access to the POI of a body.  Raise BadRequest, NotFound, Forbidden or AmbiguousKey."""
    if not body.id and not body.key:
        raise BadRequest.with_code("body", "/key", "missing", "'_id' or 'key' is required.")
    if "application" not in creator.request.path_params and body.app is None:
        if body.id:
            return await load_by_id(services, creator.user, services.pois, body.id, Role.EDITOR)
        return await load_by_key(services, creator.user, services.pois, str(body.key), Role.EDITOR)
    access = await creator.load_access(body.app)
    in_application = equal("application", access.application.id)
    named = equal("_id", body.id.lower()) if body.id else equal("key", str(body.key))
    poi = await services.store.get(services.pois.collection, in_application & named)
    if poi is None:
        raise NotFound(services.pois.kind, body.id or str(body.key))
    return ResourceAccess(access.user, access.role, access.application, poi)


@register_aliased(router, "GET", ITEM, response_model=PoiAnswer, responses=refusals(404))
async def get_poi(access: PoiToRead) -> Response:
    """Return a point of interest."""
    return answer_with_etag(access.document, PoiAnswer)


@register_aliased(router, "PUT PATCH", ITEM, response_model=PoiAnswer, responses=refusals(404, 412, 422))
async def update_poi(body: PoiUpdate, access: PoiToEdit, services: ServicesDep, if_match: IfMatch = UNSET) -> Response:
    """Change the fields in the body and no others.

    An answer of the point of interest is a valid body: fields with their current value do not change, and read-only
    fields are accepted with their current value only.
    """
    poi = await services.pois.update(
        access.application,
        access.document,
        body.list_changes(PoiAnswer.render(access.document)),
        parse_if_match(if_match),
    )
    return answer_with_etag(poi, PoiAnswer)


@register_aliased(router, "DELETE", ITEM, status_code=204, responses=refusals(404, 412))
async def delete_poi(access: PoiToEdit, services: ServicesDep, if_match: IfMatch = UNSET) -> None:
    """Delete a point of interest, and remove it from the studies that contain it."""
    await services.cascade_delete.delete_poi(access.document, parse_if_match(if_match))
