"""Routes of logins, the current user, and API keys."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.exceptions import RequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import IdentityDep, LoggedIn, require_role
from okube_api.api.container import Services, ServicesDep
from okube_api.api.credentials import clear_cookie, require_same_origin, set_cookie
from okube_api.api.openapi import refusals
from okube_api.api.route import ApiRoute, PublicRoute, SecretRoute
from okube_api.auth.captcha import MAX_LEVEL
from okube_api.auth.invitations import requires_token
from okube_api.auth.repository import Role
from okube_api.auth.schemas import (
    CaptchaAnswer,
    InvitationAcceptance,
    InvitationAnswer,
    InvitationToken,
    InvitingApplication,
    KeyAnswer,
    KeyCreate,
    Login,
    LoginAnswer,
    Me,
    NamedRoleAnswer,
    NewKey,
    PasswordChange,
    RoleAnswer,
    Setup,
    SetupAnswer,
    UserAnswer,
)
from okube_api.auth.sessions import Identity
from okube_api.auth.tokens import NEVER_EXPIRES
from okube_api.clock import stamp
from okube_api.errors import Fault, Impossible, NotFound, Refusal, Taken, UnknownReference
from okube_api.http.client_address import get_address_group
from okube_api.http.pagination import Page, answer_page, json_response
from okube_api.http.problems import convert_error
from okube_api.kit.list_query import PageQuery
from okube_api.store.conditions import equal
from okube_api.store.errors import StoreError
from okube_api.store.values import Json


class LoginRoute(PublicRoute):
    """A route whose refusals also say `success: false`, as its answer says `success: true`."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler of the route, whose refusals get the field."""
        handle = super().get_route_handler()

        async def mark_refusals(request: Request) -> Response:
            try:
                return await handle(request)
            except (Refusal, RequestValidationError, StoreError) as error:
                refusal = convert_error(error)
                refusal.extra["success"] = False
                raise refusal from error

        return mark_refusals


login_router = APIRouter(route_class=LoginRoute, tags=["authentication"])
public_router = APIRouter(route_class=PublicRoute, tags=["authentication"])
account_router = APIRouter(route_class=ApiRoute, tags=["authentication"])
key_router = APIRouter(route_class=SecretRoute, tags=["authentication"])


@login_router.post("/auth/login", operation_id="log_in", response_model=LoginAnswer, responses=refusals(401))
async def log_in(request: Request, body: Login, services: ServicesDep) -> Response:
    """Log in: return the token to send with every request, valid for 48 hours by default."""
    if body.set_cookie:
        require_same_origin(request, origin_required=False)
    identity, token = await services.sessions.log_in(
        body.login, body.password, body.captcha, address=get_address_group(request)
    )
    auth = {"token": token, "type": "Bearer", **await _describe_identity(identity, services, RoleAnswer)}
    response = json_response({"success": True, "message": "Authentication succeeded.", "auth": auth})
    if body.set_cookie:
        set_cookie(response, token, services.settings)
    return response


@public_router.get("/auth/captcha", operation_id="get_captcha", response_model=CaptchaAnswer)
async def get_captcha(
    services: ServicesDep,
    level: Annotated[
        int,
        Query(ge=0, le=MAX_LEVEL, description="The `captchaLevel` of the refused login; each level doubles the work."),
    ] = 0,
) -> Response:
    """Return a challenge for the login to a locked account.

    Send its base64-encoded solution as `captchaPayload`; it is valid once.
    """
    return json_response(services.sessions.captcha.issue_challenge(level))


@account_router.get("/auth/me", operation_id="get_me", response_model=Me)
async def get_me(identity: IdentityDep, services: ServicesDep) -> Response:
    """Return the user of the token, with their applications and roles."""
    description = await _describe_identity(identity, services, NamedRoleAnswer)
    failures, paused_until = await services.sessions.attempts.read_failures(identity.user.login)
    return json_response(
        description
        | {
            "platformAdmin": identity.user.platform_admin,
            "isApiKey": identity.token.secret is not None,
            "failedLogins": failures,
            "loginsPausedUntil": paused_until,
            "invitations": await _describe_invitations(identity, services),
        }
    )


