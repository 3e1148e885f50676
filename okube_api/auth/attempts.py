"""Counts attempts to log in, so that passwords cannot be guessed.

An attempt is counted before its password is verified, by compare-and-set in the store: guesses in parallel, on any
process, are counted like guesses one after the other.  A success deletes the count.  Unknown logins are counted, too.

- After `limit` failures within the window, each attempt needs a solved captcha, which takes more work as failures grow.
- From the 20th failure on, all attempts are refused for a pause, which doubles with each failure up to an hour.
- An address from which the account was logged in to has a count of its own, so that guesses from elsewhere do not lock
  the owner out.
"""

import asyncio
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from math import ceil
from weakref import WeakValueDictionary

from okube_api.auth.captcha import MAX_LEVEL, Captcha
from okube_api.auth.repository import normalize_login
from okube_api.clock import Clock, stamp
from okube_api.errors import CaptchaRequired, TooManyRequests
from okube_api.settings import Settings
from okube_api.store.conditions import Between, equal
from okube_api.store.errors import Duplicate
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json

ATTEMPTS = Collection("login_attempts", fields={"version": ColumnType.INTEGER, "expiresAt": ColumnType.TEXT})
"""One document per account, and per account and known address; `version` is the number of failures."""

KNOWN_ADDRESSES = Collection("known_addresses", fields={"expiresAt": ColumnType.TEXT})
"""Hashes of accounts with addresses from which they were logged in to."""

PAUSE_FROM = 20  # failures
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(hours=1)
RETENTION = timedelta(days=1)  # of a count, after its last failure
KNOWN_FOR = timedelta(days=90)
_FAILURES_PER_LEVEL = 5

_LOCKED = "Too many failed logins to this account. Solve the captcha of GET /auth/captcha, or try again later."
_WRONG_CAPTCHA = (
    "The captcha is not solved, was used before, has expired or is too easy. Solve a new one of "
    "GET /auth/captcha?level={level}."
)


class LoginAttempts:
    """Counts the attempts on each account."""

    def __init__(self, store: Store, clock: Clock, secret: bytes, captcha: Captcha, settings: Settings) -> None:
        self._store = store
        self._clock = clock
        self._key = hmac.digest(secret, b"okube-api login attempts", "sha256")
        self._captcha = captcha
        self._limit = settings.login_failures
        self._window = timedelta(seconds=settings.login_window_s)
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @asynccontextmanager
    async def guard(self, login: str, address: str, captcha: str | None) -> AsyncIterator[bool]:
        """Count an attempt for the time of this context; whoever leaves it without an exception has succeeded.

        Yield whether the address is known for the account.  Raise CaptchaRequired and TooManyRequests.
        Attempts on one account take turns within this process: correct ones in parallel do not count as failures.
        """
        known_id = self.hash_account(login, address)
        is_known = address != "" and await self._is_known(known_id)  # it is empty where the server does not know it
        account = self.hash_account(login, address if is_known else "")
        turn = self._turns.setdefault(account, asyncio.Lock())
        async with turn:
            await self._count(account, captcha)
            try:
                yield is_known
            except TooManyRequests:  # the password was not verified
                await self._uncount(account)
                raise
            await self._store.delete(ATTEMPTS, equal("_id", account))
        await self._remember(known_id)

    async def read_failures(self, login: str) -> tuple[int, str | None]:
        """Return the failures on an account from unknown addresses, and until when attempts are paused, or None."""
        document = await self._find(self.hash_account(login))
        if document is None:
            return 0, None
        until = _paused_until(document)
        return document["version"], stamp(until) if until > self._clock() else None

    async def _count(self, account: str, captcha: str | None) -> None:
        """Add one to the failures of an account, if the attempt is allowed."""
        await self._store.delete(ATTEMPTS, Between("expiresAt", None, stamp(self._clock())))
        is_solved = False
        while True:
            now = self._clock()
            document = await self._find(account)
            failures = document["version"] if document else 0
            recent = [at for at in (document["recent"] if document else ()) if at > stamp(now - self._window)]
            if document is not None and (until := _paused_until(document)) > now:
                raise _build_pause(until - now)
            if len(recent) >= self._limit and not is_solved:
                await self._require_captcha(captcha, failures)
                is_solved = True
            counted = {
                "_id": account,
                "version": failures + 1,
                "recent": [*recent, stamp(now)][-self._limit :],
                "lastAt": stamp(now),
                "expiresAt": stamp(now + RETENTION),
            }
            if await self._write(document, counted):
                return

    async def _uncount(self, account: str) -> None:
        """Take back the last attempt."""
        while (document := await self._find(account)) is not None:
            counted = document | {"version": document["version"] - 1, "recent": document["recent"][:-1]}
            if await self._write(document, counted):
                return

    async def _require_captcha(self, captcha: str | None, failures: int) -> None:
        level = min(MAX_LEVEL, max(0, failures - self._limit) // _FAILURES_PER_LEVEL)
        if captcha is None:
            raise CaptchaRequired(_LOCKED, extra={"captchaLevel": level})
        if not await self._captcha.redeem(captcha, level):
            raise CaptchaRequired(_WRONG_CAPTCHA.format(level=level), extra={"captchaLevel": level})

    async def _find(self, account: str) -> Json | None:
        """Return the count of an account; None when there is none, or only one that has expired."""
        document = await self._store.get(ATTEMPTS, equal("_id", account))
        return document if document is not None and document["expiresAt"] > stamp(self._clock()) else None

    async def _write(self, document: Json | None, counted: Json) -> bool:
        """Store the next count unless another attempt was counted meanwhile; return whether it was stored."""
        if document is not None:
            unchanged = equal("_id", document["_id"]) & equal("version", document["version"])
            return await self._store.replace(ATTEMPTS, unchanged, counted)
        try:
            await self._store.insert(ATTEMPTS, [counted])
        except Duplicate:
            return False
        return True

    async def _is_known(self, known_id: str) -> bool:
        document = await self._store.get(KNOWN_ADDRESSES, equal("_id", known_id))
        return document is not None and document["expiresAt"] > stamp(self._clock())

    async def _remember(self, known_id: str) -> None:
        document = {"_id": known_id, "expiresAt": stamp(self._clock() + KNOWN_FOR)}
        if not await self._store.replace(KNOWN_ADDRESSES, equal("_id", known_id), document):
            await self._store.delete(KNOWN_ADDRESSES, Between("expiresAt", None, stamp(self._clock())))
            try:
                await self._store.insert(KNOWN_ADDRESSES, [document])
            except Duplicate:
                return  # a login at the same time

    def hash_account(self, login: str, address: str = "") -> str:
        """Return the id of an account at an address, keyed: people type passwords into the login field by mistake."""
        return hmac.digest(self._key, f"{normalize_login(login)}\n{address}".encode(), "sha256").hex()[:24]


def _paused_until(document: Json) -> datetime:
    """Return the end of the pause after the last failure."""
    last = datetime.fromisoformat(document["lastAt"])
    excess = int(document["version"]) - PAUSE_FROM
    if excess < 0:
        return last
    return last + min(LONGEST_PAUSE, FIRST_PAUSE * (1 << min(excess, 20)))


def _build_pause(left: timedelta) -> TooManyRequests:
    wait_s = max(1, ceil(left.total_seconds()))
    message = f"Too many failed logins to this account. It is paused: try again in {wait_s} s."
    return TooManyRequests(message, retry_after_s=wait_s)
