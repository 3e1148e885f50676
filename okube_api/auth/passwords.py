"""Passwords, as Argon2id hashes.

A hash takes 19 MiB and a few hundredths of a second of one core by intent: at most two are made at a time, a few more
wait, and whoever comes after them is told to try again, so that a flood of logins leaves the rest of the server alone.
"""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from passlib.hash import argon2

from okube_api.errors import TooManyRequests

THREADS = 2
MOST_WAITING = 16

_SCHEME = argon2.using(type="ID", memory_cost=19_456, rounds=2, parallelism=1)
_OF_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$17o3BqAUIoRwjjFGKMUYIw$QTQKV97DmymbiAobS4iAb3V/7Aujua6GOwsSTjBNFxE"

T = TypeVar("T")


def hash_password(password: str) -> str:
    """The hash to keep; blocks for some hundredths of a second."""
    return str(_SCHEME.hash(password))


class Passwords:
    """Makes and checks hashes off the event loop."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")
        self._under_way = 0

    async def hash(self, password: str) -> str:
        """The hash to keep.  Raises TooManyRequests."""
        return await self._run(lambda: hash_password(password))

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Whether the password is the one that was hashed; takes as long when there is none to compare with.

        Raises TooManyRequests.
        """
        same = await self._run(lambda: bool(_SCHEME.verify(password, password_hash or _OF_NOBODY)))
        return same and password_hash is not None

    async def _run(self, work: Callable[[], T]) -> T:
        if self._under_way >= THREADS + MOST_WAITING:
            raise TooManyRequests("Too many logins at once. Try again in a second.", retry_after_s=1)
        self._under_way += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._under_way -= 1

    def close(self) -> None:
        """Lets go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
