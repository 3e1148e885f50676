"""Invitations: how a login gets its first role, and how the owner of a login accepts a role in another application.

An administrator of an application names a login and a role, never a password.  Whether the login exists makes no
difference: the same document is stored and the same answer given.  The invitation has a token, which is valid once and
for 72 hours; the store has its hash only.

- Whoever has the token accepts it with a password: the first one of a new login, or the own one of an existing login.
- Logged in, the owner of the login also accepts without the token, if the address of the login is *verified*: if a
  platform administrator created the login, or the owner got a token by mail.  An unverified login may belong to an
  administrator who invited somebody else's address and used the token; so its owner has to know the token, too.
"""

import hashlib
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

from okube_api.auth.mail import MailCommand, MailFailed
from okube_api.auth.mail_limit import MailLimit
from okube_api.auth.passwords import Passwords
from okube_api.auth.repository import Role, User, UserRepository, find_role_entry, normalize_login
from okube_api.auth.sessions import LoginSessions
from okube_api.clock import Clock, stamp
from okube_api.errors import Forbidden, Impossible, NotFound, ServiceUnavailable, Taken
from okube_api.kit.creation_ids import create_secret
from okube_api.kit.repository import Precondition, Repository
from okube_api.settings import Settings
from okube_api.store.conditions import Between, Condition, equal
from okube_api.store.errors import Duplicate
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json

LIFETIME = timedelta(hours=72)

INVITATIONS = Collection(
    "invitations",
    fields={
        "version": ColumnType.INTEGER,
        "application": ColumnType.TEXT,
        "login": ColumnType.TEXT,  # as `normalize_login` returns it
        "tokenHash": ColumnType.TEXT,
        "expiresAt": ColumnType.TEXT,
    },
    unique=(("application", "login"),),
    search=("login", "name"),
)

_SUBJECT = "Invitation to {application}"
_MAIL = """You are invited to {application} with the role {role}.

{instructions}

The invitation can be accepted once, until {expires} (UTC). If you did not expect it, ignore this message.
"""
_WITH_URL = "To accept, open {url}"
_WITHOUT_URL = (
    "To accept, send POST /auth/invitations/accept with this token and your password.\n"
    "With a new login, choose a password.\n\nToken: {token}"
)


class InvalidInvitation(Impossible):
    """422: the token belongs to no invitation that can be accepted."""

    code = "invalid_invitation"


class TokenRequired(Forbidden):
    """403: the login is not verified, so that its owner must send the token of the invitation."""

    code = "invitation_token_required"


@dataclass(frozen=True, slots=True)
class NewInvitation:
    """An invitation, and its token unless it was sent by mail."""

    document: Json
    token: str | None


class InvitationRepository(Repository):
    """Stores the invitations of all applications; those that have expired are ignored.

    match_not_deleted: returns the condition that the application of a document was not deleted.
    """

    collection = INVITATIONS
    kind = "user"  # for the administrator, who finds them among the users

    def __init__(self, store: Store, clock: Clock, match_not_deleted: Callable[[], Awaitable[Condition]]) -> None:
        super().__init__(store, clock)
        self._match_not_deleted = match_not_deleted

    def is_pending(self) -> Condition:
        """Return the condition that an invitation can still be accepted."""
        return Between("expiresAt", stamp(self.clock()), None)

    async def find(self, application: str, identifier: str) -> Json | None:
        """Return the pending invitation of an application with this id; None when there is none."""
        where = equal("_id", identifier.lower()) & equal("application", application) & self.is_pending()
        return await self.store.get(INVITATIONS, where)

    async def find_by_login(self, login: str) -> list[Json]:
        """Return the pending invitations of a login."""
        where = equal("login", login) & self.is_pending() & await self._match_not_deleted()
        return await self.store.find(INVITATIONS, where)

    async def find_by_token(self, token: str) -> Json | None:
        """Return the pending invitation with this token; None when there is none."""
        where = equal("tokenHash", hash_token(token)) & self.is_pending() & await self._match_not_deleted()
        return await self.store.get(INVITATIONS, where)

    async def set_role(
        self, invitation: Json, role: Role, *, disabled: bool, precondition: Precondition | None = None
    ) -> Json:
        """Set the role that an invitation offers, and return the invitation.  Raise PreconditionFailed."""

        async def edit(stored: Json) -> Json:
            return stored | {"role": str(role), "disabled": disabled}

        return await self.change(invitation, edit, precondition)

    async def delete_for_login(self, application: str, login: str) -> None:
        """Delete the invitation of a login to an application, if there is one."""
        await self.store.delete(INVITATIONS, equal("application", application) & equal("login", login))

    async def delete_expired(self) -> None:
        """Delete the invitations that can no longer be accepted."""
        await self.store.delete(INVITATIONS, Between("expiresAt", None, stamp(self.clock())))


