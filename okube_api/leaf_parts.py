"""Splits leaves into parts, one for each number: the rows of an answer in the long layout.

The server and the Python client share this module, so that files and data frames have the same rows.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

Json = dict[str, Any]

PART_COLUMNS = ("field", "item", "item_name", "subitem", "item_from", "item_to", "unit", "measure")
"""The columns of a part before its number; a table has those that some part has."""

_NULL_PARTS: Mapping[str, Any] = {
    "control": {"users": None, "visitors": None, "rate": None},
    "ci95": [None, None],
}
"""What is null as a whole where there is no control group."""


@dataclass(frozen=True, slots=True)
class LeafPart:
    """One number of a leaf.

    field: its name in the JSON, with dots; None when the leaf is a number.
    item, item_name: what an item of a list is about (a band, a campaign, an area), and its label or key.
    subitem: the other area of a pair, or the rank of an area.
    item_from, item_to: the edges of a band.
    unit, measure: of a distribution.
    """

    value: Any
    field: str | None = None
    item: str | None = None
    item_name: str | None = None
    subitem: str | None = None
    item_from: float | None = None
    item_to: float | None = None
    unit: str | None = None
    measure: str | None = None

    @property
    def identity(self) -> tuple[str | None, ...]:
        """What the number is about, by which compared parts are matched."""
        return self.field, self.item, self.subitem

    def list_columns(self) -> Json:
        """Return the columns that the part has before its number."""
        return {name: value for name in PART_COLUMNS if (value := getattr(self, name)) is not None}


def split_leaf(leaf: Any) -> list[LeafPart]:
    """Return the parts of a leaf, in the order of its fields; none for a leaf without a number."""
    if not isinstance(leaf, dict):
        return [LeafPart(leaf)]
    texts = {name: leaf[name] for name in ("unit", "measure") if isinstance(leaf.get(name), str)}
    return [replace(part, **texts) if texts else part for part in _split_object(leaf, "")]


def compare_leaves(own: Any, then: Any, change: Any) -> list[tuple[LeafPart, Any, Any]]:
    """Return the parts of a leaf, each with the compared value and the change; None where there is none.

    Parts that only the compared leaf has are last, without a value of their own.
    """
    if not any(isinstance(leaf, dict) for leaf in (own, then, change)):
        return [(LeafPart(own), then, change)]
    parts, parts_then, changes = (
        {part.identity: part for part in split_leaf(leaf)} if isinstance(leaf, dict) else {}
        for leaf in (own, then, change)
    )
    rows = []
    for identity in dict.fromkeys((*parts, *parts_then)):
        part = parts.get(identity) or replace(parts_then[identity], value=None)
        value_then, value_change = (
            each[identity].value if identity in each else None for each in (parts_then, changes)
        )
        rows.append((part, value_then, value_change))
    return rows


def _split_object(fields: Mapping[str, Any], path: str) -> Iterator[LeafPart]:
    if "areas" in fields:
        yield from _split_matrix(fields)
        return
    for name, value in fields.items():
        if isinstance(value, str):
            continue
        split = _SPLITTERS.get(name)
        if split is not None and value is not None:
            yield from split(f"{path}{name}", value)
        else:
            yield from _split_value(f"{path}{name}", _NULL_PARTS.get(name) if value is None else value)


def _split_value(path: str, value: Any) -> Iterator[LeafPart]:
    if isinstance(value, dict):
        yield from _split_object(value, f"{path}.")
    elif isinstance(value, list):  # the bounds of an interval
        for name, bound in zip(("low", "high"), value, strict=True):
            yield LeafPart(bound, f"{path}.{name}")
    else:
        yield LeafPart(int(value) if isinstance(value, bool) else value, path)


def _split_bands(path: str, bands: Sequence[Json]) -> Iterator[LeafPart]:
    for band in bands:
        start, end = band["from"], band["to"]
        item = f"[{start}, {'' if end is None else end})"
        for name in ("value", "share"):
            yield LeafPart(band[name], f"{path}.{name}", item, item_from=start, item_to=end)


def _split_items(path: str, items: Sequence[Json]) -> Iterator[LeafPart]:
    """Yield the numbers of items: brands by `key` and `label`, campaigns and points of interest by id and key."""
    for item in items:
        identifier, *names = [name for name in ("poi", "campaign", "key", "label") if name in item]
        name_of_item = item[names[0]] if names else None
        for name, value in item.items():
            if name != identifier and name not in names:
                yield LeafPart(value, f"{path}.{name}", item[identifier], name_of_item)


def _split_matrix(matrix: Mapping[str, Any]) -> Iterator[LeafPart]:
    """Yield the cells of a matrix: the item is the area of the row; by an area, the only row is that area's."""
    areas = matrix["areas"]
    for field in ("users", "rate"):
        cells = matrix[field]
        rows = areas if len(cells) == len(areas) else [None] * len(cells)
        for area, values in zip(rows, cells, strict=True):
            for other, value in zip(areas, values, strict=True):
                yield LeafPart(value, field, area, subitem=other)


def _split_ranks(path: str, ranks: Sequence[Json]) -> Iterator[LeafPart]:
    for rank in ranks:
        for item in rank["items"]:
            for name in ("value", "share"):
                yield LeafPart(item.get(name), f"{path}.items.{name}", item["key"], subitem=str(rank["rank"]))


def _split_transitions(path: str, transitions: Sequence[Json]) -> Iterator[LeafPart]:
    for transition in transitions:
        yield LeafPart(transition["value"], f"{path}.value", transition["from"], subitem=transition["to"])


def _split_mean_ranks(path: str, mean_ranks: Mapping[str, Any]) -> Iterator[LeafPart]:
    for area, value in mean_ranks.items():
        yield LeafPart(value, path, area)


_SPLITTERS: Mapping[str, Callable[[str, Any], Iterator[LeafPart]]] = {
    "bins": _split_bands,
    "items": _split_items,
    "ranks": _split_ranks,
    "transitions": _split_transitions,
    "meanRank": _split_mean_ranks,
}
