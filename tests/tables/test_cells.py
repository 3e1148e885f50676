"""Cells: values survive formatting and parsing, and no cell is a formula."""

import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given
from okube_api.tables.cells import format_free, format_text, format_texts, parse_free, parse_list, parse_text

from tests.tables.strategies import any_text, frees, lists

RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r")
INVISIBLE = ("Cf", "Cc", "Zs", "Zl", "Zp")  # categories of characters
PLAIN_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


def is_harmless(cell: str) -> bool:
    """Return whether no spreadsheet runs the cell as a formula."""
    if cell.startswith(RUN_BY_SPREADSHEETS):
        return PLAIN_NUMBER.fullmatch(cell) is not None
    visible = "".join(character for character in cell if unicodedata.category(character) not in INVISIBLE)
    return not unicodedata.normalize("NFKC", visible).startswith(RUN_BY_SPREADSHEETS)


@given(any_text)
def test_text_survives_and_is_no_formula(text: str) -> None:
    cell = format_text(text)
    assert cell != ""
    assert is_harmless(cell)
    assert parse_text(cell) == text


@given(lists)
def test_list_survives_and_is_no_formula(items: list[str]) -> None:
    cell = format_texts(items)
    assert is_harmless(cell)
    assert parse_list(cell) == items


@given(frees)
def test_value_of_any_type_survives_with_its_type(value: Any) -> None:
    cell = format_free(value)
    assert is_harmless(cell)
    parsed = parse_free(cell)
    assert (type(parsed), parsed) == (type(value), value)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("Lyon", "Lyon"),
        ("=1+1", "'=1+1"),
        ("+33612345678", "'+33612345678"),
        ("-12.5", "-12.5"),
        ("", "'"),
        ("'a", "'a"),
        (" a=b", " a=b"),
        (" =1+1", "' =1+1"),
        ("\u00a0-2+3", "'\u00a0-2+3"),
        ("\u200b@SUM(1)", "'\u200b@SUM(1)"),
        ("\ufeff\u2060=1", "'\ufeff\u2060=1"),
        ("\uff1dHYPERLINK()", "'\uff1dHYPERLINK()"),
        ("\u3000\uff0b1", "'\u3000\uff0b1"),
        ("'\uff20x", "''\uff20x"),
    ],
)
def test_only_formulas_and_marked_texts_get_a_mark(text: str, cell: str) -> None:
    assert format_text(text) == cell


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1", 1),
        ("1.0", 1.0),
        ("007", "007"),
        ("'1", "1"),
        ("true", True),
        ("TRUE", "TRUE"),
        ("null", None),
        ("1e999", "1e999"),
        ('{"a": [1, null]}', {"a": [1, None]}),
        ("[1, 'x']", "[1, 'x']"),
        ("'[1]", "[1]"),
        ("[Promo] May", "[Promo] May"),
        ('["\\ud800"]', '["\\ud800"]'),
        ("[NaN]", "[NaN]"),
    ],
)
def test_type_of_a_free_value_follows_from_the_cell(cell: str, value: Any) -> None:
    parsed = parse_free(cell)
    assert (type(parsed), parsed) == (type(value), value)


@pytest.mark.parametrize(
    ("cell", "items"),
    [
        ('["a", "b|c"]', ["a", "b|c"]),
        ("['a', 'b,c']", ["a", "b,c"]),
        ("[]", []),
        ("'[]", ["[]"]),
        ("[a]|[b]", ["[a]", "[b]"]),
        ("[1, 2]", ["[1, 2]"]),
        ("a|b", ["a", "b"]),
    ],
)
def test_lists_as_programs_write_them(cell: str, items: list[str]) -> None:
    assert parse_list(cell) == items


def test_backslash_that_escapes_nothing_stays() -> None:
    assert parse_list("C:\\new|b") == ["C:\\new", "b"]
