"""Tests that a MongoDB database of a newer version is refused, and that a check reads all of it."""

from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import pytest
from okube_api.store.conditions import EVERYTHING
from okube_api.store.errors import StoreTooNew
from okube_api.store.mongo.database_check import SCHEMA_VERSION
from okube_api.store.mongo.store import MongoStore
from okube_api.store.schema import Schema
from okube_api.store.values import Json
from pymongo import MongoClient

from tests.conformance.declared import DOCUMENTS, UNINDEXED

pytestmark = pytest.mark.anyio

MakeStore = Callable[[int], MongoStore]


@pytest.fixture
async def make_store(mongo_uri: str) -> AsyncIterator[MakeStore]:
    """Return a function that creates stores of a schema version on one database."""
    name = f"store_{uuid4().hex[:12]}"
    stores: list[MongoStore] = []

    def make(version: int) -> MongoStore:
        stores.append(MongoStore(f"{mongo_uri.rstrip('/')}/{name}", Schema((DOCUMENTS, UNINDEXED), version=version)))
        return stores[-1]

    yield make
    for store in stores:
        await store.close()
    with MongoClient[Json](mongo_uri) as client:
        client.drop_database(name)


async def test_a_database_of_a_newer_version_is_refused(make_store: MakeStore) -> None:
    for version in (1, 3, 3):
        await make_store(version).start()
    with pytest.raises(StoreTooNew, match=r"The database 'store_\w+' has schema version 3; .* up to 2"):
        await make_store(2).start()


async def test_removed_collections_are_deleted(mongo_uri: str) -> None:
    url = f"{mongo_uri.rstrip('/')}/store_{uuid4().hex[:12]}"
    store, without = MongoStore(url, Schema((DOCUMENTS,))), MongoStore(url, Schema(removed=(DOCUMENTS.name,)))
    await store.start()
    await store.insert(DOCUMENTS, [{"_id": "a"}])
    for _ in range(2):
        await without.start()
    assert await store.count(DOCUMENTS, EVERYTHING) == 0
    for started in (store, without):
        await started.close()
    with MongoClient[Json](mongo_uri) as client:
        client.drop_database(url.rpartition("/")[2])


async def test_a_check_reads_every_collection(make_store: MakeStore) -> None:
    store = make_store(1)
    await store.start()
    await store.insert(DOCUMENTS, [{"_id": f"{index}"} for index in range(2500)])
    checks = {check.name: check async for check in make_store(1).check()}
    assert checks[DOCUMENTS.name].rows == 2500
    assert checks[SCHEMA_VERSION].rows == 1
    assert [check for check in checks.values() if check.error] == []
