"""From the results of the engine to the rows of an answer: scopes, buckets, properties, order.

The rows of a scope are built block by block, so that a large answer is never in memory as a whole.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from okube_api.analytics.answer_block import AnswerBlock, BucketLeaves, Json
from okube_api.catalogue.scopes import ATTRIBUTES, Scope
from okube_api.engine.question import Label, Question
from okube_api.engine.results import Leaf
from okube_api.engine.run import KpiResult
from okube_api.store.arrays import Ints
from okube_api.threads import check_stopped

_BLOCK_CELLS = 20_000
_BLOCK_VALUES = 10_000  # more would hold the interpreter for too long while they are serialised


@dataclass(frozen=True, slots=True)
class AnswerElement:
    """The values of one param by one scope.

    head: its fields before `data`.
    blocks: the parts of `data`, in order; a single one for `globals`.  They are built when iterated.
    """

    kpi_result: KpiResult
    head: Json
    blocks: Iterator[AnswerBlock]


def build_elements(
    question: Question, kpi_results: Iterable[KpiResult], areas: Mapping[str, str] | None = None
) -> Iterator[AnswerElement]:
    """Yield one element for each param and scope, in order.  areas: names of areas, by code."""
    listings: _Listings = {}
    for kpi_result in kpi_results:
        check_stopped()
        kpi_request, scope_request = kpi_result.kpi_request, kpi_result.scope_request
        head: Json = {
            "kpi": kpi_request.kpi.name,
            "mode": kpi_request.mode.value,
            "scope": scope_request.name,
            "granularity": kpi_request.granularity.value,
        }
        if not scope_request.levels:
            yield AnswerElement(kpi_result, head, iter((_build_global_block(kpi_result),)))
            continue
        rows = _ScopeRows(question, kpi_result, areas or {}, listings)
        if scope_request.levels[0].limit is not None:
            head["total"] = len(rows.identifiers)
        yield AnswerElement(kpi_result, head, rows.build_blocks())


def collect_area_codes(kpi_results: Sequence[KpiResult], *, always: bool = False) -> set[str]:
    """Return the codes of the areas whose names were requested; `always`: of all areas in the results."""
    return {
        code
        for kpi_result in kpi_results
        for level in kpi_result.scope_request.levels
        if level.dimension.scope in ATTRIBUTES and (always or "name" in level.properties)
        for code in kpi_result.scope_values
    }


def _build_global_block(kpi_result: KpiResult) -> AnswerBlock:
    results, buckets = kpi_result.results, kpi_result.buckets
    totals = results.leaves_at(np.array([kpi_result.width - 1])) if kpi_result.kpi_request.all else None
    if buckets is None:
        return AnswerBlock(None, {}, totals, None)
    positions = np.arange(len(buckets.labels))
    leaves = results.leaves_at(positions)
    return AnswerBlock(None, {}, totals, BucketLeaves(buckets.labels, positions, leaves, [0, len(leaves)]))


_Listings = dict[tuple[Scope, int, bytes], tuple[Sequence[str], list[str], Ints]]
"""The scope values by number; those of an answer in ascending order, with the number of each (-1 without data).

