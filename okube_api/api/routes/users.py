"""Routes of the users of an application, for its administrators.

A user who has not accepted the invitation yet is pending: listed after the users who have a role, with the id of the
invitation.
"""

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from okube_api.api.access import Access, CanAdmin
from okube_api.api.aliases import register_aliased, under_applications
from okube_api.api.container import Services, ServicesDep
from okube_api.api.openapi import CREATED, refusals
from okube_api.api.route import SecretRoute
from okube_api.auth.invitations import is_token_of
from okube_api.auth.repository import Role, find_role_entry, normalize_login
from okube_api.auth.schemas import MemberAnswer, MemberCreate, MemberUpdate, UserQuery
from okube_api.errors import NotFound
from okube_api.http.etags import IfMatch, compute_etag, parse_if_match
from okube_api.http.ignored_names import note_ignored
from okube_api.http.pagination import Page, answer_page, json_response
from okube_api.kit.repository import DocumentPage, Paging
from okube_api.kit.schemas import UNSET
from okube_api.store.conditions import Condition, Overlaps, equal
from okube_api.store.values import Json

router = APIRouter(route_class=SecretRoute, tags=["applications"])  # the answer to an invitation has its token

LIST = under_applications("/users")
ITEM = under_applications("/users/{user}")

UserInPath = Annotated[str, Path(description="Login or id of the user, or id of a pending invitation.")]


@dataclass(frozen=True, slots=True)
class Member:
    """A user with a role in the application, or a pending invitation."""

    document: Json
    application: str
    is_pending: bool

    @property
    def fields(self) -> Json:
        """The fields of the answer."""
        if self.is_pending:
            return {**self.document, "status": "pending"}
        return {**self.document, **(find_role_entry(self.document, self.application) or {}), "status": "active"}


@register_aliased(router, "GET", LIST, response_model=Page[MemberAnswer], responses=refusals(404))
async def list_users(query: Annotated[UserQuery, Query()], access: CanAdmin, services: ServicesDep) -> Response:
    """List the users with a role in the application, including disabled ones, and then the pending invitations."""
    page = await _find_members(services, access.application.id, query.to_condition(), query.paging)
    return answer_page(page, query.paging, MemberAnswer)


@register_aliased(
    router, "POST", LIST, status_code=201, response_model=MemberAnswer, responses=CREATED | refusals(404, 422)
)
async def create_user(request: Request, body: MemberCreate, access: CanAdmin, services: ServicesDep) -> Response:
    """Invite a user to the application; the answer is the same whether the login exists or not.

    The user accepts within 72 hours with the token of the answer, and sets the password of a new login then. The token
    is in this answer only, or in a mail to the user. With an `Idempotency-Key`, a repetition within 24 hours gets the
    same invitation and token. A `password` is accepted from platform administrators only: they
    create a login without an invitation.
    """
    application = access.application.id
    if body.password is not None and access.user.platform_admin:
        password_hash = await services.passwords.hash_new(body.password, body.login)
        user = await services.sessions.users.create(
            body.login, password_hash, name=body.name, roles={application: body.role}
        )
        return _answer_member(Member(user, application, is_pending=False), 201, token=None)
    if body.password is not None:
        note_ignored(request.scope, ["body/password"])
    document = await services.applications.get_by_id(application)
    invitation = await services.invitations.invite(document, body.login, body.role, body.name)
    return _answer_member(Member(invitation.document, application, is_pending=True), 201, token=invitation.token)


@register_aliased(router, "PUT PATCH", ITEM, response_model=MemberAnswer, responses=refusals(404, 412))
async def update_user(
    user: UserInPath, body: MemberUpdate, access: CanAdmin, services: ServicesDep, if_match: IfMatch = UNSET
) -> Response:
    """Change the role of a user or of a pending invitation in the application, or disable the user there."""
    member = await _load_member(services, user, access)
    token = _find_repeated_token(member, body)
    fields = member.fields | body.list_changes({**MemberAnswer.render(member.fields), "token": token})
    role, precondition = Role(fields["role"]), parse_if_match(if_match)
    if member.is_pending:
        changed = await services.invitations.repository.set_role(
            member.document, role, disabled=fields["disabled"], precondition=precondition
        )
    else:
        changed = await services.sessions.users.set_role(
            member.document, member.application, role, disabled=fields["disabled"], precondition=precondition
        )
    return _answer_member(Member(changed, member.application, member.is_pending), token=token)


@register_aliased(router, "DELETE", ITEM, status_code=204, responses=refusals(404, 412))
async def delete_user(user: UserInPath, access: CanAdmin, services: ServicesDep, if_match: IfMatch = UNSET) -> None:
    """Remove the role of a user in the application, or withdraw an invitation; roles in other applications stay.

    Views of the user that are not shared are deleted.
    """
    member = await _load_member(services, user, access)
    if member.is_pending:
        await services.invitations.repository.remove(member.document, parse_if_match(if_match))
    else:
        users, precondition = services.sessions.users, parse_if_match(if_match)
        users.check_precondition(member.document, precondition)
        await services.views.delete_unshared(member.application, member.document["_id"])
        former = await users.drop_role(member.document, member.application, precondition)
        # Else the user could get the role back with an invitation from before: one that a platform administrator made
        # needless, or whose acceptance was interrupted after its effect.
        await services.invitations.repository.delete_for_login(member.application, former["login"])


async def _find_members(services: Services, application: str, filters: Condition, paging: Paging) -> DocumentPage:
    """Return a page of the users, followed by the pending invitations."""
    users, invitations = services.sessions.users, services.invitations.repository
    active = await users.find_page(Overlaps("applications", (application,)) & filters, paging)
    pending = equal("application", application) & invitations.is_pending() & filters
    pending_total = await services.store.count(invitations.collection, pending)
    members = [Member(document, application, is_pending=False) for document in active.documents]
    if pending_total and len(members) < paging.size:
        skip = max(0, paging.skip - active.total)
        documents = await services.store.find(
            invitations.collection, pending, skip=skip, limit=paging.size - len(members)
        )
        members += [Member(document, application, is_pending=True) for document in documents]
    return DocumentPage([member.fields for member in members], active.total + pending_total)


async def _load_member(services: Services, name: str, access: Access) -> Member:
    """Return a user or a pending invitation of the application, by id or login.

    Raise NotFound for any other, also foreign ones.
    """
    application = access.application.id
    users, invitations = services.sessions.users, services.invitations.repository
    invitation = await invitations.find(application, name)
    if invitation is not None:
        return Member(invitation, application, is_pending=True)
    document = await users.find_by_login(name) if "@" in name else await users.get_by_id(name)
    if document is not None and find_role_entry(document, application) is not None:
        return Member(document, application, is_pending=False)
    for invitation in await invitations.find_by_login(normalize_login(name)):
        if invitation["application"] == application:
            return Member(invitation, application, is_pending=True)
    raise NotFound("user", name)


def _find_repeated_token(member: Member, body: MemberUpdate) -> str | None:
    """Return the token in a body that repeats the whole answer, if it is the invitation's."""
    token = body.read_only_values.get("token")
    is_right = isinstance(token, str) and member.is_pending and is_token_of(member.document, token)
    return token if is_right else None


def _answer_member(member: Member, status: int = 200, *, token: str | None) -> Response:
    answer = MemberAnswer.render({**member.fields, "token": token})
    return json_response(answer, status, {"ETag": compute_etag(member.document)})
