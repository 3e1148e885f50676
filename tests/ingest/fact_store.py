"""A store to which batches of events are added and from which they are removed, with one refresh of facts."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from random import Random
from typing import Any

import pyarrow as pa
from okube_api.catalogue.fact import Fact
from okube_api.catalogue.facts import FACTS
from okube_api.ingest.derive.place_index import index_places
from okube_api.ingest.events.tables import TABLES as RAW_TABLES
from okube_api.ingest.raw.reader import BatchDelta
from okube_api.ingest.refresh.context import DerivationContext, RefreshTask
from okube_api.kit.application import ApplicationSettings
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Change, Store
from okube_api.store.ranges import join_ranges
from okube_api.store.schema import Schema, Table

from tests.by_hand.truth import Truth
from tests.engine.numbering import bucket_numbers
from tests.engine.rows import build_rollup
from tests.ingest.derive import tables
from tests.ingest.rows import Row, to_comparable

SCHEMA = Schema(tables=(*(table for fact in FACTS for table in fact.tables), *RAW_TABLES))
APPLICATION = "5e18"
DAY_MS = 86_400_000

Rebuild = Callable[[Change, Mapping[str, RefreshTask]], Awaitable[None]]


def build_context(truth: Truth) -> DerivationContext:
    """Return the context of a truth without places, with the default settings."""
    setting = tables.build_inputs(truth)
    places = index_places([], [], truth.timezone)
    return DerivationContext(
        truth.timezone, ApplicationSettings(), places, setting.sites, tables.build_equipments(truth), setting.windows
    )


def build_event_rows(table: Table, events: pa.Table, **columns: list[Any]) -> list[Row]:
    """Return events as rows of a raw table; columns that they do not have are null."""
    names = [column.name for column in table.columns]
    rows = [{**dict.fromkeys(names), "part": row["at"] // DAY_MS + 1, **row} for row in events.to_pylist()]
    for name, values in columns.items():
        for row, value in zip(rows, values, strict=True):
            row[name] = value
    return rows


class FactStore:
    """Adds and removes batches one by one, as the ingest does."""

    def __init__(self, store: Store, rebuild: Rebuild) -> None:
        self._store, self._rebuild = store, rebuild
        self._live: dict[int, Mapping[str, tuple[Table, list[Row]]]] = {}
        self._changes = 0

    async def add(self, number: int, events: Mapping[str, tuple[Table, list[Row]]]) -> None:
        """Add a batch: by kind, the raw table and its rows."""
        self._live[number] = events
        await self._change(number, events, BatchDelta(frozenset(self._live), added=frozenset({number})))

    async def remove(self, number: int) -> None:
        """Remove a batch."""
        events = self._live.pop(number)
        await self._change(number, events, BatchDelta(frozenset(self._live), removed=frozenset({number})))

    async def rebuild_all(self, kinds: Iterable[str], also: Iterable[int]) -> None:
        """Rebuild the facts of all events of some kinds, and on further days, although no batch changed."""
        spans = {kind: [span for events in self._live.values() for span in _list_days(events, kind)] for kind in kinds}
        delta = BatchDelta(frozenset(self._live))
        tasks = {kind: RefreshTask(delta, join_ranges(days), frozenset(also)) for kind, days in spans.items()}
        await self._run({}, 0, tasks)

    async def _change(self, number: int, events: Mapping[str, tuple[Table, list[Row]]], delta: BatchDelta) -> None:
        tasks = {kind: RefreshTask(delta, join_ranges(_list_days(events, kind))) for kind in events}
        await self._run(events if delta.added else {}, number, tasks)

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

    async def read_rows(self, table: Table) -> list[Row]:
        """Return all rows of a table, as stored."""
        async with self._store.open_reader(APPLICATION) as reader:
            return [row async for block in reader.read_parts(table, 0, 100_000) for row in block.to_pylist()]


def _list_days(events: Mapping[str, tuple[Table, list[Row]]], kind: str) -> list[tuple[int, int]]:
    return [(row["part"], row["part"]) for row in (events[kind][1] if kind in events else ())]


def split_into_batches(kinds: Mapping[str, tuple[Table, list[Row]]], number: int, seed: int) -> list[dict[str, Any]]:
    """Return the events in `number` batches; some events are in two of them."""
    dice = Random(seed)
    batches: list[dict[str, tuple[Table, list[Row]]]] = [
        {kind: (table, []) for kind, (table, _) in kinds.items()} for _ in range(number)
    ]
    for kind, (_, rows) in kinds.items():
        for row in rows:
            for to in {dice.randrange(number), *([dice.randrange(number)] if dice.random() < 0.1 else [])}:
                batches[to][kind][1].append(row)
    return batches


async def assert_fact(store: FactStore, fact: Fact, expected: list[Row]) -> None:
    """Check the rows of a fact and of all its rollups.

    expected: rows with `day`, without the other bucket numbers.
    """
    rows = [bucket_numbers(row["day"]) | row for row in expected]
    if fact.is_stored:
        assert to_comparable(await store.read_rows(fact.table)) == to_comparable(rows), fact.name
    for grain in fact.grains:
        for span in grain.spans:
            table = fact.rollup(grain, span)
            assert to_comparable(await store.read_rows(table)) == to_comparable(
                build_rollup(fact, grain, span, rows)
            ), table.name
