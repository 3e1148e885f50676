"""From the results of the engine to the JSON values of an answer: scopes, buckets, properties, order.

The values are plain dicts, lists, numbers and texts, which are serialised without validation.  Those of a scope are
built block by block, so that a large answer is never in memory as a whole.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from okube_api.catalogue.scopes import ATTRIBUTES, Scope
from okube_api.engine.question import Label, Question
from okube_api.engine.results import Leaf
from okube_api.engine.run import KpiResult
from okube_api.store.arrays import Ints
from okube_api.threads import check_stopped

Json = dict[str, Any]

_BLOCK_CELLS = 20_000
_BLOCK_VALUES = 10_000  # more would hold the interpreter for too long while they are serialised


@dataclass(frozen=True, slots=True)
class AnswerElement:
    """The values of one param by one scope.

    head: its fields before `data`.
    blocks: the parts of `data`, in order: by scope value, or a single one for `globals`.  They are built when iterated.
    """

    kpi_result: KpiResult
    head: Json
    blocks: Iterator[Json]


def build_results(question: Question, kpi_results: Iterable[KpiResult]) -> list[Json]:
    """Return one element for each param and scope, in order."""
    return [
        element.head | {"data": {name: value for block in element.blocks for name, value in block.items()}}
        for element in build_elements(question, kpi_results)
    ]


def build_elements(question: Question, kpi_results: Iterable[KpiResult]) -> Iterator[AnswerElement]:
    """Yield one element for each param and scope, in order."""
    for kpi_result in kpi_results:
        check_stopped()
        kpi_request, scope_request = kpi_result.kpi_request, kpi_result.scope_request
        head: Json = {
            "kpi": kpi_request.kpi.name,
            "mode": kpi_request.mode.value,
            "scope": scope_request.scope.value,
            "granularity": kpi_request.granularity.value,
        }
        if scope_request.scope is Scope.GLOBALS:
            yield AnswerElement(kpi_result, head, iter((_build_global_data(kpi_result),)))
            continue
        rows = _ScopeRows(question, kpi_result)
        if scope_request.limit is not None:
            head["total"] = len(rows.identifiers)
        yield AnswerElement(kpi_result, head, rows.build_blocks())


def collect_area_codes(kpi_results: Sequence[KpiResult], *, always: bool = False) -> set[str]:
    """Return the codes of the areas whose names were requested; `always`: of all areas in the results."""
    return {
        code
        for kpi_result in kpi_results
        if kpi_result.scope_request.scope in ATTRIBUTES and (always or "name" in kpi_result.scope_request.properties)
        for code in kpi_result.scope_values
    }


def name_areas(scope: Scope, rows: Json, names: Mapping[str, str]) -> None:
    """Set the names of areas in the rows of a scope, where they were requested.  names: by code."""
    if scope in ATTRIBUTES:
        for code, row in rows.items():
            if "name" in row:
                row["name"] = names.get(code)


def _build_global_data(kpi_result: KpiResult) -> Json:
    data: Json = {}
    if kpi_result.kpi_request.all:
        (data["all"],) = kpi_result.results.leaves_at(np.array([kpi_result.width - 1]))
    if kpi_result.buckets is not None:
        leaves = kpi_result.results.leaves_at(np.arange(len(kpi_result.buckets.labels)))
        data["temporals"] = dict(zip(kpi_result.buckets.labels, leaves, strict=True))
    return data


class _ScopeRows:
    """The rows of the scope values that have data, and of those that a filter or the path names.

    identifiers: the scope values, ascending.
    """

    def __init__(self, question: Question, kpi_result: KpiResult) -> None:
        self._kpi_result, self._labels = kpi_result, question.labels
        self._keys = kpi_result.results.keys
        values_per_cell = -(-kpi_result.values // max(len(self._keys), 1)) or 1
        self._block_rows = max(_BLOCK_VALUES // (kpi_result.width * values_per_cell), 1)
        scope = kpi_result.scope_request.scope
        with_data = {kpi_result.scope_values[number] for number in np.unique(self._keys // kpi_result.width).tolist()}
        self.identifiers = sorted(with_data.union(question.named_values.get(scope, ())))
        numbers = {value: number for number, value in enumerate(kpi_result.scope_values)}
        self._numbers = np.array([numbers.get(identifier, -1) for identifier in self.identifiers], dtype=np.int64)

    def build_blocks(self) -> Iterator[Json]:
        """Yield the rows by identifier, in the requested order and up to the limit, some at a time."""
        scope_request = self._kpi_result.scope_request
        order = np.arange(len(self.identifiers))
        if scope_request.descending is not None:
            order = np.array(self._sort(scope_request.descending), dtype=np.int64)
        order = order[: scope_request.limit]
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

    def _build_block(self, indexes: Ints) -> Json:
        """Return the rows of some scope values."""
        kpi_result, numbers = self._kpi_result, self._numbers[indexes]
        identifiers = [self.identifiers[index] for index in indexes.tolist()]
        columns: dict[str, Sequence[Any]] = {
            name: _list_property(name, identifiers, self._labels) for name in kpi_result.scope_request.properties
        }
        if kpi_result.kpi_request.all:
            columns["all"] = self._build_period_leaves(numbers)
        if kpi_result.buckets is not None:
            columns["temporals"] = self._build_temporals(numbers)
        rows = zip(*columns.values(), strict=True)
        return {name: dict(zip(columns, row, strict=True)) for name, row in zip(identifiers, rows, strict=True)}

    def _build_temporals(self, numbers: Ints) -> list[Json]:
        """Return the leaves of the buckets with data, by label, of each of these scope values."""
        buckets, width = self._kpi_result.buckets, self._kpi_result.width
        assert buckets is not None
        starts = np.searchsorted(self._keys, numbers * width)
        ends = np.searchsorted(self._keys, numbers * width + width - 1)  # the last cell is the whole period
        lengths = np.where(numbers < 0, 0, ends - starts)
        bounds = np.append(0, np.cumsum(lengths))
        cells = self._keys[np.arange(bounds[-1]) + np.repeat(starts - bounds[:-1], lengths)]
        leaves = self._kpi_result.results.leaves_at(cells)
        labels = np.array(buckets.labels, dtype=object)[cells % width].tolist()
        return [dict(zip(labels[low:high], leaves[low:high], strict=True)) for low, high in pairwise(bounds.tolist())]


def _list_property(name: str, identifiers: Sequence[str], labels: Mapping[str, Label]) -> list[str | None]:
    """Return a property of each scope value; None for values without a label."""
    if name in {"_id", "code"}:
        return list(identifiers)
    value_labels = map(labels.get, identifiers)
    return [None if label is None else label.key if name == "key" else label.name for label in value_labels]


def get_sort_number(leaf: Leaf) -> float | None:
    """Return what a leaf sorts by: its number; of an object its `total`, else the first number in it."""
    if isinstance(leaf, dict):
        parts = [leaf["total"]] if "total" in leaf else leaf.values()
        return next((number for number in map(get_sort_number, parts) if number is not None), None)
    return leaf if isinstance(leaf, int | float) else None
