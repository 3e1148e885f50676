"""Logging in, being known by a token, and logging out."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from okube_api.auth.captcha import Captcha
from okube_api.auth.denylist import Denylist
from okube_api.auth.keys import ApiKeyRepository
from okube_api.auth.passwords import Passwords
from okube_api.auth.repository import LOGIN_FAILURES, User, UserRepository
from okube_api.auth.tokens import Signer, Token
from okube_api.clock import Clock, stamp
from okube_api.errors import CaptchaRequired, Forbidden, Unauthorised
from okube_api.kit.ids import new_id
from okube_api.settings import Settings
from okube_api.store.conditions import Between, equal
from okube_api.store.protocol import Store

_WRONG = "The login or the password is wrong."
_NO_TOKEN = "Send the token of POST /auth/login as 'Authorization: Bearer TOKEN'."  # noqa: S105 - words, no password
_NOT_VALID = "The token is not valid, has expired or was revoked. Log in again."
_LOCKED = "Too many logins of this account have failed: solve the captcha of GET /auth/captcha, or try again later."
_UNSOLVED = "The captcha is not solved, was used before or is too old: solve the one of GET /auth/captcha."


@dataclass(frozen=True, slots=True)
class Identity:
    """A known caller, and the token that made them known."""

    user: User
    token: Token

    @property
    def rate_limit_key(self) -> str:
        """Whose rate limit counts: the API key's own, or the user's."""
        return self.token.identifier if self.token.secret is not None else self.user.id


class LoginFailures:
    """Failed logins; too many within the window lock an account, whether or not there is one of that login."""

    def __init__(self, store: Store, clock: Clock, limit: int, window: timedelta) -> None:
        self._store = store
        self._clock = clock
        self._limit = limit
        self._window = window

    async def is_locked(self, login: str) -> bool:
        """Whether the account is locked."""
        recent = equal("account", _account(login)) & Between("at", stamp(self._clock() - self._window), None)
        return await self._store.count(LOGIN_FAILURES, recent) >= self._limit

    async def add(self, login: str) -> None:
        """Records one, and forgets those that count no longer."""
        now = self._clock()
        await self._store.delete(LOGIN_FAILURES, Between("at", None, stamp(now - self._window)))
        failure = {"_id": new_id(now), "account": _account(login), "at": stamp(now)}
        await self._store.insert(LOGIN_FAILURES, [failure])

    async def clear(self, login: str) -> None:
        """A success: what failed before does not count."""
        await self._store.delete(LOGIN_FAILURES, equal("account", _account(login)))


class Sessions:
    """Who may call, and with which token."""

    def __init__(self, store: Store, clock: Clock, secret: bytes, passwords: Passwords, settings: Settings) -> None:
        self._store = store
        self._clock = clock
        self._signer = Signer(secret)
        self._passwords = passwords
        self._lifetime = timedelta(hours=settings.token_hours)
        self._failures = LoginFailures(
            store, clock, settings.login_failures, timedelta(seconds=settings.login_window_s)
        )
        self._spent = Denylist(store, clock)
        self.captcha = Captcha(secret, clock, self._spent, settings.captcha_effort)
        self.users = UserRepository(store, clock)
        self.keys = ApiKeyRepository(store, clock, self._signer)

    async def log_in(self, login: str, password: str, captcha: str | None = None) -> tuple[Identity, str]:
        """The caller and the token to send from now on.

        captcha: the solution that lets one try to log in to a locked account, once.
        Raises Unauthorised, the same way and as late for a login that nobody has, CaptchaRequired and TooManyRequests.
        """
        await self._unlock(login, captcha)
        document = await self.users.find_by_login(login)
        matches = await self._passwords.verify(password, document["password"] if document else None)
        if document is None or not matches or document["disabled"]:
            await self._failures.add(login)
            raise Unauthorised(_WRONG)
        await self._failures.clear(login)
        return self.issue(User.from_document(document))

    def issue(self, user: User) -> tuple[Identity, str]:
        """A new token for a user, and the text to send it as."""
        now = self._clock().replace(microsecond=0)
        token = Token(new_id(now), user.id, user.generation, now, now + self._lifetime)
        return Identity(user, token), self._signer.sign(token)

    async def identify(self, authorization: str | None) -> Identity:
        """Who sends this `Authorization` header.  Raises Unauthorised."""
        scheme, _, text = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not text:
            raise Unauthorised(_NO_TOKEN)
        token = self._signer.read(text.strip(), self._clock())
        document = await self._store.get(self.users.collection, equal("_id", token.user))
        if document is None or document["disabled"]:
            raise Unauthorised(_NOT_VALID)
        user = await self._acting(User.from_document(document), token)
        if user is None:
            raise Unauthorised(_NOT_VALID)
        return Identity(user, token)

    async def _acting(self, user: User, token: Token) -> User | None:
        """The user as the token lets them act; None when it is no longer good."""
        if token.secret is not None:
            return await self.keys.load_user(token, user)
        good = user.generation == token.generation and not await self._spent.contains(token.identifier)
        return user if good else None

    async def log_out(self, token: Token) -> None:
        """Revokes an access token, for every process and from the next request on."""
        await self._spent.add(token.identifier, token.expires)

    async def change_password(self, user: User, current: str, new: str, captcha: str | None = None) -> None:
        """Sets a new password; every access token made before is no longer good, API keys are.

        Raises Forbidden, CaptchaRequired and TooManyRequests.
        """
        await self._unlock(user.login, captcha)
        document = await self.users.get_by_id(user.id)
        if not await self._passwords.verify(current, document["password"]):
            await self._failures.add(user.login)
            raise Forbidden("The current password is wrong.")
        await self.users.set_password(document, await self._passwords.hash(new))
        await self._failures.clear(user.login)

    async def _unlock(self, login: str, captcha: str | None) -> None:
        if await self._failures.is_locked(login) and not (captcha and await self.captcha.redeem(captcha)):
            raise CaptchaRequired(_LOCKED if captcha is None else _UNSOLVED)


def _account(login: str) -> str:
    """What failures are counted by: not the login itself, into which people type passwords."""
    return hashlib.sha256(login.casefold().encode()).hexdigest()[:32]
