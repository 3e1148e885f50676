"""Values of Python and its data libraries as the API has them: in JSON, in queries and in paths."""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from urllib.parse import quote
from uuid import UUID

_MISSING_TYPES = frozenset({"NaTType", "NAType"})  # of pandas, which is not imported here


def encode_json(value: Any) -> bytes:
    """Return the JSON of a value, in which numbers that are none (NaN, infinite) are null.

    Raise TypeError for an object that has no value in JSON.
    """
    try:
        return json.dumps(value, default=format_value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:  # also for circular references, which are none the second time either
        return json.dumps(_replace_missing(value), ensure_ascii=False, allow_nan=False).encode()


def format_value(value: Any) -> Any:
    """Return a value that JSON lacks as one that it has: instants as texts, arrays as lists, missing values as None.

    Raise TypeError for an object of another type.
    """
    kind = type(value).__name__
    if kind in _MISSING_TYPES:
        return None
    if isinstance(value, date | time):  # also instants
        return value.isoformat()
    if kind == "datetime64":  # of numpy, whose `tolist` may be a number of nanoseconds
        return None if str(value) == "NaT" else str(value)
    if isinstance(value, Decimal | UUID | Enum):
        return value.value if isinstance(value, Enum) else str(value)
    for name in ("tolist", "to_list"):  # arrays and numbers of numpy, columns of pandas and Polars
        if hasattr(value, name):
            return getattr(value, name)()
    if isinstance(value, Iterable) and not isinstance(value, bytes | bytearray):
        return dict(value) if isinstance(value, Mapping) else list(value)
    raise TypeError(f"A {kind} cannot be sent as JSON.")


def format_day(value: Any) -> Any:
    """Return a day as the API has it; of an instant, such as a Timestamp of pandas, its day."""
    if isinstance(value, datetime):
        value = value.date()
    return value.isoformat() if isinstance(value, date) else value


def format_params(params: Mapping[str, Any]) -> dict[str, str | Sequence[str]]:
    """Return the parameters of a query as texts, without those that are None."""
    texts: dict[str, str | Sequence[str]] = {}
    for name, value in params.items():
        plain = value if isinstance(value, str | int | float | None) else format_value(value)
        if isinstance(plain, list):
            texts[name] = [_format_param(each) for each in plain]
        elif plain is not None:
            texts[name] = _format_param(plain)
    return texts


def build_path(*parts: str) -> str:
    """Return a path of these parts, each of which may have any characters.

    Raise ValueError for a part that would lead to another path.
    """
    for part in parts:
        if part in {"", ".", ".."}:
            raise ValueError(f"An id or key cannot be '{part}'.")
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def _format_param(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def _replace_missing(value: Any) -> Any:
    """Return a value of plain types, with None for numbers that are none."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, dict):
        return {name: _replace_missing(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_replace_missing(each) for each in value]
    return _replace_missing(format_value(value))
