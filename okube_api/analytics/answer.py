"""From the results of the engine to the JSON values of an answer: scopes, buckets, properties, order.

The values are plain dicts, lists, numbers and texts, which are serialised without validation.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from okube_api.catalogue.scopes import ATTRIBUTES, Scope
from okube_api.engine.question import Label, Question
from okube_api.engine.results import Leaf
from okube_api.engine.run import KpiResult

Json = dict[str, Any]


def build_results(question: Question, kpi_results: Iterable[KpiResult]) -> list[Json]:
    """Return one element for each param and scope, in order."""
    return [_build_element(question, kpi_result) for kpi_result in kpi_results]


def _build_element(question: Question, kpi_result: KpiResult) -> Json:
    kpi_request, scope_request = kpi_result.kpi_request, kpi_result.scope_request
    element: Json = {
        "kpi": kpi_request.kpi.name,
        "mode": kpi_request.mode.value,
        "scope": scope_request.scope.value,
        "granularity": kpi_request.granularity.value,
    }
    if scope_request.scope is Scope.GLOBALS:
        return element | {"data": _build_global_data(kpi_result)}
    data, total = _build_scope_data(question, kpi_result)
    if scope_request.limit is not None:
        element["total"] = total
    return element | {"data": data}


def collect_area_codes(kpi_results: Sequence[KpiResult], results: Sequence[Json], *, always: bool = False) -> set[str]:
    """Return the codes of the areas whose names were requested; `always`: of all areas in the results."""
    return {
        code
        for kpi_result, element in zip(kpi_results, results, strict=True)
        if kpi_result.scope_request.scope in ATTRIBUTES and (always or "name" in kpi_result.scope_request.properties)
        for code in element["data"]
    }


def name_areas(results: Iterable[Json], names: Mapping[str, str]) -> None:
    """Set the names of areas in results, where they were requested.  names: by code."""
    for element in results:
        if element["scope"] in ATTRIBUTES:
            for code, row in element["data"].items():
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


def _build_scope_data(question: Question, kpi_result: KpiResult) -> tuple[Json, int]:
    """Return a row for each scope value, in the requested order, and the number of values before the limit.

    The values are those that have data, and those that a filter or the path names.
    """
    kpi_request, scope_request, width = kpi_result.kpi_request, kpi_result.scope_request, kpi_result.width
    with_data = {kpi_result.scope_values[number] for number in np.unique(kpi_result.results.keys // width).tolist()}
    identifiers = sorted(with_data.union(question.named_values.get(scope_request.scope, ())))
    numbers = {value: number for number, value in enumerate(kpi_result.scope_values)}
    positions = np.array([numbers.get(identifier, -1) for identifier in identifiers], dtype=np.int64)

    columns: dict[str, Sequence[Any]] = {
        name: _list_property(name, identifiers, question.labels) for name in scope_request.properties
    }
    if kpi_request.all or scope_request.descending is not None:
        period_leaves = kpi_result.results.leaves_at(np.where(positions < 0, -1, positions * width + width - 1))
    if kpi_request.all:
        columns["all"] = period_leaves
    if kpi_result.buckets is not None:
        temporals = _group_by_value(kpi_result)
        columns["temporals"] = [temporals.get(number, {}) for number in positions.tolist()]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]

    order: Sequence[int] = range(len(identifiers))
    if scope_request.descending is not None:
        order = _sort_by_leaf(identifiers, period_leaves, scope_request.descending)
    return {identifiers[index]: rows[index] for index in order[: scope_request.limit]}, len(identifiers)


def _group_by_value(kpi_result: KpiResult) -> dict[int, Json]:
    """Return the leaves of the buckets with data, by the number of the scope value and the bucket's label."""
    assert kpi_result.buckets is not None
    numbers, buckets = np.divmod(kpi_result.results.keys, kpi_result.width)
    in_bucket = buckets != kpi_result.width - 1  # the last column is the whole period
    numbers, leaves = numbers[in_bucket], kpi_result.results.leaves_at(kpi_result.results.keys[in_bucket])
    labels = np.array(kpi_result.buckets.labels, dtype=object)[buckets[in_bucket]].tolist()
    distinct, starts = np.unique(numbers, return_index=True)
    bounds = pairwise([*starts.tolist(), len(leaves)])
    return {
        number: dict(zip(labels[start:end], leaves[start:end], strict=True))
        for number, (start, end) in zip(distinct.tolist(), bounds, strict=True)
    }


def _list_property(name: str, identifiers: Sequence[str], labels: Mapping[str, Label]) -> list[str | None]:
    """Return a property of each scope value; None for values without a label."""
    if name in {"_id", "code"}:
        return list(identifiers)
    value_labels = map(labels.get, identifiers)
    return [None if label is None else label.key if name == "key" else label.name for label in value_labels]


def _sort_by_leaf(identifiers: Sequence[str], leaves: Sequence[Leaf], descending: bool) -> list[int]:
    """Return the indexes of scope values, sorted by their leaves; ties by identifier, null last."""
    sign = -1 if descending else 1
    numbers = [get_sort_number(leaf) for leaf in leaves]

    def rank(index: int) -> tuple[bool, float, str]:
        number = numbers[index]
        return number is None, sign * (number or 0), identifiers[index]

    return sorted(range(len(identifiers)), key=rank)


def get_sort_number(leaf: Leaf) -> float | None:
    """Return what a leaf sorts by: its number; of an object its `total`, else the first number in it."""
    if isinstance(leaf, dict):
        parts = [leaf["total"]] if "total" in leaf else leaf.values()
        return next((number for number in map(get_sort_number, parts) if number is not None), None)
    return leaf if isinstance(leaf, int | float) else None
