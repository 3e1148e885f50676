"""JSON as bodies may carry it: RFC 8259, less everything that two readers could understand differently.

Refused beside what is not JSON: `NaN` and infinities (also as `1e999`), lone surrogates, NUL characters, a name twice
in one object, integers beyond 64 bits, more than `MOST_LEVELS` levels of nesting, bytes that are not UTF-8.
"""

import json
from collections.abc import Iterator
from math import isfinite
from typing import Any

from okube_api.errors import BadRequest

MOST_LEVELS = 32
_LEAST, _MOST = -(2**63), 2**63 - 1
_EXACT = 2**53


class _Pairs(list[tuple[str, Any]]):
    """An object as it was written: its names in order, repeated ones included."""


class _Word(str):
    """A number that JSON does not have."""


def read_json(body: bytes) -> Any:
    """The value of a body.  Raises BadRequest, with a pointer to what was wrong where there is one."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused("", "invalid_json", f"The body is not UTF-8: byte {error.start} cannot be read.") from None
    try:
        raw = json.loads(text, object_pairs_hook=_Pairs, parse_constant=_Word, parse_int=_integer)
    except json.JSONDecodeError as error:
        message = f"The body is not JSON: {error.msg}, line {error.lineno} column {error.colno}."
        raise _refused("", "invalid_json", message) from None
    except RecursionError:
        raise _too_deep("") from None
    return _checked(raw, "", 0)


def _integer(digits: str) -> int | _Word:
    """Python refuses to read integers of thousands of digits: they stay words, for the check to name."""
    return int(digits) if len(digits) <= 20 else _Word(digits)


def _checked(value: Any, pointer: str, level: int) -> Any:
    if level > MOST_LEVELS:
        raise _too_deep(pointer)
    if isinstance(value, _Pairs):
        return dict(_members(value, pointer, level))
    if isinstance(value, list):
        return [_checked(item, f"{pointer}/{index}", level + 1) for index, item in enumerate(value)]
    if isinstance(value, _Word):
        known = "Integers go up to 64 bits." if value.lstrip("-").isdigit() else f"JSON has no {value}."
        raise _refused(pointer, "out_of_range", known)
    if isinstance(value, str):
        return _text(value, pointer)
    if isinstance(value, int) and not _LEAST <= value <= _MOST:
        raise _refused(pointer, "out_of_range", "Integers go up to 64 bits.")
    return _number(value, pointer) if isinstance(value, float) else value


def _number(value: float, pointer: str) -> int | float:
    """JSON has one sort of number: `2.0` is 2, and good where an integer is asked for."""
    if not isfinite(value):
        raise _refused(pointer, "out_of_range", "The number is too large.")
    return int(value) if value.is_integer() and abs(value) < _EXACT else value


def _members(pairs: _Pairs, pointer: str, level: int) -> Iterator[tuple[str, Any]]:
    seen: set[str] = set()
    for name, value in pairs:
        where = f"{pointer}/{escaped(_text(name, pointer))}"
        if name in seen:
            raise _refused(where, "repeated", "The object has this name twice.")
        seen.add(name)
        yield name, _checked(value, where, level + 1)


def _text(text: str, pointer: str) -> str:
    if "\0" in text:
        raise _refused(pointer, "invalid_text", "Texts may not hold NUL characters.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise _refused(pointer, "invalid_text", "The text holds half of a surrogate pair.") from None
    return text


def escaped(name: str) -> str:
    """A name as a token of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")


def _too_deep(pointer: str) -> BadRequest:
    return _refused(pointer[:200], "too_deep", f"The body has more than {MOST_LEVELS} levels.")


def _refused(pointer: str, code: str, message: str) -> BadRequest:
    return BadRequest.because("body", pointer, code, message)
