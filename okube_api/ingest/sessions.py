"""Points of users cut into runs, a bounded number of days at a time, whatever is read: what pings and detections share.

A piece is days all of whose runs are whole; what goes on after them is kept for the next piece.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from okube_api.ingest.derive.columns import Codes, Flags, Ints
from okube_api.ingest.derive.runs import Places, Runs, runs_of, touched_days
from okube_api.ingest.localtime import DAY_MS

MOST_POINTS = 2_000_000
_FAR = 2**40


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Users seen at instants (ms, UTC): one element each, in any order.

    site, equipment: index the `Places` of the runs.  change: 1 new, -1 taken away, else 0.
    """

    user: Ints
    site: Codes
    equipment: Codes
    at: Ints
    change: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.at)


def joined(parts: list[Points]) -> Points:
    """All of them."""
    return Points(
        np.concatenate([np.empty(0, np.int64), *(one.user for one in parts)]),
        np.concatenate([np.empty(0, np.int32), *(one.site for one in parts)]),
        np.concatenate([np.empty(0, np.int32), *(one.equipment for one in parts)]),
        np.concatenate([np.empty(0, np.int64), *(one.at for one in parts)]),
        np.concatenate([np.empty(0, np.int8), *(one.change for one in parts)]),
    )


def cut(points: Points, places: Places, gap_s: int) -> Runs:
    """The runs that points make."""
    return runs_of(
        places,
        gap_s,
        user=points.user,
        site=points.site,
        equipment=points.equipment,
        at=points.at,
        change=points.change,
    )


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Some local days, and every run that starts or ends on one of them.

    touched: those of the days whose rows can differ before and after the change.
    """

    first: int
    last: int
    runs: Runs
    touched: Ints


Reading = Callable[[int, int], AsyncIterator[tuple[int, Points]]]
"""Points of the UTC days [low, high], ascending, with the greatest day of each block."""


async def pieces(
    reading: Reading, places: Places, gap_s: int, spans: Sequence[tuple[int, int]], *, exits: bool
) -> AsyncIterator[Piece]:
    """The pieces that cover the local days which the change can touch, ascending and apart.

    spans: UTC days with points that come or go, ascending.  exits: whether also the day matters on which a run ends.
    """
    done = -_FAR
    for first, last in spans:
        window = _Window(reading, places, gap_s, (max(first - 1, done + 1), last + 1), exits=exits, floor=done + 1)
        async for piece in window.pieces():
            if piece.last > done:
                yield piece
                done = piece.last


class _Window:
    """The points read and not yet dealt with: of the UTC days [low, complete], and perhaps some of later ones."""

    def __init__(
        self, reading: Reading, places: Places, gap_s: int, span: tuple[int, int], *, exits: bool, floor: int
    ) -> None:
        self._reading, self._places, self._gap_s, self._exits, self._floor = reading, places, gap_s, exits, floor
        self._next, self._last = span
        self._low = self._complete = self._next - 2  # read are the UTC days from the one after `low`
        self._points: list[Points] = []
        self._began = False

    async def pieces(self) -> AsyncIterator[Piece]:
        while self._next <= self._last:
            async for _ in self._read(self._last + 1):
                if sum(map(len, self._points)) >= MOST_POINTS and (piece := await self._piece(self._complete - 1)):
                    yield piece
            while self._next <= self._last:
                if piece := await self._piece(min(self._last, self._complete - 1)):
                    yield piece
                    break
                async for _ in self._read(self._complete + 1):
                    pass

    async def _read(self, through: int) -> AsyncIterator[None]:
        """Reads the days up to `through`, and stops after each block."""
        if self._complete < through:
            async for greatest, points in self._reading(self._complete + 1, through):
                self._points.append(points)
                self._complete = greatest - 1
                yield
        self._complete = max(self._complete, through)

    async def _piece(self, last: int) -> Piece | None:
        """The days from the next one up to `last`, as far as nothing in them goes on; None when something does."""
        if last < self._next:
            return None
        runs = await self._cut()
        first_days = runs.first_days
        goes_on = runs.at[runs.ends] >= self._complete * DAY_MS - self._gap_s * 1000
        last = min(last, int(first_days[goes_on].min(initial=last + 1)) - 1)
        changed = runs.changed
        if changed.any():
            self._last = max(self._last, int(runs.last_days[changed].max()))
        if last < self._next:
            return None
        touched = touched_days(runs, exits=self._exits)
        touched = touched[(touched >= self._next) & (touched <= last)]
        piece = Piece(self._next, last, runs, touched)
        kept = np.repeat(runs.last_days > last, runs.ends - runs.starts + 1)
        self._points = [_points(runs, kept)]
        self._next = last + 1
        return piece

    async def _cut(self) -> Runs:
        runs = cut(joined(self._points), self._places, self._gap_s)
        while not self._began:  # what a changed run began with may lie before the days asked for
            changed = runs.changed
            cut_off = changed & (runs.at[runs.starts] < self._low * DAY_MS + self._gap_s * 1000)
            self._next = max(self._floor, min(self._next, int(runs.first_days[changed].min(initial=self._next))))
            if self._low < self._next - 1 and (self._low < self._floor - 1 or not cut_off.any()):
                self._began = True
                break
            before = [points async for _, points in self._reading(self._low, self._low)]
            self._low -= 1
            self._points = [*before, *self._points]
            runs = cut(joined(self._points), self._places, self._gap_s)
        return runs


def _points(runs: Runs, kept: Flags) -> Points:
    return Points(runs.user[kept], runs.site[kept], runs.equipment[kept], runs.at[kept], runs.change[kept])
