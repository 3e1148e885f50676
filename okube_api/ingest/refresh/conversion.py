"""Refreshes the facts of conversion on the days that a change of touches, visits, purchases or deliveries affects."""

import asyncio
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TypeVar

import numpy as np
import pyarrow as pa

from okube_api.catalogue.facts import COHORTS, CREDITS, DELIVERIES, EXPOSURES, OUTCOMES, PURCHASE_FACT
from okube_api.clock import DAY_MS
from okube_api.ingest.columns.columns import DayRange, find_distinct, to_codes, to_integers
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
from okube_api.ingest.derive.latest import find_changed_keys, find_latest_rows
from okube_api.ingest.derive.panel_index import PanelIndex
from okube_api.ingest.derive.recency_flags import RecencyKeys
from okube_api.ingest.events import kinds
from okube_api.ingest.events.kinds import PURCHASES, TOUCHES, VISITS
from okube_api.ingest.raw.reader import BatchDelta, read_events
from okube_api.ingest.refresh.context import DerivationContext, RefreshTask
from okube_api.ingest.refresh.day_ranges import DayGroups
from okube_api.ingest.refresh.day_reader import DayReader, find_event_users, read_changed_events
from okube_api.ingest.refresh.fact_writer import BufferedFactWriter
from okube_api.ingest.refresh.recency import RecencyWriter
from okube_api.store.arrays import Ints
from okube_api.store.conditions import Between, OneOf, equal
from okube_api.store.plans import Aggregate, Select
from okube_api.store.protocol import Change

_FEW_USERS, _FEW_EVENTS = 2000, 200_000  # for more users or events, a query for the users' days does not pay
_PURCHASE_FIELDS = frozenset(("conversion", "purchase_count", "revenue_micro"))
"""The fields of outcomes of visits that depend on purchases.  Outcomes without a visit have only these."""
_PURCHASE_GRAINS = tuple(
    grain for grain in OUTCOMES.grains if any(measure.field in _PURCHASE_FIELDS for measure in grain.measures)
)
"""The grains of outcomes that depend on purchases: the others sum visits and their delays."""
T = TypeVar("T")


async def refresh_conversion(
    change: Change, context: DerivationContext, panel: PanelIndex, tasks: Mapping[str, RefreshTask]
) -> None:
    """Write the facts of conversion on the days that a change of events affects.

    tasks: at least one, by kind (touches, visits, purchases, deliveries), all with the same delta.
    """
    inputs = AttributionContext(
        context.timezone,
        context.sites,
        context.windows,
        panel.list_weights(),
        context.settings.bands.delay,
        context.settings.bands.basket,
    )
    delta = next(iter(tasks.values())).delta
    outcome_days, exposure_days = await _find_affected_days(change, context, tasks)
    are_visits_same = tasks.keys().isdisjoint(("touches", "visits")) and not any(
        task.extra_days for task in tasks.values()
    )
    touch_days = await _refresh_outcomes(change, inputs, delta, sorted(outcome_days), are_visits_same=are_visits_same)
    await _refresh_cohorts(change, inputs, sorted(touch_days))
    await _refresh_exposures(change, inputs, delta, sorted(exposure_days))
    if "deliveries" in tasks:
        await _refresh_deliveries(change, context, tasks["deliveries"])


# -- which days ----------------------------------------------------------------------------------------------


async def _find_affected_days(
    change: Change, context: DerivationContext, tasks: Mapping[str, RefreshTask]
) -> tuple[set[int], set[int]]:
    """Return the local days of outcomes to write, and those of exposures."""
    outcome_days: set[int] = set()
    exposure_days: set[int] = set()
    if "touches" in tasks:
        timezones = sorted(set(context.sites["timezone"].to_pylist()))
        async for touches in read_changed_events(change, TOUCHES, tasks["touches"]):
            days = find_outcome_days_of_touches(touches, context.windows, timezones)
            outcome_days |= await _keep_days_of_users(change, days, to_integers(touches["user"]))
            exposure_days.update(find_distinct(to_local_days(to_integers(touches["at"]), context.timezone)).tolist())
        exposure_days |= tasks["touches"].extra_days
    for kind in (VISITS, PURCHASES):
        if kind.name in tasks:
            async for events in read_changed_events(change, kind, tasks[kind.name]):
                outcome_days.update(find_days_of_events(events, context.sites).tolist())
    for name in tasks.keys() & {"touches", "visits", "purchases"}:
        outcome_days |= tasks[name].extra_days
    return outcome_days & await _find_days_with_outcomes(change), exposure_days


