"""Determines where places are: the point, radius and cells to store of sites and POIs that are created or updated."""

from collections.abc import Iterable
from dataclasses import dataclass

import orjson

from okube_api.errors import Impossible
from okube_api.geo.constants import MAX_CELLS
from okube_api.geo.geometry import find_inner_point
from okube_api.geo.place_cells import (
    CELL_FIELDS,
    INDOOR,
    OUTDOOR,
    CellOverflow,
    compute_many_cells,
    compute_many_polygon_cells,
    is_same_set,
    subtract_cells,
)
from okube_api.geo.place_shapes import measure_distance_m, project_polygon
from okube_api.store.values import Json

CELLS_GIVEN = "cellsGiven"
"""The field of a place that names those of its `CELL_FIELDS` that were given, not computed from a circle or polygon.

It is not shown in answers.  Places that were stored before it existed do not have it.
"""

_MAX_OFFSET_M = 1000.0  # of a point from its polygon: an entrance may lie outside, another town is a mistake

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class _Outline:
    """What the cells of a place are computed from.

    point: longitude and latitude in degrees.  geometry: GeoJSON as bytes; without it, the place is a circle.
    """

    point: Point
    radius_m: float
    geometry: bytes | None


class PlaceLocator:
    """Determines the point, the radius and the cells of places, and computes the cells of many in one call.

    default_radius_m: of places without a radius.
    """

    def __init__(self, updates: Iterable[tuple[Json, Json]], default_radius_m: float) -> None:
        """Compute the cells of all updates: stored places (empty for new ones) with the fields to change in each."""
        self._default_radius_m = default_radius_m
        self._cells: dict[_Outline, Json] = {}
        self._compute_cells({self._find_outline(*update) for update in updates if self._needs_cells(*update)} - {None})

    def locate(self, stored: Json, fields: Json) -> Json:
        """Return the fields to store of a place: `coordinates`, `radius`, cells and `CELLS_GIVEN`.

        A place with a geometry and without coordinates gets a point in it.  Cells among the fields are taken without
        the outdoor ones that are indoor.  Other cells are computed when the place is new, moves, or changes its radius
        or geometry, else kept.  A place without a position has no cells but given ones.
        Raise Impossible for coordinates that are far from the geometry, and for too many outdoor cells.
        """
        outline = self._find_outline(stored, fields)
        if outline is None:
            return _keep_given_cells(stored, fields)
        if outline != self._find_outline({}, stored):
            _check_offset(outline)
        place: Json = {"coordinates": list(outline.point), "radius": outline.radius_m}
        if not self._needs_cells(stored, fields):
            return place
        if outline not in self._cells:
            self._compute_cells({outline})
        computed = self._cells[outline]
        is_moved = outline != self._find_outline({}, stored)
        cells = {name: _choose_cells(name, stored, fields, computed, is_moved=is_moved) for name in CELL_FIELDS}
        expected = {
            INDOOR: computed[INDOOR],
            OUTDOOR: subtract_cells(computed[OUTDOOR], cells[INDOOR], is_refined=False),
        }
        cells[OUTDOOR] = expected[OUTDOOR] if cells[OUTDOOR] is computed[OUTDOOR] else _subtract_indoor_cells(cells)
        given = [name for name in CELL_FIELDS if not is_same_set(cells[name], expected[name])]
        return place | cells | {CELLS_GIVEN: given}

    def _needs_cells(self, stored: Json, fields: Json) -> bool:
        """Return whether cells are missing or sent, or the stored ones are of another circle or polygon."""
        has_cells = all(stored.get(name) is not None for name in CELL_FIELDS)
        is_sent = any(name in fields and fields[name] != stored.get(name) for name in CELL_FIELDS)
        return not has_cells or is_sent or self._find_outline(stored, fields) != self._find_outline({}, stored)

    def _find_outline(self, stored: Json, fields: Json) -> _Outline | None:
        """Return the outline of a place after an update; None when it has no position."""
        place = stored | fields
        radius_m = place.get("radius") or self._default_radius_m
        coordinates = place.get("coordinates")
        geometry = place.get("geometry") or None
        if geometry is None:
            return None if coordinates is None else _Outline((coordinates[0], coordinates[1]), radius_m, None)
        is_left_behind = coordinates == stored.get("coordinates") and geometry != stored.get("geometry")
        if coordinates is None or (is_left_behind and _measure_offset_m(coordinates, geometry) > 0):
            point = find_inner_point(geometry)
        else:
            point = coordinates[0], coordinates[1]
        return _Outline(point, radius_m, orjson.dumps(geometry))

    def _compute_cells(self, outlines: Iterable[_Outline | None]) -> None:
        """Compute the cells of outlines by which they are not known yet."""
        circles = [outline for outline in outlines if outline is not None and outline.geometry is None]
        polygons = [(outline, outline.geometry) for outline in outlines if outline is not None and outline.geometry]
        of_circles = compute_many_cells([(*outline.point, outline.radius_m) for outline in circles])
        of_polygons = compute_many_polygon_cells(
            [(project_polygon(orjson.loads(geometry)), outline.point) for outline, geometry in polygons]
        )
        self._cells |= dict(zip(circles, of_circles, strict=True))
        self._cells |= {outline: cells for (outline, _), cells in zip(polygons, of_polygons, strict=True)}


