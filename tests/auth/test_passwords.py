"""Passwords: what a hash is, how long a check takes, and how many wait."""

import asyncio
from time import perf_counter

import pytest
from okube_api.auth.passwords import MOST_WAITING, THREADS, Passwords, hash_password
from okube_api.errors import TooManyRequests

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery staple"


async def quickest(passwords: Passwords, kept: str | None) -> float:
    """The least time that a refusal took, of several: what else the machine does only ever adds to it."""
    times = []
    for _ in range(8):
        began = perf_counter()
        assert not await passwords.verify("wrong", kept)
        times.append(perf_counter() - began)
    return min(times)


def test_a_hash_is_argon2id_of_19_mib_salted() -> None:
    first, second = hash_password(PASSWORD), hash_password(PASSWORD)
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second


async def test_only_the_password_itself_matches() -> None:
    passwords = Passwords()
    kept = await passwords.hash(PASSWORD)
    assert await passwords.verify(PASSWORD, kept)
    assert not await passwords.verify(PASSWORD + " ", kept)
    assert not await passwords.verify(PASSWORD, None)
    passwords.close()


async def test_nobody_takes_as_long_as_somebody() -> None:
    passwords = Passwords()
    somebody, nobody = await quickest(passwords, hash_password(PASSWORD)), await quickest(passwords, None)
    assert 0.7 < nobody / somebody < 1.4
    passwords.close()


async def test_a_flood_is_told_to_wait_and_all_others_are_answered() -> None:
    passwords = Passwords()
    kept = hash_password(PASSWORD)
    flood = [passwords.verify(PASSWORD, kept) for _ in range(THREADS + MOST_WAITING + 5)]
    answers = await asyncio.gather(*flood, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, TooManyRequests)]
    assert len(refused) == 5
    assert refused[0].headers == {"Retry-After": "1"}
    assert answers.count(True) == THREADS + MOST_WAITING
    passwords.close()
