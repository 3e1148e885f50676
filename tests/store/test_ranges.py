"""Ranges of integers against sets."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.store.ranges import Range, find_ranges, join_ranges


@pytest.mark.parametrize(
    ("ranges", "max_step", "joined"),
    [
        ([], 1, []),
        ([(3, 3), (1, 2)], 1, [(1, 3)]),
        ([(1, 9), (2, 3)], 1, [(1, 9)]),
        ([(1, 1), (3, 3)], 1, [(1, 1), (3, 3)]),
        ([(1, 1), (8, 9), (17, 17)], 7, [(1, 9), (17, 17)]),
    ],
)
def test_ranges_are_joined(ranges: list[Range], max_step: int, joined: list[Range]) -> None:
    assert join_ranges(ranges, max_step=max_step) == joined


@given(st.lists(st.integers(-40, 40)))
def test_ranges_hold_exactly_their_numbers(numbers: list[int]) -> None:
    ranges = find_ranges(numbers)
    assert [number for first, last in ranges for number in range(first, last + 1)] == sorted(set(numbers))
    assert all(later[0] > last + 1 for (_, last), later in pairwise(ranges))
