"""Finds the H3 cells within a radius of places, for many places at once."""

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

CellIds = npt.NDArray[np.uint64]

_MARGIN_M = 0.6  # an estimated distance closer to an edge than this is computed exactly
_TOLERANCE_M = 0.02  # a disk whose rim is estimated worse than this is computed exactly


def compute_disks(places: Sequence[tuple[float, float, float]]) -> list[tuple[list[str], list[str]]]:
    """Return the indoor and the outdoor cells of each (longitude, latitude, radius in metres)."""
    points = np.array(places, dtype=np.float64)
    longitudes, latitudes, radii = points.T
    own = pa.array(coordinates_to_cells(latitudes, longitudes, RESOLUTION))
    disks = pa.array(grid_disk(own, _count_rings(own, radii.max() + OUTDOOR_M)))
    cells = np.asarray(disks.flatten())
    sizes = np.diff(np.asarray(disks.offsets))
    place = np.repeat(np.arange(len(places)), sizes)
    metres = _estimate_distances(points, cells, sizes)
    radius = radii[place]
    with np.errstate(invalid="ignore"):  # NaN (not estimated) compares false, and so is computed exactly
        is_certain = (np.abs(metres - radius) > _MARGIN_M) & (np.abs(metres - radius - OUTDOOR_M) > _MARGIN_M)
    metres[~is_certain] = _compute_distances(points[place[~is_certain]], cells[~is_certain])
    indoor = (metres <= radius) | (cells == np.asarray(own)[place])
    outdoor = (metres <= radius + OUTDOOR_M) & ~indoor
    indoor_cells, outdoor_cells = (group_cell_texts(cells, place, mask, len(places)) for mask in (indoor, outdoor))
    return list(zip(indoor_cells, outdoor_cells, strict=True))


def _estimate_distances(points: Floats, cells: CellIds, sizes: npt.NDArray[np.int64]) -> Floats:
    """Estimate the metres from places to the centres of the cells around them, to some millimetres.

    Cells lie in a lattice that two steps span, and disks list them in the same order wherever they are: the centres of
    three cells give all the others, sixteen times as fast as computing each.  Near an edge of the icosahedron or a
    pentagon the lattice is distorted, which shows on the rim of the disk: there, distances are NaN.
    """
    if (sizes != sizes[0]).any() or (steps := _lattice_steps(int(sizes[0]))) is None:
        return np.full(len(cells), np.nan)

    # The vectors from each place to the first three cells, and to some cells of the rim to test the estimate with.
    disks = cells.reshape(len(points), -1)
    rim = _rim_cells(len(steps))
    columns = np.concatenate([[0, 1, 2], rim])
    centres = _cell_vectors(disks[:, columns].ravel()).reshape(len(points), -1, 3) - _to_vectors(points)[:, None, :]

    # The squared length of `start + i * step + j * other step`, for the steps (i, j) of every cell.
    start, step, other_step = centres[:, 0], centres[:, 1] - centres[:, 0], centres[:, 2] - centres[:, 0]
    vectors = [start, step, other_step]
    products = np.stack(
        [(left * right).sum(1) for index, left in enumerate(vectors) for right in vectors[index:]], axis=1
    )
    squares = products @ _quadratic_terms(steps)

    is_distorted = np.abs(np.sqrt(squares[:, rim]) - np.linalg.norm(centres[:, 3:], axis=2)).max(1) > _TOLERANCE_M
    squares[is_distorted] = np.nan
    chords: Floats = np.sqrt(squares).ravel()
    return chords  # shorter than the arc by less than a micrometre


def _lattice_steps(size: int) -> Floats | None:
    """Return the two steps to each cell of a disk of `size` cells, shape (size, 2); None when no full disk has it."""
    rings = round((-3 + sqrt(9 + 12 * (size - 1))) / 6)
    return _measure_steps(rings) if 3 * rings * (rings + 1) + 1 == size else None


@lru_cache
def _measure_steps(rings: int) -> Floats:
    """Measure the steps in a disk far from the edges of the icosahedron."""
    disk = np.asarray(pa.array(grid_disk(coordinates_to_cells([45.75], [4.85], RESOLUTION), rings)).flatten())
    centres = _cell_vectors(disk)
    offsets = centres - centres[0]
    steps: Floats = np.linalg.lstsq(offsets[1:3].T, offsets.T, rcond=None)[0].T.round()
    return steps


@lru_cache
def _rim_cells(size: int) -> npt.NDArray[np.int64]:
    """Return the positions of twelve cells on the rim of a disk, all around it."""
    rings = round((-3 + sqrt(9 + 12 * (size - 1))) / 6)
    positions: npt.NDArray[np.int64] = size - 6 * rings + np.arange(12) * rings // 2
    return positions


def _quadratic_terms(steps: Floats) -> Floats:
    """Return the factors of the six scalar products in the squared length at each step, shape (6, cells)."""
    first, second = steps.T
    ones = np.ones(len(steps))
    return np.stack([ones, 2 * first, 2 * second, first**2, 2 * first * second, second**2])


def _cell_vectors(cells: CellIds) -> Floats:
    """Return the centres of cells as points in space, in metres, shape (cells, 3)."""
    centres = cells_to_coordinates(pa.array(cells))
    return _to_vectors(np.stack([np.asarray(centres["lng"]), np.asarray(centres["lat"])], axis=1))


def _to_vectors(points: Floats) -> Floats:
    """Return (longitude, latitude) in degrees as points in space, in metres, shape (points, 3)."""
    longitudes, latitudes = np.radians(points[:, 0]), np.radians(points[:, 1])
    cosines = np.cos(latitudes)
    vectors: Floats = EARTH_M * np.stack(
        [cosines * np.cos(longitudes), cosines * np.sin(longitudes), np.sin(latitudes)], axis=1
    )
    return vectors


def _count_rings(own: pa.Array, reach_m: float) -> int:
    """Return how many rings around each of these cells contain all cells within `reach_m` of a point in the cell.

    In units of the square root of a cell's area, each ring reaches at least 0.87 further everywhere on Earth, and a
    point is at most 0.68 from the centre of its cell (the extremes of 10,000 places, pentagons included).
    """
    side_m = float(np.sqrt(np.asarray(pa.array(cells_area_m2(own))).min()))
    return int((reach_m / side_m + 0.7) / 0.86)


def _compute_distances(points: Floats, cells: CellIds) -> Floats:
    """Return the great-circle distances in metres from points to the centres of cells."""
    centres = cells_to_coordinates(pa.array(cells))
    return haversine_m_array(points[:, 0], points[:, 1], np.asarray(centres["lng"]), np.asarray(centres["lat"]))


def group_cell_texts(
    cells: CellIds, place: npt.NDArray[np.int64], mask: npt.NDArray[np.bool_], places: int
) -> list[list[str]]:
    """Return the cells that the mask selects as texts, by place."""
    texts = pa.array(cells_to_string(pa.array(cells[mask]))).to_pylist() if mask.any() else []
    ends = np.cumsum(np.bincount(place[mask], minlength=places))
    return [texts[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]
