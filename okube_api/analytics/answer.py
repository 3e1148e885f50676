"""From what the engine found to the answer's JSON values: scopes, buckets, properties, sorting.

The values are plain (dicts, lists, numbers, texts), made once and turned into bytes once.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from okube_api.catalogue.values import ATTRIBUTES, Scope
from okube_api.engine.leaves import Leaf
from okube_api.engine.question import Label, Question
from okube_api.engine.run import Found

Json = dict[str, Any]
RESOURCES = frozenset({Scope.SITES, Scope.POIS, Scope.CAMPAIGNS, Scope.LEVERS, Scope.EQUIPMENTS})


def elements(question: Question, found: Iterable[Found]) -> list[Json]:
    """The answer: one element for each param and scope, in order."""
    return [_element(question, one) for one in found]


def _element(question: Question, one: Found) -> Json:
    element: Json = {
        "kpi": one.ask.kpi.name,
        "mode": one.ask.mode.value,
        "scope": one.by.scope.value,
        "granularity": one.ask.granularity.value,
    }
    if one.by.scope is Scope.GLOBALS:
        return element | {"data": _globals(one)}
    rows = _rows(question, one)
    if one.by.limit is not None:
        element["total"] = len(rows)
    return element | {"data": {row.identifier: row.json for row in _sorted(rows, one)}}


def areas_by_name(found: Sequence[Found], results: Sequence[Json], *, always: bool = False) -> set[str]:
    """The codes of the areas that the answer shows with their name; `always`: of all that it shows."""
    return {
        code
        for one, element in zip(found, results, strict=True)
        if one.by.scope in ATTRIBUTES and (always or "name" in one.by.properties)
        for code in element["data"]
    }


def name_areas(results: Iterable[Json], names: Mapping[str, str]) -> None:
    """Writes the names of areas where the answer has a place for them."""
    for element in results:
        if element["scope"] in ATTRIBUTES:
            for code, row in element["data"].items():
                if "name" in row:
                    row["name"] = names.get(code)


def _globals(one: Found) -> Json:
    data: Json = {}
    if one.ask.all:
        (data["all"],) = one.leaves.at(np.array([one.width - 1]))
    if one.buckets is not None:
        leaves = one.leaves.at(np.arange(len(one.buckets.labels)))
        data["temporals"] = dict(zip(one.buckets.labels, leaves, strict=True))
    return data


@dataclass(frozen=True, slots=True)
class _Row:
    """One scope value: what it is called, its leaf over the whole period, and what the answer says of it."""

    identifier: str
    whole: Leaf
    json: Json


def _rows(question: Question, one: Found) -> list[_Row]:
    """Every scope value that has data or is named, in the order of the identifiers."""
    keys = one.leaves.keys
    numbers = {name: number for number, name in enumerate(one.names)}
    present = {one.names[number] for number in np.unique(keys // one.width).tolist()}
    identifiers = sorted(present | set(question.named.get(one.by.scope, ())))
    at = np.array([numbers.get(name, -1) for name in identifiers], dtype=np.int64)
    wholes = one.leaves.at(np.where(at < 0, -1, at * one.width + one.width - 1))
    temporals = _temporals(one, keys) if one.buckets is not None else {}
    rows = []
    for identifier, number, whole in zip(identifiers, at.tolist(), wholes, strict=True):
        json = properties(identifier, one, question.labels)
        if one.ask.all:
            json["all"] = whole
        if one.buckets is not None:
            json["temporals"] = temporals.get(number, {})
        rows.append(_Row(identifier, whole, json))
    return rows


def _temporals(one: Found, keys: Any) -> dict[int, Json]:
    """The buckets with data of each scope value, by its number."""
    assert one.buckets is not None
    inside = keys[keys % one.width != one.width - 1]
    found: dict[int, Json] = {}
    labels = one.buckets.labels
    numbers, buckets = (inside // one.width).tolist(), (inside % one.width).tolist()
    for number, bucket, leaf in zip(numbers, buckets, one.leaves.at(inside), strict=True):
        found.setdefault(number, {})[labels[bucket]] = leaf
    return found


def properties(identifier: str, one: Found, labels: Any) -> Json:
    """What is shown of a scope value beside its numbers."""
    label: Label | None = labels.get(identifier)
    known = {"_id": identifier, "code": identifier}
    if label is not None:
        known |= {"key": label.key, "name": label.name}  # type: ignore[dict-item]
    return {name: known.get(name) for name in one.by.properties}


def _sorted(rows: Sequence[_Row], one: Found) -> Sequence[_Row]:
    """The rows as asked for: by identifier, or by the `all` value (ties by identifier, null last), then cut."""
    descending = one.by.descending
    if descending is not None:
        sign = -1 if descending else 1
        magnitudes = {row.identifier: magnitude(row.whole) for row in rows}
        rows = sorted(
            rows,
            key=lambda row: (
                magnitudes[row.identifier] is None,
                sign * (magnitudes[row.identifier] or 0),
                row.identifier,
            ),
        )
    return rows if one.by.limit is None else rows[: one.by.limit]


def magnitude(leaf: Leaf) -> float | None:
    """What a leaf sorts by: its number; of an object its `total`, or else the first number in it."""
    if isinstance(leaf, dict):
        parts = [leaf["total"]] if "total" in leaf else leaf.values()
        return next((found for found in map(magnitude, parts) if found is not None), None)
    return leaf if isinstance(leaf, int | float) else None
