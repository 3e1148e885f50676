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


_SWITCHES = ("active", "hasDraft", "inProd", "name", "online", "trigger")


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Leave out cases about which the document cannot be exact.

    An empty `q` means that it is absent, booleans may be 0 and 1, a decimal comma needs another delimiter, and not
    all texts of 15 digits are H3 cells.
    """
    query = case.query if isinstance(case.query, dict) else {}
    if query.get("q") == "" or any(str(query.get(name)) in {"0", "1"} for name in _SWITCHES):
        return False
    if query.get("decimal") == "," and query.get("delimiter", ",") == ",":
        return False
    return not _has_false_cell(case.body)


def _has_false_cell(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_has_false_cell, value.values()))
    if isinstance(value, list):
        return any(map(_has_false_cell, value))
    return isinstance(value, str) and len(value) == 15 and value.isalnum() and not h3.is_valid_cell(value)


def _choose_name(name: str, value: object) -> object:
    number = zlib.crc32(str(value).encode("utf-8", "surrogatepass"))
    names = NAMES.get(name)
    return names[number // 4 % len(names)] if names and number % 4 else value
