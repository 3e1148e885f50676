"""Marks before formulas in records of CSV: put there and removed without another change."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.tables.formula_marks import mark_cells, remove_mark

from tests.tables.strategies import any_text
from tests.tables.test_cells import is_harmless


@given(st.lists(any_text, min_size=1, max_size=4), st.sampled_from(",;\t"))
def test_marked_cells_are_harmless_and_mean_the_same(texts: list[str], delimiter: str) -> None:
    record = io.StringIO(newline="")
    csv.writer(record, delimiter=delimiter).writerow(texts)
    (marked,) = csv.reader(
        io.StringIO(mark_cells(record.getvalue().removesuffix("\r\n"), delimiter), newline=""), delimiter=delimiter
    )
    assert all(is_harmless(cell.strip(" ")) for cell in marked)
    assert list(map(remove_mark, marked)) == list(map(remove_mark, texts))


@pytest.mark.parametrize(
    ("record", "marked"),
    [
        ("a,-12.5, -3e2 ,+33", "a,-12.5, -3e2 ,'+33"),
        ('"a,=b",=c', '"a,=b",\'=c'),
        ('"=a""b"x,\u200b=c', '"\'=a""b"x,\'\u200b=c'),
        (' "@x\n=y",=z', " \"'@x\n=y\",'=z"),
        ('"=open, =x', "\"'=open, =x"),
        ("'=a,'b", "'=a,'b"),
        (",,", ",,"),
    ],
)
def test_only_formulas_get_a_mark(record: str, marked: str) -> None:
    assert mark_cells(record, ",") == marked
