"""Cells of places, against their definition by the H3 library itself."""

from typing import Any

import h3
import pytest
from okube_api.geo.place_cells import CellOverflow, compute_cells, compute_many_cells, subtract_cells

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


def cells(resolution: int, *indexes: str) -> dict[str, object]:
    """Return a set of cells."""
    return {"resolution": resolution, "indexes": list(indexes)}


CELL = h3.latlng_to_cell(45.7578, 4.832, 9)
CHILDREN = sorted(h3.cell_to_children(CELL, 10))
OTHER = h3.latlng_to_cell(50.6365, 3.0635, 9)


@pytest.mark.parametrize(
    ("outdoor", "indoor", "expected"),
    [
        (cells(9, CELL, OTHER), cells(9, CELL), cells(9, OTHER)),
        (cells(9, CELL), cells(9, CELL), cells(9)),
        (cells(10, *CHILDREN, h3.cell_to_center_child(OTHER, 10)), cells(9, CELL),
         cells(10, h3.cell_to_center_child(OTHER, 10))),
        (cells(9, CELL), cells(10, *CHILDREN[:5]), cells(10, *CHILDREN[5:])),
        (cells(9, OTHER), cells(10, *CHILDREN[:5]), cells(9, OTHER)),
        (cells(12), cells(10, *CHILDREN), cells(12)),
        (cells(9, CELL), cells(12), cells(9, CELL)),
    ],
)  # fmt: skip
def test_outdoor_cells_without_the_indoor_ones(
    outdoor: dict[str, Any], indoor: dict[str, Any], expected: dict[str, Any]
) -> None:
    left = subtract_cells(outdoor, indoor, is_refined=True)
    assert left["resolution"] == expected["resolution"]
    assert sorted(left["indexes"]) == expected["indexes"]


def test_computed_outdoor_cells_around_smaller_indoor_cells_are_left_out() -> None:
    left = subtract_cells(cells(9, CELL, OTHER), cells(10, CHILDREN[0]), is_refined=False)
    assert left == cells(9, OTHER)


def test_outdoor_cells_are_not_cut_into_very_many() -> None:
    indoor = cells(15, h3.cell_to_center_child(CELL, 15))
    with pytest.raises(CellOverflow):
        subtract_cells(cells(0, h3.cell_to_parent(CELL, 0)), indoor, is_refined=True)
