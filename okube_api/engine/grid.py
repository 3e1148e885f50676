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
class Cells:
    """Numbers by cell; a cell that is not there is 0.

    keys: distinct cells, ascending.
    numerators: over `per`; none of them is 0.
    whole: whether the numbers are counts of things, to be shown as integers.
    """

    keys: Ints
    numerators: Numerators
    per: int = 1
    whole: bool = True

    def at(self, keys: Ints) -> Numerators:
        """The numerators at these cells."""
        if len(self.keys) == 0:
            return np.zeros(len(keys), dtype=np.int64)
        found = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return np.where(self.keys[found] == keys, self.numerators[found], 0)

    def over(self, per: int) -> Numerators:
        """The numerators over another denominator, a multiple of this one."""
        return times(self.numerators, per // self.per)

    def plus(self, other: "Cells", sign: int = 1) -> "Cells":
        """The sum, cell by cell; the difference when `sign` is -1."""
        per = self.per * other.per // gcd(self.per, other.per)
        keys = np.concatenate((self.keys, other.keys))
        both = (self.over(per), times(other.over(per), sign))
        exact = object if any(part.dtype == object for part in both) else np.int64
        return summed(keys, np.concatenate([part.astype(exact) for part in both]), per, self.whole and other.whole)


NO_CELLS = Cells(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))


def summed(keys: Ints, numbers: Numerators, per: int = 1, whole: bool = True) -> Cells:
    """Numbers added up by cell; keys in any order, any number of times."""
    if len(keys) == 0:
        return Cells(NO_CELLS.keys, NO_CELLS.numerators, per, whole)
    size = int(keys.max()) + 1
    if numbers.dtype == object or size > max(_DENSE, 4 * len(keys)):
        distinct, where = np.unique(keys, return_inverse=True)
        totals = np.zeros(len(distinct), dtype=numbers.dtype)
        np.add.at(totals, where, numbers)
        kept = totals != 0
        return Cells(distinct[kept], totals[kept], per, whole)
    totals = np.zeros(size, dtype=np.int64)
    np.add.at(totals, keys, numbers)
    distinct = np.flatnonzero(totals)
    return Cells(distinct, totals[distinct], per, whole)


def quotients(keys: Ints, numbers: Ints, divisors: Ints) -> Cells:
    """Numbers, each over its divisor, added up by cell: exactly, over a common multiple of the divisors."""
    known = np.unique(divisors)
    if len(known) == 1:
        return summed(keys, numbers, int(known[0]))
    common = lcm(*known.tolist())
    parts = [(int(one), summed(keys[divisors == one], numbers[divisors == one])) for one in known]
    scaled = [times(part.numerators, common // one) for one, part in parts]
    if any(part.dtype == object or _greatest(part) * len(scaled) >= _SAFE for part in scaled):
        scaled = [part.astype(object) for part in scaled]
    found = [np.zeros(0, dtype=np.int64), *(part.keys for _, part in parts)]
    return summed(np.concatenate(found), np.concatenate(scaled) if scaled else found[0], common)


def times(numbers: Numerators, factor: int) -> Numerators:
    """Numbers times an integer, exactly."""
    if factor == 1:
        return numbers
    if numbers.dtype != object and _greatest(numbers) * abs(factor) >= _SAFE:
        numbers = numbers.astype(object)
    return numbers * factor


def rounded(above: Numerators, below: Numerators | int, digits: int) -> list[float]:
    """above / below to so many decimals, half to even; `below` is positive.  The nearest doubles, in order."""
    scaled = times(above, 10**digits)
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
