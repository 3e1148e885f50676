"""What becomes of batches: twice the same, the latest of a key, taken back, refused, left half-done, erased."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from okube_api.areas.repository import AREAS
from okube_api.catalogue.facts import DELIVERIES, GEO_STAYS, PANELISTS
from okube_api.errors import Impossible
from okube_api.ingest.batches import ABANDONED_AFTER, State
from okube_api.ingest.load.file_blocks import EventFile
from okube_api.ingest.parse.codecs import Format
from okube_api.ingest.service import Ingest
from okube_api.store import open_store
from okube_api.store.conditions import equal
from okube_api.store.protocol import Store
from okube_api.store.schema import Table
from okube_api.store.values import Json
from okube_api.store_schema import SCHEMA

from tests.ingest.expected import ALL, assert_tables
from tests.ingest.ingest_app import NOW, SECRET, IngestApp, get_fixed_time, stream_chunks
from tests.ingest.spring import build_spring_tenant

pytestmark = pytest.mark.anyio

LYON, POI = (4.8320, 45.7578), "bellecour"


def stay(user: str, start: str, **more: Any) -> Json:
    return {"user": user, "site": "lyon-2", "start": start, "duration_s": 600, "zone": "indoor", **more}


async def land_of(store: Store) -> IngestApp:
    return await IngestApp(store, build_spring_tenant()).create_documents()


async def rows_of(land: IngestApp, table: Table) -> list[Json]:
    """Everything in a table."""
    async with land.store.open_reader(land.application.id) as reader:
        return [row async for block in reader.read_parts(table, 0, 100_000) for row in block.to_pylist()]


async def stays_of(land: IngestApp) -> list[tuple[Any, ...]]:
    """(user, dwell, weight in thousandths) of every stay, in order."""
    rows = await rows_of(land, GEO_STAYS.table)
    return sorted((row["user"], row["dwell_s"], row["weight"]) for row in rows)


async def counts(land: IngestApp, kind: str, *events: Json, **more: Any) -> tuple[int, int, int]:
    batch = await land.ingest_events(kind, events, **more)
    return batch["accepted"], batch["duplicate"], batch["rejected"]


async def test_an_event_counts_once(ingested: Store) -> None:
    land = await land_of(ingested)
    first, other = stay("a", "2024-03-28T10:00:00Z"), stay("a", "2024-03-28T10:00:00Z", duration_s=700)
    same = {**first, "start": "2024-03-28T11:00:00+01:00"}
    assert await counts(land, "stays", first, same, other) == (2, 1, 0)
    assert await counts(land, "stays", same, stay("b", "2024-03-28T10:00:00Z")) == (1, 1, 0)
    assert [dwell for _, dwell, _ in await stays_of(land)] == [600, 700, 600]


async def test_an_events_own_id_is_what_it_is_known_by(ingested: Store) -> None:
    """Without an id of their own these would be two, and one; the first of an id counts."""
    land = await land_of(ingested)
    assert await counts(land, "stays", stay("a", "2024-03-28T10:00:00Z", id="x")) == (1, 0, 0)
    assert await counts(land, "stays", stay("a", "2024-03-28T10:00:00Z", id="x", duration_s=700)) == (0, 1, 0)
    assert await counts(land, "stays", stay("a", "2024-03-28T10:00:00Z", id="y")) == (1, 0, 0)
    assert [dwell for _, dwell, _ in await stays_of(land)] == [600, 600]


async def test_of_a_natural_key_the_latest_batch_counts(ingested: Store) -> None:
    land = await land_of(ingested)
    await land.ingest_events("stays", [stay("a", "2024-03-28T10:00:00Z"), stay("b", "2024-03-28T10:00:00Z")])
    assert [weight for *_, weight in await stays_of(land)] == [1000, 1000]
    assert await counts(land, "panelists", {"user": "a", "weight": 2}, {"user": "b", "weight": 3}) == (2, 0, 0)
    later = await land.ingest_events("panelists", [{"user": "b", "weight": 4}, {"user": "b", "weight": 5}])
    assert (later["accepted"], later["duplicate"]) == (1, 1)
    assert await counts(land, "panelists", {"user": "a", "weight": 2}) == (0, 1, 0)
    assert [weight for *_, weight in await stays_of(land)] == [2000, 5000]
    await land.ingest.remove_batch(land.application, later)
    assert [weight for *_, weight in await stays_of(land)] == [2000, 3000]
    assert sorted(row["weight"] for row in await rows_of(land, PANELISTS)) == [2000, 3000]


async def test_a_second_file_of_deliveries_replaces_the_first(ingested: Store) -> None:
    land = await land_of(ingested)
    day, other = {"campaign": "mails", "day": "2024-03-28"}, {"campaign": "mails", "day": "2024-03-29"}
    assert await counts(land, "deliveries", {**day, "prints": 5}, {**other, "prints": 6}) == (2, 0, 0)
    second = await land.ingest_events("deliveries", [{**day, "prints": 7}, {**day, "site": "lyon-2", "prints": 1}])
    assert sorted(row["print_count"] for row in await rows_of(land, DELIVERIES.table)) == [1, 6, 7]
    await land.ingest.remove_batch(land.application, second)
    assert sorted(row["print_count"] for row in await rows_of(land, DELIVERIES.table)) == [5, 6]


async def test_areas_that_move_move_distances(ingested: Store) -> None:
    land = await land_of(ingested)
    lng, lat = LYON
    near = {"code": "693820101", "name": "Near", "lng": lng, "lat": lat}
    await land.ingest_events("panelists", [{"user": "a", "home": "693820101"}])
    await land.ingest_events("stays", [stay("a", "2024-03-28T10:00:00Z")])
    first = await land.ingest_events("areas", [near])
    await land.ingest_events("areas", [{**near, "name": "Further north", "lat": lat + 0.01}])

    async def home() -> int | None:
        (row,) = await rows_of(land, GEO_STAYS.table)
        metres: int | None = row["home_m"]
        return metres

    assert await home() == 1112
    known = await ingested.find(AREAS, equal("application", land.application.id))
    assert [area["name"] for area in known] == ["Further north"]
    for batch in await land.ingest.batches.find_in_states(State.VISIBLE, application=land.application.id):
        if batch["kind"] == "areas" and batch["_id"] != first["_id"]:
            await land.ingest.remove_batch(land.application, batch)
    assert await home() == 0
    await land.ingest.remove_batch(land.application, first)
    assert await home() is None
    assert await ingested.find(AREAS, equal("application", land.application.id)) == []


async def test_what_a_batch_names_must_be_there(ingested: Store) -> None:
    land = await land_of(ingested)
    events = [
        stay("a", "2024-03-28T10:00:00Z"),
        stay("a", "2024-03-28T11:00:00Z", site="nowhere"),
        {**stay("a", "2024-03-28T12:00:00Z"), "site": None, "poi": POI},
        {**stay("a", "2024-03-28T12:00:00Z"), "poi": POI},
    ]
    batch = await land.ingest_events("stays", [{k: v for k, v in one.items() if v is not None} for one in events])
    assert (batch["accepted"], batch["rejected"]) == (2, 2)
    reasons = {one["line"]: one["reason"] for one in batch["reasons"]}
    assert reasons == {
        2: "'site': No site has this id or key.",
        4: "Give either 'site' or 'poi', not both.",
    }
    kept = [line async for line in land.ingest.stream_rejected(batch)]
    assert [line["line"] for line in kept] == [2, 4]
    assert '"nowhere"' in kept[0]["text"]


async def test_a_batch_with_bad_lines_only_is_visible_and_empty(ingested: Store) -> None:
    land = await land_of(ingested)
    batch = await land.ingest_text("stays", "oh\nno\n")
    assert (batch["state"], batch["accepted"], batch["rejected"]) == ("visible", 0, 2)
    assert (await land.ingest_text("stays", ""))["accepted"] == 0


# -- left half-done --------------------------------------------------------------------------------------------


async def broken() -> AsyncIterator[bytes]:
    yield b'{"code":"693820101","name":"x","lng":1,"lat":1}\n'
    raise ConnectionResetError("the line went dead")


async def test_a_file_that_ends_in_the_middle_leaves_nothing(ingested: Store) -> None:
    land = await land_of(ingested)
    with pytest.raises(ConnectionResetError):
        await land.ingest.ingest(land.application, "areas", EventFile(broken(), Format.NDJSON))
    (batch,) = await land.ingest.batches.find_in_states(State.INTERRUPTED)
    assert batch["accepted"] == 0
    assert await counts(land, "areas", {"code": "693820101", "name": "x", "lng": 1, "lat": 1}) == (1, 0, 0)


async def test_what_waits_is_shown_by_whoever_comes_next(ingested: Store) -> None:
    land = await land_of(ingested)
    events = land.tenant.events
    for kind in ("areas", "panelists", "stays", "pings"):
        text = "".join(f"{line}\n" for line in map(json.dumps, events[kind]))
        await land.ingest.load(land.application, kind, EventFile(stream_chunks(text.encode()), Format.NDJSON))
    assert await rows_of(land, GEO_STAYS.table) == []
    await Ingest(ingested, get_fixed_time, SECRET).resume()
    assert_tables(await land.read_tables(), land.truth, "geo_stays", "panelists")
    assert [one["state"] for one in await land.ingest.batches.find_in_states(*State)] == ["visible"] * 4


async def test_what_nobody_receives_any_more_is_tidied_away(ingested: Store) -> None:
    land = await land_of(ingested)
    batch = await land.ingest.batches.create(land.application.id, "areas", {})
    late = Ingest(ingested, lambda: NOW + ABANDONED_AFTER / 2, SECRET)
    await late.resume()
    assert (await late.batches.get_batch(land.application.id, batch["_id"]))["state"] == "receiving"
    later = Ingest(ingested, lambda: NOW + ABANDONED_AFTER + timedelta(seconds=1), SECRET)
    await later.resume()
    assert (await later.batches.get_batch(land.application.id, batch["_id"]))["state"] == "interrupted"


async def test_the_same_file_is_not_taken_twice(ingested: Store, tmp_path: Path) -> None:
    land = await land_of(ingested)
    path = tmp_path / "stays.ndjson"
    path.write_text(f"{json.dumps(stay('a', '2024-03-28T10:00:00Z'))}\n")
    first = await land.ingest.ingest_file(land.application, "stays", path)
    again = await land.ingest.ingest_file(land.application, "stays", path)
    assert (again["_id"], again["accepted"]) == (first["_id"], 1)
    path.write_text(f"{path.read_text()}{json.dumps(stay('b', '2024-03-28T10:00:00Z'))}\n")
    other = await land.ingest.ingest_file(land.application, "stays", path)
    assert (other["accepted"], other["duplicate"]) == (1, 1)


async def test_many_at_once_are_one_after_the_other(ingested: Store) -> None:
    land = await land_of(ingested)
    days = [stay("a", f"2024-03-{day}T10:00:00Z") for day in range(10, 16)]
    batches = await asyncio.gather(*(land.ingest_events("stays", days[at:]) for at in range(len(days))))
    assert sum(batch["accepted"] for batch in batches) == len(days)
    assert len(await stays_of(land)) == len(days)


# -- people ----------------------------------------------------------------------------------------------------


async def test_a_person_is_erased(ingested: Store) -> None:
    """What is left is what there would be, had the person never been."""
    land, gone = await land_of(ingested), {"user-03", "device-05"}
    await land.ingest_all(land.tenant.events)
    for name in gone:
        await land.ingest.erase_user(land.application, name)

    def left(events: Sequence[Any]) -> list[Any]:
        return [one for one in events if getattr(one, "user", getattr(one, "device", None)) not in gone]

    kinds = ("panelists", "stays", "detections", "touches", "visits", "purchases")
    changed: dict[str, Any] = {kind: left(getattr(land.truth, kind)) for kind in kinds}
    without = replace(land.truth, **changed)
    assert_tables(await land.read_tables(), without, *ALL)


async def test_no_name_of_anybody_is_in_the_store(tmp_path: Path) -> None:
    """Neither of good lines nor of bad ones."""
    store = open_store(f"duckdb:{tmp_path / 'okube.duckdb'}", SCHEMA)
    await store.start()
    land = await land_of(store)
    good, bad = json.dumps(stay("zaphod", "2024-03-28T10:00:00Z")), '{"user":"zaphod","start":'
    batch = await land.ingest_text("stays", f"{good}\n{bad}\n")
    assert [line["text"] async for line in land.ingest.stream_rejected(batch)] == [bad]
    await store.close()
    assert holding(tmp_path, b"events_stays")
    assert not holding(tmp_path, b"zaphod")


def holding(folder: Path, text: bytes) -> list[Path]:
    """The files in which a text stands."""
    return [path for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]


async def test_another_secret_knows_nobody(ingested: Store) -> None:
    land = await land_of(ingested)
    await land.ingest_events("stays", [stay("a", "2024-03-28T10:00:00Z")])
    bad = await land.ingest_text("stays", "{}\n")
    stranger = Ingest(ingested, get_fixed_time, b"another secret, as long as the first one")
    with pytest.raises(Impossible):
        [line async for line in stranger.stream_rejected(bad)]
    await stranger.erase_user(land.application, "a")
    assert len(await stays_of(land)) == 1
    assert [line async for line in land.ingest.stream_rejected(bad)] == []  # nobody could tell whether it named "a"
