"""Evaluates what the visitors of a site do elsewhere."""

from collections.abc import Callable

import numpy as np

from okube_api.catalogue.expressions.visitors import VisitorBreakdown, VisitorTotal
from okube_api.catalogue.terms import Sums, UserSet
from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.engine.evaluate import evaluate, evaluate_number
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.grid import Grid, sum_by_cell
from okube_api.engine.results import ItemResults, Results, find_label
from okube_api.engine.sets import concatenate
from okube_api.engine.term_rows import TermRows
from okube_api.engine.text_columns import ValuesByCode
from okube_api.engine.value_numbers import ValueNumbers
from okube_api.store.arrays import Ints
from okube_api.store.exact_integers import concatenate_numbers


@evaluate_number.register
def _(value: VisitorTotal, evaluator: Evaluator) -> Grid:
    sums = value.terms(evaluator.scope)[1]
    assert isinstance(sums, Sums)
    return _sum_of_visitors(evaluator, value.visitors, sums, lambda cells, _: cells)


@evaluate.register
def _(value: VisitorBreakdown, evaluator: Evaluator) -> Results:
    sums = value.terms(evaluator.scope)[1]
    assert isinstance(sums, Sums)
    items = ValueNumbers()
    for rows in evaluator.reader.rows_of(sums):  # number all items first: their count is part of the keys
        items.number_column(rows.table.column(value.column))
    size = max(len(items.values), 1)

    def add_items(cells: Ints, rows: TermRows) -> Ints:
        return cells * size + items.number_column(rows.table.column(value.column))

    counts = _sum_of_visitors(evaluator, value.visitors, sums, add_items, size)
    return ItemResults(counts, size, tuple(find_label(evaluator.question.labels, item) for item in items.values))


def _sum_of_visitors(
    evaluator: Evaluator, visitors: UserSet, sums: Sums, to_keys: Callable[[Ints, TermRows], Ints], size: int = 1
) -> Grid:
    """Sum the rows of each scope value's visitors at the keys of the rows plus `scope value * width * size`.

    to_keys: returns the keys of rows, given their buckets.
    """
    (measure,) = sums.measures
    users, scope_values = _scope_values_by_user(evaluator, visitors)
    keys, numbers = [], []
    for rows in evaluator.reader.rows_of(sums):
        codes = np.searchsorted(users, rows.integers("user"))
        is_visitor = np.append(users, -1)[codes] == rows.integers("user")
        positions, values = scope_values.expand(codes[is_visitor])
        positions = np.flatnonzero(is_visitor)[positions]
        for cells in evaluator.reader.cells(rows):
            keys.append(values * evaluator.width * size + to_keys(cells, rows)[positions])
            numbers.append(rows.amounts(measure)[positions])
    weighted = evaluator.question.is_weighted(sums)
    denominator = WEIGHT_UNIT if weighted else 1
    return sum_by_cell(concatenate_numbers(keys), concatenate_numbers(numbers), denominator, not weighted)


def _scope_values_by_user(evaluator: Evaluator, visitors: UserSet) -> tuple[Ints, ValuesByCode]:
    """Return the users of the whole period, ascending, and the numbers of the scope values that each is in."""
    groups = concatenate(list(evaluator.users.distinct_users((visitors,))))
    in_period = groups.select_rows(np.flatnonzero(groups.keys % evaluator.width == evaluator.width - 1))
    order = np.argsort(in_period.users, kind="stable")
    users, starts = np.unique(in_period.users[order], return_index=True)
    values = (in_period.key_of_user // evaluator.width)[order]
    return users.astype(np.int64), ValuesByCode(np.append(starts, len(order)).astype(np.int64), values)
