"""Reads the JSON of request bodies: RFC 8259 without the constructs that parsers interpret differently.

Refused in addition to malformed JSON: `NaN` and infinities (also written as `1e999`), lone surrogates, NUL characters,
duplicate names in an object, integers beyond 64 bits, more than `MAX_LEVELS` levels, and bytes that are not UTF-8.
"""

import json
from collections.abc import Iterator
from math import isfinite
from typing import Any

from okube_api.errors import BadRequest, TooLarge

MAX_LEVELS = 32
MAX_VALUES = 200_000
_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**63 - 1
_MAX_EXACT = 2**53
_INTEGER_RANGE = "Integers must fit into 64 bits."


class _ObjectPairs(list[tuple[str, Any]]):
    """The names and values of an object in order, duplicates included."""


class _RefusedNumber(str):
    """A number that is not read: NaN, an infinity, or an integer of many digits."""


def read_json(body: bytes) -> Any:
    """Return the value of a body.

    Raise BadRequest, whose pointer names the value at fault, or TooLarge for a body of very many values.
    """
    if body.count(b",") >= MAX_VALUES:  # also commas in texts count, since only a parser could tell
        raise TooLarge(f"The body may have {MAX_VALUES:,} values at most.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refusal("", "invalid_json", f"The body is not UTF-8: byte {error.start} cannot be read.") from None
    try:
        raw = json.loads(text, object_pairs_hook=_ObjectPairs, parse_constant=_RefusedNumber, parse_int=_parse_integer)
    except json.JSONDecodeError as error:
        message = f"The body is not JSON: {error.msg}, line {error.lineno} column {error.colno}."
        raise _refusal("", "invalid_json", message) from None
    except RecursionError:
        raise _too_deep("") from None
    return _check(raw, "", 0)


def _parse_integer(digits: str) -> int | _RefusedNumber:
    """Return an integer; keep long ones as texts, because Python refuses to parse thousands of digits."""
    return int(digits) if len(digits) <= 20 else _RefusedNumber(digits)


def _check(value: Any, pointer: str, level: int) -> Any:
    if level > MAX_LEVELS:
        raise _too_deep(pointer)
    if isinstance(value, _ObjectPairs):
        return dict(_check_members(value, pointer, level))
    if isinstance(value, list):
        for index, item in enumerate(value):
            value[index] = _check(item, f"{pointer}/{index}", level + 1)
        return value
    if isinstance(value, _RefusedNumber):
        is_integer = value.lstrip("-").isdigit()
        raise _refusal(pointer, "out_of_range", _INTEGER_RANGE if is_integer else f"JSON does not allow {value}.")
    if isinstance(value, str):
        return _check_text(value, pointer)
    if isinstance(value, int) and not _MIN_INTEGER <= value <= _MAX_INTEGER:
        raise _refusal(pointer, "out_of_range", _INTEGER_RANGE)
    return _check_number(value, pointer) if isinstance(value, float) else value


def _check_number(value: float, pointer: str) -> int | float:
    """Return whole numbers as integers: JSON has one type of number, and `2.0` is valid where an integer is."""
    if not isfinite(value):
        raise _refusal(pointer, "out_of_range", "The number is too large.")
    return int(value) if value.is_integer() and abs(value) < _MAX_EXACT else value


def _check_members(pairs: _ObjectPairs, pointer: str, level: int) -> Iterator[tuple[str, Any]]:
    seen: set[str] = set()
    for name, value in pairs:
        member_pointer = f"{pointer}/{escape_pointer(_check_text(name, pointer))}"
        if name in seen:
            raise _refusal(member_pointer, "repeated", f"Duplicate field '{name[:100]}'.")
        seen.add(name)
        yield name, _check(value, member_pointer, level + 1)


def _check_text(text: str, pointer: str) -> str:
    if "\0" in text:
        raise _refusal(pointer, "invalid_text", "Texts must not contain NUL characters.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise _refusal(pointer, "invalid_text", "The text contains half of a surrogate pair.") from None
    return text


def escape_pointer(name: str) -> str:
    """Return a name escaped for a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _too_deep(pointer: str) -> BadRequest:
    return _refusal(pointer[:200], "too_deep", f"The body has more than {MAX_LEVELS} levels of nesting.")


def _refusal(pointer: str, code: str, message: str) -> BadRequest:
    return BadRequest.with_code("body", pointer, code, message)


def is_same_json(first: Any, second: Any) -> bool:
    """Return whether two JSON values are equal; unlike in Python, `True` does not equal 1."""
    if isinstance(first, bool) or isinstance(second, bool):
        return first is second
    if isinstance(first, dict) and isinstance(second, dict):
        return first.keys() == second.keys() and all(is_same_json(value, second[name]) for name, value in first.items())
    if isinstance(first, list) and isinstance(second, list):
        return len(first) == len(second) and all(map(is_same_json, first, second))
    return bool(first == second)
