"""Validates single lines and gives the exact reason why a line is rejected.

Reasons never repeat values of a line: they are stored unencrypted, and any value may be the name of a person.
"""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from pydantic import ValidationError

from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.field_names import suggest_field
from okube_api.ingest.parse.column_checks import get_field_rules
from okube_api.kit.cells import ValueType, is_ordered_day, is_ordered_time
from okube_api.store.values import Json
from okube_api.tables.formula_marks import remove_mark

MAX_REASON_CHARACTERS = 300
EMPTY_CELLS = ("", r"\N")
"""Cells without a value; databases write the second one for null."""
_MAX_ERRORS = 3
_MAX_DIGITS = 400
ENCODING_HINT = " Give `encoding` if the file has another encoding."
MAPPER_HINT = " Give `mapper[FIELD]=COLUMN` for columns that have other names."
DATES_HINT = " Give `dates` as `dmy` or `mdy` for days such as 31/12/2024."
_TEXT_EXPECTED = {
    ValueType.INSTANT: (
        "Use RFC 3339 with an offset, such as 2019-03-28T10:25:15+01:00, or the seconds or milliseconds since 1970 "
        "(10 or 13 digits)."
    ),
    ValueType.DAY: "Write a day as YYYY-MM-DD.",
}


class InvalidLine(Exception):
    """A line that is not a valid event; the message is the reason."""


def validate_event(kind: str, event: Json) -> Json:
    """Return the fields of an event without those that are null.  Raise InvalidLine."""
    try:
        model = KINDS[kind].model.model_validate(event)
    except ValidationError as error:
        raise InvalidLine(_format_reason(kind, event, error)) from None
    return model.model_dump(exclude_none=True)


@cache
def _list_value_types(kind: str) -> Mapping[str, ValueType]:
    """Return the types of the fields of a kind."""
    return {rule.name: rule.value_type for rule in get_field_rules(kind)}


def _format_reason(kind: str, event: Json, error: ValidationError) -> str:
    value_types = _list_value_types(kind)
    reasons: list[str] = []
    suggests = True  # for the first unknown field only: looking for similar names takes time
    for details in error.errors(include_url=False, include_input=False)[:_MAX_ERRORS]:
        path = ".".join(str(part) for part in details["loc"])
        message = str(details["msg"]).removeprefix("Value error, ")
        if details["type"] == "extra_forbidden":  # the name is not repeated: it may be a value
            suggestion = suggest_field(kind, path, list(value_types)) if suggests else ""
            suggests = False
            reasons.append(f"Unknown field. Fields of {kind}: {', '.join(value_types)}.{suggestion}")
        else:
            value_type = value_types.get(path, ValueType.TEXT)
            if details["type"] == "string_type":
                message = _TEXT_EXPECTED.get(value_type, message)
            is_ordered = is_ordered_time if value_type is ValueType.INSTANT else is_ordered_day
            hint = DATES_HINT if is_ordered(event.get(path)) else ""
            reasons.append(f"'{path}': {message}{hint}" if path else message)
    return "; ".join(reasons)[:MAX_REASON_CHARACTERS]


def split_reason(kind: str, reason: str) -> list[tuple[str | None, str]]:
    """Return the faults that a reason joins: the field of each, None for the whole line, and its message."""
    faults: list[tuple[str | None, str]] = []
    for part in _BETWEEN_FAULTS.split(reason):
        match = _FAULT.match(part)
        is_field = match is not None and match[1] in _list_value_types(kind)
        faults.append((match[1], match[2]) if match is not None and is_field else (None, part))
    return faults


_BETWEEN_FAULTS = re.compile(r"; (?=')")
_FAULT = re.compile(r"'(\w+)': (.*)", re.DOTALL)


def parse_json_line(text: bytes) -> Json:
    """Return the event of a line of NDJSON, not validated.  Raise InvalidLine."""
    try:
        event = json.loads(
            text.decode("utf-8"),
            object_pairs_hook=_to_dict_without_duplicates,
            parse_constant=_refuse_constant,
            parse_int=_parse_integer,
        )
    except UnicodeDecodeError:
        raise InvalidLine(f"Line is not valid UTF-8.{ENCODING_HINT}") from None
    except (json.JSONDecodeError, RecursionError) as error:
        raise InvalidLine(f"Line is not valid JSON: {error}."[:MAX_REASON_CHARACTERS]) from None
    if not isinstance(event, dict):
        raise InvalidLine("Line is not a JSON object.")
    for value in (*event, *event.values()):
        if isinstance(value, str):
            _check_surrogates(value)
    return event


def _to_dict_without_duplicates(pairs: Sequence[tuple[str, Any]]) -> Json:
    fields: Json = {}
    for name, value in pairs:
        if name in fields:
            raise InvalidLine(f"Duplicate field '{name}'." if name in _get_field_names() else "Duplicate field.")
        fields[name] = value
    return fields


@cache
def _get_field_names() -> frozenset[str]:
    """Return the names of the fields of all kinds, which may appear in a reason."""
    return frozenset(rule.name for kind in KINDS for rule in get_field_rules(kind))


def _parse_integer(digits: str) -> int:
    """Return an integer; refuse long ones, because Python cannot read thousands of digits."""
    if len(digits) > _MAX_DIGITS:
        raise InvalidLine(f"Line has a number of more than {_MAX_DIGITS} digits.")
    return int(digits)


def _refuse_constant(name: str) -> Any:
    raise InvalidLine(f"{name} is not a number in JSON.")


def _check_surrogates(text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise InvalidLine("A text contains half of a surrogate pair, which is not a character.") from None


def parse_csv_line(kind: str, names: Sequence[str], delimiter: str, text: bytes) -> Json | None:
    """Return the event of a record of CSV, as texts; fields of empty cells are left out.  Raise InvalidLine.

    names: of the columns; columns without a name are ignored.
    Return None when all cells are empty.
    """
    try:
        cells = next(csv.reader([text.decode("utf-8")], delimiter=delimiter, strict=True), [])
    except UnicodeDecodeError:
        raise InvalidLine(f"Line is not valid UTF-8.{ENCODING_HINT}") from None
    except csv.Error as error:
        raise InvalidLine(f"Line is not valid CSV: {error}.") from None
    if not any(cells):
        return None
    event = {
        name: remove_mark(cell) for name, cell in zip(names, cells, strict=False) if name and cell not in EMPTY_CELLS
    }
    absent = names[len(cells) :]
    is_incomplete = any(rule.required and rule.name in absent for rule in get_field_rules(kind))
    if any(cells[len(names) :]) or is_incomplete:
        raise InvalidLine(f"Line has {len(cells)} cells, but the header has {len(names)}.")
    return event
