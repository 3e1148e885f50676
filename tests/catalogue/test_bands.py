"""Bands of values, compared with plain Python."""

from bisect import bisect_right

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.catalogue.bands import find_bands

EDGES = st.lists(st.integers(-50, 50), min_size=1, max_size=8, unique=True).map(sorted)


@given(st.lists(st.integers(-80, 80)), EDGES)
def test_bands_are_half_open_intervals(values: list[int], edges: list[int]) -> None:
    expected = [max(bisect_right(edges, value) - 1, 0) for value in values]
    assert find_bands(np.array(values, dtype=np.int64), edges).tolist() == expected


@pytest.mark.parametrize(("value", "band"), [(-1, 0), (0, 0), (299, 0), (300, 1), (899, 1), (900, 2), (10**9, 2)])
def test_a_value_at_an_edge_is_in_the_upper_band(value: int, band: int) -> None:
    assert find_bands(np.array([value]), (0, 300, 900)).tolist() == [band]
