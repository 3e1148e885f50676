"""Contexts of derivations in memory: they are those of the documents that are stored now."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import pytest
from okube_api.applications.repository import APPLICATIONS
from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.equipments.repository import EQUIPMENTS
from okube_api.ingest.refresh.context import DerivationContexts
from okube_api.kit.application import Application
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store import open_store
from okube_api.store.conditions import equal
from okube_api.store.protocol import Store
from okube_api.store.schema import Schema
from pymongo import MongoClient

pytestmark = pytest.mark.anyio

SCHEMA = Schema(collections=(APPLICATIONS, SITES, POIS, CAMPAIGNS, EQUIPMENTS))
APPLICATION = {
    "_id": "5e18",
    "key": "app",
    "name": "App",
    "timezone": "Europe/Paris",
    "currency": "EUR",
    "active": True,
    "settings": {},
}


@pytest.fixture(params=["duckdb", "mongo"])
async def stores(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[Store, Store]]:
    """Return the store of a process, and that of another on the same database: the same one if it is exclusive."""
    if request.param == "duckdb":
        store = open_store(f"duckdb:{tmp_path / 'contexts.duckdb'}", SCHEMA)
        await store.start()
        yield store, store
        await store.close()
        return
    uri, name = request.getfixturevalue("mongo_uri"), f"contexts_{uuid4().hex[:12]}"
    first, second = (open_store(f"{uri.rstrip('/')}/{name}", SCHEMA) for _ in range(2))
    await first.start()
    await second.start()
    yield first, second
    await first.close()
    await second.close()
    with MongoClient[dict[str, object]](uri) as client:
        client.drop_database(name)


async def test_a_context_is_kept_until_another_process_writes(stores: tuple[Store, Store]) -> None:
    store, other = stores
    await other.insert(APPLICATIONS, [APPLICATION])
    contexts, application = DerivationContexts(store), Application.from_document(APPLICATION)
    first = await contexts.load(application)
    assert await contexts.load(application) is first
    await other.insert(SITES, [{"_id": "1", "application": "5e18", "key": "a", "coordinates": [2.0, 48.0]}])
    second = await contexts.load(application)
    assert (first.sites["site"].to_pylist(), second.sites["site"].to_pylist()) == ([], ["1"])
    await other.update(APPLICATIONS, equal("_id", "5e18"), {"timezone": "Asia/Tokyo"})
    third = await contexts.load(application)
    assert (second.timezone, third.timezone) == ("Europe/Paris", "Asia/Tokyo")
    assert await contexts.load(application) is third