async def _keep_days_of_users(change: Change, days: Ints, users: Ints) -> set[int]:
    """Return the days, among `days`, on which the users have outcomes; all of `days` when there are many users.

    users: the user of each changed event.
    A new outcome is not missed, because the day of its visit or purchase is refreshed anyway.
    """
    if len(days) == 0 or len(users) > _FEW_EVENTS or len(users := find_distinct(users)) > _FEW_USERS:
        return set(days.tolist())
    where = Between("part", int(days[0]), int(days[-1])) & OneOf("user", tuple(users.tolist()))
    rows = await change.aggregate(Aggregate(OUTCOMES.table, where, ("day",)))
    return _to_set(rows["day"]) & set(days.tolist())


async def _find_days_with_outcomes(change: Change) -> set[int]:
    """Return the local days that can have outcomes: a touch leads to none on a day without visits and purchases."""
    days = set(await change.list_parts(OUTCOMES.table))
    for kind in (VISITS, PURCHASES):
        for part in await change.list_parts(kind.table):
            days.update((part - 1, part, part + 1))  # a UTC day overlaps up to three local days
    return days


def _to_utc_days(range_ms: RangeMs) -> DayRange:
    return range_ms[0] // DAY_MS + 1, (range_ms[1] - 1) // DAY_MS + 1


# -- outcomes, credits, cohorts ------------------------------------------------------------------------------


async def _refresh_outcomes(
    change: Change, inputs: AttributionContext, delta: BatchDelta, days: Sequence[int], *, are_visits_same: bool
) -> set[int]:
    """Write days of outcomes, purchases and credits.

    Return the days of the credited touches of the outcomes before and after.

    are_visits_same: whether only purchases change.  Credits and some rollups of outcomes then stay as they are: they
    depend on visits and their paths alone.
    """
    if not days:
        return set()
    users = await find_event_users(
        change, (VISITS, PURCHASES), *_to_utc_days(find_range_ms((days[0], days[-1]))), delta
    )
    touches = DayReader(change, TOUCHES, delta, users)
    visits, purchases = (DayReader(change, kind, delta) for kind in (VISITS, PURCHASES))
    site_ids = sorted(inputs.sites["site"].to_pylist())
    keys = RecencyKeys(
        {"site": site_ids},
        np.ones(len(site_ids), np.bool_),
        stay_flag="visit",
        tie_breakers=("purchase_count", "revenue_micro"),
    )
    grains = _PURCHASE_GRAINS if are_visits_same else None
    outcome_writer = RecencyWriter(change, OUTCOMES, keys, grains=grains)
    purchase_writer, credit_writer = (BufferedFactWriter(change, fact) for fact in (PURCHASE_FACT, CREDITS))
    touch_days = await _read_touch_days(change, days)  # before the rows are replaced
    for group in (groups := DayGroups(days)):
        span = group[0], group[-1]
        required = find_required_ranges(span, inputs.windows)
        outcome_span = _to_utc_days(required.outcomes)
        blocks = derive_conversion(
            await touches.read_days(*_to_utc_days(required.touches)),
            await visits.read_days(*outcome_span),
            await purchases.read_days(*outcome_span),
            inputs,
            span,
            with_credits=not are_visits_same,
        )
        groups.fit(touches.rows_per_day + visits.rows_per_day + purchases.rows_per_day)
        while (block := await _next(blocks)) is not None:
            days_of_block = [day for day in group if block.span[0] <= day <= block.span[1]]
            if days_of_block:
                rows = _filter_days(block.outcomes, days_of_block)
                touch_days |= _to_set(rows["touch_day"])
                await outcome_writer.write(np.array(days_of_block, np.int64), rows)
                await purchase_writer.replace(days_of_block, _filter_days(block.purchases, days_of_block))
                if block.credits is not None:
                    await credit_writer.replace(days_of_block, _filter_days(block.credits, days_of_block))
    for writer in (outcome_writer, purchase_writer, credit_writer):
        await writer.finish()
    return touch_days


