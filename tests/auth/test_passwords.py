"""Password hashes: their form, the time of a check, and the limit of waiting ones."""

import asyncio
from time import process_time

import pytest
from okube_api.auth.passwords import (
    MAX_WAITING,
    THREADS,
    Passwords,
    WeakPassword,
    hash_password,
    require_strong_password,
)
from okube_api.errors import TooManyRequests

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery staple"


async def measure_refusal_s(passwords: Passwords, password_hash: str | None) -> float:
    start_s = process_time()
    assert not await passwords.verify("wrong", password_hash)
    return process_time() - start_s


def test_hash_is_salted_argon2id_of_19_mib() -> None:
    first, second = hash_password(PASSWORD), hash_password(PASSWORD)
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second


async def test_only_the_same_password_is_verified() -> None:
    passwords = Passwords()
    password_hash = await passwords.hash(PASSWORD)
    assert await passwords.verify(PASSWORD, password_hash)
    assert not await passwords.verify(PASSWORD + " ", password_hash)
    assert not await passwords.verify(PASSWORD, None)
    passwords.close()


async def test_unknown_user_takes_as_long_as_a_known_one() -> None:
    passwords, password_hash = Passwords(), hash_password(PASSWORD)
    known_s: list[float] = []
    unknown_s: list[float] = []
    # CPU time of this process, which other work on the machine does not add to.  The two threads take turns, and the
    # memory of one can be slower to get: each kind is measured on both of them.
    for is_known in (True, False, False, True) * 4:
        refusal_s = await measure_refusal_s(passwords, password_hash if is_known else None)
        (known_s if is_known else unknown_s).append(refusal_s)
    assert 0.7 < min(unknown_s) / min(known_s) < 1.4
    passwords.close()


async def test_checks_beyond_the_limit_are_refused_and_the_others_answered() -> None:
    passwords = Passwords()
    password_hash = hash_password(PASSWORD)
    flood = [passwords.verify(PASSWORD, password_hash) for _ in range(THREADS + MAX_WAITING + 5)]
    answers = await asyncio.gather(*flood, return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, TooManyRequests)]
    assert len(refused) == 5
    assert refused[0].headers == {"Retry-After": "1"}
    assert answers.count(True) == THREADS + MAX_WAITING
    passwords.close()


@pytest.mark.parametrize(
    "password",
    [
        "x",
        "Qw8#kz",
        "password1234",
        "Passw0rd!Passw0rd!",
        "qwertyuiop12",
        "123456789012",
        "abcabcabcabc",
        "z" * 128,
        "jeanne.martin@example.com",
        "aB3$" * 20,
        "jeanne.martin",
        "jeannemartin1",
    ],
)
def test_password_that_is_easy_to_guess_is_refused(password: str) -> None:
    with pytest.raises(WeakPassword) as refused:
        require_strong_password(password, "jeanne.martin@example.com", "/new")
    assert refused.value.faults[0].pointer == "/new"
    assert password not in refused.value.detail


@pytest.mark.parametrize(
    "password", [PASSWORD, "violet-harbour-72-tram", "xK9$wq!2Lm#v", "\N{SNOWMAN}" + "harbour tram violet"]
)
def test_password_that_is_hard_to_guess_is_accepted(password: str) -> None:
    require_strong_password(password, "jeanne.martin@example.com")


async def test_new_password_is_rated_before_it_is_hashed() -> None:
    passwords = Passwords()
    with pytest.raises(WeakPassword):
        await passwords.hash_new("password1234", "a@example.com")
    assert await passwords.verify(PASSWORD, await passwords.hash_new(PASSWORD, "a@example.com"))
    passwords.close()
