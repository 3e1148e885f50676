"""Hooks of the schemathesis command: the names of resources that exist, and formats of the API.

They are independent of the checks: `schemathesis.toml` says which answers are accepted.
"""

import json
import os
import re
import zlib
from typing import Any

import h3
import schemathesis
from hypothesis import strategies as st

NAMES: dict[str, list[str]] = json.loads(os.environ.get("OKUBE_SCHEMATHESIS_NAMES", "{}"))
_ID = re.compile(r"[0-9a-f]{24}")
REFERENCES = {
    "app": "application",
    "applications": "application",
    "campaign": "campaign",
    "campaigns": "campaign",
    "equipments": "equipment",
    "lever": "lever",
    "levers": "lever",
    "parent": "site",
    "poi": "poi",
    "pois": "poi",
    "site": "site",
    "sites": "site",
    "study": "study",
}
"""Kind of the resources that a field of a body or query names."""

schemathesis.openapi.format("h3-cell", st.sampled_from(["8c1fb4675b6a5ff", "8a1f902e6217fff"]))
schemathesis.openapi.format("iana-time-zone", st.sampled_from(["Europe/Paris", "UTC", "America/New_York"]))


@schemathesis.hook
def map_path_parameters(context: Any, parameters: dict[str, Any] | None) -> dict[str, Any] | None:
    """Name an existing resource in three of four path parameters, by its id or key."""
    if not parameters:
        return parameters
    return {name: _choose_name(NAMES.get(name), value) for name, value in parameters.items()}


@schemathesis.hook
def map_query(context: Any, query: dict[str, Any] | None) -> dict[str, Any] | None:
    """Name existing resources in three of four references of a query."""
    named: dict[str, Any] | None = _name_resources(query)
    return named


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    """Name existing resources in three of four references of a body, and the POI that an update in a list names."""
    is_named_update = context.operation.method in ("put", "patch") and context.operation.path.endswith("/pois")
    if is_named_update and isinstance(body, dict) and _ID.fullmatch(str(body.get("_id"))):
        ids = [name for name in NAMES.get("poi", ()) if _ID.fullmatch(name)]
        body = {**body, "_id": _choose_name(ids, body["_id"])}
    return _name_resources(body)


@schemathesis.hook
def filter_case(context: Any, case: Any) -> bool:
    """Leave out what no schema says.

    No pattern describes the H3 cells of all resolutions, no keyword that the keys of a list of extras differ, and where
    any JSON is allowed, its integers have 64 bits.
    The generated bodies are not compressed, so a `Content-Encoding` that names a compression is wrong.
    """
    encoding = (case.headers or {}).get("Content-Encoding", "")
    return not (encoding in ("gzip", "x-gzip", "zstd") or _is_beyond_schema(case.body) or _is_beyond_schema(case.query))


def _is_beyond_schema(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_is_beyond_schema, value.values()))
    if isinstance(value, list):
        keys = [str(item["key"]) for item in value if isinstance(item, dict) and item.keys() == {"key", "value"}]
        return len(set(keys)) < len(keys) or any(map(_is_beyond_schema, value))
    if isinstance(value, str):
        return len(value) == 15 and value.isalnum() and not h3.is_valid_cell(value)
    return isinstance(value, int) and not -(2**63) <= value < 2**63


def _name_resources(value: Any) -> Any:
    """Return a value whose references, at any depth, name existing resources."""
    if isinstance(value, list):
        return [_name_resources(item) for item in value]
    if not isinstance(value, dict):
        return value
    named = {}
    for name, inner in value.items():
        kind = REFERENCES.get(name)
        if kind and isinstance(inner, str):
            named[name] = _choose_name(NAMES.get(kind), inner)
        elif kind and isinstance(inner, list) and all(isinstance(item, str) for item in inner):
            named[name] = [_choose_name(NAMES.get(kind), item) for item in inner]
        else:
            named[name] = _name_resources(inner)
    return named


def _choose_name(names: list[str] | None, value: object) -> object:
    number = zlib.crc32(str(value).encode("utf-8", "surrogatepass"))
    return names[number // 4 % len(names)] if names and number % 4 else value
