"""Formats values as cells of a table and parses them back, safe from formula injection.

A mark, one apostrophe before the text, keeps a spreadsheet from running a text as a formula, also one behind blanks,
invisible characters, or written in full width.  The parser removes one
mark where the formatter would have added it, so that texts with leading apostrophes survive, too.  An empty cell has
no value; the empty text is a single mark.
"""

import json
import re
from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any

from okube_api.errors import BadRequest
from okube_api.kit.booleans import BOOLEANS
from okube_api.kit.json_text import read_json
from okube_api.tables.formula_marks import FORMULA, is_plain_number

FreeValue = str | int | float | bool | None | list[Any] | dict[str, Any]

_NUMBER = r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?"
_JSON_NUMBER = re.compile(_NUMBER, re.ASCII)
NULL_CELL = "\\N"
"""How databases write a value that is absent."""

_NEEDS_MARK = re.compile(rf"'*(?:{FORMULA}|(?:\\N)?\Z)")
_LIST_NEEDS_MARK = re.compile(rf"'*(?:{FORMULA}|\[.*\]\Z|\Z)", re.DOTALL)
_FREE_NEEDS_MARK = re.compile(rf"'*(?:{FORMULA}|\\N\Z|[{{\[]|(?:true|false|null|{_NUMBER})?\Z)", re.ASCII)
_FREE_WORDS: dict[str, bool | None] = {**BOOLEANS, "null": None}
_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**63 - 1

_PYTHON_TEXT = re.compile(r"'[^'\\]*'")
_PYTHON_TEXTS = re.compile(r"\[ *'[^'\\]*'(?: *, *'[^'\\]*')* *\]")

# -- texts ---------------------------------------------------------------------------------------------------


def format_text(text: str) -> str:
    """Return the cell of a text."""
    if text[:1].isalnum():
        return text
    return f"'{text}" if _NEEDS_MARK.match(text) and not is_plain_number(text) else text


def parse_text(cell: str) -> str:
    """Return the text of a cell that is not empty."""
    return cell[1:] if cell[0] == "'" and _NEEDS_MARK.match(cell) else cell


# -- lists: items joined by `|`; a backslash escapes a `|` or a backslash within an item -----------------------------


def format_texts(items: Sequence[str]) -> str:
    """Return the cell of a list of texts."""
    joined = join_items(items)
    return f"'{joined}" if _LIST_NEEDS_MARK.match(joined) and not is_plain_number(joined) else joined


def format_values(items: Iterable[Any]) -> str:
    """Return the cell of a list of any values, each as JSON."""
    return format_text(join_items([json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in items]))


def join_items(items: Sequence[str]) -> str:
    """Return texts joined by `|`."""
    joined = "|".join(items)
    if "\\" in joined or joined.count("|") >= len(items):
        joined = "|".join(item.replace("\\", "\\\\").replace("|", "\\|") for item in items)
    return joined


def parse_list(cell: str) -> list[str]:
    """Return the items of a cell that is not empty: joined by `|`, or a list as JSON or Python writes it.

    A backslash that escapes nothing stays.
    """
    if cell[0] == "[" and cell[-1] == "]" and (items := _parse_texts(cell)) is not None:
        return items
    return split_items(cell[1:] if cell[0] == "'" and _LIST_NEEDS_MARK.match(cell) else cell)


def _parse_texts(cell: str) -> list[str] | None:
    """Return the texts of a list in brackets; None when it is not a list of texts."""
    if _PYTHON_TEXTS.fullmatch(cell):
        return [text[1:-1] for text in _PYTHON_TEXT.findall(cell)]
    value = _parse_json(cell)
    return value if isinstance(value, list) and all(isinstance(item, str) for item in value) else None


def split_items(text: str) -> list[str]:
    """Return the items that are joined by `|` in a text."""
    if "\\" not in text:
        return text.split("|")
    items = [""]
    for part in re.findall(r"\\[\\|]|[^\\|]+|\\|\|", text):
        if part == "|":
            items.append("")
        else:
            items[-1] += part[1] if part in {"\\\\", "\\|"} else part
    return items


# -- values of any type, in objects with free-form names -------------------------------------------------------------


def format_free(value: FreeValue) -> str:
    """Return the cell of a value without a declared type: texts that look like another type get a mark."""
    if isinstance(value, str):
        return f"'{value}" if _FREE_NEEDS_MARK.match(value) else value
    return json.dumps(value, ensure_ascii=False)


def parse_free(cell: str) -> FreeValue:
    """Return the value of a cell that is not empty: a number, `true`, `false`, `null`, JSON in brackets, or a text."""
    if cell[0] == "'":
        return cell[1:] if _FREE_NEEDS_MARK.match(cell) else cell
    if cell in _FREE_WORDS:
        return _FREE_WORDS[cell]
    if cell[0] in "[{":
        return _parse_json(cell)
    number = parse_number(cell) if _JSON_NUMBER.fullmatch(cell) else None
    return cell if number is None else number


def _parse_json(cell: str) -> FreeValue:
    """Return the list or object in a cell, with the limits of request bodies; the cell itself when it is not JSON."""
    try:
        value: FreeValue = read_json(cell.encode())
    except BadRequest:
        return cell
    return value


def parse_number(text: str) -> int | float | None:
    """Return a number in JSON syntax; None for anything else, also for integers beyond 64 bits."""
    if len(text) > 400 or not _JSON_NUMBER.fullmatch(text):
        return None
    number: int | float = json.loads(text)
    if isinstance(number, int):
        return number if _MIN_INTEGER <= number <= _MAX_INTEGER else None
    return number if isfinite(number) else None
