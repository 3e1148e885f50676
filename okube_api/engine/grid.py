"""Exact numbers by cell, and their rounding.

A cell is a scope value in a bucket: `value * width + bucket`, where the last bucket (`width - 1`) is the whole period.
Numbers stay integers over one common denominator until the last step.
"""

from dataclasses import dataclass
from math import gcd, lcm
from typing import Any

import numpy as np
from numpy.typing import NDArray

from okube_api.store.arrays import Ints

Numerators = NDArray[Any]
"""int64, or Python integers (dtype object) where 64 bits might not do."""

_SAFE = 2**62
_EXACT_DOUBLE = 2**53
_DENSE = 4_000_000


@dataclass(frozen=True, slots=True)
class Grid:
    """Numbers by cell; a cell that is not there is 0.

    keys: distinct cells, ascending.
    numerators: over `per`; none of them is 0.
    whole: whether the numbers are counts of things, to be shown as integers.
    """

    keys: Ints
    numerators: Numerators
    denominator: int = 1
    is_integer: bool = True

    def values_at(self, keys: Ints) -> Numerators:
        """The numerators at these cells."""
        if len(self.keys) == 0:
            return np.zeros(len(keys), dtype=np.int64)
        found = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[found] == keys, self.numerators[found], 0)

    def numerators_over(self, per: int) -> Numerators:
        """The numerators over another denominator, a multiple of this one."""
        return multiply(self.numerators, per // self.denominator)

    def add(self, other: "Grid", sign: int = 1) -> "Grid":
        """The sum, cell by cell; the difference when `sign` is -1."""
        per = self.denominator * other.denominator // gcd(self.denominator, other.denominator)
        keys = np.concatenate((self.keys, other.keys))
        both = (self.numerators_over(per), multiply(other.numerators_over(per), sign))
        exact = object if any(part.dtype == object for part in both) else np.int64
        return sum_by_cell(
            keys, np.concatenate([part.astype(exact) for part in both]), per, self.is_integer and other.is_integer
        )


EMPTY_GRID = Grid(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def sum_by_cell(keys: Ints, numbers: Numerators, per: int = 1, whole: bool = True) -> Grid:
    """Numbers added up by cell; keys in any order, any number of times."""
    if len(keys) == 0:
        return Grid(EMPTY_GRID.keys, EMPTY_GRID.numerators, per, whole)
    size = int(keys.max()) + 1
    if numbers.dtype == object or size > max(_DENSE, 4 * len(keys)):
        distinct, where = np.unique(keys, return_inverse=True)
        totals = np.zeros(len(distinct), dtype=numbers.dtype)
        np.add.at(totals, where, numbers)
        kept = totals != 0
        return Grid(distinct[kept], totals[kept], per, whole)
    totals = np.zeros(size, dtype=np.int64)
    np.add.at(totals, keys, numbers)
    distinct = np.flatnonzero(totals)
    return Grid(distinct, totals[distinct], per, whole)


def sum_quotients(keys: Ints, numbers: Ints, divisors: Ints) -> Grid:
    """Numbers, each over its divisor, added up by cell: exactly, over a common multiple of the divisors."""
    known = np.unique(divisors)
    if len(known) == 1:
        return sum_by_cell(keys, numbers, int(known[0]))
    common = lcm(*known.tolist())
    parts = [(int(one), sum_by_cell(keys[divisors == one], numbers[divisors == one])) for one in known]
    scaled = [multiply(part.numerators, common // one) for one, part in parts]
    if any(part.dtype == object or _greatest(part) * len(scaled) >= _SAFE for part in scaled):
        scaled = [part.astype(object) for part in scaled]
    found = [np.zeros(0, dtype=np.int64), *(part.keys for _, part in parts)]
    return sum_by_cell(np.concatenate(found), np.concatenate(scaled) if scaled else found[0], common)


def multiply(numbers: Numerators, factor: int) -> Numerators:
    """Numbers times an integer, exactly."""
    if factor == 1:
        return numbers
    if numbers.dtype != object and _greatest(numbers) * abs(factor) >= _SAFE:
        numbers = numbers.astype(object)
    return numbers * factor


def round_quotients(above: Numerators, below: Numerators | int, digits: int) -> list[float]:
    """above / below to so many decimals, half to even; `below` is positive.  The nearest doubles, in order."""
    scaled = multiply(above, 10**digits)
    divisor = np.asarray(below)
    if divisor.dtype != object and _greatest(divisor) >= _SAFE:
        divisor = divisor.astype(object)
    if object in {divisor.dtype, scaled.dtype}:
        scaled, divisor = scaled.astype(object), divisor.astype(object)
    units = scaled // divisor
    twice = (scaled - units * divisor) * 2
    units = units + ((twice > divisor) | ((twice == divisor) & (units % 2 == 1)))
    if units.dtype != object and _greatest(units) >= _EXACT_DOUBLE:
        units = units.astype(object)
    values: list[float] = (units / 10**digits).tolist()
    return values


def _greatest(numbers: Numerators) -> int:
    """The greatest magnitude among 64-bit integers."""
    return max(abs(int(numbers.max())), abs(int(numbers.min()))) if numbers.size else 0
