"""From what the engine found to the answer's JSON values: scopes, buckets, properties, sorting.

The values are plain (dicts, lists, numbers, texts), made once and turned into bytes once.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from okube_api.catalogue.expressions.values import ATTRIBUTES, Scope
from okube_api.engine.question import Label, Question
from okube_api.engine.results import Leaf
from okube_api.engine.run import KpiResult

Json = dict[str, Any]
RESOURCES = frozenset({Scope.SITES, Scope.POIS, Scope.CAMPAIGNS, Scope.LEVERS, Scope.EQUIPMENTS})


def build_results(question: Question, found: Iterable[KpiResult]) -> list[Json]:
    """The answer: one element for each param and scope, in order."""
    return [_element(question, one) for one in found]


def _element(question: Question, one: KpiResult) -> Json:
    element: Json = {
        "kpi": one.kpi_request.kpi.name,
        "mode": one.kpi_request.mode.value,
        "scope": one.scope_request.scope.value,
        "granularity": one.kpi_request.granularity.value,
    }
    if one.scope_request.scope is Scope.GLOBALS:
        return element | {"data": _globals(one)}
    data, total = _by_value(question, one)
    if one.scope_request.limit is not None:
        element["total"] = total
    return element | {"data": data}


def collect_area_codes(found: Sequence[KpiResult], results: Sequence[Json], *, always: bool = False) -> set[str]:
    """The codes of the areas that the answer shows with their name; `always`: of all that it shows."""
    return {
        code
        for one, element in zip(found, results, strict=True)
        if one.scope_request.scope in ATTRIBUTES and (always or "name" in one.scope_request.properties)
        for code in element["data"]
    }


def name_areas(results: Iterable[Json], names: Mapping[str, str]) -> None:
    """Writes the names of areas where the answer has a place for them."""
    for element in results:
        if element["scope"] in ATTRIBUTES:
            for code, row in element["data"].items():
                if "name" in row:
                    row["name"] = names.get(code)


def _globals(one: KpiResult) -> Json:
    data: Json = {}
    if one.kpi_request.all:
        (data["all"],) = one.results.leaves_at(np.array([one.width - 1]))
    if one.buckets is not None:
        leaves = one.results.leaves_at(np.arange(len(one.buckets.labels)))
        data["temporals"] = dict(zip(one.buckets.labels, leaves, strict=True))
    return data


def _by_value(question: Question, one: KpiResult) -> tuple[Json, int]:
    """What is said of each scope value that has data or is named, in the order asked for; and how many there are."""
    identifiers = _identifiers(question, one)
    numbers = {name: number for number, name in enumerate(one.scope_values)}
    at = np.array([numbers.get(name, -1) for name in identifiers], dtype=np.int64)
    columns: dict[str, Sequence[Any]] = {
        name: _property(name, identifiers, question.labels) for name in one.scope_request.properties
    }
    if one.kpi_request.all or one.scope_request.descending is not None:
        wholes = one.results.leaves_at(np.where(at < 0, -1, at * one.width + one.width - 1))
    if one.kpi_request.all:
        columns["all"] = wholes
    if one.buckets is not None:
        temporals = _temporals(one)
        columns["temporals"] = [temporals.get(number, {}) for number in at.tolist()]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    if one.scope_request.descending is None:
        chosen: Sequence[int] = range(len(identifiers))[: one.scope_request.limit]
    else:
        chosen = _order(identifiers, wholes, one.scope_request.descending)[: one.scope_request.limit]
    return {identifiers[number]: rows[number] for number in chosen}, len(identifiers)


def _identifiers(question: Question, one: KpiResult) -> list[str]:
    """The scope values that have data or are named, ascending."""
    present = {one.scope_values[number] for number in np.unique(one.results.keys // one.width).tolist()}
    return sorted(present.union(question.named_values.get(one.scope_request.scope, ())))


def _temporals(one: KpiResult) -> dict[int, Json]:
    """The buckets with data of each scope value, by its number."""
    assert one.buckets is not None
    numbers, buckets = np.divmod(one.results.keys, one.width)
    inside = buckets != one.width - 1
    numbers, leaves = numbers[inside], one.results.leaves_at(one.results.keys[inside])
    labels = np.array(one.buckets.labels, dtype=object)[buckets[inside]].tolist()
    known, starts = np.unique(numbers, return_index=True)
    bounds = pairwise([*starts.tolist(), len(leaves)])
    return {
        number: dict(zip(labels[start:end], leaves[start:end], strict=True))
        for number, (start, end) in zip(known.tolist(), bounds, strict=True)
    }


def _property(name: str, identifiers: Sequence[str], labels: Mapping[str, Label]) -> list[str | None]:
    """A property of each scope value, None where it is not known."""
    if name in {"_id", "code"}:
        return list(identifiers)
    found = map(labels.get, identifiers)
    return [None if label is None else label.key if name == "key" else label.name for label in found]


def _order(identifiers: Sequence[str], wholes: Sequence[Leaf], descending: bool) -> list[int]:
    """The numbers of the scope values by their value over the whole period; ties by identifier, null last."""
    sign = -1 if descending else 1
    magnitudes = [magnitude(whole) for whole in wholes]

    def rank(number: int) -> tuple[bool, float, str]:
        value = magnitudes[number]
        return value is None, sign * (value or 0), identifiers[number]

    return sorted(range(len(identifiers)), key=rank)


def magnitude(leaf: Leaf) -> float | None:
    """What a leaf sorts by: its number; of an object its `total`, or else the first number in it."""
    if isinstance(leaf, dict):
        parts = [leaf["total"]] if "total" in leaf else leaf.values()
        return next((found for found in map(magnitude, parts) if found is not None), None)
    return leaf if isinstance(leaf, int | float) else None
