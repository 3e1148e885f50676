"""Great-circle distances by the haversine formula, on the sphere that H3 measures on."""

from math import asin, cos, radians, sin, sqrt

import numpy as np

from okube_api.geo.constants import EARTH_M
from okube_api.store.arrays import Floats


def haversine_m(longitude: float, latitude: float, to_longitude: float, to_latitude: float) -> float:
    """Return the distance of two points in metres; coordinates are degrees."""
    lat, to_lat = radians(latitude), radians(to_latitude)
    square = sin((to_lat - lat) / 2) ** 2 + cos(lat) * cos(to_lat) * sin(radians(to_longitude - longitude) / 2) ** 2
    return 2 * EARTH_M * asin(sqrt(min(1.0, square)))  # rounding can lift antipodes above 1


def haversine_m_array(longitudes: Floats, latitudes: Floats, to_longitudes: Floats, to_latitudes: Floats) -> Floats:
    """Return `haversine_m` of each pair of points; arrays are broadcast, and NaN stays NaN."""
    lng, lat, to_lng, to_lat = (np.radians(degrees) for degrees in (longitudes, latitudes, to_longitudes, to_latitudes))
    square = np.sin((to_lat - lat) / 2) ** 2 + np.cos(lat) * np.cos(to_lat) * np.sin((to_lng - lng) / 2) ** 2
    metres: Floats = 2 * EARTH_M * np.arcsin(np.sqrt(np.minimum(square, 1)))
    return metres
