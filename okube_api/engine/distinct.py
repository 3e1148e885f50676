"""Counts the distinct users of each cell, or sums their weights, without building their sets."""

from itertools import pairwise

import numpy as np

from okube_api.engine.sets import Numbers, UserGroups
from okube_api.store.arrays import Ints
from okube_api.threads import check_stopped

_COUNTED, _WEIGHED = 100, 15
"""Number of flags that can be read in the time that the other method needs for one user, who is counted or weighed.

`_CellCounter` chooses the faster method by it.
"""
_BLOCK = 2_000_000  # users weighed at a time
_SHORT, _SORTED = 64, 65_536
"""Cells with fewer users than the first number are counted by sorting.

Up to the second number of users are sorted at a time; these fit into the processor's cache.
"""
_USER_BITS = np.uint64(32)
_UNKNOWN = -1


def count_distinct(
    groups: UserGroups, buckets: Ints | None, width: int, weights: Ints | None = None
) -> tuple[Ints, Ints]:
    """Count the distinct users of each cell; with buckets, also of each scope value's whole period.

    groups: rows whose keys are the numbers of scope values.
    buckets: the bucket of each row; None without buckets.
    weights: the weight of each user, by user number, for every number that occurs; None counts each user as 1.
    Returns the cells, and the count of each cell.
    """
    keys = groups.keys * width + (width - 1 if buckets is None else buckets)
    order = np.argsort(keys, kind="stable")
    keys, rows = keys[order], groups.select_rows(order)
    cells, firsts, heights = np.unique(keys, return_index=True, return_counts=True)
    bounds = rows.offsets[np.append(firsts, len(keys))]
    numbers = np.full(len(cells), _UNKNOWN, dtype=np.int64)
    single = firsts[heights == 1]
    numbers[heights == 1] = rows.lengths[single] if weights is None else _weigh(rows.select_rows(single), weights)
    short = np.flatnonzero((numbers == _UNKNOWN) & (np.diff(bounds) < _SHORT))
    numbers[short] = _count_by_sorting(rows.users, bounds[short], bounds[short + 1], weights)
    counter = _CellCounter(rows.users, weights)
    values, starts = np.unique(cells // width, return_index=True)
    period_counts = [
        counter.count(bounds[start : end + 1], numbers[start:end]) for start, end in pairwise((*starts, len(cells)))
    ]
    if buckets is None:
        return cells, numbers
    return np.concatenate((cells, values * width + width - 1)), np.concatenate(
        (numbers, np.array(period_counts, np.int64))
    )


def _weigh(groups: UserGroups, weights: Ints) -> Ints:
    """Return the sum of the weights of each row's users, computed for one block of users at a time."""
    sums = np.zeros(len(groups.keys), dtype=np.int64)
    steps = np.arange(0, int(groups.offsets[-1]) + _BLOCK, _BLOCK)
    for start, end in pairwise(np.unique(np.searchsorted(groups.offsets, steps)).clip(max=len(sums))):
        check_stopped()
        bounds = groups.offsets[start : end + 1]
        running = np.concatenate(([0], np.cumsum(weights[groups.users[bounds[0] : bounds[-1]]])))
        sums[start:end] = np.diff(running[bounds - bounds[0]])
    return sums


def _count_by_sorting(users: Numbers, starts: Ints, ends: Ints, weights: Ints | None) -> Ints:
    """Count the distinct users of each cell; the users of cell i are those from starts[i] to ends[i].

    Cell and user are packed into one integer, the cell in the upper 32 bits.  After sorting these, equal users of a
    cell are adjacent, for many cells in one step.
    """
    numbers = np.zeros(len(starts), dtype=np.int64)
    lengths = ends - starts
    upto = np.cumsum(lengths)
    steps = np.arange(0, int(upto[-1]) + _SORTED if len(upto) else 0, _SORTED)
    for first, last in pairwise(np.unique(np.append(np.searchsorted(upto, steps), len(starts)))):
        check_stopped()
        each = lengths[first:last]
        positions = np.arange(int(each.sum())) + np.repeat(starts[first:last] - (np.cumsum(each) - each), each)
        pairs = (np.repeat(np.arange(last - first, dtype=np.uint64), each) << _USER_BITS) | users[positions]
        pairs.sort()
        pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]]
        cells = (pairs >> _USER_BITS).astype(np.intp)
        counted_for = None if weights is None else weights[(pairs & np.uint64(2**32 - 1)).astype(np.intp)]
        numbers[first:last] = np.bincount(cells, weights=counted_for, minlength=last - first).astype(np.int64)
    return numbers


class _CellCounter:
    """Counts the distinct users of large cells.

    In a cell with many users, each user number gets a flag.  In a cell with fewer, the position of each occurrence is
    written to an array by user number: the occurrence whose position is still there is the user's last one.
    """

    def __init__(self, users: Numbers, weights: Ints | None) -> None:
        size = int(users.max()) + 1 if len(users) else 0
        self._users = users
        self._weights = None if weights is None else weights[:size]
        self._many = size // (_COUNTED if weights is None else _WEIGHED) + 1
        self._positions, self._order = np.zeros(size, dtype=np.int32), np.arange(self._many, dtype=np.int32)
        self._in_cell, self._in_any_cell = np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.bool_)

    def count(self, bounds: Ints, numbers: Ints) -> int:
        """Return the number of distinct users of all cells of a scope value together; fill in unknown cells.

        bounds: cell i has the users from bounds[i] to bounds[i + 1].
        numbers: the counts of the cells; those that are `_UNKNOWN` are replaced.
        """
        check_stopped()
        unknown, many = numbers == _UNKNOWN, np.diff(bounds) >= self._many
        for at in np.flatnonzero(unknown & ~many):
            numbers[at] = self._count_few(bounds[at], bounds[at + 1])
        if len(numbers) > 1 and bounds[-1] - bounds[0] < self._many:
            return self._count_few(bounds[0], bounds[-1])
        flagged = np.flatnonzero(unknown & many)
        for at in flagged:
            self._mark(self._in_cell, bounds[at], bounds[at + 1])
            numbers[at] = self._sum(self._in_cell)
            self._in_any_cell |= self._in_cell
            self._in_cell.fill(False)
        if len(numbers) == 1:
            self._in_any_cell.fill(False)
            return int(numbers[0])
        for start, end in _find_gaps(bounds, flagged):
            self._mark(self._in_any_cell, start, end)
        total = self._sum(self._in_any_cell)
        self._in_any_cell.fill(False)
        return total

    def _mark(self, flags: np.ndarray, start: int, end: int) -> None:
        flags[self._users[start:end].astype(np.intp)] = True

    def _count_few(self, start: int, end: int) -> int:
        users = self._users[start:end].astype(np.intp)
        positions = self._order[: len(users)]
        self._positions[users] = positions
        last = self._positions[users] == positions
        return int(np.count_nonzero(last) if self._weights is None else self._weights[users[last]].sum())

    def _sum(self, flags: np.ndarray) -> int:
        return int(np.count_nonzero(flags) if self._weights is None else np.dot(self._weights, flags))


def _find_gaps(bounds: Ints, cells: Ints) -> list[tuple[int, int]]:
    """Return the ranges of users between the given cells; adjacent other cells form one range."""
    ends = np.append(bounds[cells], bounds[-1])
    starts = np.concatenate((bounds[:1], bounds[cells + 1]))
    return [(int(start), int(end)) for start, end in zip(starts, ends, strict=True) if start < end]
