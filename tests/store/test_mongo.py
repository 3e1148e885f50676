"""What only MongoDB has: other processes, and a network that may fail."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import uuid4

import pyarrow as pa
import pytest
from okube_api.store.conditions import EVERYTHING, equal
from okube_api.store.errors import Conflict, Duplicate, StoreError, Unavailable
from okube_api.store.mongo import changes
from okube_api.store.mongo.insert_queue import InsertQueue
from okube_api.store.mongo.store import MongoStore
from okube_api.store.plans import Aggregate, Count
from okube_api.store.values import Json
from pymongo import MongoClient

from tests.conformance.declared import EVENTS, SCHEMA, STAYS, DOCUMENTS
from tests.conformance.plain import get_types
from tests.store.proxy import open_proxy

pytestmark = pytest.mark.anyio

COUNTING = Aggregate(STAYS, EVERYTHING, (), (Count("n"),))
Open = Callable[..., MongoStore]


@pytest.fixture
def name() -> str:
    """A database of the test's own."""
    return f"store_{uuid4().hex[:12]}"


@pytest.fixture
async def opened(mongo_uri: str, name: str) -> AsyncIterator[Open]:
    """Makes stores on that database, each as another process would; not started."""
    made: list[MongoStore] = []

    def make(uri: str = mongo_uri, **options: object) -> MongoStore:
        base, _, query = uri.partition("?")
        made.append(MongoStore(f"{base.rstrip('/')}/{name}?{query}", SCHEMA, **options))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for store in made:
        await store.close()
    with MongoClient[Json](mongo_uri) as client:
        client.drop_database(name)


def stays(part: int, many: int) -> pa.Table:
    columns = {column: pa.nulls(many, pa.null()) for column in get_types(STAYS)}
    return pa.table(columns | {"part": pa.repeat(part, many), "dwell_s": pa.array(range(many))})


async def fill(store: MongoStore, change_name: str, many: int, part: int = 1) -> None:
    async with store.begin_change("a", change_name) as change:
        await change.replace(STAYS, [part], stays(part, many))
        await change.commit()


async def counted(store: MongoStore) -> int:
    async with store.open_reader("a") as reader:
        return int((await reader.aggregate(COUNTING))["n"][0].as_py())


def stored(uri: str, database: str, collection: str) -> int:
    """How many documents there are, whoever may see them."""
    with MongoClient[Json](uri) as client:
        return client[database][collection].count_documents({})


# -- several processes


async def test_several_start_at_once(opened: Open) -> None:
    stores = [opened() for _ in range(3)]
    await asyncio.gather(*(store.start() for store in stores))
    await stores[0].insert(DOCUMENTS, [{"_id": "1", "application": "a", "key": "k"}])
    for store in stores:
        assert await store.count(DOCUMENTS, equal("key", "k")) == 1


async def test_one_of_many_processes_gets_the_key(opened: Open) -> None:
    stores = [opened() for _ in range(3)]
    await asyncio.gather(*(store.start() for store in stores))

    async def insert(at: int, together: int) -> bool:
        made = [
            {"_id": f"{at} {one}", "application": "a", "key": "same" if one == 0 else f"{at} {one}"}
            for one in range(together)
        ]
        try:
            await stores[at % 3].insert(DOCUMENTS, made)
        except (Duplicate, Unavailable):
            return False
        return True

    won = await asyncio.gather(*(insert(at, 1 + at % 2) for at in range(9)))
    assert sum(won) == 1
    assert await stores[0].count(DOCUMENTS, EVERYTHING) == 1 + won.index(True) % 2


async def test_the_later_of_two_changes_is_a_conflict(opened: Open, mongo_uri: str, name: str) -> None:
    one, other = opened(), opened()
    await asyncio.gather(one.start(), other.start())
    async with one.begin_change("a", "first") as first, other.begin_change("a", "second") as second:
        await first.replace(STAYS, [1], stays(1, 5))
        await second.replace(STAYS, [1], stays(1, 7))
        await second.append(EVENTS, 1, pa.table({"part": [1], "user": [1], "label": ["x"]}))
        await first.commit()
        with pytest.raises(Conflict):
            await second.commit()
    assert (await one.is_committed("a", "first"), await one.is_committed("a", "second")) == (True, False)
    assert await counted(other) == 5
    assert stored(mongo_uri, name, "stays") == 5
    assert stored(mongo_uri, name, "events") == 0
    await fill(other, "second", 7)
    assert await counted(one) == 7


async def test_a_reader_elsewhere_keeps_its_rows_while_they_are_replaced(opened: Open) -> None:
    one, other = opened(), opened()
    await asyncio.gather(one.start(), other.start())
    await fill(one, "first", 5)
    async with other.open_reader("a") as reader:
        for at in range(3):
            await fill(one, f"later {at}", 6 + at)
            assert (await reader.aggregate(COUNTING)).to_pylist() == [{"n": 5}]
    assert await counted(other) == 8


# -- what the dead leave behind


async def test_replaced_rows_are_removed_after_their_grace(opened: Open, mongo_uri: str, name: str) -> None:
    store = opened()
    await store.start()
    for at in range(4):
        await fill(store, f"change {at}", 5)
    assert stored(mongo_uri, name, "stays") == 20
    await opened(grace=timedelta(0)).start()
    assert stored(mongo_uri, name, "stays") == 5
    assert await counted(store) == 5
    assert await store.is_committed("a", "change 1")


