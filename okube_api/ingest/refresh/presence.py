"""Detections become the facts of presence: the days that a change of them touches are written anew."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import numpy as np
import pyarrow as pa

from okube_api.catalogue.facts import (
    PRESENCE_EXITS,
    PRESENCE_PASSAGE_EXITS,
    PRESENCE_PASSAGES,
    PRESENCE_STAYS,
    PRESENCE_STEPS,
)
from okube_api.ingest.columns.columns import to_codes, to_integers
from okube_api.ingest.columns.prefetch import prefetch
from okube_api.ingest.derive.presence import PresenceRules, PresenceTables, derive_presence
from okube_api.ingest.derive.sessionize import LocationIndex, index_equipments
from okube_api.ingest.events.tables import DETECTIONS
from okube_api.ingest.raw.reader import BatchDelta, read_blocks
from okube_api.ingest.refresh.context import DerivationContext, RefreshTask
from okube_api.ingest.refresh.fact_writer import BufferedFactWriter
from okube_api.ingest.refresh.recency import RecencyKeys, RecencyWriter
from okube_api.ingest.refresh.sessions import Detections, SessionPiece, read_session_pieces
from okube_api.store.arrays import Ints
from okube_api.store.protocol import Change


async def refresh_presence(change: Change, told: DerivationContext, task: RefreshTask) -> None:
    """Writes the days of the five facts of presence that a change of detections touches, and what follows from them."""
    settings = told.settings
    rules = PresenceRules(
        settings.presence.gap_minutes * 60,
        settings.stays.minimum_seconds,
        settings.presence.dropout_seconds,
        settings.bands.dwell,
    )
    places = index_equipments(told.equipments)
    writing = _Writing(change, places)
    reading = partial(_read, change, places, task.delta)
    async for piece in prefetch(
        read_session_pieces(reading, places, rules.gap_s, task.changed_days, exits=True, also=task.extra_days)
    ):
        also = [day for day in task.extra_days if piece.first <= day <= piece.last]
        days = np.unique(np.concatenate((piece.affected_days, np.array(also, np.int64))))
        if len(days):
            await writing.write(days, await asyncio.to_thread(_made, piece, rules, days))
    await writing.finish()


async def _read(
    change: Change, places: LocationIndex, sides: BatchDelta, low: int, high: int
) -> AsyncIterator[tuple[int, Detections]]:
    async for block in read_blocks(change, DETECTIONS, low, high, sides.either_side):
        yield int(to_integers(block["part"])[-1]), await asyncio.to_thread(_points, block, places, sides)


def _points(detections: pa.Table, places: LocationIndex, sides: BatchDelta) -> Detections:
    equipment = to_codes(detections["equipment"], places.equipments)
    known = np.flatnonzero(equipment >= 0)  # the others are gone
    equipment = equipment[known]
    user, at = (to_integers(detections[name])[known] for name in ("user", "at"))
    return Detections(
        user, places.site_of[equipment], equipment, at, sides.row_changes(detections)[known].astype(np.int8)
    )


def _made(piece: SessionPiece, rules: PresenceRules, days: Ints) -> PresenceTables:
    """The rows of these days after the change."""
    found = derive_presence(piece.sessions.filter(piece.sessions.change >= 0), rules, (int(days[0]), int(days[-1])))
    if len(days) == days[-1] - days[0] + 1:
        return found
    chosen = (table.filter(pa.array(np.isin(to_integers(table["day"]), days))) for table in found.tables)
    return PresenceTables(*chosen)


class _Writing:
    """The five facts, of which stays and passages are marked."""

    def __init__(self, change: Change, places: LocationIndex) -> None:
        sites = RecencyKeys({"site": places.sites}, np.ones(len(places.sites), np.bool_))
        equipments = RecencyKeys(
            {"equipment": places.equipments}, np.ones(len(places.equipments), np.bool_), by_stay=True
        )
        self._stays = RecencyWriter(change, PRESENCE_STAYS, sites)
        self._passages = RecencyWriter(change, PRESENCE_PASSAGES, equipments)
        self._plain = [
            BufferedFactWriter(change, fact) for fact in (PRESENCE_STEPS, PRESENCE_EXITS, PRESENCE_PASSAGE_EXITS)
        ]

    async def write(self, days: Ints, found: PresenceTables) -> None:
        await self._stays.write(days, found.stays)
        await self._passages.write(days, found.passages)
        for facts, rows in zip(self._plain, (found.steps, found.exits, found.passage_exits), strict=True):
            await facts.replace(days.tolist(), rows)

    async def finish(self) -> None:
        await self._stays.finish()
        await self._passages.finish()
        for facts in self._plain:
            await facts.finish()