async def _read_touch_days(change: Change, days: Sequence[int]) -> set[int]:
    """Return the days of the credited touches of the outcomes that are stored on some days."""
    where = OneOf("part", tuple(days)) & equal("attributed", 1)
    return _to_set((await change.aggregate(Aggregate(OUTCOMES.table, where, ("touch_day",))))["touch_day"])


async def _refresh_cohorts(change: Change, inputs: AttributionContext, days: Sequence[int]) -> None:
    """Write days of cohorts from the outcomes, which are already refreshed."""
    writer = BufferedFactWriter(change, COHORTS)
    columns = ("touch_day", *(column.name for column in COHORTS.columns))
    for group in (groups := DayGroups(days)):
        span = group[0], group[-1]
        where = Between("part", *find_outcome_days_of_cohorts(span, inputs.windows)) & Between("touch_day", *span)
        outcomes = await change.select(Select(OUTCOMES.table, where, columns))
        groups.fit(outcomes.num_rows / (span[1] + 1 - span[0]))
        rows = await asyncio.to_thread(derive_cohorts, outcomes, span)
        await writer.replace(group, _filter_days(rows, group))
    await writer.finish()


# -- exposures, deliveries -----------------------------------------------------------------------------------


async def _refresh_exposures(
    change: Change, inputs: AttributionContext, delta: BatchDelta, days: Sequence[int]
) -> None:
    touches, writer = DayReader(change, TOUCHES, delta), BufferedFactWriter(change, EXPOSURES)
    for group in (groups := DayGroups(days)):
        span = group[0], group[-1]
        blocks = derive_exposures(await touches.read_days(*_to_utc_days(find_range_ms(span))), inputs, span)
        groups.fit(touches.rows_per_day)
        while (block := await _next(blocks)) is not None:
            (first, last), rows = block
            days_of_block = [day for day in group if first <= day <= last]
            await writer.replace(days_of_block, _filter_days(rows, days_of_block))
    await writer.finish()


async def _refresh_deliveries(change: Change, context: DerivationContext, task: RefreshTask) -> None:
    writer = BufferedFactWriter(change, DELIVERIES)
    for first, last in task.day_ranges:
        for group in (groups := DayGroups(range(first, last + 1))):
            events = await read_events(
                change, kinds.DELIVERIES.table, group[0], group[-1], task.delta.list_batches(kinds.DELIVERIES)
            )
            groups.fit(events.num_rows / len(group))
            rows, affected_days = await asyncio.to_thread(_compare_deliveries, events, task.delta, context)
            days = [day for day in group if day in affected_days | task.extra_days]
            await writer.replace(days, _filter_days(rows, days))
    await writer.finish()


def _compare_deliveries(events: pa.Table, delta: BatchDelta, context: DerivationContext) -> tuple[pa.Table, set[int]]:
    """Return the rows of deliveries after the change, and the days on which they differ from those before it."""
    changes = delta.find_row_changes(events)
    before, after = (
        _select_deliveries(events.filter(pa.array(side)), context) for side in (changes <= 0, changes >= 0)
    )
    return after, _to_set(find_changed_keys(before, after, ("day",))["day"])


def _select_deliveries(events: pa.Table, context: DerivationContext) -> pa.Table:
    """Return the latest delivery of each campaign, day and site; those of deleted campaigns and sites are left out."""
    has_campaign = to_codes(events["campaign"], sorted(context.windows)) >= 0
    has_site = to_codes(events["site"], context.sites["site"].to_pylist()) >= 0
    is_valid = has_campaign & (has_site | events["site"].is_null().to_numpy())
    events = events.filter(pa.array(is_valid))
    latest = events.take(pa.array(find_latest_rows(events, kinds.DELIVERIES.natural_key)))
    return derive_deliveries(latest.rename_columns({"part": "day"}))


# -- helpers -------------------------------------------------------------------------------------------------


async def _next(blocks: Iterator[T]) -> T | None:
    """Return the next block, computed in a thread; None after the last."""
    return await asyncio.to_thread(next, blocks, None)


def _filter_days(rows: pa.Table, days: Collection[int]) -> pa.Table:
    mask = np.isin(to_integers(rows["day"]), list(days))
    return rows if mask.all() else rows.filter(pa.array(mask))


def _to_set(column: pa.ChunkedArray) -> set[int]:
    return {value for value in column.unique().to_pylist() if value is not None}
