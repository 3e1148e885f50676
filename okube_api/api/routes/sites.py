"""Sites over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import CanCreate, Held, Readable, SiteInPath, SiteToRead, reach
from okube_api.api.aliases import aliased, under_applications
from okube_api.api.container import ServicesHere
from okube_api.api.csv_export import CSV_ANSWER, CsvWanted, exported
from okube_api.api.multipart import multipart_body
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.route import ApiRoute
from okube_api.auth.repository import Role
from okube_api.http.etags import IfMatch, matching, tagged
from okube_api.http.pagination import Page, paginated
from okube_api.kit.schemas import UNSET
from okube_api.sites.schemas import SiteAnswer, SiteCreate, SiteQuery, SiteUpdate

router = APIRouter(route_class=ApiRoute, tags=["sites"])

PICTURE = {"thumbnail": False}

LIST = ("/sites", *under_applications("/sites"))
ONE = ("/sites/{site}", "/s/{site}", *under_applications("/sites/{site}", "/s/{site}"))


async def site_to_edit(request: Request, site: SiteInPath, shared: ServicesHere) -> Held:
    """The site of the path, for an editor."""
    return await reach(request, shared, shared.sites, site, Role.EDITOR)


SiteToEdit = Annotated[Held, Depends(site_to_edit)]


@aliased(router, "GET", LIST, response_model=Page[SiteAnswer], responses={200: CSV_ANSWER, **refusals(404)})
async def list_sites(
    query: Annotated[SiteQuery, Query()], readable: Readable, shared: ServicesHere, csv: CsvWanted
) -> Response:
    """The sites of an application, or of all those that one may read, a page at a time, or whole as CSV."""
    where = readable & query.condition()
    if csv:
        return await exported(shared.sites, where, SiteAnswer, media=csv, encoding=query.encoding)
    return paginated(await shared.sites.page(where, query.paging), query.paging, SiteAnswer)


@aliased(
    router,
    "POST",
    LIST,
    status_code=201,
    response_model=SiteAnswer,
    responses=CREATED | refusals(404, 422),
    openapi_extra=multipart_body(SiteCreate, PICTURE),
)
async def create_site(body: SiteCreate, creator: CanCreate, shared: ServicesHere) -> Response:
    """A new site."""
    caller = await creator.caller(body.app)
    return tagged(await shared.sites.create(caller.application, body.named(without={"app"})), SiteAnswer, 201)


@aliased(router, "GET", ONE, response_model=SiteAnswer, responses=refusals(404))
async def get_site(caller: SiteToRead) -> Response:
    """One site."""
    return tagged(caller.site, SiteAnswer)


@aliased(
    router,
    "PUT PATCH",
    ONE,
    response_model=SiteAnswer,
    responses=refusals(404, 412, 422),
    openapi_extra=multipart_body(SiteUpdate, PICTURE),
)
async def update_site(body: SiteUpdate, held: SiteToEdit, shared: ServicesHere, if_match: IfMatch = UNSET) -> Response:
    """Changes the fields named in the body, and no others."""
    site = await shared.sites.update(held.application, held.document, body.named(), matching(if_match))
    return tagged(site, SiteAnswer)


@aliased(router, "DELETE", ONE, status_code=204, responses=refusals(404, 412))
async def delete_site(held: SiteToEdit, shared: ServicesHere, if_match: IfMatch = UNSET) -> None:
    """Takes a site away."""
    await shared.deletion.site(held.document, matching(if_match))
