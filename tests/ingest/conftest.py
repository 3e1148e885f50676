"""Stores to ingest into: the embedded one, and MongoDB where there is a server.

Random tests take a few examples each, `OKUBE_FUZZ=1000` as many as that instead.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import settings
from okube_api.schema import SCHEMA
from okube_api.store import open_store
from okube_api.store.base import Store
from tests.ingest.kept import SCHEMA as ROWS

EXAMPLES = int(os.environ.get("OKUBE_FUZZ", "25"))
settings.register_profile("okube", deadline=None, max_examples=EXAMPLES)
settings.load_profile("okube")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture(params=["duckdb", "mongo"])
async def ingested(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A store of one test's own, with everything that the server declares."""
    if request.param == "duckdb":
        store = open_store(f"duckdb:{tmp_path / 'okube.duckdb'}", SCHEMA)
        await store.start()
        yield store
        await store.close()
        return
    name = f"ingest_{uuid4().hex[:12]}"
    url = request.getfixturevalue("mongo_uri").rstrip("/")
    store = open_store(f"{url}/{name}", SCHEMA)
    await store.start()
    try:
        yield store
    finally:
        await store._client.drop_database(name)  # type: ignore[attr-defined]
        await store.close()


@pytest.fixture(params=["duckdb", "mongo"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A store of one test's own, with the tables of events and facts alone."""
    url = f"duckdb:{tmp_path / 'facts.duckdb'}"
    if request.param == "mongo":
        url = f"{request.getfixturevalue('mongo_uri').rstrip('/')}/facts_{uuid4().hex[:12]}"
    found = open_store(url, ROWS)
    await found.start()
    try:
        yield found
    finally:
        if request.param == "mongo":
            await found._client.drop_database(url.rsplit("/", 1)[1])  # type: ignore[attr-defined]
        await found.close()
