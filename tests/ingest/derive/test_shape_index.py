"""Tests the distances of points to shapes, and that no shape within reach is missed, all over the Earth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.geo.distance import haversine_m
from okube_api.geo.place_shapes import DEGREE_M, Circle, Shape, measure_extent_m, project_polygon
from okube_api.ingest.derive.shape_index import DistanceBounds, ShapeIndex
from okube_api.store.arrays import Flags

REACH_M = 50.0


def square(lng: float, lat: float, side_m: float, hole_m: float = 0) -> Shape:
    """Return a square around a point, with a square hole."""
    rings = []
    for side in (side_m, hole_m) if hole_m else (side_m,):
        east, north = side / 2 / (DEGREE_M * math.cos(math.radians(lat))), side / 2 / DEGREE_M
        corners = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
        rings.append([[lng + x * east, lat + y * north] for x, y in corners])
    return project_polygon({"type": "Polygon", "coordinates": rings})


def move(lng: float, lat: float, east_m: float, north_m: float) -> tuple[float, float]:
    """Return the point so many metres away."""
    moved = lng + east_m / (DEGREE_M * math.cos(math.radians(lat)))
    return (moved + 180) % 360 - 180, lat + north_m / DEGREE_M


def find(shapes: list[Shape], points: list[tuple[float, float]]) -> dict[tuple[int, int], tuple[float, float]]:
    """Return the metres to the shape and to its centre of each pair of a point and a shape within reach."""
    lng, lat = np.array(points, np.float64).reshape(-1, 2).T
    matches = ShapeIndex(shapes, REACH_M).match(lng, lat)
    columns = matches.point, matches.shape, matches.metres, matches.centre_m
    return {
        (point, shape): (metres, centre)
        for point, shape, metres, centre in zip(*map(np.ndarray.tolist, columns), strict=True)
    }


@pytest.mark.parametrize(
    ("east_m", "north_m", "metres"),
    [
        (0, 0, 10.0),  # in the hole, 10 m from its edge
        (15, 0, 0.0),
        (0, -29.9, 0.0),
        (31, 0, 1.0),
        (33, 34, 5.0),  # off the corner
        (0, 79.9, 49.9),
        (0, 80.1, None),
        (66, 66, None),
    ],
)
def test_distance_to_a_square_with_a_hole(east_m: float, north_m: float, metres: float | None) -> None:
    distances = find([square(4.83, 45.75, 60, hole_m=20)], [move(4.83, 45.75, east_m, north_m)])
    if metres is None:
        assert distances == {}
    else:
        assert distances[0, 0] == pytest.approx((metres, math.hypot(east_m, north_m)), abs=0.01)


centres = st.tuples(st.floats(-180, 180), st.floats(-80, 80)) | st.sampled_from(
    [(180.0, 10.0), (-180.0, -17.0), (179.9999, 60.0), (0.0, 0.0), (12.5, 78.0)]
)


@given(st.lists(st.tuples(centres, st.floats(1, 300)), min_size=1, max_size=8), st.data())
def test_no_circle_within_reach_is_missed(
    circles: list[tuple[tuple[float, float], float]], data: st.DataObject
) -> None:
    shapes = [Circle(*centre, radius) for centre, radius in circles]
    offsets = st.tuples(st.floats(-400, 400), st.floats(-400, 400))
    points = [move(*centre, *data.draw(offsets)) for centre, _ in circles]
    distances = find(list(shapes), points)
    for number, point in enumerate(points):
        for index, shape in enumerate(shapes):
            metres = max(haversine_m(*point, shape.lng, shape.lat) - shape.radius_m, 0)
            if metres < REACH_M - 0.5:
                assert distances[number, index][0] == pytest.approx(metres, rel=0.005, abs=0.5)
            elif metres > REACH_M + 5:
                assert (number, index) not in distances


def test_large_shapes_are_found_wherever_a_point_is_in_them() -> None:
    shapes = [square(2.35, 48.85, side_m) for side_m in (50, 2_000, 20_000, 300_000)]
    distances = find(shapes, [move(2.35, 48.85, 0, north_m) for north_m in (20, 900, 9_000, 140_000)])
    inside = {pair for pair, (metres, _) in distances.items() if metres == 0}
    assert inside == {(point, shape) for point in range(4) for shape in range(4) if point <= shape}


@given(
    st.lists(st.tuples(st.floats(-200, 200), st.floats(-200, 200)), min_size=1, max_size=20),
    st.floats(2, 200),
    st.sampled_from([0, 30]),
)
def test_distances_are_within_their_bounds(offsets: list[tuple[float, float]], side_m: float, hole_m: float) -> None:
    shapes = [square(4.83, 45.75, side_m, min(hole_m, side_m / 2)), Circle(4.83, 45.75, side_m / 2)]
    lng, lat = np.array([move(4.83, 45.75, *offset) for offset in offsets]).T
    bounds: list[DistanceBounds] = []

    def measure_all(pairs: DistanceBounds) -> tuple[Flags, Flags]:
        bounds.append(pairs)
        return np.ones(len(pairs.point), np.bool_), np.ones(len(pairs.point), np.bool_)

    index = ShapeIndex(shapes, REACH_M)
    matches = index.match(lng, lat, measure_all)
    (pairs,) = bounds
    limits = {
        (point, shape): (least, most)
        for point, shape, least, most in zip(pairs.point, pairs.shape, pairs.least_m, pairs.most_m, strict=True)
    }
    for point, shape, metres in zip(matches.point, matches.shape, matches.metres, strict=True):
        least, most = limits[point, shape]
        assert least <= metres <= most
        assert (most == 0) == (metres == 0)


def test_extent_is_the_diagonal_of_a_polygon_and_the_diameter_of_a_circle() -> None:
    assert measure_extent_m(square(4.83, 45.75, 30)) == pytest.approx(30 * math.sqrt(2), rel=1e-6)
    assert measure_extent_m(Circle(4.83, 45.75, 30)) == 60
