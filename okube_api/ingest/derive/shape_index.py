"""Index of shapes by tile: finds the shapes within a reach of points, and the exact distances.

Distances are measured on a plane that touches the Earth at the shape: exact at a border, and within a thousandth at the
distances at which pings are matched.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.geo.place_shapes import DEGREE_M, Circle, Shape, measure_half_box_m, wrap_degrees
from okube_api.ingest.columns.columns import count_by_group, expand_ranges, to_offsets
from okube_api.store.arrays import Flags, Floats, Ints

_TILES_PER_DEGREE = (1_000, 100, 10, 1)
_MAX_TILES = 256  # of one shape; larger shapes get larger tiles
_LEAST_SCALE_M = 1_000.0  # of a degree of longitude; nearer to the poles, longitudes are not searched any wider


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Points within reach of shapes: one array element per pair.

    point, shape: indices.  metres: to the shape, 0 inside.  centre_m: to its centre.
    """

    point: Ints
    shape: Ints
    metres: Floats
    centre_m: Floats

    def filter(self, mask: Flags) -> "Matches":
        """Return the pairs where the mask is true."""
        return Matches(self.point[mask], self.shape[mask], self.metres[mask], self.centre_m[mask])


class ShapeIndex:
    """Finds the shapes within a reach of points.

    The Earth is cut into square tiles of a part of a degree.  A point is compared with the shapes whose boxes, widened
    by the reach, touch its tile: most points are near no shape, and cost one look-up.
    """

    def __init__(self, shapes: Sequence[Shape], reach_m: float) -> None:
        self._reach_m = reach_m
        self._lng, self._lat = (
            np.array([getattr(shape, name) for shape in shapes], np.float64) for name in ("lng", "lat")
        )
        self._radius_m = np.array([shape.radius_m if isinstance(shape, Circle) else np.nan for shape in shapes])
        self._polygons = np.array([getattr(shape, "polygon", None) for shape in shapes], dtype=object)
        self._scale_m = DEGREE_M * np.cos(np.radians(self._lat))
        self._half_east_m, self._half_north_m = (
            np.array([measure_half_box_m(shape) for shape in shapes]).reshape(-1, 2).T
        )
        self._grids = list(self._build_grids())

    def match(self, lng: Floats, lat: Floats) -> Matches:
        """Return the points (degrees) and the shapes within reach of each."""
        pairs = [grid.find(lng, lat) for grid in self._grids]
        none = np.empty(0, np.int64)
        point = np.concatenate([none, *(points for points, _ in pairs)])
        shape = np.concatenate([none, *(shapes for _, shapes in pairs)])
        east_m = wrap_degrees(lng[point] - self._lng[shape]) * self._scale_m[shape]
        north_m = (lat[point] - self._lat[shape]) * DEGREE_M
        is_near = (np.abs(east_m) <= self._half_east_m[shape] + self._reach_m) & (
            np.abs(north_m) <= self._half_north_m[shape] + self._reach_m
        )
        point, shape, east_m, north_m = point[is_near], shape[is_near], east_m[is_near], north_m[is_near]
        centre_m = np.hypot(east_m, north_m)
        metres = np.maximum(centre_m - self._radius_m[shape], 0.0)
        of_polygon = np.flatnonzero(np.isnan(metres))
        if len(of_polygon):
            import shapely  # noqa: PLC0415 - see above

            points = shapely.points(east_m[of_polygon], north_m[of_polygon])
            metres[of_polygon] = shapely.distance(self._polygons[shape[of_polygon]], points)
        return Matches(point, shape, metres, centre_m).filter(metres <= self._reach_m)

    def _build_grids(self) -> Iterator["_TileGrid"]:
        """Yield the grids, each with the shapes that need no more than `_MAX_TILES` of its tiles."""
        half_lng = (self._half_east_m + self._reach_m) / np.maximum(self._scale_m, _LEAST_SCALE_M)
        half_lat = (self._half_north_m + self._reach_m) / DEGREE_M
        is_left = np.ones(len(self._lng), np.bool_)
        for tiles_per_degree in _TILES_PER_DEGREE:
            tiles = (2 * half_lng * tiles_per_degree + 2) * (2 * half_lat * tiles_per_degree + 2)
            fits = is_left & ((tiles <= _MAX_TILES) | (tiles_per_degree == _TILES_PER_DEGREE[-1]))
            is_left &= ~fits
            shapes = np.flatnonzero(fits)
            if len(shapes):
                centre = self._lng[shapes], self._lat[shapes]
                yield _TileGrid(tiles_per_degree, shapes, centre, (half_lng[shapes], half_lat[shapes]))


class _TileGrid:
    """The tiles of one size, each with the shapes whose boxes touch it."""

    def __init__(
        self, tiles_per_degree: int, shapes: Ints, centre: tuple[Floats, Floats], half: tuple[Floats, Floats]
    ) -> None:
        (lng, lat), (half_lng, half_lat) = centre, half
        self._per_degree = tiles_per_degree
        self._rows = 180 * tiles_per_degree + 1
        left, right = (self._number(lng + side * half_lng, -180) for side in (-1, 1))
        bottom, top = (self._number(lat + side * half_lat, -90) for side in (-1, 1))
        columns, rows = np.minimum(right - left + 1, 360 * tiles_per_degree), top - bottom + 1
        step = expand_ranges(np.zeros(len(shapes), np.int64), columns * rows)
        owner = np.repeat(np.arange(len(shapes)), columns * rows)
        column, row = left[owner] + step // rows[owner], bottom[owner] + step % rows[owner]
        tiles, of_pair = np.unique(self._pack(column, row), return_inverse=True)
        by_tile = np.argsort(of_pair, kind="stable")
        self._tiles = pa.array(tiles)
        self._offsets = to_offsets(count_by_group(of_pair, len(tiles)))
        self._shapes = shapes[owner[by_tile]]

    def find(self, lng: Floats, lat: Floats) -> tuple[Ints, Ints]:
        """Return pairs of a point and a shape whose box touches the tile of the point."""
        tile = self._pack(self._number(lng, -180), self._number(lat, -90))
        number = pc.fill_null(pc.index_in(pa.array(tile), value_set=self._tiles), -1).to_numpy()
        points = np.flatnonzero(number >= 0)
        starts = self._offsets[number[points]]
        counts = self._offsets[number[points] + 1] - starts
        return np.repeat(points, counts), self._shapes[expand_ranges(starts, counts)]

    def _number(self, degrees: Floats, least: int) -> Ints:
        return np.floor((degrees - least) * self._per_degree).astype(np.int64)

    def _pack(self, column: Ints, row: Ints) -> Ints:
        """Return one number for each tile; columns beyond the 180th meridian are those on its other side."""
        return column % (360 * self._per_degree) * self._rows + row
