"""Hashes passwords with Argon2id, and refuses those that are easy to guess.

A hash deliberately takes 19 MiB and some hundredths of a second of one core.  At most `THREADS` hashes are computed
at a time, `MAX_WAITING` more wait, and further ones are refused: a flood of logins does not slow down the rest of the
server.
"""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from passlib.hash import argon2

from okube_api.errors import Impossible, TooManyRequests

THREADS = 2
MAX_WAITING = 16

_SCHEME = argon2.using(type="ID", memory_cost=19_456, rounds=2, parallelism=1)
_DUMMY_HASH = "$argon2id$v=19$m=19456,t=2,p=1$17o3BqAUIoRwjjFGKMUYIw$QTQKV97DmymbiAobS4iAb3V/7Aujua6GOwsSTjBNFxE"

MIN_LENGTH = 12
_MIN_SCORE = 3  # of 4 on the scale of zxcvbn: at least 100 million guesses by someone who knows how people choose
_SHORTEST_WORD = 4  # of a login, which must not help to guess its password
_RATED_LENGTH = 72  # zxcvbn takes quadratic time

T = TypeVar("T")


class WeakPassword(Impossible):
    """422: the password is too easy to guess."""

    code = "weak_password"


def require_strong_password(password: str, login: str, pointer: str = "/password") -> None:
    """Raise WeakPassword for a common password, a repetition, a sequence, or a variation of the login.

    Takes up to some hundredths of a second.  pointer: place of the password in the body.
    """
    from zxcvbn import zxcvbn  # noqa: PLC0415 - 14 MB of word lists that few processes need

    rest = password.casefold()  # what the login does not tell
    for word in ("okube", *re.split(r"[^0-9a-z]+", login.casefold())):
        rest = rest.replace(word, "") if len(word) >= _SHORTEST_WORD else rest
    rating = zxcvbn((password if rest == password.casefold() else rest or "-")[:_RATED_LENGTH])
    if len(password) < MIN_LENGTH or rating["score"] < _MIN_SCORE:
        raise WeakPassword.at(
            "body",
            pointer,
            f"The password is too easy to guess. Use at least {MIN_LENGTH} characters, such as four random words, "
            "without common passwords, repetitions or the login.",
        )


def hash_password(password: str) -> str:
    """Return the hash of a password; takes some hundredths of a second."""
    return str(_SCHEME.hash(password))


class Passwords:
    """Computes and verifies hashes in threads.

    Work with priority has a thread and a queue of its own: a flood of other logins does not delay it.
    """

    def __init__(self) -> None:
        self._queue = _HashQueue(THREADS)
        self._priority_queue = _HashQueue(1)

    async def hash(self, password: str) -> str:
        """Return the hash of a password.  Raise TooManyRequests."""
        return await self._priority_queue.run(lambda: hash_password(password))

    async def hash_new(self, password: str, login: str, pointer: str = "/password") -> str:
        """Return the hash of a new password of a login.  Raise WeakPassword and TooManyRequests."""

        def check_and_hash() -> str:
            require_strong_password(password, login, pointer)
            return hash_password(password)

        return await self._priority_queue.run(check_and_hash)

    async def verify(self, password: str, password_hash: str | None, *, has_priority: bool = False) -> bool:
        """Return whether a password has this hash; takes the same time without a hash, for logins that do not exist.

        has_priority: for callers who are known, by a token or by their address.  Raise TooManyRequests.
        """
        queue = self._priority_queue if has_priority else self._queue
        is_same = await queue.run(lambda: bool(_SCHEME.verify(password, password_hash or _DUMMY_HASH)))
        return is_same and password_hash is not None

    def close(self) -> None:
        """Stop the threads."""
        self._queue.close()
        self._priority_queue.close()


class _HashQueue:
    def __init__(self, threads: int) -> None:
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="passwords")
        self._capacity = threads + MAX_WAITING
        self._pending = 0

    async def run(self, work: Callable[[], T]) -> T:
        """Do work in a thread.  Raise TooManyRequests when too much is waiting already."""
        if self._pending >= self._capacity:
            raise TooManyRequests("Too many logins at once. Try again in a second.", retry_after_s=1)
        self._pending += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        finally:
            self._pending -= 1

    def close(self) -> None:
        """Stop the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)
