"""Counts the distinct users of each cell, or sums their weights, without building their sets."""

from itertools import pairwise

import numpy as np

from okube_api.engine.sets import OrderedRows, UserGroups
from okube_api.engine.unions import sort_cells, sum_ranges
from okube_api.store.arrays import Ints
from okube_api.threads import check_stopped

_COUNTED, _WEIGHED = 50, 5
"""Number of flags that can be read in the time that sorting needs for one user, who is counted or weighed.

Cells with fewer users than the flags divided by this are sorted, many at a time; in larger cells, each user number gets
a flag.
"""
_FEW = 4096  # users who are sorted in less time than a cell with flags needs to begin
_BLOCK = 2_000_000  # users weighed at a time
_CACHED = 262_144  # users marked at a time
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
    order = np.argsort(keys)
    keys, rows = keys[order], OrderedRows(groups, order)
    most_sorted = max(rows.size // (_COUNTED if weights is None else _WEIGHED), _FEW)

    cells, firsts, ends = _find_runs(keys)
    numbers = np.full(len(cells), _UNKNOWN, dtype=np.int64)
    is_single = ends - firsts == 1
    single = order[firsts[is_single]]
    numbers[is_single] = groups.lengths[single] if weights is None else _weigh(groups.select_rows(single), weights)
    small = np.flatnonzero(~is_single & (rows.bounds[ends] - rows.bounds[firsts] <= most_sorted))
    numbers[small] = _count_by_sorting(rows, firsts[small], ends[small], weights)

    values, first_cells, end_cells = _find_runs(cells if buckets is None else cells // width)
    firsts_of_values, ends_of_values = firsts[first_cells], ends[end_cells - 1]
    totals = numbers[first_cells]
    has_total = (end_cells - first_cells == 1) & (totals != _UNKNOWN)
    is_small = rows.bounds[ends_of_values] - rows.bounds[firsts_of_values] <= most_sorted
    small = np.flatnonzero(~has_total & is_small)
    totals[small] = _count_by_sorting(rows, firsts_of_values[small], ends_of_values[small], weights)
    large = np.flatnonzero(~has_total & ~is_small)  # every large cell is in one of these
    counter = _LargeCellCounter(rows, rows.size if len(large) else 0, weights)
    for value in large:
        first, end = first_cells[value], end_cells[value]
        totals[value] = counter.count(np.append(firsts[first:end], ends[end - 1]), numbers[first:end])
    if buckets is None:
        return cells, totals
    return np.concatenate((cells, values * width + width - 1)), np.concatenate((numbers, totals))


def _find_runs(ascending: Ints) -> tuple[Ints, Ints, Ints]:
    """Return the distinct numbers, and the positions of each: from the second to the third array."""
    starts = np.flatnonzero(np.concatenate(([True], ascending[1:] != ascending[:-1]))[: len(ascending)])
    return ascending[starts], starts, np.append(starts[1:], len(ascending))[: len(starts)]


def _weigh(groups: UserGroups, weights: Ints) -> Ints:
    """Return the sum of the weights of each row's users, computed for one block of users at a time."""
    sums = np.zeros(len(groups.keys), dtype=np.int64)
    steps = np.arange(0, int(groups.offsets[-1]) + _BLOCK, _BLOCK)
    for start, end in pairwise(np.unique(np.searchsorted(groups.offsets, steps)).clip(max=len(sums))):
        check_stopped()
        bounds = groups.offsets[start : end + 1]
        sums[start:end] = sum_ranges(weights[groups.users[bounds[0] : bounds[-1]]], bounds - bounds[0])
    return sums


def _count_by_sorting(rows: OrderedRows, firsts: Ints, ends: Ints, weights: Ints | None) -> Ints:
    """Count the distinct users of each cell; cell i has the rows from firsts[i] to ends[i]."""
    numbers = np.empty(len(firsts), dtype=np.int64)
    for block in sort_cells(rows, firsts, ends):
        numbers[block.cells] = block.count_distinct() if weights is None else block.weigh_distinct(weights)
    return numbers


class _LargeCellCounter:
    """Counts the distinct users of cells with many users: each user number gets a flag.

    size: greater than every user number.
    """

    def __init__(self, rows: OrderedRows, size: int, weights: Ints | None) -> None:
        self._rows = rows
        self._weights = None if weights is None else weights[:size]
        self._in_cell, self._in_any_cell = np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.bool_)

    def count(self, bounds: Ints, numbers: Ints) -> int:
        """Return the number of distinct users of all cells of a scope value together; fill in unknown cells.

        bounds: cell i has the rows from bounds[i] to bounds[i + 1].
        numbers: the counts of the cells; those that are `_UNKNOWN` are replaced.
        """
        unknown = np.flatnonzero(numbers == _UNKNOWN)
        for at in unknown:
            check_stopped()
            self._mark(self._in_cell, bounds[at], bounds[at + 1])
            numbers[at] = self._sum(self._in_cell)
            self._in_any_cell |= self._in_cell
            self._in_cell.fill(False)
        for start, end in _find_gaps(bounds, unknown):
            check_stopped()
            self._mark(self._in_any_cell, start, end)
        total = int(numbers[0]) if len(numbers) == 1 else self._sum(self._in_any_cell)
        self._in_any_cell.fill(False)
        return total

    def _mark(self, flags: np.ndarray, start: int, end: int) -> None:
        """Set the flags of the users of some rows, so many at a time as fit into the processor's cache."""
        bounds = self._rows.bounds
        steps = np.arange(bounds[start], bounds[end], _CACHED)
        for first, last in pairwise(
            np.unique(np.append(np.searchsorted(bounds[start:end], steps), end - start)) + start
        ):
            flags[self._rows.read(slice(first, last)).astype(np.intp)] = True

    def _sum(self, flags: np.ndarray) -> int:
        return int(np.count_nonzero(flags) if self._weights is None else np.dot(self._weights, flags))


def _find_gaps(bounds: Ints, cells: Ints) -> list[tuple[int, int]]:
    """Return the ranges of rows between the given cells; adjacent other cells form one range."""
    ends = np.append(bounds[cells], bounds[-1])
    starts = np.concatenate((bounds[:1], bounds[cells + 1]))
    return [(int(start), int(end)) for start, end in zip(starts, ends, strict=True) if start < end]
