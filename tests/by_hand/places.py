"""In which zones of places a point is: circles, and polygons by ray casting, on a plane that touches the Earth."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from math import asin, cos, hypot, inf, pi, radians, sin, sqrt

from tests.by_hand.sessions import PlaceZone, ZoneRule

EARTH_M = 6_371_007.180918475
DEGREE_M = EARTH_M * pi / 180
OUTDOOR_M = 50.0

Point = tuple[float, float]
Ring = Sequence[Point]


@dataclass(frozen=True)
class Shape:
    """A place with its shape: a circle (centre in degrees, radius in metres) or rings of polygons in degrees.

    rings: a point is inside of a polygon when a ray from it crosses its rings an odd number of times; so holes are
    rings like others.  parent: the place that this one lies in.
    """

    id: str
    centre: Point
    radius: float = 0.0
    rings: tuple[Ring, ...] = ()
    parent: str | None = None


@dataclass(frozen=True)
class MatchRule:
    """How pings are matched with places (docs/stays.md)."""

    nearest: bool = False
    snap_m: float = 0.0
    walking_mps: float | None = None


NEW_MATCH_RULE = MatchRule(nearest=True, snap_m=30.0, walking_mps=0.8)
"""That of new applications."""


@cache
def measure_extent_m(shape: Shape) -> float:
    """Return the diameter of a circle, or the diagonal of the box around polygons."""
    if not shape.rings:
        return 2 * shape.radius
    points = [_project(shape, point) for ring in shape.rings for point in ring]
    columns = list(zip(*points, strict=True))
    return hypot(*(max(column) - min(column) for column in columns))


def find_zones(shapes: Sequence[Shape], point: Point, rule: MatchRule) -> tuple[PlaceZone, ...]:
    """Return the (place, zone) pairs that a point is in."""
    candidates: list[tuple[int, int, float, float, str]] = []
    for shape in shapes:
        metres, centre_m = _measure_m(shape, point)
        if metres > max(rule.snap_m, OUTDOOR_M):
            continue
        snap_m = min(rule.snap_m, 0.15 * measure_extent_m(shape)) if shape.rings else rule.snap_m
        if metres <= snap_m:
            candidates.append((find_level(shapes, shape), 0, metres, centre_m, shape.id))
        elif metres <= OUTDOOR_M:
            candidates.append((find_level(shapes, shape), 1, metres, centre_m, shape.id))
    if rule.nearest:
        levels = {level for level, *_ in candidates}
        candidates = [min(candidate for candidate in candidates if candidate[0] == level) for level in levels]
    return tuple((place, ("indoor", "outdoor")[kind]) for _, kind, _, _, place in candidates)


def build_zone_rules(shapes: Sequence[Shape], rule: MatchRule) -> dict[PlaceZone, ZoneRule]:
    """Return the group of each zone, and the time to walk across the place."""
    rules: dict[PlaceZone, ZoneRule] = {}
    for shape in shapes:
        walk_ms = 0 if rule.walking_mps is None else int(measure_extent_m(shape) / rule.walking_mps * 1000)
        for zone in ("indoor", "outdoor"):
            group = (find_level(shapes, shape), zone) if rule.nearest else (shape.id, zone)
            rules[shape.id, zone] = ZoneRule(group, walk_ms if zone == "indoor" else 0)
    return rules


def find_level(shapes: Sequence[Shape], shape: Shape) -> int:
    """Return how many generations of places lie in a place."""
    return max((find_level(shapes, child) + 1 for child in shapes if child.parent == shape.id), default=0)


@cache
def _find_centre(shape: Shape) -> Point:
    """Return the centre in degrees: of polygons, that of the box around them."""
    if not shape.rings:
        return shape.centre
    lngs, lats = zip(*(point for ring in shape.rings for point in ring), strict=True)
    return (min(lngs) + max(lngs)) / 2, (min(lats) + max(lats)) / 2


def _project(shape: Shape, point: Point) -> Point:
    """Return a point in metres east and north of the centre of a shape."""
    lng, lat = _find_centre(shape)
    return (point[0] - lng) * DEGREE_M * cos(radians(lat)), (point[1] - lat) * DEGREE_M


def _measure_m(shape: Shape, point: Point) -> tuple[float, float]:
    """Return the distance of a point from a shape, 0 inside, and from its centre."""
    x, y = _project(shape, point)
    centre_m = hypot(x, y)
    if not shape.rings:
        return max(centre_m - shape.radius, 0.0), centre_m
    crossings, metres = 0, inf
    for (x0, y0), (x1, y1) in _list_edges(shape):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
            crossings += 1
        length2 = (x1 - x0) ** 2 + (y1 - y0) ** 2
        along = 0.0 if length2 == 0 else ((x - x0) * (x1 - x0) + (y - y0) * (y1 - y0)) / length2
        along = min(max(along, 0.0), 1.0)
        metres = min(metres, hypot(x - x0 - along * (x1 - x0), y - y0 - along * (y1 - y0)))
    return (0.0 if crossings % 2 else metres), centre_m


@cache
def _list_edges(shape: Shape) -> list[tuple[Point, Point]]:
    return [edge for ring in shape.rings for edge in pairwise([_project(shape, point) for point in ring])]


# -- errors of positions ----------------------------------------------------------------------------------------


def find_jumps(points: Sequence[tuple[int, float, float]]) -> set[tuple[int, float, float]]:
    """Return the points (ms, degrees) of a user reached and left faster than 500 km/h, within an hour each."""
    ordered = sorted(set(points))
    fast = [_is_fast(before, after) for before, after in pairwise(ordered)]
    return {ordered[number + 1] for number, (before, after) in enumerate(pairwise(fast)) if before and after}


def _is_fast(before: tuple[int, float, float], after: tuple[int, float, float]) -> bool:
    interval_ms = after[0] - before[0]
    lat, to_lat = radians(before[2]), radians(after[2])
    square = sin((to_lat - lat) / 2) ** 2 + cos(lat) * cos(to_lat) * sin(radians(after[1] - before[1]) / 2) ** 2
    metres = 2 * EARTH_M * asin(sqrt(square))
    return interval_ms <= 3_600_000 and metres > 500 / 3.6 * max(interval_ms / 1000, 1)
