"""Results of KPIs: numbers by cell, and their conversion to the JSON leaves of an answer.

Numbers are rounded here and not earlier: counts, money and credits to 2 decimals, ratios and averages to 4.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Protocol

import numpy as np

from okube_api.engine.grid import Grid, round_quotients, unite_cells
from okube_api.engine.leaf_columns import Decimals, Leaf, LeafColumn, Objects
from okube_api.engine.question import Label
from okube_api.store.arrays import Ints
from okube_api.store.exact_integers import SAFE, Numerators, add, find_magnitude, multiply, sum_all
from okube_api.threads import check_stopped

AMOUNT_DIGITS = 2
RATIO_DIGITS = 4


class Results(Protocol):
    """The results of one KPI by one scope.

    keys: the cells that have data, ascending; all others have the same empty leaf.
    """

    @property
    def keys(self) -> Ints:
        """The cells that have data, ascending."""

    def count_values(self) -> int:
        """Return the number of values in the leaves of all cells that have data, before they are built."""

    def leaves_at(self, keys: Ints) -> Sequence[Leaf]:
        """Return the leaves of these cells; cell -1 is an empty one."""


def build_leaves(build: Callable[[int], Leaf], keys: Ints) -> list[Leaf]:
    """Return the leaf of each cell; stop when nobody waits for them any more."""
    leaves = []
    for key in keys.tolist():
        check_stopped()
        leaves.append(build(key))
    return leaves


@dataclass(frozen=True)
class NumberResults:
    """Sums and counts: 0 where there is no data."""

    grid: Grid

    @cached_property
    def keys(self) -> Ints:
        """The cells whose number does not round to 0."""
        if self.grid.is_integer:
            return self.grid.keys
        return self.grid.keys[abs(multiply(self.grid.numerators, 2 * 10**AMOUNT_DIGITS)) > self.grid.denominator]

    def count_values(self) -> int:
        """Return the number of values in the leaves of all cells that have data."""
        return len(self.keys)

    def leaves_at(self, keys: Ints) -> Sequence[Leaf]:
        """Return the leaves of these cells; cell -1 is an empty one."""
        return round_amounts(self.grid.values_at(keys), self.grid)


@dataclass(frozen=True, slots=True)
class RatioResults:
    """One number over another; null where the denominator is 0."""

    numerator: Grid
    denominator: Grid

    @property
    def keys(self) -> Ints:
        """The cells that have data, ascending."""
        return self.denominator.keys

    def count_values(self) -> int:
        """Return the number of values in the leaves of all cells that have data."""
        return len(self.keys)

    def leaves_at(self, keys: Ints) -> Sequence[Leaf]:
        """Return the leaves of these cells; cell -1 is an empty one."""
        numerators = multiply(self.numerator.values_at(keys), self.denominator.denominator)
        return round_ratios(numerators, multiply(self.denominator.values_at(keys), self.numerator.denominator))


@dataclass(frozen=True)
class RecordResults:
    """Several results in one leaf, each under its name."""

    fields: tuple[tuple[str, Results], ...]

    @cached_property
    def keys(self) -> Ints:
        """The cells that have data, ascending."""
        return reduce(unite_cells, (results.keys for _, results in self.fields))

    def count_values(self) -> int:
        """Return the number of values in the leaves of all cells that have data."""
        return sum(results.count_values() for _, results in self.fields)

    def leaves_at(self, keys: Ints) -> Sequence[Leaf]:
        """Return the leaves of these cells; cell -1 is an empty one."""
        columns = [(name, results.leaves_at(keys)) for name, results in self.fields]
        fields = tuple([(name, column) for name, column in columns if isinstance(column, LeafColumn)])
        if len(fields) == len(columns):
            return Objects(fields)
        names = [name for name, _ in columns]
        return [dict(zip(names, row, strict=True)) for row in zip(*(column for _, column in columns), strict=True)]


@dataclass(frozen=True, slots=True)
class JoinedResults:
    """The results of some scope values and, at the cells from `offset`, those of others."""

    first: Results
    second: Results
    offset: int

    @property
    def keys(self) -> Ints:
        """The cells that have data, ascending."""
        return np.concatenate((self.first.keys, self.second.keys + self.offset))

    def count_values(self) -> int:
        """Return the number of values in the leaves of all cells that have data."""
        return self.first.count_values() + self.second.count_values()

    def leaves_at(self, keys: Ints) -> Sequence[Leaf]:
        """Return the leaves of these cells; cell -1 is an empty one."""
        is_second = keys >= self.offset
        if not is_second.any():
            return self.first.leaves_at(keys)
        leaves = np.empty(len(keys), dtype=object)
        for results, flags, offset in ((self.first, ~is_second, 0), (self.second, is_second, self.offset)):
            at = np.flatnonzero(flags)
            for position, leaf in zip(at.tolist(), results.leaves_at(keys[at] - offset), strict=True):
                leaves[position] = leaf
        joined: list[Leaf] = leaves.tolist()
        return joined


@dataclass(frozen=True, slots=True)
class BandResults:
    """A distribution by band.

    counts: by cell and band, at `cell * (bands + 1) + band + 1`; band -1 is the unknown.
    amount: the sum of the banded quantity, where it is known.
    edges: the lower edges of the bands; the last band has no upper edge.
    unit, counted: the unit of the bands and what is counted, as the answer names them.
    """

    counts: Grid
    amount: Grid
    edges: tuple[int, ...]
    unit: str
    counted: str

    @property
    def keys(self) -> Ints:
        """The cells that have data, ascending."""
        return np.unique(self.counts.keys // (len(self.edges) + 1))

    def count_values(self) -> int:
        """Return the number of values in the leaves of all cells that have data."""
        return len(self.keys) * (len(self.edges) + 1)

    def leaves_at(self, keys: Ints) -> Sequence[Leaf]:
        """Return the leaves of these cells; cell -1 is an empty one."""
        unknown, *bands = self.columns_at(keys)
        count = add(*bands)
        values = [list(round_amounts(column, self.counts)) for column in bands]
        unknowns, totals = (list(round_amounts(column, self.counts)) for column in (unknown, add(count, unknown)))
        shares = [list(round_ratios(column, count)) for column in bands]
        sums = multiply(self.amount.values_at(keys), self.counts.denominator)
        means = list(round_ratios(sums, multiply(count, self.amount.denominator)))
        medians = list(round_ratios(*self.find_medians(bands)))
        ends = (*self.edges[1:], None)
        return [
            {
                "unit": self.unit,
                "measure": self.counted,
                "bins": [
                    {"from": start, "to": end, "value": value[row], "share": share[row]}
                    for start, end, value, share in zip(self.edges, ends, values, shares, strict=True)
                ],
                "unknown": unknowns[row],
                "total": totals[row],
                "mean": means[row],
                "median": medians[row],
            }
            for row in range(len(keys))
        ]

    def columns_at(self, keys: Ints) -> list[Numerators]:
        """Return the counts of these cells: of the unknown, then of each band."""
        size = len(self.edges) + 1
        cells = np.where(keys < 0, -1, keys * size + np.arange(size)[:, np.newaxis])
        return list(self.counts.values_at(cells.ravel()).reshape(size, len(keys)))

    def find_medians(self, bands: Sequence[Numerators]) -> tuple[Numerators, Numerators]:
        """Return the median of each cell as a quotient; over 0 where it lies in the last band, without an upper edge.

        The median is in the first band with which the running count reaches half of the total.  Values are taken as
        evenly spread within the band: start + width * (count / 2 - before) / in_band, here over 2 * in_band.
        """
        count = add(*bands)
        if count.dtype != object and 4 * find_magnitude(count) * max(self.edges[-1], 1) < SAFE:
            return self._find_small_medians(np.stack(bands), count)
        numerators, denominators = np.zeros(len(count), dtype=np.int64), np.zeros(len(count), dtype=np.int64)
        before = np.zeros(len(count), dtype=np.int64)
        done = count == 0
        for band, (in_band, start) in enumerate(zip(bands, self.edges, strict=True)):
            reached = ~done & (multiply(add(before, in_band), 2) >= count)
            if band + 1 < len(self.edges):
                width = self.edges[band + 1] - start
                rest = add(count, multiply(before, -2))
                position = add(multiply(in_band, 2 * start), multiply(rest, width))
                numerators = np.where(reached, position, numerators)
                denominators = np.where(reached, multiply(in_band, 2), denominators)
            done, before = done | reached, add(before, in_band)
        return numerators, denominators

    def _find_small_medians(self, bands: Ints, count: Ints) -> tuple[Ints, Ints]:
        """Return the same as `find_medians` where no product exceeds 64 bits; `bands` has a row for each band."""
        running = np.cumsum(bands, axis=0)
        band, cells = np.argmax(2 * running >= count, axis=0), np.arange(len(count))
        in_band = bands[band, cells]
        before = running[band, cells] - in_band
        starts = np.array(self.edges, dtype=np.int64)
        widths = np.append(np.diff(starts), 0)
        numerators = 2 * in_band * starts[band] + (count - 2 * before) * widths[band]
        return numerators, np.where(band + 1 < len(self.edges), 2 * in_band, 0)


@dataclass(frozen=True, slots=True)
class ItemResults:
    """A list of items: by descending value, ties by key.

    counts: by cell and item, at `cell * size + item`; an item that is not in `items` is the unknown.
    items: key and label of each.
    """

    counts: Grid
    size: int
    items: tuple[tuple[str, str], ...]

    @property
    def keys(self) -> Ints:
        """The cells that have data, ascending."""
        return np.unique(self.counts.keys // self.size)

    def count_values(self) -> int:
        """Return the number of values in the leaves of all cells that have data."""
        return len(self.counts.keys)

    def leaves_at(self, keys: Ints) -> Sequence[Leaf]:
        """Return the leaves of these cells; cell -1 is an empty one."""
        return build_leaves(self._leaf, keys)

    def _leaf(self, key: int) -> Leaf:
        low, high = np.searchsorted(self.counts.keys, (key * self.size, (key + 1) * self.size)) if key >= 0 else (0, 0)
        items = self.counts.keys[low:high] - key * self.size
        numbers = self.counts.numerators[low:high]
        is_listed = items < len(self.items)
        listed = numbers[is_listed]
        listed_total, total_number = sum_all(listed), sum_all(numbers)
        unknown, total = round_amounts(np.array([total_number - listed_total, total_number], object), self.counts)
        rows = zip(
            (self.items[item] for item in items[is_listed]),
            listed,
            round_amounts(listed, self.counts),
            round_ratios(listed, np.full(len(listed), listed_total, object)),
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


def round_amounts(numerators: Numerators, grid: Grid) -> Sequence[float]:
    """Round sums and counts of a grid: to integers or to at most 2 decimals, as the grid says."""
    if not grid.is_integer:
        return round_quotients(numerators, grid.denominator, AMOUNT_DIGITS)
    if numerators.dtype != object:
        return Decimals(numerators)
    values: list[float] = numerators.tolist()
    return values


def round_ratios(numerators: Numerators, denominators: Numerators) -> Sequence[float | None]:
    """Round quotients to at most 4 decimals; None where the denominator is 0.  Denominators are never negative."""
    defined = denominators != 0
    if defined.all():
        return round_quotients(numerators, denominators, RATIO_DIGITS)
    values = round_quotients(numerators, np.where(defined, denominators, 1), RATIO_DIGITS)
    if isinstance(values, Decimals):
        return Decimals(values.units, values.digits, defined)
    return [value if is_defined else None for value, is_defined in zip(values, defined.tolist(), strict=True)]


def compute_shares(results: NumberResults, cells: Ints, everything: NumberResults) -> Sequence[float | None]:
    """Return the share that each cell has of a whole, rounded; None when the whole is 0.

    everything: over the whole period only, and by no dimension.
    """
    (total,) = everything.grid.values_at(np.zeros(1, dtype=np.int64)).tolist()
    sign = -1 if total < 0 else 1  # refunds can exceed sales
    numerators = multiply(results.grid.values_at(cells), sign * everything.grid.denominator)
    return round_ratios(numerators, np.full(len(cells), sign * total * results.grid.denominator, dtype=object))


def find_label(labels: Mapping[str, Label], identifier: str) -> tuple[str, str]:
    """Return the key and the name of a resource; its identifier twice when it no longer exists."""
    label = labels.get(identifier)
    return (identifier, identifier) if label is None else (label.key, label.name or label.key)
