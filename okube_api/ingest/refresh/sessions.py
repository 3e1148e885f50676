"""Points of users cut into runs, some days at a time, whatever is read: what pings and detections share.

Days that nothing changed on are read only as far as runs reach into them, and then only of the users whose runs do:
someone who never leaves costs their own points alone.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from okube_api.clock import DAY_MS, DAY_S
from okube_api.ingest.columns.allocator import give_back
from okube_api.ingest.columns.columns import Span
from okube_api.ingest.derive.sessionize import LocationIndex, Sessions, find_affected_days
from okube_api.ingest.refresh.session_window import SessionWindow, Detections, ReadDetections
from okube_api.store.arrays import Flags, Ints

__all__ = ["SessionPiece", "Detections", "ReadDetections", "read_session_pieces"]

MAX_DETECTIONS = 500_000
_LOCAL_D = 1  # the points of a UTC day are of local days at most so far from it, and the other way round
_HALF_A_DAY_S = 43_200


@dataclass(frozen=True, slots=True, eq=False)
class SessionPiece:
    """Some local days, and the runs of points: whole are all those that start (or end, if that matters) on the days.

    touched: those of the days whose rows can differ before and after the change.
    """

    first: int
    last: int
    sessions: Sessions
    affected_days: Ints


async def read_session_pieces(
    reading: ReadDetections,
    places: LocationIndex,
    gap_s: int,
    spans: Sequence[Span],
    *,
    exits: bool,
    also: Iterable[int] = (),
) -> AsyncIterator[SessionPiece]:
    """The pieces that cover the local days which a change can touch, and `also`; ascending and apart.

    spans: UTC days with points that come or go, ascending.  exits: whether also the day matters on which a run ends.
    """
    days = set(also)
    for first, last in spans:
        days.update(range(first - _LOCAL_D - _beside(gap_s), last + _LOCAL_D + 1))
        days |= await _begun(reading, places, gap_s, (first, last))
    work = _Work(reading, places, gap_s, exits=exits, days=days)
    async for piece in work.pieces():
        yield piece


def _beside(gap_s: int) -> int:
    """How many more days a point can join runs across."""
    return 0 if gap_s <= _HALF_A_DAY_S else -(-gap_s // DAY_S)


async def _begun(reading: ReadDetections, places: LocationIndex, gap_s: int, span: Span) -> set[int]:
    """The local days on which runs began that reach into a span of UTC days, and perhaps change there."""
    first, last = span
    held = SessionWindow(reading, places, gap_s, first - 1 - _beside(gap_s))
    upto = min(last, first + 1)
    async for _, points in reading(held.low, upto):
        held.add(points)
    held.complete = upto
    edge_ms = (first - 1) * DAY_MS

    def matter(runs: Sessions) -> Flags:
        across = (runs.at_ms[runs.starts] < edge_ms) & (runs.at_ms[runs.ends] >= edge_ms)
        return across & (runs.has_change | held.may_continue(runs))

    runs = held.sessionize()
    if await held.extend(runs, matter, back=True):
        runs = held.sessionize()
    return set(runs.start_days[matter(runs)].tolist())


class _Work:
    """Days to be dealt with, in order."""

    def __init__(
        self, reading: ReadDetections, places: LocationIndex, gap_s: int, *, exits: bool, days: set[int]
    ) -> None:
        self._holding = partial(SessionWindow, reading, places, gap_s)
        self._exits, self._days = exits, days
        self._most = (
            MAX_DETECTIONS // 2 if exits else MAX_DETECTIONS
        )  # where exits matter, a point may make several wide rows
        self._stream: AsyncIterator[tuple[int, Detections]] | None = None
        self._through = 0

    async def pieces(self) -> AsyncIterator[SessionPiece]:
        held, following = self._holding(0), None
        while self._days:
            first = min(self._days)
            if first != following:
                held = self._holding(first - _LOCAL_D)
            last = await self._read(held, first)
            runs = await self._whole(held, first, last)
            touched = await asyncio.to_thread(find_affected_days, runs, exits=self._exits)
            self._days |= set(touched[touched > last].tolist())
            self._days.difference_update(range(first, last + 1))
            yield SessionPiece(first, last, runs, touched[(touched >= first) & (touched <= last)])
            await asyncio.to_thread(held.drop_finished, runs, last)
            del runs, touched  # they are as large as what is read next
            await asyncio.to_thread(give_back)
            following = last + 1

    async def _read(self, held: SessionWindow, first: int) -> int:
        """Reads neighbouring days from `first` on, until there are enough points; the last day that is complete."""
        while True:
            last = self._end(first)
            if held.complete >= last + _LOCAL_D:
                return last
            if self._stream is None:
                self._through = last + _LOCAL_D
                self._stream = held.reading(held.complete + 1, self._through)
            block = await anext(self._stream, None)
            if block is None:
                held.complete, self._stream = self._through, None
                continue
            held.add(block[1])
            held.complete = max(held.complete, block[0] - 1)
            if len(held) >= self._most and held.complete - _LOCAL_D >= first:
                return held.complete - _LOCAL_D

    def _end(self, first: int) -> int:
        """The last of the days that follow one another from `first` on."""
        last = first
        while last + 1 in self._days:
            last += 1
        return last

    async def _whole(self, held: SessionWindow, first: int, last: int) -> Sessions:
        """The runs, whole as far as they have rows on the days [first, last], before or after the change."""

        def before(runs: Sessions) -> Flags:
            starts, ends = runs.start_days, runs.end_days
            ends_here = (ends >= first) & ((ends <= last) | runs.has_change) & self._exits
            matter: Flags = ((starts >= first) & (starts <= last)) | ends_here
            return matter

        def after(runs: Sessions) -> Flags:
            starts, ends = runs.start_days, runs.end_days
            ends_here = (ends >= first) & (ends <= last) & self._exits
            matter: Flags = (starts <= last) & ((starts >= first) | runs.has_change | ends_here)
            return matter

        runs = await asyncio.to_thread(held.sessionize)
        while await held.extend(runs, before, back=True) or await held.extend(runs, after, back=False):
            runs = await asyncio.to_thread(held.sessionize)
        return runs
