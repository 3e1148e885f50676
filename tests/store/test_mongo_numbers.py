"""Tests of numbers on MongoDB: logs of identifiers that several processes append to and cache."""

import asyncio
from collections.abc import Sequence
from hashlib import blake2b
from uuid import uuid4

import pytest
from okube_api.store.mongo import numbers
from okube_api.store.mongo.identifier_log import IdentifierLog, take_distinct, to_identifiers
from okube_api.store.mongo.numbers import NumberRegistry
from okube_api.store.values import Json
from pymongo import AsyncMongoClient

from tests.store.mock_server import MockClient

pytestmark = pytest.mark.anyio


def make_identifiers(names: Sequence[object]) -> list[bytes]:
    return [blake2b(str(name).encode(), digest_size=16).digest() for name in names]


def make_payload(*names: object) -> bytes:
    return b"".join(make_identifiers(names))


def make_log() -> IdentifierLog:
    """Return the log of a, b and c in two documents."""
    log = IdentifierLog().extend([(0, make_payload("a", "b")), (2, make_payload("c"))])
    assert log is not None
    return log


def test_a_log_is_extended_by_what_continues_it() -> None:
    log = make_log()
    assert log.look_up(to_identifiers(make_identifiers("cxab"))).tolist() == [2, -1, 0, 1]
    extended = log.extend([(2, make_payload("c", "d")), (4, make_payload("e"))])
    assert extended is not None
    assert extended.look_up(to_identifiers(make_identifiers("edcba"))).tolist() == [4, 3, 2, 1, 0]
    assert IdentifierLog().look_up(to_identifiers(make_identifiers("a"))).tolist() == [-1]


@pytest.mark.parametrize(
    "documents",
    [[(4, make_payload("e"))], [(2, make_payload("x"))], [(0, make_payload("a"))], [(2, b"")]],
    ids=["gap", "other identifier", "earlier document", "shorter document"],
)
def test_a_log_is_not_extended_by_anything_else(documents: list[tuple[int, bytes]]) -> None:
    assert make_log().extend(documents) is None


def test_new_identifiers_keep_their_order() -> None:
    assigned = take_distinct(to_identifiers(make_identifiers("cacbd")), 3)
    assert assigned.tolist() == make_identifiers("cab")


def test_identifiers_have_16_bytes() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        to_identifiers([b"short"])


async def check_dense(processes: Sequence[NumberRegistry], count: int) -> None:
    """Check that concurrent overlapping requests get dense numbers, the same from each process."""
    blocks = [make_identifiers(range(25 * task, 25 * task + count)) for task in range(6)]
    assigned = await asyncio.gather(
        *(processes[index % len(processes)].assign_numbers("a", "user", block) for index, block in enumerate(blocks))
    )
    by_identifier: dict[bytes, int] = {}
    for block, numbers_of_block in zip(blocks, assigned, strict=True):
        for identifier, number in zip(block, numbers_of_block, strict=True):
            assert by_identifier.setdefault(identifier, number) == number
    assert sorted(by_identifier.values()) == list(range(len(by_identifier)))
    for process in processes:
        assert await process.find_numbers("a", "user", list(by_identifier)) == list(by_identifier.values())


async def test_documents_continue_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Append concurrently with small documents and small appends."""
    monkeypatch.setattr(numbers, "_DOCUMENT_CAPACITY", 20)
    monkeypatch.setattr(numbers, "_MAX_APPEND", 7)
    database = MockClient("mongodb://memory/numbers").get_default_database()
    await check_dense([NumberRegistry(database) for _ in range(3)], 60)
    documents = await database["_numbers"].find({}, sort=[("_id", 1)]).to_list()
    ends = [document["start"] + document["size"] for document in documents]
    assert [document["start"] for document in documents] == [0, *ends[:-1]]
    assert all(len(document["identifiers"]) == 16 * document["size"] for document in documents)
    assert all(20 <= document["size"] < 27 and document["full"] for document in documents[:-1])


async def test_dropped_logs_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "_MAX_CACHED", 5)
    registry = NumberRegistry(MockClient("mongodb://memory/kept").get_default_database())
    for _ in range(2):
        for kind in ("user", "device"):
            assert await registry.assign_numbers("a", kind, make_identifiers(range(4))) == [0, 1, 2, 3]
    assert list(registry._logs) == [("a", "device")]
    assert await registry.find_numbers("a", "user", make_identifiers([3, 5])) == [3, None]


async def test_numbers_start_again_after_another_process_deleted_them() -> None:
    database = MockClient("mongodb://memory/forgotten").get_default_database()
    first, second = NumberRegistry(database), NumberRegistry(database)
    assert await first.assign_numbers("a", "user", make_identifiers("abc")) == [0, 1, 2]
    await second.delete("a")
    assert await first.assign_numbers("a", "user", make_identifiers("d")) == [0]
    assert await second.find_numbers("a", "user", make_identifiers("ad")) == [None, 0]


async def test_several_processes_on_a_server(mongo_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "_DOCUMENT_CAPACITY", 20)
    name = f"numbers_{uuid4().hex[:12]}"
    clients = [AsyncMongoClient[Json](mongo_uri) for _ in range(3)]
    try:
        await check_dense([NumberRegistry(client[name]) for client in clients], 60)
        counters = await asyncio.gather(
            *(NumberRegistry(clients[index % 3][name]).increment_counter("a", "batch", 1) for index in range(9))
        )
        assert sorted(counters) == list(range(1, 10))
    finally:
        await clients[0].drop_database(name)
        for client in clients:
            await client.close()
