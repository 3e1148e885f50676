"""Chooses which values of a scope an answer shows, and in which order: bounds first, then the order, then the limit."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from okube_api.engine.dimensions import REMAINDER
from okube_api.engine.leaf_columns import Leaf
from okube_api.engine.question import Level
from okube_api.engine.results import Results
from okube_api.engine.value_numbers import PairNumbers
from okube_api.store.arrays import Ints
from okube_api.threads import check_stopped

_BLOCK_CELLS = 20_000
Path = tuple[str, ...]
"""The value of each dimension, the outer one first."""
Ranking = Callable[[Sequence[Path], Sequence[Leaf]], list[float | None]]
"""Returns the number to sort by of each path, given also the leaf of the whole period of each."""


@dataclass(frozen=True, slots=True)
class OuterSelection:
    """The values of the outer one of two dimensions.

    values: in the order of the answer.
    bounds: the rows of value i are those from bounds[i] to bounds[i + 1].
    totals: how many inner values each has, before the limit.
    leaves, shares: of each value by itself, if they are shown.
    """

    values: tuple[str, ...]
    bounds: tuple[int, ...]
    totals: tuple[int, ...]
    leaves: tuple[Leaf, ...] | None = None
    shares: tuple[float | None, ...] | None = None


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows of an answer by one or two dimensions, in order.

    values: the value of each row, by two dimensions the inner one.
    numbers: the number of its scope value in the results; -1 without data.
    total: how many values there are before the limit, of the outer dimension if there are two.
    shares: the share of the whole of each row, if they are shown.
    """

    values: tuple[str, ...]
    numbers: Ints
    total: int
    shares: tuple[float | None, ...] | None = None
    outer: OuterSelection | None = None

    @property
    def shown(self) -> Mapping[str, frozenset[str]]:
        """By two dimensions, the inner values that are shown, by outer value."""
        assert self.outer is not None
        bounds = zip(self.outer.bounds, self.outer.bounds[1:], strict=False)
        return {
            value: frozenset(self.values[low:high])
            for value, (low, high) in zip(self.outer.values, bounds, strict=True)
        }

    def add_remainders(self, numbers: Sequence[int]) -> "Selection":
        """Return the selection with a last row `others` for each outer value, or for all; -1: without such a row."""
        if self.outer is None:
            if numbers[0] < 0:
                return self
            return replace(self, values=(*self.values, REMAINDER), numbers=np.append(self.numbers, numbers[0]))
        values: list[str] = []
        parts: list[Ints] = [np.zeros(0, dtype=np.int64)]
        bounds = [0]
        for at, number in enumerate(numbers):
            low, high = self.outer.bounds[at], self.outer.bounds[at + 1]
            values += self.values[low:high]
            parts.append(self.numbers[low:high])
            if number >= 0:
                values.append(REMAINDER)
                parts.append(np.array([number], dtype=np.int64))
            bounds.append(len(values))
        outer = replace(self.outer, bounds=tuple(bounds))
        return replace(self, values=tuple(values), numbers=np.concatenate(parts), outer=outer)


def read_period_leaves(results: Results, numbers: Ints, width: int) -> Sequence[Leaf]:
    """Return the leaf of the whole period of each scope value; -1 is a value without data."""
    cells = np.where(numbers < 0, -1, numbers * width + width - 1)
    if len(cells) <= _BLOCK_CELLS:
        return results.leaves_at(cells)
    leaves: list[Leaf] = []
    for start in range(0, len(cells), _BLOCK_CELLS):
        check_stopped()
        leaves += results.leaves_at(cells[start : start + _BLOCK_CELLS])
    return leaves


def get_sort_number(leaf: Leaf) -> float | None:
    """Return what a leaf sorts by: its number; of an object its `total`, else the first number in it."""
    if isinstance(leaf, dict):
        parts = [leaf["total"]] if "total" in leaf else leaf.values()
        return next((number for number in map(get_sort_number, parts) if number is not None), None)
    return leaf if isinstance(leaf, int | float) else None


