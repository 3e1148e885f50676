"""A store with the events of a tenant in batches, and the facts that a change of batches makes of them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from random import Random
from typing import Any

import pyarrow as pa
from okube_api.catalogue.facts import FACTS, Fact
from okube_api.ingest.derive.place_index import index_places
from okube_api.ingest.events.tables import TABLES
from okube_api.ingest.raw.reader import BatchDelta
from okube_api.ingest.refresh.context import DerivationContext, RefreshTask
from okube_api.ingest.refresh.day_ranges import joined
from okube_api.kit.application import ApplicationSettings
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Change, Store
from okube_api.store.schema import Schema, Table

from tests.by_hand.truth import Delivery, Truth
from tests.engine.numbering import bucket_numbers
from tests.engine.rows import rollup
from tests.ingest.derive import tables as made

Row = dict[str, Any]
SCHEMA = Schema(tables=(*(table for fact in FACTS for table in fact.tables), *TABLES))
APPLICATION = "5e18"
DAY_MS = 86_400_000

Rebuild = Callable[[Change, Mapping[str, RefreshTask]], Awaitable[None]]


def spring(truth: Truth) -> Truth:
    """What happened around the end of March 2024 alone: a few weeks, with a change of clocks."""

    def early(one: Any) -> bool:
        day = one.day if isinstance(one, Delivery) else one.at.date()
        return date(2024, 1, 1) < day < date(2024, 7, 1)

    return replace(
        truth,
        detections=list(filter(early, truth.detections)),
        touches=list(filter(early, truth.touches)),
        deliveries=list(filter(early, truth.deliveries)),
        visits=list(filter(early, truth.visits)),
        purchases=list(filter(early, truth.purchases)),
    )


def told(truth: Truth) -> DerivationContext:
    """What the documents say; settings are the usual ones."""
    setting = made.setting(truth)
    ground = index_places([], [], truth.timezone)
    return DerivationContext(
        truth.timezone, ApplicationSettings(), ground, setting.sites, made.equipments(truth), setting.windows
    )


def event_rows(table: Table, events: pa.Table, **more: list[Any]) -> list[Row]:
    """Events as they are kept; what they do not have is null."""
    names = [column.name for column in table.columns]
    found = [{**dict.fromkeys(names), "part": row["at"] // DAY_MS + 1, **row} for row in events.to_pylist()]
    for name, values in more.items():
        for row, value in zip(found, values, strict=True):
            row[name] = value
    return found


class Kept:
    """Applies batches to a store one by one, as the ingest does."""

    def __init__(self, store: Store, rebuild: Rebuild) -> None:
        self._store, self._rebuild = store, rebuild
        self._live: dict[int, Mapping[str, tuple[Table, list[Row]]]] = {}
        self._changes = 0

    async def take(self, number: int, events: Mapping[str, tuple[Table, list[Row]]]) -> None:
        """A new batch: kind -> its table and rows."""
        self._live[number] = events
        await self._change(number, events, BatchDelta(frozenset(self._live), added=frozenset({number})))

    async def take_back(self, number: int) -> None:
        """Removes a batch."""
        events = self._live.pop(number)
        await self._change(number, events, BatchDelta(frozenset(self._live), removed=frozenset({number})))

    async def all_again(self, kinds: Iterable[str], also: Iterable[int]) -> None:
        """Writes everything anew, whatever changed."""
        spans = {kind: [_span for _, events in self._live.items() for _span in _spans(events, kind)] for kind in kinds}
        sides = BatchDelta(frozenset(self._live))
        tasks = {kind: RefreshTask(sides, joined(found), frozenset(also)) for kind, found in spans.items()}
        await self._run({}, 0, tasks)

    async def _change(self, number: int, events: Mapping[str, tuple[Table, list[Row]]], sides: BatchDelta) -> None:
        tasks = {kind: RefreshTask(sides, joined(_spans(events, kind))) for kind in events}
        await self._run(events if sides.added else {}, number, tasks)

    async def _run(
        self, events: Mapping[str, tuple[Table, list[Row]]], number: int, tasks: Mapping[str, RefreshTask]
    ) -> None:
        self._changes += 1
        async with self._store.begin_change(APPLICATION, f"change-{self._changes}") as change:
            for table, rows in events.values():
                kinds = {name: kind for name, kind in get_stored_types(table).items() if name != "batch"}
                await change.append(table, number, pa.Table.from_pylist(rows, make_arrow_schema(kinds)))
            await self._rebuild(change, tasks)
            await change.commit()

    async def rows(self, table: Table) -> list[Row]:
        """Everything in a table, as it is kept."""
        async with self._store.open_reader(APPLICATION) as reader:
            return [row async for block in reader.read_parts(table, 0, 100_000) for row in block.to_pylist()]


def _spans(events: Mapping[str, tuple[Table, list[Row]]], kind: str) -> list[tuple[int, int]]:
    return [(row["part"], row["part"]) for row in (events[kind][1] if kind in events else ())]


def batches(kinds: Mapping[str, tuple[Table, list[Row]]], number: int, seed: int) -> list[dict[str, Any]]:
    """The events dealt into so many batches, a few of them into two."""
    dice = Random(seed)
    found: list[dict[str, tuple[Table, list[Row]]]] = [
        {kind: (table, []) for kind, (table, _) in kinds.items()} for _ in range(number)
    ]
    for kind, (_, rows) in kinds.items():
        for row in rows:
            for to in {dice.randrange(number), *([dice.randrange(number)] if dice.random() < 0.1 else [])}:
                found[to][kind][1].append(row)
    return found


def canonical(rows: Iterable[Row]) -> list[str]:
    """Rows to be compared whatever their order."""
    return sorted(repr(sorted(row.items())) for row in rows)


async def assert_kept(kept: Kept, fact: Fact, expected: list[Row]) -> None:
    """The fact's rows and all its rollups are those expected (rows with `day`, without the other bucket numbers)."""
    rows = [bucket_numbers(row["day"]) | row for row in expected]
    if fact.is_stored:
        assert canonical(await kept.rows(fact.table)) == canonical(rows), fact.name
    for grain in fact.grains:
        for span in grain.spans:
            table = fact.rollup(grain, span)
            assert canonical(await kept.rows(table)) == canonical(rollup(fact, grain, span, rows)), table.name
