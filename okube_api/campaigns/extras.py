"""Extras of campaigns as texts, `name:value`: the way filters, scopes and answers name them."""

import json
from collections.abc import Mapping
from typing import Any


def format_extra(name: str, value: Any) -> str:
    """One extra as text; values that are no texts as JSON writes them, whole numbers without decimals."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"{name}:{value if isinstance(value, str) else json.dumps(value)}"


def format_extras(extra: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Every extra of a campaign as text."""
    return tuple(format_extra(name, value) for name, value in (extra or {}).items())
