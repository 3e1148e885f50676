"""Cuts detections of users into sessions: this is how sensor detections become stays.

Detections are sorted by user, site and time.  A session ends where the next detection of the same user at the same
site comes later than the gap allows.  A session that lasts long enough is a stay (`derive/presence.py`).
`refresh/sessions.py` reads the detections of some days, and those beyond them that belong to the same sessions; what
it must know of sessions to do so is a `Sessionizer`.  Pings have another one (`derive/ping_runs.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from okube_api.ingest.columns.columns import (
    DayRange,
    mark_group_starts,
    sort_order,
    to_codes,
    to_days_of_places,
)
from okube_api.store.arrays import Codes, Flags, Ints

Changes = NDArray[np.signedinteger[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Users detected at locations: one array element per detection, in any order; duplicates are possible.

    site, equipment: indices into a `LocationIndex`; of a ping, the zone or -1, and the position (`derive/jumps.py`)
        or 0.  at_ms: UTC.
    change: positive for a detection that a change adds, negative for one that it removes, else 0; the number that is
        added with a ping says which of the new batches it is in, from 1.
    """

    user: Ints
    site: Codes
    equipment: Codes | Ints
    at_ms: Ints
    change: Changes

    def __len__(self) -> int:
        return len(self.at_ms)

    def filter(self, mask: Flags) -> "Detections":
        """Return the detections where the mask is true."""
        return Detections(*(getattr(self, field.name)[mask] for field in fields(self)))


def concat_detections(blocks: Sequence[Detections]) -> Detections:
    """Return the detections of blocks, one block after the other."""
    if len(blocks) == 1:
        return blocks[0]
    none = np.empty(0, np.int64)
    empty = Detections(none, none.astype(np.int32), none.astype(np.int32), none, none.astype(np.int8))
    columns = ([getattr(block, field.name) for block in (empty, *blocks)] for field in fields(Detections))
    return Detections(*(np.concatenate(parts) for parts in columns))


@dataclass(frozen=True, slots=True, eq=False)
class LocationIndex:
    """Equipments sorted by `_id`, with the site of each (an index into `sites`), and the time zones of the sites."""

    equipments: Sequence[str]
    site_of: Codes
    sites: Sequence[str]
    timezones: Sequence[str]


class SessionBounds(Protocol):
    """What `refresh/sessions.py` reads of sessions: rows sorted by user, and the first and last row of each session.

    start_days, end_days: local days of each session, or days before and after it.  has_change: see `Sessions`.
    """

    @property
    def user(self) -> Ints: ...  # noqa: D102 - see above
    @property
    def at_ms(self) -> Ints: ...  # noqa: D102 - see above
    @property
    def starts(self) -> Ints: ...  # noqa: D102 - see above
    @property
    def ends(self) -> Ints: ...  # noqa: D102 - see above
    @property
    def start_days(self) -> Ints: ...  # noqa: D102 - see above
    @property
    def end_days(self) -> Ints: ...  # noqa: D102 - see above
    @property
    def has_change(self) -> Flags: ...  # noqa: D102 - see above


S = TypeVar("S", bound=SessionBounds)


class Sessionizer(Protocol[S]):
    """Cuts detections into sessions, and tells which sessions some days depend on.

    gap_s: the longest silence within a session, in seconds.
    capacity: how many times as many detections as of sensors may be in memory.
    """

    @property
    def gap_s(self) -> int: ...  # noqa: D102 - see above
    @property
    def capacity(self) -> int: ...  # noqa: D102 - see above

    def sessionize(self, detections: Detections) -> S:
        """Return the sessions of detections in any order, before and after a change."""
        ...

    def must_reach_back(self, sessions: S, span: DayRange) -> Flags:
        """Return which sessions must not miss earlier detections, for the rows of the local days of the span."""
        ...

    def must_reach_ahead(self, sessions: S, span: DayRange) -> Flags:
        """Return which sessions must not miss later detections, for the rows of the local days of the span."""
        ...

    def reaches_into(self, sessions: S, edge_ms: int) -> Flags:
        """Return which sessions start before an instant, and can change with detections from then on."""
        ...

    def list_earlier_days(self, sessions: S, mask: Flags, day: int) -> set[int]:
        """Return the local days before `day` whose rows depend on the sessions where the mask is true."""
        ...

    def find_affected_days(self, sessions: S) -> Ints:
        """Return the local days on which rows can differ before and after a change, distinct and ascending."""
        ...

    def filter_unfinished(self, sessions: S, is_unfinished: Flags, day: int) -> Detections:
        """Return the detections that later days need, when the rows of a local day and before are written."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """Detections in order of user, site, time and equipment, cut into sessions.

    user, site, equipment, at_ms, change: as in `Detections`; a detection that exists before and after the change has
        change 0.
    starts, ends: the index of the first and last detection of each session.
    """

    locations: LocationIndex
    gap_s: int
    user: Ints
    site: Codes
    equipment: Codes
    at_ms: Ints
    change: Changes
    starts: Ints
    ends: Ints

    @property
    def start_days(self) -> Ints:
        """The local day on which each session starts."""
        return to_days_of_places(self.at_ms[self.starts], self.site[self.starts], self.locations.timezones)

    @property
    def end_days(self) -> Ints:
        """The local day on which each session ends."""
        return to_days_of_places(self.at_ms[self.ends], self.site[self.starts], self.locations.timezones)

    @property
    def has_change(self) -> Flags:
        """Whether each session contains a detection that the change adds or removes."""
        if len(self.starts) == 0:
            return np.zeros(0, np.bool_)
        has_change: Flags = np.logical_or.reduceat(self.change != 0, self.starts)
        return has_change

    def filter(self, mask: Flags) -> "Sessions":
        """Return the sessions of the detections where the mask is true; gaps are computed without the others."""
        user, site, at_ms = self.user[mask], self.site[mask], self.at_ms[mask]
        starts, ends = _split_at_gaps(user, site, at_ms, self.gap_s)
        equipment, change = self.equipment[mask], self.change[mask]
        return Sessions(self.locations, self.gap_s, user, site, equipment, at_ms, change, starts, ends)


def index_equipments(equipments: pa.Table) -> LocationIndex:
    """Return the index of an application's equipments (equipment, site, timezone), in any order."""
    by_id = equipments.sort_by("equipment")
    timezones = dict(zip(by_id["site"].to_pylist(), by_id["timezone"].to_pylist(), strict=True))
    sites = sorted(timezones)
    return LocationIndex(
        by_id["equipment"].to_pylist(), to_codes(by_id["site"], sites), sites, [timezones[site] for site in sites]
    )


