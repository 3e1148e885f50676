"""Tests where places are when they are created and updated: point, radius, cells, and which cells were given."""

from typing import Any

import h3
import pytest
from okube_api.errors import Impossible
from okube_api.geo.place_cells import compute_cells
from okube_api.geo.place_locator import CELLS_GIVEN, PlaceLocator

Json = dict[str, Any]

GIVEN: Json = {"resolution": 9, "indexes": [h3.latlng_to_cell(45, 4, 9)]}
NONE: Json = {"resolution": 9, "indexes": []}
LYON: Json = {"coordinates": [4.832, 45.7578], "radius": 70.0}
COMPUTED = compute_cells((4.832, 45.7578), 70)
STORED: Json = {
    **LYON, "indoorIndexes": GIVEN, "outdoorIndexes": COMPUTED["outdoorIndexes"], CELLS_GIVEN: ["indoorIndexes"],
}  # fmt: skip
OLDER = {name: value for name, value in STORED.items() if name != CELLS_GIVEN}
LILLE: Json = {"coordinates": [3.0635, 50.6365]}
IN_LILLE = compute_cells((3.0635, 50.6365), 70)
WIDER = compute_cells((4.832, 45.7578), 90)
SQUARE: Json = {
    "type": "Polygon",
    "coordinates": [[[4.831, 45.757], [4.833, 45.757], [4.833, 45.759], [4.831, 45.759], [4.831, 45.757]]],
}
FAR: Json = {"type": "Polygon", "coordinates": [[[lng + 1, lat] for lng, lat in SQUARE["coordinates"][0]]]}


def locate(stored: Json, fields: Json, radius_m: float = 70) -> Json:
    """Return the place after an update, and check that it does not depend on the updates that are known before."""
    located = PlaceLocator([(stored, fields)], radius_m).locate(stored, fields)
    assert PlaceLocator([], radius_m).locate(stored, fields) == located
    return {**stored, **fields, **located}


@pytest.mark.parametrize(
    ("stored", "fields", "expected"),
    [
        ({}, LYON, {**LYON, **COMPUTED, CELLS_GIVEN: []}),
        ({}, LYON | {"radius": None, "indoorIndexes": GIVEN}, STORED),
        ({}, LYON | COMPUTED, {**LYON, **COMPUTED, CELLS_GIVEN: []}),
        ({}, LYON | {"indoorIndexes": GIVEN, "outdoorIndexes": GIVEN},
         {**LYON, "indoorIndexes": GIVEN, "outdoorIndexes": NONE, CELLS_GIVEN: ["indoorIndexes", "outdoorIndexes"]}),
        ({}, LYON | {"outdoorIndexes": NONE},
         {**LYON, **COMPUTED, "outdoorIndexes": NONE, CELLS_GIVEN: ["outdoorIndexes"]}),
        (STORED, {"name": "x"}, STORED | {"name": "x"}),
        (OLDER, {"name": "x"}, OLDER | {"name": "x"}),
        (STORED, {"indoorIndexes": None}, {**LYON, **COMPUTED, CELLS_GIVEN: []}),
        (STORED, LILLE, {**LILLE, "radius": 70.0, **IN_LILLE, CELLS_GIVEN: []}),
        (STORED, {"radius": 90.0}, {**LYON, "radius": 90.0, **WIDER, CELLS_GIVEN: []}),
        (STORED, {"radius": 90.0, "outdoorIndexes": GIVEN},
         {**LYON, "radius": 90.0, **WIDER, "outdoorIndexes": GIVEN, CELLS_GIVEN: ["outdoorIndexes"]}),
        # a table repeats all cells: given ones stay, computed ones are computed again
        (STORED, {"radius": 90.0, "indoorIndexes": GIVEN, "outdoorIndexes": COMPUTED["outdoorIndexes"]},
         {**LYON, "radius": 90.0, "indoorIndexes": GIVEN, "outdoorIndexes": WIDER["outdoorIndexes"],
          CELLS_GIVEN: ["indoorIndexes"]}),
        (STORED, {"coordinates": None},
         {"coordinates": None, "radius": 70.0, "indoorIndexes": None, "outdoorIndexes": None, CELLS_GIVEN: None}),
        ({}, {"indoorIndexes": GIVEN},
         {"indoorIndexes": GIVEN, "outdoorIndexes": None, CELLS_GIVEN: ["indoorIndexes"]}),
        ({"indoorIndexes": GIVEN, "outdoorIndexes": None}, {"name": "x"},
         {"name": "x", "indoorIndexes": GIVEN, "outdoorIndexes": None, CELLS_GIVEN: ["indoorIndexes"]}),
    ],
)  # fmt: skip
def test_cells_are_kept_given_or_computed(stored: Json, fields: Json, expected: Json) -> None:
    assert locate(stored, fields) == expected