@account_router.post("/auth/logout", operation_id="log_out", status_code=204)
async def log_out(identity: LoggedIn, services: ServicesDep) -> Response:
    """Log out: revoke the token and delete the cookie."""
    await services.sessions.revoke_token(identity.token)
    response = Response(status_code=204)
    clear_cookie(response, services.settings)
    return response


@account_router.post("/auth/password", operation_id="change_password", status_code=204, responses=refusals(422))
async def change_password(request: Request, body: PasswordChange, identity: LoggedIn, services: ServicesDep) -> None:
    """Change your own password; this revokes all your access tokens and API keys.

    API keys that were created with `survivesPasswordChange` stay valid.
    """
    await services.sessions.change_password(
        identity.user, body.current, body.new, body.captcha, address=get_address_group(request)
    )


async def _describe_identity(identity: Identity, services: Services, application_answer: type[RoleAnswer]) -> Json:
    """Return the user as answered, with the applications that they may read."""
    user, expires = identity.user, identity.token.expires
    applications = [
        application | {"role": user.get_role(application["_id"])}
        for application in await services.applications.find_all(user.applications)
    ]
    return {
        "expiresAt": None if expires == NEVER_EXPIRES else stamp(expires),
        "user": UserAnswer.render({"_id": user.id, "login": user.login, "name": user.name}),
        "applications": [application_answer.render(application) for application in applications],
    }


async def _describe_invitations(identity: Identity, services: Services) -> list[Json]:
    """Return the pending invitations of the user as answered; none for API keys, which cannot accept them."""
    if identity.token.secret is not None:
        return []
    pending = await services.invitations.repository.find_by_login(identity.user.login)
    if not pending:
        return []
    is_token_required = requires_token(await services.sessions.users.get_by_id(identity.user.id))
    applications = await services.applications.find_all([invitation["application"] for invitation in pending])
    by_id = {application["_id"]: InvitingApplication.render(application) for application in applications}
    return [
        InvitationAnswer.render(
            invitation | {"application": by_id[invitation["application"]], "tokenRequired": is_token_required}
        )
        for invitation in pending
        if invitation["application"] in by_id
    ]


@public_router.post(
    "/auth/setup",
    operation_id="create_first_administrator",
    status_code=201,
    response_model=SetupAnswer,
    responses=refusals(422),
)
async def create_first_administrator(body: Setup, services: ServicesDep) -> Response:
    """Create the first platform administrator, with the token in the link that the server printed at its start.

    This works once, and only while there is no platform administrator. With `application`, an application is created,
    too. Everything is created or nothing.
    """
    application: Json | None = None
    async with services.first_administrator.claim(body.token):
        password_hash = await services.passwords.hash_new(body.password, body.login)
        if await services.sessions.users.find_by_login(body.login) is not None:
            raise Taken.at("body", "/login", f"Another user has the login '{body.login}'.")
        if body.application is not None:
            try:
                application = await services.applications.create(body.application.dump_set_fields())
            except Taken:
                key = body.application.key
                raise Taken.at("body", "/application/key", f"Another application has the key '{key}'.") from None
        try:
            user = await services.sessions.users.create(
                body.login, password_hash, name=body.name or None, platform_admin=True
            )
        except BaseException:
            if application is not None:
                await services.applications.remove(application)
            raise
    return json_response(
        {
            "user": UserAnswer.render(user),
            "application": None if application is None else InvitingApplication.render(application),
        },
        201,
    )


# -- invitations -------------------------------------------------------------------------------------------------