def sessionize(locations: LocationIndex, gap_s: int, detections: Detections) -> Sessions:
    """Return detections, sorted and cut into sessions where more than `gap_s` seconds lie between two of them."""
    user, site, at_ms = detections.user, detections.site, detections.at_ms
    equipment = np.asarray(detections.equipment, np.int32)
    by = sort_order(user, site, at_ms, equipment)
    user, site, at_ms, equipment = user[by], site[by], at_ms[by], equipment[by]
    starts, ends = _split_at_gaps(user, site, at_ms, gap_s)
    change = cancel_changes(detections.change[by], mark_group_starts(user, site, at_ms, equipment))
    return Sessions(locations, gap_s, user, site, equipment, at_ms, change, starts, ends)


def cancel_changes(change: Changes, is_first: Flags) -> Changes:
    """Return the changes of sorted detections, 0 where the same detection exists before and after the change.

    is_first: which rows are the first of their detection; the others are duplicates.
    """
    has_one_side = len(change) == 0 or change.min() > 0 or change.max() < 0
    if has_one_side or is_first.all() or not change.any():
        return change
    starts = np.flatnonzero(is_first)
    before, after = (np.logical_or.reduceat(side, starts) for side in (change <= 0, change >= 0))
    stays_there = np.repeat(before & after, np.diff(starts, append=len(change)))
    return np.where(stays_there, np.int8(0), change)


def _split_at_gaps(user: Ints, site: Codes, at_ms: Ints, gap_s: int) -> tuple[Ints, Ints]:
    is_start = mark_group_starts(user, site)
    is_start[1:] |= np.diff(at_ms) > gap_s * 1000
    starts = np.flatnonzero(is_start)
    return starts, np.append(starts[1:], len(at_ms))[: len(starts)] - 1


@dataclass(frozen=True, slots=True)
class DetectionSessionizer:
    """The sessions of sensor detections; rows of a day depend on the sessions that start or end on it."""

    locations: LocationIndex
    gap_s: int
    capacity: ClassVar[int] = 1

    def sessionize(self, detections: Detections) -> Sessions:
        """Return the sessions of detections."""
        return sessionize(self.locations, self.gap_s, detections)

    def must_reach_back(self, sessions: Sessions, span: DayRange) -> Flags:
        """Return which sessions start or end on the days of the span, or can after a change."""
        (first, last), starts, ends = span, sessions.start_days, sessions.end_days
        ends_here = (ends >= first) & ((ends <= last) | sessions.has_change)
        mask: Flags = ((starts >= first) & (starts <= last)) | ends_here
        return mask

    def must_reach_ahead(self, sessions: Sessions, span: DayRange) -> Flags:
        """Return which sessions start or end on the days of the span, or can after a change."""
        (first, last), starts, ends = span, sessions.start_days, sessions.end_days
        ends_here = (ends >= first) & (ends <= last)
        mask: Flags = (starts <= last) & ((starts >= first) | sessions.has_change | ends_here)
        return mask

    def reaches_into(self, sessions: Sessions, edge_ms: int) -> Flags:
        """Return which sessions start before an instant and end then or later."""
        mask: Flags = (sessions.at_ms[sessions.starts] < edge_ms) & (sessions.at_ms[sessions.ends] >= edge_ms)
        return mask

    def list_earlier_days(self, sessions: Sessions, mask: Flags, day: int) -> set[int]:  # noqa: ARG002 - see Sessionizer
        """Return the start days of sessions."""
        return set(sessions.start_days[mask].tolist())

    def find_affected_days(self, sessions: Sessions) -> Ints:
        """Return the days on which sessions start or end that differ before and after the change."""
        return find_affected_days(sessions)

    def filter_unfinished(self, sessions: Sessions, is_unfinished: Flags, day: int) -> Detections:  # noqa: ARG002 - see Sessionizer
        """Return the detections of unfinished sessions."""
        mask = np.repeat(is_unfinished, sessions.ends - sessions.starts + 1)
        detections = Detections(sessions.user, sessions.site, sessions.equipment, sessions.at_ms, sessions.change)
        return detections.filter(mask)


def find_affected_days(sessions: Sessions) -> Ints:
    """Return the local days on which stays can start or end differently before and after a change, ascending.

    sessions: of the detections before and after the change.  They must be complete, because a session that is cut
        off at the edge of what was read can affect days beyond it.
    """
    in_changed_session = np.repeat(sessions.has_change, sessions.ends - sessions.starts + 1)
    sides = [sessions.filter(in_changed_session & side) for side in (sessions.change <= 0, sessions.change >= 0)]
    return np.unique(np.concatenate([days for side in sides for days in (side.start_days, side.end_days)]))
