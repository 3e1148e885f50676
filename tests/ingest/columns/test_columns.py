"""Sorting by several columns, against sorting of tuples in plain Python."""

import numpy as np
import pytest
from okube_api.ingest.columns.columns import find_distinct, sort_order


@pytest.mark.parametrize("sizes", [(5, 7), (2**40, 3, 2**40), (2, 2**62, 2**62, 3), (2**62, 2**62)])
@pytest.mark.parametrize("count", [0, 1, 2000])
def test_keys_of_any_width_sort_in_their_order(sizes: tuple[int, ...], count: int) -> None:
    dice = np.random.default_rng(count)
    wide = [dice.integers(0, size, 40) for size in sizes]  # few values of each: many rows are equal in some columns
    keys = [values[dice.integers(0, len(values), count)] for values in wide]
    rows = [tuple(int(key[row]) for key in keys) for row in sort_order(*keys)]
    assert rows == sorted(zip(*(key.tolist() for key in keys), strict=True))


@pytest.mark.parametrize("values", [[], [5], [3, -1, 3, 2**62, -1, 0]])
def test_distinct_values_ascend(values: list[int]) -> None:
    """Compare with a sorted set."""
    assert find_distinct(np.array(values, np.int64)).tolist() == sorted(set(values))
