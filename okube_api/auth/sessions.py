"""Logs users in and out, and identifies callers by their token."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from okube_api.auth.captcha import Captcha
from okube_api.auth.denylist import Denylist
from okube_api.auth.keys import ApiKeyRepository
from okube_api.auth.passwords import Passwords
from okube_api.auth.repository import LOGIN_FAILURES, User, UserRepository
from okube_api.auth.tokens import TOKEN_REFUSED, Signer, Token
from okube_api.clock import Clock, stamp
from okube_api.errors import CaptchaRequired, Forbidden, Unauthorised
from okube_api.kit.ids import new_id
from okube_api.settings import Settings
from okube_api.store.conditions import Between, equal
from okube_api.store.protocol import Store
from okube_api.store.values import Json

_WRONG_CREDENTIALS = "The login or the password is wrong."
_NO_TOKEN = "Send the token of POST /auth/login as 'Authorization: Bearer TOKEN'."  # noqa: S105 - a message
_LOCKED = "Too many failed logins to this account. Solve the captcha of GET /auth/captcha, or try again later."
_WRONG_CAPTCHA = "The captcha is not solved, was used before or has expired. Solve a new one of GET /auth/captcha."


@dataclass(frozen=True, slots=True)
class Identity:
    """An identified caller and the token they sent."""

    user: User
    token: Token

    @property
    def rate_limit_key(self) -> str:
        """The id whose rate limit applies: the API key's, or the user's."""
        return self.token.identifier if self.token.secret is not None else self.user.id


class LoginFailures:
    """Counts failed logins; `limit` of them within the window lock an account, whether or not the login exists."""

    def __init__(self, store: Store, clock: Clock, limit: int, window: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._limit = limit
        self._window = window

    async def is_locked(self, login: str) -> bool:
        """Return whether an account is locked."""
        recent = equal("account", _hash_login(login)) & Between("at", stamp(self._clock() - self._window), None)
        return await self._store.count(LOGIN_FAILURES, recent) >= self._limit

    async def add(self, login: str) -> None:
        """Record a failed login, and delete those before the window."""
        now = self._clock()
        await self._store.delete(LOGIN_FAILURES, Between("at", None, stamp(now - self._window)))
        failure = {"_id": new_id(now), "account": _hash_login(login), "at": stamp(now)}
        await self._store.insert(LOGIN_FAILURES, [failure])

    async def clear(self, login: str) -> None:
        """Delete the failed logins of an account, after a successful one."""
        await self._store.delete(LOGIN_FAILURES, equal("account", _hash_login(login)))


class LoginSessions:
    """Issues, verifies and revokes the tokens of users."""

    def __init__(self, store: Store, clock: Clock, secret: bytes, passwords: Passwords, settings: Settings) -> None:
        self._store = store
        self._clock = clock
        self._signer = Signer(secret)
        self._passwords = passwords
        self._lifetime = timedelta(hours=settings.token_hours)
        self._failures = LoginFailures(
            store, clock, settings.login_failures, timedelta(seconds=settings.login_window_s)
        )
        self._denylist = Denylist(store, clock)
        self.captcha = Captcha(secret, clock, self._denylist, settings.captcha_effort)
        self.users = UserRepository(store, clock)
        self.keys = ApiKeyRepository(store, clock, self._signer)

    async def log_in(self, login: str, password: str, captcha: str | None = None) -> tuple[Identity, str]:
        """Verify a login and return the caller with a new token.

        captcha: a solution, which allows one attempt to log in to a locked account.
        Raise Unauthorised, with the same message and delay for an unknown login, CaptchaRequired and TooManyRequests.
        """
        return self.issue(User.from_document(await self.verify_password(login, password, captcha)))

    async def verify_password(self, login: str, password: str, captcha: str | None = None) -> Json:
        """Return the document of the user with this login and password.  Raise as `log_in` does."""
        await self._check_lock(login, captcha)
        document = await self.users.find_by_login(login)
        matches = await self._passwords.verify(password, document["password"] if document else None)
        if document is None or not matches or document["disabled"]:
            await self._failures.add(login)
            raise Unauthorised(_WRONG_CREDENTIALS)
        await self._failures.clear(login)
        return document

    def issue(self, user: User) -> tuple[Identity, str]:
        """Issue a token for a user; return it also as the text to send."""
        now = self._clock().replace(microsecond=0)
        token = Token(new_id(now), user.id, user.generation, now, now + self._lifetime)
        return Identity(user, token), self._signer.sign(token)

    async def identify(self, authorization: str | None) -> Identity:
        """Return the caller who sends this `Authorization` header.  Raise Unauthorised."""
        scheme, _, text = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise Unauthorised(_NO_TOKEN)
        token = self._signer.read(text.strip(), self._clock())
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

    async def change_password(self, user: User, current: str, new: str, captcha: str | None = None) -> None:
        """Set a new password.

        All earlier access tokens and API keys become invalid, except keys that survive it.

        Raise Forbidden, WeakPassword, CaptchaRequired and TooManyRequests.
        """
        await self._check_lock(user.login, captcha)
        document = await self.users.get_by_id(user.id)
        if not await self._passwords.verify(current, document["password"]):
            await self._failures.add(user.login)
            raise Forbidden("The current password is wrong.")
        await self.users.set_password(document, await self._passwords.hash_new(new, user.login, "/new"))
        await self._failures.clear(user.login)

    async def _check_lock(self, login: str, captcha: str | None) -> None:
        """Raise CaptchaRequired when the account is locked and no captcha is solved."""
        if await self._failures.is_locked(login) and not (captcha and await self.captcha.redeem(captcha)):
            raise CaptchaRequired(_LOCKED if captcha is None else _WRONG_CAPTCHA)


def _hash_login(login: str) -> str:
    """Return the hash that failures are counted by: people type passwords into the login field by mistake."""
    return hashlib.sha256(login.casefold().encode()).hexdigest()[:32]
