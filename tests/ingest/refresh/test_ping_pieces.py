"""Stays of pings read some days at a time, against everything derived at once."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.geo.place_cells import compute_cells
from okube_api.ingest.derive.jumps import pack_positions
from okube_api.ingest.derive.ping_runs import OUTSIDE, PingLimits, PingRuns, PingSessionizer
from okube_api.ingest.derive.ping_stays import PingRules
from okube_api.ingest.derive.place_index import PlaceRules, index_places
from okube_api.ingest.derive.sessionize import Detections
from okube_api.ingest.refresh import sessions as sessions_module
from okube_api.ingest.refresh.sessions import SessionPiece, read_session_pieces
from okube_api.store.ranges import find_ranges

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
FIRST_DAY = 19_800
ALWAYS = (FIRST_DAY - 400, FIRST_DAY + 400)
TIMEZONES = ("Pacific/Kiritimati", "America/Los_Angeles")
PLACES = [
    {"_id": str(number), "timezone": zone, "coordinates": [4.8, 45.7], **compute_cells([4.8, 45.7], 30)}
    for number, zone in enumerate(TIMEZONES)
]
Stay = tuple[int, int, int, int, int]  # user, zone, start, dwell, local day


def build_sessionizer(rules: PingRules, *, is_exclusive: bool, ignores_jumps: bool) -> PingSessionizer:
    """Return the sessionizer of two places, the zones of which have a least dwell of two minutes."""
    places = index_places(PLACES, [], "UTC", PlaceRules(is_exclusive=is_exclusive, minimum_s=120))
    return PingSessionizer(places, rules, PingLimits(ignores_jumps=ignores_jumps))


def list_stays(sessionizer: PingSessionizer, detections: Detections, span: tuple[int, int] = ALWAYS) -> set[Stay]:
    """Return the stays on the local days of a span."""
    return list_run_stays(sessionizer, sessionizer.sessionize(detections), span)


def list_run_stays(sessionizer: PingSessionizer, runs: PingRuns, span: tuple[int, int]) -> set[Stay]:
    """Return the stays of runs after the change on the local days of a span."""
    stays, day = sessionizer.derive_stays(runs, span)
    columns = stays.user, stays.zone, stays.start_ms, stays.dwell_s, day
    return set(zip(*(column.tolist() for column in columns), strict=True))


def list_jumps(sessionizer: PingSessionizer, runs: PingRuns, span: tuple[int, int]) -> list[tuple[int, int, int]]:
    """Return the user, instant and position of the new jumps of runs on the UTC days of a span."""
    jumps = sessionizer.list_new_jumps(runs, span)
    return sorted(zip(*(column.tolist() for column in (jumps.user, jumps.at_ms, jumps.equipment)), strict=True))


def read_pieces(sessionizer: PingSessionizer, detections: Detections, block: int) -> list[SessionPiece[PingRuns]]:
    """Return the pieces of a change; at most `block` detections are read at a time."""

    async def read(low: int, high: int) -> AsyncIterator[tuple[int, Detections]]:
        part = detections.at_ms // DAY_MS + 1
        numbers = np.flatnonzero((part >= low) & (part <= high))
        numbers = numbers[np.argsort(part[numbers], kind="stable")]
        for start in range(0, len(numbers), block):
            mask = np.zeros(len(detections), np.bool_)
            mask[numbers[start : start + block]] = True
            yield int(part[numbers[start : start + block]].max()), detections.filter(mask)

    async def collect() -> list[SessionPiece[PingRuns]]:
        changed = detections.at_ms[detections.change != 0] // DAY_MS + 1
        spans = find_ranges(changed.tolist())
        return [piece async for piece in read_session_pieces(read, sessionizer, spans)]

    return asyncio.run(collect())


@st.composite
def ping_changes(draw: st.DrawFn) -> Detections:
    """Draw pings of three users over some days, in zones and outside, some added, some removed, some far away."""
    rows = []
    for user in range(3):
        at_ms = draw(st.integers(FIRST_DAY * DAY_MS // 60_000, (FIRST_DAY + 3) * DAY_MS // 60_000)) * 60_000
        for _ in range(draw(st.integers(0, 6))):
            change = draw(st.sampled_from([0, 0, 0, 1, -1]))
            zone = draw(st.sampled_from([OUTSIDE, OUTSIDE, 0, 1, 2, 3]))
            for _ in range(draw(st.sampled_from([1, 2, 3, 4, 40]))):
                odd = draw(st.sampled_from([0] * 8 + [1, -1]))
                far = draw(st.sampled_from([0] * 8 + [1, 2]))
                rows.append((user, zone, at_ms, odd or change, far))
                at_ms += draw(st.sampled_from([60_000, 300_000, 300_000, 1_200_000]))
            at_ms += draw(st.sampled_from([0, 600_000, HOUR_MS, 9 * HOUR_MS, 3 * DAY_MS]))
    columns = np.array(rows, np.int64).reshape(-1, 5).T
    position = pack_positions(4.8 + columns[4] * 80.0, np.full(len(rows), 45.7))
    return Detections(columns[0], columns[1].astype(np.int32), position, columns[2], columns[3].astype(np.int8))


rule_sets = st.builds(
    PingRules,
    gap_ms=st.sampled_from([None, 900_000, 2_400_000, 30 * HOUR_MS]),
    end_after_elsewhere=st.sampled_from([0, 1, 3]),
    minimum_share=st.sampled_from([0, 600]),
    allows_single=st.booleans(),
    is_dwell_expected=st.booleans(),
)
sessionizers = st.builds(build_sessionizer, rule_sets, is_exclusive=st.booleans(), ignores_jumps=st.booleans())


@pytest.mark.slow
@given(ping_changes(), sessionizers, st.sampled_from([1, 7, 1000]), st.sampled_from([1, 20, 10**6]))
def test_pieces_have_all_stays_that_a_change_affects(
    detections: Detections, sessionizer: PingSessionizer, block: int, most: int
) -> None:
    before_most, sessions_module.MAX_DETECTIONS = sessions_module.MAX_DETECTIONS, most
    try:
        pieces = read_pieces(sessionizer, detections, block)
    finally:
        sessions_module.MAX_DETECTIONS = before_most
    assert all(before.last < after.first for before, after in pairwise(pieces))
    if sessionizer.limits.ignores_jumps:
        jumps = [list_jumps(sessionizer, piece.sessions, (piece.first, piece.last)) for piece in pieces]
        at_once = list_jumps(sessionizer, sessionizer.sessionize(detections), ALWAYS)
        assert sorted(jump for of_piece in jumps for jump in of_piece) == at_once

    before, after = (
        list_stays(sessionizer, Detections(side.user, side.site, side.equipment, side.at_ms, 0 * side.change))
        for side in (detections.filter(detections.change <= 0), detections.filter(detections.change >= 0))
    )
    written = {day for piece in pieces for day in piece.affected_days.tolist()}
    assert {stay[-1] for stay in before ^ after} <= written
    written_stays: set[Stay] = set()
    for piece in pieces:
        days = set(piece.affected_days.tolist())
        assert days <= set(range(piece.first, piece.last + 1))
        stays = list_run_stays(sessionizer, piece.sessions, (piece.first, piece.last))
        written_stays |= {stay for stay in stays if stay[-1] in days}
    assert written_stays == {stay for stay in after if stay[-1] in written}


def test_pings_that_are_sent_again_affect_no_day() -> None:
    at_ms = np.arange(FIRST_DAY * DAY_MS, FIRST_DAY * DAY_MS + HOUR_MS, 300_000)
    zones = np.zeros(len(at_ms), np.int32)
    before = Detections(zones.astype(np.int64), zones, zones, at_ms, zones.astype(np.int8))
    again = Detections(before.user, zones, zones, at_ms, before.change + np.int8(1))
    both = Detections(
        *(
            np.concatenate((getattr(before, name), getattr(again, name)))
            for name in ("user", "site", "equipment", "at_ms", "change")
        )
    )
    sessionizer = build_sessionizer(PingRules(None, 3, 600, False, True), is_exclusive=True, ignores_jumps=True)
    assert len(list_stays(sessionizer, both)) == 1
    assert [day for piece in read_pieces(sessionizer, both, 1000) for day in piece.affected_days.tolist()] == []
