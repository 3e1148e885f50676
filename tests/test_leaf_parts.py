"""Leaves as parts, one for each number."""

from collections.abc import Iterator
from typing import Any

import pytest
from okube_api.catalogue.kpi import LeafShape
from okube_api.catalogue.shapes import EXAMPLES
from okube_api.leaf_parts import LeafPart, compare_leaves, split_leaf


def list_numbers(leaf: Any) -> Iterator[float | None]:
    """Yield the numbers and nulls of a leaf but those that say what an item is about."""
    if isinstance(leaf, dict):
        for name, value in leaf.items():
            if name not in {"from", "to", "rank"}:
                yield from list_numbers(value)
    elif isinstance(leaf, list):
        for value in leaf:
            yield from list_numbers(value)
    elif not isinstance(leaf, str):
        yield leaf


@pytest.mark.parametrize("shape", list(LeafShape))
def test_parts_have_all_numbers_and_identities_of_their_own(shape: LeafShape) -> None:
    leaf = EXAMPLES[shape]
    parts = split_leaf(leaf)
    numbers = list(list_numbers(leaf))
    assert sorted(map(str, (part.value for part in parts))) == sorted(
        str(int(number) if isinstance(number, bool) else number) for number in numbers
    )
    assert len({part.identity for part in parts}) == len(parts)


@pytest.mark.parametrize(
    ("shape", "columns"),
    [
        (LeafShape.NUMBER, {"value": 412.5}),
        (
            LeafShape.BREAKDOWN,
            {"field": "items.value", "item": "android", "item_name": "Android", "value": 812},
        ),
        (LeafShape.MATRIX, {"field": "users", "item": "eq-a", "subitem": "eq-a", "value": 300}),
        (LeafShape.ORDER, {"field": "ranks.items.value", "item": "eq-a", "subitem": "1", "value": 220}),
    ],
)
def test_columns_of_the_first_part(shape: LeafShape, columns: dict[str, Any]) -> None:
    first = split_leaf(EXAMPLES[shape])[0]
    assert first.list_columns() | {"value": first.value} == columns


def test_missing_control_groups_have_the_same_parts() -> None:
    leaf = EXAMPLES[LeafShape.COMPARISON]
    without = leaf | dict.fromkeys(("control", "lift", "incrementalVisitors", "ci95"))
    assert [part.field for part in split_leaf(without)] == [part.field for part in split_leaf(leaf)]


def test_compared_parts_are_matched_by_what_they_are_about() -> None:
    def build(total: float, **values: float | None) -> dict[str, Any]:
        return {"items": [{"key": key, "value": value} for key, value in values.items()], "total": total}

    own, then = build(7, a=6, b=1), build(5, c=2, a=3)
    change = build(0.4, a=1.0, b=None, c=-1.0)
    assert compare_leaves(own, then, change) == [
        (LeafPart(6, "items.value", "a"), 3, 1.0),
        (LeafPart(1, "items.value", "b"), None, None),
        (LeafPart(7, "total"), 5, 0.4),
        (LeafPart(None, "items.value", "c"), 2, -1.0),
    ]
    assert compare_leaves(2, 1, 1.0) == [(LeafPart(2), 1, 1.0)]
    assert compare_leaves(own, None, None)[0] == (LeafPart(6, "items.value", "a"), None, None)
