"""Index of shapes by tile: finds the shapes within a reach of points, and the exact distances.

Distances are measured on a plane that touches the Earth at the shape: exact at a border, and within a thousandth at the
distances at which pings are matched.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.geo.place_shapes import DEGREE_M, Circle, Shape, measure_half_box_m, wrap_degrees
from okube_api.ingest.columns.columns import count_by_group, expand_ranges, to_offsets
from okube_api.store.arrays import Flags, Floats, Ints

_TILES_PER_DEGREE = (1_000, 100, 10, 1)
_MAX_TILES = 256  # of one shape; larger shapes get larger tiles
_ROUNDING_M = 1e-6
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


@dataclass(frozen=True, slots=True, eq=False)
class DistanceBounds:
    """Pairs of a point and a shape, and the least and the greatest distance that they can have, in metres.

    point, shape: indices.  Of circles, and inside of polygons, both bounds are the distance; outside, `most_m` is
    positive.
    """

    point: Ints
    shape: Ints
    least_m: Floats
    most_m: Floats


Select = Callable[[DistanceBounds], tuple[Flags, Flags]]
"""Returns which pairs can matter, and of which of them the distance must be exact; others may have `most_m` instead."""


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

    def match(self, lng: Floats, lat: Floats, select: Select | None = None) -> Matches:
        """Return the points (degrees) and the shapes within reach of each.

        select: leaves out pairs, and distances that need not be exact: to measure the distance of a point to a polygon
        takes most of the time.
        """
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
        least_m, most_m = self._bound_distances(shape, east_m, north_m)
        can_matter = least_m <= self._reach_m
        is_exact = np.ones(len(point), np.bool_)
        if select is not None:
            is_relevant, is_exact = select(DistanceBounds(point, shape, least_m, most_m))
            can_matter &= is_relevant
        to_measure = np.flatnonzero(can_matter & is_exact & (least_m < most_m))
        metres = most_m
        if len(to_measure):
            import shapely  # noqa: PLC0415 - see `place_shapes`

            points = shapely.points(east_m[to_measure], north_m[to_measure])
            metres[to_measure] = shapely.distance(self._polygons[shape[to_measure]], points)
        chosen = np.flatnonzero(can_matter & (metres <= self._reach_m))
        centre_m = np.hypot(east_m[chosen], north_m[chosen])
        return Matches(point[chosen], shape[chosen], metres[chosen], centre_m)

    def _bound_distances(self, shape: Ints, east_m: Floats, north_m: Floats) -> tuple[Floats, Floats]:
        """Return the least and the greatest distance to each shape that a point so far from its centre can have.

        A polygon lies in its box, and touches each side of it somewhere: it is no nearer than the box, and no farther
        than the farther end of any side.
        """
        least_m = np.maximum(np.sqrt(east_m**2 + north_m**2) - self._radius_m[shape], 0.0)
        most_m = least_m.copy()
        of_polygon = np.flatnonzero(np.isnan(least_m))
        if len(of_polygon) == 0:
            return least_m, most_m
        import shapely  # noqa: PLC0415 - see `place_shapes`

        shape, east_m, north_m = shape[of_polygon], east_m[of_polygon], north_m[of_polygon]
        across, along = np.abs(east_m), np.abs(north_m)
        half_across, half_along = self._half_east_m[shape], self._half_north_m[shape]
        outside_across, outside_along = across - half_across, along - half_along
        lower_m = np.sqrt(np.maximum(outside_across, 0.0) ** 2 + np.maximum(outside_along, 0.0) ** 2)
        upper_m = np.sqrt(
            np.minimum(
                outside_across**2 + (along + half_along) ** 2,
                outside_along**2 + (across + half_across) ** 2,
            )
        )
        in_box = np.flatnonzero(lower_m <= 0)
        is_inside = shapely.intersects_xy(self._polygons[shape[in_box]], east_m[in_box], north_m[in_box])
        upper_m[in_box[is_inside]] = 0.0
        least_m[of_polygon], most_m[of_polygon] = np.maximum(lower_m - _ROUNDING_M, 0.0), upper_m
        most_m[of_polygon[upper_m > 0]] += _ROUNDING_M
        return least_m, most_m

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
