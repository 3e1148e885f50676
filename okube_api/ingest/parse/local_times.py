"""Converts local times, which are instants without an offset, by the time zone of the file or of each event's place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from okube_api.clock import DAY_MS
from okube_api.ingest.columns.local_days import to_instants
from okube_api.ingest.columns.timestamps import mark_supported_years, parse_instant
from okube_api.ingest.parse.row_checks import InvalidLine
from okube_api.store.arrays import Flags, Ints
from okube_api.store.values import Json

PLACE_FIELDS = ("site", "poi", "equipment")
"""Fields that name a place, which has a time zone; an event has at most one of them."""


class ZoneLookup(Protocol):
    """Finds the time zones of places."""

    def find_zone(self, field: str, name: str) -> str:
        """Return the time zone of the place that a field names; any time zone when there is no such place."""


@dataclass(frozen=True, slots=True, eq=False)
class RowZones:
    """The time zone of each row: `names[codes]`, or that of `names[0]` for all rows when there are no codes."""

    names: Sequence[str]
    codes: Ints | None = None

    def take(self, rows: Ints) -> "RowZones":
        """Return the time zones of some rows."""
        return self if self.codes is None else RowZones(self.names, self.codes[rows])

    def find_instants(self, local_ms: Ints) -> tuple[Ints, Flags]:
        """Return the instants of local times (see `to_instants`), and which local times are exactly one instant."""
        at_ms, count = np.zeros(len(local_ms), np.int64), np.zeros(len(local_ms), np.int64)
        for code, name in enumerate(self.names):
            rows = slice(None) if self.codes is None else np.flatnonzero(self.codes == code)
            at_ms[rows], count[rows] = to_instants(local_ms[rows], name)
        return at_ms, (count == 1) & mark_supported_years(at_ms)


class LocalTimes:
    """The time zones of one file.

    timezone: that of all events; None when each event has the time zone of its place, which `lookup` finds.
    """

    def __init__(self, timezone: str | None, lookup: ZoneLookup | None = None) -> None:
        self._timezone, self._lookup = timezone, lookup

    def find_row_zones(self, columns: Mapping[str, pa.Array | pa.ChunkedArray], size: int) -> RowZones:
        """Return the time zone of each row, from the columns of the fields of places."""
        if self._timezone is not None:
            return RowZones([self._timezone])
        zones: dict[str, int] = {"UTC": 0}
        codes = np.zeros(size, np.int64)
        for field in PLACE_FIELDS:
            if field not in columns:
                continue
            column = columns[field]
            texts = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
            encoded = texts.cast(pa.string()).dictionary_encode()
            zone_of = [self._find_zone(field, name) for name in encoded.dictionary.to_pylist()]
            code_of = np.array([*(zones.setdefault(zone, len(zones)) for zone in zone_of), 0], np.int64)
            rows = np.flatnonzero(encoded.is_valid().to_numpy(zero_copy_only=False))
            codes[rows] = code_of[encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)[rows]]
        return RowZones(list(zones), codes)

    def localize(self, field: str, text: str, event: Json) -> str:
        """Return the instant (RFC 3339) of a local time `YYYY-MM-DDThh:mm:ss` of an event; an invalid one with `Z`.

        Raise InvalidLine when the clocks skip the local time or show it twice.
        """
        is_leap = text[17:19] == "60"
        local_ms = parse_instant(f"{text[:17]}59.999Z" if is_leap else f"{text}Z")
        if local_ms is None:
            return f"{text}Z"
        zone = self._find_event_zone(event)
        (at_ms,), (count,) = to_instants(np.array([local_ms]), zone)
        if count == 0:
            raise InvalidLine(f"'{field}': The clocks in {zone} skip this local time. Give its offset.")
        if count > 1:
            raise InvalidLine(f"'{field}': The clocks in {zone} show this local time twice. Give its offset.")
        return f"{text}Z" if is_leap and not ends_utc_day(at_ms) else _format_instant(int(at_ms))

    def _find_event_zone(self, event: Json) -> str:
        if self._timezone is not None:
            return self._timezone
        for field in PLACE_FIELDS:
            if event.get(field) is not None:
                return self._find_zone(field, str(event[field]))
        return "UTC"

    def _find_zone(self, field: str, name: str) -> str:
        assert self._lookup is not None, "needed for the time zones of places"
        return self._lookup.find_zone(field, name)


def ends_utc_day(at_ms: Ints) -> Flags:
    """Return which instants are in the last millisecond of a UTC day, before which leap seconds are."""
    is_end: Flags = at_ms % DAY_MS == DAY_MS - 1
    return is_end


def _format_instant(at_ms: int) -> str:
    text: str = np.datetime_as_string(np.datetime64(at_ms, "ms"))
    return f"{text}Z"
