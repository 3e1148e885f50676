"""Computes the H3 cells of circles and polygons."""

from collections.abc import Iterable, Sequence

from okube_api.geo.constants import MAX_CELLS, RESOLUTION
from okube_api.geo.place_shapes import PolygonShape
from okube_api.store.values import Json

INDOOR, OUTDOOR = CELL_FIELDS = ("indoorIndexes", "outdoorIndexes")

_BLOCK = 200  # places computed in one call, which does not release the interpreter to other threads

Circle = tuple[float, float, float]
"""Longitude and latitude in degrees, and radius in metres."""


def compute_cells(coordinates: Sequence[float], radius_m: float) -> Json:
    """Return the indoor and outdoor cells of a place, by field name.

    coordinates: [longitude, latitude] in degrees.  Indoor cells have their centre within the radius; the cell that
    contains the place is always indoor.  Outdoor cells are not indoor and have their centre within `OUTDOOR_M` more.
    """
    return compute_many_cells([(coordinates[0], coordinates[1], radius_m)])[0]


def compute_many_cells(places: Sequence[Circle]) -> list[Json]:
    """Return what `compute_cells` returns for each place; many places take about 100 us each."""
    from okube_api.geo.h3_disks import compute_disks  # noqa: PLC0415 - its libraries take 8 MB, needed by writes only

    blocks = (places[start : start + _BLOCK] for start in range(0, len(places), _BLOCK))
    return [
        {INDOOR: build_cell_set(indoor), OUTDOOR: build_cell_set(outdoor)}
        for block in blocks
        for indoor, outdoor in compute_disks(block)
    ]


def compute_many_polygon_cells(places: Sequence[tuple[PolygonShape, tuple[float, float]]]) -> list[Json]:
    """Return the indoor and outdoor cells of each place, by field name; `compute_polygon_cells` says which they are."""
    from okube_api.geo.polygon_cells import compute_polygon_cells  # noqa: PLC0415 - see above

    blocks = (places[start : start + _BLOCK] for start in range(0, len(places), _BLOCK))
    return [
        {
            INDOOR: build_cell_set(cells.indoor, cells.resolution),
            OUTDOOR: build_cell_set(cells.outdoor, cells.resolution),
        }
        for block in blocks
        for cells in compute_polygon_cells(block)
    ]


def build_cell_set(cells: Iterable[str], resolution: int = RESOLUTION) -> Json:
    """Return cells in the form that documents store."""
    return {"resolution": resolution, "indexes": sorted(cells)}


class CellOverflow(ValueError):
    """Cells that would be more than `MAX_CELLS` after a subtraction."""


def subtract_cells(outdoor: Json, indoor: Json, *, is_refined: bool) -> Json:
    """Return outdoor cells without those that are indoor.

    is_refined: whether outdoor cells that contain smaller indoor cells are replaced by the rest of them, with all
    cells in the finer resolution; else they are left out.  Raise TooManyCells.
    """
    import h3  # noqa: PLC0415 - only needed where cells are given

    cells, resolution = outdoor["indexes"], outdoor["resolution"]
    indoor_cells, indoor_resolution = set(indoor["indexes"]), indoor["resolution"]
    if resolution < indoor_resolution:
        parents = {h3.cell_to_parent(cell, resolution) for cell in indoor_cells}
        if not is_refined or parents.isdisjoint(cells):
            left = [cell for cell in cells if cell not in parents]
        elif len(cells) * 7 ** (indoor_resolution - resolution) > MAX_CELLS + len(indoor_cells):
            raise CellOverflow
        else:
            children = (child for cell in cells for child in h3.cell_to_children(cell, indoor_resolution))
            left, resolution = [child for child in children if child not in indoor_cells], indoor_resolution
    elif resolution > indoor_resolution:
        left = [cell for cell in cells if h3.cell_to_parent(cell, indoor_resolution) not in indoor_cells]
    else:
        left = [cell for cell in cells if cell not in indoor_cells]
    return {"resolution": resolution, "indexes": left}


def is_same_set(first: Json, second: Json) -> bool:
    """Return whether two sets of cells are equal, in whatever order."""
    return first["resolution"] == second["resolution"] and set(first["indexes"]) == set(second["indexes"])
