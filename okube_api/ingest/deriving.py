"""From batches that come or go to the facts of their days, in one change: which facts, which days."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from okube_api.catalogue.facts import (
    COHORTS,
    CREDITS,
    DELIVERIES,
    EXPOSURES,
    GEO_STAYS,
    OUTCOMES,
    PANELISTS,
    PRESENCE_EXITS,
    PRESENCE_PASSAGE_EXITS,
    PRESENCE_PASSAGES,
    PRESENCE_STAYS,
    PRESENCE_STEPS,
    Fact,
)
from okube_api.ingest import conversion_facts, geo_facts, presence_facts, tables
from okube_api.ingest.counting import accepted
from okube_api.ingest.identities import DEVICE, USER
from okube_api.ingest.natural_keys import differing, latest
from okube_api.ingest.people import People, people_of
from okube_api.ingest.reading import Sides, events, live_batches
from okube_api.ingest.recording import KINDS, Kind
from okube_api.ingest.spans import joined
from okube_api.ingest.told import Task, Told
from okube_api.store.base import Aggregate, Change, Condition, OneOf, Table
from okube_api.store.kinds import arrow_schema, stored_kinds

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
_ALL_PARTS = (-(2**31), 2**31 - 1)
_WHOLE = (tables.WHOLE, tables.WHOLE)

Spans = Mapping[str, Sequence[tuple[int, int]]]


@dataclass(frozen=True, slots=True)
class Batch:
    """What came as one: its number in the application, and the kind of its events."""

    number: int
    kind: str


class Deriving:
    """One change of an application's facts."""

    def __init__(self, change: Change, told: Told) -> None:
        self._change, self._told = change, told

    async def bring(self, batches: Sequence[Batch]) -> dict[int, int]:
        """Makes batches count; how many events each of them brings that are new, by its number."""
        live = await live_batches(self._change)
        counts = {}
        for batch in sorted(batches, key=lambda one: one.number):
            counts[batch.number] = await self._accepted(batch, live)
            live[batch.number] = batch.kind
        await self._changed(batches, Sides(frozenset(live), new=frozenset(counts)))
        await self._keep(live)
        return counts

    async def take_away(self, batches: Sequence[Batch]) -> None:
        """Makes batches count no more, and removes their events."""
        live = await live_batches(self._change)
        gone = [batch for batch in batches if live.pop(batch.number, None) is not None]
        if gone:
            await self._changed(gone, Sides(frozenset(live), gone=frozenset(batch.number for batch in gone)))
            await self._keep(live)
        for batch in batches:
            await self._change.remove(KINDS[batch.kind].table, batch.number)

    async def again(self, kinds: Collection[str]) -> None:
        """Writes all facts anew that are made of events of some of these kinds."""
        sides = Sides(frozenset(await live_batches(self._change)))
        people = await self._people(sides)
        for group, facts in _FACTS.items():
            if not set(group) & set(kinds):
                continue
            parts = {kind: await self._change.parts(KINDS[kind].table) for kind in group}
            days = {day for found in parts.values() for part in found for day in (part - 1, part, part + 1)}
            for fact in facts:
                days |= set(await self._change.parts(fact.table))
            spans = {kind: spans_of_days(found) for kind, found in parts.items()}
            await self._write(people, sides, spans, {group: frozenset(days)})

    async def without(self, numbers: Mapping[str, int]) -> None:
        """Writes anew the facts of the days on which a user or a device has some; their events are gone already."""
        sides = Sides(frozenset(await live_batches(self._change)))
        also: dict[Sequence[str], frozenset[int]] = {}
        if (user := numbers.get(USER)) is not None:
            also = await self._days_of_users([user])
            await self._panel(sides)
        if (device := numbers.get(DEVICE)) is not None:
            also[PRESENCE] = await self._days((PRESENCE_STAYS, PRESENCE_EXITS), OneOf("user", (device,)))
        await self._write(await self._people(sides), sides, {}, also)

    # -- helpers

    async def _changed(self, batches: Sequence[Batch], sides: Sides) -> None:
        """Writes the facts that follow from batches that come or go."""
        also: dict[Sequence[str], frozenset[int]] = {}
        kinds = {batch.kind for batch in batches}
        if "panelists" in kinds and (users := await self._panel(sides)):
            also = await self._days_of_users(users)
        if "areas" in kinds:
            also[GEO] = also.get(GEO, frozenset()) | await self._days_of_areas(sides)
        parts: dict[str, set[int]] = {}
        for batch in batches:
            if batch.kind not in _REFERENCES:
                found = await self._change.parts(KINDS[batch.kind].table, batch.number)
                parts.setdefault(batch.kind, set()).update(found)
        people = await self._people(sides) if any(also.values()) or parts.keys() - set(PRESENCE) else None
        await self._write(people, sides, {kind: spans_of_days(days) for kind, days in parts.items()}, also)

    async def _accepted(self, batch: Batch, others: Collection[int]) -> int:
        """How many events a batch brings that are not among those of others; of natural keys, that are not as there."""
        kind = KINDS[batch.kind]
        parts = await self._change.parts(kind.table, batch.number)
        if not kind.key:
            return await accepted(self._change, kind, batch.number, others, parts)
        sides = Sides(frozenset({*others, batch.number}), new=frozenset({batch.number}))
        count = 0
        for span in spans_of_days(parts):
            before, after = await self._both(kind, sides, span)
            count += differing(before, after, kind.key).num_rows
        return count

    async def _write(
        self, people: People | None, sides: Sides, spans: Spans, also: Mapping[Sequence[str], frozenset[int]]
    ) -> None:
        """Writes the facts of events on some UTC days (by kind), and these local days (by group of kinds)."""
        for group in _FACTS:
            mine = {kind: spans[kind] for kind in group if kind in spans}
            days = also.get(group, frozenset())
            if not mine and not days:
                continue
            around = [(day, day) for day in days]
            together = Task(sides, _near(joined([*(one for some in mine.values() for one in some), *around])), days)
            if group is PRESENCE:
                await presence_facts.rebuild(self._change, self._told, together)
                continue
            assert people is not None, "only presence needs nobody's weight"
            if group is GEO:
                await geo_facts.rebuild(self._change, self._told, people, together)
            else:
                tasks = {kind: Task(sides, _near(mine.get(kind, ())), days) for kind in mine or group[:1]}
                await conversion_facts.rebuild(self._change, self._told, people, tasks)

    async def _keep(self, live: Mapping[int, str]) -> None:
        """Writes which batches count."""
        numbers = sorted(live)
        columns = {"part": [tables.WHOLE] * len(numbers), "number": numbers, "kind": [live[one] for one in numbers]}
        schema = arrow_schema({name: kind for name, kind in stored_kinds(tables.LEDGER).items() if name != "batch"})
        await self._change.replace(tables.LEDGER, [tables.WHOLE], pa.table(columns, schema=schema))

    # -- references

    async def _people(self, sides: Sides) -> People:
        """Everybody, as after the change."""
        areas = await events(self._change, tables.AREAS, tables.WHOLE, tables.WHOLE, sides.live)
        areas = areas.take(pa.array(latest(areas, KINDS["areas"].key)))
        return people_of(await self._stored(PANELISTS), areas)

    async def _panel(self, sides: Sides) -> Sequence[int]:
        """Writes what is known of the panel; the users of whom it is not the same as before."""
        _, after = await self._both(KINDS["panelists"], sides, _WHOLE)
        before = (await self._stored(PANELISTS)).drop_columns(["batch"])
        after = after.select(before.column_names)
        users: Sequence[int] = differing(before, after, ("user",))["user"].to_pylist()
        if users:
            await self._change.replace(PANELISTS, [tables.WHOLE], after)
        return users

    async def _days_of_users(self, users: Sequence[int]) -> dict[Sequence[str], frozenset[int]]:
        """The days with facts of these users, by group of kinds."""
        theirs = OneOf("user", tuple(users)) if len(users) <= _FEW else None
        found: dict[Sequence[str], frozenset[int]] = {GEO: await self._days((GEO_STAYS,), theirs)}
        return found | {CONVERSION: await self._days((OUTCOMES, EXPOSURES), theirs)}

    async def _days_of_areas(self, sides: Sides) -> frozenset[int]:
        """The days with stays of people who live or work in areas that are elsewhere than before."""
        before, after = (one.drop_columns(["name"]) for one in await self._both(KINDS["areas"], sides, _WHOLE))
        moved = tuple(differing(before, after, ("code",))["code"].to_pylist())
        there = OneOf("home", moved) | OneOf("work", moved) if len(moved) <= _FEW else None
        return await self._days((GEO_STAYS,), there) if moved else frozenset()

    async def _both(self, kind: Kind, sides: Sides, parts: tuple[int, int]) -> tuple[pa.Table, pa.Table]:
        """The events that count before and after the change, those of natural keys."""
        found = await events(self._change, kind.table, *parts, sides.either)
        change = sides.change(found["batch"].to_numpy())
        kept = [found.filter(pa.array(side)) for side in (change <= 0, change >= 0)]
        before, after = (
            one.take(pa.array(latest(one, kind.key))).drop_columns(["batch", "line"]).combine_chunks() for one in kept
        )
        return before, after

    async def _stored(self, table: Table) -> pa.Table:
        blocks = [block async for block in self._change.read(table, *_ALL_PARTS)]
        return pa.concat_tables([arrow_schema(stored_kinds(table)).empty_table(), *blocks])

    async def _days(self, facts: Iterable[Fact], where: Condition | None) -> frozenset[int]:
        """The days on which facts have rows, of those that meet a condition."""
        days: set[int] = set()
        for fact in facts:
            if where is None:
                days |= set(await self._change.parts(fact.table))
            else:
                found = await self._change.aggregate(Aggregate(fact.table, where, ("day",)))
                days |= set(found["day"].to_pylist())
        return frozenset(days)


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
