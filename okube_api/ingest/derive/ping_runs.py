"""Runs of pings in places: what `refresh/sessions.py` reads completely, so that the stays of some days come out right.

A run is a sequence of pings of a user in any zones, none of which is further from the next than the longest gap.  All
that a stay depends on lies in its run, within the reach around it (one gap and, where jumps are ignored, one jump), and
on the UTC days of its pings.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from okube_api.clock import DAY_MS
from okube_api.ingest.columns.columns import (
    DayRange,
    expand_ranges,
    mark_group_starts,
    sort_order,
    to_days_of_places,
)
from okube_api.ingest.columns.local_days import find_offset_range_ms, to_utc_days
from okube_api.ingest.derive.jumps import JUMP_MS, find_jumps
from okube_api.ingest.derive.ping_stays import (
    MatchedPings,
    PingRules,
    PingStays,
    derive_ping_stays,
)
from okube_api.ingest.derive.place_index import PlaceIndex
from okube_api.ingest.derive.sessionize import Detections, cancel_changes
from okube_api.store.arrays import Flags, Ints

OUTSIDE = -1
"""The site of a ping that is in no zone."""

_LOCAL_D = 1  # a local day and the UTC day of the same instant are at most one day apart
_DAYS = 10_000_000  # more than any day; packs a user and a day into one integer
_HOUR_MS, _DAY_H = 3_600_000, 24
_HOURS = _DAY_H * _DAYS


@dataclass(frozen=True, slots=True, eq=False)
class PingSide:
    """The pings before or after a change, in the order of `PingRuns`, which of them are jumps, and their stays."""

    pings: Detections
    is_jump: Flags
    stays: PingStays


@dataclass(frozen=True, eq=False)
class PingRuns:
    """Pings in zones, sorted by user and time, and the first and last ping of each run.

    pings: all pings, also those in no zone, sorted by user, time, position and zone; the change of a ping that exists
        before and after the change is 0.
    sessionizer: the one that made the runs.
    start_days, end_days: the first and last local day that stays of a run can start on, in the time zone of any place.
    """

    pings: Detections
    user: Ints
    at_ms: Ints
    starts: Ints
    ends: Ints
    sessionizer: "PingSessionizer"

    @cached_property
    def after(self) -> PingSide:
        """The pings and stays after the change."""
        is_after = self.pings.change >= 0
        return self.sessionizer.derive_side(self.pings if is_after.all() else self.pings.filter(is_after))

    @property
    def start_days(self) -> Ints:
        """The first day that stays of each run can start on."""
        return to_utc_days(self.at_ms[self.starts] + self._offset_range_ms[0])

    @property
    def end_days(self) -> Ints:
        """The last day that stays of each run can start on."""
        return to_utc_days(self.at_ms[self.ends] + self._offset_range_ms[1])

    @cached_property
    def _offset_range_ms(self) -> tuple[int, int]:
        # Local days follow from the offsets of the places, not from the widest ones: else runs at the edge of the days
        # read, which have no stays on these days, would have to be read further.
        return find_offset_range_ms(self.at_ms, set(self.sessionizer.places.timezones))

    @cached_property
    def has_change(self) -> Flags:
        """Whether a ping of the user changes on a UTC day of each run, or on a day within reach before or after."""
        rows = np.flatnonzero(self.pings.change)
        changed = self.pings.user[rows] * _DAYS + to_utc_days(self.pings.at_ms[rows])  # ascending
        user, reach_d = self.user[self.starts] * _DAYS, 1 + self.sessionizer.reach_ms // DAY_MS
        low = np.searchsorted(changed, user + to_utc_days(self.at_ms[self.starts]) - reach_d, side="left")
        high = np.searchsorted(changed, user + to_utc_days(self.at_ms[self.ends]) + reach_d, side="right")
        has_change: Flags = high > low
        return has_change


@dataclass(frozen=True, slots=True)
class PingLimits:
    """Which pings are left out of stays.

    accuracy_m, speed_mps: those with a greater accuracy or speed; None: none.
    ignores_jumps: whether those that are jumps (`find_jumps`); if not, positions are not needed, and are 0.
    """

    accuracy_m: float | None = None
    speed_mps: float | None = None
    ignores_jumps: bool = False


@dataclass(frozen=True, slots=True)
class PingSessionizer:
    """The runs of pings in the zones of places, and the stays that rules make of them."""

    places: PlaceIndex
    rules: PingRules
    limits: PingLimits = PingLimits()
    capacity: ClassVar[int] = 2  # few pings lead to a row

    @property
    def reach_ms(self) -> int:
        """The longest time between a run and a ping that its stays depend on, unless both are on the same UTC day."""
        return self.rules.reach_ms + (JUMP_MS if self.limits.ignores_jumps else 0)

    @property
    def gap_s(self) -> int:
        """The reach in seconds, which is longer than any silence within a run."""
        return -(-self.reach_ms // 1000)

    @property
    def needs_pings_outside(self) -> bool:
        """Whether stays depend on pings that are in no zone."""
        rules = self.rules
        return bool(
            self.limits.ignores_jumps
            or rules.gap_ms is None
            or rules.end_after_elsewhere
            or rules.minimum_share
            or rules.is_dwell_expected
        )

    def sessionize(self, detections: Detections) -> PingRuns:
        """Return the runs of pings in any order, before and after a change."""
        by = sort_order(detections.user, detections.at_ms, detections.equipment, detections.site)
        user, at_ms = detections.user[by], detections.at_ms[by]
        position, zone = detections.equipment[by], detections.site[by]
        change = cancel_changes(detections.change[by], mark_group_starts(user, at_ms, position, zone))
        pings = Detections(user, zone, position, at_ms, change)
        inside = np.flatnonzero(zone != OUTSIDE)
        user, at_ms = user[inside], at_ms[inside]
        is_start = mark_group_starts(user)
        is_start[1:] |= np.diff(at_ms) > self.rules.reach_ms
        starts = np.flatnonzero(is_start)
        ends = np.append(starts[1:], len(user))[: len(starts)] - 1
        return PingRuns(pings, user, at_ms, starts, ends, self)

    def must_reach_back(self, sessions: PingRuns, span: DayRange) -> Flags:
        """Return which runs can have stays on the days of the span."""
        mask: Flags = (sessions.start_days <= span[1]) & (sessions.end_days >= span[0])
        return mask

    def must_reach_ahead(self, sessions: PingRuns, span: DayRange) -> Flags:
        """Return which runs can have stays on the days of the span."""
        return self.must_reach_back(sessions, span)

    def reaches_into(self, sessions: PingRuns, edge_ms: int) -> Flags:
        """Return which runs start before an instant and can have stays that pings from then on change."""
        is_within_reach = sessions.at_ms[sessions.ends] >= edge_ms - DAY_MS - self.reach_ms
        mask: Flags = (sessions.at_ms[sessions.starts] < edge_ms) & is_within_reach
        return mask

    def list_earlier_days(self, sessions: PingRuns, mask: Flags, day: int) -> set[int]:
        """Return the local days of runs before a day."""
        return {earlier for start in np.unique(sessions.start_days[mask]).tolist() for earlier in range(start, day)}

    def find_affected_days(self, sessions: PingRuns) -> Ints:
        """Return the days on which stays start that differ before and after the change."""
        pings, after = sessions.pings, sessions.after.stays
        if (pings.change > 0).all():
            return np.unique(self._find_days(after.start_ms, after.zone))
        users = np.unique(sessions.user[sessions.starts[sessions.has_change]])
        is_before = pings.change <= 0  # of no ping, when all are new
        if is_before.any():
            is_before &= np.isin(pings.user, users)
        before = self.derive_side(pings.filter(is_before)).stays
        sides = (before, after.take(np.flatnonzero(np.isin(after.user, users))))
        user, zone, start_ms, dwell_s = (
            np.concatenate([getattr(side, name) for side in sides]) for name in ("user", "zone", "start_ms", "dwell_s")
        )
        by = sort_order(user, zone, start_ms, dwell_s)
        is_first = mark_group_starts(user[by], zone[by], start_ms[by], dwell_s[by])
        differs = by[is_first & np.append(is_first[1:], True)]  # those of only one side
        return np.unique(self._find_days(start_ms[differs], zone[differs]))

    def filter_unfinished(self, sessions: PingRuns, is_unfinished: Flags, day: int) -> Detections:
        """Return the pings of the days that unfinished runs, and runs of later days, can depend on."""
        pings = sessions.pings
        margin_d = _LOCAL_D + 1 + self.reach_ms // DAY_MS
        ping_days = to_utc_days(pings.at_ms)
        is_needed = ping_days >= day - margin_d
        rows = sessions.starts[is_unfinished]
        rows = rows[mark_group_starts(sessions.user[rows])]  # runs of a user are in order of time
        users, days = sessions.user[rows], to_utc_days(sessions.at_ms[rows]) - margin_d
        starts = np.searchsorted(pings.user, users, side="left")
        counts = np.searchsorted(pings.user, users, side="right") - starts
        of_users = expand_ranges(starts, counts)
        is_needed[of_users] |= ping_days[of_users] >= np.repeat(days, counts)
        return pings.filter(is_needed)

    def derive_stays(self, runs: PingRuns, span: DayRange) -> tuple[PingStays, Ints]:
        """Return the stays after a change that start on the local days of the span, and the day of each."""
        stays = runs.after.stays
        day = self._find_days(stays.start_ms, stays.zone)
        rows = np.flatnonzero((day >= span[0]) & (day <= span[1]))
        return stays.take(rows), day[rows]

    def list_new_jumps(self, runs: PingRuns, span: DayRange) -> Detections:
        """Return the pings, on the UTC days of the span, that the change adds and that are jumps: each once."""
        pings = runs.after.pings.filter(runs.after.is_jump)
        if len(pings) == 0:
            return pings
        starts = np.flatnonzero(mark_group_starts(pings.user, pings.at_ms, pings.equipment))
        change = np.minimum.reduceat(pings.change, starts)  # that of the first batch with the ping
        day = to_utc_days(pings.at_ms[starts])
        is_listed = (change > 0) & (day >= span[0]) & (day <= span[1])
        rows = starts[is_listed]
        return Detections(
            pings.user[rows], pings.site[rows], pings.equipment[rows], pings.at_ms[rows], change[is_listed]
        )

    def derive_side(self, pings: Detections) -> PingSide:
        """Return the jumps and stays of pings in the order of `PingRuns`."""
        is_jump = self._mark_jumps(pings)
        is_inside = (pings.site != OUTSIDE) & ~is_jump
        rows = self._select_close_pings(pings, np.flatnonzero(is_inside))
        inside = np.flatnonzero(is_inside[rows])
        zone = pings.site[rows[inside]].astype(np.int64)
        is_ignored = is_jump[rows] if is_jump.any() else None
        matched = MatchedPings(pings.user[rows], pings.at_ms[rows], inside, zone, is_ignored)
        return PingSide(pings, is_jump, derive_ping_stays(matched, self.places.zone_rules, self.rules))

    def _select_close_pings(self, pings: Detections, inside: Ints) -> Ints:
        """Return the pings that stays can depend on: on the UTC day of a ping in a zone, or within reach of that day.

        Most pings are hours away from any zone.
        """
        # A user and an hour are packed into one integer, ascending; so the pings of a stretch of hours are a range.
        hour = pings.user * _HOURS + pings.at_ms // _HOUR_MS
        reach_h = 1 + self.rules.reach_ms // _HOUR_MS
        midnight = pings.user[inside] * _HOURS + pings.at_ms[inside] // DAY_MS * _DAY_H
        midnight = midnight[mark_group_starts(midnight)]
        # Ranges overlap: a ping is in one of them if more ranges start than end up to it.
        balance = np.zeros(len(pings) + 1, np.int64)
        np.add.at(balance, np.searchsorted(hour, midnight - reach_h, side="left"), 1)
        np.subtract.at(balance, np.searchsorted(hour, midnight + _DAY_H + reach_h, side="left"), 1)
        return np.flatnonzero(np.cumsum(balance[:-1]))

    def _mark_jumps(self, pings: Detections) -> Flags:
        """Return which pings, in the order of `PingRuns`, are jumps that are ignored."""
        if not self.limits.ignores_jumps:
            return np.zeros(len(pings), np.bool_)
        position = np.asarray(pings.equipment, np.int64)
        is_first = mark_group_starts(pings.user, pings.at_ms, position)
        if is_first.all():
            return find_jumps(pings.user, pings.at_ms, position)
        is_jump = find_jumps(pings.user[is_first], pings.at_ms[is_first], position[is_first])
        of_rows: Flags = is_jump[np.cumsum(is_first) - 1]
        return of_rows

    def _find_days(self, at_ms: Ints, zone: NDArray[np.int64]) -> Ints:
        return to_days_of_places(at_ms, zone, self.places.zone_timezones)