class Selector:
    """Selects the values of one question's results."""

    def __init__(self) -> None:
        self._listings: dict[tuple[int, int, bytes], tuple[Sequence[str], tuple[str, ...], Ints]] = {}

    def list_values(self, scope_values: Sequence[str], keys: Ints, width: int, named: Iterable[str]) -> Selection:
        """Return all values with data, and the named ones, ascending.

        scope_values: the values by number.  Params with the same values, with the same of them with data, share a list.
        """
        numbers_of_keys = keys // width  # ascending
        with_data = numbers_of_keys[np.append(True, numbers_of_keys[1:] != numbers_of_keys[:-1])[: len(keys)]]
        key = (id(scope_values), len(scope_values), with_data.tobytes())
        if key not in self._listings:
            values_with_data = {scope_values[number] for number in with_data.tolist()}
            values = tuple(sorted(values_with_data.union(named)))
            numbers_by_value = {value: number for number, value in enumerate(scope_values)}
            numbers = np.array([numbers_by_value.get(value, -1) for value in values], dtype=np.int64)
            self._listings[key] = scope_values, values, numbers
        _, values, numbers = self._listings[key]
        return Selection(values, numbers, len(values))

    def select(
        self, selection: Selection, level: Level, results: Results, width: int, rank: Ranking | None = None
    ) -> Selection:
        """Return what a level shows of the values of one dimension."""
        if not level.is_ranked:
            return selection
        if level.has_remainder and REMAINDER in selection.values:  # a value of that name is in the entry of the others
            selection = _choose(selection, [at for at, value in enumerate(selection.values) if value != REMAINDER])
        leaves = read_period_leaves(results, selection.numbers, width)
        values = selection.values
        order = _order_values(level, [(value,) for value in values], leaves, rank)
        return replace(_choose(selection, order[: level.limit]), total=len(order))


def select_pairs(
    pairs: PairNumbers,
    results: Results,
    width: int,
    level: Level,
    *,
    outer_values: Sequence[str] | None,
    rank: Ranking | None = None,
) -> Selection:
    """Return what a level shows of the inner values of each outer value.

    outer_values: the outer values to show, in order; None for all with data, ascending.
    """
    with_data = np.unique(results.keys // width)
    all_outer, all_inner = pairs.list_pairs()
    outer, inner = all_outer[with_data], all_inner[with_data]
    if outer_values is None:
        outer_values = sorted(pairs.outer.values[number] for number in np.unique(outer).tolist())
    positions = {value: position for position, value in enumerate(outer_values)}
    outer_positions = np.array([positions.get(value, -1) for value in pairs.outer.values], dtype=np.int64)[outer]
    inner_ranks = np.empty(len(pairs.inner.values), dtype=np.int64)
    inner_ranks[sorted(range(len(inner_ranks)), key=pairs.inner.values.__getitem__)] = np.arange(len(inner_ranks))
    order = np.lexsort((inner_ranks[inner], outer_positions))
    order = order[outer_positions[order] >= 0]
    if level.has_remainder:
        order = order[np.array([value != REMAINDER for value in pairs.inner.values], dtype=np.bool_)[inner[order]]]
    numbers, parents = with_data[order], outer_positions[order]
    values = [pairs.inner.values[number] for number in inner[order].tolist()]
    totals = np.bincount(parents, minlength=len(outer_values))
    if level.is_ranked:
        paths = [(outer_values[parent], value) for parent, value in zip(parents.tolist(), values, strict=True)]
        leaves = read_period_leaves(results, numbers, width)
        chosen = np.array(_order_values(level, paths, leaves, rank), dtype=np.int64)
        chosen = chosen[np.argsort(parents[chosen], kind="stable")]
        totals = np.bincount(parents[chosen], minlength=len(outer_values))
        if level.limit is not None:
            position_in_parent = np.arange(len(chosen)) - np.repeat(np.cumsum(totals) - totals, totals)
            chosen = chosen[position_in_parent < level.limit]
        numbers, parents, values = numbers[chosen], parents[chosen], [values[at] for at in chosen.tolist()]
    bounds = np.searchsorted(parents, np.arange(len(outer_values) + 1))
    outer_selection = OuterSelection(tuple(outer_values), tuple(bounds.tolist()), tuple(totals.tolist()))
    return Selection(tuple(values), numbers, len(outer_values), outer=outer_selection)


def _choose(selection: Selection, order: Sequence[int]) -> Selection:
    values = tuple([selection.values[at] for at in order])
    return Selection(values, selection.numbers[np.array(order, dtype=np.int64)], len(values))


def _order_values(level: Level, paths: Sequence[Path], leaves: Sequence[Leaf], rank: Ranking | None) -> list[int]:
    """Return the positions of the values within the bounds, in order; ties by identifier, null last.

    paths: ascending within each outer value.
    """
    numbers = [get_sort_number(leaf) for leaf in leaves]
    positions = [at for at, number in enumerate(numbers) if level.having is None or level.having.accepts(number)]
    if level.descending is None:
        return positions
    if level.by_change and rank is not None:
        numbers = rank(paths, leaves)
    sign = -1 if level.descending else 1

    def sort_key(at: int) -> tuple[bool, float]:
        number = numbers[at]
        return number is None, sign * (number or 0)

    return sorted(positions, key=sort_key)  # a stable sort: ties stay in the order of identifiers


def list_paths(selection: Selection) -> list[Path]:
    """Return the values of each row."""
    if selection.outer is None:
        return [(value,) for value in selection.values]
    counts = np.diff(selection.outer.bounds)
    outer = [value for value, count in zip(selection.outer.values, counts.tolist(), strict=True) for _ in range(count)]
    return list(zip(outer, selection.values, strict=True))