By the scope, the identity of the scope values and the numbers with data: params with the same scope mostly share them.
"""


class _ScopeRows:
    """The rows of the scope values that have data, and of those that a filter or the path names.

    identifiers: the scope values, ascending.
    """

    def __init__(
        self, question: Question, kpi_result: KpiResult, areas: Mapping[str, str], listings: _Listings
    ) -> None:
        self._kpi_result, self._labels, self._areas = kpi_result, question.labels, areas
        (self._level,) = kpi_result.scope_request.levels
        self._keys = kpi_result.results.keys
        values_per_cell = -(-kpi_result.values // max(len(self._keys), 1)) or 1
        self._block_rows = max(_BLOCK_VALUES // (kpi_result.width * values_per_cell), 1)
        scope = self._level.dimension.scope
        numbers_of_keys = self._keys // kpi_result.width  # ascending
        is_first = np.append(True, numbers_of_keys[1:] != numbers_of_keys[:-1])[: len(numbers_of_keys)]
        with_data = numbers_of_keys[is_first]
        key = (scope, id(kpi_result.scope_values), with_data.tobytes())
        if key not in listings:
            values_with_data = {kpi_result.scope_values[number] for number in with_data.tolist()}
            identifiers = sorted(values_with_data.union(question.named_values.get(scope, ())))
            numbers = {value: number for number, value in enumerate(kpi_result.scope_values)}
            numbers_of_rows = np.array([numbers.get(value, -1) for value in identifiers], dtype=np.int64)
            listings[key] = kpi_result.scope_values, identifiers, numbers_of_rows
        _, self.identifiers, self._numbers = listings[key]

    def build_blocks(self) -> Iterator[AnswerBlock]:
        """Yield the rows in the requested order and up to the limit, some at a time."""
        order = np.arange(len(self.identifiers))
        if self._level.descending is not None:
            order = np.array(self._sort(self._level.descending), dtype=np.int64)
        order = order[: self._level.limit]
        for start in range(0, len(order), self._block_rows):
            check_stopped()
            yield self._build_block(order[start : start + self._block_rows])

    def _sort(self, descending: bool) -> list[int]:
        """Return the indexes of scope values, sorted by their `all` leaf; ties by identifier, null last."""
        numbers: list[float | None] = []
        for start in range(0, len(self._numbers), _BLOCK_CELLS):
            numbers += map(get_sort_number, self._build_period_leaves(self._numbers[start : start + _BLOCK_CELLS]))
        sign = -1 if descending else 1

        def rank(index: int) -> tuple[bool, float, str]:
            number = numbers[index]
            return number is None, sign * (number or 0), self.identifiers[index]

        return sorted(range(len(numbers)), key=rank)

    def _build_period_leaves(self, numbers: Ints) -> list[Leaf]:
        width = self._kpi_result.width
        return self._kpi_result.results.leaves_at(np.where(numbers < 0, -1, numbers * width + width - 1))

    def _build_block(self, indexes: Ints) -> AnswerBlock:
        """Return the rows of some scope values."""
        kpi_result, numbers = self._kpi_result, self._numbers[indexes]
        identifiers = [self.identifiers[index] for index in indexes.tolist()]
        properties = {name: _list_property(name, identifiers, self._labels) for name in self._level.properties}
        if self._level.dimension.scope in ATTRIBUTES and "name" in properties:
            properties["name"] = list(map(self._areas.get, identifiers))
        totals = self._build_period_leaves(numbers) if kpi_result.kpi_request.all else None
        return AnswerBlock(identifiers, properties, totals, self._build_temporals(numbers))

    def _build_temporals(self, numbers: Ints) -> BucketLeaves | None:
        """Return the leaves of the buckets with data of each of these scope values."""
        buckets, width = self._kpi_result.buckets, self._kpi_result.width
        if buckets is None:
            return None
        starts = np.searchsorted(self._keys, numbers * width)
        ends = np.searchsorted(self._keys, numbers * width + width - 1)  # the last cell is the whole period
        lengths = np.where(numbers < 0, 0, ends - starts)
        bounds = np.append(0, np.cumsum(lengths))
        cells = self._keys[np.arange(bounds[-1]) + np.repeat(starts - bounds[:-1], lengths)]
        leaves = self._kpi_result.results.leaves_at(cells)
        return BucketLeaves(buckets.labels, cells % width, leaves, bounds.tolist())


def _list_property(name: str, identifiers: Sequence[str], labels: Mapping[str, Label]) -> Sequence[str | None]:
    """Return a property of each scope value; None for values without a label."""
    if name in {"_id", "code"}:
        return identifiers
    value_labels = map(labels.get, identifiers)
    return [None if label is None else label.key if name == "key" else label.name for label in value_labels]


def get_sort_number(leaf: Leaf) -> float | None:
    """Return what a leaf sorts by: its number; of an object its `total`, else the first number in it."""
    if isinstance(leaf, dict):
        parts = [leaf["total"]] if "total" in leaf else leaf.values()
        return next((number for number in map(get_sort_number, parts) if number is not None), None)
    return leaf if isinstance(leaf, int | float) else None
