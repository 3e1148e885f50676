"""Sessionises pings and sensor detections incrementally, some days at a time.

Days without a change are read only as far as sessions reach into them, and only for the users of these sessions.  So a
device that never leaves a site costs only the reading of its own detections.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from functools import partial

from okube_api.clock import DAY_MS, DAY_S
from okube_api.ingest.columns.allocator import trim
from okube_api.ingest.columns.columns import DayRange
from okube_api.ingest.derive.sessionize import Detections, LocationIndex, Sessions, find_affected_days
from okube_api.ingest.refresh.session_window import ReadDetections, SessionWindow
from okube_api.store.arrays import Flags, Ints

MAX_DETECTIONS = 500_000
_LOCAL_D = 1  # the local day of a detection and its UTC day are at most one day apart
_HALF_DAY_S = 43_200


@dataclass(frozen=True, slots=True, eq=False)
class SessionPiece:
    """The local days [first, last], and their sessions.

    sessions: those that start on the days are complete; with exits, those that end on the days, too.
    affected_days: the days whose rows can differ before and after the change.
    """

    first: int
    last: int
    sessions: Sessions
    affected_days: Ints


async def read_session_pieces(
    read: ReadDetections,
    locations: LocationIndex,
    gap_s: int,
    day_ranges: Sequence[DayRange],
    *,
    exits: bool,
    extra_days: Iterable[int] = (),
) -> AsyncIterator[SessionPiece]:
    """Yield pieces that cover the local days which a change can affect, and `extra_days`: ascending, not overlapping.

    day_ranges: UTC days with detections that the change adds or removes, ascending.
    exits: whether rows also depend on the days on which sessions end.
    """
    days = set(extra_days)
    for first, last in day_ranges:
        days.update(range(first - _LOCAL_D - _count_days_of_gap(gap_s), last + _LOCAL_D + 1))
        days |= await _find_days_of_earlier_starts(read, locations, gap_s, (first, last))
    reader = _PieceReader(read, locations, gap_s, exits=exits, days=days)
    async for piece in reader.read_pieces():
        yield piece


def _count_days_of_gap(gap_s: int) -> int:
    """Return how many further days a gap can span, over which a new detection can join two sessions."""
    return 0 if gap_s <= _HALF_DAY_S else -(-gap_s // DAY_S)


async def _find_days_of_earlier_starts(
    read: ReadDetections, locations: LocationIndex, gap_s: int, span: DayRange
) -> set[int]:
    """Return the start days of sessions that start before a range of UTC days and can change within it."""
    first, last = span
    window = SessionWindow(read, locations, gap_s, first - 1 - _count_days_of_gap(gap_s))
    end = min(last, first + 1)
    async for _, detections in read(window.low, end):
        window.add(detections)
    window.complete = end
    edge_ms = (first - 1) * DAY_MS

    def crosses_edge(sessions: Sessions) -> Flags:
        crosses = (sessions.at_ms[sessions.starts] < edge_ms) & (sessions.at_ms[sessions.ends] >= edge_ms)
        return crosses & (sessions.has_change | window.may_continue(sessions))

    sessions = window.sessionize()
    if await window.extend(sessions, crosses_edge, back=True):
        sessions = window.sessionize()
    return set(sessions.start_days[crosses_edge(sessions)].tolist())


class _PieceReader:
    """Reads local days in ascending order, in pieces with a bounded number of detections."""

    def __init__(
        self, read: ReadDetections, locations: LocationIndex, gap_s: int, *, exits: bool, days: set[int]
    ) -> None:
        self._open_window = partial(SessionWindow, read, locations, gap_s)
        self._exits, self._days = exits, days
        # With exits, one detection may lead to several wide rows.
        self._max_detections = MAX_DETECTIONS // 2 if exits else MAX_DETECTIONS
        self._stream: AsyncIterator[tuple[int, Detections]] | None = None
        self._stream_end = 0

    async def read_pieces(self) -> AsyncIterator[SessionPiece]:
        """Yield pieces until no day is left; a piece can add later days that its sessions affect."""
        window, next_day = self._open_window(0), None
        while self._days:
            first = min(self._days)
            if first != next_day:
                window = self._open_window(first - _LOCAL_D)
            last = await self._fill(window, first)
            sessions = await self._make_whole(window, first, last)
            affected = await asyncio.to_thread(find_affected_days, sessions, exits=self._exits)
            self._days |= set(affected[affected > last].tolist())
            self._days.difference_update(range(first, last + 1))
            yield SessionPiece(first, last, sessions, affected[(affected >= first) & (affected <= last)])
            await asyncio.to_thread(window.drop_finished, sessions, last)
            del sessions, affected  # free their memory before as much is read again
            await asyncio.to_thread(trim)
            next_day = last + 1

    async def _fill(self, window: SessionWindow, first: int) -> int:
        """Read consecutive days from `first` on until there are enough detections; return the last complete day."""
        while True:
            last = self._find_end(first)
            if window.complete >= last + _LOCAL_D:
                return last
            if self._stream is None:
                self._stream_end = last + _LOCAL_D
                self._stream = window.read(window.complete + 1, self._stream_end)
            block = await anext(self._stream, None)
            if block is None:
                window.complete, self._stream = self._stream_end, None
                continue
            window.add(block[1])
            window.complete = max(window.complete, block[0] - 1)
            if len(window) >= self._max_detections and window.complete - _LOCAL_D >= first:
                return window.complete - _LOCAL_D

    def _find_end(self, first: int) -> int:
        """Return the last of the consecutive days from `first` on."""
        last = first
        while last + 1 in self._days:
            last += 1
        return last

    async def _make_whole(self, window: SessionWindow, first: int, last: int) -> Sessions:
        """Return the sessions; those with rows on the days [first, last], before or after the change, are complete."""

        def must_reach_back(sessions: Sessions) -> Flags:
            starts, ends = sessions.start_days, sessions.end_days
            ends_here = (ends >= first) & ((ends <= last) | sessions.has_change) & self._exits
            mask: Flags = ((starts >= first) & (starts <= last)) | ends_here
            return mask

        def must_reach_ahead(sessions: Sessions) -> Flags:
            starts, ends = sessions.start_days, sessions.end_days
            ends_here = (ends >= first) & (ends <= last) & self._exits
            mask: Flags = (starts <= last) & ((starts >= first) | sessions.has_change | ends_here)
            return mask

        sessions = await asyncio.to_thread(window.sessionize)
        while await window.extend(sessions, must_reach_back, back=True) or await window.extend(
            sessions, must_reach_ahead, back=False
        ):
            sessions = await asyncio.to_thread(window.sessionize)
        return sessions
