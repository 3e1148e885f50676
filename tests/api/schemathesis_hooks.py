"""Hooks of the schemathesis command: real names in paths, and formats of the API."""

import json
import os
import zlib
from typing import Any

import h3
import schemathesis
from hypothesis import strategies as st

NAMES: dict[str, list[str]] = json.loads(os.environ.get("OKUBE_SCHEMATHESIS_NAMES", "{}"))

schemathesis.openapi.format("h3-cell", st.sampled_from(["8c1fb4675b6a5ff", "8a1f902e6217fff"]))
schemathesis.openapi.format("iana-time-zone", st.sampled_from(["Europe/Paris", "UTC", "America/New_York"]))


@schemathesis.hook
def map_path_parameters(context: Any, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Name an existing resource in three of four path parameters, by its id or key."""
    if not parameters:
        return parameters
    return {name: _choose_name(name, value) for name, value in parameters.items()}


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Replace texts that only look like H3 cells, which a pattern cannot tell."""
    return _replace_cells(body)


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Leave out an empty `q`: the document gives it a minimum length, and the server takes it as absent."""
    return (case.query or {}).get("q") != ""


def _replace_cells(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _replace_cells(field) for name, field in value.items()}
    if isinstance(value, list):
        return [_replace_cells(item) for item in value]
    is_like_cell = isinstance(value, str) and len(value) == 15 and not h3.is_valid_cell(value)
    return "8c1fb4675b6a5ff" if is_like_cell and value.isalnum() else value


def _choose_name(name: str, value: object) -> object:
    number = zlib.crc32(str(value).encode("utf-8", "surrogatepass"))
    names = NAMES.get(name)
    return names[number // 4 % len(names)] if names and number % 4 else value
