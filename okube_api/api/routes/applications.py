"""Routes of applications."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from okube_api.api.access import CanAdmin, CanRead, IdentityDep, PlatformAdmin
from okube_api.api.aliases import register_aliased
from okube_api.api.container import ServicesDep
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.route import ApiRoute
from okube_api.applications.repository import match_ids
from okube_api.applications.schemas import ApplicationAnswer, ApplicationCreate, ApplicationQuery, ApplicationUpdate
from okube_api.errors import Forbidden
from okube_api.http.etags import IfMatch, answer_with_etag, parse_if_match
from okube_api.http.pagination import Page, answer_page
from okube_api.kit.schemas import UNSET

router = APIRouter(route_class=ApiRoute, tags=["applications"])

LIST = ("/applications",)
ITEM = ("/applications/{application}", "/a/{application}")


@register_aliased(router, "GET", LIST, response_model=Page[ApplicationAnswer])
async def list_applications(
    query: Annotated[ApplicationQuery, Query()], identity: IdentityDep, services: ServicesDep
) -> Response:
    """List the applications that you may read."""
    readable = match_ids(identity.user.applications)
    page = await services.applications.find_page(readable & query.to_condition(), query.paging)
    return answer_page(page, query.paging, ApplicationAnswer)


@register_aliased(
    router, "POST", LIST, status_code=201, response_model=ApplicationAnswer, responses=CREATED | refusals(422)
)
async def create_application(body: ApplicationCreate, _admin: PlatformAdmin, services: ServicesDep) -> Response:
    """Create an application; for platform administrators only."""
    return answer_with_etag(await services.applications.create(body.dump_set_fields()), ApplicationAnswer, 201)


@register_aliased(router, "GET", ITEM, response_model=ApplicationAnswer, responses=refusals(404))
async def get_application(access: CanRead, services: ServicesDep) -> Response:
    """Return an application with its settings."""
    return answer_with_etag(await services.applications.get_by_id(access.application.id), ApplicationAnswer)


@register_aliased(router, "PUT PATCH", ITEM, response_model=ApplicationAnswer, responses=refusals(404, 412, 422))
async def update_application(
    body: ApplicationUpdate, access: CanAdmin, services: ServicesDep, if_match: IfMatch = UNSET
) -> Response:
    """Change the fields in the body and no others; `settings` are merged with the stored ones at every level.

    The key is chosen by platform administrators only.
    """
    document = await services.applications.get_by_id(access.application.id)
    changes = body.list_changes(ApplicationAnswer.render(document))
    if "key" in changes and not access.user.platform_admin:  # whether the key is taken would tell of other applications
        raise Forbidden("Only platform administrators may change the key of an application.")
    return answer_with_etag(
        await services.applications.update(document, changes, parse_if_match(if_match)), ApplicationAnswer
    )
