"""From batches that come or go to the facts of their days, in one change: which facts, which days."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from okube_api.catalogue.facts import (
    COHORTS,
    CREDITS,
    DELIVERIES,
    EXPOSURES,
    GEO_STAYS,
    OUTCOMES,
    PRESENCE_EXITS,
    PRESENCE_PASSAGE_EXITS,
    PRESENCE_PASSAGES,
    PRESENCE_STAYS,
    PRESENCE_STEPS,
    Fact,
)
from okube_api.ingest.derive.panel_index import PanelIndex
from okube_api.ingest.events import tables
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.load.pseudonyms import DEVICE, USER
from okube_api.ingest.raw.new_events import count_new_events
from okube_api.ingest.raw.reader import BatchDelta, read_live_batches
from okube_api.ingest.raw.reference_state import count_changed_keys, find_changed_areas, read_panel, write_panel
from okube_api.ingest.refresh import conversion, geo_stays, presence
from okube_api.ingest.refresh.context import DerivationContext, RefreshTask
from okube_api.ingest.refresh.day_ranges import joined
from okube_api.store.arrays import Ints
from okube_api.store.conditions import Condition, OneOf
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.plans import Aggregate
from okube_api.store.protocol import Change, Reader

GEO, PRESENCE = ("pings", "stays"), ("detections",)
CONVERSION = ("touches", "visits", "purchases", "deliveries")
_FACTS: Mapping[Sequence[str], Sequence[Fact]] = {
    GEO: (GEO_STAYS,),
    PRESENCE: (PRESENCE_STAYS, PRESENCE_PASSAGES, PRESENCE_STEPS, PRESENCE_EXITS, PRESENCE_PASSAGE_EXITS),
    CONVERSION: (OUTCOMES, CREDITS, COHORTS, EXPOSURES, DELIVERIES),
}
_REFERENCES = ("areas", "panelists")
_FEW = 5000
_NEAR_D = 7  # events of days that are no further apart are worked through together

Spans = Mapping[str, Sequence[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Batch:
    """What came as one: its number in the application, and the kind of its events."""

    number: int
    kind: str


class FactRefresh:
    """One change of an application's facts."""

    def __init__(self, change: Change, told: DerivationContext) -> None:
        self._change, self._told = change, told

    async def add(self, batches: Sequence[Batch]) -> dict[int, int]:
        """Makes batches count; how many events each of them brings that are new, by its number."""
        live = await read_live_batches(self._change)
        counts = {}
        for batch in sorted(batches, key=lambda one: one.number):
            counts[batch.number] = await self._accepted(batch, live)
            live[batch.number] = batch.kind
        await self._changed(batches, BatchDelta(frozenset(live), added=frozenset(counts)))
        await self._keep(live)
        return counts

    async def remove(self, batches: Sequence[Batch]) -> None:
        """Makes batches count no more, and removes their events."""
        live = await read_live_batches(self._change)
        gone = [batch for batch in batches if live.pop(batch.number, None) is not None]
        if gone:
            await self._changed(gone, BatchDelta(frozenset(live), removed=frozenset(batch.number for batch in gone)))
            await self._keep(live)
        for batch in batches:
            await self._change.remove(KINDS[batch.kind].table, batch.number)

    async def expire(self, since: int) -> None:
        """Removes the events of UTC days before `since`: what is left is as if they had never come."""
        old = await find_expired_days(self._change, since)
        live = frozenset(await read_live_batches(self._change))
        people = await read_panel(self._change, BatchDelta(live))
        spans = {name: spans_of_days(days) for name, days in old.items()}
        await self._write(people, BatchDelta(live, oldest_day=since), spans, {})
        for name, days in old.items():
            table = KINDS[name].table
            await self._change.replace(table, days, make_arrow_schema(get_stored_types(table)).empty_table())

    async def rebuild(self, kinds: Collection[str]) -> None:
        """Writes all facts anew that are made of events of some of these kinds."""
        sides = BatchDelta(frozenset(await read_live_batches(self._change)))
        if "panelists" in kinds:
            await write_panel(self._change, sides, force=True)
        people = await read_panel(self._change, sides)
        for group, facts in _FACTS.items():
            if not set(group) & set(kinds):
                continue
            parts = {kind: await self._change.list_parts(KINDS[kind].table) for kind in group}
            days = {day for found in parts.values() for part in found for day in (part - 1, part, part + 1)}
            for fact in facts:
                days |= set(await self._change.list_parts(fact.daily_table))
            spans = {kind: spans_of_days(found) for kind, found in parts.items()}
            await self._write(people, sides, spans, {group: frozenset(days)})

    async def exclude(self, numbers: Mapping[str, int]) -> None:
        """Writes anew the facts of the days on which a user or a device has some; their events are gone already."""
        sides = BatchDelta(frozenset(await read_live_batches(self._change)))
        also: dict[Sequence[str], frozenset[int]] = {}
        if (user := numbers.get(USER)) is not None:
            also = await self._days_of_users(np.array([user], np.int64))
            await write_panel(self._change, sides, force=True)
        if (device := numbers.get(DEVICE)) is not None:
            also[PRESENCE] = await self._days((PRESENCE_STAYS, PRESENCE_EXITS), OneOf("user", (device,)))
        await self._write(await read_panel(self._change, sides), sides, {}, also)

    # -- helpers

    async def _changed(self, batches: Sequence[Batch], sides: BatchDelta) -> None:
        """Writes the facts that follow from batches that come or go."""
        also: dict[Sequence[str], frozenset[int]] = {}
        kinds = {batch.kind for batch in batches}
        if "panelists" in kinds:
            also = await self._days_of_users(await write_panel(self._change, sides))
        if "areas" in kinds:
            also[GEO] = also.get(GEO, frozenset()) | await self._days_of_areas(sides)
        parts: dict[str, set[int]] = {}
        for batch in batches:
            if batch.kind not in _REFERENCES:
                found = await self._change.list_parts(KINDS[batch.kind].table, batch.number)
                parts.setdefault(batch.kind, set()).update(found)
        people = await read_panel(self._change, sides) if any(also.values()) or parts.keys() - set(PRESENCE) else None
        await self._write(people, sides, {kind: spans_of_days(days) for kind, days in parts.items()}, also)

    async def _accepted(self, batch: Batch, others: Collection[int]) -> int:
        """How many events a batch brings that are not among those of others; of natural keys, that are not as there."""
        kind = KINDS[batch.kind]
        parts = await self._change.list_parts(kind.table, batch.number)
        if not kind.natural_key:
            return await count_new_events(self._change, kind, batch.number, others, parts)
        sides = BatchDelta(frozenset({*others, batch.number}), added=frozenset({batch.number}))
        return sum([await count_changed_keys(self._change, kind, sides, span) for span in spans_of_days(parts)])

    async def _write(
        self, people: PanelIndex | None, sides: BatchDelta, spans: Spans, also: Mapping[Sequence[str], frozenset[int]]
    ) -> None:
        """Writes the facts of events on some UTC days (by kind), and these local days (by group of kinds)."""
        for group in _FACTS:
            mine = {kind: spans[kind] for kind in group if kind in spans}
            days = also.get(group, frozenset())
            if not mine and not days:
                continue
            around = [(day, day) for day in days]
            together = RefreshTask(
                sides, _near(joined([*(one for some in mine.values() for one in some), *around])), days
            )
            if group is PRESENCE:
                await presence.refresh_presence(self._change, self._told, together)
                continue
            assert people is not None, "only presence needs nobody's weight"
            if group is GEO:
                await geo_stays.refresh_geo_stays(self._change, self._told, people, together)
            else:
                kinds = [kind for kind in group if kind in mine or (days and kind == group[0])]
                tasks = {kind: RefreshTask(sides, mine.get(kind, ()), days) for kind in kinds}
                await conversion.refresh_conversion(self._change, self._told, people, tasks)

    async def _keep(self, live: Mapping[int, str]) -> None:
        """Writes which batches count."""
        numbers = sorted(live)
        columns = {
            "part": [tables.UNDATED_PART] * len(numbers),
            "number": numbers,
            "kind": [live[one] for one in numbers],
        }
        schema = make_arrow_schema(
            {name: kind for name, kind in get_stored_types(tables.LEDGER).items() if name != "batch"}
        )
        await self._change.replace(tables.LEDGER, [tables.UNDATED_PART], pa.table(columns, schema=schema))

    # -- which days

    async def _days_of_users(self, users: Ints) -> dict[Sequence[str], frozenset[int]]:
        """The days with facts of these users, by group of kinds."""
        if len(users) == 0:
            return {}
        theirs = OneOf("user", tuple(users.tolist())) if len(users) <= _FEW else None
        found: dict[Sequence[str], frozenset[int]] = {GEO: await self._days((GEO_STAYS,), theirs)}
        return found | {CONVERSION: await self._days((OUTCOMES, EXPOSURES), theirs)}

    async def _days_of_areas(self, sides: BatchDelta) -> frozenset[int]:
        """The days with stays of people who live or work in areas that are elsewhere than before."""
        moved = tuple(await find_changed_areas(self._change, sides))
        there = OneOf("home", moved) | OneOf("work", moved) if len(moved) <= _FEW else None
        return await self._days((GEO_STAYS,), there) if moved else frozenset()

    async def _days(self, facts: Iterable[Fact], where: Condition | None) -> frozenset[int]:
        """The days on which facts have rows, of those that meet a condition."""
        days: set[int] = set()
        for fact in facts:
            if where is None:
                days |= set(await self._change.list_parts(fact.daily_table))
            else:
                found = await self._change.aggregate(Aggregate(fact.table, where, ("day",)))
                days |= set(found["day"].to_pylist())
        return frozenset(days)


async def find_expired_days(view: Reader, since: int) -> dict[str, list[int]]:
    """The UTC days before `since` that hold events, by kind; references have no day."""
    dated = [kind for kind in KINDS.values() if kind.time_field is not None]
    parts = {kind.name: await view.list_parts(kind.table) for kind in dated}
    found = {name: [part for part in some if part < since] for name, some in parts.items()}
    return {name: days for name, days in found.items() if days}


def spans_of_days(days: Iterable[int]) -> list[tuple[int, int]]:
    """Days as spans of neighbours."""
    return joined((day, day) for day in days)


def _near(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans, those not far apart as one."""
    found: list[tuple[int, int]] = []
    for first, last in spans:
        if found and first - found[-1][1] <= _NEAR_D:
            found[-1] = (found[-1][0], last)
        else:
            found.append((first, last))
    return found
