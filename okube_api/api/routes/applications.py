"""Applications over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from okube_api.api.access import CanAdmin, CanRead, IdentityHere, PlatformAdmin
from okube_api.api.aliases import aliased
from okube_api.api.container import ServicesHere
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.route import ApiRoute
from okube_api.applications.repository import within
from okube_api.applications.schemas import ApplicationAnswer, ApplicationCreate, ApplicationQuery, ApplicationUpdate
from okube_api.http.etags import IfMatch, matching, tagged
from okube_api.http.pagination import Page, paginated
from okube_api.kit.schemas import UNSET

router = APIRouter(route_class=ApiRoute, tags=["applications"])

LIST = ("/applications",)
ONE = ("/applications/{application}", "/a/{application}")


@aliased(router, "GET", LIST, response_model=Page[ApplicationAnswer])
async def list_applications(
    query: Annotated[ApplicationQuery, Query()], identity: IdentityHere, shared: ServicesHere
) -> Response:
    """The applications that one may read."""
    readable = within(identity.user.applications)
    found = await shared.applications.page(readable & query.condition(), query.paging)
    return paginated(found, query.paging, ApplicationAnswer)


@aliased(router, "POST", LIST, status_code=201, response_model=ApplicationAnswer, responses=CREATED | refusals(422))
async def create_application(body: ApplicationCreate, _caller: PlatformAdmin, shared: ServicesHere) -> Response:
    """A new application: for platform administrators."""
    return tagged(await shared.applications.create(body.named()), ApplicationAnswer, 201)


@aliased(router, "GET", ONE, response_model=ApplicationAnswer, responses=refusals(404))
async def get_application(caller: CanRead, shared: ServicesHere) -> Response:
    """One application, with its settings."""
    return tagged(await shared.applications.by_id(caller.application.id), ApplicationAnswer)


@aliased(router, "PUT PATCH", ONE, response_model=ApplicationAnswer, responses=refusals(404, 412, 422))
async def update_application(
    body: ApplicationUpdate, caller: CanAdmin, shared: ServicesHere, if_match: IfMatch = UNSET
) -> Response:
    """Changes the fields named in the body; settings are merged with those there are, however deep."""
    document = await shared.applications.by_id(caller.application.id)
    return tagged(await shared.applications.update(document, body.named(), matching(if_match)), ApplicationAnswer)
