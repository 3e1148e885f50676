"""Levers over HTTP; they are for administrators to change."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from okube_api.api.access import CanAdmin, CanRead
from okube_api.api.aliases import aliased, under_applications
from okube_api.api.container import ServicesHere
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.route import ApiRoute
from okube_api.campaigns.schemas import LeverAnswer, LeverCreate, LeverQuery, LeverUpdate
from okube_api.http.etags import IfMatch, matching, tagged
from okube_api.http.pagination import Page, paginated
from okube_api.kit.repository import Found
from okube_api.kit.schemas import UNSET
from okube_api.store.document_values import folded

router = APIRouter(route_class=ApiRoute, tags=["campaigns"])

LIST = under_applications("/levers")
ONE = under_applications("/levers/{lever}")

LeverInPath = Annotated[str, Path(description="The lever's id or key.")]


@aliased(router, "GET", LIST, response_model=Page[LeverAnswer], responses=refusals(404))
async def list_levers(query: Annotated[LeverQuery, Query()], caller: CanRead, shared: ServicesHere) -> Response:
    """The levers of an application by position, `other` last."""
    rule = await shared.levers.rule(caller.application.id)
    wanted = [lever for lever in rule.levers if query.wants(lever, folded)]
    paging = query.paging
    return paginated(Found(wanted[paging.skip :][: paging.size], len(wanted)), paging, LeverAnswer)


@aliased(router, "POST", LIST, status_code=201, response_model=LeverAnswer, responses=CREATED | refusals(404, 422))
async def create_lever(body: LeverCreate, caller: CanAdmin, shared: ServicesHere) -> Response:
    """A new lever; campaigns that it matches follow."""
    return tagged(await shared.levers.create(caller.application.id, body.named()), LeverAnswer, 201)


@aliased(router, "GET", ONE, response_model=LeverAnswer, responses=refusals(404))
async def get_lever(lever: LeverInPath, caller: CanRead, shared: ServicesHere) -> Response:
    """One lever."""
    await shared.levers.rule(caller.application.id)
    return tagged(await shared.levers.get(caller.application.id, lever), LeverAnswer)


@aliased(router, "PUT PATCH", ONE, response_model=LeverAnswer, responses=refusals(404, 412, 422))
async def update_lever(
    body: LeverUpdate, lever: LeverInPath, caller: CanAdmin, shared: ServicesHere, if_match: IfMatch = UNSET
) -> Response:
    """Changes the fields named in the body, and no others; campaigns follow."""
    found = await shared.levers.get(caller.application.id, lever)
    return tagged(await shared.levers.update(found, body.named(), matching(if_match)), LeverAnswer)


@aliased(router, "DELETE", ONE, status_code=204, responses=refusals(404, 412, 422))
async def delete_lever(lever: LeverInPath, caller: CanAdmin, shared: ServicesHere, if_match: IfMatch = UNSET) -> None:
    """Takes a lever away; its campaigns get the next that matches."""
    found = await shared.levers.get(caller.application.id, lever)
    await shared.levers.remove(found, matching(if_match))
