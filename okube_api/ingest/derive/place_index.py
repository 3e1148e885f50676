"""Index of places by H3 cell: finds the zones of sites and POIs that contain a point."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.ingest.columns.columns import count_by_group, expand_ranges, to_offsets
from okube_api.store.arrays import Flags, Floats, Ints

ZONE_KINDS = ("indoor", "outdoor")
_CELL_FIELDS = ("indoorIndexes", "outdoorIndexes")  # of a place's document, in the order of ZONE_KINDS

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class PlaceIndex:
    """Sites and POIs in order of their `_id`, and the cells of their zones.

    ids, timezones (IANA names), is_site, lng, lat (degrees, NaN where unknown): one element per place.
    The zones of place n have the numbers 2 * n (indoor) and 2 * n + 1 (outdoor).
    cells: by resolution.
    """

    ids: tuple[str, ...]
    timezones: tuple[str, ...]
    is_site: Flags
    lng: Floats
    lat: Floats
    cells: Mapping[int, "CellIndex"]

    @property
    def zone_count(self) -> int:
        """The number of zones."""
        return len(ZONE_KINDS) * len(self.ids)

    @property
    def zone_names(self) -> tuple[str, ...]:
        """The `_id` of the place and the kind of each zone, as one text."""
        return tuple(f"{place} {kind}" for place in self.ids for kind in ZONE_KINDS)

    @property
    def zone_timezones(self) -> tuple[str, ...]:
        """The time zone of each zone."""
        return tuple(timezone for timezone in self.timezones for _ in ZONE_KINDS)

    def match(self, lng: Floats, lat: Floats) -> tuple[Ints, Ints]:
        """Return pairs of a point and a zone that contains it, as two arrays of indices; zones may overlap."""
        matches = [cells.match(lng, lat) for cells in self.cells.values()]
        if len(matches) == 1:
            return matches[0]
        none = np.empty(0, np.int64)
        points = np.concatenate([none, *(points for points, _ in matches)])
        return points, np.concatenate([none, *(zones for _, zones in matches)])


@dataclass(frozen=True, eq=False)
class CellIndex:
    """The cells of one resolution that belong to zones.

    cells: distinct; cell n belongs to the zones `zones[offsets[n] : offsets[n + 1]]`.
    """

    resolution: int
    cells: pa.Array
    offsets: Ints
    zones: Ints

    @cached_property
    def _counts(self) -> Ints:
        return np.diff(self.offsets)

    def match(self, lng: Floats, lat: Floats) -> tuple[Ints, Ints]:
        """Return pairs of a point and a zone that contains it, as two arrays of indices."""
        from h3ronpy.vector import coordinates_to_cells  # noqa: PLC0415 - 8 MB, only needed where pings are ingested

        cell_of_point = pa.array(coordinates_to_cells(lat, lng, self.resolution))
        numbers = pc.fill_null(pc.index_in(cell_of_point, value_set=self.cells), -1).to_numpy()
        points = np.flatnonzero(numbers >= 0)
        cells = numbers[points]
        counts = self._counts[cells]
        return np.repeat(points, counts), self.zones[expand_ranges(self.offsets[cells], counts)]


def index_places(sites: Sequence[Document], pois: Sequence[Document], timezone: str) -> PlaceIndex:
    """Return the index of the places of an application.

    sites, pois: their documents.  timezone: the default for places without one.
    """
    places = sorted((*sites, *pois), key=lambda place: str(place["_id"]))
    site_ids = {site["_id"] for site in sites}
    points = np.array([place.get("coordinates") or (np.nan, np.nan) for place in places], np.float64).reshape(-1, 2)
    return PlaceIndex(
        ids=tuple(place["_id"] for place in places),
        timezones=tuple(place.get("timezone") or timezone for place in places),
        is_site=np.array([place["_id"] in site_ids for place in places], np.bool_),
        lng=points[:, 0],
        lat=points[:, 1],
        cells={cells.resolution: cells for cells in _index_cells(places)},
    )


def _index_cells(places: Sequence[Document]) -> Iterator[CellIndex]:
    from h3ronpy import cells_parse  # noqa: PLC0415 - see above

    names: dict[int, list[str]] = {}
    zones: dict[int, list[tuple[int, int]]] = {}  # by resolution: the number of a zone, and of its cells
    for number, place in enumerate(places):
        for kind, field in enumerate(_CELL_FIELDS):
            if cells := place.get(field):
                names.setdefault(cells["resolution"], []).extend(cells["indexes"])
                zones.setdefault(cells["resolution"], []).append(
                    (len(ZONE_KINDS) * number + kind, len(cells["indexes"]))
                )
    for resolution, texts in sorted(names.items()):
        numbers, counts = np.array(zones[resolution], np.int64).T
        cells = pa.array(cells_parse(pa.array(texts, pa.large_string()))).to_numpy()
        distinct, which = np.unique(cells, return_inverse=True)
        by_cell = np.argsort(which, kind="stable")
        offsets = to_offsets(count_by_group(which, len(distinct)))
        yield CellIndex(resolution, pa.array(distinct, pa.uint64()), offsets, np.repeat(numbers, counts)[by_cell])
