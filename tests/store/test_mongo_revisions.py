"""Revisions of the documents in MongoDB: what is cached under one is current, whatever other processes do."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from okube_api.store.conditions import EVERYTHING, equal
from okube_api.store.errors import Duplicate, Unavailable
from okube_api.store.mongo import revisions as module
from okube_api.store.mongo.manifests import POINTERS, ManifestPointers, ManifestRepository
from okube_api.store.mongo.revisions import Revisions, encode_id
from okube_api.store.values import Json
from pymongo import AsyncMongoClient

from tests.conformance.declared import DOCUMENTS
from tests.store.mock_server import MockClient
from tests.store.mongo_rows import OpenStore, count_stays, fill

pytestmark = pytest.mark.anyio

NAMES = ("sites", "users")


@pytest.fixture(params=["mongomock", "mongo"])
async def database(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    """Return a new database of the driver."""
    name = f"revisions_{uuid4().hex[:12]}"
    if request.param == "mongomock":
        yield MockClient(f"mongodb://memory/{name}").get_default_database()
        return
    async with AsyncMongoClient[Json](request.getfixturevalue("mongo_uri"), w="majority") as client:
        yield client[name]
        await client.drop_database(name)


@pytest.fixture
async def first(database: Any) -> Revisions:
    """Return the revisions of one process."""
    revisions = Revisions(database, NAMES)
    await revisions.create()
    return revisions


@pytest.fixture
async def second(database: Any, first: Revisions) -> Revisions:
    """Return the revisions of another process, which uses the documents of the first one."""
    return Revisions(database, NAMES)


async def read(revisions: Revisions, *names: str) -> str | None:
    with revisions.hold():
        await revisions.read()
        return revisions.get(names or ("sites",))


async def expire(revisions: Revisions, monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the writers of all processes, as if they had not renewed themselves for long."""
    with monkeypatch.context() as patch:
        patch.setattr(module, "LEASE", timedelta(seconds=-10))
        await revisions.remove_dead_writers()


async def abandon_write(revisions: Revisions, error: BaseException) -> None:
    with pytest.raises(type(error)):
        async with revisions.announce_write("sites"):
            raise error


async def test_processes_read_the_same_revision_until_one_writes(first: Revisions, second: Revisions) -> None:
    before = await read(first)
    assert before is not None
    assert (await read(first), await read(second)) == (before, before)
    async with second.announce_write("sites"):
        pass
    after = await read(first)
    assert after not in {None, before}
    assert await read(second) == after


async def test_another_collection_keeps_its_revision(first: Revisions, second: Revisions) -> None:
    before, both = await read(first, "users"), await read(first, "users", "sites")
    async with second.announce_write("sites"):
        assert await read(first, "users") == before
    assert await read(first, "users") == before
    assert await read(first, "sites", "users") not in {None, both}


async def test_a_collection_without_revision_has_none(first: Revisions) -> None:
    async with first.announce_write("batches"):
        pass
    assert await read(first, "batches") is None
    assert await read(first, "batches", "sites") is None


async def test_there_is_no_revision_while_a_write_is_running(first: Revisions, second: Revisions) -> None:
    async with first.announce_write("sites"):
        assert (await read(first), await read(second)) == (None, None)
        async with second.announce_write("sites"):
            pass
        assert (await read(first), await read(second)) == (None, None)
    assert await read(second) is not None


async def test_overlapping_writes_of_one_process_end_with_the_last(first: Revisions, second: Revisions) -> None:
    before = await read(second)
    long, short = first.announce_write("sites"), first.announce_write("sites")
    await long.__aenter__()
    async with short:
        pass
    assert await read(second) is None
    await long.__aexit__(None, None, None)
    assert await read(second) not in {None, before}


