"""Campaigns over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import CanCreate, Held, Readable, reach
from okube_api.api.aliases import aliased, under_applications
from okube_api.api.bulk_body import OneOrMany, answered, create_or_update
from okube_api.api.container import Services, ServicesHere
from okube_api.api.csv_export import CSV_ANSWER, CsvWanted, exported
from okube_api.api.csv_import import Partial, TableOf, take_table
from okube_api.api.multipart import multipart
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.route import ApiRoute
from okube_api.auth.repository import Role
from okube_api.campaigns.schemas import (
    CampaignAnswer,
    CampaignCreate,
    CampaignInList,
    CampaignQuery,
    CampaignUpdate,
    with_extra_list,
    with_extra_object,
)
from okube_api.http.etags import IfMatch, matching, tagged
from okube_api.http.pagination import Page, paginated
from okube_api.kit.repository import Found
from okube_api.kit.schemas import UNSET
from okube_api.store.base import Condition, OneOf, Overlaps

router = APIRouter(route_class=ApiRoute, tags=["campaigns"])

LIST = ("/campaigns", *under_applications("/campaigns"))
ONE = ("/campaigns/{campaign}", *under_applications("/campaigns/{campaign}"))

TABLE = TableOf(CampaignUpdate, CampaignAnswer, ("key",))

CampaignInPath = Annotated[str, Path(description="The campaign's id; under an application, its id or key.")]


async def campaign_to_read(request: Request, campaign: CampaignInPath, shared: ServicesHere) -> Held:
    """The campaign of the path, for a reader."""
    return await reach(request, shared, shared.campaigns, campaign, Role.READER)


async def campaign_to_edit(request: Request, campaign: CampaignInPath, shared: ServicesHere) -> Held:
    """The campaign of the path, for an editor."""
    return await reach(request, shared, shared.campaigns, campaign, Role.EDITOR)


CampaignToRead = Annotated[Held, Depends(campaign_to_read)]
CampaignToEdit = Annotated[Held, Depends(campaign_to_edit)]


@aliased(router, "GET", LIST, response_model=Page[CampaignInList], responses={200: CSV_ANSWER, **refusals(404, 422)})
async def list_campaigns(
    query: Annotated[CampaignQuery, Query()], readable: Readable, shared: ServicesHere, csv: CsvWanted
) -> Response:
    """The campaigns of an application, or of all those that one may read, a page at a time, or whole as CSV."""
    where = await _wanted(query, readable, shared)
    if csv:
        return await exported(shared.campaigns, where, CampaignAnswer, media=csv, encoding=query.encoding)
    found = await shared.campaigns.page(where, query.paging)
    shown = with_extra_object if query.with_extra else with_extra_list
    return paginated(Found([shown(one) for one in found.documents], found.total), query.paging, CampaignInList)


async def _wanted(query: CampaignQuery, readable: Condition, shared: Services) -> Condition:
    where = readable & query.condition()
    if query.sites:
        where &= Overlaps("sites", await shared.sites.ids_among(readable, query.sites))
    if levers := [*(query.lever or ()), *(query.levers or ())]:
        where &= OneOf("lever", await shared.levers.ids_among(readable, levers))
    return where


@multipart(router, "POST", LIST)
async def import_campaigns(
    request: Request, creator: CanCreate, shared: ServicesHere, partial: Partial = False
) -> Response:
    """Many campaigns, as a table."""
    return await take_table(request, creator, shared.campaigns, TABLE, partial=partial)


@aliased(
    router,
    "POST",
    LIST,
    status_code=201,
    response_model=CampaignAnswer | list[CampaignAnswer],
    responses=CREATED | refusals(404, 422),
)  # the file is said in words: generated clients cannot tell a list from another media type
async def create_campaign(body: OneOrMany[CampaignCreate], creator: CanCreate, shared: ServicesHere) -> Response:
    """A new campaign; or a list of them, or a CSV file (`multipart/form-data`, `file`) whose columns are named like the
    fields.

    A list or a file also updates the campaigns whose key exists, all or nothing.  A list is answered by the campaigns
    in order; a file (200) by how many were created and updated.
    """
    if isinstance(body, list):
        return answered(await create_or_update(body, creator, shared.campaigns, {"app", "lever"}), CampaignAnswer)
    caller = await creator.caller(body.app)
    fields = body.named(without={"app", "lever"})
    return tagged(await shared.campaigns.create(caller.application, fields), CampaignAnswer, 201)


@aliased(router, "GET", ONE, response_model=CampaignAnswer, responses=refusals(404))
async def get_campaign(held: CampaignToRead) -> Response:
    """One campaign."""
    return tagged(held.document, CampaignAnswer)


@aliased(router, "PUT PATCH", ONE, response_model=CampaignAnswer, responses=refusals(404, 412, 422))
async def update_campaign(
    body: CampaignUpdate, held: CampaignToEdit, shared: ServicesHere, if_match: IfMatch = UNSET
) -> Response:
    """Changes the fields named in the body, and no others."""
    campaign = await shared.campaigns.update(held.application, held.document, body.named(), matching(if_match))
    return tagged(campaign, CampaignAnswer)


@aliased(router, "DELETE", ONE, status_code=204, responses=refusals(404, 412))
async def delete_campaign(held: CampaignToEdit, shared: ServicesHere, if_match: IfMatch = UNSET) -> None:
    """Takes a campaign away."""
    await shared.deletion.campaign(held.document, matching(if_match))
