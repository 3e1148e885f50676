"""Logging in, who one is, and API keys, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import IdentityHere
from okube_api.api.container import Services, ServicesHere
from okube_api.api.credentials import clear_cookie, refuse_foreign, set_cookie
from okube_api.api.openapi import refusals
from okube_api.api.route import ApiRoute, OpenRoute, SecretRoute
from okube_api.auth.schemas import (
    CaptchaAnswer,
    KeyAnswer,
    KeyCreate,
    Login,
    LoginAnswer,
    Me,
    NewKey,
    PasswordChange,
    RoleAnswer,
    UserAnswer,
)
from okube_api.auth.sessions import Identity
from okube_api.auth.tokens import NEVER
from okube_api.clock import stamp
from okube_api.errors import Fault, Forbidden, Impossible, NotFound, UnknownReference
from okube_api.http.pagination import Page, as_json, paginated
from okube_api.kit.list_query import PageQuery
from okube_api.store.base import Json, equal

anybody = APIRouter(route_class=OpenRoute, tags=["authentication"])
router = APIRouter(route_class=ApiRoute, tags=["authentication"])
secret = APIRouter(route_class=SecretRoute, tags=["authentication"])


async def in_person(identity: IdentityHere) -> Identity:
    """Someone who logged in: what an API key can do ends before keys and passwords.  Raises Forbidden."""
    if identity.token.secret is not None:
        raise Forbidden("An API key cannot do this: log in.")
    return identity


InPerson = Annotated[Identity, Depends(in_person)]


@anybody.post("/auth/login", operation_id="log_in", response_model=LoginAnswer, responses=refusals(401))
async def log_in(request: Request, body: Login, shared: ServicesHere) -> Response:
    """Gives the token to send with every request, for 48 hours."""
    if body.set_cookie:
        refuse_foreign(request, needed=False)
    identity, token = await shared.sessions.log_in(body.login, body.password, body.captcha)
    auth = {"token": token, "type": "Bearer", **await _shown(identity, shared)}
    response = as_json({"success": True, "message": "Authentication succeeded.", "auth": auth})
    if body.set_cookie:
        set_cookie(response, token, shared.settings)
    return response


@anybody.get("/auth/captcha", operation_id="get_captcha", response_model=CaptchaAnswer)
async def get_captcha(shared: ServicesHere) -> Response:
    """A challenge whose solution, base64-encoded, is the `captchaPayload` of a login to a locked account; good once."""
    return as_json(shared.sessions.captcha.challenge())


@router.get("/auth/me", operation_id="get_me", response_model=Me)
async def get_me(identity: IdentityHere, shared: ServicesHere) -> Response:
    """Who the token is."""
    return as_json({**await _shown(identity, shared), "platformAdmin": identity.user.platform_admin})


@router.post("/auth/logout", operation_id="log_out", status_code=204)
async def log_out(identity: InPerson, shared: ServicesHere) -> Response:
    """Revokes the token from the next request on, and clears the cookie."""
    await shared.sessions.log_out(identity.token)
    response = Response(status_code=204)
    clear_cookie(response, shared.settings)
    return response


@router.post("/auth/password", operation_id="change_password", status_code=204)
async def change_password(body: PasswordChange, identity: InPerson, shared: ServicesHere) -> None:
    """Changes one's own password; every access token made before is no longer good, API keys stay."""
    await shared.sessions.change_password(identity.user, body.current, body.new, body.captcha)


async def _shown(identity: Identity, shared: Services) -> Json:
    """A user, with the applications that they may read."""
    user, expires = identity.user, identity.token.expires
    places = [
        place | {"role": user.role_in(place["_id"])} for place in await shared.applications.all(user.applications)
    ]
    return {
        "expiresAt": None if expires == NEVER else stamp(expires),
        "user": UserAnswer.shown({"_id": user.id, "login": user.login, "name": user.name}),
        "applications": [RoleAnswer.shown(place) for place in places],
    }


# -- API keys ----------------------------------------------------------------------------------------------------


@router.get("/auth/keys", operation_id="list_keys", response_model=Page[KeyAnswer])
async def list_keys(query: Annotated[PageQuery, Query()], identity: InPerson, shared: ServicesHere) -> Response:
    """One's own API keys."""
    found = await shared.sessions.keys.page(equal("user", identity.user.id), query.paging)
    return paginated(found, query.paging, KeyAnswer)


@secret.post("/auth/keys", operation_id="create_key", status_code=201, response_model=NewKey, responses=refusals(422))
async def create_key(body: KeyCreate, identity: InPerson, shared: ServicesHere) -> Response:
    """A new API key: its token is shown in this answer only."""
    fields = body.named()
    if body.expires_at is not None:
        fields["expiresAt"] = _later(body.expires_at, shared)
    if body.applications is not None:
        fields["applications"] = await _own(body.applications, identity, shared)
    document, token = await shared.sessions.keys.create(identity.user, fields)
    return as_json({**KeyAnswer.shown(document), "token": token}, 201)


KeyInPath = Annotated[str, Path(description="The key's id.")]


@router.delete("/auth/keys/{key}", operation_id="revoke_key", status_code=204, responses=refusals(404))
async def revoke_key(key: KeyInPath, identity: InPerson, shared: ServicesHere) -> None:
    """Revokes one of one's own API keys, from the next request on."""
    await shared.sessions.keys.remove(await shared.sessions.keys.of_user(identity.user, key))


def _later(instant: str, shared: Services) -> str:
    if instant <= stamp(shared.clock()):
        raise Impossible.at("body", "/expiresAt", "An API key must end in the future.")
    return instant


async def _own(named: list[str], identity: Identity, shared: Services) -> list[str]:
    """The ids of applications in which the caller has a role.  Raises UnknownReference for any other."""
    found: list[str] = []
    faults: list[Fault] = []
    for position, name in enumerate(named):
        try:
            application = (await shared.applications.find(name))["_id"]
        except NotFound:
            application = None
        if application is None or identity.user.role_in(application) is None:
            message = f"There is no application '{name}'."
            faults.append(Fault("body", f"/applications/{position}", UnknownReference.code, message))
        else:
            found.append(application)
    if faults:
        raise UnknownReference(faults[0].message, faults=faults)
    return list(dict.fromkeys(found))
