"""One cell of a table: how a value is written into it, so that no spreadsheet runs it and reading gives it back.

A mark, one apostrophe before the text, keeps a spreadsheet from taking it for a formula.  Reading takes one mark off
where writing would have put it, so texts that start with apostrophes themselves survive.  An empty cell is no value;
the empty text is a lone mark.
"""

import json
import re
from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any

from okube_api.errors import BadRequest
from okube_api.kit.json_text import read_json

Free = str | int | float | bool | None | list[Any] | dict[str, Any]

_NUMBER = r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?"
_PLAIN_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_JSON_NUMBER = re.compile(_NUMBER, re.ASCII)
_NEEDS_MARK = re.compile(r"'*(?:[=+\-@\t\r]|\Z)")
_FREE_NEEDS_MARK = re.compile(rf"'*(?:[=+\-@\t\r{{\[]|(?:true|false|null|{_NUMBER})?\Z)", re.ASCII)
_SUSPECT = frozenset("=+-@\t\r'")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
_LEAST, _MOST = -(2**63), 2**63 - 1

# -- texts ---------------------------------------------------------------------------------------------------


def format_text(text: str) -> str:
    """The cell of a text."""
    if text and text[0] not in _SUSPECT:
        return text
    return f"'{text}" if _NEEDS_MARK.match(text) and not _PLAIN_NUMBER.fullmatch(text) else text


def parse_text(cell: str) -> str:
    """The text of a cell that is not empty."""
    return cell[1:] if cell[0] == "'" and _NEEDS_MARK.match(cell) else cell


# -- lists: items joined by `|`, which a backslash before it makes part of an item ----------------------------------


def format_texts(items: Sequence[str]) -> str:
    """The cell of a list of texts."""
    joined = "|".join(items)
    if "\\" in joined or joined.count("|") >= len(items):
        joined = "|".join(one.replace("\\", "\\\\").replace("|", "\\|") for one in items)
    return format_text(joined)


def format_values(items: Iterable[Any]) -> str:
    """The cell of a list of anything: each item as JSON."""
    return format_texts([json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in items])


def parse_list(cell: str) -> list[str]:
    """The items of a cell that is not empty; a backslash before anything but `|` and itself is a backslash."""
    text = parse_text(cell)
    if "\\" not in text:
        return text.split("|")
    items = [""]
    for part in re.findall(r"\\[\\|]|[^\\|]+|\\|\|", text):
        if part == "|":
            items.append("")
        else:
            items[-1] += part[1] if part in {"\\\\", "\\|"} else part
    return items


# -- values of any type, in objects of the caller's own making -------------------------------------------------------


def format_free(value: Free) -> str:
    """The cell of a value whose type nothing but the cell tells: texts that look like another type get a mark."""
    if isinstance(value, str):
        return f"'{value}" if _FREE_NEEDS_MARK.match(value) else value
    return json.dumps(value, ensure_ascii=False)


def parse_free(cell: str) -> Free:
    """The value of a cell that is not empty: a number, `true`, `false`, `null`, JSON in brackets, or else a text."""
    if cell[0] == "'":
        return cell[1:] if _FREE_NEEDS_MARK.match(cell) else cell
    if cell in _WORDS:
        return _WORDS[cell]
    if cell[0] in "[{":
        return _json(cell)
    number = parse_number(cell) if _JSON_NUMBER.fullmatch(cell) else None
    return cell if number is None else number


def _json(cell: str) -> Free:
    """A list or an object, held to what bodies may carry; what is none is a text."""
    try:
        found: Free = read_json(cell.encode())
    except BadRequest:
        return cell
    return found


def parse_number(text: str) -> int | float | None:
    """The number that a text is, as JSON has it; None for anything else, integers beyond 64 bits included."""
    if len(text) > 400 or not _JSON_NUMBER.fullmatch(text):
        return None
    number: int | float = json.loads(text)
    if isinstance(number, int):
        return number if _LEAST <= number <= _MOST else None
    return number if isfinite(number) else None
