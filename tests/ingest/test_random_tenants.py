"""Smoke test of the whole ingest with random small tenants.

Files of any format are sent in any order; batches are removed or sent again.  Then every table must equal what plain
Python computes from the events that count, and a rebuild must give the same table.  `OKUBE_FUZZ` sets the number of
examples.
"""

import asyncio
import os
from collections.abc import Sequence
from itertools import count
from random import Random

import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from okube_api.catalogue.facts import FACTS, PANELISTS
from okube_api.ingest.load.file_blocks import EventFile
from okube_api.ingest.refresh.user_slice import SLICED_KINDS
from okube_api.store.conditions import equal
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Store
from okube_api.store.values import Json
from okube_api.store_schema import SCHEMA

from tests.ingest import strategies
from tests.ingest.event_truth import Batch, build_truth, count_accepted, drop_user
from tests.ingest.expected import ALL, assert_tables
from tests.ingest.ingest_app import IngestApp, stream_chunks
from tests.ingest.strategies import SmallWorld, small_events
from tests.truth.tenant import Tenant

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

NUMBERS = count(0x1000)
EXAMPLES = int(os.environ.get("OKUBE_FUZZ", "2"))
DISTURBANCES = ("remove", "send again", "mistake", "erase", "rebuild")
DERIVED = (PANELISTS, *(table for fact in FACTS for table in fact.tables))


class History:
    """What was sent to an application, and which batches count."""

    def __init__(self, app: IngestApp, world: SmallWorld, dice: Random) -> None:
        self.app, self.world, self.dice = app, world, dice
        self.live: list[Batch] = []
        self._documents: dict[int, Json] = {}

    async def send(self, files: Sequence[tuple[str, Sequence[Json]]]) -> None:
        """Load files, publish them together, and check the counts of their batches."""
        is_small = self.dice.random() < 0.5
        sent, bad_lines = [], []
        for kind, events in files:
            bad_lines.append(self.dice.choice((0, 0, 0, 2)))
            file_format, data = strategies.write_file(self.dice, self.world, Batch(0, kind, events), bad_lines[-1])
            size = len(data) if is_small else None
            sent.append((kind, EventFile(stream_chunks(data, self.dice.choice((7, 777))), file_format, size=size)))
        if is_small:
            requests = (self.app.ingest.ingest(self.app.application, kind, file) for kind, file in sent)
            published = await asyncio.gather(*requests)
        else:
            loaded = [await self.app.ingest.load(self.app.application, kind, file) for kind, file in sent]
            published = await self.app.ingest.publish(self.app.application, loaded)
        by_number = sorted(zip(published, files, bad_lines, strict=True), key=lambda each: int(each[0]["number"]))
        for document, (kind, events), rejected in by_number:
            batch = Batch(document["number"], kind, events)
            new = count_accepted(batch, self.live)
            counts = document["accepted"], document["duplicate"], document["rejected"]
            assert counts == (new, len(events) - new, rejected), (batch, document["reasons"])
            self.live.append(batch)
            self._documents[batch.number] = document

    async def remove(self, batch: Batch) -> None:
        """Remove a batch."""
        await self.app.ingest.remove_batch(self.app.application, self._documents[batch.number])
        self.live = [other for other in self.live if other.number != batch.number]

    async def disturb(self, disturbance: str) -> None:
        """Remove, resend, send by mistake, erase or rebuild something between two files."""
        if not self.live:
            return
        batch = self.dice.choice(self.live)
        if disturbance == "remove":
            await self.remove(batch)
        elif disturbance == "send again":
            await self.send([(batch.kind, batch.events)])
        elif disturbance == "mistake":
            another = {"user": "ann", "device": "d0"}
            events = [{name: another.get(name, value) for name, value in event.items()} for event in batch.events]
            await self.send([(batch.kind, events)])
            await self.remove(self.live[-1])
        elif disturbance == "erase":
            name = self.dice.choice((*strategies.USERS, *strategies.DEVICES))
            await self.app.ingest.erase_user(self.app.application, name)
            self.live = drop_user(self.live, name)
        else:
            await self.app.ingest.rebuild(self.app.application)


