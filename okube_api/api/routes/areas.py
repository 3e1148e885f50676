"""Routes of IRIS areas, which are read-only: the ingest writes them."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from okube_api.api.access import CanRead
from okube_api.api.aliases import register_aliased, under_applications
from okube_api.api.container import ServicesDep
from okube_api.api.openapi import refusals
from okube_api.api.route import ApiRoute
from okube_api.areas.schemas import AreaAnswer, AreaQuery
from okube_api.http.pagination import Page, answer_page
from okube_api.store.conditions import equal

router = APIRouter(route_class=ApiRoute, tags=["applications"])


@register_aliased(router, "GET", under_applications("/areas"), response_model=Page[AreaAnswer], responses=refusals(404))
async def list_areas(query: Annotated[AreaQuery, Query()], access: CanRead, services: ServicesDep) -> Response:
    """List the IRIS areas of the application, page by page."""
    where = equal("application", access.application.id) & query.to_condition()
    return answer_page(await services.areas.find_page(where, query.paging), query.paging, AreaAnswer)
