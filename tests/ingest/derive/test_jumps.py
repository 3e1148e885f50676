"""Tests which pings are jumps against plain Python."""

from collections.abc import Sequence
from itertools import pairwise

import h3
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from okube_api.ingest.derive.jumps import find_jumps, pack_positions, unpack_positions


def mark_jumps(pings: Sequence[tuple[int, int, float, float]]) -> list[bool]:
    """Return which pings (user, second, longitude, latitude), in order, are reached and left too fast, in an hour."""

    def is_fast(before: tuple[int, int, float, float], after: tuple[int, int, float, float]) -> bool:
        seconds = after[1] - before[1]
        metres = h3.great_circle_distance(before[3:1:-1], after[3:1:-1], unit="m")
        return before[0] == after[0] and seconds <= 3600 and metres / max(seconds, 1) > 500 / 3.6

    fast = [False, *(is_fast(*pair) for pair in pairwise(pings)), False]
    return [reached and left for reached, left in pairwise(fast)]


@given(
    st.lists(
        st.tuples(
            st.integers(1, 2),
            st.integers(0, 20_000) | st.sampled_from([0, 1, 2, 60, 3600, 3601, 7200]),
            st.floats(-180, 180) | st.sampled_from([-179.9, 179.9, 4.8, 4.801, 4.85]),
            st.sampled_from([45.7, 45.7001, 45.9, -45.0, 89.9]),
        ),
        unique=True,
        min_size=1,
        max_size=30,
    )
)
def test_jumps_equal_those_of_plain_python(pings: list[tuple[int, int, float, float]]) -> None:
    pings.sort()
    user, second, lng, lat = (np.array(column) for column in zip(*pings, strict=True))
    found = find_jumps(user.astype(np.int64), second.astype(np.int64) * 1000, pack_positions(lng, lat))
    assert found.tolist() == mark_jumps(pings)


def test_only_a_ping_that_is_reached_and_left_too_fast_is_a_jump() -> None:
    """Let a user drive fast once, jump once, and jump at the end of what is known."""
    seconds = np.array([0, 10, 20, 30, 40, 50])
    lng = np.array([4.80, 4.80, 5.80, 4.81, 4.811, 5.9])
    found = find_jumps(np.ones(6, np.int64), seconds * 1000, pack_positions(lng, np.full(6, 45.7)))
    assert found.tolist() == [False, False, True, False, False, False]


@given(st.floats(-180, 180), st.floats(-90, 90))
def test_positions_are_exact_to_a_centimetre(lng: float, lat: float) -> None:
    unpacked_lng, unpacked_lat = unpack_positions(pack_positions(np.array([lng]), np.array([lat])))
    assert abs(unpacked_lng[0] - lng) <= 1e-7
    assert abs(unpacked_lat[0] - lat) <= 1e-7
