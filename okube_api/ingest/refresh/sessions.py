"""Sessionises pings and sensor detections incrementally, some days at a time.

Days without a change are read only as far as sessions reach into them, and only for the users of these sessions.  So a
device that never leaves a site costs only the reading of its own detections.
"""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic

from okube_api.clock import DAY_MS, DAY_S
from okube_api.ingest.columns.allocator import trim
from okube_api.ingest.columns.columns import DayRange
from okube_api.ingest.derive.sessionize import Detections, S, Sessionizer
from okube_api.ingest.refresh.session_window import ReadDetections, SessionWindow
from okube_api.store.arrays import Flags, Ints

MAX_DETECTIONS = 250_000  # in a piece, of sensors; a detection may lead to several wide rows
_LOCAL_D = 1  # the local day of a detection and its UTC day are at most one day apart
_HALF_DAY_S = 43_200


@dataclass(frozen=True, slots=True, eq=False)
class SessionPiece(Generic[S]):
    """The local days [first, last], and their sessions; those that the rows of these days depend on are complete.

    affected_days: the days whose rows can differ before and after the change.
    """

    first: int
    last: int
    sessions: S
    affected_days: Ints


async def read_session_pieces(
    read: ReadDetections, sessionizer: Sessionizer[S], day_ranges: Sequence[DayRange], extra_days: Iterable[int] = ()
) -> AsyncIterator[SessionPiece[S]]:
    """Yield pieces that cover the local days which a change can affect, and `extra_days`: ascending, not overlapping.

    day_ranges: UTC days with detections that the change adds or removes, ascending.
    """
    days = set(extra_days)
    for first, last in day_ranges:
        days.update(range(first - _LOCAL_D - _count_days_of_gap(sessionizer.gap_s), last + _LOCAL_D + 1))
        days |= await _find_earlier_days(read, sessionizer, (first, last))
    async for piece in _PieceReader(read, sessionizer, days).read_pieces():
        yield piece


def _count_days_of_gap(gap_s: int) -> int:
    """Return how many further days a gap can span, over which a new detection can join two sessions."""
    return 0 if gap_s <= _HALF_DAY_S else -(-gap_s // DAY_S)


async def _find_earlier_days(read: ReadDetections, sessionizer: Sessionizer[S], span: DayRange) -> set[int]:
    """Return the days of sessions that start before a range of UTC days and can change within it."""
    first, last = span
    window = SessionWindow(read, sessionizer, first - 1 - _count_days_of_gap(sessionizer.gap_s))
    end = min(last, first + 1)
    async for _, detections in read(window.low, end):
        window.add(detections)
    window.complete = end
    edge_ms = (first - 1) * DAY_MS

    def crosses_edge(sessions: S) -> Flags:
        return sessionizer.reaches_into(sessions, edge_ms) & (sessions.has_change | window.may_continue(sessions))

    sessions = window.sessionize()
    if await window.extend(sessions, crosses_edge, back=True):
        sessions = window.sessionize()
    return sessionizer.list_earlier_days(sessions, crosses_edge(sessions), first)


class _PieceReader(Generic[S]):
    """Reads local days in ascending order, in pieces with a bounded number of detections."""

    def __init__(self, read: ReadDetections, sessionizer: Sessionizer[S], days: set[int]) -> None:
        self._sessionizer, self._days = sessionizer, days
        self._open_window = partial(SessionWindow[S], read, sessionizer)
        self._stream: AsyncIterator[tuple[int, Detections]] | None = None
        self._stream_end = 0

    async def read_pieces(self) -> AsyncIterator[SessionPiece[S]]:
        """Yield pieces until no day is left; a piece can add later days that its sessions affect."""
        window, next_day = self._open_window(0), None
        while self._days:
            first = min(self._days)
            if first != next_day:
                window = self._open_window(first - _LOCAL_D)
            last = await self._fill(window, first)
            sessions = await self._make_whole(window, first, last)
            affected = await asyncio.to_thread(self._sessionizer.find_affected_days, sessions)
            self._days |= set(affected[affected > last].tolist())
            self._days.difference_update(range(first, last + 1))
            yield SessionPiece(first, last, sessions, affected[(affected >= first) & (affected <= last)])
            await asyncio.to_thread(window.drop_finished, sessions, last)
            del sessions, affected  # free their memory before as much is read again
            await asyncio.to_thread(trim)
            next_day = last + 1

    async def _fill(self, window: SessionWindow[S], first: int) -> int:
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
            if len(window) >= MAX_DETECTIONS * self._sessionizer.capacity and window.complete - _LOCAL_D >= first:
                return window.complete - _LOCAL_D

    def _find_end(self, first: int) -> int:
        """Return the last of the consecutive days from `first` on."""
        last = first
        while last + 1 in self._days:
            last += 1
        return last

    async def _make_whole(self, window: SessionWindow[S], first: int, last: int) -> S:
        """Return the sessions; those that the rows of the days [first, last] depend on are complete."""
        back = partial(self._sessionizer.must_reach_back, span=(first, last))
        ahead = partial(self._sessionizer.must_reach_ahead, span=(first, last))
        sessions = await asyncio.to_thread(window.sessionize)
        while await window.extend(sessions, back, back=True) or await window.extend(sessions, ahead, back=False):
            sessions = await asyncio.to_thread(window.sessionize)
        return sessions
