"""Where stays can be: the sites and points of interest of an application, their cells and their clocks, as arrays."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from okube_api.ingest.columns.columns import count_by_group, expand_ranges, to_offsets
from okube_api.store.arrays import Floats, Ints
from okube_api.store.values import Json

ZONE_KINDS = ("indoor", "outdoor")
_CELLS = {"indoor": "indoorIndexes", "outdoor": "outdoorIndexes"}


@dataclass(frozen=True, slots=True, eq=False)
class PlaceIndex:
    """Sites and points of interest in order of their `_id`.

    ids, clocks (IANA names), is_site, lng, lat (degrees, NaN where unknown): one each place.  A *spot* is a place's
    indoor or outdoor zone: twice the number of the place, one more outdoors.  cells: by resolution.
    """

    ids: tuple[str, ...]
    timezones: tuple[str, ...]
    is_site: NDArray[np.bool_]
    lng: Floats
    lat: Floats
    cells: Mapping[int, "CellIndex"]

    @property
    def zone_count(self) -> int:
        """How many spots there are."""
        return 2 * len(self.ids)

    @property
    def zone_names(self) -> tuple[str, ...]:
        """`_id` and zone of each spot, as one text."""
        return tuple(f"{place} {zone}" for place in self.ids for zone in ZONE_KINDS)

    @property
    def zone_timezones(self) -> tuple[str, ...]:
        """The clock of each spot."""
        return tuple(clock for clock in self.timezones for _ in ZONE_KINDS)

    def match(self, lng: Floats, lat: Floats) -> tuple[Ints, Ints]:
        """Which points lie in which spots: the numbers of the points, and of the spots; a point may lie in several."""
        found = [cells.match(lng, lat) for cells in self.cells.values()]
        if len(found) == 1:
            return found[0]
        return tuple(np.concatenate([none, *parts]) for none, parts in _columns(found))  # type: ignore[return-value]


def _columns(found: Sequence[tuple[Ints, Ints]]) -> Iterable[tuple[Ints, list[Ints]]]:
    none = np.empty(0, np.int64)
    return ((none, [one[at] for one in found]) for at in range(2))


@dataclass(frozen=True, eq=False)
class CellIndex:
    """The cells of one resolution that lie in a spot or more.

    cells: distinct; the spots of cell n are `spots[first[n] : first[n + 1]]`.
    """

    resolution: int
    cells: pa.Array
    first: Ints
    zones: Ints

    @cached_property
    def _counts(self) -> Ints:
        return np.diff(self.first)

    def match(self, lng: Floats, lat: Floats) -> tuple[Ints, Ints]:
        """The numbers of the points that lie in a spot, and of the spots."""
        from h3ronpy.vector import coordinates_to_cells  # noqa: PLC0415 - 8 MB, for who takes pings

        there = pa.array(coordinates_to_cells(lat, lng, self.resolution))
        places = pc.fill_null(pc.index_in(there, value_set=self.cells), -1).to_numpy()
        points = np.flatnonzero(places >= 0)
        cells = places[points]
        counts = self._counts[cells]
        return np.repeat(points, counts), self.zones[expand_ranges(self.first[cells], counts)]


def index_places(sites: Sequence[Json], pois: Sequence[Json], timezone: str) -> PlaceIndex:
    """The places of an application from their documents.

    timezone: of those that name none.
    """
    places = sorted((*sites, *pois), key=lambda place: str(place["_id"]))
    known = {site["_id"] for site in sites}
    points = np.array([place.get("coordinates") or (np.nan, np.nan) for place in places], np.float64).reshape(-1, 2)
    return PlaceIndex(
        ids=tuple(place["_id"] for place in places),
        timezones=tuple(place.get("timezone") or timezone for place in places),
        is_site=np.array([place["_id"] in known for place in places], np.bool_),
        lng=points[:, 0],
        lat=points[:, 1],
        cells={cells.resolution: cells for cells in _cells(places)},
    )


def _cells(places: Sequence[Json]) -> Iterable[CellIndex]:
    from h3ronpy import cells_parse  # noqa: PLC0415 - see above

    texts: dict[int, list[str]] = {}
    spots: dict[int, list[tuple[int, int]]] = {}
    for number, place in enumerate(places):
        for zone, field in enumerate(_CELLS.values()):
            if found := place.get(field):
                texts.setdefault(found["resolution"], []).extend(found["indexes"])
                spots.setdefault(found["resolution"], []).append((2 * number + zone, len(found["indexes"])))
    for resolution, names in sorted(texts.items()):
        numbers, counts = np.array(spots[resolution], np.int64).T
        cells = pa.array(cells_parse(pa.array(names, pa.large_string()))).to_numpy()
        distinct, which = np.unique(cells, return_inverse=True)
        by = np.argsort(which, kind="stable")
        first = to_offsets(count_by_group(which, len(distinct)))
        yield CellIndex(resolution, pa.array(distinct, pa.uint64()), first, np.repeat(numbers, counts)[by])
