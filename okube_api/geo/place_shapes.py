"""Shapes of places: circles, and polygons on a plane that touches the Earth at the place."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import cos, hypot, radians
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from okube_api.geo.constants import EARTH_M
from okube_api.store.arrays import Floats

if TYPE_CHECKING:
    from shapely import Geometry

DEGREE_M = EARTH_M * radians(1)
"""Length of a degree of latitude in metres."""

GeoJson = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle: centre in degrees, radius in metres."""

    lng: float
    lat: float
    radius_m: float


@dataclass(frozen=True, slots=True, eq=False)
class PolygonShape:
    """A polygon or several, in metres east and north of a centre, which is in degrees.

    The centre is that of the box around the polygon; half_east_m and half_north_m are half its sides.
    """

    lng: float
    lat: float
    polygon: "Geometry"
    half_east_m: float
    half_north_m: float


Shape = Circle | PolygonShape


@lru_cache(maxsize=20_000)
def _project_polygon(geometry: bytes) -> PolygonShape:
    import shapely  # noqa: PLC0415 - 20 MB, needed only where places have polygons

    polygon = shapely.from_geojson(geometry)
    left, bottom, right, top = polygon.bounds
    if right - left > 180:  # degrees: polygons on both sides of the 180th meridian
        polygon = shapely.transform(polygon, lambda points: points + (points < 0) * (360, 0))
        left, _, right, _ = polygon.bounds
    lng, lat = (left + right) / 2, (bottom + top) / 2
    plane = shapely.transform(polygon, lambda points: (points - (lng, lat)) * _measure_degree_m(lat))
    shapely.prepare(plane)
    left, bottom, right, top = plane.bounds
    return PolygonShape(lng, lat, plane, max(right, -left), max(top, -bottom))


def project_polygon(geometry: GeoJson) -> PolygonShape:
    """Return the shape of a valid GeoJSON Polygon or MultiPolygon, of which no polygon crosses the 180th meridian."""
    return _project_polygon(orjson.dumps({"type": geometry["type"], "coordinates": geometry["coordinates"]}))


def unproject(shape: PolygonShape, plane: "Geometry") -> "Geometry":
    """Return a geometry of the plane of a shape in degrees; longitudes may pass the 180th meridian."""
    import shapely  # noqa: PLC0415 - see above

    return shapely.transform(plane, lambda points: points / _measure_degree_m(shape.lat) + (shape.lng, shape.lat))


def measure_distance_m(shape: PolygonShape, lng: float, lat: float) -> float:
    """Return the distance of a point (degrees) from a polygon in metres, 0 inside; near the polygon it is exact."""
    import shapely  # noqa: PLC0415 - see above

    east_lng, north_lat = (lng - shape.lng + 180) % 360 - 180, lat - shape.lat
    return float(shape.polygon.distance(shapely.Point(np.array([east_lng, north_lat]) * _measure_degree_m(shape.lat))))


def _measure_degree_m(lat: float) -> Floats:
    """Return the lengths of a degree of longitude and of latitude in metres."""
    return np.array([DEGREE_M * cos(radians(lat)), DEGREE_M])


def wrap_degrees(difference: Floats) -> Floats:
    """Return differences of longitudes as the shorter way around the Earth, -180 to 180."""
    if np.abs(difference).max(initial=0) <= 180:
        return difference
    wrapped: Floats = (difference + 180) % 360 - 180
    return wrapped


def measure_extent_m(shape: Shape) -> float:
    """Return the diameter of a circle, or the diagonal of the box around a polygon, in metres."""
    if isinstance(shape, Circle):
        return 2 * shape.radius_m
    return 2 * hypot(shape.half_east_m, shape.half_north_m)


def measure_half_box_m(shape: Shape) -> tuple[float, float]:
    """Return the reach of a shape from its centre in metres: east and west, north and south."""
    if isinstance(shape, Circle):
        return shape.radius_m, shape.radius_m
    return shape.half_east_m, shape.half_north_m
