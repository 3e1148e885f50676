"""Where sites and points of interest are, as H3 cells: what pings are matched to."""

from collections.abc import Iterable, Sequence

import h3

from okube_api.store.base import Json

RESOLUTION = 12
RADIUS_M = 70.0
OUTDOOR_M = 50.0
"""How far the outdoor ring goes beyond the radius."""

_RING_M = 11.0  # each ring of cells reaches at least so much further, wherever on Earth


def located(coordinates: Sequence[float], radius_m: float) -> Json:
    """The indoor and outdoor cells of a place, by field name.

    coordinates: [longitude, latitude] in degrees.  Indoor: the cells whose centre lies within the radius, and always
    the place's own.  Outdoor: the further ones whose centre lies within 50 m more.
    """
    longitude, latitude = coordinates
    own = h3.latlng_to_cell(latitude, longitude, RESOLUTION)
    reach = int((radius_m + OUTDOOR_M) / _RING_M) + 2
    metres = {
        cell: h3.great_circle_distance((latitude, longitude), h3.cell_to_latlng(cell), unit="m")
        for cell in h3.grid_disk(own, reach)
    }
    indoor = {cell for cell, distance in metres.items() if distance <= radius_m} | {own}
    outdoor = {cell for cell, distance in metres.items() if distance <= radius_m + OUTDOOR_M} - indoor
    return {"indoorIndexes": indexes(indoor), "outdoorIndexes": indexes(outdoor)}


def indexes(cells: Iterable[str]) -> Json:
    """Cells as documents have them."""
    return {"resolution": RESOLUTION, "indexes": sorted(cells)}
