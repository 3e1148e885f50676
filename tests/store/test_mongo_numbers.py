"""Numbers on MongoDB: logs of identifiers that several processes write, and keep some of."""

import asyncio
from collections.abc import Sequence
from hashlib import blake2b
from uuid import uuid4

import pytest
from okube_api.store.mongo import numbers
from okube_api.store.mongo.identifiers import IdentifierLog, take_distinct, to_identifiers
from okube_api.store.mongo.numbers import NumberRegistry
from okube_api.store.values import Json
from pymongo import AsyncMongoClient

from tests.store.mock_server import MockClient

pytestmark = pytest.mark.anyio


def identifiers(names: Sequence[object]) -> list[bytes]:
    return [blake2b(str(name).encode(), digest_size=16).digest() for name in names]


def payload(*names: object) -> bytes:
    return b"".join(identifiers(names))


def test_a_log_takes_in_only_what_follows() -> None:
    log = IdentifierLog().extend([(0, payload("a", "b")), (2, payload("c"))])
    assert log is not None
    assert log.look_up(to_identifiers(identifiers("cxab"))).tolist() == [2, -1, 0, 1]
    longer = log.extend([(2, payload("c", "d")), (4, payload("e"))])
    assert longer is not None
    assert longer.look_up(to_identifiers(identifiers("edcba"))).tolist() == [4, 3, 2, 1, 0]
    for hole_or_other in ([(4, payload("e"))], [(2, payload("x"))], [(0, payload("a"))], [(2, b"")]):
        assert log.extend(hole_or_other) is None
    assert IdentifierLog().look_up(to_identifiers(identifiers("a"))).tolist() == [-1]


def test_new_identifiers_keep_their_order() -> None:
    found = take_distinct(to_identifiers(identifiers("cacbd")), 3)
    assert found.tolist() == identifiers("cab")


def test_identifiers_have_16_bytes() -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        to_identifiers([b"short"])


async def dense(processes: Sequence[NumberRegistry], many: int) -> None:
    """Overlapping requests at once get dense numbers, the same from each process."""
    wanted = [identifiers(range(25 * task, 25 * task + many)) for task in range(6)]
    found = await asyncio.gather(
        *(processes[at % len(processes)].assign_numbers("a", "user", block) for at, block in enumerate(wanted))
    )
    by_identifier: dict[bytes, int] = {}
    for block, got in zip(wanted, found, strict=True):
        for one, number in zip(block, got, strict=True):
            assert by_identifier.setdefault(one, number) == number
    assert sorted(by_identifier.values()) == list(range(len(by_identifier)))
    for process in processes:
        assert await process.find_numbers("a", "user", list(by_identifier)) == list(by_identifier.values())


async def test_documents_follow_one_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever fits into one, and whoever is late."""
    monkeypatch.setattr(numbers, "_DOCUMENT_CAPACITY", 20)
    monkeypatch.setattr(numbers, "_MAX_APPEND", 7)
    database = MockClient("mongodb://memory/numbers").get_default_database()
    await dense([NumberRegistry(database) for _ in range(3)], 60)
    held = await database["_numbers"].find({}, sort=[("_id", 1)]).to_list()
    ends = [one["start"] + one["size"] for one in held]
    assert [one["start"] for one in held] == [0, *ends[:-1]]
    assert all(len(one["identifiers"]) == 16 * one["size"] for one in held)
    assert all(20 <= one["size"] < 27 and one["full"] for one in held[:-1])


async def test_logs_are_let_go_and_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "_MAX_CACHED", 5)
    made = NumberRegistry(MockClient("mongodb://memory/kept").get_default_database())
    for _ in range(2):
        for kind in ("user", "device"):
            assert await made.assign_numbers("a", kind, identifiers(range(4))) == [0, 1, 2, 3]
    assert list(made._logs) == [("a", "device")]
    assert await made.find_numbers("a", "user", identifiers([3, 5])) == [3, None]


async def test_what_another_process_forgot_is_numbered_anew() -> None:
    database = MockClient("mongodb://memory/forgotten").get_default_database()
    one, other = NumberRegistry(database), NumberRegistry(database)
    assert await one.assign_numbers("a", "user", identifiers("abc")) == [0, 1, 2]
    await other.delete("a")
    assert await one.assign_numbers("a", "user", identifiers("d")) == [0]
    assert await other.find_numbers("a", "user", identifiers("ad")) == [None, 0]


async def test_several_processes_on_a_server(mongo_uri: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbers, "_DOCUMENT_CAPACITY", 20)
    name = f"numbers_{uuid4().hex[:12]}"
    clients = [AsyncMongoClient[Json](mongo_uri) for _ in range(3)]
    try:
        await dense([NumberRegistry(client[name]) for client in clients], 60)
        counted = await asyncio.gather(
            *(NumberRegistry(clients[at % 3][name]).increment_counter("a", "batch") for at in range(9))
        )
        assert sorted(counted) == list(range(1, 10))
    finally:
        await clients[0].drop_database(name)
        for client in clients:
            await client.close()
