"""Evaluates a KPI by the dimensions of a param: which values are shown, what remains of the others, and shares.

Example: by region and by site, the ten best sites of each region and the others.  The KPI is evaluated by region, if
the regions are limited, too; then by region and site; then again by region, over the rows of the sites that are not
shown.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from okube_api.engine.calendar import Buckets
from okube_api.engine.dimensions import REMAINDER, Cut, Dimension
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.evaluators import evaluate
from okube_api.engine.fetched_rows import FetchedRows
from okube_api.engine.question import Level, Question, RequestedKpi, RequestedScope
from okube_api.engine.results import JoinedResults, NumberResults, Results, compute_shares
from okube_api.engine.selection import Ranking, Selection, Selector, list_paths, read_period_leaves, select_pairs
from okube_api.store.arrays import Ints

Dimensions = tuple[Dimension, ...]


@dataclass(frozen=True, slots=True)
class KpiResult:
    """The results of one param by what it is broken down by.

    selection: the rows of the answer; None for `globals`.
    values: about how many values the leaves have; exactly, without a limit of scope values.
    """

    kpi_request: RequestedKpi
    scope_request: RequestedScope
    buckets: Buckets | None
    width: int
    results: Results
    values: int
    selection: Selection | None = None


class KpiEvaluator:
    """Evaluates the KPIs of one question.

    Params with the same dimensions and buckets share an evaluator, which reuses what it has already computed.
    """

    def __init__(self, question: Question, fetched: FetchedRows, most_cells: int | None = None) -> None:
        """Evaluate fetched rows.  most_cells: see `Evaluator`."""
        self._question, self._fetched, self._most_cells = question, fetched, most_cells
        self._evaluators: dict[Hashable, Evaluator] = {}
        self._selector = Selector()

    def evaluate(
        self, request: RequestedKpi, by: RequestedScope, *, rank: Ranking | None = None, shown: Selection | None = None
    ) -> KpiResult:
        """Return the results of a param by one of its scopes.  Raise TooManyCells.

        rank: for an order by change: returns the numbers to sort by.
        shown: a selection to show instead of the one that the options of the scope make.
        """
        buckets = self._question.buckets_of(request)
        if not by.levels:
            evaluator, results = self._evaluate(request, (), buckets)
            return KpiResult(request, by, buckets, evaluator.width, results, results.count_values())
        if len(by.levels) == 1:
            return self._evaluate_by_one(request, by, buckets, rank, shown)
        return self._evaluate_by_two(request, by, buckets, rank, shown)

    # -- one dimension -----------------------------------------------------------------------------------------

    def _evaluate_by_one(
        self,
        request: RequestedKpi,
        by: RequestedScope,
        buckets: Buckets | None,
        rank: Ranking | None,
        shown: Selection | None,
    ) -> KpiResult:
        (level,) = by.levels
        evaluator, results = self._evaluate(request, by.dimensions, buckets)
        width = evaluator.width
        every = self._list_values(evaluator, results, level.dimension)
        selection = (
            self._selector.select(every, level, results, width, rank) if shown is None else _follow(shown, every)
        )
        parts: list[tuple[Results, int]] = [(results, 0)]
        if level.has_remainder and not set(selection.values).issuperset(every.values):
            cut = replace(level.dimension, cut=Cut(frozenset(selection.values), False, True))
            rest, rest_results = self._evaluate(request, (cut,), buckets)
            has_rest = len(rest_results.keys) > 0
            offset = len(evaluator.scope_values.values)
            assert rest.scope_values.values in ([], [REMAINDER])
            parts.append((rest_results, offset))
            selection = selection.add_remainders([offset if has_rest else -1])
        return self._finish(request, by, buckets, parts, selection)

    def _list_values(self, evaluator: Evaluator, results: Results, dimension: Dimension) -> Selection:
        named = self._question.named_values.get(dimension.scope, ()) if dimension.groups is None else ()
        return self._selector.list_values(evaluator.scope_values.values, results.keys, evaluator.width, named)

    # -- two dimensions ----------------------------------------------------------------------------------------

    def _evaluate_by_two(
        self,
        request: RequestedKpi,
        by: RequestedScope,
        buckets: Buckets | None,
        rank: Ranking | None,
        shown: Selection | None,
    ) -> KpiResult:
        outer, inner = by.levels
        dimensions = by.dimensions
        outer_values: Sequence[str] | None = None if shown is None or shown.outer is None else shown.outer.values
        total: int | None = None
        if by.has_outer_values:
            outer_values, total, dimensions = self._select_outer(request, by, rank, outer_values)
        evaluator, results = self._evaluate(request, dimensions, buckets)
        width, pairs = evaluator.width, evaluator.reader.pairs
        assert pairs is not None
        if shown is None:
            selection = select_pairs(pairs, results, width, inner, outer_values=outer_values, rank=rank)
        else:
            every = select_pairs(pairs, results, width, Level(inner.dimension), outer_values=outer_values)
            selection = _follow_pairs(shown, every)
        assert selection.outer is not None
        parts: list[tuple[Results, int]] = [(results, 0)]
        if inner.has_remainder:
            shown_values = selection.shown
            rest, rest_results = self._evaluate(request, dimensions, buckets, shown_values)
            assert rest.reader.pairs is not None
            offset = len(pairs.list_pairs()[0])
            with_data = set((rest_results.keys // rest.width).tolist())
            numbers = [rest.reader.pairs.outer.number(value) for value in shown_values]
            parts.append((rest_results, offset))
            selection = selection.add_remainders([offset + n if n in with_data else -1 for n in numbers])
        if total is not None:
            selection = replace(selection, total=total)
        if outer.has_options:
            selection = self._add_outer_leaves(request, by, selection)
        return self._finish(request, by, buckets, parts, selection)

    def _select_outer(
        self, request: RequestedKpi, by: RequestedScope, rank: Ranking | None, values: Sequence[str] | None
    ) -> tuple[Sequence[str], int, Dimensions]:
        """Return the outer values to show, how many there are, and the dimensions with only those and their remainder.

        values: to show instead of those that the options of the outer dimension choose.
        """
        outer, inner = by.levels
        evaluator, results = self._evaluate(request, (outer.dimension,), None)
        every = self._list_values(evaluator, results, outer.dimension)
        total = every.total
        if values is None:
            chosen = self._selector.select(every, outer, results, evaluator.width, rank)
            values, total = chosen.values, chosen.total
        values = tuple(value for value in values if value != REMAINDER or not outer.has_remainder)
        if set(values).issuperset(every.values):
            return values, total, by.dimensions
        cut = Cut(frozenset(values), True, outer.has_remainder)
        dimensions = (replace(outer.dimension, cut=cut), inner.dimension)
        return (*values, *((REMAINDER,) if outer.has_remainder else ())), total, dimensions

    def _add_outer_leaves(self, request: RequestedKpi, by: RequestedScope, selection: Selection) -> Selection:
        """Return the selection with the leaf and the share of each outer value by itself, over the whole period."""
        assert selection.outer is not None
        dimension, values = by.levels[0].dimension, selection.outer.values
        evaluator, results = self._evaluate(request, (dimension,), None)
        parts: list[tuple[Results, int]] = [(results, 0)]
        numbers_by_value = {value: number for number, value in enumerate(evaluator.scope_values.values)}
        if by.levels[0].has_remainder and REMAINDER in values:
            cut = Cut(frozenset(values) - {REMAINDER}, False, True)
            _, rest_results = self._evaluate(request, (replace(dimension, cut=cut),), None)
            numbers_by_value[REMAINDER] = len(evaluator.scope_values.values)
            parts.append((rest_results, numbers_by_value[REMAINDER]))
        numbers = np.array([numbers_by_value.get(value, -1) for value in values], dtype=np.int64)
        leaves = read_period_leaves(_join(parts, evaluator.width), numbers, evaluator.width)
        shares = self._compute_shares(request, parts, numbers, evaluator.width) if by.levels[0].share else None
        return replace(selection, outer=replace(selection.outer, leaves=tuple(leaves), shares=shares))

    # -- both --------------------------------------------------------------------------------------------------

    def _finish(
        self,
        request: RequestedKpi,
        by: RequestedScope,
        buckets: Buckets | None,
        parts: Sequence[tuple[Results, int]],
        selection: Selection,
    ) -> KpiResult:
        width = (len(buckets.labels) if buckets is not None else 0) + 1
        if by.levels[-1].share:
            selection = replace(selection, shares=self._compute_shares(request, parts, selection.numbers, width))
        results = _join(parts, width)
        values = _count_shown(results, selection, by, width)
        if request.fill and buckets is not None:
            values = _count_filled(results, selection, width)
        return KpiResult(request, by, buckets, width, results, values, selection)

    def _compute_shares(
        self, request: RequestedKpi, parts: Sequence[tuple[Results, int]], numbers: Ints, width: int
    ) -> tuple[float | None, ...]:
        """Return the share of the whole of each scope value, over the whole period."""
        _, everything = self._evaluate(request, (), None)
        assert isinstance(everything, NumberResults)
        shares: list[float | None] = []
        for results, offset in parts:
            assert isinstance(results, NumberResults)
            cells = np.where(numbers < offset, -1, (numbers - offset) * width + width - 1)
            for at, share in enumerate(compute_shares(results, cells, everything)):
                if len(shares) <= at:
                    shares.append(share)
                elif numbers[at] >= offset:
                    shares[at] = share
        return tuple(shares)

    def _evaluate(
        self,
        request: RequestedKpi,
        dimensions: Dimensions,
        buckets: Buckets | None,
        shown: Mapping[str, frozenset[str]] | None = None,
    ) -> tuple[Evaluator, Results]:
        key = (dimensions, buckets, None if shown is None else tuple(shown.items()))
        evaluator = self._evaluators.get(key)
        if evaluator is None:
            evaluator = Evaluator(
                self._fetched, self._question, dimensions, buckets, most_cells=self._most_cells, shown=shown
            )
            self._evaluators[key] = evaluator
        value = self._question.value_of(request.kpi)
        results: Results = evaluator.compute_once(id(value), lambda: evaluate(value, evaluator))  # of the catalogue
        return evaluator, results


def _join(parts: Sequence[tuple[Results, int]], width: int) -> Results:
    return parts[0][0] if len(parts) == 1 else JoinedResults(parts[0][0], parts[1][0], parts[1][1] * width)


def _count_shown(results: Results, selection: Selection, by: RequestedScope, width: int) -> int:
    """Return about how many values the rows of an answer have."""
    values = results.count_values()
    if not by.is_ranked or not values:
        return values
    keys = results.keys
    flags = np.zeros(int(keys[-1]) // width + 1, dtype=np.bool_)
    flags[selection.numbers[(selection.numbers >= 0) & (selection.numbers < len(flags))]] = True
    return -(-values * int(np.count_nonzero(flags[keys // width])) // len(keys))


def _count_filled(results: Results, selection: Selection, width: int) -> int:
    """Return about how many values the rows of an answer have when each has all buckets."""
    values_per_cell = -(-results.count_values() // max(len(results.keys), 1)) or 1
    return len(selection.values) * width * values_per_cell


def _follow(shown: Selection, every: Selection) -> Selection:
    """Return the rows of another selection, with the numbers that the values have in these results."""
    numbers = dict(zip(every.values, every.numbers.tolist(), strict=True))
    values = tuple([value for value in shown.values if value != REMAINDER or value in numbers])
    return Selection(values, np.array([numbers.get(value, -1) for value in values], dtype=np.int64), shown.total)


def _follow_pairs(shown: Selection, every: Selection) -> Selection:
    """Return the rows of another selection by two dimensions, with the numbers that the pairs have in these results."""
    assert shown.outer is not None
    assert every.outer is not None
    numbers = dict(zip(list_paths(every), every.numbers.tolist(), strict=True))
    paths = list_paths(shown)
    rows = [at for at, path in enumerate(paths) if path[1] != REMAINDER or path in numbers]
    parents = np.searchsorted(rows, shown.outer.bounds)
    return Selection(
        tuple([shown.values[at] for at in rows]),
        np.array([numbers.get(paths[at], -1) for at in rows], dtype=np.int64),
        shown.total,
        outer=replace(shown.outer, bounds=tuple(parents.tolist()), leaves=None, shares=None),
    )