@public_router.post(
    "/auth/invitations/accept",
    operation_id="accept_invitation_by_token",
    status_code=204,
    responses=refusals(401, 404, 422),
)
async def accept_invitation_by_token(request: Request, body: InvitationAcceptance, services: ServicesDep) -> None:
    """Accept an invitation with its token, without a login.

    A new login is created with the password; for an existing login it must be the login's own password.
    """
    await services.invitations.accept_by_token(
        body.token, body.password, body.name, body.captcha, address=get_address_group(request)
    )


InvitationInPath = Annotated[str, Path(description="Id of the invitation.")]


@account_router.post(
    "/auth/invitations/{invitation}/accept",
    operation_id="accept_invitation",
    status_code=204,
    responses=refusals(404),
)
async def accept_invitation(
    invitation: InvitationInPath, identity: LoggedIn, services: ServicesDep, body: InvitationToken | None = None
) -> None:
    """Accept an invitation of your own login: you get the role in the application."""
    await services.invitations.accept(identity.user, invitation, body.token if body else None)


@account_router.post(
    "/auth/invitations/{invitation}/decline",
    operation_id="decline_invitation",
    status_code=204,
    responses=refusals(404),
)
async def decline_invitation(invitation: InvitationInPath, identity: LoggedIn, services: ServicesDep) -> None:
    """Decline an invitation of your own login."""
    await services.invitations.decline(identity.user, invitation)


# -- API keys ----------------------------------------------------------------------------------------------------


@account_router.get("/auth/keys", operation_id="list_keys", response_model=Page[KeyAnswer])
async def list_keys(query: Annotated[PageQuery, Query()], identity: LoggedIn, services: ServicesDep) -> Response:
    """List your own API keys."""
    page = await services.sessions.keys.find_page(equal("user", identity.user.id), query.paging)
    return answer_page(page, query.paging, KeyAnswer)


@key_router.post(
    "/auth/keys", operation_id="create_key", status_code=201, response_model=NewKey, responses=refusals(422)
)
async def create_key(body: KeyCreate, identity: LoggedIn, services: ServicesDep) -> Response:
    """Create an API key; its token is in this answer only.

    With an `Idempotency-Key`, a repetition within 24 hours gets the same key and token.
    """
    fields = body.dump_set_fields()
    if body.expires_at is not None:
        fields["expiresAt"] = _require_future(body.expires_at, services)
    if body.applications is not None:
        fields["applications"] = await _resolve_applications(body.applications, identity, services)
    document, token = await services.sessions.keys.create(identity.user, fields)
    return json_response({**KeyAnswer.render(document), "token": token}, 201)


KeyInPath = Annotated[str, Path(description="Id of the API key.")]


@account_router.delete("/auth/keys/{key}", operation_id="revoke_key", status_code=204, responses=refusals(404))
async def revoke_key(key: KeyInPath, identity: LoggedIn, services: ServicesDep) -> None:
    """Revoke one of your own API keys."""
    await services.sessions.keys.remove(await services.sessions.keys.get_for_user(identity.user, key))


def _require_future(instant: str, services: Services) -> str:
    if instant <= stamp(services.clock()):
        raise Impossible.at("body", "/expiresAt", "'expiresAt' must be in the future.")
    return instant


async def _resolve_applications(names: list[str], identity: Identity, services: Services) -> list[str]:
    """Return the ids of applications in which the caller has a role.  Raise UnknownReference for any other."""
    application_ids: list[str] = []
    faults: list[Fault] = []
    for position, name in enumerate(names):
        try:
            application = (await services.applications.get_by_name(name))["_id"]
        except NotFound:
            application = None
        role = None if application is None else identity.user.get_role(application)
        if application is None or role is None:
            message = f"No application '{name}'."
            faults.append(Fault("body", f"/applications/{position}", UnknownReference.code, message))
        else:
            require_role(role, Role.READER, application)
            application_ids.append(application)
    if faults:
        raise UnknownReference(faults[0].message, faults=faults)
    return list(dict.fromkeys(application_ids))
