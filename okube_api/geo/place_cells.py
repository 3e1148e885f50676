"""Computes the H3 cells of sites and POIs, which pings are matched to."""

from collections.abc import Iterable, Sequence

from okube_api.geo.constants import RESOLUTION
from okube_api.store.values import Json

CELL_FIELDS = ("indoorIndexes", "outdoorIndexes")
DEFAULT_RADIUS_M = 70.0

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
        {"indoorIndexes": build_cell_set(indoor), "outdoorIndexes": build_cell_set(outdoor)}
        for block in blocks
        for indoor, outdoor in compute_disks(block)
    ]


def build_cell_set(cells: Iterable[str]) -> Json:
    """Return cells in the form that documents store."""
    return {"resolution": RESOLUTION, "indexes": sorted(cells)}


class CellLocator:
    """Determines the radius and the cells of places that are created or updated, and computes many in one call."""

    def __init__(self, updates: Iterable[tuple[Json, Json]]) -> None:
        """Compute the cells of all updates: stored places (empty for new ones) with the fields to change in each."""
        circles = {_get_circle(stored | fields): None for stored, fields in updates if _needs_cells(stored, fields)}
        places = [circle for circle in circles if circle is not None]
        self._cells = dict(zip(places, compute_many_cells(places), strict=True))

    def locate(self, stored: Json, fields: Json) -> Json:
        """Return the radius and the cells to store for a place.

        Cells among the fields are taken as they are.  Other cells are computed when the place is new, moves or changes
        its radius, else kept.  A place without coordinates has no cells but those among the fields.
        """
        circle = _get_circle(stored | fields)
        given = {name: fields[name] for name in CELL_FIELDS if fields.get(name) is not None}
        if circle is None:
            return {**dict.fromkeys(CELL_FIELDS), **given}
        if not _needs_cells(stored, fields):
            cells = {name: stored[name] for name in CELL_FIELDS}
        elif given.keys() >= set(CELL_FIELDS):
            cells = {}
        else:
            cells = self._cells.get(circle) or compute_cells(circle[:2], circle[2])
        return {"radius": circle[2], **cells, **given}


def _needs_cells(stored: Json, fields: Json) -> bool:
    """Return whether the stored cells are missing, cleared, or of another circle."""
    place = stored | fields
    has_cells = all(stored.get(name) is not None and place.get(name) is not None for name in CELL_FIELDS)
    return not has_cells or _get_circle(place) != _get_circle(stored)


def _get_circle(place: Json) -> Circle | None:
    """Return the circle of a place; None when it has no coordinates."""
    coordinates = place.get("coordinates")
    return None if coordinates is None else (coordinates[0], coordinates[1], place.get("radius") or DEFAULT_RADIUS_M)