async def test_a_change_of_a_dead_process_is_removed(
    opened: Open, mongo_uri: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = opened()
    await store.start()
    await fill(store, "alive", 5)
    monkeypatch.setattr(changes, "_LEASE", timedelta(seconds=-1))
    monkeypatch.setattr(changes.MongoChange, "close", _nothing)
    with pytest.raises(ConnectionAbortedError):
        await _dies(store)
    assert (stored(mongo_uri, name, "stays"), stored(mongo_uri, name, "events")) == (8, 2)
    await opened().start()
    assert (stored(mongo_uri, name, "stays"), stored(mongo_uri, name, "events")) == (5, 0)
    assert not await store.is_committed("a", "dead")


async def _nothing(*_: object) -> None:
    pass


async def _dies(store: MongoStore) -> None:
    async with store.begin_change("a", "dead") as change:
        await change.replace(STAYS, [2], stays(2, 3))
        for batch in (1, 2):
            await change.append(EVENTS, batch, pa.table({"part": [1], "user": [1], "label": ["x"]}))
        await change._inserts.flush()  # type: ignore[attr-defined]
        raise ConnectionAbortedError


async def test_a_write_that_fails_fails_the_change(
    opened: Open, mongo_uri: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows are sent while the next ones are made: what went wrong shows later, at the commit at the latest."""
    store = opened()
    await store.start()
    await fill(store, "alive", 5)
    insert = InsertQueue._insert

    async def fails(self: InsertQueue, collection: str, group: list[Json]) -> None:
        await insert(self, collection, group)
        raise Unavailable("after it was written")

    monkeypatch.setattr(InsertQueue, "_insert", fails)
    with pytest.raises(Unavailable):
        await fill(store, "lost", 7)
    assert stored(mongo_uri, name, "stays") == await counted(store) == 5
    assert not await store.is_committed("a", "lost")


@pytest.mark.parametrize("state", ["open", "committed", None])
async def test_documents_that_a_dead_process_staged_are_settled(
    opened: Open, mongo_uri: str, name: str, state: str | None
) -> None:
    """Finished when the write was committed; undone when it was not, or when nobody knows it."""
    store = opened()
    await store.start()
    await store.insert(DOCUMENTS, [{"_id": "old", "application": "a", "key": "before"}])
    with MongoClient[Json](mongo_uri) as client:
        database = client[name]
        database.things.insert_one({"_id": "new", "application": "a", "key": "staged", "_staged": "w"})
        database.things.update_one({"_id": "old"}, {"$set": {"key": "after", "_written": "w"}})
        before = {"_id": "old", "application": "a", "key": "before", "_search": "before"}
        database["_before"].insert_one({"write": "w", "document": before})
        if state is not None:
            database["_writes"].insert_one({"_id": "w", "collection": "things", "state": state})
            database["_writes"].update_one({"_id": "w"}, {"$currentDate": {"at": True}})
        assert await store.count(DOCUMENTS, equal("key", "staged")) == 0
    begun = time.perf_counter()
    await opened().start()
    assert time.perf_counter() - begun < 20
    found = {one["_id"]: one["key"] for one in await store.find(DOCUMENTS, EVERYTHING)}
    assert found == ({"old": "after", "new": "staged"} if state == "committed" else {"old": "before"})
    assert stored(mongo_uri, name, "_writes") == 0
    assert stored(mongo_uri, name, "_before") == 0


# -- the network


async def test_a_database_that_is_away_at_start_is_unavailable_within_limits(opened: Open) -> None:
    store = opened("mongodb://127.0.0.1:9/")
    begun = time.perf_counter()
    for call in (store.start, store.ping, lambda: store.count(DOCUMENTS, EVERYTHING)):
        with pytest.raises(Unavailable):
            await call()
    assert time.perf_counter() - begun < 3 * 2 * 3


async def test_a_database_that_dies_comes_back(opened: Open, mongo_uri: str) -> None:
    server = urlsplit(mongo_uri)
    async with open_proxy(server.hostname or "127.0.0.1", server.port or 27017) as proxy:
        store = opened(f"mongodb://127.0.0.1:{proxy.port}/")
        await store.start()
        await fill(store, "first", 5)
        await proxy.cut()
        await refused(store, within_s=3)
        await proxy.open()
        await again(store)
        proxy.freeze()
        await refused(store, within_s=6)
        proxy.thaw()
        await again(store)
        assert await counted(store) == 5
        await store.close()


async def refused(store: MongoStore, within_s: float) -> None:
    """Every call says in time that the database is away; a busy machine may take twice as long."""

    async def change() -> None:
        async with store.begin_change("a", "lost") as one:
            await one.commit()

    calls = (store.ping(), store.count(DOCUMENTS, EVERYTHING), store.insert(DOCUMENTS, [{"_id": uuid4().hex}]), change())

    async def timed(call: object) -> float:
        begun = time.perf_counter()
        with pytest.raises(Unavailable):
            await call  # type: ignore[misc]
        return time.perf_counter() - begun

    assert max(await asyncio.gather(*map(timed, calls))) < 2 * within_s


async def again(store: MongoStore) -> None:
    """It is well again within 5 s."""
    until = time.perf_counter() + 5
    while True:
        try:
            await store.ping()
            await store.count(DOCUMENTS, EVERYTHING)
        except StoreError:
            assert time.perf_counter() < until, "not well again"
        else:
            return


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # the driver leaves a socket to the GC
async def test_cancelled_reads_do_not_use_up_the_pool(opened: Open, mongo_uri: str) -> None:
    store = opened(f"{mongo_uri.rstrip('/')}/?maxPoolSize=3")
    await store.start()
    await store.insert(DOCUMENTS, [{"_id": f"{at:04}", "key": f"{at}"} for at in range(300)])
    for at in range(30):
        tasks = [asyncio.create_task(store.find(DOCUMENTS, EVERYTHING)) for _ in range(4)]
        await asyncio.sleep(0.001 * (at % 5))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
    found = await asyncio.gather(*(store.count(DOCUMENTS, EVERYTHING) for _ in range(6)))
    assert found == [300] * 6