class Invitations:
    """Invites users to applications, and lets them accept or decline.

    match_not_deleted: returns the condition that the application of a document was not deleted.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        sessions: LoginSessions,
        passwords: Passwords,
        settings: Settings,
        *,
        match_not_deleted: Callable[[], Awaitable[Condition]],
    ) -> None:
        self.repository = InvitationRepository(store, clock, match_not_deleted)
        self._store = store
        self._clock = clock
        self._sessions = sessions
        self._passwords = passwords
        self._mail = MailCommand(settings.mail_command)
        self._mail_limit = MailLimit(store, clock)
        self._url = settings.invitation_url

    @property
    def _users(self) -> UserRepository:
        return self._sessions.users

    async def invite(self, application: Json, login: str, role: Role, name: str | None = None) -> NewInvitation:
        """Invite a login to an application; the same is done whether the login exists or not.

        When an earlier attempt of the same request has stored the invitation, return that one with the same token; a
        mail is sent again, since nobody knows whether the first attempt has sent it.
        Raise Taken for a login with a role or a pending invitation in the application, TooManyRequests after too many
        mails, and ServiceUnavailable when the mail command fails.
        """
        address = normalize_login(login)
        await self.repository.delete_expired()
        user = await self._users.find_by_login(login)
        taken = Taken.at("body", "/login", f"'{login}' already has a role or an invitation in this application.")
        if user is not None and find_role_entry(user, application["_id"]):
            raise taken
        token = create_secret("invitation")
        document = await self.repository.find_created()
        if document is None:
            document = self.repository.build_document(
                application["_id"],
                {
                    "login": address,
                    "name": name or login.partition("@")[0],
                    "role": str(role),
                    "disabled": False,
                    "tokenHash": hash_token(token),
                    "mailed": self._mail.is_set,
                    "expiresAt": stamp(self._clock() + LIFETIME),
                },
            )
            try:
                await self._store.insert(INVITATIONS, [document])
            except Duplicate:
                raise taken from None
        if not self._mail.is_set:
            return NewInvitation(document, token)
        try:
            await self._mail_limit.count(application["_id"], address)
            await self._send(document, address, application["name"], token)
        except BaseException as error:
            await self._store.delete(INVITATIONS, equal("_id", document["_id"]))
            if isinstance(error, MailFailed):
                message = "The invitation could not be sent by mail. Nothing was saved."
                raise ServiceUnavailable(message, 60) from None
            raise
        return NewInvitation(document, None)

    async def _send(self, invitation: Json, recipient: str, application: str, token: str) -> None:
        title = " ".join(application.split())
        instructions = _WITHOUT_URL.format(token=token)
        if self._url is not None:
            instructions = _WITH_URL.format(url=self._url.replace("{token}", token))
        expires = invitation["expiresAt"][:16].replace("T", " ")
        text = _MAIL.format(application=title, role=invitation["role"], instructions=instructions, expires=expires)
        await self._mail.send(recipient, _SUBJECT.format(application=title), text)

    async def accept_by_token(
        self, token: str, password: str, name: str | None = None, captcha: str | None = None, *, address: str = ""
    ) -> None:
        """Accept an invitation: create its login with the password, or verify the password of an existing login.

        Raise InvalidInvitation, WeakPassword for a new login, Unauthorised and CaptchaRequired for an existing one.
        """
        invitation = await self.repository.find_by_token(token)
        if invitation is None:
            message = "The invitation does not exist, was used or has expired. Ask for a new one."
            raise InvalidInvitation.at("body", "/token", message)
        login = invitation["login"]
        if await self._users.find_by_login(login) is not None:
            user = await self._sessions.verify_password(login, password, captcha, address=address)
            await self._grant(invitation, user)
            return
        password_hash = await self._passwords.hash_new(password, login)
        await self._claim(invitation)
        try:
            user = await self._users.create(
                login,
                password_hash,
                name=name or invitation["name"],
                roles={invitation["application"]: Role(invitation["role"])},
                verified=invitation["mailed"],
            )
        except BaseException:
            await self._store.insert(INVITATIONS, [invitation])
            raise
        if invitation["disabled"]:
            await self._users.set_role(user, invitation["application"], Role(invitation["role"]), disabled=True)

    async def accept(self, user: User, identifier: str, token: str | None = None) -> None:
        """Accept an invitation of the login of this user.

        Raise NotFound, and TokenRequired without the right token for a login that is not verified.
        """
        invitation = await self.get_for_user(user, identifier)
        document = await self._users.get_by_id(user.id)
        knows_token = token is not None and is_token_of(invitation, token)
        if not knows_token and (token is not None or requires_token(document)):
            raise TokenRequired(
                "Send the token of the invitation, which the administrator of the application has. The address of your "
                "login is not verified."
            )
        await self._grant(invitation, document, is_verified=knows_token)

    async def decline(self, user: User, identifier: str) -> None:
        """Delete an invitation of the login of this user.  Raise NotFound."""
        await self._claim(await self.get_for_user(user, identifier))

    async def get_for_user(self, user: User, identifier: str) -> Json:
        """Return a pending invitation of the login of this user.  Raise NotFound."""
        pending = await self.repository.find_by_login(user.login)
        invitation = next((each for each in pending if each["_id"] == identifier.lower()), None)
        if invitation is None:
            raise NotFound("invitation", identifier)
        return invitation

    async def _grant(self, invitation: Json, user: Json, *, is_verified: bool = True) -> None:
        """Give a user the role of an invitation.

        is_verified: whether the owner of the login has shown the token, which verifies the login if it came by mail.
        """
        application = invitation["application"]
        await self._claim(invitation)
        try:
            if find_role_entry(user, application) is None:
                user = await self._users.set_role(
                    user, application, Role(invitation["role"]), disabled=invitation["disabled"]
                )
            if is_verified and invitation["mailed"] and requires_token(user):
                await self._users.mark_verified(user)
        except BaseException:
            await self._store.insert(INVITATIONS, [invitation])
            raise

    async def _claim(self, invitation: Json) -> None:
        """Delete an invitation before its effect, so that it is used once.  Raise NotFound when it was used."""
        unchanged = equal("_id", invitation["_id"]) & equal("version", invitation["version"])
        if not await self._store.delete(INVITATIONS, unchanged):
            raise NotFound("invitation", invitation["_id"])


def requires_token(user: Json) -> bool:
    """Return whether the login of a user is not verified, so that grants need the token of the invitation."""
    return not user.get("verified", False)


def hash_token(token: str) -> str:
    """Return the hash of a token as the store has it; the token is random, so that a fast hash is safe."""
    return hashlib.sha256(token.encode()).hexdigest()


def is_token_of(invitation: Json, token: str) -> bool:
    """Return whether a token is that of an invitation."""
    return hmac.compare_digest(invitation["tokenHash"], hash_token(token))
