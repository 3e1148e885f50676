"""Touches, visits, purchases and deliveries become the facts of conversion: the days that a change of them touches."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
import pyarrow as pa

from okube_api.catalogue.facts import COHORTS, CREDITS, DELIVERIES, EXPOSURES, OUTCOMES
from okube_api.clock import DAY_MS
from okube_api.ingest.columns.columns import Span, to_codes, to_integers
from okube_api.ingest.columns.local_days import to_local_days
from okube_api.ingest.derive.attribution import AttributionContext, derive_cohorts, derive_conversion
from okube_api.ingest.derive.day_dependencies import (
    RangeMs,
    find_days_of_events,
    find_outcome_days_of_cohorts,
    find_outcome_days_of_touches,
    find_range_ms,
    find_required_ranges,
)
from okube_api.ingest.derive.exposures import derive_deliveries, derive_exposures
from okube_api.ingest.derive.panel_index import PanelIndex
from okube_api.ingest.events import kinds
from okube_api.ingest.events.kinds import PURCHASES, TOUCHES, VISITS
from okube_api.ingest.raw.latest import find_changed_keys as not_the_same
from okube_api.ingest.raw.latest import find_latest_rows
from okube_api.ingest.raw.reader import BatchDelta, read_events
from okube_api.ingest.refresh.context import DerivationContext, RefreshTask
from okube_api.ingest.refresh.day_ranges import group_days, spans_of
from okube_api.ingest.refresh.day_reader import DayReader, read_changed_events
from okube_api.ingest.refresh.fact_writer import BufferedFactWriter
from okube_api.store.arrays import Ints
from okube_api.store.conditions import Between, OneOf, equal
from okube_api.store.plans import Aggregate, Select
from okube_api.store.protocol import Change

_MOST_DAYS = 62  # looked at together
_FEW_USERS = 2000
T = TypeVar("T")


async def refresh_conversion(
    change: Change, told: DerivationContext, people: PanelIndex, tasks: Mapping[str, RefreshTask]
) -> None:
    """Writes the days of the facts of conversion that a change of events touches.

    tasks: by kind (touches, visits, purchases, deliveries), all with the same sides.
    """
    setting = _setting(told, people)
    days = await _touched(change, told, tasks)
    for task in list(tasks.values())[:1]:
        touch_days = await _outcomes(change, setting, task.delta, sorted(days.outcomes))
        await _cohorts(change, setting, sorted(touch_days))
        await _exposures(change, setting, task.delta, sorted(days.exposures))
    if "deliveries" in tasks:
        await _deliveries(change, told, tasks["deliveries"])


def _setting(told: DerivationContext, people: PanelIndex) -> AttributionContext:
    known = len(people.weight) - 1  # the last stands for everybody else
    weights = pa.table({"user": np.arange(known, dtype=np.int64), "weight": people.weight[:known]})
    return AttributionContext(told.timezone, told.sites, told.windows, weights, told.settings.bands.delay)


# -- which days ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Days:
    """Local days to write."""

    outcomes: set[int] = field(default_factory=set)
    exposures: set[int] = field(default_factory=set)


async def _touched(change: Change, told: DerivationContext, tasks: Mapping[str, RefreshTask]) -> _Days:
    days = _Days()
    if "touches" in tasks:
        zones = sorted(set(told.sites["zone"].to_pylist()))
        async for rows in read_changed_events(change, TOUCHES, tasks["touches"]):
            led_to = find_outcome_days_of_touches(rows, told.windows, zones)
            days.outcomes.update(await _days_of_users(change, led_to, np.unique(to_integers(rows["user"]))))
            days.exposures.update(np.unique(to_local_days(to_integers(rows["at"]), told.timezone)).tolist())
        days.exposures.update(tasks["touches"].extra_days)
    for kind, source in (("visits", VISITS), ("purchases", PURCHASES)):
        if kind in tasks:
            async for rows in read_changed_events(change, source, tasks[kind]):
                days.outcomes.update(find_days_of_events(rows, told.sites).tolist())
    for kind in tasks.keys() & {"touches", "visits", "purchases"}:
        days.outcomes.update(tasks[kind].extra_days)
    days.outcomes.intersection_update(await _with_outcomes(change))
    return days


async def _days_of_users(change: Change, days: Ints, users: Ints) -> set[int]:
    """Those of some days on which users have outcomes, where users are few; new outcomes are of days of their own."""
    if len(days) == 0 or len(users) > _FEW_USERS:
        return set(days.tolist())
    where = Between("part", int(days[0]), int(days[-1])) & OneOf("user", tuple(users.tolist()))
    found = await change.aggregate(Aggregate(OUTCOMES.table, where, ("day",)))
    return _distinct(found["day"]) & set(days.tolist())


async def _with_outcomes(change: Change) -> set[int]:
    """The local days that have outcomes, or could have some: a touch leads nowhere where nobody comes."""
    stored = set(await change.list_parts(OUTCOMES.table))
    for source in (VISITS, PURCHASES):
        for part in await change.list_parts(source.table):
            stored.update((part - 1, part, part + 1))  # a UTC day lies in three local ones
    return stored


def _utc_days(moments: RangeMs) -> Span:
    return moments[0] // DAY_MS + 1, (moments[1] - 1) // DAY_MS + 1


# -- outcomes, credits, cohorts ------------------------------------------------------------------------------


async def _outcomes(change: Change, setting: AttributionContext, sides: BatchDelta, days: list[int]) -> set[int]:
    """Writes these days of outcomes and credits; the days of the credited touches of the rows before and after."""
    touches, visits, purchases = (DayReader(change, source, sides) for source in (TOUCHES, VISITS, PURCHASES))
    outcome_facts, credit_facts = BufferedFactWriter(change, OUTCOMES), BufferedFactWriter(change, CREDITS)
    touch_days: set[int] = set()
    for group in group_days(days, _MOST_DAYS):
        span = group[0], group[-1]
        read = find_required_ranges(span, setting.windows)
        near = _utc_days(read.outcomes)
        made = derive_conversion(
            await touches.read_days(*_utc_days(read.touches)),
            await visits.read_days(*near),
            await purchases.read_days(*near),
            setting,
            span,
        )
        while (block := await _next(made)) is not None:
            some = [day for day in group if block.span[0] <= day <= block.span[1]]
            if some:
                rows = _of_days(block.outcomes, some)
                touch_days |= await _touch_days(change, some) | _distinct(rows["touch_day"])
                await outcome_facts.replace(some, rows)
                await credit_facts.replace(some, _of_days(block.credits, some))
    await outcome_facts.finish()
    await credit_facts.finish()
    return touch_days


async def _touch_days(change: Change, days: list[int]) -> set[int]:
    """The days of the credited touches of the outcomes stored on some days."""
    where = OneOf("part", tuple(days)) & equal("attributed", 1)
    return _distinct((await change.select(Select(OUTCOMES.table, where, ("touch_day",))))["touch_day"])


async def _cohorts(change: Change, setting: AttributionContext, days: list[int]) -> None:
    """Writes these days of cohorts from the outcomes, which are as they should be."""
    facts = BufferedFactWriter(change, COHORTS)
    columns = ("touch_day", *(column.name for column in COHORTS.columns))
    for group in group_days(days, _MOST_DAYS):
        span = group[0], group[-1]
        where = Between("part", *find_outcome_days_of_cohorts(span, setting.windows)) & Between("touch_day", *span)
        rows = await change.select(Select(OUTCOMES.table, where, columns))
        found = await asyncio.to_thread(derive_cohorts, rows, span)
        await facts.replace(group, _of_days(found, group))
    await facts.finish()


# -- exposures, deliveries -----------------------------------------------------------------------------------


async def _exposures(change: Change, setting: AttributionContext, sides: BatchDelta, days: list[int]) -> None:
    touches, facts = DayReader(change, TOUCHES, sides), BufferedFactWriter(change, EXPOSURES)
    for group in group_days(days, _MOST_DAYS):
        span = group[0], group[-1]
        made = derive_exposures(await touches.read_days(*_utc_days(find_range_ms(span))), setting, span)
        while (block := await _next(made)) is not None:
            (first, last), rows = block
            some = [day for day in group if first <= day <= last]
            await facts.replace(some, _of_days(rows, some))
    await facts.finish()


async def _deliveries(change: Change, told: DerivationContext, task: RefreshTask) -> None:
    facts = BufferedFactWriter(change, DELIVERIES)
    for first, last in spans_of(task):
        for group in group_days(range(first, last + 1), _MOST_DAYS):
            rows = await read_events(change, kinds.DELIVERIES.table, group[0], group[-1], task.delta.either_side)
            after, touched = await asyncio.to_thread(_delivered, rows, task.delta, told)
            some = [day for day in group if day in touched | task.extra_days]
            await facts.replace(some, _of_days(after, some))
    await facts.finish()


def _delivered(rows: pa.Table, sides: BatchDelta, told: DerivationContext) -> tuple[pa.Table, set[int]]:
    """What was delivered, as after the change, and the days on which it was something else before."""
    side = sides.row_changes(rows)
    before, after = (_latest(rows.filter(pa.array(kept)), told) for kept in (side <= 0, side >= 0))
    return after, _distinct(not_the_same(before, after, ("day",))["day"])


def _latest(rows: pa.Table, told: DerivationContext) -> pa.Table:
    """Of each campaign, day and site the delivery that came last; without those of campaigns and sites gone."""
    known = to_codes(rows["campaign"], sorted(told.windows)) >= 0
    known &= (to_codes(rows["site"], told.sites["site"].to_pylist()) >= 0) | rows["site"].is_null().to_numpy()
    rows = rows.filter(pa.array(known))
    newest = rows.take(pa.array(find_latest_rows(rows, kinds.DELIVERIES.natural_key)))
    return derive_deliveries(newest.rename_columns({"part": "day"}))


# -- helpers -------------------------------------------------------------------------------------------------


async def _next(made: Iterator[T]) -> T | None:
    """The next of them, made in a thread; None after the last."""
    return await asyncio.to_thread(next, made, None)


def _of_days(rows: pa.Table, days: list[int]) -> pa.Table:
    day: Ints = to_integers(rows["day"])
    chosen = np.isin(day, days)
    return rows if chosen.all() else rows.filter(pa.array(chosen))


def _distinct(column: pa.ChunkedArray) -> set[int]:
    return {value for value in column.unique().to_pylist() if value is not None}
