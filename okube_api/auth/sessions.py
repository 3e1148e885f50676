"""Logs users in and out, and identifies callers by their token."""

from dataclasses import dataclass
from datetime import timedelta

from okube_api.auth.attempts import LoginAttempts
from okube_api.auth.captcha import Captcha
from okube_api.auth.denylist import Denylist
from okube_api.auth.keys import KEYS, ApiKeyRepository
from okube_api.auth.passwords import Passwords
from okube_api.auth.repository import DENYLIST, User, UserRepository
from okube_api.auth.tokens import TOKEN_REFUSED, Signer, Token
from okube_api.clock import Clock
from okube_api.errors import Forbidden, Unauthorised
from okube_api.kit.ids import new_id
from okube_api.kit.repository import Precondition
from okube_api.kit.revision_cache import RevisionCache
from okube_api.settings import Settings
from okube_api.store.conditions import equal
from okube_api.store.protocol import Store
from okube_api.store.values import Json

_WRONG_CREDENTIALS = "The login or the password is wrong."
_MOST_IDENTITIES = 4096
_NO_TOKEN = "Send the token of POST /auth/login as 'Authorization: Bearer TOKEN'."  # noqa: S105 - a message


@dataclass(frozen=True, slots=True)
class Identity:
    """An identified caller and the token they sent."""

    user: User
    token: Token

    @property
    def rate_limit_key(self) -> str:
        """The id whose rate limit applies: the API key's, or the user's."""
        return self.token.identifier if self.token.secret is not None else self.user.id


class LoginSessions:
    """Issues, verifies and revokes the tokens of users."""

    def __init__(self, store: Store, clock: Clock, secret: bytes, passwords: Passwords, settings: Settings) -> None:
        self._store = store
        self._clock = clock
        self._signer = Signer(secret)
        self._passwords = passwords
        self._lifetime = timedelta(hours=settings.token_hours)
        self._denylist = Denylist(store, clock)
        self.captcha = Captcha(secret, clock, self._denylist, settings.captcha_effort)
        self.attempts = LoginAttempts(store, clock, secret, self.captcha, settings)
        self.users = UserRepository(store, clock)
        self.keys = ApiKeyRepository(store, clock, self._signer)
        self._identities = RevisionCache[Identity](store, self.users.collection, KEYS, DENYLIST, most=_MOST_IDENTITIES)

    async def log_in(
        self, login: str, password: str, captcha: str | None = None, *, address: str = ""
    ) -> tuple[Identity, str]:
        """Verify a login and return the caller with a new token.

        captcha: a solution, which allows one attempt to log in to a locked account.
        address: of the client; logins from an address that is known for the account are not affected by others.
        Raise Unauthorised, with the same message and delay for an unknown login, CaptchaRequired and TooManyRequests.
        """
        return self.issue(User.from_document(await self.verify_password(login, password, captcha, address=address)))

    async def verify_password(
        self, login: str, password: str, captcha: str | None = None, *, address: str = ""
    ) -> Json:
        """Return the document of the user with this login and password.  Raise as `log_in` does."""
        async with self.attempts.guard(login, address, captcha) as is_known:
            document = await self.users.find_by_login(login)
            password_hash = document["password"] if document else None
            matches = await self._passwords.verify(password, password_hash, has_priority=is_known)
            if document is None or not matches or document["disabled"]:
                raise Unauthorised(_WRONG_CREDENTIALS)
        return document

    def issue(self, user: User) -> tuple[Identity, str]:
        """Issue a token for a user; return it also as the text to send."""
        now = self._clock().replace(microsecond=0)
        token = Token(new_id(now), user.id, user.generation, now, now + self._lifetime)
        return Identity(user, token), self._signer.sign(token)

    async def identify(self, authorization: str | None) -> Identity:
        """Return the caller who sends this `Authorization` header.  Raise Unauthorised.

        Callers are kept in memory by the text of their token, until a user, an API key or the denylist is written.
        """
        scheme, _, text = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise Unauthorised(_NO_TOKEN)
        text = text.strip()
        token = self._signer.read(text, self._clock())
        await self._store.read_revisions()
        return await self._identities.load(text, lambda: self._load_identity(token))

    async def _load_identity(self, token: Token) -> Identity:
        document = await self._store.get(self.users.collection, equal("_id", token.user))
        if document is None or document["disabled"]:
            raise Unauthorised(TOKEN_REFUSED)
        user = await self._apply_token(User.from_document(document), token)
        if user is None:
            raise Unauthorised(TOKEN_REFUSED)
        return Identity(user, token)

    async def _apply_token(self, user: User, token: Token) -> User | None:
        """Return the user with the restrictions of the token; None when the token was revoked."""
        if token.secret is not None:
            return await self.keys.load_user(token, user)
        is_valid = user.generation == token.generation and not await self._denylist.contains(token.identifier)
        return user if is_valid else None

    async def revoke_token(self, token: Token) -> None:
        """Revoke an access token, for all processes and from the next request on."""
        await self._denylist.add(token.identifier, token.expires)

    async def set_disabled(self, user: Json, *, disabled: bool, precondition: Precondition | None = None) -> Json:
        """Disable the login of a user or enable it again, and return the user.

        Disabling ends all access tokens and deletes all API keys; enabling does not bring them back.  Raise as
        `UserRepository.set_disabled` does.
        """
        if not disabled and user["disabled"]:
            await self.keys.remove_all(user["_id"])  # a process may have died between the two steps of disabling
        changed = await self.users.set_disabled(user, disabled=disabled, precondition=precondition)
        if disabled:
            await self.keys.remove_all(user["_id"])
        return changed

    async def change_password(
        self, user: User, current: str, new: str, captcha: str | None = None, *, address: str = ""
    ) -> None:
        """Set a new password.

        All earlier access tokens and API keys become invalid, except keys that survive it.
        Raise Forbidden, WeakPassword, CaptchaRequired and TooManyRequests.
        """
        async with self.attempts.guard(user.login, address, captcha):
            document = await self.users.get_by_id(user.id)
            if not await self._passwords.verify(current, document["password"], has_priority=True):
                raise Forbidden("The current password is wrong.")
        await self.users.set_password(document, await self._passwords.hash_new(new, user.login, "/new"))
