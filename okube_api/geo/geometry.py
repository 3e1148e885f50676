"""Reads and writes the polygons of places: GeoJSON and WKT, in degrees (longitude, latitude)."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from typing import TYPE_CHECKING, Any

import orjson

from okube_api.geo.place_shapes import GeoJson, project_polygon
from okube_api.store.values import Json

if TYPE_CHECKING:
    from shapely import Geometry

POLYGON, MULTI_POLYGON = "Polygon", "MultiPolygon"

_MAX_LATITUDE, _MAX_LONGITUDE = 90, 180
_MIN_RING_POINTS = 4
_MIN_M2 = 1.0
_SPLIT_HINT = "use a MultiPolygon with one polygon on each side."

Point = tuple[float, float]
Ring = list[list[float]]


class UnreadableGeometry(ValueError):
    """A value that is no polygon in GeoJSON or WKT; the message says what is expected."""


class ImpossibleGeometry(ValueError):
    """A polygon that cannot exist, or that is too large; the message says where it is wrong."""


@dataclass(frozen=True, slots=True)
class GeometryBounds:
    """The largest polygons that are accepted: the number of points of all rings, and the area in square kilometres."""

    max_points: int
    max_km2: float


PLACE_BOUNDS = GeometryBounds(2_500, 1_000)
"""Bounds of sites and POIs: 2,500 points of the longest numbers fit into a cell of a table (128 KiB)."""
AREA_BOUNDS = GeometryBounds(10_000, 100_000)
"""Bounds of IRIS areas."""


def read_geometry(value: Any, bounds: GeometryBounds) -> Json:
    """Return a GeoJSON Polygon or MultiPolygon whose points are [longitude, latitude], as floats.

    value: GeoJSON as an object or a text, or WKT.  A Feature, and a FeatureCollection of one, become their geometry;
    further coordinates of points, and other members, are left out.
    Raise UnreadableGeometry and ImpossibleGeometry.
    """
    geometry = parse_geometry(value)
    polygons = _list_polygons(geometry)
    points = sum(len(ring) for rings in polygons for ring in rings)
    if points > bounds.max_points:
        raise ImpossibleGeometry(f"The geometry has {points:,} points. Simplify it to {bounds.max_points:,} at most.")
    for number, rings in enumerate(polygons, start=1):
        for ring_number, ring in enumerate(rings, start=1):
            name = f"Ring {ring_number}" if len(polygons) == 1 else f"Ring {ring_number} of polygon {number}"
            _check_ring(name, ring)
    _check_validity(geometry)
    _check_size(geometry, bounds)
    return geometry


def parse_geometry(value: Any) -> Json:
    """Return what `read_geometry` returns, without checking whether the polygon can exist.

    Raise UnreadableGeometry, and ImpossibleGeometry for a ring of WKT that is not closed.
    """
    if isinstance(value, str):
        value = _parse_text(value)
    return _strip_geometry(_unwrap_feature(value))


def format_wkt(geometry: GeoJson) -> str:
    """Return a polygon as WKT, with the shortest numbers that are read as the same."""
    bodies = [
        "({})".format(", ".join(f"({', '.join(f'{point[0]!r} {point[1]!r}' for point in ring)})" for ring in rings))
        for rings in _list_polygons(geometry)
    ]
    if geometry["type"] == POLYGON:
        return f"POLYGON {bodies[0]}"
    return f"MULTIPOLYGON ({', '.join(bodies)})"


def find_inner_point(geometry: GeoJson) -> Point:
    """Return a point in a valid polygon (longitude, latitude): its centroid if that is inside."""
    import shapely  # noqa: PLC0415 - see `_check_validity`

    polygon = _build_polygon(geometry)
    centroid = polygon.centroid
    point = centroid if shapely.contains(polygon, centroid) else shapely.point_on_surface(polygon)
    return point.x, point.y


# -- structure ---------------------------------------------------------------------------------------------------


def _parse_text(text: str) -> Any:
    text = text.strip()
    if text.startswith("{"):
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError as error:
            raise UnreadableGeometry(f"The geometry is not GeoJSON: {error}.") from None
    import shapely  # noqa: PLC0415 - see `_check_validity`

    head, separator, rest = text.partition(";")
    if separator and head.upper().startswith("SRID="):  # as PostGIS writes it
        if head.upper() not in ("SRID=4326", "SRID=0"):
            raise UnreadableGeometry("Use longitudes and latitudes in degrees: WGS 84, which is SRID=4326.")
        text = rest
    if not text.lstrip().upper().startswith(("POLYGON", "MULTIPOLYGON")):
        raise UnreadableGeometry("Use a Polygon or a MultiPolygon, as GeoJSON or WKT (POLYGON ((4.83 45.75, ...))).")
    try:
        geometry = shapely.from_wkt(text)
    except shapely.errors.GEOSException as error:
        message = str(error).partition(": ")[2]
        if "closed" in message:
            raise ImpossibleGeometry(_describe_open_ring(text)) from None
        raise UnreadableGeometry(f"The geometry is not WKT: {message}.") from None
    if geometry.is_empty:
        raise ImpossibleGeometry("The geometry is empty.")
    return orjson.loads(shapely.to_geojson(geometry))


def _describe_open_ring(wkt: str) -> str:
    """Name the ends of the first ring of WKT that is not closed."""
    import shapely  # noqa: PLC0415 - see `_check_validity`

    for ring in re.findall(r"\(([^()]+)\)", wkt):
        first, *_, last = shapely.get_coordinates(shapely.from_wkt(f"LINESTRING ({ring})")).tolist()
        if first != last:
            return f"A ring {_describe_gap(first, last)}"
    return "A ring is not closed: its last point must be its first."


def _unwrap_feature(value: Any) -> Any:
    """Return the geometry of a Feature, or of a collection of one Feature; return any other value unchanged."""
    if isinstance(value, Mapping) and value.get("type") == "FeatureCollection":
        features = value.get("features")
        if not isinstance(features, list) or len(features) != 1:
            raise UnreadableGeometry("Use a FeatureCollection with one Feature, or the geometry alone.")
        value = features[0]
    if isinstance(value, Mapping) and value.get("type") == "Feature":
        value = value.get("geometry")
    return value


def _strip_geometry(value: Any) -> Json:
    """Return the members `type` and `coordinates` of GeoJSON, its points as two floats.  Raise UnreadableGeometry."""
    kind = value.get("type") if isinstance(value, Mapping) else None
    if kind not in (POLYGON, MULTI_POLYGON):
        raise UnreadableGeometry("Use a GeoJSON object whose `type` is Polygon or MultiPolygon.")
    coordinates = value.get("coordinates")
    if kind == POLYGON:
        return {"type": kind, "coordinates": _strip_rings(coordinates, "/coordinates")}
    polygons = _require_list(coordinates, "/coordinates", "polygons")
    return {
        "type": kind,
        "coordinates": [_strip_rings(rings, f"/coordinates/{number}") for number, rings in enumerate(polygons)],
    }


def _strip_rings(rings: Any, pointer: str) -> list[Ring]:
    return [
        [
            _strip_point(point, f"{pointer}/{number}/{position}")
            for position, point in enumerate(_require_list(ring, f"{pointer}/{number}", "points"))
        ]
        for number, ring in enumerate(_require_list(rings, pointer, "rings"))
    ]


def _require_list(value: Any, pointer: str, content: str) -> Sequence[Any]:
    if not isinstance(value, list) or not value:
        raise UnreadableGeometry(f"'{pointer}' of the geometry must be a list of {content} that is not empty.")
    return value


def _strip_point(point: Any, pointer: str) -> list[float]:
    is_list = isinstance(point, list) and len(point) >= 2
    if is_list and all(isinstance(number, int | float) and not isinstance(number, bool) for number in point):
        return [float(number) for number in point[:2]]
    raise UnreadableGeometry(f"'{pointer}' of the geometry must be a point: [longitude, latitude] in degrees.")


def _list_polygons(geometry: GeoJson) -> list[list[Ring]]:
    """Return the polygons of a geometry, each as its rings."""
    coordinates: list[Any] = geometry["coordinates"]
    return [coordinates] if geometry["type"] == POLYGON else coordinates


# -- what can exist ----------------------------------------------------------------------------------------------


def _check_ring(name: str, ring: Ring) -> None:
    for longitude, latitude in ring:
        is_on_earth = abs(longitude) <= _MAX_LONGITUDE and abs(latitude) <= _MAX_LATITUDE
        if not (isfinite(longitude) and isfinite(latitude) and is_on_earth):
            hint = f" Where it crosses the 180th meridian, {_SPLIT_HINT}" if abs(longitude) > _MAX_LONGITUDE else ""
            raise ImpossibleGeometry(
                f"{name} has the point {_format_point(longitude, latitude)}. Use [longitude, latitude] in degrees: "
                f"longitude from -180 to 180, latitude from -90 to 90.{hint}"
            )
    if len(ring) < _MIN_RING_POINTS:
        raise ImpossibleGeometry(f"{name} has {len(ring)} points. A ring has 4 at least; the last one is the first.")
    if ring[0] != ring[-1]:
        raise ImpossibleGeometry(f"{name} {_describe_gap(ring[0], ring[-1])}")
    for (longitude, latitude), (next_longitude, _) in pairwise(ring):
        if abs(next_longitude - longitude) > _MAX_LONGITUDE:
            raise ImpossibleGeometry(
                f"{name} crosses the 180th meridian after {_format_point(longitude, latitude)}. Split it there: "
                f"{_SPLIT_HINT}"
            )


def _describe_gap(first: Sequence[float], last: Sequence[float]) -> str:
    return f"is not closed: its last point {_format_point(*last)} must be its first, {_format_point(*first)}."


def _check_validity(geometry: GeoJson) -> None:
    import shapely  # noqa: PLC0415 - 20 MB, needed only where places have polygons

    reason = shapely.is_valid_reason(_build_polygon(geometry))
    if reason != "Valid Geometry":
        # such as `Self-intersection[4.83 45.75]`
        words, _, place = reason.rstrip("]").partition("[")
        where = f" at [{place.replace(' ', ', ')}]" if place else ""
        raise ImpossibleGeometry(f"The geometry is not valid: {words.strip()}{where}.")


def _check_size(geometry: GeoJson, bounds: GeometryBounds) -> None:
    area_m2 = project_polygon(geometry).polygon.area
    if area_m2 < _MIN_M2:
        raise ImpossibleGeometry("The geometry is smaller than 1 square metre.")
    if area_m2 > bounds.max_km2 * 1e6:
        raise ImpossibleGeometry(
            f"The geometry covers {area_m2 / 1e6:,.0f} square kilometres. It may cover {bounds.max_km2:,.0f} at most."
        )


def _build_polygon(geometry: GeoJson) -> "Geometry":
    """Return the polygon of a geometry, in degrees."""
    import shapely  # noqa: PLC0415 - see above

    polygons = [shapely.Polygon(shell, holes) for shell, *holes in _list_polygons(geometry)]
    return polygons[0] if geometry["type"] == POLYGON else shapely.MultiPolygon(polygons)


def _format_point(longitude: float, latitude: float) -> str:
    return f"[{longitude!r}, {latitude!r}]"
