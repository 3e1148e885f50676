"""The users of an application, over HTTP: for its administrators."""

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from okube_api.api.access import CanAdmin
from okube_api.api.aliases import aliased, under_applications
from okube_api.api.container import Services, ServicesHere
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.route import ApiRoute
from okube_api.auth.repository import Role, role_of
from okube_api.auth.schemas import MemberAnswer, MemberCreate, MemberUpdate, UserQuery
from okube_api.errors import NotFound, Taken
from okube_api.http.etags import IfMatch, etag, matching
from okube_api.http.pagination import Page, as_json, paginated
from okube_api.kit.repository import Found
from okube_api.kit.schemas import UNSET
from okube_api.store.base import Json, Overlaps

router = APIRouter(route_class=ApiRoute, tags=["applications"])

LIST = under_applications("/users")
ONE = under_applications("/users/{user}")

UserInPath = Annotated[str, Path(description="The user's id.")]


@aliased(router, "GET", LIST, response_model=Page[MemberAnswer], responses=refusals(404))
async def list_users(query: Annotated[UserQuery, Query()], caller: CanAdmin, shared: ServicesHere) -> Response:
    """Those who have a role in the application, disabled or not."""
    here = Overlaps("applications", (caller.application.id,))
    found = await shared.sessions.users.page(here & query.condition(), query.paging)
    members = [_member(user, caller.application.id) for user in found.documents]
    return paginated(Found(members, found.total), query.paging, MemberAnswer)


@aliased(router, "POST", LIST, status_code=201, response_model=MemberAnswer, responses=CREATED | refusals(404, 422))
async def create_user(body: MemberCreate, caller: CanAdmin, shared: ServicesHere) -> Response:
    """Gives someone a role in the application; a login that is new can log in from now on."""
    application, accounts = caller.application.id, shared.sessions.users
    kept = await shared.passwords.hash(body.password)  # also in vain: the time it takes tells who has an account
    user = await accounts.by_login(body.login)
    if user is None:
        user = await accounts.create(body.login, kept, name=body.name, roles={application: body.role})
    elif role_of(user, application):
        raise Taken.at("body", "/login", f"'{body.login}' has a role here already.")
    else:
        user = await accounts.set_role(user, application, body.role)
    return _shown(user, application, 201)


@aliased(router, "PUT PATCH", ONE, response_model=MemberAnswer, responses=refusals(404, 412))
async def update_user(
    user: UserInPath, body: MemberUpdate, caller: CanAdmin, shared: ServicesHere, if_match: IfMatch = UNSET
) -> Response:
    """Changes someone's role in the application, or disables it there."""
    application = caller.application.id
    document = await _found(shared, user, application)
    entry = _member(document, application) | body.named()
    changed = await shared.sessions.users.set_role(
        document, application, Role(entry["role"]), disabled=entry["disabled"], allowed=matching(if_match)
    )
    return _shown(changed, application)


@aliased(router, "DELETE", ONE, status_code=204, responses=refusals(404, 412))
async def delete_user(user: UserInPath, caller: CanAdmin, shared: ServicesHere, if_match: IfMatch = UNSET) -> None:
    """Takes someone's role in the application away; what they may do elsewhere stays."""
    document = await _found(shared, user, caller.application.id)
    await shared.sessions.users.drop_role(document, caller.application.id, matching(if_match))


async def _found(shared: Services, identifier: str, application: str) -> Json:
    """A user of the application.  Raises NotFound, also for a user of others."""
    document = await shared.sessions.users.by_id(identifier)
    if role_of(document, application) is None:
        raise NotFound("user", identifier)
    return document


def _member(user: Json, application: str) -> Json:
    """A user as the application sees them."""
    return {**user, **(role_of(user, application) or {})}


def _shown(user: Json, application: str, status: int = 200) -> Response:
    return as_json(MemberAnswer.shown(_member(user, application)), status, {"ETag": etag(user)})