async def send_everything(history: History, events_by_kind: dict[str, list[Json]]) -> None:
    """Send all events in any order, with disturbances in between.

    In half of the cases, what makes whole days be refreshed comes first, so that the later files, each of few users,
    correct rollups that nothing replaces afterwards.
    """
    dice = history.dice
    files = [
        (kind, part)
        for kind, events in events_by_kind.items()
        for part in strategies.split_into_files(dice, kind, events)
    ]
    dice.shuffle(files)
    if dice.random() < 0.5:
        files.sort(key=lambda file: file[0] in SLICED_KINDS)
    between = dice.sample(DISTURBANCES, dice.randrange(4))
    while files:
        together = dice.choice((1, 3, 12))
        await history.send(files[:together])
        del files[:together]
        if between:
            await history.disturb(between.pop())


async def dump_tables(app: IngestApp) -> dict[str, list[bytes]]:
    """Return every derived table as stored, its rows as sorted bytes."""
    dump = {}
    async with app.store.open_reader(app.application.id) as reader:
        for table in DERIVED:
            blocks = [block async for block in reader.read_parts(table, -(2**31), 2**31 - 1)]
            rows = [
                row for block in blocks for row in block.drop_columns(["batch"] if table.packed else []).to_pylist()
            ]
            dump[table.name] = sorted(repr(sorted(row.items())).encode() for row in rows)
    return dump


async def destroy_days(app: IngestApp, dice: Random) -> None:
    """Delete some of the days of every fact and of its rollups."""
    async with app.store.begin_change(app.application.id, f"destroyed {next(NUMBERS)}") as change:
        for table in DERIVED:
            parts = [part for part in await change.list_parts(table) if dice.random() < 0.5]
            kinds = {name: kind for name, kind in get_stored_types(table).items() if name != "batch"}
            if parts:
                await change.replace(table, parts, pa.Table.from_pylist([], make_arrow_schema(kinds)))
        await change.commit()


@st.composite
def draw_tenants(draw: st.DrawFn) -> tuple[SmallWorld, dict[str, list[Json]]]:
    """Draw a small world with an id of its own, and its events."""
    radius = st.sampled_from((3, 40, 70, 150))
    timezone = draw(st.sampled_from((None, "America/New_York", "Pacific/Kiritimati")))
    world = strategies.build_small_world(next(NUMBERS), draw(st.tuples(radius, radius, radius)), timezone)
    return world, draw(small_events(world))


@settings(max_examples=EXAMPLES, phases=(Phase.explicit, Phase.reuse, Phase.generate))  # shrinking takes minutes
@given(draw_tenants(), st.integers(0, 2**32))
async def test_every_table_is_what_plain_python_makes(
    shared_store: Store, tenant: tuple[SmallWorld, dict[str, list[Json]]], seed: int
) -> None:
    """Check facts, rollups with their sets, and the panel; then rebuild them byte for byte after half are deleted."""
    (world, events_by_kind), dice = tenant, Random(seed)
    app = await IngestApp(shared_store, Tenant(world.id, world.id, "Small", {}, world.truth, {})).create_documents(
        world.cells
    )
    try:
        history = History(app, world, dice)
        await send_everything(history, events_by_kind)
        app.truth = build_truth(world.truth, history.live, world.cells)
        assert_tables(await app.read_tables(), app.truth, *ALL)
        before = await dump_tables(app)
        await destroy_days(app, dice)
        await app.ingest.rebuild(app.application)
        assert await dump_tables(app) == before
    finally:
        await shared_store.delete_rows(world.id)
        for collection in SCHEMA.collections:
            owner = "application" if "application" in collection.fields else "_id"
            await shared_store.delete(collection, equal(owner, world.id))
