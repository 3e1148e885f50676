"""Evaluates breakdowns: lists of items inside one leaf."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from okube_api.catalogue.expressions.breakdowns import AttributeBreakdown, Breakdown
from okube_api.catalogue.weights import WEIGHT_UNIT
from okube_api.engine.evaluate import evaluate
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.grid import Grid, sum_by_cell
from okube_api.engine.leaf_columns import Leaf
from okube_api.engine.results import ItemResults, Results, build_leaves, find_label, round_amounts, round_ratios
from okube_api.engine.value_numbers import ValueNumbers
from okube_api.store.arrays import Ints
from okube_api.store.exact_integers import sum_all


@evaluate.register
def _(value: AttributeBreakdown, evaluator: Evaluator) -> Results:
    assert value.users.attribute is not None
    attribute = evaluator.users.panel.attribute(value.users.attribute)
    size = len(attribute.names) + 1
    cells, users = evaluator.users.locate_distinct_users((value.users,))
    codes = attribute.codes_of(users)
    keys, numbers = cells * size + np.where(codes < 0, size - 1, codes), evaluator.users.weights_of(value.users, users)
    weighted = evaluator.question.is_weighted(value.users)
    counts = sum_by_cell(keys, numbers, WEIGHT_UNIT if weighted else 1, not weighted)
    labels = dict(value.labels)
    return ItemResults(counts, size, tuple((name, labels.get(name.lower(), name)) for name in attribute.names))


@evaluate.register
def _(value: Breakdown, evaluator: Evaluator) -> Results:
    (term,) = value.terms(evaluator.scope)
    items = ValueNumbers()
    counts, size = evaluator.sums.by_item(term, value.total.measure, value.column, items)
    labels = [find_label(evaluator.question.labels, item) for item in items.values]
    if value.shape == "campaigns":
        return CampaignResults(counts, size, tuple(zip(items.values, (key for key, _ in labels), strict=True)))
    return ItemResults(counts, size, tuple(labels))


@dataclass(frozen=True, slots=True)
class CampaignResults:
    """Credits by campaign, the greatest first (ties by `_id`), and their total.

    credits: by cell and campaign, at `cell * size + campaign`.
    campaigns: `_id` and key of each.
    """

    credits: Grid
    size: int
    campaigns: tuple[tuple[str, str], ...]

    @property
    def keys(self) -> Ints:
        """The cells that have data, ascending."""
        return np.unique(self.credits.keys // self.size)

    def count_values(self) -> int:
        """Return the number of values in the leaves of all cells that have data."""
        return len(self.credits.keys)

    def leaves_at(self, keys: Ints) -> list[Leaf]:
        """Return the leaves of these cells; cell -1 is an empty one."""
        return build_leaves(self._leaf, keys)

    def _leaf(self, key: int) -> dict[str, Any]:
        bounds = (key * self.size, (key + 1) * self.size) if key >= 0 else (0, 0)
        low, high = np.searchsorted(self.credits.keys, bounds)
        numbers = self.credits.numerators[low:high]
        total = sum_all(numbers)
        rows = zip(
            (self.campaigns[code] for code in self.credits.keys[low:high] % self.size),
            numbers.tolist(),
            round_amounts(numbers, self.credits),
            round_ratios(numbers, np.full(len(numbers), total, object)),
            strict=True,
        )
        return {
            "items": [
                {"campaign": campaign, "key": name, "value": value, "share": share}
                for (campaign, name), _, value, share in sorted(rows, key=lambda row: (-row[1], row[0]))
            ],
            "total": round_amounts(np.array([total], object), self.credits)[0],
        }
