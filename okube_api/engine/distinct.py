"""How many distinct users stand in each cell: counted or weighed, without making their sets."""

from itertools import pairwise

import numpy as np

from okube_api.engine.sets import Numbers, UserGroups
from okube_api.store.arrays import Ints

_COUNTED, _WEIGHED = 100, 15
"""So many flags are looked through while one user is told apart from others: which of the two ways is the shorter."""
_BLOCK = 2_000_000  # users weighed at a time
_SHORT, _SORTED = 64, 65_536
"""Cells of fewer users are told apart by sorting, so many users at a time, which a processor's cache holds."""
_USER_BITS = np.uint64(32)
_UNKNOWN = -1


def count_distinct(
    groups: UserGroups, buckets: Ints | None, width: int, weights: Ints | None = None
) -> tuple[Ints, Ints]:
    """The cells of rows, and what their distinct users come to; with buckets, each scope value's whole period besides.

    groups: `keys` are the numbers of scope values; buckets: the bucket of each row, None without any.
    weights: what each user counts for, by user number, for every number that occurs; 1 without.
    """
    keys = groups.keys * width + (width - 1 if buckets is None else buckets)
    order = np.argsort(keys, kind="stable")
    keys, rows = keys[order], groups.select_rows(order)
    cells, firsts, heights = np.unique(keys, return_index=True, return_counts=True)
    bounds = rows.offsets[np.append(firsts, len(keys))]
    numbers = np.full(len(cells), _UNKNOWN, dtype=np.int64)
    alone = firsts[heights == 1]
    numbers[heights == 1] = rows.lengths[alone] if weights is None else _weighed(rows.select_rows(alone), weights)
    short = np.flatnonzero((numbers == _UNKNOWN) & (np.diff(bounds) < _SHORT))
    numbers[short] = _sorted_out(rows.users, bounds[short], bounds[short + 1], weights)
    counter = _Counter(rows.users, weights)
    values, starts = np.unique(cells // width, return_index=True)
    wholes = [
        counter.value(bounds[start : end + 1], numbers[start:end]) for start, end in pairwise((*starts, len(cells)))
    ]
    if buckets is None:
        return cells, numbers
    return np.concatenate((cells, values * width + width - 1)), np.concatenate((numbers, np.array(wholes, np.int64)))


def _weighed(groups: UserGroups, weights: Ints) -> Ints:
    """The weight of each row, a block of users at a time."""
    sums = np.zeros(len(groups.keys), dtype=np.int64)
    steps = np.arange(0, int(groups.offsets[-1]) + _BLOCK, _BLOCK)
    for start, end in pairwise(np.unique(np.searchsorted(groups.offsets, steps)).clip(max=len(sums))):
        bounds = groups.offsets[start : end + 1]
        running = np.concatenate(([0], np.cumsum(weights[groups.users[bounds[0] : bounds[-1]]])))
        sums[start:end] = np.diff(running[bounds - bounds[0]])
    return sums


def _sorted_out(users: Numbers, starts: Ints, ends: Ints, weights: Ints | None) -> Ints:
    """What the distinct users of each cell come to; cell i has those from starts[i] to ends[i]."""
    numbers = np.zeros(len(starts), dtype=np.int64)
    lengths = ends - starts
    upto = np.cumsum(lengths)
    steps = np.arange(0, int(upto[-1]) + _SORTED if len(upto) else 0, _SORTED)
    for first, last in pairwise(np.unique(np.append(np.searchsorted(upto, steps), len(starts)))):
        each = lengths[first:last]
        places = np.arange(int(each.sum())) + np.repeat(starts[first:last] - (np.cumsum(each) - each), each)
        pairs = (np.repeat(np.arange(last - first, dtype=np.uint64), each) << _USER_BITS) | users[places]
        pairs.sort()
        pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]]
        cells = (pairs >> _USER_BITS).astype(np.intp)
        counted_for = None if weights is None else weights[(pairs & np.uint64(2**32 - 1)).astype(np.intp)]
        numbers[first:last] = np.bincount(cells, weights=counted_for, minlength=last - first).astype(np.int64)
    return numbers


class _Counter:
    """Tells users apart: few of them by the place where each was met last, many by a flag each."""

    def __init__(self, users: Numbers, weights: Ints | None) -> None:
        size = int(users.max()) + 1 if len(users) else 0
        self._users = users
        self._weights = None if weights is None else weights[:size]
        self._many = size // (_COUNTED if weights is None else _WEIGHED) + 1
        self._places, self._order = np.zeros(size, dtype=np.int32), np.arange(self._many, dtype=np.int32)
        self._here, self._anywhere = np.zeros(size, dtype=np.bool_), np.zeros(size, dtype=np.bool_)

    def value(self, bounds: Ints, numbers: Ints) -> int:
        """What all cells of a scope value come to together; fills in the cells that are unknown.

        bounds: cell i has the users from bounds[i] to bounds[i + 1].
        """
        unknown, many = numbers == _UNKNOWN, np.diff(bounds) >= self._many
        for at in np.flatnonzero(unknown & ~many):
            numbers[at] = self._few(bounds[at], bounds[at + 1])
        if len(numbers) > 1 and bounds[-1] - bounds[0] < self._many:
            return self._few(bounds[0], bounds[-1])
        crowded = np.flatnonzero(unknown & many)
        for at in crowded:
            self._mark(self._here, bounds[at], bounds[at + 1])
            numbers[at] = self._sum(self._here)
            self._anywhere |= self._here
            self._here.fill(False)
        if len(numbers) == 1:
            self._anywhere.fill(False)
            return int(numbers[0])
        for start, end in _between(bounds, crowded):
            self._mark(self._anywhere, start, end)
        whole = self._sum(self._anywhere)
        self._anywhere.fill(False)
        return whole

    def _mark(self, flags: np.ndarray, start: int, end: int) -> None:
        flags[self._users[start:end].astype(np.intp)] = True

    def _few(self, start: int, end: int) -> int:
        users = self._users[start:end].astype(np.intp)
        places = self._order[: len(users)]
        self._places[users] = places
        last = self._places[users] == places
        return int(np.count_nonzero(last) if self._weights is None else self._weights[users[last]].sum())

    def _sum(self, flags: np.ndarray) -> int:
        return int(np.count_nonzero(flags) if self._weights is None else np.dot(self._weights, flags))


def _between(bounds: Ints, cells: Ints) -> list[tuple[int, int]]:
    """The users of the other cells, in as few runs as there are."""
    ends = np.append(bounds[cells], bounds[-1])
    starts = np.concatenate((bounds[:1], bounds[cells + 1]))
    return [(int(start), int(end)) for start, end in zip(starts, ends, strict=True) if start < end]
