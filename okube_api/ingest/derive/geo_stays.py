"""Derives the stays of the panel from pings and from stay events: pure functions of arrays.

A ping is matched with the zones that it is in (`derive/place_index.py`), and the pings of a user become stays
(`derive/ping_stays.py`).  Stay events are deduplicated and get their local day.
`refresh/geo_days.py` reads both kinds of events and calls this module.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.ingest.columns.columns import DayRange, to_codes, to_days_of_places, to_integers
from okube_api.ingest.derive.deduplication import deduplicate
from okube_api.ingest.derive.jumps import pack_positions
from okube_api.ingest.derive.ping_runs import OUTSIDE, PingRuns, PingSessionizer
from okube_api.ingest.derive.place_index import ZONE_KINDS, PlaceIndex
from okube_api.ingest.derive.sessionize import Detections
from okube_api.store.arrays import Flags, Ints


@dataclass(frozen=True, slots=True, eq=False)
class StayColumns:
    """Stays in zones of places, one array element per stay.

    zone: the number of the zone in a `PlaceIndex`.  start_ms: UTC.  day: local day in the time zone of the place.
    """

    user: Ints
    zone: Ints
    start_ms: Ints
    dwell_s: Ints
    day: Ints

    def __len__(self) -> int:
        return len(self.user)

    def take(self, rows: Ints) -> "StayColumns":
        """Return the stays at these positions, in that order."""
        return StayColumns(*(getattr(self, field.name)[rows] for field in fields(self)))


def concat_stays(blocks: Sequence[StayColumns]) -> StayColumns:
    """Return the stays of blocks, one block after the other."""
    none = np.empty(0, np.int64)
    columns = ([getattr(block, field.name) for block in blocks] for field in fields(StayColumns))
    return StayColumns(*(np.concatenate([none, *parts]) for parts in columns))


# -- pings ---------------------------------------------------------------------------------------------------


class PingUse(IntEnum):
    """What becomes of a ping."""

    MATCHED = 0  # it is in a place
    UNMATCHED = 1  # it is in no place
    INACCURATE = 2  # it is left out, because its accuracy is too low
    MOVING = 3  # it is left out, because its speed is too high
    JUMP = 4  # it is left out, because its position is wrong


def match_pings(pings: pa.Table, changes: Ints, sessionizer: PingSessionizer) -> tuple[Detections, Ints]:
    """Return one detection per ping and zone that it is in, and the use of each ping (`PingUse`, except `JUMP`).

    changes: of each ping, as in `Detections`.
    Detections of pings that are in no zone follow, if stays depend on these pings.
    """
    limits = sessionizer.limits
    use = np.full(pings.num_rows, PingUse.UNMATCHED, np.int64)
    use[_mark_greater(pings["speed"], limits.speed_mps)] = PingUse.MOVING
    use[_mark_greater(pings["accuracy"], limits.accuracy_m)] = PingUse.INACCURATE
    lng, lat = pings["lng"].to_numpy(), pings["lat"].to_numpy()
    counted = np.flatnonzero(use == PingUse.UNMATCHED)
    inside, zones = sessionizer.places.match(lng[counted], lat[counted])
    rows = inside = counted[inside]
    use[inside] = PingUse.MATCHED
    if sessionizer.needs_pings_outside:
        outside = np.flatnonzero(use == PingUse.UNMATCHED)
        rows, zones = np.concatenate((inside, outside)), np.concatenate((zones, np.full(len(outside), OUTSIDE)))
    detections = Detections(
        to_integers(pings["user"])[rows],
        zones.astype(np.int32),
        pack_positions(lng[rows], lat[rows]) if limits.ignores_jumps else np.zeros(len(rows), np.int32),
        to_integers(pings["at"])[rows],
        changes[rows].astype(np.int32),
    )
    return detections, use


def _mark_greater(values: pa.ChunkedArray, limit: float | None) -> Flags:
    """Return which values are greater than the limit, if there is one; nulls are not."""
    if limit is None or values.null_count == len(values):
        return np.zeros(len(values), np.bool_)
    is_greater: Flags = pc.fill_null(pc.greater(values, limit), False).to_numpy()
    return is_greater


def find_stays(runs: PingRuns, sessionizer: PingSessionizer, span: DayRange) -> StayColumns:
    """Return the stays after a change that start on the local days of `span`."""
    stays, day = sessionizer.derive_stays(runs, span)
    return StayColumns(stays.user, stays.zone, stays.start_ms, stays.dwell_s, day)


# -- stay events -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class StayEvents:
    """Stays of stay events after a change, deduplicated, and the local days on which the change adds or removes any."""

    stays: StayColumns
    affected_days: Ints

    def between(self, first: int, last: int) -> "StayEvents":
        """Return the stays and affected days within the local days [first, last]; those days distinct and ascending."""
        affected_days, day = np.unique(self.affected_days), self.stays.day
        rows = np.flatnonzero((day >= first) & (day <= last))
        return StayEvents(self.stays.take(rows), affected_days[(affected_days >= first) & (affected_days <= last)])

    def after(self, day: int) -> "StayEvents":
        """Return the stays and affected days after a local day."""
        return StayEvents(
            self.stays.take(np.flatnonzero(self.stays.day > day)), self.affected_days[self.affected_days > day]
        )

    def concat(self, other: "StayEvents") -> "StayEvents":
        """Return the stays and affected days of both."""
        return StayEvents(
            concat_stays((self.stays, other.stays)), np.concatenate((self.affected_days, other.affected_days))
        )


NO_STAY_EVENTS = StayEvents(concat_stays(()), np.empty(0, np.int64))


def deduplicate_stays(rows: pa.Table, changes: Ints, content: Sequence[str], places: PlaceIndex) -> StayEvents:
    """Return the stays of stay events, each event once; those at unknown places are left out.

    rows: all rows of some parts, of the batches that count before or after a change.
    changes: per row, 1 if the change adds it, -1 if the change removes it, else 0.
    content: columns in which two rows of the same event are equal when it has no `id`.
    """
    place = to_codes(rows["place"], places.ids).astype(np.int64)
    rows, changes, place = rows.filter(pa.array(place >= 0)), changes[place >= 0], place[place >= 0]
    counts, differs = deduplicate(rows, changes, content)
    start_ms = to_integers(rows["at"])
    zone = 2 * place + to_codes(rows["zone"], ZONE_KINDS)
    day = to_days_of_places(start_ms, zone, places.zone_timezones)
    stays = StayColumns(to_integers(rows["user"]), zone, start_ms, to_integers(rows["duration_s"]), day)
    return StayEvents(stays.take(np.flatnonzero(counts)), day[differs])
