"""Random small tenants through the whole ingest: whatever was sent, in which order, cut and format, whatever was taken
back or sent again, every table is what plain Python makes of the events that are left, and can be made anew."""

import os
from collections.abc import Sequence
from itertools import count
from random import Random

import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as some
from okube_api.catalogue.facts import FACTS, PANELISTS
from okube_api.ingest.load.file_blocks import EventFile
from okube_api.store.conditions import equal
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Store
from okube_api.store.schema import Table
from okube_api.store.values import Json
from okube_api.store_schema import SCHEMA

from tests.ingest import strategies
from tests.ingest.event_truth import Batch, build_truth, count_accepted, drop_user
from tests.ingest.expected import ALL, assert_tables
from tests.ingest.ingest_app import IngestApp, stream_chunks
from tests.ingest.strategies import SmallWorld, small_events
from tests.truth.tenant import Tenant

pytestmark = pytest.mark.anyio

NUMBERS = count(0x1000)
EXAMPLES = int(os.environ.get("OKUBE_FUZZ", "2"))
DISTURBANCES = ("take back", "send again", "mistake", "erase", "rebuild")
DERIVED = (PANELISTS, *(table for fact in FACTS for table in fact.tables))


class History:
    """What was sent to a tenant, and what of it counts."""

    def __init__(self, land: IngestApp, where: SmallWorld, dice: Random) -> None:
        self.land, self.where, self.dice = land, where, dice
        self.live: list[Batch] = []
        self._documents: dict[int, Json] = {}

    async def send(self, files: Sequence[tuple[str, Sequence[Json]]]) -> None:
        """Takes files, shown in one step."""
        received, bad = [], []
        for kind, events in files:
            bad.append(self.dice.choice((0, 0, 0, 2)))
            shape, data = strategies.write_file(self.dice, self.where, Batch(0, kind, events), bad[-1])
            source = EventFile(stream_chunks(data, self.dice.choice((7, 777))), shape)
            received.append(await self.land.ingest.load(self.land.application, kind, source))
        shown = await self.land.ingest.publish(self.land.application, received)
        for batch, (kind, events), rejected in zip(shown, files, bad, strict=True):
            one = Batch(batch["number"], kind, events)
            new = count_accepted(one, self.live)
            counts = batch["accepted"], batch["duplicate"], batch["rejected"]
            assert counts == (new, len(events) - new, rejected), (one, batch["reasons"])
            self.live.append(one)
            self._documents[one.number] = batch

    async def take_back(self, batch: Batch) -> None:
        """Removes a batch."""
        await self.land.ingest.remove_batch(self.land.application, self._documents[batch.number])
        self.live = [one for one in self.live if one.number != batch.number]

    async def disturb(self, what: str) -> None:
        """Something that happens between two files."""
        if not self.live:
            return
        batch = self.dice.choice(self.live)
        if what == "take back":
            await self.take_back(batch)
        elif what == "send again":
            await self.send([(batch.kind, batch.events)])
        elif what == "mistake":
            another = {"user": "ann", "device": "d0"}
            events = [{name: another.get(name, value) for name, value in one.items()} for one in batch.events]
            await self.send([(batch.kind, events)])
            await self.take_back(self.live[-1])
        elif what == "erase":
            name = self.dice.choice((*strategies.USERS, *strategies.DEVICES))
            await self.land.ingest.erase_user(self.land.application, name)
            self.live = drop_user(self.live, name)
        else:
            await self.land.ingest.rebuild(self.land.application)


async def played(history: History, happened: dict[str, list[Json]]) -> None:
    """Everything that happened is sent, in any order, with what comes between."""
    dice = history.dice
    files = [(kind, part) for kind, events in happened.items() for part in strategies.deal_files(dice, kind, events)]
    dice.shuffle(files)
    between = dice.sample(DISTURBANCES, dice.randrange(4))
    while files:
        together = dice.randrange(1, 13)
        await history.send(files[:together])
        del files[:together]
        if between:
            await history.disturb(between.pop())


async def dumped(land: IngestApp) -> dict[str, list[bytes]]:
    """Every derived table as it is kept, its rows as sorted bytes."""
    found = {}
    async with land.store.open_reader(land.application.id) as reader:
        for table in DERIVED:
            blocks = [block async for block in reader.read_parts(table, -(2**31), 2**31 - 1)]
            rows = [row for block in blocks for row in block.drop_columns(_unsaid(table)).to_pylist()]
            found[table.name] = sorted(repr(sorted(row.items())).encode() for row in rows)
    return found


def _unsaid(table: Table) -> list[str]:
    return ["batch"] if table.packed else []


async def wreck(land: IngestApp, dice: Random) -> None:
    """Some of the days of every fact, and of its rollups, are lost."""
    async with land.store.begin_change(land.application.id, f"wrecked {next(NUMBERS)}") as change:
        for table in DERIVED:
            parts = [part for part in await change.list_parts(table) if dice.random() < 0.5]
            kinds = {name: kind for name, kind in get_stored_types(table).items() if name != "batch"}
            if parts:
                await change.replace(table, parts, pa.Table.from_pylist([], make_arrow_schema(kinds)))
        await change.commit()


@some.composite
def tenants(draw: some.DrawFn) -> tuple[SmallWorld, dict[str, list[Json]]]:
    """A ground of its own, and what happens on it."""
    radius = some.sampled_from((3, 40, 70, 150))
    zone = draw(some.sampled_from((None, "America/New_York", "Pacific/Kiritimati")))
    where = strategies.build_small_world(next(NUMBERS), draw(some.tuples(radius, radius, radius)), zone)
    return where, draw(small_events(where))


@settings(max_examples=EXAMPLES, phases=(Phase.explicit, Phase.reuse, Phase.generate))  # shrinking takes minutes
@given(tenants(), some.integers(0, 2**32))
async def test_every_table_is_what_plain_python_makes(
    shared_store: Store, tenant: tuple[SmallWorld, dict[str, list[Json]]], seed: int
) -> None:
    """Facts, rollups with their sets, and the panel; then, half of them lost, they are rebuilt byte for byte."""
    (where, happened), dice = tenant, Random(seed)
    land = await IngestApp(shared_store, Tenant(where.id, where.id, "Small", {}, where.truth, {})).create_documents(
        where.cells
    )
    try:
        history = History(land, where, dice)
        await played(history, happened)
        land.truth = build_truth(where.truth, history.live, where.cells)
        assert_tables(await land.read_tables(), land.truth, *ALL)
        before = await dumped(land)
        await wreck(land, dice)
        await land.ingest.rebuild(land.application)
        assert await dumped(land) == before
    finally:
        await shared_store.delete_rows(where.id)
        for collection in SCHEMA.collections:
            owner = "application" if "application" in collection.fields else "_id"
            await shared_store.delete(collection, equal(owner, where.id))
