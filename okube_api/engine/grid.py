"""Exact numbers by cell, and their rounding.

A cell is a scope value in a bucket: `scope value * width + bucket`; the last bucket (`width - 1`) is the whole period.
Numbers stay integers over one common denominator until the last step.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from math import lcm
from typing import Any

import numpy as np

from okube_api.engine.leaf_columns import MOST_UNITS, Decimals
from okube_api.store.arrays import Ints
from okube_api.store.exact_integers import (
    SAFE,
    Numerators,
    concatenate_numbers,
    find_magnitude,
    multiply,
    narrow,
    sum_by_position,
)
from okube_api.threads import check_stopped

_EXACT_DOUBLE = 2**53
_DENSE = 4_000_000
_DENSE_FACTOR = 8
"""Up to so many times the number of cells, numbers are looked up in an array by cell."""
_MOST_CACHED = 2**20
"""The greatest such array that is kept."""


@dataclass(frozen=True)
class Grid:
    """Numbers by cell; cells that are not in `keys` are 0.

    keys: distinct cells, ascending.
    numerators: over `denominator`; none of them is 0.
    is_integer: whether to show the numbers as integers.
    """

    keys: Ints
    numerators: Numerators
    denominator: int = 1
    is_integer: bool = True

    def values_at(self, keys: Ints) -> Numerators:
        """Return the numerators of these cells."""
        if len(self.keys) == 0:
            return np.zeros(len(keys), dtype=np.int64)
        size = int(self.keys[-1]) + 1
        if size <= _DENSE_FACTOR * (len(self.keys) + len(keys)):  # one look-up in an array instead of a search each
            numbers = self._dense_numerators if size <= _MOST_CACHED else self._build_dense()
            return numbers[np.where((keys < 0) | (keys > size), size, keys)]
        positions = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[positions] == keys, self.numerators[positions], 0)

    @cached_property
    def _dense_numerators(self) -> Numerators:
        """The numerators by cell, kept since leaves are read in many small blocks."""
        return self._build_dense()

    def _build_dense(self) -> Numerators:
        """Return the numerators by cell up to the last one in `keys`, and one more, which is 0."""
        size = int(self.keys[-1]) + 1
        numbers = np.zeros(size + 1, dtype=self.numerators.dtype)
        numbers[self.keys] = self.numerators
        return numbers

    def numerators_over(self, denominator: int) -> Numerators:
        """Return the numerators over another denominator, which must be a multiple of this one."""
        return multiply(self.numerators, denominator // self.denominator)

    def add(self, other: "Grid", sign: int = 1) -> "Grid":
        """Return the sum, cell by cell; the difference when `sign` is -1."""
        denominator = lcm(self.denominator, other.denominator)
        keys = np.concatenate((self.keys, other.keys))
        parts = (self.numerators_over(denominator), multiply(other.numerators_over(denominator), sign))
        return sum_by_cell(keys, np.concatenate(parts), denominator, self.is_integer and other.is_integer)


def unite_cells(cells: Ints, other_cells: Ints) -> Ints:
    """Return the distinct cells of two ascending arrays, ascending.

    Sorting two runs is merging them, whereas `np.union1d` puts each number into a hash table.
    """
    if np.array_equal(cells, other_cells):
        return cells
    merged = np.sort(np.concatenate((cells, other_cells)), kind="stable")
    distinct: Ints = merged[np.append(True, merged[1:] != merged[:-1])[: len(merged)]]
    return distinct


EMPTY_GRID = Grid(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def sum_by_cell(keys: Ints, numbers: Numerators, denominator: int = 1, is_integer: bool = True) -> Grid:
    """Sum numbers by cell; keys may be in any order and occur any number of times."""
    check_stopped()
    if len(keys) == 0:
        return Grid(EMPTY_GRID.keys, EMPTY_GRID.numerators, denominator, is_integer)
    size = int(keys.max()) + 1
    numbers = narrow(numbers)
    if numbers.dtype == object or size > max(_DENSE, 4 * len(keys)):
        distinct, positions = np.unique(keys, return_inverse=True)
        totals = sum_by_position(positions, numbers, len(distinct))
        nonzero = totals != 0
        return Grid(distinct[nonzero], totals[nonzero], denominator, is_integer)
    totals = sum_by_position(keys, numbers, size)
    distinct = np.flatnonzero(totals)
    return Grid(distinct, totals[distinct], denominator, is_integer)


def sum_quotients(keys: Ints, numbers: Numerators, divisors: Ints) -> Grid:
    """Sum numbers, each over its divisor, by cell: exactly, over the least common multiple of the divisors."""
    distinct = np.unique(divisors)
    if len(distinct) == 1:
        return sum_by_cell(keys, numbers, int(distinct[0]))
    common = lcm(*distinct.tolist())
    parts = [
        (int(divisor), sum_by_cell(keys[divisors == divisor], numbers[divisors == divisor])) for divisor in distinct
    ]
    scaled = [multiply(part.numerators, common // divisor) for divisor, part in parts]
    return sum_by_cell(concatenate_numbers([part.keys for _, part in parts]), concatenate_numbers(scaled), common)


def round_quotients(numerators: Numerators, denominators: Numerators | int, digits: int) -> Sequence[float]:
    """Round quotients to `digits` decimals, half to even; denominators are positive.

    The quotient is rounded exactly, as an integer in units of the last decimal; the result is the nearest double.
    """
    if _keeps_fractions.get():
        return _divide(numerators, denominators)
    scaled = multiply(numerators, 10**digits)
    divisors = np.asarray(denominators)
    if divisors.dtype != object and find_magnitude(divisors) >= SAFE:
        divisors = divisors.astype(object)
    if object in {divisors.dtype, scaled.dtype}:
        scaled, divisors = scaled.astype(object), divisors.astype(object)
    units = scaled // divisors
    twice_rest = (scaled - units * divisors) * 2
    units = units + ((twice_rest > divisors) | ((twice_rest == divisors) & (units % 2 == 1)))
    magnitude = find_magnitude(units)
    if magnitude < MOST_UNITS:
        return Decimals(units.astype(np.int64, copy=False), digits)
    if units.dtype != object and magnitude >= _EXACT_DOUBLE:
        units = units.astype(object)
    values: list[float] = (units / 10**digits).tolist()
    return values


_keeps_fractions = ContextVar("_keeps_fractions", default=False)


@contextmanager
def keep_fractions() -> Iterator[None]:
    """Let `round_quotients` return exact fractions: for leaves that are not shown but computed with."""
    token = _keeps_fractions.set(True)
    try:
        yield
    finally:
        _keeps_fractions.reset(token)


def _divide(numerators: Numerators, denominators: Numerators | int) -> list[Any]:
    divisors = np.broadcast_to(np.asarray(denominators), numerators.shape)
    return [Fraction(*pair) for pair in zip(numerators.tolist(), divisors.tolist(), strict=True)]
