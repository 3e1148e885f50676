"""What both stores read out of a document alike: values by path, unique claims, and text to search."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from okube_api.store.schema import Collection


def fold(text: str) -> str:
    """Lower case without accents: what `Contains` compares, on both sides."""
    if text.isascii():
        return text.lower()
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(mark for mark in apart if not unicodedata.combining(mark)).casefold()


def build_search_text(collection: Collection, document: Mapping[str, Any]) -> str | None:
    """The folded text that `Contains` looks through, its parts kept apart by line ends; None where nothing is."""
    found: list[str] = []
    for path in collection.search:
        value = get_value(document, path)
        found += [str(one) for one in (value if isinstance(value, list) else [value]) if one is not None]
    return "\n".join(fold(one) for one in found) if collection.search else None


def get_value(document: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path, None where there is none."""
    if "." not in path:
        return document.get(path)
    value: Any = document
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def unique_keys(group: Sequence[str], document: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """The combinations of values that a document takes in a unique group; none where one is null."""
    found: list[tuple[Any, ...]] = [()]
    for name in group:
        value = get_value(document, name)
        values = value if isinstance(value, list) else [] if value is None else [value]
        found = [(*claim, one) for claim in found for one in values]
    return found
