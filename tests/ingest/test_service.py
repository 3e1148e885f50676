"""Test the ingest of batches: duplicates, natural keys, removal, refusal, interruption, erasure."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from okube_api.areas.repository import AREAS
from okube_api.catalogue.facts import DELIVERIES, GEO_STAYS, PANELISTS, PRESENCE_STAYS
from okube_api.clock import stamp
from okube_api.errors import Impossible, InsufficientStorage, RequestConflict
from okube_api.ingest.batches import ABANDONED_AFTER, DISK_FULL, State
from okube_api.ingest.load import loader
from okube_api.ingest.load.file_blocks import EventFile
from okube_api.ingest.parse.codecs import Format
from okube_api.ingest.service import Ingest
from okube_api.sites.repository import SITES
from okube_api.store import open_store
from okube_api.store.conditions import equal
from okube_api.store.errors import StoreFull
from okube_api.store.protocol import Store
from okube_api.store.schema import Table
from okube_api.store.values import Json
from okube_api.store_schema import SCHEMA

from tests.ingest.expected import ALL, assert_tables
from tests.ingest.ingest_app import NOW, SECRET, IngestApp, get_fixed_time
from tests.ingest.spring import create_spring_app

pytestmark = pytest.mark.anyio

LYON, POI = (4.8320, 45.7578), "bellecour"


def build_stay(user: str, start: str, **more: Any) -> Json:
    return {"user": user, "site": "lyon-2", "start": start, "duration_s": 600, "zone": "indoor", **more}


async def read_rows(app: IngestApp, table: Table) -> list[Json]:
    """Return all rows of a table."""
    async with app.store.open_reader(app.application.id) as reader:
        return [row async for block in reader.read_parts(table, 0, 100_000) for row in block.to_pylist()]


async def read_stays(app: IngestApp) -> list[tuple[Any, ...]]:
    """Return (user, dwell, weight in thousandths) of every stay, sorted."""
    rows = await read_rows(app, GEO_STAYS.table)
    return sorted((row["user"], row["dwell_s"], row["weight"]) for row in rows)


async def ingest_and_count(app: IngestApp, kind: str, *events: Json, **options: Any) -> tuple[int, int, int]:
    """Ingest events; return how many are accepted, duplicate and rejected."""
    batch = await app.ingest_events(kind, events, **options)
    return batch["accepted"], batch["duplicate"], batch["rejected"]


async def test_an_event_counts_once(empty_store: Store) -> None:
    app = await create_spring_app(empty_store)
    first, other = build_stay("a", "2024-03-28T10:00:00Z"), build_stay("a", "2024-03-28T10:00:00Z", duration_s=700)
    same = {**first, "start": "2024-03-28T11:00:00+01:00"}
    assert await ingest_and_count(app, "stays", first, same, other) == (2, 1, 0)
    assert await ingest_and_count(app, "stays", same, build_stay("b", "2024-03-28T10:00:00Z")) == (1, 1, 0)
    assert [dwell for _, dwell, _ in await read_stays(app)] == [600, 700, 600]


async def test_events_with_the_same_id_count_once(empty_store: Store) -> None:
    """Check that the id decides and not the content, and that the first event with an id counts."""
    app = await create_spring_app(empty_store)
    assert await ingest_and_count(app, "stays", build_stay("a", "2024-03-28T10:00:00Z", id="x")) == (1, 0, 0)
    assert await ingest_and_count(app, "stays", build_stay("a", "2024-03-28T10:00:00Z", id="x", duration_s=700)) == (
        0,
        1,
        0,
    )
    assert await ingest_and_count(app, "stays", build_stay("a", "2024-03-28T10:00:00Z", id="y")) == (1, 0, 0)
    assert [dwell for _, dwell, _ in await read_stays(app)] == [600, 600]


async def test_the_latest_batch_of_a_natural_key_counts(empty_store: Store) -> None:
    app = await create_spring_app(empty_store)
    await app.ingest_events("stays", [build_stay("a", "2024-03-28T10:00:00Z"), build_stay("b", "2024-03-28T10:00:00Z")])
    assert [weight for *_, weight in await read_stays(app)] == [1000, 1000]
    assert await ingest_and_count(app, "panelists", {"user": "a", "weight": 2}, {"user": "b", "weight": 3}) == (2, 0, 0)
    later = await app.ingest_events("panelists", [{"user": "b", "weight": 4}, {"user": "b", "weight": 5}])
    assert (later["accepted"], later["duplicate"]) == (1, 1)
    assert await ingest_and_count(app, "panelists", {"user": "a", "weight": 2}) == (0, 1, 0)
    assert [weight for *_, weight in await read_stays(app)] == [2000, 5000]
    await app.ingest.remove_batch(app.application, later)
    assert [weight for *_, weight in await read_stays(app)] == [2000, 3000]
    assert sorted(row["weight"] for row in await read_rows(app, PANELISTS)) == [2000, 3000]


async def test_a_second_file_of_deliveries_replaces_the_first(empty_store: Store) -> None:
    app = await create_spring_app(empty_store)
    day, other = {"campaign": "mails", "day": "2024-03-28"}, {"campaign": "mails", "day": "2024-03-29"}
    assert await ingest_and_count(app, "deliveries", {**day, "prints": 5}, {**other, "prints": 6}) == (2, 0, 0)
    second = await app.ingest_events("deliveries", [{**day, "prints": 7}, {**day, "site": "lyon-2", "prints": 1}])
    assert sorted(row["print_count"] for row in await read_rows(app, DELIVERIES.table)) == [1, 6, 7]
    await app.ingest.remove_batch(app.application, second)
    assert sorted(row["print_count"] for row in await read_rows(app, DELIVERIES.table)) == [5, 6]


@pytest.mark.slow
async def test_distances_follow_areas_that_move(empty_store: Store) -> None:
    app = await create_spring_app(empty_store)
    lng, lat = LYON
    area = {"code": "693820101", "name": "Near", "lng": lng, "lat": lat}
    await app.ingest_events("panelists", [{"user": "a", "home": "693820101"}])
    await app.ingest_events("stays", [build_stay("a", "2024-03-28T10:00:00Z")])
    first = await app.ingest_events("areas", [area])
    await app.ingest_events("areas", [{**area, "name": "Further north", "lat": lat + 0.01}])

    async def home() -> int | None:
        (row,) = await read_rows(app, GEO_STAYS.table)
        metres: int | None = row["home_m"]
        return metres

    assert await home() == 1112
    areas = await empty_store.find(AREAS, equal("application", app.application.id))
    assert [area["name"] for area in areas] == ["Further north"]
    for batch in await app.ingest.batches.find_in_states(State.VISIBLE, application=app.application.id):
        if batch["kind"] == "areas" and batch["_id"] != first["_id"]:
            await app.ingest.remove_batch(app.application, batch)
    assert await home() == 0
    await app.ingest.remove_batch(app.application, first)
    assert await home() is None
    assert await empty_store.find(AREAS, equal("application", app.application.id)) == []


async def test_lines_that_name_an_unknown_resource_are_rejected(empty_store: Store) -> None:
    app = await create_spring_app(empty_store)
    events = [
        build_stay("a", "2024-03-28T10:00:00Z"),
        build_stay("a", "2024-03-28T11:00:00Z", site="nowhere"),
        {**build_stay("a", "2024-03-28T12:00:00Z"), "site": None, "poi": POI},
        {**build_stay("a", "2024-03-28T12:00:00Z"), "poi": POI},
    ]
    batch = await app.ingest_events("stays", [{k: v for k, v in event.items() if v is not None} for event in events])
    assert (batch["accepted"], batch["rejected"]) == (2, 2)
    reasons = {entry["line"]: entry["reason"] for entry in batch["reasons"]}
    assert reasons == {
        2: "'site': No site has this id, key or name.",
        4: "Give either 'site' or 'poi', not both.",
    }
    rejected = [line async for line in app.ingest.stream_rejected(batch)]
    assert [line["line"] for line in rejected] == [2, 4]
    assert '"nowhere"' in rejected[0]["text"]


async def test_a_batch_of_invalid_lines_is_visible_and_empty(empty_store: Store) -> None:
    app = await create_spring_app(empty_store)
    batch = await app.ingest_text("stays", "oh\nno\n")
    assert (batch["state"], batch["accepted"], batch["rejected"]) == ("visible", 0, 2)
    assert (await app.ingest_text("stays", ""))["accepted"] == 0


# -- interruption ---------------------------------------------------------------------------------------------


async def stream_and_fail() -> AsyncIterator[bytes]:
    """Yield a line, then fail as a broken connection does."""
    yield b'{"code":"693820101","name":"x","lng":1,"lat":1}\n'
    raise ConnectionResetError("connection lost")


async def test_an_interrupted_file_leaves_no_events(empty_store: Store) -> None:
    app = await create_spring_app(empty_store)
    with pytest.raises(ConnectionResetError):
        await app.ingest.ingest(app.application, "areas", EventFile(stream_and_fail(), Format.NDJSON))
    (batch,) = await app.ingest.batches.find_in_states(State.INTERRUPTED)
    assert batch["accepted"] == 0
    assert await ingest_and_count(app, "areas", {"code": "693820101", "name": "x", "lng": 1, "lat": 1}) == (1, 0, 0)


@pytest.mark.slow
async def test_waiting_batches_are_published_by_the_next_process(empty_store: Store) -> None:
    app = await create_spring_app(empty_store)
    events = app.tenant.events
    for kind in ("areas", "panelists", "stays", "pings"):
        await app.load(kind, events[kind])
    assert await read_rows(app, GEO_STAYS.table) == []
    await Ingest(empty_store, get_fixed_time, SECRET).resume()
    assert_tables(await app.read_tables(), app.truth, "geo_stays", "panelists")
    assert [batch["state"] for batch in await app.ingest.batches.find_in_states(*State)] == ["visible"] * 4


async def test_abandoned_batches_are_interrupted(empty_store: Store) -> None:
    app = await create_spring_app(empty_store)
    batch = await app.ingest.batches.create(app.application.id, "areas", {})
    early = Ingest(empty_store, lambda: NOW + ABANDONED_AFTER / 2, SECRET)
    await early.resume()
    assert (await early.batches.get_batch(app.application.id, batch["_id"]))["state"] == "receiving"
    later = Ingest(empty_store, lambda: NOW + ABANDONED_AFTER + timedelta(seconds=1), SECRET)
    await later.resume()
    assert (await later.batches.get_batch(app.application.id, batch["_id"]))["state"] == "interrupted"


async def test_upload_that_takes_long_is_not_abandoned(empty_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a file for longer than the time after which a batch is abandoned, while another process looks for such."""
    app, now = await create_spring_app(empty_store), NOW
    slow = Ingest(empty_store, lambda: now, SECRET)
    monkeypatch.setattr(loader, "_HEARTBEAT_S", 0.01)

    async def stream() -> AsyncIterator[bytes]:
        nonlocal now
        for _ in range(3):
            now += ABANDONED_AFTER / 2 + timedelta(seconds=1)
            await wait_for_renewal()
            await slow.resume()
        yield b'{"code": "693820101", "name": "x", "lng": 1, "lat": 1}\n'

    async def wait_for_renewal() -> None:
        for _ in range(200):
            (batch,) = await slow.batches.find_in_states(State.RECEIVING)
            if batch["updatedAt"] == stamp(now):
                return
            await asyncio.sleep(0.01)
        raise AssertionError("The batch was not renewed.")

    batch = await slow.ingest(app.application, "areas", EventFile(stream(), Format.NDJSON))
    assert (batch["state"], batch["accepted"]) == ("visible", 1)


