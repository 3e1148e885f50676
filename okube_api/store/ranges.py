"""Ranges of integers such as days, months or parts: (first, last), both included."""

from collections.abc import Iterable

import numpy as np

Range = tuple[int, int]


def join_ranges(ranges: Iterable[Range], *, max_step: int = 1) -> list[Range]:
    """Join overlapping and adjacent ranges, given in any order; return the joined ranges, ascending.

    max_step: two ranges are joined when the second begins at most this much after the end of the first.
    """
    joined: list[Range] = []
    for first, last in sorted(ranges):
        if joined and first - joined[-1][1] <= max_step:
            joined[-1] = (joined[-1][0], max(joined[-1][1], last))
        else:
            joined.append((first, last))
    return joined


def find_ranges(numbers: Iterable[int]) -> list[Range]:
    """Return 64-bit integers, given in any order, as ranges of consecutive ones, ascending."""
    ascending = np.unique(np.fromiter(numbers, np.int64))
    if not ascending.size:
        return []
    gaps = np.flatnonzero(np.diff(ascending) != 1)
    return list(zip(ascending[[0, *gaps + 1]].tolist(), ascending[[*gaps, -1]].tolist(), strict=True))
