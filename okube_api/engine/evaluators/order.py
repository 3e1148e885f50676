"""In which order the areas of paths come: their ranks, and the steps from one to the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from okube_api.catalogue.expressions.paths import VisitOrder
from okube_api.catalogue.expressions.values import Sums
from okube_api.engine.evaluator import Evaluator, TermRows, ValueNumbers
from okube_api.engine.evaluators.areas import AreaUsers
from okube_api.engine.grid import Grid, sum_by_cell
from okube_api.engine.results import Leaf, round_ratios
from okube_api.store.arrays import Ints


@dataclass(frozen=True, slots=True)
class OrderResults:
    """Counts of passages and steps among the busiest areas of a cell.

    ranks: passages at `(cell * size + area) * most_rank + rank`.
    steps: at `(cell * size + area) * size + next`; `out` is the number of what lies outside the site.
    """

    areas: AreaUsers
    ranks: Grid
    most_rank: int
    steps: Grid
    size: int
    out: int

    @property
    def keys(self) -> Ints:
        return self.areas.cells

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        return [self._leaf(int(key)) for key in keys]

    def _leaf(self, key: int) -> Leaf:
        inside = np.zeros(self.size, dtype=np.bool_)
        inside[self.areas.busiest(key)[0]] = True
        area, rank, count = _within(self.ranks, key, self.size, self.most_rank)
        kept = inside[area]
        start, end, steps = _within(self.steps, key, self.size, self.size)
        walked = inside[start] & (inside[end] | (end == self.out))
        return {
            "ranks": self._ranks(area[kept], rank[kept], count[kept]),
            "transitions": self._transitions(start[walked], end[walked], steps[walked]),
            "meanRank": self._means(area[kept], rank[kept], count[kept]),
        }

    def _ranks(self, area: Ints, rank: Ints, count: Ints) -> list[dict[str, Any]]:
        names = self.areas.names
        found = []
        for number in np.unique(rank):
            here = np.flatnonzero(rank == number)
            here = here[np.lexsort((self.areas.ranks[area[here]], -count[here]))]
            shares = round_ratios(count[here], np.full(len(here), count[here].sum()))
            items = [
                {"key": names[one], "value": value, "share": share}
                for one, value, share in zip(area[here], count[here].tolist(), shares, strict=True)
            ]
            found.append({"rank": int(number), "items": items})
        return found

    def _transitions(self, start: Ints, end: Ints, count: Ints) -> list[dict[str, Any]]:
        names = self.areas.names
        after = np.where(end == self.out, -1, self.areas.ranks[end])
        ordered = np.lexsort((after, self.areas.ranks[start], -count))
        return [
            {"from": names[start[at]], "to": None if end[at] == self.out else names[end[at]], "value": int(count[at])}
            for at in ordered
        ]

    def _means(self, area: Ints, rank: Ints, count: Ints) -> dict[str, float | None]:
        known = np.unique(area)
        known = known[np.argsort(self.areas.ranks[known])]
        above, below = np.zeros(self.size, dtype=np.int64), np.zeros(self.size, dtype=np.int64)
        np.add.at(above, area, rank * count)
        np.add.at(below, area, count)
        means = round_ratios(above[known], below[known])
        return {self.areas.names[one]: mean for one, mean in zip(known, means, strict=True)}


def _within(counts: Grid, key: int, size: int, width: int) -> tuple[Ints, Ints, Ints]:
    """The first and second index of the counts of a cell, and the counts."""
    low, high = np.searchsorted(counts.keys, (key * size * width, (key + 1) * size * width))
    inside = counts.keys[low:high] - key * size * width
    return inside // width, inside % width, counts.numerators[low:high]


def evaluate_order(value: VisitOrder, view: Evaluator) -> OrderResults:
    """The leaves of an order, in a view."""
    items = ValueNumbers()
    out = items.number(None)
    area, following = value.steps.split
    steps = [
        IndexedRows(rows, items.numbers(rows.table.column(area)), items.numbers(rows.table.column(following)))
        for rows in view.placed(value.steps)
    ]
    area, rank = value.ranks.split
    ranks = [
        IndexedRows(rows, items.numbers(rows.table.column(area)), rows.integers(rank))
        for rows in view.placed(value.ranks)
    ]
    areas = AreaUsers.of(value.users, view, value.most_areas, items)
    most_rank = 1 + max((int(one.second.max()) for one in ranks if len(one.second)), default=0)
    return OrderResults(
        areas,
        _summed(view, value.ranks, ranks, areas.size, most_rank),
        most_rank,
        _summed(view, value.steps, steps, areas.size, areas.size),
        areas.size,
        out,
    )


@dataclass(frozen=True, slots=True)
class IndexedRows:
    """Rows with two indices each."""

    rows: TermRows
    first: Ints
    second: Ints


def _summed(view: Evaluator, term: Sums, counted: Sequence[IndexedRows], size: int, width: int) -> Grid:
    """A measure at `(cell * size + first) * width + second`."""
    (measure,) = term.measures
    keys, numbers = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for one in counted:
        for cells in view.cells(one.rows):
            keys.append((cells * size + one.first) * width + one.second)
            numbers.append(one.rows.amounts(measure))
    return sum_by_cell(np.concatenate(keys), np.concatenate(numbers))
