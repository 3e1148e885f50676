"""Points of users at sites cut into runs, and the days that a change of points touches."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from okube_api.ingest.columns.columns import mark_group_starts, sort_order, to_codes, to_days_of_places
from okube_api.store.arrays import Codes, Flags, Ints


@dataclass(frozen=True, slots=True, eq=False)
class LocationIndex:
    """The equipments, sorted by `_id`, with the site of each (an index into sites) and the sites' zones."""

    equipments: Sequence[str]
    site_of: Codes
    sites: Sequence[str]
    timezones: Sequence[str]


@dataclass(frozen=True, slots=True, eq=False)
class Sessions:
    """Detections in order of user, site, instant and equipment, cut wherever more than the gap lies between two.

    user, site, equipment, at: one each detection; site and equipment index `places`.  change: as given, else 0.
    starts: the number of each run's first detection; ends: that of its last.
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
        """The local day of each run's start."""
        return to_days_of_places(self.at_ms[self.starts], self.site[self.starts], self.locations.timezones)

    @property
    def end_days(self) -> Ints:
        """The local day of each run's end."""
        return to_days_of_places(self.at_ms[self.ends], self.site[self.starts], self.locations.timezones)

    @property
    def has_change(self) -> Flags:
        """Whether each run holds a detection that came or went."""
        if len(self.starts) == 0:
            return np.zeros(0, np.bool_)
        found: Flags = np.logical_or.reduceat(self.change != 0, self.starts)
        return found

    def filter(self, kept: Flags) -> "Sessions":
        """The runs that some of the detections make, without the others."""
        user, site, at = self.user[kept], self.site[kept], self.at_ms[kept]
        starts, ends = _cut(user, site, at, self.gap_s)
        equipment, change = self.equipment[kept], self.change[kept]
        return Sessions(self.locations, self.gap_s, user, site, equipment, at, change, starts, ends)


def index_equipments(equipments: pa.Table) -> LocationIndex:
    """The equipments of an application (equipment, site, zone), in any order."""
    ordered = equipments.sort_by("equipment")
    zones = dict(zip(ordered["site"].to_pylist(), ordered["zone"].to_pylist(), strict=True))
    sites = sorted(zones)
    return LocationIndex(
        ordered["equipment"].to_pylist(), to_codes(ordered["site"], sites), sites, [zones[site] for site in sites]
    )


def sessionize(
    places: LocationIndex, gap_s: int, *, user: Ints, site: Codes, equipment: Codes, at: Ints, change: NDArray[np.int8]
) -> Sessions:
    """Points in any order, one element of each array a point, sorted and cut into runs; see `Runs`."""
    by = sort_order(user, site, at, equipment)
    user, site, at, equipment = user[by], site[by], at[by], equipment[by]
    starts, ends = _cut(user, site, at, gap_s)
    settled = _settled(change[by], mark_group_starts(user, site, at, equipment))
    return Sessions(places, gap_s, user, site, equipment, at, settled, starts, ends)


def _settled(change: NDArray[np.int8], first: Flags) -> NDArray[np.int8]:
    """Changes of sorted points, 0 where the same point is there before and after.

    first: which of them begin the rows of a point.
    """
    if first.all() or not change.any():
        return change
    starts = np.flatnonzero(first)
    before, after = (np.logical_or.reduceat(side, starts) for side in (change <= 0, change >= 0))
    both = np.repeat(before & after, np.diff(starts, append=len(change)))
    return np.where(both, np.int8(0), change)


def _cut(user: Ints, site: Codes, at: Ints, gap_s: int) -> tuple[Ints, Ints]:
    first = mark_group_starts(user, site)
    first[1:] |= np.diff(at) > gap_s * 1000
    starts = np.flatnonzero(first)
    return starts, np.append(starts[1:], len(at))[: len(starts)] - 1


# -- what a window must reach, what a change touches ------------------------------------------------------------


def find_affected_days(found: Sessions, *, exits: bool = True) -> Ints:
    """The local days on which stays (and exits, if asked) can differ before and after a change: distinct, ascending.

    found: runs over the detections of both sides; `change` is -1 for those taken away, 1 for the new ones, else 0.
    They must be whole: a run that is cut by the edge of its window touches days beyond it.
    """
    whole = np.repeat(found.has_change, found.ends - found.starts + 1)
    sides = [found.filter(whole & kept) for kept in (found.change <= 0, found.change >= 0)]
    touched = [side.start_days for side in sides] + [side.end_days for side in sides if exits]
    return np.unique(np.concatenate(touched))
