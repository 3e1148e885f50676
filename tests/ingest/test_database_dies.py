"""Work under way when the database dies ends within 3 s, and is resumed when the database answers again."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from okube_api.ingest.batches import State
from okube_api.ingest.load.file_blocks import EventFile
from okube_api.ingest.parse.codecs import Format
from okube_api.store.errors import StoreError, Unavailable
from okube_api.store.mongo.store import MongoStore
from okube_api.store.values import Json
from okube_api.store_schema import SCHEMA
from pymongo import MongoClient

from tests.ingest.ingest_app import IngestApp
from tests.ingest.spring import build_spring_tenant, create_spring_app
from tests.store.proxy import Proxy, open_proxy

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LIMIT_S = 3.0


@pytest.fixture(params=["cut", "frozen"])
async def database(mongo_uri: str, request: pytest.FixtureRequest) -> AsyncIterator[tuple["Outage", IngestApp]]:
    """Provide an application whose database can fail."""
    address, name = urlsplit(mongo_uri), f"dies_{uuid4().hex[:12]}"
    async with open_proxy(address.hostname or "127.0.0.1", address.port or 27017) as proxy:
        store = MongoStore(f"mongodb://127.0.0.1:{proxy.port}/{name}", SCHEMA)
        await store.start()
        try:
            app = await create_spring_app(store)
            yield Outage(proxy, store, is_cut=request.param == "cut"), app
        finally:
            await store.close()
    with MongoClient[Json](mongo_uri) as client:
        client.drop_database(name)


class Outage:
    """An outage of a database, which closes its connections or does not answer on them."""

    def __init__(self, proxy: Proxy, store: MongoStore, *, is_cut: bool) -> None:
        self._proxy, self._store, self._is_cut = proxy, store, is_cut
        self._started_s = 0.0

    async def begin(self) -> None:
        """Stop the database."""
        self._started_s = time.perf_counter()
        if self._is_cut:
            await self._proxy.cut()
        else:
            self._proxy.freeze()

    async def measure(self, work: Awaitable[object]) -> float:
        """Return how many seconds after the beginning work ends, because the database does not answer."""
        with pytest.raises(Unavailable):
            await work
        return time.perf_counter() - self._started_s

    async def end(self) -> None:
        """Let the database answer again, and wait until the store does."""
        if self._is_cut:
            await self._proxy.open()
        else:
            self._proxy.thaw()
        async with asyncio.timeout(5):
            while True:
                try:
                    await self._store.ping()
                except StoreError:
                    await asyncio.sleep(0.05)
                else:
                    return


async def test_ingest_ends_in_time(database: tuple[Outage, IngestApp]) -> None:
    outage, app = database

    async def stream() -> AsyncIterator[bytes]:
        for event in build_spring_tenant().events["stays"]:
            yield f"{json.dumps(event)}\n".encode()
        await outage.begin()

    work = app.ingest.ingest(app.application, "stays", EventFile(stream(), Format.NDJSON))
    assert await outage.measure(work) < LIMIT_S
    await outage.end()
    (batch,) = await app.ingest.batches.find_in_states(*State)
    assert batch["state"] == State.RECEIVING


async def test_removal_ends_in_time_and_is_resumed(
    database: tuple[Outage, IngestApp], monkeypatch: pytest.MonkeyPatch
) -> None:
    outage, app = database
    batch = await app.ingest_events("areas", build_spring_tenant().events["areas"])
    update = app.ingest.batches.update

    async def update_and_fail(stored: Json, fields: Json) -> Json:
        updated = await update(stored, fields)
        await outage.begin()
        return updated

    with monkeypatch.context() as patched:
        patched.setattr(app.ingest.batches, "update", update_and_fail)
        assert await outage.measure(app.ingest.remove_batch(app.application, batch)) < LIMIT_S
    await outage.end()
    (stored,) = await app.ingest.batches.find_in_states(*State)
    assert stored["state"] == State.REMOVING
    async with asyncio.timeout(20):
        while await app.ingest.batches.find_in_states(*State):
            await app.ingest.resume()
            await asyncio.sleep(0.2)
