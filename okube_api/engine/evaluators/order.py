"""Evaluates the order in which areas are visited: their ranks in paths, and the steps from one to the next."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from okube_api.catalogue.expressions.order import PathOrder, VisitOrder
from okube_api.catalogue.fact import Measure
from okube_api.engine.areas import AreaUsers, cut_by_area
from okube_api.engine.evaluate import evaluate
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.grid import Grid, sum_by_cell
from okube_api.engine.leaf_columns import Leaf
from okube_api.engine.results import Results, build_leaves, round_ratios
from okube_api.engine.sets import concatenate, from_users, merge_groups
from okube_api.engine.term_rows import TermRows
from okube_api.engine.text_columns import flatten_lists
from okube_api.engine.value_numbers import ValueNumbers
from okube_api.store.arrays import Ints
from okube_api.store.exact_integers import concatenate_numbers

_OUT = None  # the area where a step out of the site leads


@evaluate.register
def _(value: VisitOrder, evaluator: Evaluator) -> Results:
    areas = ValueNumbers()
    areas.number(_OUT)
    area, next_area = value.steps.split
    steps = []
    for rows in evaluator.reader.rows_of(value.steps):
        start, end = (areas.number_column(rows.table.column(name)) for name in (area, next_area))
        steps.append(IndexedRows(rows, np.arange(len(start)), start, end))
    area, rank = value.ranks.split
    ranks = []
    for rows in evaluator.reader.rows_of(value.ranks):
        numbers = areas.number_column(rows.table.column(area))
        ranks.append(IndexedRows(rows, np.arange(len(numbers)), numbers, rows.integers(rank)))
    area_users = AreaUsers.from_term(value.users, evaluator, value.most_areas, areas)
    (measure,) = value.steps.measures
    results = _build_results(evaluator, measure, area_users, ranks, steps)
    return cut_by_area(results, evaluator, areas, _select_area)


@evaluate.register
def _(value: PathOrder, evaluator: Evaluator) -> Results:
    areas = ValueNumbers()
    out = areas.number(_OUT)
    user_column, path_column = value.paths.split
    ranks, steps, passages = [], [], []
    for rows in evaluator.reader.rows_of(value.paths):
        row, texts = flatten_lists(_decode_lists(rows.table.column(path_column)))
        area = areas.number_column(texts)
        starts = np.searchsorted(row, row)  # where the path of each element starts: rows ascend
        is_last = np.append(row[1:] != row[:-1], True)[: len(row)]
        steps.append(IndexedRows(rows, row, area, np.where(is_last, out, np.append(area[1:], out)[: len(area)])))
        # An area's rank in a path is that of its first passage.
        _, first = np.unique(np.stack((row, area)), axis=1, return_index=True)
        ranks.append(IndexedRows(rows, row[first], area[first], (np.arange(len(row)) - starts + 1)[first]))
        passages.append((rows, row[first], area[first], rows.integers(user_column)[row[first]]))
    size = len(areas.values)
    groups = [
        from_users(cells[row] * size + area, users)
        for rows, row, area, users in passages
        for cells in evaluator.reader.cells(rows)
    ]
    distinct = concatenate(list(merge_groups(concatenate(groups))))
    area_users = AreaUsers.from_groups(distinct, size, evaluator, value.most_areas, areas)
    (measure,) = value.paths.measures
    results = _build_results(evaluator, measure, area_users, ranks, steps)
    return cut_by_area(results, evaluator, areas, _select_area)


def _decode_lists(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if not pa.types.is_dictionary(column.type):
        return column
    return pa.chunked_array([chunk.dictionary.take(chunk.indices) for chunk in column.chunks], column.type.value_type)


@dataclass(frozen=True, slots=True)
class IndexedRows:
    """Elements of rows with two indices each; `row` is the row of each element."""

    rows: TermRows
    row: Ints
    first: Ints
    second: Ints


def _build_results(
    evaluator: Evaluator,
    measure: Measure,
    area_users: AreaUsers,
    ranks: Sequence[IndexedRows],
    steps: Sequence[IndexedRows],
) -> "OrderResults":
    size = area_users.size
    most_rank = 1 + max((int(part.second.max()) for part in ranks if len(part.second)), default=0)
    return OrderResults(
        area_users,
        _sum_by_index(evaluator, measure, ranks, size, most_rank),
        most_rank,
        _sum_by_index(evaluator, measure, steps, size, size),
        size,
        out=0,  # `_OUT` is numbered first
    )


def _sum_by_index(evaluator: Evaluator, measure: Measure, parts: Sequence[IndexedRows], size: int, width: int) -> Grid:
    """Sum a measure at `(cell * size + first) * width + second`."""
    keys, numbers = [], []
    for part in parts:
        for cells in evaluator.reader.cells(part.rows):
            keys.append((cells[part.row] * size + part.first) * width + part.second)
            numbers.append(part.rows.amounts(measure)[part.row])
    return sum_by_cell(concatenate_numbers(keys), concatenate_numbers(numbers))


def _select_area(leaf: Leaf, area: str) -> Leaf:
    ranks = [(rank["rank"], [item for item in rank["items"] if item["key"] == area]) for rank in leaf["ranks"]]
    return {
        "ranks": [{"rank": rank, "items": items} for rank, items in ranks if items],
        "transitions": [step for step in leaf["transitions"] if step["from"] == area],
        "meanRank": {key: mean for key, mean in leaf["meanRank"].items() if key == area},
    }


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

    def count_values(self) -> int:
        """Return the number of values in the leaves of all cells that have data."""
        return self.areas.count_pairs()

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        """Return the leaves of these cells; cell -1 is an empty one."""
        return build_leaves(self._leaf, keys)

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
