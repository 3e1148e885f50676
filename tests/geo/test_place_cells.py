"""Cells of places, against their definition by the H3 library itself."""

import h3
import pytest
from okube_api.geo.place_cells import CellLocator, compute_cells, compute_many_cells

Place = tuple[float, float, float]  # longitude, latitude, metres

PENTAGONS = [h3.cell_to_latlng(cell)[::-1] for cell in sorted(h3.get_pentagons(12))[:3]]
EDGE = [
    (-126.60349, 72.93973),
    (3.30433, 71.50025),
    (23.79215, 67.82486),
    (111.96934, 51.69907),
]  # where faces of the icosahedron meet
PLACES: list[Place] = [
    (4.8320, 45.7578, 70), (4.8320, 45.7578, 1), (4.8320, 45.7578, 300), (-73.9876, 40.7561, 33.3), (0, 0, 70),
    (180, -17, 120), (-180, -17, 70), (179.99999, 10, 70), (10, 89.999, 70), (0, -90, 70), (12.3, 68.9, 150),
    *((lng, lat, 70.0) for lng, lat in EDGE), *((lng, lat, 70.0) for lng, lat in PENTAGONS),
    *((lng + 0.001, lat, 300.0) for lng, lat in PENTAGONS),
]  # fmt: skip


def cells_by_definition(longitude: float, latitude: float, radius: float) -> tuple[list[str], list[str]]:
    own = h3.latlng_to_cell(latitude, longitude, 12)
    metres_by_cell = {
        cell: h3.great_circle_distance((latitude, longitude), h3.cell_to_latlng(cell), unit="m")
        for cell in h3.grid_disk(own, 45)
    }
    indoor = {cell for cell, metres in metres_by_cell.items() if metres <= radius} | {own}
    outdoor = {cell for cell, metres in metres_by_cell.items() if metres <= radius + 50} - indoor
    return sorted(indoor), sorted(outdoor)


def test_cells_are_right_all_over_the_earth() -> None:
    for place, cells in zip(PLACES, compute_many_cells(PLACES), strict=True):
        indoor, outdoor = cells_by_definition(*place)
        assert cells["indoorIndexes"] == {"resolution": 12, "indexes": indoor}, place
        assert cells["outdoorIndexes"] == {"resolution": 12, "indexes": outdoor}, place


def test_cells_do_not_depend_on_the_other_places() -> None:
    for (longitude, latitude, radius), cells in zip(PLACES, compute_many_cells(PLACES), strict=True):
        assert compute_cells((longitude, latitude), radius) == cells
    assert compute_many_cells([]) == []


GIVEN = {"resolution": 9, "indexes": [h3.latlng_to_cell(45, 4, 9)]}
LYON = {"coordinates": [4.832, 45.7578], "radius": 70.0}
COMPUTED = compute_cells((4.832, 45.7578), 70)
STORED = {**LYON, "indoorIndexes": GIVEN, "outdoorIndexes": COMPUTED["outdoorIndexes"]}
LILLE = {"coordinates": [3.0635, 50.6365]}


@pytest.mark.parametrize(
    ("stored", "fields", "expected"),
    [
        ({}, LYON, {"radius": 70.0, **COMPUTED}),
        ({}, {**LYON, "radius": None, "indoorIndexes": GIVEN}, {"radius": 70.0, **COMPUTED, "indoorIndexes": GIVEN}),
        ({}, {**LYON, "indoorIndexes": GIVEN, "outdoorIndexes": GIVEN},
         {"radius": 70.0, "indoorIndexes": GIVEN, "outdoorIndexes": GIVEN}),
        (STORED, {"name": "x"}, {name: value for name, value in STORED.items() if name != "coordinates"}),
        (STORED, {"indoorIndexes": None}, {"radius": 70.0, **COMPUTED}),
        (STORED, LILLE, {"radius": 70.0, **compute_cells((3.0635, 50.6365), 70)}),
        (STORED, {"radius": 90.0}, {"radius": 90.0, **compute_cells((4.832, 45.7578), 90)}),
        (STORED, {"radius": 90.0, "outdoorIndexes": GIVEN},
         {"radius": 90.0, "indoorIndexes": compute_cells((4.832, 45.7578), 90)["indoorIndexes"],
          "outdoorIndexes": GIVEN}),
        (STORED, {"coordinates": None}, {"indoorIndexes": None, "outdoorIndexes": None}),
    ],
)  # fmt: skip
def test_cells_are_kept_given_or_recomputed(
    stored: dict[str, object], fields: dict[str, object], expected: dict[str, object]
) -> None:
    assert CellLocator([(stored, fields)]).locate(stored, fields) == expected
    assert CellLocator([]).locate(stored, fields) == expected
