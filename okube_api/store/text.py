"""Text made comparable: case, accents and width aside."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from okube_api.store.base import Collection


def folded(text: str) -> str:
    """Lower case without accents: what `Contains` compares, on both sides."""
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(mark for mark in apart if not unicodedata.combining(mark)).casefold()


def searchable(collection: Collection, document: Mapping[str, Any]) -> str | None:
    """The folded text that `Contains` looks through, its parts kept apart by line ends; None where nothing is."""
    found: list[str] = []
    for path in collection.search:
        value: Any = document
        for step in path.split("."):
            value = value.get(step) if isinstance(value, Mapping) else None
        found += [str(one) for one in (value if isinstance(value, list) else [value]) if one is not None]
    return "\n".join(folded(one) for one in found) if collection.search else None
