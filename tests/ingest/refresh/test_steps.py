"""Tests which ranges of days are read together."""

import pytest
from okube_api.ingest.refresh.steps import join_near_ranges


@pytest.mark.parametrize(
    ("ranges", "event_days", "expected"),
    [
        ([(1, 2), (100, 101), (5000, 5000)], [1, 2, 100, 101, 5000], [(1, 5000)]),
        ([(1, 1), (100, 100)], [1, *range(50, 57), 100], [(1, 100)]),
        ([(1, 1), (100, 100)], [1, *range(50, 58), 100], [(1, 1), (100, 100)]),
        ([(1, 1), (100, 100), (200, 200)], [*range(50, 101), 200], [(1, 1), (100, 200)]),
        ([(3, 9)], [], [(3, 9)]),
        ([], [3], []),
    ],
)
def test_ranges_with_few_days_of_events_between_them_are_joined(
    ranges: list[tuple[int, int]], event_days: list[int], expected: list[tuple[int, int]]
) -> None:
    assert join_near_ranges(ranges, event_days) == expected
