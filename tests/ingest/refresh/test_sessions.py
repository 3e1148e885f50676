"""Sessions read some days at a time, against everything read at once."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.ingest.derive.sessionize import (
    Detections,
    DetectionSessionizer,
    LocationIndex,
    Sessions,
    concat_detections,
    sessionize,
)
from okube_api.ingest.refresh import sessions as sessions_module
from okube_api.ingest.refresh.sessions import SessionPiece, read_session_pieces
from okube_api.store.arrays import Ints
from okube_api.store.ranges import find_ranges

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
LOCATIONS = LocationIndex(
    ("e1", "e2"), np.array([0, 1], np.int32), ("s1", "s2"), ("Pacific/Kiritimati", "America/Los_Angeles")
)
FIRST_DAY, LAST_DAY = 19_800, 19_830
Stay = tuple[int, int, int, int, tuple[int, ...]]


def build_detections(rows: list[tuple[int, int, int, int]]) -> Detections:
    """Return rows of (user, equipment, at, change) as detections."""
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    equipment = columns[1].astype(np.int32)
    return Detections(columns[0], LOCATIONS.site_of[equipment], equipment, columns[2], columns[3].astype(np.int8))


def sessionize_all(detections: Detections, gap_s: int) -> Sessions:
    return sessionize(LOCATIONS, gap_s, detections)


def stays(sessions: Sessions, days: Ints, *, by_end: bool) -> set[Stay]:
    """Return the sessions that start (or end) on these days; detections that come twice count once."""
    day_of_session = sessions.end_days if by_end else sessions.start_days
    return {
        (
            int(day_of_session[run]),
            int(sessions.user[start]),
            int(sessions.at_ms[start]),
            int(sessions.at_ms[end]),
            tuple(dict.fromkeys(sessions.at_ms[start : end + 1].tolist())),
        )
        for run, (start, end) in enumerate(zip(sessions.starts, sessions.ends, strict=True))
        if day_of_session[run] in days
    }


def read_pieces(
    detections: Detections, gap_s: int, *, extra_days: tuple[int, ...], block: int
) -> list[SessionPiece[Sessions]]:
    """Return the pieces of a change; at most `block` detections are read at a time."""

    async def reading(low: int, high: int) -> AsyncIterator[tuple[int, Detections]]:
        part = detections.at_ms // DAY_MS + 1
        numbers = np.flatnonzero((part >= low) & (part <= high))
        numbers = numbers[np.argsort(part[numbers], kind="stable")]
        for start in range(0, len(numbers), block):
            mask = np.zeros(len(detections), np.bool_)
            mask[numbers[start : start + block]] = True
            yield int(part[numbers[start : start + block]].max()), detections.filter(mask)

    async def collect() -> list[SessionPiece[Sessions]]:
        changed = detections.at_ms[detections.change != 0] // DAY_MS + 1
        spans = find_ranges(changed.tolist())
        sessionizer = DetectionSessionizer(LOCATIONS, gap_s)
        return [piece async for piece in read_session_pieces(reading, sessionizer, spans, extra_days)]

    return asyncio.run(collect())


@st.composite
def changes(draw: st.DrawFn) -> tuple[Detections, int]:
    """Draw detections of three users who stay for minutes or for weeks, some added, some removed; and the gap."""
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
    return build_detections(rows), gap_s


@pytest.mark.slow
@given(changes(), st.sampled_from([1, 7, 1000]), st.sampled_from([1, 20, 10**6]), st.booleans())
def test_pieces_cover_all_that_a_change_affects(
    change: tuple[Detections, int], block: int, most: int, with_also: bool
) -> None:
    detections, gap_s = change
    extra_days = (FIRST_DAY + 4, FIRST_DAY + 5, FIRST_DAY + 9) if with_also else ()
    before_most, sessions_module.MAX_DETECTIONS = sessions_module.MAX_DETECTIONS, most
    try:
        pieces = read_pieces(detections, gap_s, extra_days=extra_days, block=block)
    finally:
        sessions_module.MAX_DETECTIONS = before_most
    spans = [(piece.first, piece.last) for piece in pieces]
    assert all(first <= last for first, last in spans)
    assert all(before[1] < after[0] for before, after in pairwise(spans))

    sessions = sessionize_all(detections, gap_s)
    sides = [sessions.filter(side_mask) for side_mask in (sessions.change <= 0, sessions.change >= 0)]
    extra_of_pieces = [[day for day in extra_days if piece.first <= day <= piece.last] for piece in pieces]
    days = [
        np.union1d(piece.affected_days, days_of_piece)
        for piece, days_of_piece in zip(pieces, extra_of_pieces, strict=True)
    ]
    written = np.concatenate([np.empty(0, np.int64), *days])
    assert set(extra_days) <= set(written.tolist())
    everywhere = np.arange(FIRST_DAY - 400, FIRST_DAY + 800)
    for by_end in (False, True):
        before, after = (stays(side, everywhere, by_end=by_end) for side in sides)
        assert {stay[0] for stay in before ^ after} <= set(written.tolist())
        written_stays: set[Stay] = set()
        for piece, days_of_piece in zip(pieces, days, strict=True):
            written_stays |= stays(piece.sessions.filter(piece.sessions.change >= 0), days_of_piece, by_end=by_end)
        assert written_stays == {stay for stay in after if stay[0] in written}


def test_only_users_with_long_sessions_are_read_further() -> None:
    """Add a detection at the end of a stay of four weeks: the hundred visitors of each day are not read again."""
    steps = range(FIRST_DAY * DAY_MS, LAST_DAY * DAY_MS, 1_800_000)
    always = [(0, 0, at, int(at == steps[-1])) for at in steps]
    guests = [(user, 1, day * DAY_MS + user * 1000, 0) for day in range(FIRST_DAY, LAST_DAY) for user in range(1, 101)]
    pieces = read_pieces(build_detections(always + guests), 1800, extra_days=(), block=1000)
    assert sum(len(piece.sessions.at_ms) for piece in pieces) < len(always) * 2 + 100 * 8
    affected_days = [day for piece in pieces for day in piece.affected_days.tolist()]
    assert affected_days == [FIRST_DAY + 1, LAST_DAY + 1]  # on the calendar of Kiritimati


def test_without_a_change_only_extra_days_are_read() -> None:
    detections = build_detections([(1, 0, FIRST_DAY * DAY_MS, 0)])
    assert read_pieces(detections, 1800, extra_days=(), block=10) == []
    pieces = read_pieces(detections, 1800, extra_days=(FIRST_DAY,), block=10)
    assert [(piece.first, piece.last, piece.affected_days.tolist()) for piece in pieces] == [(FIRST_DAY, FIRST_DAY, [])]
    assert len(concat_detections([])) == 0


def test_detections_of_a_complete_day_are_not_lost_silently() -> None:
    async def read_backwards(_low: int, _high: int) -> AsyncIterator[tuple[int, Detections]]:
        for day in (FIRST_DAY + 3, FIRST_DAY):
            yield day, build_detections([(1, 0, (day - 1) * DAY_MS + HOUR_MS, 1)])

    async def collect() -> None:
        pieces = read_session_pieces(
            read_backwards, DetectionSessionizer(LOCATIONS, 1800), [(FIRST_DAY, FIRST_DAY + 3)]
        )
        async for _ in pieces:
            pass

    with pytest.raises(ValueError, match="in the order of their days"):
        asyncio.run(collect())
