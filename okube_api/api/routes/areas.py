"""Routes of IRIS areas, which are read-only: the ingest writes them."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import CanRead
from okube_api.api.aliases import register_aliased, under_applications
from okube_api.api.container import ServicesDep
from okube_api.api.file_export import PLACES_RESPONSE, export_list, open_list
from okube_api.api.file_format import AcceptedPlaces
from okube_api.api.openapi import refusals
from okube_api.api.route import ApiRoute
from okube_api.areas.schemas import AreaAnswer, AreaQuery
from okube_api.http.pagination import Page, answer_page
from okube_api.store.conditions import equal

router = APIRouter(route_class=ApiRoute, tags=["applications"])


@register_aliased(
    router,
    "GET",
    under_applications("/areas"),
    response_model=Page[AreaAnswer],
    responses={200: PLACES_RESPONSE, **refusals(404)},
)
async def list_areas(
    request: Request,
    query: Annotated[AreaQuery, Query()],
    access: CanRead,
    services: ServicesDep,
    accepted: AcceptedPlaces,
) -> Response:
    """List the IRIS areas of the application, page by page, or completely as a file."""
    where = equal("application", access.application.id) & query.to_condition()
    if (chosen := accepted.prefer(query.file_format)).is_file:
        return await export_list(request, await open_list(services.areas, where, AreaAnswer), chosen, query)
    return answer_page(await services.areas.find_page(where, query.paging), query.paging, AreaAnswer)
