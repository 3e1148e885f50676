"""Routes of all users of the platform, for platform administrators: who can log in.

The users of one application are in `users.py`.
"""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.responses import Response

from okube_api.api.access import PlatformAdmin
from okube_api.api.aliases import register_aliased
from okube_api.api.container import Services, ServicesDep
from okube_api.api.openapi import refusals
from okube_api.api.route import ApiRoute
from okube_api.auth.schemas import AccountAnswer, AccountRole, AccountUpdate, UserQuery
from okube_api.errors import NotFound
from okube_api.http.etags import IfMatch, compute_etag, parse_if_match
from okube_api.http.pagination import Page, answer_page, json_response
from okube_api.kit.repository import DocumentPage
from okube_api.kit.schemas import UNSET
from okube_api.store.values import Json

router = APIRouter(route_class=ApiRoute, tags=["administration"])

LIST = ("/admin/users",)
ITEM = ("/admin/users/{user}",)

AccountInPath = Annotated[str, Path(description="Login or id of the user.")]


@register_aliased(router, "GET", LIST, response_model=Page[AccountAnswer])
async def list_accounts(query: Annotated[UserQuery, Query()], _admin: PlatformAdmin, services: ServicesDep) -> Response:
    """List all users with their roles, including disabled ones; for platform administrators only."""
    page = await services.sessions.users.find_page(query.to_condition(), query.paging)
    documents = await _describe_accounts(services, page.documents)
    return answer_page(DocumentPage(documents, page.total), query.paging, AccountAnswer)


@register_aliased(router, "GET", ITEM, response_model=AccountAnswer, responses=refusals(404))
async def get_account(user: AccountInPath, _admin: PlatformAdmin, services: ServicesDep) -> Response:
    """Return a user with the roles in all applications; for platform administrators only."""
    return await _answer_account(services, await _load_user(services, user))


@register_aliased(router, "PUT PATCH", ITEM, response_model=AccountAnswer, responses=refusals(404, 412, 422))
async def update_account(
    user: AccountInPath, body: AccountUpdate, _admin: PlatformAdmin, services: ServicesDep, if_match: IfMatch = UNSET
) -> Response:
    """Disable a user, or enable a disabled one again; for platform administrators only.

    A disabled user cannot log in: access tokens and API keys end with the next request, on every server. The last
    platform administrator who can log in cannot be disabled.
    """
    document = await _load_user(services, user)
    (described,) = await _describe_accounts(services, [document])
    changes = body.list_changes(AccountAnswer.render(described))
    disabled = bool(changes.get("disabled", document["disabled"]))
    changed = await services.sessions.set_disabled(document, disabled=disabled, precondition=parse_if_match(if_match))
    return await _answer_account(services, changed)


async def _load_user(services: Services, name: str) -> Json:
    """Return the user with this login or id.  Raise NotFound."""
    users = services.sessions.users
    document = await users.find_by_login(name) if "@" in name else await users.get_by_id(name)
    if document is None:
        raise NotFound("user", name)
    return document


async def _describe_accounts(services: Services, users: Sequence[Json]) -> list[Json]:
    """Return users with the keys of the applications in which they have roles."""
    ids = {entry["application"] for user in users for entry in user["roles"]}
    keys = {document["_id"]: document["key"] for document in await services.applications.find_all(tuple(sorted(ids)))}
    return [
        user
        | {
            "applications": [
                AccountRole.render({"_id": entry["application"], "key": keys[entry["application"]], **entry})
                for entry in user["roles"]
                if entry["application"] in keys
            ]
        }
        for user in users
    ]


async def _answer_account(services: Services, document: Json) -> Response:
    (described,) = await _describe_accounts(services, [document])
    return json_response(AccountAnswer.render(described), headers={"ETag": compute_etag(document)})
