"""Formats extras of campaigns as `name:value`, the form that filters, scopes and answers use."""

import json
from collections.abc import Mapping
from typing import Any


def format_extra(name: str, value: Any) -> str:
    """Return an extra as text (see `format_scalar`)."""
    return f"{name}:{format_scalar(value)}"


def format_scalar(value: Any) -> str:
    """Return a value as text; values other than texts are written as JSON, whole numbers without decimals."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if isinstance(value, str) else json.dumps(value)


def format_extras(extra: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return all extras of a campaign as texts."""
    return tuple(format_extra(name, value) for name, value in (extra or {}).items())