async def test_concurrent_writers_of_several_processes_all_end(first: Revisions, second: Revisions) -> None:
    seen = {await read(first)}

    async def write(revisions: Revisions) -> None:
        async with revisions.announce_write("sites"):
            await asyncio.sleep(0)

    for _ in range(3):
        await asyncio.gather(*(write(revisions) for revisions in (first, second) * 8))
        seen.add(await read(first))
    assert len(seen - {None}) == 4


async def test_the_revision_of_a_dead_writer_comes_back_as_another_one(
    first: Revisions, second: Revisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process dies between its write and the end: the collection has no revision until the lease expires."""
    before = await read(second)
    await abandon_write(first, asyncio.CancelledError())
    await second.remove_dead_writers()
    assert await read(second) is None
    await expire(second, monkeypatch)
    assert await read(second) not in {None, before}


async def test_a_write_that_fails_without_an_answer_may_still_be_carried_out(
    first: Revisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    await abandon_write(first, Unavailable("no answer"))
    assert await read(first) is None
    async with first.announce_write("sites"):  # the next write ends, but not the one before
        pass
    assert await read(first) is None
    await expire(first, monkeypatch)
    assert await read(first) is not None


async def test_a_refused_write_ends(first: Revisions) -> None:
    await abandon_write(first, Duplicate("sites", ("key",), 0, "a"))
    assert await read(first) is not None


async def test_a_write_that_outlives_its_lease_outdates_what_was_cached_meanwhile(
    first: Revisions, second: Revisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process is stopped during a write, another one takes it for dead and caches; then the first one goes on."""
    async with first.announce_write("sites"):
        await expire(second, monkeypatch)
        cached_at = await read(second)
        assert cached_at is not None
    assert await read(second) not in {None, cached_at}


async def test_a_running_writer_renews_its_lease(
    first: Revisions, second: Revisions, monkeypatch: pytest.MonkeyPatch, database: Any
) -> None:
    monkeypatch.setattr(module, "_RENEW_S", 0.01)

    async def read_instant() -> Any:
        ((_, at),) = (await database[POINTERS].find_one({"_id": encode_id("sites")}))["writers"].items()
        return at

    async with first.announce_write("sites"):
        begun_at = await read_instant()
        async with asyncio.timeout(5):
            while await read_instant() == begun_at:  # noqa: ASYNC110 - the database has no event to wait for
                await asyncio.sleep(0.01)
    assert await read(second) is not None


async def test_a_write_that_is_cancelled_at_its_start_is_not_renewed(
    first: Revisions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_RENEW_S", 0.0)

    async def write() -> None:
        async with first.announce_write("sites"):
            raise AssertionError("The writer is not announced yet.")

    before = asyncio.all_tasks()
    task = asyncio.create_task(write())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(5):
        while asyncio.all_tasks() - before:  # noqa: ASYNC110 - the tasks are not known here
            await asyncio.sleep(0.01)
    await expire(first, monkeypatch)
    assert await read(first) is not None


async def test_revisions_that_somebody_has_deleted_are_created_by_the_next_write(
    first: Revisions, database: Any
) -> None:
    before = await read(first)
    await database[POINTERS].drop()
    assert await read(first) is None
    async with first.announce_write("sites"):
        pass
    assert await read(first) not in {None, before}


async def test_a_revision_is_for_the_request_that_has_read_it(first: Revisions) -> None:
    assert first.get(["sites"]) is None
    await first.read()
    assert first.get(["sites"]) is None
    may_end = asyncio.Event()

    async def get_later() -> str | None:
        await may_end.wait()
        return first.get(["sites"])

    with first.hold():
        assert first.get(["sites"]) is None
        await first.read()
        assert first.get(["sites"]) is not None
        task = asyncio.create_task(get_later())
    may_end.set()
    assert await task is None


async def test_an_own_write_ends_the_revision_of_a_request(first: Revisions) -> None:
    with first.hold():
        await first.read()
        async with first.announce_write("sites"):
            assert first.get(["sites"]) is None
        assert first.get(["sites"]) is None
        assert first.get(["users"]) is not None
        await first.read()
        assert first.get(["sites"]) is not None


class CountingRepository(ManifestRepository):
    """A repository that counts how often pointers are loaded."""

    loads = 0

    async def load(self, application: str) -> ManifestPointers:
        self.loads += 1
        return await super().load(application)


async def test_a_request_reads_pointers_once_and_the_next_one_with_the_revisions(
    first: Revisions, database: Any
) -> None:
    repository = CountingRepository(database)
    await repository.allot_generation("a")

    async def ask(application: str, subject: str | None = None) -> list[int]:
        with first.hold(subject):
            await first.read()
            return [(await first.load_pointers(application, repository.load)).generation for _ in range(2)]

    assert [await ask("a"), repository.loads] == [[1, 1], 1]
    assert [await ask("a", "/a"), repository.loads] == [[1, 1], 2]
    await repository.allot_generation("a")
    assert [await ask("a", "/a"), repository.loads] == [[2, 2], 2]
    assert [await ask("no rows", "/b"), await ask("no rows", "/b"), repository.loads] == [[0, 0], [0, 0], 3]
    assert [await ask("no rows", "/a"), await ask("no rows", "/a"), repository.loads] == [[0, 0], [0, 0], 4]
    assert [(await first.load_pointers("a", repository.load)).generation, repository.loads] == [2, 5]


async def test_requests_about_several_applications_share_a_query(
    first: Revisions, database: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_MOST_SUBJECTS", 3)
    repository = CountingRepository(database)

    async def ask(application: str, generation: int) -> None:
        with first.hold(f"/{application}"):
            await first.read()
            assert (await first.load_pointers(application, repository.load)).generation == generation

    for application in "abcd":
        await repository.allot_generation(application)
        await ask(application, 1)
    assert repository.loads == 4
    await asyncio.gather(*(ask(application, 1) for application in "dcb" * 3))
    assert repository.loads == 4
    await ask("a", 1)  # the subject that has not been used for the longest time is forgotten
    assert repository.loads == 5


async def test_what_changes_outside_of_the_server_is_noticed_later(database: Any) -> None:
    now_s = [1_000.0]
    revisions = Revisions(database, NAMES, lambda: now_s[0])
    await revisions.create()
    before = await read(revisions)
    now_s[0] += 100
    assert await read(revisions) == before
    now_s[0] += 300
    assert await read(revisions) not in {None, before}


class HeldBack:
    """A database whose first answer to a query is held back until `may_end` is set; counts the queries."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self.is_reading, self.may_end = asyncio.Event(), asyncio.Event()
        self.queries = 0

    def __getitem__(self, name: str) -> "HeldBack":
        self._collection = self._database[name]
        return self

    def find(self, *arguments: Any, **options: Any) -> "HeldBack":
        self._cursor = self._collection.find(*arguments, **options)
        return self

    async def to_list(self, length: int | None) -> list[Json]:
        documents: list[Json] = await self._cursor.to_list(length)
        self.queries += 1
        if self.queries == 1:
            self.is_reading.set()
            await self.may_end.wait()
        return documents


async def test_a_request_does_not_share_a_read_that_began_before_it(second: Revisions, database: Any) -> None:
    """Let another process write while the answer to a read is held back: requests that come then read again."""
    held_back = HeldBack(database)
    first = Revisions(held_back, NAMES)
    before = await read(second)
    early = asyncio.create_task(read(first))
    await held_back.is_reading.wait()
    async with second.announce_write("sites"):
        pass
    late = [asyncio.create_task(read(first)) for _ in range(5)]
    await asyncio.sleep(0)
    held_back.may_end.set()
    assert await early == before
    after = await read(second)
    assert [await task for task in late] == [after] * 5
    assert after not in {None, before}
    assert held_back.queries == 2


async def test_cached_documents_are_never_older_than_an_acknowledged_write(open_store: OpenStore) -> None:
    """Two processes write, and two cache a document by its revision: each use has the last acknowledged value."""
    stores = [open_store() for _ in range(4)]
    await asyncio.gather(*(store.start() for store in stores))
    document = {"_id": "1", "application": "a", "key": "k", "version": 1, "count": 0}
    await stores[0].insert(DOCUMENTS, [document])
    by_id = equal("_id", "1")
    acknowledged, has_ended, hits = [0], [False], [0]

    async def write(writers: list[Any]) -> None:
        for number in range(1, 13):
            await writers[number % 2].update(DOCUMENTS, by_id, {"count": number})
            acknowledged[0] = number
            await asyncio.sleep(0.02)
        has_ended[0] = True

    async def ask(store: Any) -> None:
        cache: dict[str, int] = {}
        while not has_ended[0]:
            least = acknowledged[0]
            with store.hold_revisions():
                await store.read_revisions()
                revision = store.revision(DOCUMENTS)
                hits[0] += revision in cache
                count = cache.get(revision) if revision is not None else None
                if count is None:
                    count = (await store.get(DOCUMENTS, by_id))["count"]
                    if revision is not None:
                        cache[revision] = count
            assert count >= least
            await asyncio.sleep(0.001)

    await asyncio.gather(write(stores[:2]), ask(stores[2]), ask(stores[3]))
    assert hits[0]


async def test_the_rows_of_a_request_are_not_older_than_the_documents_that_it_reads(open_store: OpenStore) -> None:
    """Another process writes rows and then a document that says so, as a rebuild does; who reads it has the rows."""
    store, other = open_store(), open_store()
    await asyncio.gather(store.start(), other.start())

    async def find() -> int:
        return len(await store.find(DOCUMENTS, EVERYTHING))

    async def count() -> int:
        return await store.count(DOCUMENTS, EVERYTHING)

    async def stream() -> int:
        return sum([len(block) async for block in store.stream(DOCUMENTS, EVERYTHING)])

    for number, read_documents in enumerate((find, count, stream)):
        with store.hold_revisions("/a"):
            await store.read_revisions()
            assert await count_stays(store) == number
            await fill(other, f"change {number}", number + 1)
            await other.insert(DOCUMENTS, [{"_id": str(number), "application": "a", "key": f"k{number}"}])
            assert await count_stays(store) == number
            assert await read_documents() == number + 1
            assert await count_stays(store) == number + 1


async def test_a_request_reads_the_rows_that_it_has_written(open_store: OpenStore) -> None:
    store = open_store()
    await store.start()
    for number in range(1, 4):
        with store.hold_revisions("/a"):
            await store.read_revisions()
            assert await count_stays(store) == number - 1
            await fill(store, f"change {number}", number)
            assert await count_stays(store) == number
    with store.hold_revisions("/a"):
        await store.read_revisions()
        await store.delete_rows("a")
        assert await count_stays(store) == 0


async def test_rows_are_never_older_than_an_acknowledged_change(open_store: OpenStore) -> None:
    """Two processes change rows, and two count them: each request has the rows that were acknowledged before it."""
    stores = [open_store() for _ in range(4)]
    await asyncio.gather(*(store.start() for store in stores))
    acknowledged, has_ended, requests = [0], [False], [0]

    async def write() -> None:
        for number in range(1, 13):
            await fill(stores[number % 2], f"change {number}", number)
            acknowledged[0] = number
            await asyncio.sleep(0.02)
        has_ended[0] = True

    async def ask(store: Any) -> None:
        while not has_ended[0]:
            least = acknowledged[0]
            with store.hold_revisions("/a"):
                await store.read_revisions()
                assert await count_stays(store) >= least
            requests[0] += 1
            await asyncio.sleep(0)

    await asyncio.gather(write(), *(ask(store) for store in stores[2:] * 3))
    assert requests[0] > 12
