"""Fixtures of the conformance tests: one store of each type per session, one application per test."""

from collections.abc import AsyncIterator, Callable
from itertools import count
from uuid import uuid4

import pytest
from okube_api.store.columnar.column_cache import ColumnCache
from okube_api.store.conditions import equal
from okube_api.store.duckdb.store import DuckStore
from okube_api.store.mongo.store import MongoStore
from okube_api.store.protocol import Store
from okube_api.store.values import Json
from pymongo import MongoClient

from tests.conformance.declared import DOCUMENTS, SCHEMA
from tests.store.mock_server import MockClient

_SEQUENCE = count(1)
MakeDocument = Callable[..., Json]


@pytest.fixture(scope="session", params=["duckdb", "mongomock", "mongo"])
async def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    """Start a store without a column cache, so that every plan reaches the database."""
    name = f"conformance_{uuid4().hex[:12]}"
    if request.param == "duckdb":
        path = tmp_path_factory.mktemp("store") / "okube.duckdb"
        new_store: Store = DuckStore(path, SCHEMA, memory_limit="512MB", threads=2, column_cache=ColumnCache(0))
    elif request.param == "mongomock":
        url = f"mongodb://memory/{name}"
        new_store = MongoStore(url, SCHEMA, client=MockClient(url), column_cache=ColumnCache(0))
    else:
        new_store = MongoStore(
            f"{request.getfixturevalue('mongo_uri').rstrip('/')}/{name}", SCHEMA, column_cache=ColumnCache(0)
        )
    await new_store.start()
    yield new_store
    await new_store.close()
    if request.param == "mongo":
        with MongoClient[Json](request.getfixturevalue("mongo_uri")) as client:
            client.drop_database(name)


@pytest.fixture
def application() -> str:
    """Return the id of an application that no other test uses."""
    return f"{next(_SEQUENCE):024x}"


@pytest.fixture
async def make_document(store: Store, application: str) -> AsyncIterator[MakeDocument]:
    """Return a function that creates documents of the application, with ascending ids; delete them after the test."""

    def make_new(**fields: object) -> Json:
        return {"_id": f"{next(_SEQUENCE):024x}", "application": application, **fields}

    yield make_new
    await store.delete(DOCUMENTS, equal("application", application))


@pytest.fixture
def document_count(request: pytest.FixtureRequest) -> int:
    """Return more documents than fit into one block; fewer for mongomock, whose look-ups scan every document."""
    return 60 if "mongomock" in request.node.callspec.id else 2400
