"""Cuts detections of users into sessions: this is how pings and sensor detections become stays.

Detections are sorted by user, site and time.  A session ends where the next detection of the same user at the same
site comes later than the gap allows.  A session that lasts long enough is a stay (`derive/geo_stays.py` for pings,
`derive/presence.py` for sensors).  For pings, a detection is a ping in a zone of a place, and the zone is the site.
`refresh/sessions.py` reads the detections of some days, and those beyond them that belong to the same sessions.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from okube_api.ingest.columns.columns import mark_group_starts, sort_order, to_codes, to_days_of_places
from okube_api.store.arrays import Codes, Flags, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """Users detected at locations: one array element per detection, in any order; duplicates are possible.

    site, equipment: indices into a `LocationIndex`.  at_ms: UTC.
    change: 1 for a detection that a change adds, -1 for one that it removes, else 0.
    """

    user: Ints
    site: Codes
    equipment: Codes
    at_ms: Ints
    change: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.at_ms)

    def filter(self, mask: Flags) -> "Detections":
        """Return the detections where the mask is true."""
        return Detections(*(getattr(self, field.name)[mask] for field in fields(self)))


def concat_detections(blocks: Sequence[Detections]) -> Detections:
    """Return the detections of blocks, one block after the other."""
    none = np.empty(0, np.int64)
    empty = Detections(none, none.astype(np.int32), none.astype(np.int32), none, none.astype(np.int8))
    columns = ([getattr(block, field.name) for block in (empty, *blocks)] for field in fields(Detections))
    return Detections(*(np.concatenate(parts) for parts in columns))


@dataclass(frozen=True, slots=True, eq=False)
class LocationIndex:
    """Equipments sorted by `_id`, with the site of each (an index into `sites`), and the time zones of the sites.

    For pings, a site is the zone of a place, and there is only one equipment.
    """

    equipments: Sequence[str]
    site_of: Codes
    sites: Sequence[str]
    timezones: Sequence[str]


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
    change: NDArray[np.int8]
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
    user, site, equipment, at_ms = detections.user, detections.site, detections.equipment, detections.at_ms
    by = sort_order(user, site, at_ms, equipment)
    user, site, at_ms, equipment = user[by], site[by], at_ms[by], equipment[by]
    starts, ends = _split_at_gaps(user, site, at_ms, gap_s)
    change = _cancel_changes(detections.change[by], mark_group_starts(user, site, at_ms, equipment))
    return Sessions(locations, gap_s, user, site, equipment, at_ms, change, starts, ends)


def _cancel_changes(change: NDArray[np.int8], is_first: Flags) -> NDArray[np.int8]:
    """Return the changes of sorted detections, 0 where the same detection exists before and after the change.

    is_first: which rows are the first of their detection; the others are duplicates.
    """
    if is_first.all() or not change.any():
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


def find_affected_days(sessions: Sessions, *, exits: bool = True) -> Ints:
    """Return the local days on which stays can differ before and after a change, distinct and ascending.

    sessions: of the detections before and after the change.  They must be complete, because a session that is cut
        off at the edge of what was read can affect days beyond it.
    exits: whether to include the days on which stays end.
    """
    in_changed_session = np.repeat(sessions.has_change, sessions.ends - sessions.starts + 1)
    sides = [sessions.filter(in_changed_session & side) for side in (sessions.change <= 0, sessions.change >= 0)]
    days = [side.start_days for side in sides] + [side.end_days for side in sides if exits]
    return np.unique(np.concatenate(days))
