"""Routes of applications."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from okube_api.api.access import CanAdmin, CanDelete, CanRead, IdentityDep, PlatformAdmin, record_requirement
from okube_api.api.aliases import register_aliased
from okube_api.api.container import ServicesDep
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.route import ApiRoute
from okube_api.applications.repository import match_ids
from okube_api.applications.schemas import ApplicationAnswer, ApplicationCreate, ApplicationQuery, ApplicationUpdate
from okube_api.auth.repository import Role
from okube_api.errors import Forbidden, Impossible
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
    document = await services.applications.create(body.dump_set_fields())
    record_requirement(document["_id"], Role.ADMIN)  # so that a repetition finds no application that was deleted
    return answer_with_etag(document, ApplicationAnswer, 201)


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


Confirmation = Annotated[
    str, Query(description="The key of the application, so that no wrong path deletes one by accident.")
]


@register_aliased(router, "DELETE", ITEM, status_code=204, responses=refusals(404, 412, 422))
async def delete_application(
    access: CanDelete, services: ServicesDep, confirm: Confirmation, if_match: IfMatch = UNSET
) -> None:
    """Delete an application with all of its data; for platform administrators only.

    It is gone at once, and cannot be brought back except from a backup. Its data is removed in the background. Another
    application may get the key at once; nothing of the deleted one belongs to it.
    """
    document = await services.applications.get_by_id(access.application.id)
    if confirm != document["key"]:
        message = "'confirm' must be the key of the application, all data of which will be deleted."
        raise Impossible.at("query", "/confirm", message)
    await services.deletion.delete(document, parse_if_match(if_match))
