"""Where sites and points of interest are, as H3 cells: what pings are matched to."""

from collections.abc import Iterable, Sequence

from okube_api.geo.constants import RESOLUTION
from okube_api.store.values import Json

CELL_FIELDS = ("indoorIndexes", "outdoorIndexes")
DEFAULT_RADIUS_M = 70.0

_TOGETHER = 200  # places; longer work on cells at once would keep other threads waiting


def compute_cells(coordinates: Sequence[float], radius_m: float) -> Json:
    """The indoor and outdoor cells of a place, by field name.

    coordinates: [longitude, latitude] in degrees.  Indoor: the cells whose centre lies within the radius, and always
    the place's own.  Outdoor: the further ones whose centre lies within 50 m more.
    """
    return compute_many_cells([(coordinates[0], coordinates[1], radius_m)])[0]


def compute_many_cells(places: Sequence[tuple[float, float, float]]) -> list[Json]:
    """`located` of each (longitude, latitude, radius in metres): about 100 us each when there are many."""
    from okube_api.geo.h3_disks import compute_disks  # noqa: PLC0415 - its libraries are 8 MB, for who makes places

    blocks = (places[at : at + _TOGETHER] for at in range(0, len(places), _TOGETHER))
    return [
        {"indoorIndexes": build_cell_set(inner), "outdoorIndexes": build_cell_set(outer)}
        for block in blocks
        for inner, outer in compute_disks(block)
    ]


def build_cell_set(cells: Iterable[str]) -> Json:
    """Cells as documents have them."""
    return {"resolution": RESOLUTION, "indexes": sorted(cells)}


class CellLocator:
    """The radius and cells of places, those of many computed together."""

    def __init__(self, pairs: Iterable[tuple[Json, Json]]) -> None:
        """pairs: what is stored of each place (empty for a new one), and the fields to be changed of it."""
        wanted = {_spot(stored | fields): None for stored, fields in pairs if _moves(stored, fields)}
        spots = [spot for spot in wanted if spot is not None]
        self._found = dict(zip(spots, compute_many_cells(spots), strict=True))

    def __call__(self, stored: Json, fields: Json) -> Json:
        """The radius and cells as given, else computed: anew when the place moves or its radius changes.

        What has no coordinates has no cells, unless they are given.
        """
        place = stored | fields
        spot = _spot(place)
        given = {name: fields[name] for name in CELL_FIELDS if fields.get(name) is not None}
        if spot is None:
            return {**dict.fromkeys(CELL_FIELDS), **given}
        kept = {} if _moves(stored, fields) else {name: stored[name] for name in CELL_FIELDS}
        computed = kept if kept.keys() | given.keys() >= set(CELL_FIELDS) else self._cells(spot)
        return {"radius": spot[2], **computed, **kept, **given}

    def _cells(self, spot: tuple[float, float, float]) -> Json:
        return self._found.get(spot) or compute_cells(spot[:2], spot[2])


def _moves(stored: Json, fields: Json) -> bool:
    """Whether cells that are not given have to be computed."""
    place = stored | fields
    known = all(stored.get(name) is not None and place.get(name) is not None for name in CELL_FIELDS)
    return not known or _spot(place) != _spot(stored)


def _spot(place: Json) -> tuple[float, float, float] | None:
    """Longitude, latitude and radius of a place that has coordinates."""
    coordinates = place.get("coordinates")
    return None if coordinates is None else (coordinates[0], coordinates[1], place.get("radius") or DEFAULT_RADIUS_M)
