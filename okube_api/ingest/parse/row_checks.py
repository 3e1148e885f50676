"""Single lines held to the schema of their kind, to say exactly what is wrong with them.

Reasons repeat nothing that a line says: they are kept as they are, and anything may be somebody's name.
"""

import csv
import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from okube_api.errors import format_suggestion
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.parse.column_checks import get_field_rules
from okube_api.store.values import Json

MAX_REASON_CHARACTERS = 300


class InvalidLine(Exception):
    """A line that is no event; the message is its reason."""


def validate_event(kind: str, event: Json) -> Json:
    """The fields of an event that meets its schema; null fields are left out.  Raises BadLine."""
    try:
        found = KINDS[kind].model.model_validate(event)
    except ValidationError as error:
        raise InvalidLine(_reason(kind, error)) from None
    return found.model_dump(exclude_none=True)


def _reason(kind: str, error: ValidationError) -> str:
    known = [one.name for one in get_field_rules(kind)]
    reasons = []
    for one in error.errors(include_url=False, include_input=False)[:3]:
        where = ".".join(str(part) for part in one["loc"])
        message = str(one["msg"]).removeprefix("Value error, ")
        if one["type"] == "extra_forbidden":
            reasons.append(f"A field is none of {kind}: {', '.join(known)}.{format_suggestion(where, known)}")
        else:
            reasons.append(f"'{where}': {message}" if where else message)
    return "; ".join(reasons)[:MAX_REASON_CHARACTERS]


def parse_json_line(text: bytes) -> Json:
    """The event of a line of NDJSON, unchecked.  Raises BadLine."""
    try:
        found = json.loads(text.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except UnicodeDecodeError:
        raise InvalidLine("The line is not UTF-8.") from None
    except (json.JSONDecodeError, RecursionError) as error:
        raise InvalidLine(f"The line is no JSON: {error}."[:MAX_REASON_CHARACTERS]) from None
    if not isinstance(found, dict):
        raise InvalidLine("The line is no JSON object.")
    _no_surrogates(found)
    return found


def _once(pairs: Sequence[tuple[str, Any]]) -> Json:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise InvalidLine("A field stands twice.")
    return found


def _no_constant(name: str) -> Any:
    raise InvalidLine(f"{name} is no JSON number.")


def _no_surrogates(event: Json) -> None:
    for value in (*event, *event.values()):
        if isinstance(value, str):
            try:
                value.encode("utf-8")
            except UnicodeEncodeError:
                raise InvalidLine("The line holds half a surrogate pair, which is no character.") from None


def parse_csv_line(kind: str, names: Sequence[str], delimiter: str, text: bytes) -> Json:
    """The event of a line of CSV, unchecked; an empty cell is no value.  Raises BadLine."""
    try:
        cells = next(csv.reader([text.decode("utf-8")], delimiter=delimiter, strict=True), [])
    except UnicodeDecodeError:
        raise InvalidLine("The line is not UTF-8.") from None
    except csv.Error as error:
        raise InvalidLine(f"The line is no CSV: {error}.") from None
    if len(cells) != len(names):
        raise InvalidLine(f"The line has {len(cells)} cells, the header has {len(names)}.")
    types = {one.name: one.rule["type"] for one in get_field_rules(kind)}
    return {name: _number(cell, types[name]) for name, cell in zip(names, cells, strict=True) if cell}


def _number(cell: str, kind: str) -> str | int | float:
    """The number that a cell stands for, the text itself where it is none."""
    if kind == "string":
        return cell
    try:
        return int(cell) if kind == "integer" else float(cell)
    except ValueError:
        return cell
