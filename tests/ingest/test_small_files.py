"""Test that small files that come at the same time are stored in one change, each with an answer of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import pytest
from okube_api.catalogue.fact import Span
from okube_api.catalogue.facts import OUTCOMES
from okube_api.errors import Refusal
from okube_api.ingest.batches import State
from okube_api.kit.creation_ids import CREATION_IDS, CreationIds
from okube_api.store.errors import Unavailable
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Change, Store
from okube_api.store.values import Json

from tests.ingest.event_truth import Batch, build_truth
from tests.ingest.expected import assert_tables
from tests.ingest.ingest_app import IngestApp, build_small_file, with_new_id
from tests.ingest.spring import create_spring_app
from tests.ingest.strategies import build_small_world
from tests.truth.tenant import Tenant

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

FILES = 30


class CountingStore:
    """A store that counts its changes, and whose process stops after the commit of one of them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.changes, self.stops_after_commit = 0, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @asynccontextmanager
    async def begin_change(self, application: str, name: str) -> AsyncIterator[Change]:
        """Begin a change."""
        self.changes += 1
        async with self._store.begin_change(application, name) as change:
            yield change
        if self.stops_after_commit:
            raise Unavailable("The process stopped.")


@pytest.fixture
async def app(empty_store: Store) -> IngestApp:
    """Provide the documents of the spring in a store that counts changes."""
    store: Any = CountingStore(empty_store)
    return await create_spring_app(store)


def build_visit(number: int) -> Json:
    """Return a visit of a user of its own."""
    return {"user": f"u{number}", "site": "lyon-2", "at": "2024-03-28T10:00:00Z"}


async def test_files_at_the_same_time_share_changes(app: IngestApp) -> None:
    """Check the batches, that no number is given twice, and that later files waited for one change together."""
    files = [build_small_file(build_visit(number), build_visit(number)) for number in range(FILES)]
    batches = await asyncio.gather(*(app.ingest.ingest(app.application, "visits", file) for file in files))
    assert len({batch["number"] for batch in batches}) == FILES
    assert {(batch["state"], batch["accepted"], batch["duplicate"]) for batch in batches} == {(State.VISIBLE, 1, 1)}
    stored = [await app.ingest.batches.get_batch(app.application.id, batch["_id"]) for batch in batches]
    assert stored == batches
    counting: Any = app.store
    assert counting.changes < FILES / 2


async def test_a_refused_file_does_not_affect_the_others(app: IngestApp) -> None:
    """Send a file with an invalid line, which must be valid as a whole, between others."""
    files = [
        build_small_file(build_visit(0)),
        build_small_file(build_visit(1), {"user": "x"}),
        build_small_file(build_visit(2)),
    ]
    requests = (app.ingest.ingest(app.application, "visits", file, atomic=True) for file in files)
    first, refused, last = await asyncio.gather(*requests, return_exceptions=True)
    assert isinstance(refused, Refusal)
    assert [batch["accepted"] for batch in (first, last) if isinstance(batch, dict)] == [1, 1]
    (batch,) = await app.ingest.batches.find_in_states(State.REFUSED, application=app.application.id)
    assert (batch["rejected"], batch["accepted"]) == (1, 0)


async def test_a_cancelled_request_does_not_stop_the_others(app: IngestApp) -> None:
    """Cancel the first of the requests while the others wait for it."""
    tasks = [
        asyncio.create_task(app.ingest.ingest(app.application, "visits", build_small_file(build_visit(number))))
        for number in range(5)
    ]
    await asyncio.sleep(0.01)
    tasks[0].cancel()
    batches = await asyncio.gather(*tasks[1:])
    assert {batch["accepted"] for batch in batches} == {1}