async def test_a_batch_that_a_full_disk_stops_says_so(empty_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the disk stay full until the batch counts as abandoned."""
    app, now = await create_spring_app(empty_store), NOW
    ingest = Ingest(empty_store, lambda: now, SECRET)

    async def stream() -> AsyncIterator[bytes]:
        yield b'{"code": "693820101", "name": "x", "lng": 1, "lat": 1}\n'

    with monkeypatch.context() as patch:
        for begin in ("begin_append", "begin_change"):
            patch.setattr(empty_store, begin, fail_for_full_disk)
        with pytest.raises(StoreFull):
            await ingest.ingest(app.application, "areas", EventFile(stream(), Format.NDJSON))
        (batch,) = await ingest.batches.find_in_states(State.RECEIVING)
    now += ABANDONED_AFTER + timedelta(seconds=1)
    await ingest.resume()
    batch = await ingest.batches.get_batch(app.application.id, batch["_id"])
    assert (batch["state"], batch["message"]) == ("interrupted", DISK_FULL)


async def test_an_upload_during_which_the_disk_was_full_says_so(
    empty_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Read a file for longer than the time after which a batch is abandoned, while its renewals fail."""
    app, now = await create_spring_app(empty_store), NOW
    ingest = Ingest(empty_store, lambda: now, SECRET)
    failed = asyncio.Event()
    monkeypatch.setattr(loader, "_HEARTBEAT_S", 0.01)

    async def fail_to_renew(batch: Json) -> None:
        failed.set()
        raise StoreFull("The disk is full.")

    async def stream() -> AsyncIterator[bytes]:
        nonlocal now
        await asyncio.wait_for(failed.wait(), 10)
        now += ABANDONED_AFTER + timedelta(seconds=1)
        await ingest.resume()
        yield b'{"code": "693820101", "name": "x", "lng": 1, "lat": 1}\n'

    monkeypatch.setattr(ingest.batches, "renew", fail_to_renew)
    with pytest.raises(InsufficientStorage, match="The disk was full"):
        await ingest.ingest(app.application, "areas", EventFile(stream(), Format.NDJSON))
    (batch,) = await ingest.batches.find_in_states(State.INTERRUPTED)
    assert batch["message"] == DISK_FULL


@asynccontextmanager
async def fail_for_full_disk(*_: Any) -> AsyncIterator[None]:
    raise StoreFull("The disk is full.")
    yield


@pytest.mark.parametrize(("most", "stored"), [(0, 0), (3, 3), (700, 700), (5000, 1200)])
async def test_rejected_lines_are_stored_up_to_the_limit(empty_store: Store, most: int, stored: int) -> None:
    app = await create_spring_app(empty_store)
    ingest = Ingest(empty_store, get_fixed_time, SECRET, most_rejected=most)

    async def stream() -> AsyncIterator[bytes]:
        for block in range(3):
            yield b"".join(b"bad %d\n" % number for number in range(400 * block, 400 * (block + 1)))

    batch = await ingest.ingest(app.application, "areas", EventFile(stream(), Format.NDJSON))
    lines = [line async for line in ingest.stream_rejected(batch)]
    assert [line["text"] for line in lines] == [f"bad {number}" for number in range(stored)]
    assert [line["line"] for line in lines] == list(range(1, stored + 1))
    assert (batch["rejected"], batch["omitted"], len(batch["reasons"])) == (1200, 1200 - stored, 100)


async def test_the_same_file_is_not_loaded_twice(empty_store: Store, tmp_path: Path) -> None:
    app = await create_spring_app(empty_store)
    path = tmp_path / "stays.ndjson"
    path.write_text(f"{json.dumps(build_stay('a', '2024-03-28T10:00:00Z'))}\n")
    first = await app.ingest.ingest_file(app.application, "stays", path)
    again = await app.ingest.ingest_file(app.application, "stays", path)
    assert (again["_id"], again["accepted"]) == (first["_id"], 1)
    path.write_text(f"{path.read_text()}{json.dumps(build_stay('b', '2024-03-28T10:00:00Z'))}\n")
    other = await app.ingest.ingest_file(app.application, "stays", path)
    assert (other["accepted"], other["duplicate"]) == (1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pings", "detections"])
async def test_sessions_have_one_event_for_each_id(empty_store: Store, kind: str) -> None:
    """Check that the event of the earliest batch counts, also after that batch was removed."""
    app = await create_spring_app(empty_store)
    table = GEO_STAYS.table if kind == "pings" else PRESENCE_STAYS.table
    where = (
        {"user": "a", "lng": LYON[0], "lat": LYON[1]}
        if kind == "pings"
        else {"device": "a", "equipment": app.truth.equipments[0].key}
    )

    def build_event(minute: int, **fields: Any) -> Json:
        return where | {"at": f"2024-03-28T10:{minute:02d}:00Z", **fields}

    async def read_dwell_s() -> set[int]:
        return {row["dwell_s"] for row in await read_rows(app, table)}

    events = [build_event(0, id="one"), build_event(5, id="two"), build_event(3)]
    first = await app.ingest_events(kind, events)
    assert (first["accepted"], await read_dwell_s()) == (3, {300})
    assert await ingest_and_count(app, kind, build_event(10, id="two")) == (0, 1, 0)
    assert await read_dwell_s() == {300}
    await app.ingest.remove_batch(app.application, first)
    assert await read_dwell_s() == set()
    assert await ingest_and_count(app, kind, *events) == (2, 1, 0)
    assert await read_dwell_s() == {600}
    await app.ingest.rebuild(app.application)
    assert await read_dwell_s() == {600}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pings", "detections"])
@pytest.mark.parametrize("first_day_with_ids", [25, 26, 28])
async def test_sessions_are_complete_where_events_with_and_without_ids_mix(
    empty_store: Store, kind: str, first_day_with_ids: int
) -> None:
    """Send one stay a day: at first without ids, later with them; all days are read together."""
    app = await create_spring_app(empty_store)
    table = GEO_STAYS.table if kind == "pings" else PRESENCE_STAYS.table
    where = (
        {"user": "a", "lng": LYON[0], "lat": LYON[1]}
        if kind == "pings"
        else {"device": "a", "equipment": app.truth.equipments[0].key}
    )
    events = [
        where
        | {"at": f"2024-03-{day}T10:{minute:02d}:00Z"}
        | ({"id": f"{day}-{minute}"} if day >= first_day_with_ids else {})
        for day in range(25, 29)
        for minute in (0, 5)
    ]
    await app.ingest_events(kind, events)

    async def read_dwell_s() -> list[int]:
        rows = await read_rows(app, table)
        return [dwell_s for _, dwell_s in sorted({(row["day"], row["dwell_s"]) for row in rows})]

    assert await read_dwell_s() == [300] * 4
    await app.ingest.rebuild(app.application)
    assert await read_dwell_s() == [300] * 4


async def test_a_file_is_loaded_again_once_its_resources_exist(empty_store: Store, tmp_path: Path) -> None:
    """Check a file of which some, all or no lines are accepted the second time."""
    app = await create_spring_app(empty_store)
    path = tmp_path / "stays.ndjson"
    events = [build_stay("a", "2024-03-28T10:00:00Z"), build_stay("b", "2024-03-28T10:00:00Z", site="new")]

    async def count(*, of: Sequence[Json]) -> tuple[int, int, int]:
        path.write_text("".join(f"{json.dumps(event)}\n" for event in of))
        batch = await app.ingest.ingest_file(app.application, "stays", path)
        return batch["accepted"], batch["duplicate"], batch["rejected"]

    assert await count(of=events) == (1, 0, 1)
    assert await count(of=events[1:]) == (0, 0, 1)
    site = (await app.store.find(SITES, equal("application", app.application.id), limit=1))[0]
    await app.store.insert(SITES, [site | {"_id": "f" * 24, "key": "new", "names": ["new"]}])
    assert await count(of=events) == (1, 1, 0)
    assert await count(of=events) == (1, 1, 0)
    assert await count(of=events[1:]) == (0, 1, 0)
    assert len(await read_stays(app)) == 2
    batches = len(await app.ingest.batches.find_in_states(State.VISIBLE))
    assert await count(of=events[1:]) == (0, 1, 0)
    assert len(await app.ingest.batches.find_in_states(State.VISIBLE)) == batches


async def test_files_ingested_at_the_same_time_all_count(empty_store: Store) -> None:
    app = await create_spring_app(empty_store)
    days = [build_stay("a", f"2024-03-{day}T10:00:00Z") for day in range(10, 16)]
    batches = await asyncio.gather(*(app.ingest_events("stays", days[at:]) for at in range(len(days))))
    assert sum(batch["accepted"] for batch in batches) == len(days)
    assert len(await read_stays(app)) == len(days)


# -- people ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
async def test_erasing_people_leaves_no_trace_in_facts(empty_store: Store) -> None:
    """Check that facts are as if the people had never existed."""
    app, erased = await create_spring_app(empty_store), {"user-03", "device-05"}
    await app.ingest_all(app.tenant.events)
    for name in erased:
        await app.ingest.erase_user(app.application, name)

    def keep_others(events: Sequence[Any]) -> list[Any]:
        return [event for event in events if getattr(event, "user", getattr(event, "device", None)) not in erased]

    kinds = ("panelists", "stays", "detections", "touches", "visits", "purchases")
    changed: dict[str, Any] = {kind: keep_others(getattr(app.truth, kind)) for kind in kinds}
    without = replace(app.truth, **changed)
    assert_tables(await app.read_tables(), without, *ALL)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["pings", "detections", "stays"])
async def test_an_event_counts_whoever_else_has_its_id(empty_store: Store, kind: str) -> None:
    """Send an event of one person, and one of another with the same id, which makes a long stay longer; erase one."""
    app = await create_spring_app(empty_store)
    person = "device" if kind == "detections" else "user"
    site, equipment = app.truth.sites[0], app.truth.equipments[0]
    details_by_kind: dict[str, Json] = {
        "pings": {"lng": LYON[0], "lat": LYON[1]},
        "detections": {"equipment": equipment.key},
        "stays": {"site": site.key, "zone": "indoor", "duration_s": 600},
    }
    time_field = "start" if kind == "stays" else "at"
    start = datetime(2024, 3, 26, 10, tzinfo=UTC)

    def build_event(name: str, minute: int, **fields: Any) -> Json:
        return details_by_kind[kind] | {
            person: name,
            time_field: (start + timedelta(minutes=minute)).isoformat(),
            **fields,
        }

    long = range(0, 3 * 24 * 60, 5)  # three days
    elsewhere = {"lat": 10.0} if kind == "pings" else {}
    await app.ingest_events(kind, [build_event("ann", long[-1] + 5, id="x", **elsewhere)])
    events = [build_event("bob", minute) for minute in long]
    await app.ingest_events(kind, [*events, build_event("bob", long[-1] + 5, id="x")])
    table = PRESENCE_STAYS.table if kind == "detections" else GEO_STAYS.table

    async def sum_dwell_s() -> int:
        rows = await read_rows(app, table)
        return sum(row["dwell_s"] for row in {row["start"]: row for row in rows}.values())

    expected = 600 * (len(long) + 1) if kind == "stays" else 300 * len(long)
    assert await sum_dwell_s() == expected
    await app.ingest.erase_user(app.application, "ann")
    assert await sum_dwell_s() == expected
    await app.ingest.rebuild(app.application)
    assert await sum_dwell_s() == expected


async def test_names_of_people_are_not_stored_in_clear(tmp_path: Path) -> None:
    """Check the files of the store for a name in a valid line and in an invalid one."""
    store = open_store(f"duckdb:{tmp_path / 'okube.duckdb'}", SCHEMA)
    await store.start()
    app = await create_spring_app(store)
    valid, invalid = json.dumps(build_stay("zaphod", "2024-03-28T10:00:00Z")), '{"user":"zaphod","start":'
    batch = await app.ingest_text("stays", f"{valid}\n{invalid}\n")
    assert [line["text"] async for line in app.ingest.stream_rejected(batch)] == [invalid]
    await store.close()
    assert find_files_with(tmp_path, b"events_stays")
    assert not find_files_with(tmp_path, b"zaphod")


def find_files_with(folder: Path, text: bytes) -> list[Path]:
    """Return the files that contain a text."""
    return [path for path in folder.rglob("*") if path.is_file() and text in path.read_bytes()]


async def test_another_secret_finds_no_user(empty_store: Store) -> None:
    app = await create_spring_app(empty_store)
    await app.ingest_events("stays", [build_stay("a", "2024-03-28T10:00:00Z")])
    rejected = await app.ingest_text("stays", "{}\n")
    stranger = Ingest(empty_store, get_fixed_time, b"another secret, as long as the first one")
    with pytest.raises(Impossible):
        [line async for line in stranger.stream_rejected(rejected)]
    await stranger.erase_user(app.application, "a")
    assert len(await read_stays(app)) == 1
    assert [
        line async for line in app.ingest.stream_rejected(rejected)
    ] == []  # whether it names "a" is unknown, so it is deleted


# -- work that is resumed while the server runs ------------------------------------------------------------------


async def test_work_that_failed_is_resumed_at_the_next_tick(empty_store: Store) -> None:
    """Leave a batch waiting and another one half removed, as a database that stops does."""
    app = await create_spring_app(empty_store)
    removed = await app.ingest_events("stays", [build_stay("a", "2024-03-28T10:00:00Z")])
    await app.ingest.batches.update(removed, {"state": State.REMOVING})
    waiting = await app.load("stays", [build_stay("b", "2024-03-28T10:00:00Z")])
    await app.ingest.resume()
    (batch,) = await app.ingest.batches.find_in_states(*State)
    assert (batch["_id"], batch["state"], batch["accepted"]) == (waiting["_id"], "visible", 1)
    assert [dwell for _, dwell, _ in await read_stays(app)] == [600]


async def test_two_processes_publish_a_batch_once(empty_store: Store) -> None:
    app = await create_spring_app(empty_store)
    rivals = [Ingest(empty_store, get_fixed_time, SECRET) for _ in range(2)]
    batch = await app.load("stays", [build_stay("a", "2024-03-28T10:00:00Z")])
    await asyncio.gather(
        app.ingest.publish(app.application, [batch]), *(rival.publish(app.application, [batch]) for rival in rivals)
    )
    assert len(await read_stays(app)) == 1
    (batch,) = await app.ingest.batches.find_in_states(*State)
    assert (batch["state"], batch["accepted"], batch["duplicate"]) == ("visible", 1, 0)


async def test_resuming_leaves_out_applications_on_which_somebody_works(empty_store: Store) -> None:
    app = await create_spring_app(empty_store)
    await app.load("stays", [build_stay("a", "2024-03-28T10:00:00Z")])
    async with app.ingest._leases.hold(app.application.id):
        await app.ingest.resume()
        assert len(await app.ingest.batches.find_in_states(State.WAITING)) == 1
    await app.ingest.resume()
    assert len(await app.ingest.batches.find_in_states(State.VISIBLE)) == 1


async def test_file_of_an_interrupted_batch_is_refused_at_its_end(empty_store: Store) -> None:
    """Interrupt a batch while its process is stopped; when it goes on, no event counts."""
    app = await create_spring_app(empty_store)
    later = Ingest(empty_store, lambda: NOW + ABANDONED_AFTER + timedelta(seconds=1), SECRET)

    async def stream() -> AsyncIterator[bytes]:
        yield f"{json.dumps(build_stay('a', '2024-03-28T10:00:00Z'))}\n".encode()
        await later.resume()

    with pytest.raises(RequestConflict, match="interrupted"):
        await app.ingest.ingest(app.application, "stays", EventFile(stream(), Format.NDJSON))
    assert await read_stays(app) == []


async def test_batches_of_an_ended_process_are_interrupted_at_once(empty_store: Store) -> None:
    app = await create_spring_app(empty_store)
    await app.ingest.batches.create(app.application.id, "areas", {})
    await app.ingest.interrupt_received()
    (batch,) = await app.ingest.batches.find_in_states(*State)
    assert batch["state"] == "interrupted"
    await app.ingest.remove_batch(app.application, batch)
    assert await app.ingest.batches.find_in_states(*State) == []
