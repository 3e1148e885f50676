"""Tests which pings are left out of stays for their accuracy, their speed or a jump, and how they are counted."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any, cast
from uuid import uuid4

import pytest
from okube_api.applications.repository import ApplicationRepository
from okube_api.catalogue.facts import GEO_STAYS
from okube_api.ingest.events.kinds import KINDS, PINGS, EventKind
from okube_api.ingest.invalidation import Invalidation
from okube_api.ingest.service import Ingest
from okube_api.kit.application import Application
from okube_api.kit.resource_changes import ChangePublisher
from okube_api.store import open_store
from okube_api.store.protocol import Store
from okube_api.store.values import Json
from okube_api.store_schema import SCHEMA
from pymongo import MongoClient

from tests.ingest.ingest_app import SECRET, IngestApp, get_fixed_time, with_new_id
from tests.ingest.spring import build_spring_tenant

pytestmark = pytest.mark.anyio

MIDNIGHT = datetime.fromisoformat("2024-03-28T00:00:00+00:00")
LIMITS = {"maximumAccuracy": 100, "maximumSpeed": 7, "ignoreJumps": True}
COUNTS = ("unmatched", "inaccurate", "moving", "jumps")


async def create_app(store: Store, **stays: Any) -> IngestApp:
    """Create an application with these settings of stays."""
    app = IngestApp(store, with_new_id(build_spring_tenant()))
    app.document["settings"] = {"stays": stays}
    app.application = Application.from_document(app.document)
    return await app.create_documents()


def build_ping(app: IngestApp, minute: int, *, east: float = 0, **fields: Any) -> Json:
    """Return a ping, so many minutes after midnight (UTC), so many degrees east of the first site."""
    lng, lat = app.truth.sites[0].coordinates or (0, 0)
    at = (MIDNIGHT + timedelta(minutes=minute)).isoformat()
    return {"user": "a", "at": at, "lng": lng + east, "lat": lat, **fields}


async def read_stays(app: IngestApp) -> list[tuple[int, int]]:
    """Return the first minute after midnight and the dwell in minutes of the stays inside the first site."""
    async with app.store.open_reader(app.application.id) as reader:
        rows = [row async for block in reader.read_parts(GEO_STAYS.table, 0, 10**6) for row in block.to_pylist()]
    return sorted(
        ((row["start"] - round(MIDNIGHT.timestamp() * 1000)) // 60_000, row["dwell_s"] // 60)
        for row in rows
        if row["place"] == app.truth.sites[0].id and row["zone"] == "indoor"
    )


def count_left_out(batch: Json) -> tuple[int, ...]:
    """Return the counts of pings of a batch in the order of `COUNTS`."""
    return tuple(batch[name] for name in COUNTS)


async def test_inaccurate_and_moving_pings_are_left_out_and_counted(empty_store: Store) -> None:
    app = await create_app(empty_store, **LIMITS)
    pings = [
        build_ping(app, 600, accuracy=100, speed=7),
        build_ping(app, 603, speed=-1),
        build_ping(app, 606),
        build_ping(app, 609, accuracy=100.5),
        build_ping(app, 609, accuracy=100.5),
        build_ping(app, 612, speed=7.1),
        build_ping(app, 615, accuracy=500, speed=30),
        build_ping(app, 618, east=1),
        build_ping(app, 621, east=1, speed=20),
    ]
    assert count_left_out(await app.ingest_events("pings", pings)) == (1, 3, 2, 0)
    assert await read_stays(app) == [(600, 6)]


async def test_every_ping_counts_without_limits(empty_store: Store) -> None:
    app = await create_app(empty_store)
    pings = [build_ping(app, 600), build_ping(app, 605, accuracy=10**6), build_ping(app, 610, speed=900)]
    assert count_left_out(await app.ingest_events("pings", pings)) == (0, 0, 0, 0)
    assert await read_stays(app) == [(600, 10)]


async def test_pings_left_out_are_neither_at_the_place_nor_elsewhere(empty_store: Store) -> None:
    app = await create_app(empty_store, endAfterElsewhere=1, **LIMITS)
    elsewhere = [
        build_ping(app, 603, east=0.1, accuracy=900),
        build_ping(app, 606, east=0.1, speed=50),
        build_ping(app, 608, east=8),
    ]
    batch = await app.ingest_events("pings", [build_ping(app, 600), *elsewhere, build_ping(app, 610)])
    assert count_left_out(batch) == (1, 1, 1, 1)
    assert await read_stays(app) == [(600, 10)]


JUMP_AFTER_MIDNIGHT = 1441


@pytest.mark.slow
@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_jump_across_midnight_is_found_in_any_order_of_batches(empty_store: Store, order: Sequence[int]) -> None:
    """Jump to the site at 00:01 from and to a place far away, where the neighbours are sent in files of their own."""
    app = await create_app(empty_store, minimumSeconds=0, **LIMITS)
    files = [
        [build_ping(app, JUMP_AFTER_MIDNIGHT - 2, east=9)],
        [build_ping(app, JUMP_AFTER_MIDNIGHT)],
        [build_ping(app, JUMP_AFTER_MIDNIGHT + 2, east=9)],
    ]
    batches = [await app.ingest_events("pings", files[number]) for number in order]
    assert await read_stays(app) == []
    await app.ingest.remove_batch(app.application, batches[-1])
    assert await read_stays(app) == ([] if order[-1] == 1 else [(JUMP_AFTER_MIDNIGHT, 0)])


async def test_jumps_are_counted_for_each_batch_of_a_publication(empty_store: Store) -> None:
    app = await create_app(empty_store, **LIMITS)
    first, second = [
        [build_ping(app, start + minute, east=9 * (minute % 2)) for minute in range(2 * jumps + 1)]
        for start, jumps in ((600, 1), (1200, 3))
    ]
    loaded = [await app.load("pings", pings) for pings in (first, second, second)]
    batches = await app.ingest.publish(app.application, loaded)
    assert [batch["jumps"] for batch in batches] == [1, 5, 0]
    assert [batch["duplicate"] for batch in batches] == [0, 0, 7]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("maximumAccuracy", 50, [(600, 10)]),
        ("maximumSpeed", 3, [(605, 10)]),
        ("ignoreJumps", True, [(600, 2), (610, 5)]),
    ],
)
async def test_change_of_a_limit_rebuilds_the_stays(
    empty_store: Store, name: str, value: object, expected: list[tuple[int, int]]
) -> None:
    app = await create_app(empty_store, gapMinutes=5)
    pings = [
        build_ping(app, 600, speed=4),
        build_ping(app, 602, speed=4 if name == "maximumSpeed" else None),
        build_ping(app, 605),
        build_ping(app, 610),
        build_ping(app, 615, accuracy=60),
    ]
    if name == "ignoreJumps":
        pings[2] = build_ping(app, 606)
        pings += [build_ping(app, 605, east=5), build_ping(app, 607, east=5)]
    await app.ingest_events("pings", pings)
    before = await read_stays(app)
    assert before == [(600, 15)]
    invalidation = Invalidation(app.ingest)
    changes = ChangePublisher()
    changes.subscribe(invalidation.invalidate)
    applications = ApplicationRepository(empty_store, get_fixed_time, changes)
    document = await applications.get_by_name(app.application.id)
    document = await applications.update(document, {"settings": {"stays": {name: value}}})
    await invalidation.drain()
    assert await read_stays(app) == expected
    await applications.update(document, {"settings": {"stays": {name: None if name.startswith("max") else False}}})
    await invalidation.drain()
    assert await read_stays(app) == before


@pytest.fixture(params=["duckdb", "mongo"])
async def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """Return the URL of a store that does not exist yet."""
    if request.param == "duckdb":
        yield f"duckdb:{tmp_path / 'okube.duckdb'}"
        return
    url, name = request.getfixturevalue("mongo_uri").rstrip("/"), f"ingest_{uuid4().hex[:12]}"
    yield f"{url}/{name}"
    with MongoClient[Json](url) as client:
        client.drop_database(name)


@pytest.mark.slow
async def test_pings_from_before_there_were_accuracies_count(store_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Load pings with the columns of earlier versions, then publish them and others with those of this version."""
    earlier = replace(PINGS.table, columns=PINGS.table.columns[:-2])
    tables = tuple(earlier if table is PINGS.table else table for table in SCHEMA.tables)
    store = open_store(store_url, replace(SCHEMA, tables=tables))
    await store.start()
    app = await create_app(store, **LIMITS)
    with monkeypatch.context() as patch:
        patch.setitem(cast("dict[str, EventKind]", KINDS), "pings", replace(PINGS, table=earlier))
        batch = await app.load("pings", [build_ping(app, minute, accuracy=5000) for minute in (600, 605)])
    await store.close()
    app.store = open_store(store_url, SCHEMA)
    await app.store.start()
    app.ingest = Ingest(app.store, get_fixed_time, SECRET)
    await app.ingest.publish(app.application, [batch])
    assert await read_stays(app) == [(600, 5)]
    pings = [build_ping(app, 608, accuracy=5), build_ping(app, 610, accuracy=5000)]
    assert count_left_out(await app.ingest_events("pings", pings)) == (0, 1, 0, 0)
    assert await read_stays(app) == [(600, 8)]
    await app.store.close()


async def test_jumps_of_the_next_ping_with_the_same_id_are_found_when_a_batch_is_removed(empty_store: Store) -> None:
    """Send the ping at 10:05 twice: the one that counts at first is at the site, the other is a jump."""
    app = await create_app(empty_store, **LIMITS)
    first = await app.ingest_events("pings", [build_ping(app, 605, id="x")])
    others = [build_ping(app, minute) for minute in (600, 604, 606, 610)]
    second = await app.ingest_events("pings", [*others, build_ping(app, 605, east=9, id="x")])
    assert (second["accepted"], second["duplicate"], second["jumps"]) == (4, 1, 0)
    assert await read_stays(app) == [(600, 10)]
    await app.ingest.remove_batch(app.application, first)
    assert await read_stays(app) == [(600, 10)]
