"""Tests that numbers are dense, stable and never shared, and that counters never repeat."""

import asyncio
from hashlib import blake2b

import pytest
from okube_api.store.protocol import Store

pytestmark = pytest.mark.anyio


def make_identifier(value: object) -> bytes:
    return blake2b(str(value).encode(), digest_size=16).digest()


async def test_new_identifiers_get_the_next_numbers(store: Store, application: str) -> None:
    a, b, c, d = map(make_identifier, "abcd")
    assert await store.find_numbers(application, "user", [a, b]) == [None, None]
    assert await store.assign_numbers(application, "user", [a, b, a]) == [0, 1, 0]
    assert await store.assign_numbers(application, "user", [c, a, d, c]) == [2, 0, 3, 2]
    assert await store.find_numbers(application, "user", [d, make_identifier("x"), a, d]) == [3, None, 0, 3]
    assert await store.assign_numbers(application, "user", []) == []
    assert await store.find_numbers(application, "user", []) == []


async def test_kinds_and_applications_are_numbered_separately(store: Store, application: str) -> None:
    a, b = map(make_identifier, "ab")
    other = "e" + application[1:]
    assert await store.assign_numbers(application, "user", [a, b]) == [0, 1]
    assert await store.assign_numbers(application, "device", [b, a]) == [0, 1]
    assert await store.assign_numbers(other, "user", [b]) == [0]
    await store.delete_rows(application)
    assert await store.find_numbers(application, "user", [a, b]) == [None, None]
    assert await store.find_numbers(other, "user", [b]) == [0]
    await store.delete_rows(other)


async def test_identifiers_may_have_any_bytes(store: Store, application: str) -> None:
    edges = [b"\x00" * 16, b"\xff" * 16, b"\x00" * 15 + b"\x01", b"'\"; DROP TABLE x" + b"\n"]
    assert all(len(identifier) == 16 for identifier in edges[:3])
    assert await store.assign_numbers(application, "user", edges[:3]) == [0, 1, 2]
    assert await store.find_numbers(application, "user", edges[:3][::-1]) == [2, 1, 0]


async def test_concurrently_assigned_numbers_are_dense(store: Store, application: str) -> None:
    blocks = [[make_identifier(value % 70 + 10 * task) for value in range(40)] for task in range(8)]
    assigned = await asyncio.gather(*(store.assign_numbers(application, "user", block) for block in blocks))
    by_identifier: dict[bytes, int] = {}
    for block, numbers in zip(blocks, assigned, strict=True):
        for identifier, number in zip(block, numbers, strict=True):
            assert by_identifier.setdefault(identifier, number) == number
    assert sorted(by_identifier.values()) == list(range(len(by_identifier)))


async def test_many_identifiers_in_one_call(store: Store, application: str, document_count: int) -> None:
    block = [make_identifier(value) for value in range(document_count)]
    assert await store.assign_numbers(application, "user", block) == list(range(document_count))
    assert await store.assign_numbers(application, "user", block[::-1]) == list(range(document_count))[::-1]
    mixed = [make_identifier(value) for value in range(document_count - 5, document_count + 5)]
    assert await store.assign_numbers(application, "user", mixed) == list(range(document_count - 5, document_count + 5))


async def test_counters_increment(store: Store, application: str) -> None:
    assert [await store.next_number(application, "batch") for _ in range(3)] == [1, 2, 3]
    assert await store.next_number(application, "other") == 1
    assert await store.next_number("e" + application[1:], "batch") == 1
    assigned = await asyncio.gather(*(store.next_number(application, "batch") for _ in range(20)))
    assert sorted(assigned) == list(range(4, 24))
    await store.delete_rows("e" + application[1:])
