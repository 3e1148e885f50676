"""Extras of campaigns as texts: `name:value`, the way filters and scopes name them."""

from collections.abc import Mapping
from typing import Any


def term(name: str, value: Any) -> str:
    """One extra as text; true, false and null as JSON writes them, a whole number without decimals."""
    if value is None or isinstance(value, bool):
        return f"{name}:{ {True: 'true', False: 'false', None: 'null'}[value] }"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"{name}:{value}"


def terms(extra: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Every extra of a campaign as text."""
    return tuple(term(name, value) for name, value in (extra or {}).items())
