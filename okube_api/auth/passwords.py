"""Hashes passwords with Argon2id.

A hash deliberately takes 19 MiB and some hundredths of a second of one core.  At most `THREADS` hashes are computed
at a time, `MAX_WAITING` more wait, and further ones are refused: a flood of logins does not slow down the rest of the
server.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from passlib.hash import argon2

from okube_api.errors import TooManyRequests

THREADS = 2
MAX_WAITING = 16

_SCHEME = argon2.using(type="ID", memory_cost=19_456, rounds=2, parallelism=1)
_DUMMY_HASH = "$argon2id$v=19$m=19456,t=2,p=1$17o3BqAUIoRwjjFGKMUYIw$QTQKV97DmymbiAobS4iAb3V/7Aujua6GOwsSTjBNFxE"

T = TypeVar("T")


def hash_password(password: str) -> str:
    """Return the hash of a password; takes some hundredths of a second."""
    return str(_SCHEME.hash(password))


class Passwords:
    """Computes and verifies hashes in threads."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._pending = 0

    async def hash(self, password: str) -> str:
        """Return the hash of a password.  Raise TooManyRequests."""
        return await self._run(lambda: hash_password(password))

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Return whether a password has this hash; takes the same time without a hash, for logins that do not exist.

        Raise TooManyRequests.
        """
        is_same = await self._run(lambda: bool(_SCHEME.verify(password, password_hash or _DUMMY_HASH)))
        return is_same and password_hash is not None

    async def _run(self, work: Callable[[], T]) -> T:
        if self._pending >= THREADS + MAX_WAITING:
            raise TooManyRequests("Too many logins at once. Try again in a second.", retry_after_s=1)
        self._pending += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._pending -= 1

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
