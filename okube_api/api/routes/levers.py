"""Routes of levers; administrators may change them."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import CanAdmin, CanRead
from okube_api.api.aliases import register_aliased, under_applications
from okube_api.api.container import ServicesDep
from okube_api.api.file_export import LIST_RESPONSE, ListFile, export_list, yield_block
from okube_api.api.file_format import AcceptedTable
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.route import ApiRoute
from okube_api.campaigns.schemas import LeverAnswer, LeverCreate, LeverQuery, LeverUpdate
from okube_api.http.etags import IfMatch, answer_with_etag, parse_if_match
from okube_api.http.pagination import Page, answer_page
from okube_api.kit.repository import DocumentPage
from okube_api.kit.schemas import UNSET
from okube_api.store.document_values import fold

router = APIRouter(route_class=ApiRoute, tags=["campaigns"])

LIST = under_applications("/levers")
ITEM = under_applications("/levers/{lever}")

LeverInPath = Annotated[str, Path(description="Id or key of the lever.")]


@register_aliased(
    router, "GET", LIST, response_model=Page[LeverAnswer], responses={200: LIST_RESPONSE, **refusals(404)}
)
async def list_levers(
    request: Request,
    query: Annotated[LeverQuery, Query()],
    access: CanRead,
    services: ServicesDep,
    accepted: AcceptedTable,
) -> Response:
    """List the levers of an application by position, with `other` last, page by page or completely as a file."""
    rule = await services.levers.load_rules(access.application.id)
    levers = [lever for lever in rule.levers if query.matches(lever, fold)]
    if (chosen := accepted.prefer(query.file_format)).is_file:
        list_file = ListFile(services.levers.collection.name, LeverAnswer, {}, yield_block(levers))
        return await export_list(request, list_file, chosen, query)
    paging = query.paging
    return answer_page(DocumentPage(levers[paging.skip :][: paging.size], len(levers)), paging, LeverAnswer)


@register_aliased(
    router, "POST", LIST, status_code=201, response_model=LeverAnswer, responses=CREATED | refusals(404, 422)
)
async def create_lever(body: LeverCreate, access: CanAdmin, services: ServicesDep) -> Response:
    """Create a lever; the campaigns that it matches are assigned to it."""
    return answer_with_etag(
        await services.levers.create(access.application.id, body.dump_set_fields()), LeverAnswer, 201
    )


@register_aliased(router, "GET", ITEM, response_model=LeverAnswer, responses=refusals(404))
async def get_lever(lever: LeverInPath, access: CanRead, services: ServicesDep) -> Response:
    """Return a lever."""
    await services.levers.load_rules(access.application.id)
    return answer_with_etag(await services.levers.get(access.application.id, lever), LeverAnswer)


@register_aliased(router, "PUT PATCH", ITEM, response_model=LeverAnswer, responses=refusals(404, 412, 422))
async def update_lever(
    body: LeverUpdate, lever: LeverInPath, access: CanAdmin, services: ServicesDep, if_match: IfMatch = UNSET
) -> Response:
    """Change the fields in the body and no others; campaigns are assigned again."""
    document = await services.levers.get(access.application.id, lever)
    changes = body.list_changes(LeverAnswer.render(document))
    return answer_with_etag(await services.levers.update(document, changes, parse_if_match(if_match)), LeverAnswer)


@register_aliased(router, "DELETE", ITEM, status_code=204, responses=refusals(404, 412, 422))
async def delete_lever(lever: LeverInPath, access: CanAdmin, services: ServicesDep, if_match: IfMatch = UNSET) -> None:
    """Delete a lever; its campaigns are assigned to the next lever that matches."""
    document = await services.levers.get(access.application.id, lever)
    await services.levers.remove(document, parse_if_match(if_match))
