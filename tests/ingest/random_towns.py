"""Random towns for tests of stays: places of any shape close to one another, and people who walk around there."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import cos, pi, radians, sin
from random import Random
from typing import Any

from okube_api.geo.place_cells import compute_cells
from okube_api.store.values import Json

from tests.by_hand.places import DEGREE_M, Point, Ring, Shape
from tests.truth.places import LYON, build_id

SHOPS = 8
PEOPLE = 4
START = datetime(2024, 3, 30, 8, tzinfo=UTC)  # clocks change in the night after it
HOURS = 24
PACES_S = (60, 60, 300, 300, 600)
NOISE_M = 6.0


@dataclass(frozen=True)
class Town:
    """Shops, some of them in a mall: as shapes, and as documents of sites and POIs; and the pings of people."""

    id: str
    shapes: Sequence[Shape]
    sites: Sequence[Json]
    pois: Sequence[Json]
    pings: Sequence[Json]


def build_town(number: int, dice: Random, *, circles: bool) -> Town:
    """Return a town of some 300 m with a day of a few people.  circles: whether places may be circles."""
    town, mall = build_id(number, 0, 0), build_id(number, 1, 50)
    shapes = [_build_shop(build_id(number, 1 + shop % 2, shop), mall, dice, circles=circles) for shop in range(SHOPS)]
    documents = [_build_document(shape, town) for shape in shapes]
    mall_shape = Shape(mall, LYON, rings=(_build_ring(dice, (0.0, 0.0), 60, 120),))
    pings = [ping for person in range(PEOPLE) for ping in _walk_around(f"person {person}", shapes, dice)]
    pings += dice.sample(pings, 20)  # sent twice
    dice.shuffle(pings)
    return Town(
        town, [*shapes, mall_shape], [*documents[::2], _build_document(mall_shape, town)], documents[1::2], pings
    )


def _to_degrees(point: Point) -> Point:
    """Return longitude and latitude of a point in metres east and north of the centre of the town."""
    return LYON[0] + point[0] / (DEGREE_M * cos(radians(LYON[1]))), LYON[1] + point[1] / DEGREE_M


def _build_ring(dice: Random, centre: Point, least_m: float, most_m: float) -> Ring:
    """Return a closed ring in degrees; no two of its edges cross."""
    corners = dice.randint(5, 9)
    points = []
    for corner in range(corners):
        angle, radius = 2 * pi * (corner + dice.uniform(0, 0.8)) / corners, dice.uniform(least_m, most_m)
        points.append(_to_degrees((centre[0] + radius * cos(angle), centre[1] + radius * sin(angle))))
    return (*points, points[0])


def _build_shop(identifier: str, mall: str, dice: Random, *, circles: bool) -> Shape:
    x, y = dice.uniform(-150, 150), dice.uniform(-150, 150)
    shape = Shape(identifier, _to_degrees((x, y)), parent=mall if dice.random() < 0.4 else None)
    kind = dice.choice(("circle", "polygon", "hole", "several") if circles else ("polygon", "hole", "several"))
    if kind == "circle":
        return replace(shape, radius=float(dice.randint(8, 60)))
    outer = _build_ring(dice, (x, y), 8, 40)
    if kind == "hole":
        lng, lat = shape.centre
        hole = tuple((lng + (point[0] - lng) * 0.4, lat + (point[1] - lat) * 0.4) for point in outer)
        return replace(shape, rings=(outer, hole))
    return replace(shape, rings=(outer, _build_ring(dice, (x + 100, y), 8, 40)) if kind == "several" else (outer,))


def _build_document(shape: Shape, application: str) -> Json:
    """Return the document of a place as repositories store it."""
    radius = shape.radius or 30.0
    document: dict[str, Any] = {
        "_id": shape.id,
        "application": application,
        "version": 1,
        "key": shape.id,
        "names": [shape.id],
        "coordinates": list(shape.centre),
        "radius": radius,
        "cellsGiven": [],
        **compute_cells(shape.centre, radius),
    }
    if shape.parent:
        document["parent"] = shape.parent
    if shape.rings:
        rings = [[list(point) for point in ring] for ring in shape.rings]
        is_hole = len(rings) > 1 and abs(rings[1][0][0] - rings[0][0][0]) * DEGREE_M < 40
        polygons = [rings] if is_hole else [[ring] for ring in rings]
        document["geometry"] = {"type": "MultiPolygon", "coordinates": polygons}
    return document


def _walk_around(name: str, shapes: Sequence[Shape], dice: Random) -> Iterator[Json]:
    """Yield the pings of a person who goes from place to place, sometimes without a signal or with a wrong position."""
    at, end = START, START + timedelta(hours=HOURS)
    while at < end:
        place = dice.choice(shapes)
        to = place.centre if dice.random() < 0.8 else _to_degrees((dice.uniform(-400, 400), dice.uniform(-400, 400)))
        until = at + timedelta(seconds=dice.choice((30, 120, 600, 1800, 5400)))
        pace_s = dice.choice(PACES_S)
        while at < until:
            lng, lat = (
                to[axis] + dice.gauss(0, NOISE_M) / DEGREE_M + (dice.random() < 0.01) * dice.choice((0.0, 1.5))
                for axis in range(2)
            )
            at += timedelta(milliseconds=round(1000 * pace_s * dice.uniform(0.5, 1.5)))
            ping: dict[str, Any] = {"user": name, "at": at.isoformat(timespec="milliseconds"), "lng": lng, "lat": lat}
            if dice.random() < 0.5:
                ping["accuracy"] = dice.choice((5.0, 20.0, 100.0, 100.5, 800.0))
            if dice.random() < 0.5:
                ping["speed"] = dice.choice((0.0, 1.5, 7.0, 7.25))
            yield ping
        at += timedelta(seconds=dice.choice((60, 240, 1200, 3600, 9000)))
