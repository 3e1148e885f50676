"""Tests which zones points are in, where places exclude one another and where they do not."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from unittest.mock import patch

import h3
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.geo.place_cells import compute_cells
from okube_api.geo.place_locator import CELLS_GIVEN
from okube_api.geo.place_shapes import DEGREE_M
from okube_api.ingest.derive.place_index import ZONE_KINDS, PlaceRules, index_places
from okube_api.ingest.derive.shape_index import ShapeIndex

ORIGIN = (4.83, 45.75)
EAST_M = DEGREE_M * math.cos(math.radians(ORIGIN[1]))
NEAREST = PlaceRules(is_exclusive=True, snap_m=30)
EVERY = PlaceRules()

Place = dict[str, Any]
Point = tuple[float, float]  # metres east and north of the origin


def to_degrees(point: Point) -> list[float]:
    """Return longitude and latitude of a point."""
    return [ORIGIN[0] + point[0] / EAST_M, ORIGIN[1] + point[1] / DEGREE_M]


def circle(name: str, centre: Point, radius: float = 30, **fields: Any) -> Place:
    """Return a place with a circle, with the cells that a creation stores."""
    coordinates = to_degrees(centre)
    cells = compute_cells(coordinates, radius)
    return {"_id": name, "coordinates": coordinates, "radius": radius, CELLS_GIVEN: [], **cells, **fields}


def square(name: str, centre: Point, side: float, **fields: Any) -> Place:
    """Return a place with a square as its polygon."""
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -1)]
    ring = [to_degrees((centre[0] + x * side / 2, centre[1] + y * side / 2)) for x, y in corners]
    return {"_id": name, "geometry": {"type": "Polygon", "coordinates": [ring]}, CELLS_GIVEN: [], **fields}


def find_zones(places: Sequence[Place], points: Sequence[Point], rules: PlaceRules = NEAREST) -> list[set[str]]:
    """Return the names of the zones of each point."""
    index = index_places(places, [], "UTC", rules)
    degrees = np.array([to_degrees(point) for point in points], np.float64).reshape(-1, 2)
    zones: list[set[str]] = [set() for _ in points]
    for point, zone in zip(*(column.tolist() for column in index.match(*degrees.T)), strict=True):
        zones[point].add(index.zone_names[zone])
    return zones


def test_a_point_belongs_to_the_nearest_of_the_circles_that_contain_it() -> None:
    places = [circle("a", (0, 0)), circle("b", (40, 0))]
    points = [(0.0, 0.0), (19.0, 0.0), (21.0, 0.0), (60.0, 0.0), (95.0, 0.0), (105.0, 0.0), (125.0, 0.0)]
    inside = ["a indoor", "a indoor", "b indoor", "b indoor", "b indoor", "b outdoor", None]
    assert find_zones(places, points) == [{zone} if zone else set() for zone in inside]


def test_a_point_belongs_to_every_place_that_contains_it_when_places_do_not_exclude_one_another() -> None:
    places = [circle("a", (0, 0), 70), circle("b", (60, 0), 70)]
    assert find_zones(places, [(30, 0), (-40, 0)], EVERY) == [{"a indoor", "b indoor"}, {"a indoor", "b outdoor"}]


def test_a_small_polygon_reaches_less_far_beyond_its_border_than_a_large_one() -> None:
    places = [square("small", (0, 0), 12), square("large", (500, 0), 400)]
    points = [(8.5, 0.0), (9.0, 0.0), (0.0, -5.9), (500.0, 229.0), (500.0, 231.0)]
    assert find_zones(places, points) == [
        {"small indoor"},
        {"small outdoor"},
        {"small indoor"},
        {"large indoor"},
        {"large outdoor"},
    ]


def test_polygons_are_matched_exactly_where_places_do_not_exclude_one_another() -> None:
    places = [square("a", (0, 0), 20), square("b", (15, 0), 20)]
    points = [(9.9, 0.0), (4.9, 0.0), (-10.1, 0.0), (85.0, 0.0)]
    assert find_zones(places, points, EVERY) == [
        {"a indoor", "b indoor"},
        {"a indoor", "b outdoor"},
        {"a outdoor", "b outdoor"},
        set(),
    ]


def test_a_parent_counts_beside_the_places_in_it() -> None:
    places = [
        square("shop", (0, 0), 20, parent="mall"),
        square("other", (22, 0), 20, parent="mall"),
        square("mall", (0, 0), 200, parent="airport"),
        square("airport", (0, 0), 2000),
    ]
    points = [(0.0, 0.0), (12.0, 0.0), (0.0, 80.0), (0.0, 900.0)]
    assert find_zones(places, points) == [
        {"shop indoor", "mall indoor", "airport indoor"},
        {"other indoor", "mall indoor", "airport indoor"},
        {"mall indoor", "airport indoor"},
        {"airport indoor"},
    ]


def test_parents_in_a_circle_do_not_hang() -> None:
    places = [square("a", (0, 0), 20, parent="b"), square("b", (0, 0), 30, parent="a")]
    (zones,) = find_zones(places, [(0, 0)])
    assert "a indoor" in zones or "b indoor" in zones


def test_given_cells_count_instead_of_the_circle() -> None:
    cell = h3.latlng_to_cell(*reversed(to_degrees((200, 0))), 13)
    indoor = {"resolution": 13, "indexes": [cell]}
    recorded = circle("a", (0, 0), indoorIndexes=indoor, outdoorIndexes=None) | {CELLS_GIVEN: ["indoorIndexes"]}
    older = {name: value for name, value in recorded.items() if name != CELLS_GIVEN}
    for place in (recorded, older):
        assert find_zones([place], [(0, 0), (200, 0)]) == [set(), {"a indoor"}]


def test_older_documents_with_computed_cells_are_matched_by_their_circle() -> None:
    older = {name: value for name, value in circle("a", (0, 0), 10).items() if name != CELLS_GIVEN}
    assert find_zones([older], [(39, 0), (41, 0)]) == [{"a indoor"}, {"a outdoor"}]


def test_a_place_without_a_position_has_no_points() -> None:
    assert find_zones([{"_id": "online"}], [(0, 0)]) == [set()]


@pytest.mark.parametrize(("speed", "expected_s"), [(None, 120), (0.5, 240)])
def test_the_least_dwell_grows_with_the_time_to_walk_across(speed: float | None, expected_s: int) -> None:
    rules = PlaceRules(is_exclusive=True, snap_m=30, minimum_s=120, walking_mps=speed)
    zones = index_places([circle("a", (0, 0), 30)], [], "UTC", rules).zone_rules
    assert zones.minimum_ms.tolist() == [expected_s * 1000, 120_000]


coordinates = st.integers(-300, 300).map(lambda tenth: tenth / 2 + 0.25)
points_list = st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=30)
sizes = st.sampled_from([10.0, 25.0, 60.0])


@given(st.lists(st.tuples(coordinates, coordinates, sizes, st.booleans()), min_size=1, max_size=8), points_list)
def test_the_nearest_place_is_that_of_plain_geometry(
    shapes: list[tuple[float, float, float, bool]], points: list[Point]
) -> None:
    places = [
        (circle if is_circle else square)(str(number), (x, y), size)
        for number, (x, y, size, is_circle) in enumerate(shapes)
    ]
    expected: list[set[str]] = []
    is_close = []
    for east, north in points:
        candidates = []
        margins = [math.inf]
        for number, (x, y, size, is_circle) in enumerate(shapes):
            centre = math.hypot(east - x, north - y)
            across, along = max(abs(east - x) - size / 2, 0), max(abs(north - y) - size / 2, 0)
            metres = max(centre - size, 0) if is_circle else math.hypot(across, along)
            snap = 30 if is_circle else min(30, 0.15 * size * math.sqrt(2))
            kind = 0 if metres <= snap else 1
            margins += [abs(metres - snap), abs(metres - 50)]
            if metres <= 50:
                candidates.append((kind, metres, centre, number))
        candidates.sort()
        margins += [abs(one[1] - other[1]) + abs(one[2] - other[2]) for one, other in pairwise(candidates)]
        is_close.append(min(margins) < 0.05)
        expected.append({f"{candidates[0][3]} {ZONE_KINDS[candidates[0][0]]}"} if candidates else set())
    actual = find_zones(places, points)
    assert [zones for zones, skip in zip(actual, is_close, strict=True) if not skip] == [
        zones for zones, skip in zip(expected, is_close, strict=True) if not skip
    ]


def quadrilateral(name: str, centre: Point, corners: Sequence[Point], **fields: Any) -> Place:
    """Return a place with a polygon of any shape: a corner in each quadrant around the centre."""
    signs = [(-1, -1), (1, -1), (1, 1), (-1, 1)]
    ring = [
        to_degrees((centre[0] + x * corner[0], centre[1] + y * corner[1]))
        for (x, y), corner in zip(signs, corners, strict=True)
    ]
    geometry = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
    return {"_id": name, "geometry": geometry, CELLS_GIVEN: [], **fields}


corner = st.tuples(st.integers(2, 60), st.integers(2, 60))
outdoor_cells = st.sampled_from(
    [{}, {"outdoorIndexes": {"resolution": 12, "indexes": []}, CELLS_GIVEN: ["outdoorIndexes"]}]
)


@given(
    st.lists(
        st.tuples(
            st.tuples(coordinates, coordinates),
            st.lists(corner, min_size=4, max_size=4),
            outdoor_cells,
            st.sampled_from([{}, {"parent": "0"}]),
        ),
        min_size=1,
        max_size=12,
    ),
    points_list,
    st.sampled_from([NEAREST, EVERY, PlaceRules(snap_m=10), PlaceRules(is_exclusive=True)]),
)
def test_distances_that_need_not_be_measured_change_nothing(
    shapes: list[tuple[Point, list[Point], Place, Place]], points: list[Point], rules: PlaceRules
) -> None:
    places = [
        quadrilateral(str(number), centre, corners, **outdoor, **parent)
        for number, (centre, corners, outdoor, parent) in enumerate(shapes)
    ]
    places.append(circle("c", (0, 0)))
    measure_all = ShapeIndex.match
    with patch.object(ShapeIndex, "match", lambda index, lng, lat, select: measure_all(index, lng, lat)):
        expected = find_zones(places, points, rules)
    assert find_zones(places, points, rules) == expected


def test_given_cells_of_older_documents_are_recognised_after_each_update() -> None:
    computed = {name: value for name, value in circle("older", (0, 0), 10).items() if name != CELLS_GIVEN}
    computed |= {"version": 1, "updatedAt": "2024-01-01T00:00:00.000Z"}
    cell = h3.latlng_to_cell(*reversed(to_degrees((200, 0))), 13)
    given_cells = computed | {"indoorIndexes": {"resolution": 13, "indexes": [cell]}, "version": 2}
    for place, zones in ((computed, [{"older indoor"}, set()]), (given_cells, [set(), {"older indoor"}])) * 2:
        assert find_zones([place], [(0, 0), (200, 0)]) == zones


@pytest.mark.parametrize("rules", [NEAREST, EVERY])
def test_indoor_zone_counts_where_outdoor_cells_cover_it(rules: PlaceRules) -> None:
    def cover(resolution: int) -> Place:
        cell = h3.latlng_to_cell(*reversed(to_degrees((0, 0))), resolution)
        return {"resolution": resolution, "indexes": h3.grid_disk(cell, 1)}

    given: Place = {"outdoorIndexes": cover(9), CELLS_GIVEN: ["indoorIndexes", "outdoorIndexes"]}
    by_cells = circle("a", (0, 0), indoorIndexes=cover(12)) | given
    by_shape = square("a", (0, 0), 30) | given
    for place in (by_cells, by_shape):
        assert find_zones([place], [(0, 0), (100, 0)], rules) == [{"a indoor"}, {"a outdoor"}]
