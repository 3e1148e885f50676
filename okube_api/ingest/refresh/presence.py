"""Refreshes the facts of presence on the days that a change of detections affects."""

import asyncio
from collections.abc import AsyncIterator

import numpy as np
import pyarrow as pa

from okube_api.catalogue.fact import ELAPSED, HOUR_OF_DAY, Fact
from okube_api.catalogue.facts import (
    PRESENCE_EXITS,
    PRESENCE_PASSAGE_EXITS,
    PRESENCE_PASSAGES,
    PRESENCE_STAYS,
    PRESENCE_STEPS,
)
from okube_api.ingest.columns.columns import to_codes, to_integers
from okube_api.ingest.columns.prefetch import prefetch
from okube_api.ingest.derive.presence import (
    PresenceRules,
    PresenceTables,
    build_passage_exits_of_exits,
    build_steps_of_stays,
    derive_presence,
)
from okube_api.ingest.derive.recency_flags import RecencyKeys
from okube_api.ingest.derive.sessionize import (
    Detections,
    DetectionSessionizer,
    LocationIndex,
    Sessions,
    index_equipments,
)
from okube_api.ingest.events.kinds import DETECTIONS
from okube_api.ingest.raw.identified_events import read_identified_events
from okube_api.ingest.refresh.context import DerivationContext, RefreshTask
from okube_api.ingest.refresh.fact_writer import BufferedFactWriter
from okube_api.ingest.refresh.recency import RecencyWriter
from okube_api.ingest.refresh.sessions import SessionPiece, read_session_pieces
from okube_api.ingest.refresh.user_slice import UserSlice
from okube_api.store.arrays import Ints
from okube_api.store.conditions import OneOf
from okube_api.store.plans import Select
from okube_api.store.protocol import Change


async def refresh_presence(change: Change, context: DerivationContext, task: RefreshTask) -> None:
    """Write the facts of presence on the days that a change of detections affects; correct flags of later days."""
    settings = context.settings
    rules = PresenceRules(
        settings.presence.gap_minutes * 60,
        settings.stays.minimum_seconds,
        settings.presence.dropout_seconds,
        settings.bands.dwell,
    )
    locations = index_equipments(context.equipments)

    async def read_detections(low: int, high: int) -> AsyncIterator[tuple[int, Detections]]:
        async for block, changes in read_identified_events(change, DETECTIONS, low, high, task.delta):
            detections = await asyncio.to_thread(_index_detections, block, changes, locations)
            yield int(to_integers(block["part"])[-1]), detections

    sessionizer = DetectionSessionizer(locations, rules.gap_s)
    pieces = read_session_pieces(read_detections, sessionizer, task.changed_days, task.extra_days)
    writer = _PresenceWriter(change, locations)
    async for piece in prefetch(pieces):
        extra_days = [day for day in task.extra_days if piece.first <= day <= piece.last]
        days = np.unique(np.concatenate((piece.affected_days, np.array(extra_days, np.int64))))
        if len(days):
            await writer.write(days, await asyncio.to_thread(_derive_days, piece, rules, days))
    await writer.finish()


def _index_detections(rows: pa.Table, changes: Ints, locations: LocationIndex) -> Detections:
    """Return the detections of a block, without those of deleted equipments.

    changes: per row, 1 if a change adds it, -1 if the change removes it, else 0.
    """
    equipment = to_codes(rows["equipment"], locations.equipments)
    numbers = np.flatnonzero(equipment >= 0)
    equipment = equipment[numbers]
    user, at_ms = (to_integers(rows[name])[numbers] for name in ("user", "at"))
    change = changes[numbers].astype(np.int8)
    return Detections(user, locations.site_of[equipment], equipment, at_ms, change)


def _derive_days(piece: SessionPiece[Sessions], rules: PresenceRules, days: Ints) -> PresenceTables:
    """Return the rows of the facts on these days after the change."""
    after = piece.sessions.filter(piece.sessions.change >= 0)
    tables = derive_presence(after, rules, (int(days[0]), int(days[-1])))
    if len(days) == days[-1] - days[0] + 1:
        return tables
    return PresenceTables(*(rows.filter(pa.array(np.isin(to_integers(rows["day"]), days))) for rows in tables.all))


class _PresenceWriter:
    """Writes the five facts of presence; stays and passages have recency flags."""

    def __init__(self, change: Change, locations: LocationIndex) -> None:
        sites = RecencyKeys({"site": locations.sites}, np.ones(len(locations.sites), np.bool_))
        equipments = RecencyKeys(
            {"equipment": locations.equipments}, np.ones(len(locations.equipments), np.bool_), by_stay=True
        )
        self._change, self._is_slice = change, isinstance(change, UserSlice)
        self._stays = RecencyWriter(change, PRESENCE_STAYS, sites)
        self._passages = RecencyWriter(change, PRESENCE_PASSAGES, equipments)
        plain_facts = (PRESENCE_STEPS, PRESENCE_EXITS, PRESENCE_PASSAGE_EXITS)
        self._plain = [BufferedFactWriter(change, fact) for fact in plain_facts]

    async def write(self, days: Ints, tables: PresenceTables) -> None:
        before = (await self._read_steps(days), None, await self._read_passage_exits(days))
        await self._stays.write(days, tables.stays)
        await self._passages.write(days, tables.passages)
        after = (tables.steps, tables.exits, tables.passage_exits)
        for writer, rows, old_rows in zip(self._plain, after, before, strict=True):
            await writer.replace(days.tolist(), rows, old_rows)

    async def _read_steps(self, days: Ints) -> pa.Table | None:
        """Return the old steps on days in a slice, which are not stored; None outside of a slice."""
        return build_steps_of_stays(await self._read_paths(PRESENCE_STAYS, days)) if self._is_slice else None

    async def _read_passage_exits(self, days: Ints) -> pa.Table | None:
        """Return the old passage exits on days in a slice, which are not stored; None outside of a slice."""
        return build_passage_exits_of_exits(await self._read_paths(PRESENCE_EXITS, days)) if self._is_slice else None

    async def _read_paths(self, fact: Fact, days: Ints) -> pa.Table:
        return await self._change.select(
            Select(fact.table, OneOf("part", tuple(days.tolist())), ("day", "site", "path", ELAPSED, HOUR_OF_DAY))
        )

    async def finish(self) -> None:
        await self._stays.finish()
        await self._passages.finish()
        for writer in self._plain:
            await writer.finish()
