"""Where sites and points of interest are, as H3 cells: what pings are matched to."""

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from h3ronpy import cells_area_m2, cells_to_string, grid_disk
from h3ronpy.vector import cells_to_coordinates, coordinates_to_cells

from okube_api.store.base import Json

Floats = npt.NDArray[np.float64]

RESOLUTION = 12
CELLS = ("indoorIndexes", "outdoorIndexes")
RADIUS_M = 70.0
OUTDOOR_M = 50.0
"""How far the outdoor ring goes beyond the radius."""

_TOGETHER = 200  # places; longer work on cells at once would keep other threads waiting

EARTH_M = 6_371_007.180918475
"""The radius of the sphere that H3 measures on."""


def located(coordinates: Sequence[float], radius_m: float) -> Json:
    """The indoor and outdoor cells of a place, by field name.

    coordinates: [longitude, latitude] in degrees.  Indoor: the cells whose centre lies within the radius, and always
    the place's own.  Outdoor: the further ones whose centre lies within 50 m more.
    """
    return located_all([(coordinates[0], coordinates[1], radius_m)])[0]


def located_all(places: Sequence[tuple[float, float, float]]) -> list[Json]:
    """`located` of each (longitude, latitude, radius in metres): about 100 us each when there are many."""
    blocks = (places[at : at + _TOGETHER] for at in range(0, len(places), _TOGETHER))
    return [found for block in blocks for found in _located(block)]


def _located(places: Sequence[tuple[float, float, float]]) -> list[Json]:
    longitudes, latitudes, radii = np.array(places, dtype=np.float64).T
    own = pa.array(coordinates_to_cells(latitudes, longitudes, RESOLUTION))
    around = pa.array(grid_disk(own, _rings(own, radii.max() + OUTDOOR_M)))
    cells = np.asarray(around.flatten())
    place = np.repeat(np.arange(len(places)), np.diff(np.asarray(around.offsets)))
    apart = _haversines(longitudes[place], latitudes[place], cells)
    indoor = (apart <= _haversine_of(radii)[place]) | (cells == np.asarray(own)[place])
    outdoor = (apart <= _haversine_of(radii + OUTDOOR_M)[place]) & ~indoor
    return [
        {"indoorIndexes": indexes(inner), "outdoorIndexes": indexes(outer)}
        for inner, outer in zip(
            _texts(cells, place, indoor, len(places)), _texts(cells, place, outdoor, len(places)), strict=True
        )
    ]


def _rings(own: pa.Array, reach_m: float) -> int:
    """So many rings around each of these cells that everything beyond them is further than `reach_m`.

    In units of the root of a cell's area, all over the Earth, each ring reaches at least 0.87 further, and a point is
    at most 0.68 from the centre of its cell (measured: the least and the most of 10,000 places, pentagons included).
    """
    side_m = float(np.sqrt(np.asarray(pa.array(cells_area_m2(own))).min()))
    return int((reach_m / side_m + 0.7) / 0.86)


def _haversines(longitudes: Floats, latitudes: Floats, cells: npt.NDArray[np.uint64]) -> Floats:
    """The haversines of the angles from points to the centres of cells."""
    centres = cells_to_coordinates(pa.array(cells))
    to_lat, to_lng = np.radians(np.asarray(centres["lat"])), np.radians(np.asarray(centres["lng"]))
    lat, lng = np.radians(latitudes), np.radians(longitudes)
    found: Floats = np.sin((to_lat - lat) / 2) ** 2 + np.cos(lat) * np.cos(to_lat) * np.sin((to_lng - lng) / 2) ** 2
    return found


def _haversine_of(metres: Floats) -> Floats:
    """The haversine of the angle that distances on the ground make."""
    found: Floats = np.sin(metres / (2 * EARTH_M)) ** 2
    return found


def _texts(
    cells: npt.NDArray[np.uint64], place: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_], places: int
) -> list[list[str]]:
    """The chosen cells of each place."""
    texts = pa.array(cells_to_string(pa.array(cells[chosen]))).to_pylist() if chosen.any() else []
    ends = np.cumsum(np.bincount(place[chosen], minlength=places))
    return [texts[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def indexes(cells: Iterable[str]) -> Json:
    """Cells as documents have them."""
    return {"resolution": RESOLUTION, "indexes": sorted(cells)}


class Locator:
    """The radius and cells of places, those of many computed together."""

    def __init__(self, pairs: Iterable[tuple[Json, Json]]) -> None:
        """pairs: what is stored of each place (empty for a new one), and the fields to be changed of it."""
        wanted = {_spot(stored | fields): None for stored, fields in pairs if _moves(stored, fields)}
        spots = [spot for spot in wanted if spot is not None]
        self._found = dict(zip(spots, located_all(spots), strict=True))

    def __call__(self, stored: Json, fields: Json) -> Json:
        """The radius and cells as given, else computed: anew when the place moves or its radius changes.

        What has no coordinates has no cells, unless they are given.
        """
        place = stored | fields
        spot = _spot(place)
        given = {name: fields[name] for name in CELLS if fields.get(name) is not None}
        if spot is None:
            return {**dict.fromkeys(CELLS), **given}
        kept = {} if _moves(stored, fields) else {name: stored[name] for name in CELLS}
        computed = kept if kept.keys() | given.keys() >= set(CELLS) else self._cells(spot)
        return {"radius": spot[2], **computed, **kept, **given}

    def _cells(self, spot: tuple[float, float, float]) -> Json:
        return self._found.get(spot) or located(spot[:2], spot[2])


def _moves(stored: Json, fields: Json) -> bool:
    """Whether cells that are not given have to be computed."""
    place = stored | fields
    known = all(stored.get(name) is not None and place.get(name) is not None for name in CELLS)
    return not known or _spot(place) != _spot(stored)


def _spot(place: Json) -> tuple[float, float, float] | None:
    """Longitude, latitude and radius of a place that has coordinates."""
    coordinates = place.get("coordinates")
    return None if coordinates is None else (coordinates[0], coordinates[1], place.get("radius") or RADIUS_M)
