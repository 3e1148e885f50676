"""The stays of the panel: pings that lie in the cells of a place, cut into stays, and stays that came as such."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from okube_api.ingest.columns.columns import to_codes, to_days_of_places, to_integers
from okube_api.ingest.derive.place_index import ZONE_KINDS, PlaceIndex
from okube_api.ingest.derive.sessionize import LocationIndex
from okube_api.ingest.events.kinds import PINGS, STAYS
from okube_api.ingest.raw.reader import BatchDelta, read_blocks
from okube_api.ingest.refresh.context import RefreshTask
from okube_api.ingest.refresh.day_ranges import spans_of
from okube_api.ingest.refresh.sessions import Detections, SessionPiece, read_session_pieces
from okube_api.store.arrays import Ints
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Reader

MAX_STAYS = 500_000


@dataclass(frozen=True, slots=True)
class StayRules:
    """What makes a stay of pings: the longest silence within it, the least it lasts, in seconds; exact is enough."""

    gap_s: int
    minimum_s: int


@dataclass(frozen=True, slots=True, eq=False)
class StayColumns:
    """Stays without what is known from elsewhere: one element each.

    start: ms, UTC; day: local, where the spot is.
    """

    user: Ints
    zone: Ints
    start_ms: Ints
    dwell_s: Ints
    day: Ints

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: Ints) -> "StayColumns":
        """Some of them, in that order."""
        return StayColumns(self.user[rows], self.zone[rows], self.start_ms[rows], self.dwell_s[rows], self.day[rows])


@dataclass(frozen=True, slots=True, eq=False)
class StayDays:
    """The local days [first, last]: those of them that a change touches, ascending, and all of the stays on these."""

    first: int
    last: int
    touched: Ints
    stays: StayColumns


def concat_stays(parts: Sequence[StayColumns]) -> StayColumns:
    """All of them."""
    none = np.empty(0, np.int64)
    columns = ((one.user, one.zone, one.start_ms, one.dwell_s, one.day) for one in parts)
    return StayColumns(*(np.concatenate([none, *found]) for found in zip((none,) * 5, *columns, strict=True)))


async def read_stay_days(
    view: Reader, ground: PlaceIndex, rules: StayRules, task: RefreshTask
) -> AsyncIterator[StayDays]:
    """The stays on the local days that a change touches, some days at a time, ascending."""
    async for piece in _pinged(view, ground, rules, task):
        found = await asyncio.to_thread(_of_runs, piece, rules)
        async for first, last, told, touched in _told(view, ground, task.delta, (piece.first, piece.last)):
            also = np.array(sorted(day for day in task.extra_days if first <= day <= last), np.int64)
            mine = piece.affected_days[(piece.affected_days >= first) & (piece.affected_days <= last)]
            wanted = np.unique(np.concatenate((mine, touched, also)))
            both = concat_stays([one.take(np.flatnonzero(np.isin(one.day, wanted))) for one in (found, told)])
            yield StayDays(first, last, wanted, both)


# -- pings ---------------------------------------------------------------------------------------------------


def _pinged(view: Reader, ground: PlaceIndex, rules: StayRules, task: RefreshTask) -> AsyncIterator[SessionPiece]:
    names = ground.zone_names
    places = LocationIndex(("",), np.zeros(1, np.int32), names, ground.zone_timezones)

    async def reading(low: int, high: int) -> AsyncIterator[tuple[int, Detections]]:
        async for block in read_blocks(view, PINGS.table, low, high, task.delta.either_side):
            yield int(to_integers(block["part"])[-1]), await asyncio.to_thread(match_pings, block, ground, task.delta)

    return read_session_pieces(reading, places, rules.gap_s, spans_of(task), exits=False)


def match_pings(pings: pa.Table, ground: PlaceIndex, sides: BatchDelta) -> Detections:
    """Pings in the spots that hold them; each counts at each."""
    rows, spots = ground.match(pings["lng"].to_numpy(), pings["lat"].to_numpy())
    return Detections(
        to_integers(pings["user"])[rows],
        spots.astype(np.int32),
        np.zeros(len(rows), np.int32),
        to_integers(pings["at"])[rows],
        sides.row_changes(pings)[rows].astype(np.int8),
    )


def _of_runs(piece: SessionPiece, rules: StayRules) -> StayColumns:
    """The stays that start on the days of a piece, after the change."""
    runs = piece.sessions.filter(piece.sessions.change >= 0)
    start, end = runs.at_ms[runs.starts], runs.at_ms[runs.ends]
    dwell_s, day = (end - start) // 1000, runs.start_days
    rows = np.flatnonzero((dwell_s >= rules.minimum_s) & (day >= piece.first) & (day <= piece.last))
    spot = runs.site[runs.starts].astype(np.int64)
    return StayColumns(runs.user[runs.starts], spot, start, dwell_s, day).take(rows)


# -- stays that came as such -----------------------------------------------------------------------------------


async def _told(
    view: Reader, ground: PlaceIndex, sides: BatchDelta, span: tuple[int, int]
) -> AsyncIterator[tuple[int, int, StayColumns, Ints]]:
    """Days that together are `span`: the first, the last, their stays, and those of them that the change touches."""
    first, last = span
    held, complete = _NONE, _Once(_NO_STAYS, np.empty(0, np.int64))
    async for block in read_blocks(view, STAYS.table, first - 1, last + 1, sides.either_side):
        held = pa.concat_tables([held, block])
        through = int(to_integers(block["part"])[-1]) - 2
        if first <= through < last and held.num_rows >= MAX_STAYS:
            done = to_integers(held["part"]) <= through + 1
            complete = complete.with_(_once(held.filter(pa.array(done)), ground, sides))
            held = held.filter(pa.array(~done))
            yield first, through, *complete.between(first, through)
            complete, first = complete.after(through), through + 1
    complete = complete.with_(_once(held, ground, sides))
    yield first, last, *complete.between(first, last)


_NONE = make_arrow_schema(get_stored_types(STAYS.table)).empty_table()
_NO_STAYS = StayColumns(*(np.empty(0, np.int64) for _ in range(5)))


@dataclass(frozen=True, slots=True, eq=False)
class _Once:
    """Stays, each once, and the local days of those that count on one side of the change only."""

    stays: StayColumns
    touched: Ints

    def with_(self, other: "_Once") -> "_Once":
        return _Once(concat_stays((self.stays, other.stays)), np.concatenate((self.touched, other.touched)))

    def between(self, first: int, last: int) -> tuple[StayColumns, Ints]:
        """The stays and the touched days of [first, last]."""
        days, touched = self.stays.day, np.unique(self.touched)
        rows = np.flatnonzero((days >= first) & (days <= last))
        return self.stays.take(rows), touched[(touched >= first) & (touched <= last)]

    def after(self, day: int) -> "_Once":
        """What comes later."""
        return _Once(self.stays.take(np.flatnonzero(self.stays.day > day)), self.touched[self.touched > day])


def _once(rows: pa.Table, ground: PlaceIndex, sides: BatchDelta) -> _Once:
    """The stays of whole parts, at the places that there are."""
    place = to_codes(rows["place"], ground.ids).astype(np.int64)
    rows, place = rows.filter(pa.array(place >= 0)), place[place >= 0]
    counts, differs = sides.deduplicate(rows, STAYS.content_key)
    at = to_integers(rows["at"])
    spot = 2 * place + to_codes(rows["zone"], ZONE_KINDS)
    day = to_days_of_places(at, spot, ground.zone_timezones)
    found = StayColumns(to_integers(rows["user"]), spot, at, to_integers(rows["duration_s"]), day)
    return _Once(found.take(np.flatnonzero(counts)), day[differs])
