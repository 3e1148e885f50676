"""Which H3 cells lie within a radius of places: the arithmetic behind `places`."""

from collections.abc import Sequence
from functools import lru_cache
from math import sqrt

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from h3ronpy import cells_area_m2, cells_to_string, grid_disk
from h3ronpy.vector import cells_to_coordinates, coordinates_to_cells

from okube_api.geo.constants import EARTH_M, OUTDOOR_M, RESOLUTION
from okube_api.geo.distance import haversine_m_array
from okube_api.store.arrays import Floats

Cells = npt.NDArray[np.uint64]

_MARGIN_M = 0.6  # nearer to an edge than this, an estimated distance is not enough
_TOLERANCE_M = 0.02


def surroundings(places: Sequence[tuple[float, float, float]]) -> list[tuple[list[str], list[str]]]:
    """The indoor and the outdoor cells of each (longitude, latitude, radius in metres)."""
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
    inner, outer = (_texts(cells, place, chosen, len(places)) for chosen in (indoor, outdoor))
    return list(zip(inner, outer, strict=True))


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
    return haversine_m_array(points[:, 0], points[:, 1], np.asarray(centres["lng"]), np.asarray(centres["lat"]))


def _texts(cells: Cells, place: npt.NDArray[np.int64], chosen: npt.NDArray[np.bool_], places: int) -> list[list[str]]:
    """The chosen cells of each place."""
    texts = pa.array(cells_to_string(pa.array(cells[chosen]))).to_pylist() if chosen.any() else []
    ends = np.cumsum(np.bincount(place[chosen], minlength=places))
    return [texts[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
