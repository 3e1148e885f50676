"""Readers of small tenants, in memory and in each store."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from okube_api.store import open_store
from okube_api.store_schema import SCHEMA

from tests.engine.stores import InMemory, InStore, Reading

# What a store returns for a plan is what `tests.conformance` checks; here it is in answers again.
STORES = [pytest.param(store, marks=pytest.mark.slow) for store in ("duckdb", "mongo")]


@pytest.fixture(scope="session", params=["memory", *STORES])
async def reading(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Reading]:
    """Open readers of tenants' rows, in memory and in each store."""
    if request.param == "memory":
        yield InMemory().reading
        return
    if request.param == "duckdb":
        folder: Path = tmp_path_factory.mktemp("engine")
        url = f"duckdb:{folder / 'rows.duckdb'}"
    else:
        url = f"{request.getfixturevalue('mongo_uri').rstrip('/')}/engine_{uuid4().hex[:12]}"
    store = open_store(url, SCHEMA)
    await store.start()
    try:
        yield InStore(store).reading
    finally:
        await store.close()
