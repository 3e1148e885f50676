"""Finds pings whose position is wrong, because the user would have jumped there and back: pure functions of arrays.

Positions are integers of 63 bits: the longitude from -180 and the latitude from -90, both in 10**-7 degrees (1 cm).
"""

import numpy as np

from okube_api.geo.distance import haversine_m_array
from okube_api.geo.place_shapes import DEGREE_M
from okube_api.store.arrays import Flags, Floats, Ints

MAX_SPEED_MPS = 500 / 3.6  # of a user between two pings; a ping that is reached and left faster is a jump
JUMP_MS = 3_600_000  # the longest time between two pings in which the user can have jumped

_LEAST_INTERVAL_S = 1.0  # instants are often whole seconds: less time than that is not a measure of speed
_PER_DEGREE = 10**7
_LAT_BITS = 31
_LAT_MASK = (1 << _LAT_BITS) - 1
_LEAST_DEGREES_PER_MS = 0.999 * MAX_SPEED_MPS / 1000 / DEGREE_M  # slower than any fast step, also when rounded


def find_jumps(user: Ints, at_ms: Ints, position: Ints) -> Flags:
    """Return which pings are jumps: reached and left faster than `MAX_SPEED_MPS`, within `JUMP_MS` each.

    The pings are distinct, and sorted by user, time and position.
    """
    is_jump = np.zeros(len(user), np.bool_)
    # Hardly any step is as fast.  So distances are computed only where the way along a meridian and the equator, which
    # is never shorter, is too far.
    interval_ms = np.diff(at_ms)
    east, north = (np.abs(np.diff(part)) for part in (position >> _LAT_BITS, position & _LAT_MASK))
    north += east
    may_be_fast = north > interval_ms * (_LEAST_DEGREES_PER_MS * _PER_DEGREE)
    may_be_fast &= interval_ms <= JUMP_MS
    may_be_fast &= user[1:] == user[:-1]
    steps = np.flatnonzero(may_be_fast)
    (lng, lat), (to_lng, to_lat) = (unpack_positions(position[rows]) for rows in (steps, steps + 1))
    limit_m = MAX_SPEED_MPS * np.maximum(interval_ms[steps] / 1000, _LEAST_INTERVAL_S)
    fast = steps[haversine_m_array(lng, lat, to_lng, to_lat) > limit_m]  # the ping before each fast step
    is_jump[np.intersect1d(fast, fast + 1, assume_unique=True)] = True
    return is_jump


def pack_positions(lng: Floats, lat: Floats) -> Ints:
    """Return positions (degrees) as integers."""
    column = np.rint((lng + 180) * _PER_DEGREE).astype(np.int64)
    row = np.rint((lat + 90) * _PER_DEGREE).astype(np.int64)
    packed: Ints = (column << _LAT_BITS) | row
    return packed


def unpack_positions(packed: Ints) -> tuple[Floats, Floats]:
    """Return the longitudes and latitudes of positions."""
    row = packed & _LAT_MASK
    return (packed >> _LAT_BITS) / _PER_DEGREE - 180, row / _PER_DEGREE - 90
