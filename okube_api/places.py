"""Where sites and points of interest are, as H3 cells: what pings are matched to."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from math import sqrt

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from h3ronpy import cells_area_m2, cells_to_string, grid_disk
from h3ronpy.vector import cells_to_coordinates, coordinates_to_cells

from okube_api.store.base import Json

Floats = npt.NDArray[np.float64]
Cells = npt.NDArray[np.uint64]

RESOLUTION = 12
CELLS = ("indoorIndexes", "outdoorIndexes")
RADIUS_M = 70.0
OUTDOOR_M = 50.0
"""How far the outdoor ring goes beyond the radius."""

_MARGIN_M = 0.6  # nearer to an edge than this, an estimated distance is not enough
_TOLERANCE_M = 0.02
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
    points = np.array(places, dtype=np.float64)
    longitudes, latitudes, radii = points.T
    own = pa.array(coordinates_to_cells(latitudes, longitudes, RESOLUTION))
    around = pa.array(grid_disk(own, _rings(own, radii.max() + OUTDOOR_M)))
    cells = np.asarray(around.flatten())
    sizes = np.diff(np.asarray(around.offsets))
    place = np.repeat(np.arange(len(places)), sizes)
    metres = _estimated(points, cells, sizes)
    edge = radii[place]
    with np.errstate(invalid="ignore"):  # what is not estimated is no number, and so in doubt
        sure = (np.abs(metres - edge) > _MARGIN_M) & (np.abs(metres - edge - OUTDOOR_M) > _MARGIN_M)
    metres[~sure] = _metres(points[place[~sure]], cells[~sure])
    indoor = (metres <= edge) | (cells == np.asarray(own)[place])
    outdoor = (metres <= edge + OUTDOOR_M) & ~indoor
    return [
        {"indoorIndexes": indexes(inner), "outdoorIndexes": indexes(outer)}
        for inner, outer in zip(
            _texts(cells, place, indoor, len(places)), _texts(cells, place, outdoor, len(places)), strict=True
        )
    ]


def _estimated(points: Floats, cells: Cells, sizes: npt.NDArray[np.int64]) -> Floats:
    """Metres from places to the centres of the cells around them, to some millimetres; NaN where that is not known.

    Cells lie in a lattice that two steps span, and disks list them in the same order wherever they are: three centres
    give all the others, sixteen times as fast as asking for each.  Where an edge of the icosahedron or a pentagon is
    near that is not so, which shows on the rim of the disk.
    """
    if (sizes != sizes[0]).any() or (steps := _lattice(int(sizes[0]))) is None:
        return np.full(len(cells), np.nan)
    disks = cells.reshape(len(points), -1)
    rim = _probes(len(steps))
    asked = np.concatenate([[0, 1, 2], rim])
    centres = _vectors(disks[:, asked].ravel()).reshape(len(points), -1, 3) - _on_sphere(points)[:, None, :]
    first, along, across = centres[:, 0], centres[:, 1] - centres[:, 0], centres[:, 2] - centres[:, 0]
    terms = [first, along, across]
    products = np.stack([(one * other).sum(1) for at, one in enumerate(terms) for other in terms[at:]], axis=1)
    squares = products @ _quadratic(steps)
    wrong = np.abs(np.sqrt(squares[:, rim]) - np.linalg.norm(centres[:, 3:], axis=2)).max(1) > _TOLERANCE_M
    squares[wrong] = np.nan
    chords: Floats = np.sqrt(squares).ravel()
    return chords  # shorter than the arc by less than a micrometre


def _lattice(size: int) -> Floats | None:
    """The two steps to each cell of a disk of so many, shape (size, 2); None when no full disk has that size."""
    rings = round((-3 + sqrt(9 + 12 * (size - 1))) / 6)
    return _lattice_of(rings) if 3 * rings * (rings + 1) + 1 == size else None


@lru_cache
def _lattice_of(rings: int) -> Floats:
    """Taken from a place that no edge is near."""
    disk = np.asarray(pa.array(grid_disk(coordinates_to_cells([45.75], [4.85], RESOLUTION), rings)).flatten())
    centres = _vectors(disk)
    away = centres - centres[0]
    steps: Floats = np.linalg.lstsq(away[1:3].T, away.T, rcond=None)[0].T.round()
    return steps


@lru_cache
def _probes(size: int) -> npt.NDArray[np.int64]:
    """Twelve cells on the rim of a disk, all around it."""
    rings = round((-3 + sqrt(9 + 12 * (size - 1))) / 6)
    found: npt.NDArray[np.int64] = size - 6 * rings + np.arange(12) * rings // 2
    return found


def _quadratic(steps: Floats) -> Floats:
    """What turns the products of a lattice's vectors into the squared lengths at its points, shape (6, points)."""
    along, across = steps.T
    one = np.ones(len(steps))
    return np.stack([one, 2 * along, 2 * across, along**2, 2 * along * across, across**2])


def _vectors(cells: Cells) -> Floats:
    """The centres of cells as points in space, in metres, shape (cells, 3)."""
    centres = cells_to_coordinates(pa.array(cells))
    return _on_sphere(np.stack([np.asarray(centres["lng"]), np.asarray(centres["lat"])], axis=1))


def _on_sphere(points: Floats) -> Floats:
    longitudes, latitudes = np.radians(points[:, 0]), np.radians(points[:, 1])
    flat = np.cos(latitudes)
    found: Floats = EARTH_M * np.stack(
        [flat * np.cos(longitudes), flat * np.sin(longitudes), np.sin(latitudes)], axis=1
    )
    return found


def _rings(own: pa.Array, reach_m: float) -> int:
    """So many rings around each of these cells that everything beyond them is further than `reach_m`.

    In units of the root of a cell's area, all over the Earth, each ring reaches at least 0.87 further, and a point is
    at most 0.68 from the centre of its cell (measured: the least and the most of 10,000 places, pentagons included).
    """
    side_m = float(np.sqrt(np.asarray(pa.array(cells_area_m2(own))).min()))
    return int((reach_m / side_m + 0.7) / 0.86)


def _metres(points: Floats, cells: Cells) -> Floats:
    """Great-circle distances from points to the centres of cells."""
    centres = cells_to_coordinates(pa.array(cells))
    to_lat, to_lng = np.radians(np.asarray(centres["lat"])), np.radians(np.asarray(centres["lng"]))
    lng, lat = np.radians(points[:, 0]), np.radians(points[:, 1])
    haversine = np.sin((to_lat - lat) / 2) ** 2 + np.cos(lat) * np.cos(to_lat) * np.sin((to_lng - lng) / 2) ** 2
    found: Floats = 2 * EARTH_M * np.arcsin(np.sqrt(np.minimum(haversine, 1)))
    return found


def _texts(cells: Cells, place: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_], places: int) -> list[list[str]]:
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
