"""The steps of a refresh: each reads a `RefreshState` and updates it, or writes rows; `refresh.py` orders them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from okube_api.catalogue.fact import Fact
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
    PURCHASE_FACT,
)
from okube_api.engine.band_edges import read_band_edges, write_band_edges
from okube_api.engine.rollup_versions import mark_complete
from okube_api.ingest.columns.columns import DayRange
from okube_api.ingest.derive.panel_index import PanelIndex
from okube_api.ingest.events import tables
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.raw.new_events import count_new_events
from okube_api.ingest.raw.reader import BatchDelta
from okube_api.ingest.raw.reference_state import (
    count_changed_keys,
    find_changed_areas,
    read_panel,
    read_panelists,
    write_panel,
)
from okube_api.ingest.refresh import conversion, geo_stays, presence
from okube_api.ingest.refresh.context import Batch, DerivationContext, RefreshTask
from okube_api.ingest.refresh.geo_days import PingCounts
from okube_api.ingest.refresh.user_slice import UserSlice
from okube_api.store.arrays import Ints
from okube_api.store.conditions import Condition, OneOf
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.plans import Aggregate
from okube_api.store.protocol import Change, Reader
from okube_api.store.ranges import find_ranges, join_ranges

_FEW_VALUES = 5000  # users or areas that one condition may name; for more, all days of the facts are refreshed
_JOINED_DAYS = 7  # changed days are read together when they are, or have between them, at most this many days
_REFERENCES = ("areas", "panelists")


@dataclass(frozen=True, slots=True, eq=False)
class FactGroup:
    """Facts that are derived together, and the kinds of events that they are derived from."""

    kinds: tuple[str, ...]
    facts: tuple[Fact, ...]


GEO = FactGroup(("pings", "stays"), (GEO_STAYS,))
PRESENCE = FactGroup(
    ("detections",), (PRESENCE_STAYS, PRESENCE_PASSAGES, PRESENCE_STEPS, PRESENCE_EXITS, PRESENCE_PASSAGE_EXITS)
)
CONVERSION = FactGroup(
    ("touches", "visits", "purchases", "deliveries"), (OUTCOMES, PURCHASE_FACT, CREDITS, COHORTS, EXPOSURES, DELIVERIES)
)
_GROUPS = (GEO, PRESENCE, CONVERSION)


@dataclass(slots=True, eq=False)
class RefreshState:
    """The data that the steps of one refresh share.

    delta: the batches that count before and after the change.
    live: the kind of events of each batch that counts after it, by batch number.
    batches: the batches that the change adds or removes.  kinds: the kinds of events to refresh the facts of.
    users: the users whose record in the panel changes.
    changed_days: UTC days with events that the change adds or removes, by kind.
    extra_days: local days to write even if their events do not change.
    panel: loaded if facts need it.  accepted: the number of new events of each batch, by batch number.
    ping_counts: counts what becomes of the pings of new batches.
    """

    change: Change
    context: DerivationContext
    delta: BatchDelta
    live: Mapping[int, str]
    batches: Sequence[Batch] = ()
    kinds: frozenset[str] = frozenset()
    users: Ints = field(default_factory=lambda: np.empty(0, np.int64))
    changed_days: dict[str, list[DayRange]] = field(default_factory=dict)
    extra_days: dict[FactGroup, set[int]] = field(default_factory=lambda: {group: set() for group in _GROUPS})
    panel: PanelIndex | None = None
    accepted: dict[int, int] = field(default_factory=dict)
    ping_counts: PingCounts = field(default_factory=PingCounts)


# -- bands ---------------------------------------------------------------------------------------------------


async def choose_band_edges(state: RefreshState) -> None:
    """Use the bands of the facts that exist, so that all counts are in the same bands until these are rebuilt.

    The first facts of an application have the bands of its settings.
    """
    edges = await read_band_edges(state.change)
    new = {batch.number for batch in state.batches}
    if edges and any(number not in new for number in state.live):
        state.context = state.context.with_band_edges(edges)
    elif edges != state.context.band_edges:
        await write_band_edges(state.change, state.context.band_edges)


async def renew_band_edges(state: RefreshState) -> None:
    """Use the bands of the settings; where the facts have others, rebuild all of them."""
    edges = await read_band_edges(state.change)
    if edges != state.context.band_edges:
        state.kinds |= frozenset(state.live.values())
        await write_band_edges(state.change, state.context.band_edges)


# -- the version of rollups ----------------------------------------------------------------------------------


async def mark_first_rollups(state: RefreshState) -> None:
    """Record the present version of the rollups of facts that had no events before this change."""
    new = {batch.number for batch in state.batches}
    earlier = {kind for number, kind in state.live.items() if number not in new}
    groups = [group for group in _GROUPS if earlier.isdisjoint(group.kinds) and not state.kinds.isdisjoint(group.kinds)]
    if groups:
        await mark_complete(state.change, [fact.name for group in groups for fact in group.facts])


async def mark_rebuilt_rollups(state: RefreshState) -> None:
    """Record the present version of the rollups of facts that are written on all days."""
    groups = [group for group in _GROUPS if not state.kinds.isdisjoint(group.kinds)]
    await mark_complete(state.change, [fact.name for group in groups for fact in group.facts])


# -- counts and the panel ------------------------------------------------------------------------------------


async def count_accepted(state: RefreshState) -> None:
    """Count the events of each batch that are in no earlier batch; with natural keys, the keys whose row changes."""
    earlier = set(state.delta.live - state.delta.added)
    by_kind: dict[str, list[Batch]] = {}
    for batch in sorted(state.batches, key=lambda batch: batch.number):
        by_kind.setdefault(batch.kind, []).append(batch)
    for name, batches in by_kind.items():
        kind = KINDS[name]
        if kind.natural_key:
            for batch in batches:
                delta = BatchDelta(frozenset({*earlier, batch.number}), added=frozenset({batch.number}))
                spans = await _join_spans(state.change, (name,), find_ranges(await batch.list_parts(state.change)))
                counts = [await count_changed_keys(state.change, kind, delta, span) for span in spans]
                state.accepted[batch.number] = sum(counts)
                earlier.add(batch.number)
        else:
            parts = {part for batch in batches for part in await batch.list_parts(state.change)}
            spans = await _join_spans(state.change, (name,), find_ranges(parts))
            numbers = [batch.number for batch in batches]
            state.accepted |= await count_new_events(state.change, kind, numbers, earlier, spans)


async def update_panel(state: RefreshState) -> None:
    """Write the panel if a batch of panelists changes it, and set the users whose record changed."""
    if "panelists" in state.kinds:
        state.users = await write_panel(state.change, state.delta)


async def rewrite_panel(state: RefreshState) -> None:
    """Write the panel from its events, even if it does not change."""
    if "panelists" in state.kinds:
        await write_panel(state.change, state.delta, force=True)


async def load_panel(state: RefreshState) -> None:
    """Load the panel, unless only facts of presence are refreshed, which have no weights."""
    if _has_days(state, GEO) or _has_days(state, CONVERSION):
        read = read_panelists if isinstance(state.change, UserSlice) else read_panel
        state.panel = await read(state.change, state.delta)


# -- which days ----------------------------------------------------------------------------------------------


async def find_days_of_batches(state: RefreshState) -> None:
    """Find the UTC days with events of the batches; references have none."""
    parts: dict[str, set[int]] = {}
    for batch in state.batches:
        if batch.kind not in _REFERENCES:
            parts.setdefault(batch.kind, set()).update(await batch.list_parts(state.change))
    state.changed_days = {kind: find_ranges(days) for kind, days in parts.items()}


async def find_days_of_users(state: RefreshState) -> None:
    """Find the days with facts of the users."""
    if len(state.users) == 0:
        return
    where = OneOf("user", tuple(state.users.tolist())) if len(state.users) <= _FEW_VALUES else None
    state.extra_days[GEO] |= await _find_fact_days(state.change, (GEO_STAYS,), where)
    state.extra_days[CONVERSION] |= await _find_fact_days(state.change, (OUTCOMES, EXPOSURES), where)


async def find_days_of_areas(state: RefreshState) -> None:
    """Find the days with stays of users who live or work in areas that the batches add, move or remove."""
    if "areas" not in state.kinds:
        return
    areas = tuple(await find_changed_areas(state.change, state.delta))
    where = OneOf("home", areas) | OneOf("work", areas) if len(areas) <= _FEW_VALUES else None
    if areas:
        state.extra_days[GEO] |= await _find_fact_days(state.change, (GEO_STAYS,), where)


async def find_all_days(state: RefreshState) -> None:
    """Find all days of the facts that are derived from events of the kinds: days with events, and days with rows."""
    for group in _GROUPS:
        if not state.kinds.intersection(group.kinds):
            continue
        for kind in group.kinds:
            parts = await state.change.list_parts(KINDS[kind].table)
            state.changed_days[kind] = find_ranges(parts)
            # The local day of an event is its UTC day, the day before or the day after.
            state.extra_days[group].update(day for part in parts for day in (part - 1, part, part + 1))
        state.extra_days[group] |= await _find_fact_days(state.change, group.facts, None)


async def find_days_of_expired_events(state: RefreshState) -> None:
    """Find the UTC days with events before the oldest day to keep."""
    assert state.delta.oldest_day is not None, "set by FactRefresh.expire"
    expired = await find_expired_days(state.change, state.delta.oldest_day)
    state.changed_days = {kind: find_ranges(days) for kind, days in expired.items()}


async def find_expired_days(view: Reader, oldest_day: int) -> dict[str, list[int]]:
    """Return the UTC days with events before `oldest_day`, by kind; areas and panelists do not expire."""
    dated = [kind for kind in KINDS.values() if kind.time_field is not None]
    parts = {kind.name: await view.list_parts(kind.table) for kind in dated}
    expired = {name: [part for part in days if part < oldest_day] for name, days in parts.items()}
    return {name: days for name, days in expired.items() if days}


async def _find_fact_days(change: Change, facts: Iterable[Fact], where: Condition | None) -> set[int]:
    """Return the days on which facts have rows or, with a condition, rows that meet it."""
    days: set[int] = set()
    for fact in facts:
        if where is None:
            days |= set(await change.list_parts(fact.daily_table))
        else:
            rows = await change.aggregate(Aggregate(fact.table, where, ("day",)))
            days |= set(rows["day"].to_pylist())
    return days


# -- what is written -----------------------------------------------------------------------------------------


async def refresh_geo_stays(state: RefreshState) -> None:
    """Write the stays of the panel on the days of the refresh."""
    if task := await _make_task(state, GEO):
        assert state.panel is not None, "loaded where there are days to write"
        await geo_stays.refresh_geo_stays(state.change, state.context, state.panel, task, state.ping_counts)


async def refresh_presence(state: RefreshState) -> None:
    """Write the facts of presence on the days of the refresh."""
    if task := await _make_task(state, PRESENCE):
        await presence.refresh_presence(state.change, state.context, task)


async def refresh_conversion(state: RefreshState) -> None:
    """Write the facts of conversion on the days of the refresh."""
    if not _has_days(state, CONVERSION):
        return
    assert state.panel is not None, "loaded where there are days to write"
    extra_days = frozenset(state.extra_days[CONVERSION])
    kinds = [kind for kind in CONVERSION.kinds if kind in state.changed_days]
    if extra_days and "touches" not in kinds:
        kinds.insert(0, "touches")  # one kind is enough for the days to be written
    tasks = {
        kind: RefreshTask(
            state.delta, await _join_spans(state.change, (kind,), state.changed_days.get(kind, ())), extra_days
        )
        for kind in kinds
    }
    await conversion.refresh_conversion(state.change, state.context, state.panel, tasks)


async def write_ledger(state: RefreshState) -> None:
    """Write the ledger: the batches that count, or only those that are added where that costs less."""
    only_added = state.change.is_append_cheap and not state.delta.removed
    numbers = sorted(state.delta.added if only_added else state.live)
    kinds = [state.live[number] for number in numbers]
    columns = {"part": [tables.UNDATED_PART] * len(numbers), "number": numbers, "kind": kinds}
    types = {name: kind for name, kind in get_stored_types(tables.LEDGER).items() if name != "batch"}
    rows = pa.table(columns, schema=make_arrow_schema(types))
    if not only_added:
        await state.change.replace(tables.LEDGER, [tables.UNDATED_PART], rows)
    elif numbers:
        await state.change.append(tables.LEDGER, numbers[-1], rows)


async def delete_expired_events(state: RefreshState) -> None:
    """Delete the events of the expired days."""
    for kind, ranges in state.changed_days.items():
        table = KINDS[kind].table
        days = [day for first, last in ranges for day in range(first, last + 1)]
        await state.change.replace(table, days, make_arrow_schema(get_stored_types(table)).empty_table())


def _has_days(state: RefreshState, group: FactGroup) -> bool:
    """Return whether there are days on which to refresh a group of facts."""
    return bool(state.extra_days[group]) or any(kind in state.changed_days for kind in group.kinds)


async def _make_task(state: RefreshState, group: FactGroup) -> RefreshTask | None:
    """Return the days on which to refresh a group of facts, None when there are none."""
    if not _has_days(state, group):
        return None
    extra_days = state.extra_days[group]
    spans = [span for kind in group.kinds for span in state.changed_days.get(kind, ())]
    spans += [(day, day) for day in extra_days]
    return RefreshTask(state.delta, await _join_spans(state.change, group.kinds, spans), frozenset(extra_days))


async def _join_spans(change: Change, kinds: Iterable[str], spans: Iterable[DayRange]) -> list[DayRange]:
    """Return spans of UTC days, ascending, joined where it is cheap to read the events of the kinds between them."""
    ranges = join_ranges(spans, max_step=_JOINED_DAYS)
    if len(ranges) <= 1:
        return ranges
    return join_near_ranges(ranges, [day for kind in kinds for day in await change.list_parts(KINDS[kind].table)])


def join_near_ranges(ranges: Sequence[DayRange], event_days: Iterable[int]) -> list[DayRange]:
    """Return ranges, joined where at most `_JOINED_DAYS` days between two of them have events.

    Reading a range takes several queries, but days without events cost nothing.  So late events on many single days
    are read together.
    """
    days = np.unique(np.fromiter(event_days, np.int64))
    joined = list(ranges[:1])
    for first, last in ranges[1:]:
        between = np.searchsorted(days, first) - np.searchsorted(days, joined[-1][1], side="right")
        if between <= _JOINED_DAYS:
            joined[-1] = joined[-1][0], last
        else:
            joined.append((first, last))
    return joined