def test_place_without_a_radius_has_that_of_its_kind() -> None:
    coordinates = {"coordinates": LYON["coordinates"]}
    assert locate({}, coordinates, 30) == {
        **coordinates, "radius": 30, **compute_cells((4.832, 45.7578), 30), CELLS_GIVEN: []
    }  # fmt: skip
    assert locate(STORED, {"name": "x"}, 30)["radius"] == 70


def test_indoor_cells_of_a_geometry_have_their_centre_in_it() -> None:
    place = locate({}, {"geometry": SQUARE})
    candidates = h3.grid_disk(h3.latlng_to_cell(45.758, 4.832, 12), 30)
    centres = {cell: h3.cell_to_latlng(cell) for cell in candidates}
    inside = {cell for cell, (lat, lng) in centres.items() if 4.831 <= lng <= 4.833 and 45.757 <= lat <= 45.759}
    assert set(place["indoorIndexes"]["indexes"]) == inside
    assert place["indoorIndexes"]["resolution"] == 12
    outdoor = set()
    for cell, (lat, lng) in centres.items():
        nearest = min(max(lat, 45.757), 45.759), min(max(lng, 4.831), 4.833)
        if 0 < h3.great_circle_distance((lat, lng), nearest, unit="m") <= 50:
            outdoor.add(cell)
    assert set(place["outdoorIndexes"]["indexes"]) == outdoor
    assert place["coordinates"] == pytest.approx([4.832, 45.758])
    assert place[CELLS_GIVEN] == []


def test_cell_of_the_point_is_indoor_also_in_a_small_geometry() -> None:
    ring = [[4.832, 45.758], [4.83202, 45.758], [4.83202, 45.75802], [4.832, 45.758]]
    place = locate({}, {"geometry": {"type": "Polygon", "coordinates": [ring]}})
    own = h3.latlng_to_cell(*reversed(place["coordinates"]), 12)
    assert place["indoorIndexes"]["indexes"] == [own]
    assert own not in place["outdoorIndexes"]["indexes"]


@pytest.mark.parametrize(("side", "resolution"), [(0.01, 12), (0.05, 10), (0.2, 9)])
def test_large_geometry_has_larger_cells_but_never_too_many(side: float, resolution: int) -> None:
    ring = [[0, 45], [side, 45], [side, 45 + side], [0, 45 + side], [0, 45]]
    place = locate({}, {"geometry": {"type": "Polygon", "coordinates": [ring]}})
    assert place["indoorIndexes"]["resolution"] == place["outdoorIndexes"]["resolution"] == resolution
    assert 400 < len(place["indoorIndexes"]["indexes"]) < 10_000


def test_point_follows_a_geometry_that_moves_away() -> None:
    place = locate({}, {"geometry": SQUARE})
    moved = locate(place, {"geometry": FAR})
    assert moved["coordinates"] == pytest.approx([5.832, 45.758])
    door = [4.8335, 45.758]  # outside
    with_door = locate(place, {"coordinates": door})
    assert with_door["coordinates"] == door
    assert h3.latlng_to_cell(45.758, 4.8335, 12) in with_door["indoorIndexes"]["indexes"]
    assert locate(with_door, {"name": "x"})["coordinates"] == door
    assert locate(with_door, {"geometry": FAR})["coordinates"] == moved["coordinates"]
    assert locate(with_door, {"coordinates": None})["coordinates"] == place["coordinates"]
    circle = locate(with_door, {"geometry": None})
    assert (circle["coordinates"], circle["radius"]) == (door, 70)
    assert circle["indoorIndexes"] == compute_cells((4.8335, 45.758), 70)["indoorIndexes"]


@pytest.mark.parametrize("stored", [{}, LYON | COMPUTED | {"geometry": SQUARE}])
def test_coordinates_far_from_the_geometry_are_refused(stored: Json) -> None:
    fields = {"geometry": SQUARE, "coordinates": [45.758, 4.832]}
    with pytest.raises(Impossible, match="away from the geometry") as refusal:
        PlaceLocator([(stored, fields)], 70).locate(stored, fields)
    assert refusal.value.faults[0].pointer == "/coordinates"


def test_polygons_on_both_sides_of_the_180th_meridian_are_one_place() -> None:
    sides = [[[180, 0], [179.999, 0], [179.999, 0.001], [180, 0.001], [180, 0]],
             [[-180, 0], [-179.999, 0], [-179.999, 0.001], [-180, 0.001], [-180, 0]]]  # fmt: skip
    geometry = {"type": "MultiPolygon", "coordinates": [[side] for side in sides]}
    place = locate({}, {"geometry": geometry})
    longitudes = [h3.cell_to_latlng(cell)[1] for cell in place["indoorIndexes"]["indexes"]]
    assert {lng > 0 for lng in longitudes} == {True, False}
    assert min(map(abs, longitudes)) > 179.998
