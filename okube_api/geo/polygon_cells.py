"""Finds the H3 cells in polygons and around them, for many places at once."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import shapely
import shapely.affinity
from h3ronpy import cells_to_string
from h3ronpy.vector import cells_to_coordinates, coordinates_to_cells, wkb_to_cells

from okube_api.geo.constants import OUTDOOR_M
from okube_api.geo.h3_disks import CellIds, group_cell_texts
from okube_api.geo.place_shapes import DEGREE_M, PolygonShape, unproject, wrap_degrees
from okube_api.store.arrays import Floats, Ints

_MARGIN_M = (
    1.0  # candidates are the cells this much further away: a buffer is a polygon, a little smaller than a circle
)
_MOST_CELLS = 5_000
_CELL_M2 = {12: 307.09, 11: 2_149.64, 10: 15_047.50, 9: 105_332.51, 8: 737_327.60}
"""The average area of a cell by resolution; the smallest are half as large."""


@dataclass(frozen=True, slots=True)
class PolygonCells:
    """The cells of a place: their resolution, and the indoor and the outdoor ones as texts."""

    resolution: int
    indoor: list[str]
    outdoor: list[str]


def compute_polygon_cells(places: Sequence[tuple[PolygonShape, tuple[float, float]]]) -> list[PolygonCells]:
    """Return the cells of each place.

    places: shapes with the point (longitude, latitude) of the place.  Indoor cells have their centre in the polygon;
    the cell that contains the point is always indoor.  Outdoor cells are not indoor and have their centre within
    `OUTDOOR_M` of the polygon.  The resolution is 12, or lower for places of more than `_MOST_CELLS` cells.
    """
    results: dict[int, PolygonCells] = {}
    by_resolution: defaultdict[int, list[int]] = defaultdict(list)
    for number, (shape, _) in enumerate(places):
        by_resolution[_choose_resolution(shape)].append(number)
    for resolution, numbers in by_resolution.items():
        cells = _compute_at_resolution([places[number] for number in numbers], resolution)
        results |= dict(zip(numbers, cells, strict=True))
    return [results[number] for number in range(len(places))]


def _choose_resolution(shape: PolygonShape) -> int:
    area_m2 = shape.polygon.buffer(OUTDOOR_M, quad_segs=2).area
    return next((name for name, cell_m2 in _CELL_M2.items() if area_m2 / cell_m2 <= _MOST_CELLS), min(_CELL_M2))


def _compute_at_resolution(
    places: Sequence[tuple[PolygonShape, tuple[float, float]]], resolution: int
) -> list[PolygonCells]:
    shapes = [shape for shape, _ in places]
    longitudes, latitudes = np.array([point for _, point in places], np.float64).T
    own = pa.array(coordinates_to_cells(latitudes, longitudes, resolution)).to_numpy()
    candidates = pa.array(wkb_to_cells(_encode_surroundings(shapes), resolution))
    filled = candidates.fill_null(pa.scalar([], candidates.type))
    sizes = np.diff(filled.offsets.to_numpy())
    place = np.repeat(np.arange(len(places)), sizes)
    cells = filled.flatten().to_numpy()
    metres = _measure_distances(shapes, place, cells)
    is_indoor = metres <= 0
    is_outdoor = (metres <= OUTDOOR_M) & ~is_indoor & (cells != own[place])
    indoor, outdoor = (group_cell_texts(cells, place, mask, len(places)) for mask in (is_indoor, is_outdoor))
    own_texts = pa.array(cells_to_string(pa.array(own))).to_pylist()
    return [
        PolygonCells(resolution, list({*indoor[number], own_texts[number]}), outdoor[number])
        for number in range(len(places))
    ]


def _encode_surroundings(shapes: Sequence[PolygonShape]) -> pa.Array:
    """Return the polygons, and what is within the outdoor distance, in degrees as WKB."""
    planes = np.array([shape.polygon for shape in shapes], dtype=object)
    around = shapely.buffer(planes, OUTDOOR_M + _MARGIN_M, quad_segs=16)
    degrees = [unproject(shape, polygon) for shape, polygon in zip(shapes, around, strict=True)]
    return pa.array(shapely.to_wkb([_split_at_meridian(polygon) for polygon in degrees]), pa.binary())


def _split_at_meridian(polygon: shapely.Geometry) -> shapely.Geometry:
    """Return a polygon whose longitudes may pass the 180th meridian with its parts on both sides of it."""
    west, _, east, _ = polygon.bounds
    if west >= -180 and east <= 180:
        return polygon
    parts = []
    for shift in (-360, 0, 360):
        part = shapely.intersection(polygon, shapely.box(-180 - shift, -90, 180 - shift, 90))
        parts.append(shapely.affinity.translate(part, shift))
    return shapely.union_all(parts)


def _measure_distances(shapes: Sequence[PolygonShape], place: Ints, cells: CellIds) -> Floats:
    """Return the metres from the centre of each cell to the polygon of its place, 0 inside."""
    centres = cells_to_coordinates(pa.array(cells))
    longitudes, latitudes = np.asarray(centres["lng"]), np.asarray(centres["lat"])
    shape_lng, shape_lat = (np.array([getattr(shape, name) for shape in shapes])[place] for name in ("lng", "lat"))
    east_m = wrap_degrees(longitudes - shape_lng) * DEGREE_M * np.cos(np.radians(shape_lat))
    north_m = (latitudes - shape_lat) * DEGREE_M
    planes = np.array([shape.polygon for shape in shapes], dtype=object)[place]
    metres: Floats = shapely.distance(planes, shapely.points(east_m, north_m))
    return metres
