"""Evaluates the order in which areas are visited: their ranks in paths, and the steps from one to the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from okube_api.catalogue.expressions.order import VisitOrder
from okube_api.catalogue.terms import Sums
from okube_api.engine.areas import AreaUsers
from okube_api.engine.evaluate import evaluate
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.grid import Grid, sum_by_cell
from okube_api.engine.results import Leaf, Results, round_ratios
from okube_api.engine.term_rows import TermRows, ValueNumbers
from okube_api.store.arrays import Ints


@evaluate.register
def _(value: VisitOrder, evaluator: Evaluator) -> Results:
    areas = ValueNumbers()
    out = areas.number(None)
    area, next_area = value.steps.split
    steps = [
        IndexedRows(
            rows,
            areas.number_column(rows.table.column(area)),
            areas.number_column(rows.table.column(next_area)),
        )
        for rows in evaluator.reader.rows_of(value.steps)
    ]
    area, rank = value.ranks.split
    ranks = [
        IndexedRows(rows, areas.number_column(rows.table.column(area)), rows.integers(rank))
        for rows in evaluator.reader.rows_of(value.ranks)
    ]
    area_users = AreaUsers.from_term(value.users, evaluator, value.most_areas, areas)
    size = area_users.size
    most_rank = 1 + max((int(rows.second.max()) for rows in ranks if len(rows.second)), default=0)
    return OrderResults(
        area_users,
        _sum_by_index(evaluator, value.ranks, ranks, size, most_rank),
        most_rank,
        _sum_by_index(evaluator, value.steps, steps, size, size),
        size,
        out,
    )


@dataclass(frozen=True, slots=True)
class IndexedRows:
    """Rows with two indices each."""

    rows: TermRows
    first: Ints
    second: Ints


def _sum_by_index(evaluator: Evaluator, term: Sums, parts: Sequence[IndexedRows], size: int, width: int) -> Grid:
    """Sum a measure at `(cell * size + first) * width + second`."""
    (measure,) = term.measures
    keys, numbers = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
    for part in parts:
        for cells in evaluator.reader.cells(part.rows):
            keys.append((cells * size + part.first) * width + part.second)
            numbers.append(part.rows.amounts(measure))
    return sum_by_cell(np.concatenate(keys), np.concatenate(numbers))


@dataclass(frozen=True, slots=True)
class OrderResults:
    """Counts of passages and of steps among the busiest areas of a cell.

    ranks: passages at `(cell * size + area) * most_rank + rank`.
    steps: at `(cell * size + area) * size + next`; `out` is the number of the world outside the site.
    """

    areas: AreaUsers
    ranks: Grid
    most_rank: int
    steps: Grid
    size: int
    out: int

    @property
    def keys(self) -> Ints:
        """The cells that have data, ascending."""
        return self.areas.cells

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        """Return the leaves of these cells; cell -1 is an empty one."""
        return [self._leaf(int(key)) for key in keys]

    def _leaf(self, key: int) -> Leaf:
        shown = np.zeros(self.size, dtype=np.bool_)
        shown[self.areas.busiest(key)[0]] = True
        area, rank, count = _read_counts(self.ranks, key, self.size, self.most_rank)
        ranked = shown[area]
        start, end, steps = _read_counts(self.steps, key, self.size, self.size)
        walked = shown[start] & (shown[end] | (end == self.out))
        return {
            "ranks": self._list_ranks(area[ranked], rank[ranked], count[ranked]),
            "transitions": self._list_transitions(start[walked], end[walked], steps[walked]),
            "meanRank": self._mean_ranks(area[ranked], rank[ranked], count[ranked]),
        }

    def _list_ranks(self, area: Ints, rank: Ints, count: Ints) -> list[dict[str, Any]]:
        names = self.areas.names
        ranks = []
        for number in np.unique(rank):
            at = np.flatnonzero(rank == number)
            at = at[np.lexsort((self.areas.name_ranks[area[at]], -count[at]))]
            shares = round_ratios(count[at], np.full(len(at), count[at].sum()))
            items = [
                {"key": names[code], "value": value, "share": share}
                for code, value, share in zip(area[at], count[at].tolist(), shares, strict=True)
            ]
            ranks.append({"rank": int(number), "items": items})
        return ranks

    def _list_transitions(self, start: Ints, end: Ints, count: Ints) -> list[dict[str, Any]]:
        names = self.areas.names
        end_ranks = np.where(end == self.out, -1, self.areas.name_ranks[end])
        order = np.lexsort((end_ranks, self.areas.name_ranks[start], -count))
        return [
            {"from": names[start[at]], "to": None if end[at] == self.out else names[end[at]], "value": int(count[at])}
            for at in order
        ]

    def _mean_ranks(self, area: Ints, rank: Ints, count: Ints) -> dict[str, float | None]:
        areas = np.unique(area)
        areas = areas[np.argsort(self.areas.name_ranks[areas])]
        numerators, denominators = np.zeros(self.size, dtype=np.int64), np.zeros(self.size, dtype=np.int64)
        np.add.at(numerators, area, rank * count)
        np.add.at(denominators, area, count)
        means = round_ratios(numerators[areas], denominators[areas])
        return {self.areas.names[code]: mean for code, mean in zip(areas, means, strict=True)}


def _read_counts(counts: Grid, key: int, size: int, width: int) -> tuple[Ints, Ints, Ints]:
    """Return the first and the second index of the counts of a cell, and the counts."""
    low, high = np.searchsorted(counts.keys, (key * size * width, (key + 1) * size * width))
    indices = counts.keys[low:high] - key * size * width
    return indices // width, indices % width, counts.numerators[low:high]
