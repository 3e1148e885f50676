"""Pieces of runs read some days at a time, against everything read at once."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.ingest.derive.sessionize import Detections, LocationIndex, Sessions, concat_detections, sessionize
from okube_api.ingest.refresh import sessions
from okube_api.ingest.refresh.sessions import SessionPiece, read_session_pieces
from okube_api.store.arrays import Ints
from okube_api.store.ranges import find_ranges

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
PLACES = LocationIndex(
    ("e1", "e2"), np.array([0, 1], np.int32), ("s1", "s2"), ("Pacific/Kiritimati", "America/Los_Angeles")
)
FIRST_DAY, LAST_DAY = 19_800, 19_830
Stay = tuple[int, int, int, int, tuple[int, ...]]


def points_of(rows: list[tuple[int, int, int, int]]) -> Detections:
    """Rows of (user, equipment, at, change)."""
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    equipment = columns[1].astype(np.int32)
    return Detections(columns[0], PLACES.site_of[equipment], equipment, columns[2], columns[3].astype(np.int8))


def cut(points: Detections, gap_s: int) -> Sessions:
    return sessionize(PLACES, gap_s, points)


def stays(runs: Sessions, days: Ints, *, by_end: bool) -> set[Stay]:
    """The runs that start (or end) on these days, with all that is in them; points that come twice count once."""
    of_run = runs.end_days if by_end else runs.start_days
    return {
        (
            int(of_run[run]),
            int(runs.user[start]),
            int(runs.at_ms[start]),
            int(runs.at_ms[end]),
            tuple(dict.fromkeys(runs.at_ms[start : end + 1].tolist())),
        )
        for run, (start, end) in enumerate(zip(runs.starts, runs.ends, strict=True))
        if of_run[run] in days
    }


def worked(points: Detections, gap_s: int, *, exits: bool, also: tuple[int, ...], block: int) -> list[SessionPiece]:
    """The pieces of a change; at most `block` points are read at a time."""

    async def reading(low: int, high: int) -> AsyncIterator[tuple[int, Detections]]:
        part = points.at_ms // DAY_MS + 1
        wanted = np.flatnonzero((part >= low) & (part <= high))
        wanted = wanted[np.argsort(part[wanted], kind="stable")]
        for start in range(0, len(wanted), block):
            some = np.zeros(len(points), np.bool_)
            some[wanted[start : start + block]] = True
            yield int(part[wanted[start : start + block]].max()), points.filter(some)

    async def all_of_them() -> list[SessionPiece]:
        changed = points.at_ms[points.change != 0] // DAY_MS + 1
        spans = find_ranges(changed.tolist())
        return [
            piece async for piece in read_session_pieces(reading, PLACES, gap_s, spans, exits=exits, extra_days=also)
        ]

    return asyncio.run(all_of_them())


@st.composite
def changes(draw: st.DrawFn) -> tuple[Detections, int]:
    """Points of three users that stay for minutes or for weeks, some of them new and some taken away; and the gap."""
    gap_s = draw(st.sampled_from([1800, 1800, 6 * 3600, 30 * 3600]))
    rows = []
    for user in range(3):
        at = draw(st.integers(FIRST_DAY * DAY_MS, (FIRST_DAY + 6) * DAY_MS))
        for _ in range(draw(st.integers(0, 4))):
            length = draw(st.sampled_from([1, 2, 3, 60]))
            change = draw(st.sampled_from([0, 0, 0, 1, -1]))
            equipment = draw(st.integers(0, 1))
            for _ in range(length):
                odd = draw(st.sampled_from([0, 0, 0, 1, -1])) if length < 60 else 0
                rows.append((user, equipment, at, odd or change))
                at += gap_s * 1000
            if length == 60 and draw(st.booleans()):
                place = len(rows) - 1 - draw(st.integers(0, 59))
                rows[place] = (*rows[place][:3], draw(st.sampled_from([0, 1, -1])))
            at += draw(st.sampled_from([1, HOUR_MS, 9 * HOUR_MS, 3 * DAY_MS]))
    return points_of(rows), gap_s


@pytest.mark.parametrize("exits", [False, True])
@given(changes(), st.sampled_from([1, 7, 1000]), st.sampled_from([1, 20, 10**6]), st.booleans())
def test_pieces_hold_all_that_a_change_touches(
    exits: bool, change: tuple[Detections, int], block: int, most: int, with_also: bool
) -> None:
    points, gap_s = change
    also = (FIRST_DAY + 4, FIRST_DAY + 5, FIRST_DAY + 9) if with_also else ()
    before_most, sessions.MAX_DETECTIONS = sessions.MAX_DETECTIONS, most
    try:
        found = worked(points, gap_s, exits=exits, also=also, block=block)
    finally:
        sessions.MAX_DETECTIONS = before_most
    spans = [(piece.first, piece.last) for piece in found]
    assert all(first <= last for first, last in spans)
    assert all(before[1] < after[0] for before, after in pairwise(spans))

    whole = cut(points, gap_s)
    sides = [whole.filter(kept) for kept in (whole.change <= 0, whole.change >= 0)]
    named = [[day for day in also if piece.first <= day <= piece.last] for piece in found]
    days = [np.union1d(piece.affected_days, some) for piece, some in zip(found, named, strict=True)]
    written = np.concatenate([np.empty(0, np.int64), *days])
    assert set(also) <= set(written.tolist())
    everywhere = np.arange(FIRST_DAY - 400, FIRST_DAY + 800)
    for by_end in (False, True)[: 1 + exits]:
        before, after = (stays(side, everywhere, by_end=by_end) for side in sides)
        assert {one[0] for one in before ^ after} <= set(written.tolist())
        made: set[Stay] = set()
        for piece, some in zip(found, days, strict=True):
            made |= stays(piece.sessions.filter(piece.sessions.change >= 0), some, by_end=by_end)
        assert made == {one for one in after if one[0] in written}


def test_only_those_who_stay_are_read_further() -> None:
    """One user is there for four weeks, a hundred come each day; a point at the end does not bring all of them back."""
    steps = range(FIRST_DAY * DAY_MS, LAST_DAY * DAY_MS, 1_800_000)
    always = [(0, 0, at, int(at == steps[-1])) for at in steps]
    guests = [(user, 1, day * DAY_MS + user * 1000, 0) for day in range(FIRST_DAY, LAST_DAY) for user in range(1, 101)]
    found = worked(points_of(always + guests), 1800, exits=True, also=(), block=1000)
    assert sum(len(piece.sessions.at_ms) for piece in found) < len(always) * 2 + 100 * 8
    touched = [day for piece in found for day in piece.affected_days.tolist()]
    assert touched == [FIRST_DAY + 1, LAST_DAY + 1]  # on the calendar of Kiritimati


def test_nothing_changed() -> None:
    points = points_of([(1, 0, FIRST_DAY * DAY_MS, 0)])
    assert worked(points, 1800, exits=True, also=(), block=10) == []
    found = worked(points, 1800, exits=True, also=(FIRST_DAY,), block=10)
    assert [(piece.first, piece.last, piece.affected_days.tolist()) for piece in found] == [(FIRST_DAY, FIRST_DAY, [])]
    assert len(concat_detections([])) == 0
