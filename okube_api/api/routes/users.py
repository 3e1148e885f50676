"""Routes of the users of an application, for its administrators."""

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

UserInPath = Annotated[str, Path(description="Id of the user.")]


@register_aliased(router, "GET", LIST, response_model=Page[MemberAnswer], responses=refusals(404))
async def list_users(query: Annotated[UserQuery, Query()], access: CanAdmin, services: ServicesDep) -> Response:
    """List the users with a role in the application, including disabled ones."""
    has_role = Overlaps("applications", (access.application.id,))
    page = await services.sessions.users.find_page(has_role & query.to_condition(), query.paging)
    members = [_with_role(user, access.application.id) for user in page.documents]
    return answer_page(DocumentPage(members, page.total), query.paging, MemberAnswer)


@register_aliased(
    router, "POST", LIST, status_code=201, response_model=MemberAnswer, responses=CREATED | refusals(404, 422)
)
async def create_user(body: MemberCreate, access: CanAdmin, services: ServicesDep) -> Response:
    """Give a user a role in the application; create the user if the login is new."""
    application, accounts = access.application.id, services.sessions.users
    # Hash the password for existing users, too: otherwise the time of the answer shows who has an account.
    password_hash = await services.passwords.hash(body.password)
    user = await accounts.find_by_login(body.login)
    if user is None:
        user = await accounts.create(body.login, password_hash, name=body.name, roles={application: body.role})
    elif find_role_entry(user, application):
        raise Taken.at("body", "/login", f"'{body.login}' already has a role in this application.")
    else:
        user = await accounts.set_role(user, application, body.role)
    return _answer_member(user, application, 201)


@register_aliased(router, "PUT PATCH", ITEM, response_model=MemberAnswer, responses=refusals(404, 412))
async def update_user(
    user: UserInPath, body: MemberUpdate, access: CanAdmin, services: ServicesDep, if_match: IfMatch = UNSET
) -> Response:
    """Change the role of a user in the application, or disable the user there."""
    application = access.application.id
    document = await _load_member(services, user, application)
    member = _with_role(document, application)
    entry = member | body.list_changes(MemberAnswer.render(member))
    changed = await services.sessions.users.set_role(
        document, application, Role(entry["role"]), disabled=entry["disabled"], precondition=parse_if_match(if_match)
    )
    return _answer_member(changed, application)


@register_aliased(router, "DELETE", ITEM, status_code=204, responses=refusals(404, 412))
async def delete_user(user: UserInPath, access: CanAdmin, services: ServicesDep, if_match: IfMatch = UNSET) -> None:
    """Remove the role of a user in the application; their roles in other applications stay."""
    document = await _load_member(services, user, access.application.id)
    await services.sessions.users.drop_role(document, access.application.id, parse_if_match(if_match))


async def _load_member(services: Services, identifier: str, application: str) -> Json:
    """Return a user of the application.  Raise NotFound for a user without a role in it."""
    document = await services.sessions.users.get_by_id(identifier)
    if find_role_entry(document, application) is None:
        raise NotFound("user", identifier)
    return document


def _with_role(user: Json, application: str) -> Json:
    """Return a user's document with their role in the application."""
    return {**user, **(find_role_entry(user, application) or {})}


def _answer_member(user: Json, application: str, status: int = 200) -> Response:
    return json_response(MemberAnswer.render(_with_role(user, application)), status, {"ETag": compute_etag(user)})
