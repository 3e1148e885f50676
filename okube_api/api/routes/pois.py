"""Points of interest over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import CanCreate, Held, Readable, reach
from okube_api.api.aliases import aliased, under_applications
from okube_api.api.container import Services, ServicesHere
from okube_api.api.csv_export import CSV_ANSWER, CsvWanted, exported
from okube_api.api.csv_import import Partial, TableOf, take_table
from okube_api.api.multipart import multipart
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.route import ApiRoute
from okube_api.auth.repository import Role
from okube_api.http.etags import IfMatch, matching, tagged
from okube_api.http.pagination import Page, paginated
from okube_api.kit.schemas import UNSET
from okube_api.pois.schemas import PoiAnswer, PoiCreate, PoiQuery, PoiUpdate, numbers
from okube_api.store.base import Condition, OneOf

router = APIRouter(route_class=ApiRoute, tags=["points of interest"])

LIST = ("/pois", *under_applications("/pois"))
ONE = ("/pois/{poi}", *under_applications("/pois/{poi}"))

TABLE = TableOf(PoiUpdate, PoiAnswer, ("name", "coordinates"))

PoiInPath = Annotated[str, Path(description="Its id; under an application, its id or key.")]


async def poi_to_read(request: Request, poi: PoiInPath, shared: ServicesHere) -> Held:
    """The point of interest of the path, for a reader."""
    return await reach(request, shared, shared.pois, poi, Role.READER)


async def poi_to_edit(request: Request, poi: PoiInPath, shared: ServicesHere) -> Held:
    """The point of interest of the path, for an editor."""
    return await reach(request, shared, shared.pois, poi, Role.EDITOR)


PoiToRead = Annotated[Held, Depends(poi_to_read)]
PoiToEdit = Annotated[Held, Depends(poi_to_edit)]


@aliased(router, "GET", LIST, response_model=Page[PoiAnswer], responses={200: CSV_ANSWER, **refusals(404)})
async def list_pois(
    query: Annotated[PoiQuery, Query()], readable: Readable, shared: ServicesHere, csv: CsvWanted
) -> Response:
    """The points of interest of an application, or of all that one may read, a page at a time, or whole as CSV."""
    where = await _wanted(query, readable, shared)
    if csv:
        return await exported(shared.pois, where, PoiAnswer, media=csv, encoding=query.encoding)
    return paginated(await shared.pois.page(where, query.paging), query.paging, PoiAnswer)


async def _wanted(query: PoiQuery, readable: Condition, shared: Services) -> Condition:
    where = readable & query.condition()
    if query.study:
        studies = await shared.studies.ids_among(readable, [query.study])
        found = await shared.store.find(shared.studies.collection, OneOf("_id", studies))
        where &= OneOf("_id", tuple(poi for study in found for poi in study.get("pois") or ()))
    if query.near:
        longitude, latitude = numbers(query.near)
        where &= await shared.pois.near(where, longitude, latitude, query.distance)
    return where


@multipart(router, "POST", LIST)
async def import_pois(request: Request, creator: CanCreate, shared: ServicesHere, partial: Partial = False) -> Response:
    """Many points of interest, as a table."""
    return await take_table(request, creator, shared.pois, TABLE, partial=partial)


@aliased(
    router,
    "POST",
    LIST,
    status_code=201,
    response_model=PoiAnswer,
    responses=CREATED | refusals(404, 422),
    openapi_extra=TABLE.documented,
)
async def create_poi(body: PoiCreate, creator: CanCreate, shared: ServicesHere) -> Response:
    """A new point of interest; or many, as a CSV file whose columns are named like the fields.

    A file creates, and updates those whose `_id` or key exists; its answer (200) says how many of each.  One bad row
    refuses it as a whole, unless the query says `partial=true`.
    """
    caller = await creator.caller(body.app)
    return tagged(await shared.pois.create(caller.application, body.named(without={"app"})), PoiAnswer, 201)


@aliased(router, "GET", ONE, response_model=PoiAnswer, responses=refusals(404))
async def get_poi(held: PoiToRead) -> Response:
    """One point of interest."""
    return tagged(held.document, PoiAnswer)


@aliased(router, "PUT PATCH", ONE, response_model=PoiAnswer, responses=refusals(404, 412, 422))
async def update_poi(body: PoiUpdate, held: PoiToEdit, shared: ServicesHere, if_match: IfMatch = UNSET) -> Response:
    """Changes the fields named in the body, and no others."""
    poi = await shared.pois.update(held.application, held.document, body.named(), matching(if_match))
    return tagged(poi, PoiAnswer)


@aliased(router, "DELETE", ONE, status_code=204, responses=refusals(404, 412))
async def delete_poi(held: PoiToEdit, shared: ServicesHere, if_match: IfMatch = UNSET) -> None:
    """Takes a point of interest away, out of the studies that name it, too."""
    await shared.deletion.poi(held.document, matching(if_match))
