"""Test small files that are acknowledged once they are stored, and published in the background."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from okube_api.ingest import publisher
from okube_api.ingest.batches import State
from okube_api.ingest.service import Ingest
from okube_api.store import open_store
from okube_api.store.protocol import Store
from okube_api.store.values import Json
from okube_api.store_schema import SCHEMA

from tests.ingest.event_truth import Batch, build_truth
from tests.ingest.expected import assert_tables
from tests.ingest.ingest_app import SECRET, IngestApp, build_small_file, get_fixed_time, with_new_id
from tests.ingest.spring import create_spring_app
from tests.ingest.strategies import build_small_world
from tests.truth.tenant import Tenant

pytestmark = pytest.mark.anyio

VISIT = {"user": "u", "site": "lyon-2", "at": "2024-03-28T10:00:00Z"}


@pytest.fixture
async def duckdb(tmp_path: Path) -> AsyncIterator[Store]:
    """Provide an embedded store, which stores files while others are published."""
    store = open_store(f"duckdb:{tmp_path / 'okube.duckdb'}", SCHEMA)
    await store.start()
    yield store
    await store.close()


async def accept(app: IngestApp, *events: Json, kind: str = "visits") -> Json:
    return await app.ingest.accept(app.application, kind, build_small_file(*events))


async def wait_until_visible(app: IngestApp, batch: Json) -> Json:
    """Return a batch once it is visible."""
    (visible,) = await app.ingest.publish(app.application, [batch])  # together with those that wait
    return visible


async def test_events_count_as_if_their_files_had_been_waited_for(empty_store: Store) -> None:
    """Send files of detections at the same time, of which some are waited for, and some events are in two."""
    world = build_small_world(0xACC, (40, 40, 40), None)
    tenant = with_new_id(Tenant(world.id, world.id, "Small", {}, world.truth, {}))
    app = await IngestApp(empty_store, tenant).create_documents(world.cells)
    dice = Random(7)
    equipments = [equipment.id for equipment in world.truth.equipments]
    events = [
        {"device": f"d{at % 5}", "equipment": dice.choice(equipments), "at": f"2024-03-28T10:{minute:02}:00Z"}
        for at, minute in enumerate(dice.choices(range(60), k=60))
    ]
    files = [dice.sample(events, 6) for _ in range(20)]
    send = (app.ingest.accept, app.ingest.ingest)
    sent = await asyncio.gather(
        *(send[at % 2](app.application, "detections", build_small_file(*file)) for at, file in enumerate(files))
    )
    assert {batch["state"] for batch in sent[::2]} == {State.WAITING}
    visible = [await wait_until_visible(app, batch) for batch in sent]
    assert {batch["state"] for batch in visible} == {State.VISIBLE}
    assert sum(batch["accepted"] for batch in visible) == len({orjson.dumps(event) for file in files for event in file})
    numbered = sorted(zip((batch["number"] for batch in visible), files, strict=True), key=lambda pair: pair[0])
    app.truth = build_truth(world.truth, [Batch(number, "detections", file) for number, file in numbered], world.cells)
    assert_tables(await app.read_tables(), app.truth, "presence")


async def test_an_accepted_file_outlives_its_process(empty_store: Store) -> None:
    """Stop the ingest as soon as it has acknowledged a file, and let the next process finish its work."""
    app = await create_spring_app(empty_store)
    batch = await accept(app, VISIT, VISIT)
    await app.ingest.close()
    app.ingest = Ingest(empty_store, get_fixed_time, SECRET)
    await app.ingest.resume()
    stored = await app.ingest.batches.get_batch(app.application.id, batch["_id"])
    assert (stored["state"], stored["accepted"], stored["duplicate"]) == (State.VISIBLE, 1, 1)


async def test_a_file_without_valid_events_does_not_wait(empty_store: Store) -> None:
    app = await create_spring_app(empty_store)
    batch = await accept(app, {"user": "u"})
    assert (batch["state"], batch["stored"], batch["rejected"]) == (State.VISIBLE, 0, 1)


async def test_files_are_stored_while_others_are_published(duckdb: Store) -> None:
    """Accept a file while a change of the application runs."""
    app = await create_spring_app(duckdb)
    async with duckdb.begin_change(app.application.id, "long"), asyncio.timeout(20):
        batch = await accept(app, VISIT)
    assert (await wait_until_visible(app, batch))["accepted"] == 1


async def test_the_events_that_wait_are_bounded(duckdb: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the first two files from being published, so that the third is not stored until they are."""
    monkeypatch.setattr(publisher, "_MOST_WAITING", 1)
    app = await create_spring_app(duckdb)
    leases: Any = app.ingest._leases
    async with leases.hold(app.application.id):
        for number in range(2):
            await accept(app, VISIT | {"user": f"u{number}"})
        third = asyncio.create_task(accept(app, VISIT))
        done, _ = await asyncio.wait([third], timeout=0.3)
        assert not done
    assert (await wait_until_visible(app, await third))["accepted"] == 1
