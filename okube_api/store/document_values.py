"""Values that both stores read out of a document: values by path, unique keys and the search text."""

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any

from okube_api.store.schema import Collection


def fold(text: str) -> str:
    """Return a text in lower case without accents, as `Contains` compares both sides."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character)).casefold()


def build_search_text(collection: Collection, document: Mapping[str, Any]) -> str | None:
    """Return the folded text that `Contains` searches, one value per line; None when the collection declares none."""
    texts: list[str] = []
    for path in collection.search:
        value = get_value(document, path)
        values = value if isinstance(value, list) else [value]
        texts += [str(element) for element in values if element is not None]
    return "\n".join(fold(text) for text in texts) if collection.search else None


def get_value(document: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path, or None."""
    if "." not in path:
        return document.get(path)
    value: Any = document
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return value


def unique_keys(group: Sequence[str], document: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Return the keys of a document in a unique group: tuples with one value per field of the group.

    A list gives one key per element.  A null gives no keys, since nulls are not unique.
    """
    keys: list[tuple[Any, ...]] = [()]
    for name in group:
        value = get_value(document, name)
        values = value if isinstance(value, list) else [] if value is None else [value]
        keys = [(*key, element) for key in keys for element in values]
    return keys
