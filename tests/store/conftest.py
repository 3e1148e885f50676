"""Fixtures of the tests of stores: several stores on one MongoDB database."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest
from okube_api.store.mongo.store import MongoStore
from okube_api.store.values import Json
from pymongo import MongoClient

from tests.conformance.declared import SCHEMA
from tests.store.mongo_rows import OpenStore


@pytest.fixture
def database_name() -> str:
    """Return the name of a database for one test."""
    return f"store_{uuid4().hex[:12]}"


@pytest.fixture
async def open_store(mongo_uri: str, database_name: str) -> AsyncIterator[OpenStore]:
    """Return a function that creates stores on the database, as separate processes would; they are not started."""
    stores: list[MongoStore] = []

    def make(uri: str = mongo_uri, **options: object) -> MongoStore:
        base, _, query = uri.partition("?")
        stores.append(MongoStore(f"{base.rstrip('/')}/{database_name}?{query}", SCHEMA, **options))  # type: ignore[arg-type]
        return stores[-1]

    yield make
    for store in stores:
        await store.close()
    with MongoClient[Json](mongo_uri) as client:
        client.drop_database(database_name)
