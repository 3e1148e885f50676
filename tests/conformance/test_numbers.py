"""Numbers are dense, stable and never shared; counters never repeat."""

import asyncio
from hashlib import blake2b

import pytest
from okube_api.store.protocol import Store

pytestmark = pytest.mark.anyio


def identifier(at: object) -> bytes:
    return blake2b(str(at).encode(), digest_size=16).digest()


async def test_new_identifiers_get_the_next_numbers(store: Store, application: str) -> None:
    a, b, c, d = map(identifier, "abcd")
    assert await store.find_numbers(application, "user", [a, b]) == [None, None]
    assert await store.assign_numbers(application, "user", [a, b, a]) == [0, 1, 0]
    assert await store.assign_numbers(application, "user", [c, a, d, c]) == [2, 0, 3, 2]
    assert await store.find_numbers(application, "user", [d, identifier("x"), a, d]) == [3, None, 0, 3]
    assert await store.assign_numbers(application, "user", []) == []
    assert await store.find_numbers(application, "user", []) == []


async def test_kinds_and_applications_count_for_themselves(store: Store, application: str) -> None:
    a, b = map(identifier, "ab")
    other = "e" + application[1:]
    assert await store.assign_numbers(application, "user", [a, b]) == [0, 1]
    assert await store.assign_numbers(application, "device", [b, a]) == [0, 1]
    assert await store.assign_numbers(other, "user", [b]) == [0]
    await store.delete_rows(application)
    assert await store.find_numbers(application, "user", [a, b]) == [None, None]
    assert await store.find_numbers(other, "user", [b]) == [0]
    await store.delete_rows(other)


async def test_any_bytes_are_an_identifier(store: Store, application: str) -> None:
    edges = [b"\x00" * 16, b"\xff" * 16, b"\x00" * 15 + b"\x01", b"'\"; DROP TABLE x" + b"\n"]
    assert all(len(one) == 16 for one in edges[:3])
    assert await store.assign_numbers(application, "user", edges[:3]) == [0, 1, 2]
    assert await store.find_numbers(application, "user", edges[:3][::-1]) == [2, 1, 0]


async def test_numbers_asked_for_at_once_are_dense(store: Store, application: str) -> None:
    wanted = [[identifier(at % 70 + 10 * task) for at in range(40)] for task in range(8)]
    found = await asyncio.gather(*(store.assign_numbers(application, "user", block) for block in wanted))
    by_identifier: dict[bytes, int] = {}
    for block, numbers in zip(wanted, found, strict=True):
        for one, number in zip(block, numbers, strict=True):
            assert by_identifier.setdefault(one, number) == number
    assert sorted(by_identifier.values()) == list(range(len(by_identifier)))


async def test_many_at_once(store: Store, application: str, many: int) -> None:
    block = [identifier(at) for at in range(many)]
    assert await store.assign_numbers(application, "user", block) == list(range(many))
    assert await store.assign_numbers(application, "user", block[::-1]) == list(range(many))[::-1]
    mixed = [identifier(at) for at in range(many - 5, many + 5)]
    assert await store.assign_numbers(application, "user", mixed) == list(range(many - 5, many + 5))


async def test_counters_count(store: Store, application: str) -> None:
    assert [await store.next_number(application, "batch") for _ in range(3)] == [1, 2, 3]
    assert await store.next_number(application, "other") == 1
    assert await store.next_number("e" + application[1:], "batch") == 1
    found = await asyncio.gather(*(store.next_number(application, "batch") for _ in range(20)))
    assert sorted(found) == list(range(4, 24))
    await store.delete_rows("e" + application[1:])
