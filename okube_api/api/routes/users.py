"""The users of an application, over HTTP: for its administrators."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from okube_api.api.access import CanAdmin
from okube_api.api.aliases import register_aliased, under_applications
from okube_api.api.container import Services, ServicesDep
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.route import ApiRoute
from okube_api.auth.repository import Role, find_role_entry
from okube_api.auth.schemas import MemberAnswer, MemberCreate, MemberUpdate, UserQuery
from okube_api.errors import NotFound, Taken
from okube_api.http.etags import IfMatch, compute_etag, parse_if_match
from okube_api.http.pagination import Page, answer_page, json_response
from okube_api.kit.repository import DocumentPage
from okube_api.kit.schemas import UNSET
from okube_api.store.conditions import Overlaps
from okube_api.store.values import Json

router = APIRouter(route_class=ApiRoute, tags=["applications"])

LIST = under_applications("/users")
ITEM = under_applications("/users/{user}")

UserInPath = Annotated[str, Path(description="The user's id.")]


@register_aliased(router, "GET", LIST, response_model=Page[MemberAnswer], responses=refusals(404))
async def list_users(query: Annotated[UserQuery, Query()], access: CanAdmin, services: ServicesDep) -> Response:
    """Those who have a role in the application, disabled or not."""
    here = Overlaps("applications", (access.application.id,))
    found = await services.sessions.users.find_page(here & query.to_condition(), query.paging)
    members = [_member(user, access.application.id) for user in found.documents]
    return answer_page(DocumentPage(members, found.total), query.paging, MemberAnswer)


@register_aliased(
    router, "POST", LIST, status_code=201, response_model=MemberAnswer, responses=CREATED | refusals(404, 422)
)
async def create_user(body: MemberCreate, access: CanAdmin, services: ServicesDep) -> Response:
    """Gives someone a role in the application; a login that is new can log in from now on."""
    application, accounts = access.application.id, services.sessions.users
    kept = await services.passwords.hash(body.password)  # also in vain: the time it takes tells who has an account
    user = await accounts.find_by_login(body.login)
    if user is None:
        user = await accounts.create(body.login, kept, name=body.name, roles={application: body.role})
    elif find_role_entry(user, application):
        raise Taken.at("body", "/login", f"'{body.login}' has a role here already.")
    else:
        user = await accounts.set_role(user, application, body.role)
    return _shown(user, application, 201)


@register_aliased(router, "PUT PATCH", ITEM, response_model=MemberAnswer, responses=refusals(404, 412))
async def update_user(
    user: UserInPath, body: MemberUpdate, access: CanAdmin, services: ServicesDep, if_match: IfMatch = UNSET
) -> Response:
    """Changes someone's role in the application, or disables it there."""
    application = access.application.id
    document = await _found(services, user, application)
    entry = _member(document, application) | body.dump_set_fields()
    changed = await services.sessions.users.set_role(
        document, application, Role(entry["role"]), disabled=entry["disabled"], precondition=parse_if_match(if_match)
    )
    return _shown(changed, application)


@register_aliased(router, "DELETE", ITEM, status_code=204, responses=refusals(404, 412))
async def delete_user(user: UserInPath, access: CanAdmin, services: ServicesDep, if_match: IfMatch = UNSET) -> None:
    """Takes someone's role in the application away; what they may do elsewhere stays."""
    document = await _found(services, user, access.application.id)
    await services.sessions.users.drop_role(document, access.application.id, parse_if_match(if_match))


async def _found(services: Services, identifier: str, application: str) -> Json:
    """A user of the application.  Raises NotFound, also for a user of others."""
    document = await services.sessions.users.get_by_id(identifier)
    if find_role_entry(document, application) is None:
        raise NotFound("user", identifier)
    return document


def _member(user: Json, application: str) -> Json:
    """A user as the application sees them."""
    return {**user, **(find_role_entry(user, application) or {})}


def _shown(user: Json, application: str, status: int = 200) -> Response:
    return json_response(MemberAnswer.render(_member(user, application)), status, {"ETag": compute_etag(user)})
