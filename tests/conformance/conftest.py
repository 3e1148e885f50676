"""One of each store, for the whole session; each test has an application of its own in it."""

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

from tests.conformance.declared import SCHEMA, THINGS
from tests.store.mock_server import Client

_NUMBERS = count(1)
Make = Callable[..., Json]


@pytest.fixture(scope="session", params=["duckdb", "mongomock", "mongo"])
async def store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    """A started store that holds no rows in memory: what is tested is what the database answers."""
    name = f"conformance_{uuid4().hex[:12]}"
    if request.param == "duckdb":
        path = tmp_path_factory.mktemp("store") / "okube.duckdb"
        made: Store = DuckStore(path, SCHEMA, memory_limit="512MB", threads=2, column_cache=ColumnCache(0))
    elif request.param == "mongomock":
        url = f"mongodb://memory/{name}"
        made = MongoStore(url, SCHEMA, client=Client(url), column_cache=ColumnCache(0))
    else:
        made = MongoStore(f"{request.getfixturevalue('mongo_uri').rstrip('/')}/{name}", SCHEMA, column_cache=ColumnCache(0))
    await made.start()
    yield made
    await made.close()
    if request.param == "mongo":
        with MongoClient[Json](request.getfixturevalue("mongo_uri")) as client:
            client.drop_database(name)


@pytest.fixture
def application() -> str:
    """An application that no other test uses."""
    return f"{next(_NUMBERS):024x}"


@pytest.fixture
async def thing(store: Store, application: str) -> AsyncIterator[Make]:
    """Makes documents of the application, each with an `_id` of its own, later ones greater; they are gone later."""

    def make(**fields: object) -> Json:
        return {"_id": f"{next(_NUMBERS):024x}", "application": application, **fields}

    yield make
    await store.delete(THINGS, equal("application", application))


@pytest.fixture
def many(request: pytest.FixtureRequest) -> int:
    """More documents than go into one block; fewer in mongomock, where every look goes through all of them."""
    return 60 if "mongomock" in request.node.callspec.id else 2400
