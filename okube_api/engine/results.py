"""The leaves of an answer: numbers by cell turned into the JSON that stands under `all` and under each bucket.

Rounding happens here and nowhere before: counts, money and credits to 2 decimals, ratios and averages to 4.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol

import numpy as np

from okube_api.engine.grid import Grid, Numerators, multiply, round_quotients
from okube_api.engine.question import Label
from okube_api.store.arrays import Ints

AMOUNT_DIGITS = 2
RATIO_DIGITS = 4

Leaf = Any
"""A number, None, or the object that the KPI's shape says; plain JSON values."""


class Results(Protocol):
    """The leaves of one KPI by one scope.

    keys: the cells that have data, ascending; every other has the same empty leaf.
    """

    @property
    def keys(self) -> Ints: ...

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        """The leaves of these cells; a cell of -1 is empty."""


@dataclass(frozen=True, slots=True)
class NumberResults:
    """Sums and counts: 0 where nothing is."""

    cells: Grid

    @property
    def keys(self) -> Ints:
        """Where there is something to be seen: what rounds to 0 looks like nothing."""
        if self.cells.is_integer:
            return self.cells.keys
        return self.cells.keys[abs(multiply(self.cells.numerators, 2 * 10**AMOUNT_DIGITS)) > self.cells.denominator]

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        return round_amounts(self.cells.values_at(keys), self.cells)


@dataclass(frozen=True, slots=True)
class RatioResults:
    """One number over another: null where that is 0."""

    above: Grid
    below: Grid

    @property
    def keys(self) -> Ints:
        return self.below.keys

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        above = multiply(self.above.values_at(keys), self.below.denominator)
        return round_ratios(above, multiply(self.below.values_at(keys), self.above.denominator))


@dataclass(frozen=True, slots=True)
class RecordResults:
    """Leaves side by side, each under its name."""

    fields: tuple[tuple[str, Results], ...]

    @property
    def keys(self) -> Ints:
        return reduce(np.union1d, (leaves.keys for _, leaves in self.fields))

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        names = [name for name, _ in self.fields]
        columns = [leaves.leaves_at(keys) for _, leaves in self.fields]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


@dataclass(frozen=True, slots=True)
class BandResults:
    """A distribution.

    counts: by cell and band, at `cell * (bands + 1) + band + 1`; band -1 is the unknown.
    amount: what is banded, summed over the known.
    edges: the lower end of every band; the last has no upper end.
    """

    counts: Grid
    amount: Grid
    edges: tuple[int, ...]
    unit: str
    counted: str

    @property
    def keys(self) -> Ints:
        return np.unique(self.counts.keys // (len(self.edges) + 1))

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        size = len(self.edges) + 1
        columns = [self.counts.values_at(np.where(keys < 0, -1, keys * size + band)) for band in range(size)]
        unknown, known = columns[0], columns[1:]
        count = reduce(np.add, known)
        shown = [round_amounts(column, self.counts) for column in (*known, unknown, count + unknown)]
        shares = [round_ratios(column, count) for column in known]
        means = round_ratios(
            multiply(self.amount.values_at(keys), self.counts.denominator), multiply(count, self.amount.denominator)
        )
        medians = self._medians(known, count)
        ends = (*self.edges[1:], None)
        return [
            {
                "unit": self.unit,
                "measure": self.counted,
                "bins": [
                    {"from": start, "to": end, "value": value[row], "share": share[row]}
                    for start, end, value, share in zip(self.edges, ends, shown, shares, strict=False)
                ],
                "unknown": shown[-2][row],
                "total": shown[-1][row],
                "mean": means[row],
                "median": medians[row],
            }
            for row in range(len(keys))
        ]

    def _medians(self, known: Sequence[Numerators], count: Numerators) -> list[float | None]:
        """The value half the count lies below, evenly spread within its band; null where that has no end."""
        above, below = np.zeros(len(count), dtype=object), np.zeros(len(count), dtype=object)
        before = np.zeros_like(count)
        found = count == 0
        for band, (column, start) in enumerate(zip(known, self.edges, strict=True)):
            here = ~found & (2 * (before + column) >= count)
            if band + 1 < len(self.edges):
                width = self.edges[band + 1] - start
                inside = multiply(2 * column, start) + multiply(count - 2 * before, width)
                above, below = np.where(here, inside, above), np.where(here, 2 * column, below)
            found, before = found | here, before + column
        return round_ratios(above, below)


@dataclass(frozen=True, slots=True)
class ItemResults:
    """Distinct users by attribute: items of descending value, ties in the order of their keys.

    counts: by cell and item, at `cell * size + item`, where item `size - 1` is the unknown.
    """

    counts: Grid
    size: int
    items: tuple[tuple[str, str], ...]

    @property
    def keys(self) -> Ints:
        return np.unique(self.counts.keys // self.size)

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        return [self._leaf(int(key)) for key in keys]

    def _leaf(self, key: int) -> Leaf:
        low, high = np.searchsorted(self.counts.keys, (key * self.size, (key + 1) * self.size)) if key >= 0 else (0, 0)
        items = self.counts.keys[low:high] - key * self.size
        numbers = self.counts.numerators[low:high]
        named = items < len(self.items)
        known = numbers[named]
        unknown, total = round_amounts(np.array([numbers.sum() - known.sum(), numbers.sum()]), self.counts)
        rows = zip(
            (self.items[item] for item in items[named]),
            known,
            round_amounts(known, self.counts),
            round_ratios(known, np.full(len(known), known.sum())),
            strict=True,
        )
        return {
            "items": [
                {"key": name, "label": label, "value": value, "share": share}
                for (name, label), _, value, share in sorted(rows, key=lambda row: (-row[1], row[0]))
            ],
            "unknown": unknown,
            "total": total,
        }


def round_amounts(numerators: Numerators, like: Grid) -> list[float]:
    """Sums and counts as shown: integers where they are whole, else at most 2 decimals."""
    if like.is_integer:
        values: list[float] = numerators.tolist()
        return values
    return round_quotients(numerators, like.denominator, AMOUNT_DIGITS)


def round_ratios(above: Numerators, below: Numerators) -> list[float | None]:
    """Quotients to at most 4 decimals; None over 0.  `below` is never negative."""
    defined = below != 0
    values = round_quotients(above, np.where(defined, below, 1), RATIO_DIGITS)
    if defined.all():
        return list(values)
    return [value if known else None for value, known in zip(values, defined.tolist(), strict=True)]


def find_label(labels: Mapping[str, Label], identifier: str) -> tuple[str, str]:
    """Key and name of a resource, its identifier where it is not known any more."""
    label = labels.get(identifier)
    return (identifier, identifier) if label is None else (label.key, label.name or label.key)
