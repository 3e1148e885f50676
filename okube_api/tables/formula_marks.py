"""Marks texts that a spreadsheet would run as formulas with an apostrophe, also ones behind blanks or in full width."""

import re
from functools import lru_cache

# Characters that a spreadsheet skips before it looks for a formula: controls, blanks, and those without a width.
_SKIPPED = (
    "[\x01-\x20\x7f-\xa0\xad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    "\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb]"
)
# The characters that start a formula, also small, in full width, and the minus sign of mathematics.
_STARTS = "[=+\\-@\t\r\u2212\ufe62\ufe63\ufe66\ufe6b\uff0b\uff0d\uff1d\uff20]"
FORMULA = f"{_SKIPPED}*{_STARTS}"
"""Pattern of the beginning of a formula."""

MARKED_FORMULA = f"^'('*{FORMULA})"
"""Pattern of the beginning of a marked formula, whose first group is what the mark protects.

It means the same in RE2 and in Python, so that whole columns are read by it.
"""

_FORMULA, _MARKED_FORMULA = re.compile(FORMULA), re.compile(MARKED_FORMULA)
_PLAIN_NUMBER = re.compile(r"-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)


def is_formula(text: str) -> bool:
    """Tell whether a spreadsheet would run a text as a formula."""
    return not text[:1].isalnum() and _FORMULA.match(text) is not None and not is_plain_number(text)


def is_plain_number(text: str) -> bool:
    """Tell whether a text is a number that a spreadsheet reads as such, although it may start with a minus sign."""
    return _PLAIN_NUMBER.fullmatch(text) is not None


def remove_mark(cell: str) -> str:
    """Return the text of a cell of a file of events: without the mark before a formula."""
    return cell[1:] if cell[:1] == "'" and _MARKED_FORMULA.match(cell) else cell


def mark_cells(record: str, delimiter: str) -> str:
    """Return a record of CSV with a mark before each formula; nothing else changes.  The record may be malformed.

    `remove_mark` gives the same texts for its cells as for those of the record.
    """
    return _compile_cell(delimiter).sub(_mark_cell, record)


def _mark_cell(match: re.Match[str]) -> str:
    start, quote, text = match["start"], match["quote"] or "", match["quoted"] or match["plain"] or ""
    needs_mark = _FORMULA.match(text) and not is_plain_number(text.strip(" "))
    return f"{start}{quote}'{text}" if needs_mark else match[0]


@lru_cache
def _compile_cell(delimiter: str) -> re.Pattern[str]:
    d = re.escape(delimiter)
    return re.compile(rf'(?P<start>^|{d})(?:(?P<quote> *")(?P<quoted>(?:[^"]|"")*+)|(?P<plain>[^{d}]*+))')
