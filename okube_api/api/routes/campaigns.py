"""Routes of campaigns."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import CanCreate, Readable, ResourceAccess, load_in_app
from okube_api.api.aliases import register_aliased, under_applications
from okube_api.api.bulk_body import OneOrMany, create_one_or_many
from okube_api.api.container import Services, ServicesDep
from okube_api.api.csv_import import DryRun, Partial, TableSpec, import_table
from okube_api.api.file_export import LIST_RESPONSE, export_list, open_list
from okube_api.api.file_format import AcceptedTable
from okube_api.api.multipart import register_multipart
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.period_filter import match_shifted_days
from okube_api.api.route import ApiRoute
from okube_api.api.table_form import DURATIONS_DAYS, build_table_fields
from okube_api.auth.repository import Role
from okube_api.campaigns.schemas import (
    WITH_EXTRA,
    CampaignAnswer,
    CampaignCreate,
    CampaignElement,
    CampaignQuery,
    CampaignUpdate,
    render_extras,
)
from okube_api.http.etags import IfMatch, answer_with_etag, parse_if_match
from okube_api.http.pagination import Page, answer_page
from okube_api.kit.repository import DocumentPage
from okube_api.kit.schemas import UNSET, UpdateBody
from okube_api.kit.switches import Switch
from okube_api.store.conditions import Condition, OneOf, Overlaps
from okube_api.store.values import Json

router = APIRouter(route_class=ApiRoute, tags=["campaigns"])

LIST = ("/campaigns", *under_applications("/campaigns"))
ITEM = ("/campaigns/{campaign}", *under_applications("/campaigns/{campaign}"))

_COST_FIELDS = ("amount", "type", "from", "to", "currency")

TABLE = TableSpec(
    CampaignUpdate,
    CampaignAnswer,
    ("key",),
    build_table_fields(
        "CampaignTable",
        CampaignUpdate,
        aliases={f"cost_{name}" if name != "amount" else "cost": f"cost.{name}" for name in _COST_FIELDS},
        units=dict.fromkeys(("windows.click", "windows.print", "windows.opening"), DURATIONS_DAYS),
    ),
    list_field="costs",
    item_defaults={"costs": {"type": "fixed"}},
)

CampaignInPath = Annotated[
    str,
    Path(description="Id or key of the campaign. Without an application, exactly one that you may read must have it."),
]


async def load_campaign_to_read(request: Request, campaign: CampaignInPath, services: ServicesDep) -> ResourceAccess:
    """Return the access to the campaign of the path, for a reader."""
    return await load_in_app(request, services, services.campaigns, campaign, Role.READER, accept_keys=True)


async def load_campaign_to_edit(request: Request, campaign: CampaignInPath, services: ServicesDep) -> ResourceAccess:
    """Return the access to the campaign of the path, for an editor."""
    return await load_in_app(request, services, services.campaigns, campaign, Role.EDITOR, accept_keys=True)


WithExtra = Annotated[Switch, Query(description=WITH_EXTRA)]
CampaignToRead = Annotated[ResourceAccess, Depends(load_campaign_to_read)]
CampaignToEdit = Annotated[ResourceAccess, Depends(load_campaign_to_edit)]


@register_aliased(
    router, "GET", LIST, response_model=Page[CampaignAnswer], responses={200: LIST_RESPONSE, **refusals(404, 422)}
)
async def list_campaigns(
    request: Request,
    query: Annotated[CampaignQuery, Query()],
    readable: Readable,
    services: ServicesDep,
    accepted: AcceptedTable,
) -> Response:
    """List the campaigns of one application or of all that you may read, page by page, or completely as a file."""
    where = await _build_condition(query, readable, services)
    if (chosen := accepted.prefer(query.file_format)).is_file:
        return await export_list(request, await open_list(services.campaigns, where, CampaignAnswer), chosen, query)
    page = await services.campaigns.find_page(where, query.paging)
    campaigns = [render_extras(campaign, with_extra=query.with_extra) for campaign in page.documents]
    return answer_page(DocumentPage(campaigns, page.total), query.paging, CampaignAnswer)


async def _build_condition(query: CampaignQuery, readable: Condition, services: Services) -> Condition:
    where = readable & query.to_condition() & await match_shifted_days(query, readable, services)
    if query.sites:
        where &= Overlaps("sites", await services.sites.find_ids(readable, query.sites))
    if levers := [*(query.lever or ()), *(query.levers or ())]:
        where &= OneOf("lever", await services.levers.find_ids(readable, levers))
    return where


@register_multipart(router, "POST", LIST)
async def import_campaigns(
    request: Request,
    creator: CanCreate,
    services: ServicesDep,
    *,
    partial: Partial = False,
    dry_run: DryRun = False,
) -> Response:
    """Import campaigns from a table."""
    return await import_table(request, creator, services.campaigns, TABLE, partial=partial, dry_run=dry_run)


@register_aliased(
    router,
    "POST",
    LIST,
    status_code=201,
    response_model=CampaignAnswer | list[CampaignAnswer],
    responses=CREATED | refusals(404, 422),
    openapi_extra=TABLE.openapi_body,
)
async def create_campaign(
    body: OneOrMany[CampaignCreate, CampaignElement],
    creator: CanCreate,
    services: ServicesDep,
    with_extra: WithExtra = False,
) -> Response:
    """Create a campaign, a list of campaigns, or the campaigns of a CSV file.

    Send a file as `multipart/form-data` in the field `file`, with columns named like the fields.
    A list or file also updates campaigns whose `_id` or key exists; answers of campaigns are valid elements.
    All elements are written or none, except for a file with `partial=true` in the query.
    The answer to a list has the campaigns in its order; the answer to a file (200) has
    the numbers of created and updated campaigns.
    """

    async def render(campaign: Json) -> Json:
        return render_extras(campaign, with_extra=with_extra)

    return await create_one_or_many(
        body,
        creator,
        services.campaigns,
        CampaignAnswer,
        render=render,
        render_element=render,
        render_stored=_render_stored,
    )


async def _render_stored(campaign: Json, _body: UpdateBody) -> Json:
    """Return the answer of a campaign, with its extras as bodies have them."""
    return CampaignAnswer.render(render_extras(campaign, with_extra=True))


@register_aliased(router, "GET", ITEM, response_model=CampaignAnswer, responses=refusals(404, 409))
async def get_campaign(access: CampaignToRead, with_extra: WithExtra = False) -> Response:
    """Return a campaign."""
    return answer_with_etag(render_extras(access.document, with_extra=with_extra), CampaignAnswer)


@register_aliased(router, "PUT PATCH", ITEM, response_model=CampaignAnswer, responses=refusals(404, 412, 422))
async def update_campaign(
    body: CampaignUpdate,
    access: CampaignToEdit,
    services: ServicesDep,
    with_extra: WithExtra = False,
    if_match: IfMatch = UNSET,
) -> Response:
    """Change the fields in the body and no others.

    An answer of the campaign is a valid body: fields with their current value do not change, and read-only
    fields are accepted with their current value only.
    """
    answer = await _render_stored(access.document, body)
    campaign = await services.campaigns.update(
        access.application, access.document, body.list_changes(answer), parse_if_match(if_match)
    )
    return answer_with_etag(render_extras(campaign, with_extra=with_extra), CampaignAnswer)


@register_aliased(router, "DELETE", ITEM, status_code=204, responses=refusals(404, 412))
async def delete_campaign(access: CampaignToEdit, services: ServicesDep, if_match: IfMatch = UNSET) -> None:
    """Delete a campaign."""
    await services.cascade_delete.delete_campaign(access.document, parse_if_match(if_match))