@pytest.mark.parametrize("sent_again", [False, True])
async def test_events_that_were_committed_are_visible_after_a_stop(app: IngestApp, *, sent_again: bool) -> None:
    """Stop between the commit and the last write of the batch; then resume, and perhaps send the file again."""
    counting: Any = app.store
    counting.stops_after_commit = True
    with pytest.raises(Unavailable):
        await app.ingest.ingest(app.application, "visits", build_small_file(build_visit(1)))
    counting.stops_after_commit = False
    await app.ingest.resume()
    (batch,) = await app.ingest.batches.find_in_states(*State, application=app.application.id)
    assert (batch["state"], batch["accepted"]) == (State.VISIBLE, 1)
    if sent_again:
        again = await app.ingest.ingest(app.application, "visits", build_small_file(build_visit(1)))
        assert (again["accepted"], again["duplicate"]) == (0, 1)


async def test_incomplete_rollups_are_completed_by_whole_days(app: IngestApp) -> None:
    """Delete the rollups of a month, as if a new version had added them, and send another visit of a user."""
    await app.ingest.ingest(app.application, "visits", build_small_file(build_visit(1), build_visit(2)))
    month = OUTCOMES.rollup(OUTCOMES.grains[0], Span.MONTH)
    async with app.store.begin_change(app.application.id, "deleted") as change:
        parts = await change.list_parts(month)
        types = {name: kind for name, kind in get_stored_types(month).items() if name != "batch"}
        await change.replace(month, parts, make_arrow_schema(types).empty_table())
        await change.commit()
    batch = await app.ingest.ingest(
        app.application, "visits", build_small_file(build_visit(1) | {"at": "2024-03-29T10:00:00Z"})
    )
    assert (batch["state"], batch["accepted"]) == (State.VISIBLE, 1)
    async with app.store.open_reader(app.application.id) as reader:
        (rows,) = [block async for block in reader.read_parts(month, parts[0], parts[0])]
    assert rows["visits"].to_pylist() == [3]


async def test_a_repeated_request_finds_what_was_committed(app: IngestApp) -> None:
    """Stop between the commit and the last write of the batch; then repeat the request with its idempotency key."""
    counting: Any = app.store
    counting.stops_after_commit = True
    attempt = partial(CreationIds, b"seed", 1_700_000_000, secret_key=b"secret")
    token = CREATION_IDS.set(attempt())
    with pytest.raises(Unavailable):
        await app.ingest.ingest(app.application, "visits", build_small_file(build_visit(1)))
    counting.stops_after_commit = False
    CREATION_IDS.set(attempt(is_repeated=True))
    again = await app.ingest.ingest(app.application, "visits", build_small_file(build_visit(1)))
    CREATION_IDS.reset(token)
    assert (again["state"], again["accepted"], again["duplicate"]) == (State.VISIBLE, 1, 0)
    assert await app.ingest.batches.find_in_states(*State, application=app.application.id) == [again]


@pytest.mark.parametrize("is_removed", [False, True])
async def test_steps_that_nobody_takes_any_longer_disappear(empty_store: Store, *, is_removed: bool) -> None:
    """Let a late detection lead a device on to another equipment, or remove all its detections, for its user alone."""
    world = build_small_world(0x5E9, (40, 40, 40), None)
    tenant = Tenant(world.id, world.id, "Small", {}, world.truth, {})
    app = await IngestApp(empty_store, with_new_id(tenant)).create_documents(world.cells)
    first, second, third = (equipment.id for equipment in world.truth.equipments)
    stay = [build_detection("d0", first, 0), build_detection("d0", first, 9)]
    other = [build_detection("d1", third, 0), build_detection("d1", third, 5)]
    late = [build_detection("d0", second, 11)]
    files = [stay, other] if is_removed else [stay, other, late]
    sent = [await app.ingest.ingest(app.application, "detections", build_small_file(*file)) for file in files]
    if is_removed:
        await app.ingest.remove_batch(app.application, sent[0])
    live = [Batch(number, "detections", file) for number, file in enumerate([other] if is_removed else files)]
    app.truth = build_truth(world.truth, live, world.cells)
    assert_tables(await app.read_tables(), app.truth, "presence")


def build_detection(device: str, equipment: str, minute: int) -> Json:
    """Return a detection on a morning."""
    return {"device": device, "equipment": equipment, "at": f"2024-03-28T10:{minute:02}:00Z"}
