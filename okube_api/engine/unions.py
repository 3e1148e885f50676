"""Sorts the users of many cells at once, so that the union of the sets of each cell can be read off.

Cell and user are packed into one integer, the cell in the upper bits.  After sorting these, equal users of a cell are
adjacent, for many cells in one step and without a Python call for each cell.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

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
    pairs: the cell of each user, which ascends, in the upper bits, and the user, ascending within a cell, in the lower
        `user_bits`.
    is_first: for each user, whether the same cell does not have it just before.
    """

    cells: slice
    bounds: Ints
    pairs: NDArray[np.unsignedinteger]
    user_bits: int
    is_first: Flags

    @property
    def users(self) -> Numbers:
        """The users of the cells one after the other, ascending within a cell."""
        return (self.pairs & self.pairs.dtype.type(2**self.user_bits - 1)).astype(np.uint32, copy=False)

    def count_distinct(self) -> Ints:
        """Return the number of distinct users of each cell."""
        counts = np.zeros(len(self.bounds) - 1, dtype=np.int64)
        has_users = self.bounds[1:] > self.bounds[:-1]
        starts = self.bounds[:-1][has_users]
        if len(starts):
            counts[has_users] = np.add.reduceat(self.is_first.view(np.uint8), starts, dtype=np.int32)
        return counts

    def weigh_distinct(self, weights: Ints) -> Ints:
        """Return the sum of the weights of each cell's distinct users, given the weight of every user number."""
        added = weights[self.users]
        added[~self.is_first] = 0
        return sum_ranges(added, self.bounds)


def sum_ranges(values: Ints, bounds: Ints) -> Ints:
    """Return the sum of the values from bounds[i] to bounds[i + 1], for each i."""
    running = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(values, dtype=np.int64)))
    sums: Ints = np.diff(running[bounds])
    return sums


class UserRows(Protocol):
    """Rows of users, in an order.

    bounds: row i has the users from bounds[i] to bounds[i + 1], counted in this order.
    size: greater than every user number.
    """

    @property
    def bounds(self) -> Ints:
        """Where the users of each row begin, and where those of the last one end."""

    @property
    def size(self) -> int:
        """A number that is greater than every user number."""

    def read(self, rows: slice | Ints) -> Numbers:
        """Return the users of some rows, one row after the other."""


def sort_cells(rows: UserRows, firsts: Ints, ends: Ints) -> Iterator[SortedCells]:
    """Sort the users of each cell, block by block of cells; cell i has the rows from firsts[i] to ends[i]."""
    lengths = rows.bounds[ends] - rows.bounds[firsts]
    totals = np.cumsum(lengths)
    steps = np.arange(0, int(totals[-1]) + _BLOCK if len(totals) else 0, _BLOCK)
    user_bits = (rows.size - 1).bit_length() if len(totals) else 0
    for first, last in pairwise(np.unique(np.append(np.searchsorted(totals, steps), len(firsts)))):
        check_stopped()
        bounds = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths[first:last])))
        users = rows.read(_join_ranges(firsts[first:last], ends[first:last]))
        pairs = _pack_pairs(users, lengths[first:last], user_bits)
        pairs.sort()
        is_first = np.ones(len(pairs), dtype=np.bool_)
        np.not_equal(pairs[1:], pairs[:-1], out=is_first[1:])
        yield SortedCells(slice(int(first), int(last)), bounds, pairs, user_bits, is_first)


def _join_ranges(firsts: Ints, ends: Ints) -> slice | Ints:
    """Return the numbers from firsts[i] to ends[i], for each i: a slice if the ranges follow one another."""
    if np.array_equal(firsts[1:], ends[:-1]):
        return slice(int(firsts[0]), int(ends[-1]))
    counts = ends - firsts
    before = np.cumsum(counts) - counts
    numbers: Ints = np.arange(counts.sum()) + np.repeat(firsts - before, counts)
    return numbers


def _pack_pairs(users: Numbers, lengths: Ints, user_bits: int) -> NDArray[np.unsignedinteger]:
    """Return the pairs of a cell's number (from 0) and a user, in 32 bits if they fit, which sort twice as fast."""
    if len(lengths) == 1:
        return users.astype(np.uint32)
    numbers = np.arange(len(lengths), dtype=np.uint64) << np.uint64(user_bits)
    fits = (len(lengths) - 1).bit_length() + user_bits <= _PAIR_BITS
    pairs: NDArray[np.unsignedinteger] = np.repeat(numbers.astype(np.uint32) if fits else numbers, lengths)
    pairs |= users
    return pairs
