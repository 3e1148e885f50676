"""Refuses keys that a spreadsheet or a data frame has turned into numbers: without leading zeros, or rounded."""

import re
from collections.abc import Collection
from decimal import Decimal

from okube_api.errors import Fault, Impossible
from okube_api.store.values import Json

_INTEGER = re.compile(r"([1-9]\d*|0)(?:[.,]0+)?", re.ASCII)
_ROUNDED = re.compile(r"([1-9])(?:[.,](\d+))?[eE]\+?(\d{1,3})", re.ASCII)


def refuse_spoiled_keys(stored: Json, row: Json) -> None:
    """Raise Impossible when a row has a key of the stored resource as a number instead.

    stored: the resource that the `_id` of the row names; row: the fields of the row.
    """
    lists: dict[str, tuple[list[str | None], list[str | None]]] = {
        "key": ([stored.get("key")], [row.get("key")]),
        "keys": (stored.get("keys") or [], row.get("keys") or []),
    }
    for field, (originals, keys) in lists.items():
        for key in keys:
            original = _find_original(key, originals) if key and key not in originals else None
            if key and original:
                reason = (
                    f"The key '{key[:50]}' looks like '{original[:50]}', the key of the resource with this _id, after "
                    "a program has read it as a number. Format the column as text and restore the key. To change the "
                    "key, update the resource without a table."
                )
                raise Impossible(reason, faults=[Fault("body", f"/{field}", "spoiled_key", reason)])


def _find_original(key: str, originals: Collection[str | None]) -> str | None:
    """Return the key of digits that a program writes as `key` when it takes it for a number."""
    numbers = (original for original in originals if original and original.isascii() and original.isdecimal())
    if whole := _INTEGER.fullmatch(key):
        return next((original for original in numbers if (original.lstrip("0") or "0") == whole[1]), None)
    if rounded := _ROUNDED.fullmatch(key):
        digits = rounded[2] or ""
        text = f"{rounded[1]}{'.' if digits else ''}{digits}E+{int(rounded[3])}"
        return next((original for original in numbers if f"{Decimal(original):.{len(digits)}E}" == text), None)
    return None
