"""Rate limits: so many requests in a while for each user or API key, for each address, and logins for each address.

Windows begin with the first request in them.  One process counts in memory; many processes, on MongoDB, count in the
store, each request by compare-and-set, so that exactly the allowance gets through whoever counts.
"""

import asyncio
import hashlib
import random
from dataclasses import dataclass
from math import ceil
from time import time

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, Storage
from limits.aio.strategies import FixedWindowRateLimiter
from starlette.requests import Request

from okube_api.errors import TooManyRequests
from okube_api.settings import Settings
from okube_api.store.base import Between, Collection, Duplicate, Json, Kind, Store, equal

RATES = Collection("rates", fields={"version": Kind.INTEGER, "expiresAt": Kind.NUMBER})
"""Windows under way: `version` is the count, `expiresAt` their end in epoch seconds."""

LOGIN = "/auth/login"


@dataclass(frozen=True, slots=True)
class Policy:
    """One of the limits, by the name that headers give it."""

    name: str
    item: RateLimitItem

    @property
    def shown(self) -> str:
        """As `RateLimit-Policy` has it."""
        return f'"{self.name}";q={self.item.amount};w={self.item.get_expiry()}'


class Limits:
    """Counts requests, and refuses those past a limit."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._user = _policy("user", settings.rate_limit)
        self._address = _policy("address", settings.address_rate_limit)
        self._login = _policy("login", settings.login_rate_limit)
        embedded = settings.store_url.startswith("duckdb:")
        self._counter = FixedWindowRateLimiter(MemoryStorage() if embedded else StoreStorage(store))

    async def of_address(self, request: Request) -> None:
        """Counts a request for its address.  Raises TooManyRequests."""
        address = request.client.host if request.client else ""
        if self._login is not None and request.scope["path"] == LOGIN:
            await self._count(self._login, address, request)
        if self._address is not None:
            await self._count(self._address, address, request)

    async def of_caller(self, request: Request, who: str) -> None:
        """Counts a request for a user or an API key.  Raises TooManyRequests."""
        if self._user is not None:
            await self._count(self._user, who, request)

    async def _count(self, policy: Policy, who: str, request: Request) -> None:
        within = await self._counter.hit(policy.item, policy.name, who)
        resets, left = await self._counter.get_window_stats(policy.item, policy.name, who)
        wait_s = max(1, ceil(resets - time()))
        headers = request.state.headers if hasattr(request.state, "headers") else {}
        headers["RateLimit-Policy"] = policy.shown
        headers["RateLimit"] = f'"{policy.name}";r={max(0, left)};t={wait_s}'
        request.state.headers = headers
        if not within:
            raise TooManyRequests(f"More than {policy.item}. Try again in {wait_s} s.", retry_after_s=wait_s)


def _policy(name: str, limit: str | None) -> Policy | None:
    return Policy(name, parse(limit)) if limit else None


class StoreStorage(Storage):
    """Windows in the store, for processes that share one."""

    STORAGE_SCHEME = ["okube+store"]  # noqa: RUF012 - as the class that it derives from

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    @property
    def base_exceptions(self) -> type[Exception]:
        """None of ours: what the store raises is for the handler of refusals."""
        return ValueError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Counts; the window begins with the first count."""
        identifier = _identifier(key)
        while True:
            known = await self._window(identifier)
            if known is None:
                await self._store.delete(RATES, Between("expiresAt", None, time()))
                fresh = {"_id": identifier, "version": amount, "expiresAt": time() + expiry}
                try:
                    await self._store.insert(RATES, [fresh])
                except Duplicate:
                    continue
                return amount
            counted = known | {"version": known["version"] + amount}
            unchanged = equal("_id", identifier) & equal("version", known["version"])
            if await self._store.replace(RATES, unchanged, counted):
                return int(counted["version"])
            await asyncio.sleep(random.random() * 0.02)  # noqa: S311 - to let others through

    async def get(self, key: str) -> int:
        """How many were counted in the window under way."""
        known = await self._window(_identifier(key))
        return int(known["version"]) if known else 0

    async def get_expiry(self, key: str) -> float:
        """When the window ends, in epoch seconds."""
        known = await self._window(_identifier(key))
        return float(known["expiresAt"]) if known else time()

    async def check(self) -> bool:
        """Whether the store answers; it is asked elsewhere."""
        return True

    async def reset(self) -> int | None:
        """Forgets every window."""
        return await self._store.delete(RATES, Between("expiresAt", None, None))

    async def clear(self, key: str) -> None:
        """Forgets a window."""
        await self._store.delete(RATES, equal("_id", _identifier(key)))

    async def _window(self, identifier: str) -> Json | None:
        known = await self._store.get(RATES, equal("_id", identifier))
        return known if known and known["expiresAt"] > time() else None


def _identifier(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:24]
