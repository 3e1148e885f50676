"""Tests of what only MongoDB has: other processes, and a network that may fail."""

import asyncio
import time
from contextlib import suppress
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pyarrow as pa
import pytest
from okube_api.store.conditions import EVERYTHING, equal
from okube_api.store.errors import Conflict, Duplicate, StoreError, Unavailable
from okube_api.store.mongo import change_cleanup, changes
from okube_api.store.mongo import store as mongo_store
from okube_api.store.mongo.store import MongoStore
from okube_api.store.mongo.write_queue import WriteQueue
from okube_api.store.plans import Select
from okube_api.store.values import Json
from pymongo import AsyncMongoClient, MongoClient
from pymongo.asynchronous.collection import AsyncCollection
from pymongo.errors import PyMongoError
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

from tests.conformance.declared import DOCUMENTS, EVENTS, STAYS
from tests.store.mongo_rows import COUNTING, OpenStore, count_stays, count_stored, fill, make_stays
from tests.store.proxy import open_proxy

pytestmark = pytest.mark.anyio

# -- several processes


async def test_several_processes_start_at_the_same_time(open_store: OpenStore) -> None:
    stores = [open_store() for _ in range(3)]
    await asyncio.gather(*(store.start() for store in stores))
    await stores[0].insert(DOCUMENTS, [{"_id": "1", "application": "a", "key": "k"}])
    for store in stores:
        assert await store.count(DOCUMENTS, equal("key", "k")) == 1


async def test_a_restore_empties_the_store_but_no_other_collection(
    open_store: OpenStore, mongo_uri: str, database_name: str
) -> None:
    store = open_store()
    await store.start()
    await store.insert(DOCUMENTS, [{"_id": "1", "application": "a", "key": "k"}])
    with MongoClient[Json](mongo_uri) as client:
        client[database_name]["of_another_program"].insert_one({"value": 1})
        with suppress(InterruptedError):
            async with store.restoring() as target:
                assert await target.count(DOCUMENTS, EVERYTHING) == 0
                await target.insert(DOCUMENTS, [{"_id": "2", "application": "a", "key": "k"}])
                raise InterruptedError
        assert client[database_name][DOCUMENTS.name].count_documents({}) == 0
        assert client[database_name]["of_another_program"].count_documents({}) == 1