def _choose_cells(name: str, stored: Json, fields: Json, computed: Json, *, is_moved: bool) -> Json:
    """Return the cells that were sent, else the stored ones unless the place is moved, else the computed ones.

    Stored cells that were computed do not count as sent: a table repeats them when it changes the radius.
    """
    cells: Json | None = fields.get(name)
    is_repeated = cells == stored.get(name) and name not in stored.get(CELLS_GIVEN, CELL_FIELDS)
    if cells is not None and not is_repeated:
        return cells
    is_cleared = name in fields and cells is None
    use_computed = is_moved or is_cleared or stored.get(name) is None
    chosen: Json = computed[name] if use_computed else stored[name]
    return chosen


def _subtract_indoor_cells(cells: Json) -> Json:
    try:
        return subtract_cells(cells[OUTDOOR], cells[INDOOR], is_refined=True)
    except CellOverflow:
        message = (
            f"The outdoor cells contain smaller indoor cells. In the resolution of these, they are more than "
            f"{MAX_CELLS:,}. Give both in one resolution."
        )
        raise Impossible.at("body", f"/{OUTDOOR}", message) from None


def _keep_given_cells(stored: Json, fields: Json) -> Json:
    """Return the cells of a place without a position: those that were given."""
    had_position = stored.get("coordinates") is not None or bool(stored.get("geometry"))
    cells = {name: fields.get(name, None if had_position else stored.get(name)) for name in CELL_FIELDS}
    if cells[INDOOR] is not None and cells[OUTDOOR] is not None:
        cells[OUTDOOR] = _subtract_indoor_cells(cells)
    given = [name for name in CELL_FIELDS if cells[name] is not None]
    return {**cells, CELLS_GIVEN: given or None}


def _check_offset(outline: _Outline) -> None:
    """Raise Impossible when the coordinates of a place are far from its geometry."""
    if outline.geometry is None:
        return
    offset_m = _measure_offset_m(outline.point, orjson.loads(outline.geometry))
    if offset_m > _MAX_OFFSET_M:
        raise Impossible.at(
            "body",
            "/coordinates",
            f"The coordinates are {offset_m:,.0f} m away from the geometry. They may be {_MAX_OFFSET_M:,.0f} m away at "
            "most; send null to set them to a point in the geometry.",
        )


def _measure_offset_m(point: "Point | list[float]", geometry: Json) -> float:
    """Return the distance of a point from a polygon in metres."""
    return measure_distance_m(project_polygon(geometry), point[0], point[1])
