"""Stores to ingest into: the embedded one, and MongoDB where there is a server."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from okube_api.store import open_store
from okube_api.store.conditions import EVERYTHING
from okube_api.store.mongo.store import MongoStore
from okube_api.store.protocol import Store
from okube_api.store_schema import SCHEMA

from tests.ingest import fact_store


@pytest.fixture(scope="session", params=["duckdb", "mongo"])
async def shared_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Store]:
    """Provide one store of each kind for the session, since creating MongoDB's indexes takes longer than most tests."""
    name = f"ingest_{uuid4().hex[:12]}"
    if request.param == "duckdb":
        url = f"duckdb:{tmp_path_factory.mktemp('ingest') / 'okube.duckdb'}"
    else:
        url = f"{request.getfixturevalue('mongo_uri').rstrip('/')}/{name}"
    store = open_store(url, SCHEMA)
    await store.start()
    try:
        yield store
    finally:
        if isinstance(store, MongoStore):
            await store._client.drop_database(name)
        await store.close()


@pytest.fixture
async def empty_store(shared_store: Store) -> AsyncIterator[Store]:
    """Provide a store without documents; it has rows of earlier tests, whose applications had other ids.

    To delete these rows takes longer than most tests, since there are a hundred tables.
    """
    try:
        yield shared_store
    finally:
        await _delete_documents(shared_store)


@pytest.fixture(scope="module")
async def module_store(shared_store: Store) -> AsyncIterator[Store]:
    """Do as `empty_store` does, for all tests of a module that only read what its fixtures have written."""
    try:
        yield shared_store
    finally:
        await _delete_documents(shared_store)


async def _delete_documents(store: Store) -> None:
    for collection in SCHEMA.collections:
        if await store.count(collection, EVERYTHING):  # takes a tenth of the time of a deletion
            await store.delete(collection, EVERYTHING)


@pytest.fixture
async def store(shared_store: Store) -> AsyncIterator[Store]:
    """Provide a store without rows of the application of `fact_store`."""
    try:
        yield shared_store
    finally:
        await shared_store.delete_rows(fact_store.APPLICATION)
