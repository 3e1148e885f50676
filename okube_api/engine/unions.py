"""Sorts the users of many cells at once, so that the union of the sets of each cell can be read off.

Cell and user are packed into one integer, the cell in the upper bits.  After sorting these, equal users of a cell are
adjacent, for many cells in one step and without a Python call for each cell.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from okube_api.store.arrays import Flags, Ints
from okube_api.threads import check_stopped

Numbers = NDArray[np.uint32]

_BLOCK = 65_536
"""About as many users are sorted at a time; their pairs fit into the processor's cache."""
_PAIR_BITS = 32


@dataclass(frozen=True, slots=True)
class SortedCells:
    """Consecutive cells with their users sorted; a user who is in several rows of a cell occurs as often.

    cells: the position of each cell in what was sorted.
    bounds: the users of the i-th of these cells are those from bounds[i] to bounds[i + 1].
    users: the users of the cells one after the other, ascending within a cell.
    is_repeat: for each user, whether the same cell has it just before.
    """

    cells: slice
    bounds: Ints
    users: Numbers
    is_repeat: Flags

    def count_distinct(self) -> Ints:
        """Return the number of distinct users of each cell."""
        return np.diff(self.bounds) - np.diff(np.searchsorted(np.flatnonzero(self.is_repeat), self.bounds))

    def weigh_distinct(self, weights: Ints) -> Ints:
        """Return the sum of the weights of each cell's distinct users, given the weight of every user number."""
        added = weights[self.users]
        added[self.is_repeat] = 0
        return sum_ranges(added, self.bounds)


def sum_ranges(values: Ints, bounds: Ints) -> Ints:
    """Return the sum of the values from bounds[i] to bounds[i + 1], for each i."""
    running = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(values, dtype=np.int64)))
    sums: Ints = np.diff(running[bounds])
    return sums


def sort_cells(users: Numbers, starts: Ints, ends: Ints) -> Iterator[SortedCells]:
    """Sort the users of each cell, block by block of cells; the users of cell i are those from starts[i] to ends[i]."""
    lengths = ends - starts
    totals = np.cumsum(lengths)
    steps = np.arange(0, int(totals[-1]) + _BLOCK if len(totals) else 0, _BLOCK)
    user_bits = int(users.max(initial=0)).bit_length()
    for first, last in pairwise(np.unique(np.append(np.searchsorted(totals, steps), len(starts)))):
        check_stopped()
        bounds = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths[first:last])))
        if np.array_equal(starts[first + 1 : last], ends[first : last - 1]):
            block = users[starts[first] : ends[last - 1]]
        else:
            block = users[np.arange(bounds[-1]) + np.repeat(starts[first:last] - bounds[:-1], lengths[first:last])]
        pairs = _pack_pairs(block, lengths[first:last], user_bits)
        pairs.sort()
        is_repeat = np.concatenate((np.zeros(1, dtype=np.bool_), pairs[1:] == pairs[:-1]))[: len(pairs)]
        numbers = (pairs & pairs.dtype.type(2**user_bits - 1)).astype(np.uint32, copy=False)
        yield SortedCells(slice(int(first), int(last)), bounds, numbers, is_repeat)


def _pack_pairs(users: Numbers, lengths: Ints, user_bits: int) -> NDArray[np.unsignedinteger]:
    """Return the pairs of a cell's number (from 0) and a user, in 32 bits if they fit, which sort twice as fast."""
    if len(lengths) == 1:
        return users.astype(np.uint32)
    numbers = np.arange(len(lengths), dtype=np.uint64) << np.uint64(user_bits)
    if (len(lengths) - 1).bit_length() + user_bits <= _PAIR_BITS:
        return np.repeat(numbers.astype(np.uint32), lengths) | users
    return np.repeat(numbers, lengths) | users
