"""Rate limits: requests per user or API key, requests per client address, and logins per client address.

A window begins with its first request.  A single process counts in memory.  Several processes, on MongoDB, count in the
store by compare-and-set, so that all of them together accept exactly the allowed number of requests.
"""

import asyncio
import hashlib
import random
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from time import time

from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage, Storage
from starlette.requests import Request

from okube_api.errors import TooManyRequests
from okube_api.http.client_address import get_address_group
from okube_api.settings import Settings
from okube_api.store.conditions import Between, equal
from okube_api.store.errors import Duplicate
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json

RATES = Collection("rates", fields={"version": ColumnType.INTEGER, "expiresAt": ColumnType.NUMBER})
"""Current windows: `version` is the number of requests, `expiresAt` the end of the window in epoch seconds."""

LOGINS = ("/auth/login", "/auth/invitations/accept", "/auth/setup")


@dataclass(frozen=True)
class RatePolicy:
    """A limit, with its name in the headers."""

    name: str
    item: RateLimitItem

    @cached_property
    def header_value(self) -> str:
        """Value of the `RateLimit-Policy` header."""
        return f'"{self.name}";q={self.item.amount};w={self.item.get_expiry()}'


class RateLimits:
    """Counts requests, and refuses those above a limit."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self._user = _parse_policy("user", settings.rate_limit)
        self._address = _parse_policy("address", settings.address_rate_limit)
        self._login = _parse_policy("login", settings.login_rate_limit)
        embedded = settings.store_url.startswith("duckdb:")
        self._storage: Storage = MemoryStorage() if embedded else WindowStorage(store)

    async def check_address(self, request: Request) -> None:
        """Count a request of a client address.  Raise TooManyRequests above the limit."""
        if self._login is not None and request.scope["path"] in LOGINS:
            await self._count(self._login, get_address_group(request), request)
        if self._address is not None:
            await self._count(self._address, get_address_group(request), request)

    async def check_caller(self, request: Request, caller: str) -> None:
        """Count a request of a user or API key.  Raise TooManyRequests above the limit."""
        if self._user is not None:
            await self._count(self._user, caller, request)

    async def _count(self, policy: RatePolicy, client: str, request: Request) -> None:
        # As the library's strategy of fixed windows, which reads the count again for the number that is left.
        key = policy.item.key_for(policy.name, client)
        count = await self._storage.incr(key, policy.item.get_expiry())
        wait_s = max(1, ceil(await self._storage.get_expiry(key) - time()))
        headers = request.state.headers if hasattr(request.state, "headers") else {}
        headers["RateLimit-Policy"] = policy.header_value
        headers["RateLimit"] = f'"{policy.name}";r={max(0, policy.item.amount - count)};t={wait_s}'
        request.state.headers = headers
        if count > policy.item.amount:
            raise TooManyRequests(f"The limit is {policy.item}. Try again in {wait_s} s.", retry_after_s=wait_s)


def _parse_policy(name: str, limit: str | None) -> RatePolicy | None:
    return RatePolicy(name, parse(limit)) if limit else None


class WindowStorage(Storage):
    """Storage of the `limits` library in our store, for processes that share it."""

    STORAGE_SCHEME = ["okube+store"]  # noqa: RUF012 - as in the base class

    def __init__(self, store: Store) -> None:
        super().__init__()
        self._store = store

    @property
    def base_exceptions(self) -> type[Exception]:
        """Exceptions that `limits` wraps; errors of the store stay as they are, for the error handler."""
        return ValueError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add `amount` to the window of a key, which begins now if there is none; return the new count."""
        identifier = _identifier(key)
        while True:
            window = await self._window(identifier)
            if window is None:
                await self._store.delete(RATES, Between("expiresAt", None, time()))
                new_window = {"_id": identifier, "version": amount, "expiresAt": time() + expiry}
                try:
                    await self._store.insert(RATES, [new_window])
                except Duplicate:
                    continue
                return amount
            counted = window | {"version": window["version"] + amount}
            unchanged = equal("_id", identifier) & equal("version", window["version"])
            if await self._store.replace(RATES, unchanged, counted):
                return int(counted["version"])
            await asyncio.sleep(random.random() * 0.02)  # noqa: S311 - so that processes in conflict do not retry in step

    async def get(self, key: str) -> int:
        """Return the count of the current window of a key."""
        window = await self._window(_identifier(key))
        return int(window["version"]) if window else 0

    async def get_expiry(self, key: str) -> float:
        """Return the end of the current window of a key, in epoch seconds."""
        window = await self._window(_identifier(key))
        return float(window["expiresAt"]) if window else time()

    async def check(self) -> bool:
        """Return True: the health routes check the store."""
        return True

    async def reset(self) -> int | None:
        """Delete all windows."""
        return await self._store.delete(RATES, Between("expiresAt", None, None))

    async def clear(self, key: str) -> None:
        """Delete the window of a key."""
        await self._store.delete(RATES, equal("_id", _identifier(key)))

    async def _window(self, identifier: str) -> Json | None:
        window = await self._store.get(RATES, equal("_id", identifier))
        return window if window and window["expiresAt"] > time() else None


def _identifier(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:24]
