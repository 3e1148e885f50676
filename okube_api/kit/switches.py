"""Boolean query parameters, which are read leniently."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Strict, WithJsonSchema

from okube_api.kit.booleans import BOOLEANS

_SPELLINGS = {"1": "true", "0": "false"}


def _normalize_flag(value: object) -> object:
    """Return `true` or `false` for a boolean in any case, or written 1 or 0; other values as they are."""
    if not isinstance(value, str):
        return value
    text = _SPELLINGS.get(value, value.lower())
    return text if text in BOOLEANS else value


def _parse_switch(value: object) -> object:
    text = _normalize_flag(value)
    return BOOLEANS.get(text, text) if isinstance(text, str) else text


Flag = Annotated[
    Literal["true", "false"],
    BeforeValidator(_normalize_flag),
    WithJsonSchema({"type": "string", "enum": ["true", "false", "1", "0"]}),
]
"""A boolean filter, written `true`, `false`, 1 or 0 in any case: when it is absent, both values match."""

Switch = Annotated[bool, BeforeValidator(_parse_switch), Strict()]
"""A boolean parameter, written `true`, `false`, 1 or 0 in any case."""
