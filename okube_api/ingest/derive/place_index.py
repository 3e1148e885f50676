"""Index of places: finds the zones of sites and POIs that contain a point.

A place is matched by its polygon when it has one, else by cells that were given, else by its circle; its outdoor zone
is a ring around that.  Where places exclude one another, a point belongs to the nearest place within reach only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import pi, sqrt
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.geo.constants import OUTDOOR_M, POI_RADIUS_M
from okube_api.geo.distance import haversine_m_array
from okube_api.geo.place_cells import CELL_FIELDS, compute_many_cells
from okube_api.geo.place_locator import CELLS_GIVEN
from okube_api.geo.place_shapes import Circle, Shape, measure_extent_m, project_polygon
from okube_api.ingest.columns.columns import count_by_group, expand_ranges, mark_group_starts, sort_order, to_offsets
from okube_api.ingest.derive.ping_stays import ZoneRules
from okube_api.ingest.derive.shape_index import DistanceBounds, ShapeIndex
from okube_api.store.arrays import Flags, Floats, Ints
from okube_api.store.values import Json

ZONE_KINDS = ("indoor", "outdoor")

_SNAP_SHARE = 0.15  # a polygon reaches so much of its own extent beyond its border, at most: small shops lie close
_MAX_LEVELS = 8
_MAX_COMPARED = 50_000
_COMPARED: dict[tuple[Any, Any, Any], frozenset[str]] = {}  # by `_id`, version and instant of the last update

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PlaceRules:
    """How points are matched with places, and how long a stay must be.

    is_exclusive: whether a point belongs to the nearest place only; else to every place that contains it.
    snap_m: how far from its shape a place can be, when it is the nearest.
    minimum_s: the least dwell of a stay; walking_mps: when given, the time to walk across the place is added to it.
    """

    is_exclusive: bool = False
    snap_m: float = 0.0
    minimum_s: int = 0
    walking_mps: float | None = None


@dataclass(frozen=True, eq=False)
class PlaceIndex:
    """Sites and POIs in order of their `_id`, and their zones.

    ids, timezones (IANA names), is_site, lng, lat (degrees, NaN where unknown), level, extent_m: one element per place.
    level: 0 for a place that is the parent of no other, 1 for a parent of such places, and so on; places of different
        levels do not exclude one another.
    The zones of place n have the numbers 2 * n (indoor) and 2 * n + 1 (outdoor).
    cells: of the places and zones that are matched by cells, by resolution.
    shaped: the places that are matched by a shape, and how far each reaches beyond it; shapes: theirs, in that order.
    zones_overlap: whether outdoor cells of a place may be partly in its indoor zone, which counts more.
    """

    ids: tuple[str, ...]
    timezones: tuple[str, ...]
    is_site: Flags
    lng: Floats
    lat: Floats
    level: Ints
    extent_m: Floats
    rules: PlaceRules
    cells: Mapping[int, "CellIndex"]
    shaped: Ints
    snap_m: Floats
    has_outdoor_cells: Flags
    shapes: ShapeIndex
    zones_overlap: bool

    @property
    def zone_count(self) -> int:
        """The number of zones."""
        return len(ZONE_KINDS) * len(self.ids)

    @property
    def zone_names(self) -> tuple[str, ...]:
        """The `_id` of the place and the kind of each zone, as one text."""
        return tuple(f"{place} {kind}" for place in self.ids for kind in ZONE_KINDS)

    @cached_property
    def zone_timezones(self) -> tuple[str, ...]:
        """The time zone of each zone."""
        return tuple(timezone for timezone in self.timezones for _ in ZONE_KINDS)

    @cached_property
    def zone_rules(self) -> ZoneRules:
        """The exclusive group of each zone, and the least dwell there."""
        zones = np.arange(self.zone_count)
        kinds = len(ZONE_KINDS)
        group = np.repeat(self.level, kinds) * kinds + zones % kinds if self.rules.is_exclusive else zones
        minimum_ms = np.full(self.zone_count, self.rules.minimum_s * 1000)
        if self.rules.walking_mps is not None:
            minimum_ms[::kinds] += (self.extent_m / self.rules.walking_mps * 1000).astype(np.int64)
        return ZoneRules(group, minimum_ms)

    def match(self, lng: Floats, lat: Floats) -> tuple[Ints, Ints]:
        """Return pairs of a point and a zone that it is in, as two arrays of indices, by point.

        A point is in one zone of a place at most.  Where places exclude one another, it is in one zone of each level at
        most: indoors at the nearest place within reach, else outdoors at the nearest.  The nearest is that with the
        nearest shape, of equal ones that with the nearest centre, of equal ones the first by `_id`.
        """
        point, zone, metres, centre_m = self._find_candidates(lng, lat)
        if self.rules.is_exclusive:
            place, kind = zone // len(ZONE_KINDS), zone % len(ZONE_KINDS)
            group = point * (int(self.level.max(initial=0)) + 1) + self.level[place]
            by = sort_order(group)
            is_first = mark_group_starts(group[by])
            # Most points have one candidate; only the others are sorted by several keys, which takes much longer.
            tied = np.flatnonzero(~(is_first & np.append(is_first[1:], True)))
            rows = by[tied]
            by[tied] = rows[np.lexsort((place[rows], centre_m[rows], metres[rows], kind[rows], group[rows]))]
            chosen = by[is_first]
            point, zone = point[chosen], zone[chosen]
        elif self.zones_overlap:
            kinds = len(ZONE_KINDS)
            place = point * len(self.ids) + zone // kinds
            is_indoor = zone % kinds == 0
            is_kept = is_indoor | ~np.isin(place, place[is_indoor])
            point, zone = point[is_kept], zone[is_kept]
        return point, zone

    def _find_candidates(self, lng: Floats, lat: Floats) -> tuple[Ints, Ints, Floats, Floats]:
        """Return pairs of a point and a zone, the metres to the shape, and to the centre of the place."""
        pairs = [cells.match(lng, lat) for cells in self.cells.values()]
        none = np.empty(0, np.int64)
        point = np.concatenate([none, *(points for points, _ in pairs)])
        zone = np.concatenate([none, *(zones for _, zones in pairs)])
        if len(self.shaped) == 0 and not self.rules.is_exclusive:
            return point, zone, np.zeros(0), np.zeros(0)
        place = zone // len(ZONE_KINDS)
        centre_m = np.nan_to_num(
            haversine_m_array(lng[point], lat[point], self.lng[place], self.lat[place]), nan=np.inf
        )
        near = self.shapes.match(lng, lat, self._select_shapes)
        is_outdoor = near.metres > self.snap_m[near.shape]
        near_zone = len(ZONE_KINDS) * self.shaped[near.shape] + is_outdoor
        has_zone = ~is_outdoor | ((near.metres <= OUTDOOR_M) & ~self.has_outdoor_cells[near.shape])
        return (
            np.concatenate((point, near.point[has_zone])),
            np.concatenate((zone, near_zone[has_zone])),
            np.concatenate((np.zeros(len(point)), near.metres[has_zone])),
            np.concatenate((centre_m, near.centre_m[has_zone])),
        )

    def _select_shapes(self, bounds: DistanceBounds) -> tuple[Flags, Flags]:
        """Return which shapes can be those that a point belongs to, and of which the distance decides it.

        The distance decides whether a shape contains a point indoors, outdoors or not at all, if its bounds leave that
        open.  Where places exclude one another, it also decides which is the nearest: a shape cannot be it if another
        of its level is certainly nearer, and indoors if this one may be indoors.
        """
        snap_m = self.snap_m[bounds.shape]
        may_be_indoor, is_indoor = bounds.least_m <= snap_m, bounds.most_m <= snap_m
        has_zone = is_indoor | ((bounds.most_m <= OUTDOOR_M) & ~self.has_outdoor_cells[bounds.shape])
        is_undecided = ~(is_indoor | (has_zone & ~may_be_indoor))
        if not self.rules.is_exclusive:
            return np.ones(len(snap_m), np.bool_), is_undecided
        levels = int(self.level.max(initial=0)) + 1
        group = bounds.point * levels + self.level[self.shaped[bounds.shape]]
        groups = int(group.max(initial=-1)) + 1
        nearest_indoor_m, nearest_m = np.full(groups, np.inf), np.full(groups, np.inf)
        np.minimum.at(nearest_indoor_m, group[is_indoor], bounds.most_m[is_indoor])
        np.minimum.at(nearest_m, group[has_zone], bounds.most_m[has_zone])
        indoor_m = nearest_indoor_m[group]
        can_be_nearest = np.where(
            np.isfinite(indoor_m),
            may_be_indoor & (bounds.least_m <= indoor_m),
            may_be_indoor | (bounds.least_m <= nearest_m[group]),
        )
        is_alone = np.bincount(group[can_be_nearest], minlength=groups)[group] == 1
        return can_be_nearest, ~is_alone | is_undecided


@dataclass(frozen=True, eq=False)
class CellIndex:
    """The cells of one resolution that belong to zones.

    cells: distinct; cell n belongs to the zones `zones[offsets[n] : offsets[n + 1]]`.
    """

    resolution: int
    cells: pa.Array
    offsets: Ints
    zones: Ints

    @cached_property
    def _counts(self) -> Ints:
        return np.diff(self.offsets)

    def match(self, lng: Floats, lat: Floats) -> tuple[Ints, Ints]:
        """Return pairs of a point and a zone that contains it, as two arrays of indices."""
        from h3ronpy.vector import coordinates_to_cells  # noqa: PLC0415 - 8 MB, only needed where pings are ingested

        cell_of_point = pa.array(coordinates_to_cells(lat, lng, self.resolution))
        numbers = pc.fill_null(pc.index_in(cell_of_point, value_set=self.cells), -1).to_numpy()
        points = np.flatnonzero(numbers >= 0)
        cells = numbers[points]
        counts = self._counts[cells]
        return np.repeat(points, counts), self.zones[expand_ranges(self.offsets[cells], counts)]


def index_places(
    sites: Sequence[Document], pois: Sequence[Document], timezone: str, rules: PlaceRules = PlaceRules()
) -> PlaceIndex:
    """Return the index of the places of an application.

    sites, pois: their documents.  timezone: the default for places without one.
    """
    places = sorted((*sites, *pois), key=lambda place: str(place["_id"]))
    site_ids = {site["_id"] for site in sites}
    points = np.array([place.get("coordinates") or (np.nan, np.nan) for place in places], np.float64).reshape(-1, 2)
    given = _find_given_cells(places, rules)
    shapes = {
        number: shape for number, place in enumerate(places) if (shape := _get_shape(place, given[number])) is not None
    }
    cell_fields = [
        [field for field in CELL_FIELDS if number not in shapes or (field in given[number] and field != CELL_FIELDS[0])]
        for number in range(len(places))
    ]
    snap_m = [_limit_snap_m(shape, rules) for shape in shapes.values()]
    return PlaceIndex(
        ids=tuple(place["_id"] for place in places),
        timezones=tuple(place.get("timezone") or timezone for place in places),
        is_site=np.array([place["_id"] in site_ids for place in places], np.bool_),
        lng=points[:, 0],
        lat=points[:, 1],
        level=_find_levels(places),
        extent_m=np.array(
            [
                measure_extent_m(shapes[number]) if number in shapes else _measure_cells_m(place)
                for number, place in enumerate(places)
            ],
            np.float64,
        ),
        rules=rules,
        cells={cells.resolution: cells for cells in _index_cells(places, cell_fields)},
        shaped=np.array(list(shapes), np.int64),
        snap_m=np.array(snap_m, np.float64),
        has_outdoor_cells=np.array([CELL_FIELDS[1] in cell_fields[number] for number in shapes], np.bool_),
        shapes=ShapeIndex(list(shapes.values()), max([OUTDOOR_M, *snap_m])),
        zones_overlap=any(
            _may_overlap(place, cell_fields[number], has_shape=number in shapes) for number, place in enumerate(places)
        ),
    )


def _get_shape(place: Document, given: frozenset[str]) -> Shape | None:
    """Return the shape that a place is matched by; None when it is matched by cells, or has no position."""
    if geometry := place.get("geometry"):
        return project_polygon(geometry)
    coordinates = place.get("coordinates")
    if coordinates is None or CELL_FIELDS[0] in given:
        return None
    return Circle(coordinates[0], coordinates[1], place.get("radius") or POI_RADIUS_M)


def _may_overlap(place: Document, cell_fields: Sequence[str], *, has_shape: bool) -> bool:
    """Return whether a place is matched by outdoor cells that its indoor zone may cut: cells of one resolution do not.

    cell_fields: those that the place is matched by.
    """
    if CELL_FIELDS[1] not in cell_fields:
        return False
    if has_shape:
        return True
    indoor, outdoor = (place.get(field) or {} for field in CELL_FIELDS)
    return bool(indoor and outdoor) and indoor["resolution"] != outdoor["resolution"]


def _limit_snap_m(shape: Shape, rules: PlaceRules) -> float:
    """Return how far from its shape a place can be: of a circle, which stands for an unknown shape, the whole limit."""
    return rules.snap_m if isinstance(shape, Circle) else min(rules.snap_m, _SNAP_SHARE * measure_extent_m(shape))


def _find_given_cells(places: Sequence[Document], rules: PlaceRules) -> list[frozenset[str]]:
    """Return which fields of cells each place is matched by if it can: those that were given.

    Where places do not exclude one another, circles are matched by their cells, too.  Documents from before it was
    recorded what was given have given cells where these differ from those of their circle.
    """
    by_circle = [number for number, place in enumerate(places) if not place.get("geometry")]
    if not rules.is_exclusive:
        given = {number: frozenset(CELL_FIELDS) for number in by_circle}
    else:
        unknown = [number for number in by_circle if CELLS_GIVEN not in places[number]]
        given = dict(zip(unknown, _compare_with_circles([places[number] for number in unknown]), strict=True))
    return [given.get(number, frozenset(place.get(CELLS_GIVEN) or ())) for number, place in enumerate(places)]


def _compare_with_circles(places: Sequence[Document]) -> list[frozenset[str]]:
    """Return which fields of cells of each place are not those of its circle.

    The last results are kept, since an index is built at every ingest and computing cells takes most of its time.
    """
    keys = [(place["_id"], place.get("version"), place.get("updatedAt")) for place in places]
    new = [place for key, place in zip(keys, places, strict=True) if None in key or key not in _COMPARED]
    results = {
        place["_id"]: frozenset(field for field in CELL_FIELDS if place.get(field) != cells.get(field))
        for place, cells in zip(new, _compute_circle_cells(new), strict=True)
    }
    compared = [results[key[0]] if key[0] in results else _COMPARED[key] for key in keys]
    if len(_COMPARED) > _MAX_COMPARED:
        _COMPARED.clear()
    _COMPARED.update((key, fields) for key, fields in zip(keys, compared, strict=True) if None not in key)
    return compared


def _compute_circle_cells(places: Sequence[Document]) -> list[Json]:
    """Return the cells of the circle of each place by field; none for a place without coordinates."""
    circles = {
        number: (*place["coordinates"][:2], place.get("radius") or POI_RADIUS_M)
        for number, place in enumerate(places)
        if place.get("coordinates")
    }
    computed = dict(zip(circles, compute_many_cells(list(circles.values())), strict=True))
    return [computed.get(number, {}) for number in range(len(places))]


def _find_levels(places: Sequence[Document]) -> Ints:
    """Return the level of each place: how many generations of places are below it."""
    number_of = {place["_id"]: number for number, place in enumerate(places)}
    level = np.zeros(len(places), np.int64)
    children = [number for number, place in enumerate(places) if place.get("parent") in number_of]
    parents = np.array([number_of[places[number]["parent"]] for number in children], np.int64)
    for _ in range(_MAX_LEVELS):
        np.maximum.at(level, parents, np.minimum(level[children] + 1, _MAX_LEVELS))
    return level


def _measure_cells_m(place: Document) -> float:
    """Return the diameter of a circle as large as the indoor cells of a place, in metres."""
    cells = place.get(CELL_FIELDS[0])
    if not cells:
        return 0.0
    import h3  # noqa: PLC0415 - see above

    return 2 * sqrt(len(cells["indexes"]) * h3.average_hexagon_area(cells["resolution"], "m^2") / pi)


def _index_cells(places: Sequence[Document], fields: Sequence[Sequence[str]]) -> Iterator[CellIndex]:
    """Yield the cells of places by resolution; fields: those of `CELL_FIELDS` that each place is matched by."""
    from h3ronpy import cells_parse  # noqa: PLC0415 - see above

    names: dict[int, list[str]] = {}
    zones: dict[int, list[tuple[int, int]]] = {}  # by resolution: the number of a zone, and of its cells
    for number, place in enumerate(places):
        for kind, field in enumerate(CELL_FIELDS):
            if field in fields[number] and (cells := place.get(field)):
                names.setdefault(cells["resolution"], []).extend(cells["indexes"])
                zones.setdefault(cells["resolution"], []).append(
                    (len(ZONE_KINDS) * number + kind, len(cells["indexes"]))
                )
    for resolution, texts in sorted(names.items()):
        numbers, counts = np.array(zones[resolution], np.int64).T
        cells = pa.array(cells_parse(pa.array(texts, pa.large_string()))).to_numpy()
        distinct, which = np.unique(cells, return_inverse=True)
        by_cell = np.argsort(which, kind="stable")
        offsets = to_offsets(count_by_group(which, len(distinct)))
        yield CellIndex(resolution, pa.array(distinct, pa.uint64()), offsets, np.repeat(numbers, counts)[by_cell])