async def test_a_table_without_rows_is_not_queried(open_store: OpenStore, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store()
    await store.start()
    monkeypatch.delattr(AsyncCollection, "aggregate")
    async with store.open_reader("a") as reader:
        assert (await reader.aggregate(COUNTING))["n"].to_pylist() == [0]
        assert (await reader.select(Select(STAYS, EVERYTHING, ("dwell_s",)))).num_rows == 0


async def test_one_of_many_processes_gets_the_key(open_store: OpenStore) -> None:
    stores = [open_store() for _ in range(3)]
    await asyncio.gather(*(store.start() for store in stores))

    async def insert(at: int, together: int) -> bool:
        documents = [
            {
                "_id": f"{at} {index}",
                "application": "a",
                "key": "same" if index == 0 else f"{at} {index}",
            }
            for index in range(together)
        ]
        try:
            await stores[at % 3].insert(DOCUMENTS, documents)
        except (Duplicate, Unavailable):
            return False
        return True

    won = await asyncio.gather(*(insert(at, 1 + at % 2) for at in range(9)))
    assert sum(won) == 1
    assert await stores[0].count(DOCUMENTS, EVERYTHING) == 1 + won.index(True) % 2


async def test_the_second_commit_of_two_changes_conflicts(
    open_store: OpenStore, mongo_uri: str, database_name: str
) -> None:
    first_store, second_store = open_store(), open_store()
    await asyncio.gather(first_store.start(), second_store.start())
    async with first_store.begin_change("a", "first") as first, second_store.begin_change("a", "second") as second:
        await first.replace(STAYS, [1], make_stays(1, 5))
        await second.replace(STAYS, [1], make_stays(1, 7))
        await second.append(EVENTS, 1, pa.table({"part": [1], "user": [1], "label": ["x"]}))
        await first.commit()
        with pytest.raises(Conflict):
            await second.commit()
    assert (await first_store.is_committed("a", "first"), await first_store.is_committed("a", "second")) == (
        True,
        False,
    )
    assert await count_stays(second_store) == 5
    assert count_stored(mongo_uri, database_name, "stays") == 5
    assert count_stored(mongo_uri, database_name, "events") == 0
    await fill(second_store, "second", 7)
    assert await count_stays(first_store) == 7


async def test_a_reader_in_another_process_keeps_its_rows(open_store: OpenStore) -> None:
    first_store, second_store = open_store(), open_store()
    await asyncio.gather(first_store.start(), second_store.start())
    await fill(first_store, "first", 5)
    async with second_store.open_reader("a") as reader:
        for at in range(3):
            await fill(first_store, f"later {at}", 6 + at)
            assert (await reader.aggregate(COUNTING)).to_pylist() == [{"n": 5}]
    assert await count_stays(second_store) == 8


# -- what dead processes leave behind


async def test_replaced_rows_are_removed_after_their_grace(
    open_store: OpenStore, mongo_uri: str, database_name: str
) -> None:
    store = open_store()
    await store.start()
    for at in range(4):
        await fill(store, f"change {at}", 5)
    assert count_stored(mongo_uri, database_name, "stays") == 20
    await open_store(grace=timedelta(0)).start()
    assert count_stored(mongo_uri, database_name, "stays") == 5
    assert await count_stays(store) == 5
    assert await store.is_committed("a", "change 1")


async def test_the_change_of_a_dead_process_is_removed(
    open_store: OpenStore, mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store()
    await store.start()
    await fill(store, "alive", 5)
    monkeypatch.setattr(change_cleanup, "_LEASE", timedelta(seconds=-1))
    monkeypatch.setattr(changes.MongoChange, "close", _do_nothing)
    with pytest.raises(ConnectionAbortedError):
        await _leave_unfinished_change(store)
    assert (count_stored(mongo_uri, database_name, "stays"), count_stored(mongo_uri, database_name, "events")) == (8, 2)
    await open_store().start()
    assert (count_stored(mongo_uri, database_name, "stays"), count_stored(mongo_uri, database_name, "events")) == (5, 0)
    assert not await store.is_committed("a", "dead")


async def _do_nothing(*_: object) -> None:
    pass


async def _leave_unfinished_change(store: MongoStore) -> None:
    async with store.begin_change("a", "dead") as change:
        await change.replace(STAYS, [2], make_stays(2, 3))
        for batch in (1, 2):
            await change.append(EVENTS, batch, pa.table({"part": [1], "user": [1], "label": ["x"]}))
        await change._writes.flush()  # type: ignore[attr-defined]
        raise ConnectionAbortedError


async def test_a_write_that_fails_fails_the_change(
    open_store: OpenStore, mongo_uri: str, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let inserts fail in the background: the error must be raised at the commit at the latest."""
    store = open_store()
    await store.start()
    await fill(store, "alive", 5)
    insert = WriteQueue._insert

    async def fails(self: WriteQueue, collection: str, group: list[Json]) -> None:
        await insert(self, collection, group)
        raise Unavailable("after it was written")

    monkeypatch.setattr(WriteQueue, "_insert", fails)
    with pytest.raises(Unavailable):
        await fill(store, "lost", 7)
    assert count_stored(mongo_uri, database_name, "stays") == await count_stays(store) == 5
    assert not await store.is_committed("a", "lost")


@pytest.mark.parametrize("state", ["open", "committed", None])
async def test_writes_of_a_dead_process_are_published_or_rolled_back(
    open_store: OpenStore, mongo_uri: str, database_name: str, state: str | None
) -> None:
    """Publish the write when it was committed; roll it back when it was not or has no record."""
    store = open_store()
    await store.start()
    await store.insert(DOCUMENTS, [{"_id": "old", "application": "a", "key": "before"}])
    with MongoClient[Json](mongo_uri) as client:
        database = client[database_name]
        database.documents.insert_one({"_id": "new", "application": "a", "key": "staged", "_staged": "w"})
        database.documents.update_one({"_id": "old"}, {"$set": {"key": "after", "_written": "w"}})
        before = {"_id": "old", "application": "a", "key": "before", "_search": "before"}
        database["_before"].insert_one({"write": "w", "document": before})
        if state is not None:
            database["_writes"].insert_one({"_id": "w", "collection": "documents", "state": state})
            database["_writes"].update_one({"_id": "w"}, {"$currentDate": {"at": True}})
        assert await store.count(DOCUMENTS, equal("key", "staged")) == 0
    started_at = time.perf_counter()
    await open_store().start()
    assert time.perf_counter() - started_at < 20
    results = {document["_id"]: document["key"] for document in await store.find(DOCUMENTS, EVERYTHING)}
    assert results == ({"old": "after", "new": "staged"} if state == "committed" else {"old": "before"})
    assert count_stored(mongo_uri, database_name, "_writes") == 0
    assert count_stored(mongo_uri, database_name, "_before") == 0


# -- the network


async def test_a_database_that_is_away_is_unavailable_within_the_time_limits(open_store: OpenStore) -> None:
    store = open_store("mongodb://127.0.0.1:9/")
    started_at = time.perf_counter()
    for call in (store.start, store.ping, lambda: store.count(DOCUMENTS, EVERYTHING)):
        with pytest.raises(Unavailable):
            await call()
    assert time.perf_counter() - started_at < 3 * 2 * 3


async def test_the_store_recovers_when_the_database_does(open_store: OpenStore, mongo_uri: str) -> None:
    server = urlsplit(mongo_uri)
    async with open_proxy(server.hostname or "127.0.0.1", server.port or 27017) as proxy:
        store = open_store(f"mongodb://127.0.0.1:{proxy.port}/")
        await store.start()
        await fill(store, "first", 5)
        await proxy.cut()
        await check_unavailable(store, within_s=3)
        await proxy.open()
        await check_recovery(store)
        proxy.freeze()
        await check_unavailable(store, within_s=6)
        proxy.thaw()
        await check_recovery(store)
        assert await count_stays(store) == 5
        await store.close()


async def check_unavailable(store: MongoStore, within_s: float) -> None:
    """Check that every call raises Unavailable in time; a busy machine may take twice as long."""

    async def change() -> None:
        async with store.begin_change("a", "lost") as lost:
            await lost.commit()

    calls = (
        store.ping(),
        store.count(DOCUMENTS, EVERYTHING),
        store.insert(DOCUMENTS, [{"_id": uuid4().hex}]),
        change(),
    )

    async def timed(call: object) -> float:
        started_at = time.perf_counter()
        with pytest.raises(Unavailable):
            await call  # type: ignore[misc]
        return time.perf_counter() - started_at

    assert max(await asyncio.gather(*map(timed, calls))) < 2 * within_s


async def check_recovery(store: MongoStore) -> None:
    """Check that the store works again within 5 s."""
    deadline = time.perf_counter() + 5
    while True:
        try:
            await store.ping()
            await store.count(DOCUMENTS, EVERYTHING)
        except StoreError:
            assert time.perf_counter() < deadline, "the store did not recover"
        else:
            return


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the driver leaves a socket to the GC
async def test_cancelled_reads_release_their_connections(open_store: OpenStore, mongo_uri: str) -> None:
    store = open_store(f"{mongo_uri.rstrip('/')}/?maxPoolSize=3")
    await store.start()
    await store.insert(DOCUMENTS, [{"_id": f"{at:04}", "key": f"{at}"} for at in range(300)])
    for at in range(30):
        tasks = [asyncio.create_task(store.find(DOCUMENTS, EVERYTHING)) for _ in range(4)]
        await asyncio.sleep(0.001 * (at % 5))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    results = await asyncio.gather(*(store.count(DOCUMENTS, EVERYTHING) for _ in range(6)))
    assert results == [300] * 6


async def test_a_store_closes_while_a_recovery_turns_its_cancellation_into_an_error(
    open_store: OpenStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    recovering = asyncio.Event()

    async def recover(*_: object) -> None:
        recovering.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise PyMongoError("the operation was cancelled") from None

    store = open_store(recovery_interval=timedelta(0))
    await store.start()
    monkeypatch.setattr(mongo_store, "recover_writes", recover)
    async with asyncio.timeout(10):
        await recovering.wait()
        await store.close()


async def test_many_rows_and_documents_come_in_one_reply(
    open_store: OpenStore, mongo_uri: str, database_name: str
) -> None:
    commands: list[str] = []

    class Recorder(CommandListener):
        def started(self, event: CommandStartedEvent) -> None:
            commands.append(event.command_name)

        def succeeded(self, event: CommandSucceededEvent) -> None: ...

        def failed(self, event: CommandFailedEvent) -> None: ...

    client: Any = AsyncMongoClient(f"{mongo_uri.rstrip('/')}/{database_name}", event_listeners=[Recorder()])
    store = open_store(client=client)
    await store.start()
    await fill(store, "many", 1500)
    await store.insert(DOCUMENTS, [{"_id": str(n), "application": "a", "key": str(n)} for n in range(1500)])
    commands.clear()
    async with store.open_reader("a") as reader:
        assert (await reader.select(Select(STAYS, EVERYTHING, ("dwell_s",)))).num_rows == 1500
    assert len(await store.find(DOCUMENTS, EVERYTHING)) == 1500
    assert {"find", "aggregate"} <= set(commands)
    assert "getMore" not in commands
    assert sum([len(block) async for block in store.stream(DOCUMENTS, EVERYTHING)]) == 1500
    assert "getMore" in commands, "a stream has blocks of bounded size"
