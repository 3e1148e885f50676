"""Whole tables: written, read, and read when they are not as they should be."""

import csv
import io
from typing import Any

import pandas  # noqa: F401 - once, not within the time of an example
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.errors import Impossible, TooLarge
from okube_api.kit.encodings import Encoding
from okube_api.kit.schemas import Answer, Body, Scalars, Tags, Text
from okube_api.tables import reading
from okube_api.tables.parsing import Row, RowParser
from okube_api.tables.reading import Upload
from okube_api.tables.writing import CsvTable

from tests.tables.texts import any_text, lists, scalars, texts


class Door(Body):
    width: float | None = None
    colour: str | None = None


class Shop(Body):
    name: str | None = None
    slogan: Text | None = None
    open: bool | None = None
    floors: int | None = None
    tags: Tags | None = None
    coordinates: list[float] | None = None
    door: Door | None = None
    hours: list[list[str]] | None = None
    extra: Scalars | None = None


class ShopAnswer(Shop, Answer):
    pass


def upload(content: str | bytes, encoding: Encoding = "utf8", delimiter: str | None = None) -> Upload:
    raw = content if isinstance(content, bytes) else content.encode()
    return Upload(io.BytesIO(raw), encoding, delimiter, ("name", "floors", "tags"))


def read(content: str | bytes, encoding: Encoding = "utf8", **options: Any) -> tuple[list[Row], list[tuple[Any, ...]]]:
    """The rows of a table of shops, and what is wrong with it as (line, column, reason)."""
    table = upload(content, encoding)
    rows = RowParser(Shop, table.columns, **options)
    found: list[Row] = []
    faults = []
    for block in table.blocks():
        good, bad = rows.read(block)
        found += good
        faults += [(fault.line, fault.column, fault.message) for fault in bad]
    return found, faults


field_names = st.text("ab:é =-'|\u00a0", min_size=1, max_size=3)
floats = st.floats(allow_nan=False, allow_infinity=False)
shops = st.fixed_dictionaries(
    {},
    optional={
        "name": any_text,
        "slogan": texts,
        "open": st.booleans(),
        "floors": st.integers(-(2**63), 2**63 - 1),
        "tags": lists,
        "coordinates": st.lists(floats, min_size=2, max_size=2),
        "door": st.fixed_dictionaries({}, optional={"width": floats, "colour": any_text}).filter(bool),
        "hours": st.lists(st.lists(texts, max_size=2), min_size=1, max_size=2),
        "extra": st.dictionaries(field_names, scalars, min_size=1, max_size=3),
    },
)


@given(st.lists(shops, min_size=1, max_size=4))
def test_what_is_written_is_read_again(documents: list[dict[str, Any]]) -> None:
    names = sorted({name for one in documents for name in one.get("extra", {})})
    table = CsvTable(ShopAnswer, {"extra": names})
    rows, faults = read(table.header() + table.lines(documents))
    assert faults == []
    full = [one for one in documents if one]  # a row of nothing but empty cells is a blank line
    assert [{name: value for name, value in row.fields.items() if value is not None} for row in rows] == full


@given(st.lists(shops, min_size=1, max_size=3))
def test_lines_are_those_of_the_standard_library(documents: list[dict[str, Any]]) -> None:
    table = CsvTable(ShopAnswer, {})
    written = (table.header() + table.lines(documents)).decode()
    cells = list(csv.reader(io.StringIO(written, newline=""), strict=True))
    expected = io.StringIO(newline="")
    csv.writer(expected).writerows(cells)
    assert written == expected.getvalue()
    assert len(cells) == len(documents) + 1


def test_an_encoding_that_lacks_a_character_writes_a_question_mark() -> None:
    table = CsvTable(Door, {}, "iso-8859-1")
    assert table.lines([{"colour": "été 5 €"}]) == b",\xe9t\xe9 5 ?\r\n"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        ("name;floors\r\nCafé;2\r\n".encode("utf-8-sig"), "utf8"),
        ("name,floors\nCafé,2".encode("cp1252"), "windows-1252"),
        ("name\tfloors\rCafé\t2\r".encode("latin-1"), "iso-8859-1"),
        ('"name"|"floors"\n\n"Café"|"2"\n|\n'.encode(), "utf8"),
        ("sep=;\r\nname;floors\r\nCafé;2\r\n".encode("utf-8-sig"), "utf8"),
    ],
)
def test_files_as_people_have_them(content: bytes, encoding: Encoding) -> None:
    rows, faults = read(content, encoding)
    assert faults == []
    assert [row.fields for row in rows] == [{"name": "Café", "floors": 2}]


def test_lines_are_counted_through_quoted_line_ends() -> None:
    rows, faults = read('name,floors\n"a\nb\r\nc",1\n\nx,two\n"d\n",3\n')
    assert [(row.line, row.fields) for row in rows] == [
        (2, {"name": "a\nb\r\nc", "floors": 1}),
        (7, {"name": "d\n", "floors": 3}),
    ]
    assert [fault[:2] for fault in faults] == [(6, "floors")]


def test_each_bad_line_is_named_and_the_others_are_read() -> None:
    content = b'name,floors,tags\nok,1,a\nshort,1\nlong,1,a,b\n"x"y,1,a\nbad \xff,1,a\nnul\0,1,a\nfine,2,b\n"open,1,a\n'
    rows, faults = read(content)
    assert [row.line for row in rows] == [2, 8]
    assert [(line, column) for line, column, _ in faults] == [
        (3, None), (4, None), (5, None), (6, "name"), (7, "name"), (9, None)
    ]  # fmt: skip


def test_a_cell_has_128_kib_at_most() -> None:
    whole, over = "x" * 131_072, "x" * 131_073
    rows, faults = read(f"name\n{whole}\n{over}\nafter\n")
    assert [row.line for row in rows] == [2, 4]
    assert faults == [(3, None, "A cell may have 128 KiB at most.")]


def test_a_table_has_so_many_rows_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_ROWS", 3)
    assert len(read("name\na\nb\nc\n")[0]) == 3
    with pytest.raises(TooLarge):
        read("name\na\nb\nc\nd\n")


@pytest.mark.parametrize("content", ["", "\n", "name,name\na,b\n", "nome\na\n", '"name\n', b"\xff\n"])
def test_a_header_that_means_nothing_is_refused(content: str | bytes) -> None:
    with pytest.raises(Impossible) as refusal:
        read(content)
    assert refusal.value.faults[0].line == 1


def test_an_unknown_column_is_named_with_the_nearest() -> None:
    with pytest.raises(Impossible, match=r"no column 'flors' here\. Did you mean 'floors'"):
        read("name,flors\na,1\n")


def test_columns_may_go_by_other_names() -> None:
    rows, _ = read("Nom,Etages,Autre\nLyon,2,x\n", renamed={"name": "Nom", "slogan": "Nom", "floors": "Etages"})
    assert [row.fields for row in rows] == [{"name": "Lyon", "slogan": "Lyon", "floors": 2}]
    with pytest.raises(Impossible, match="no column 'Name'"):
        read("Nom\nLyon\n", renamed={"name": "Name"})


def test_empty_cells_clear_what_may_be_null_and_objects_in_whole() -> None:
    rows, _ = read("name,door.width,door.colour,longitude,latitude,extra.a\nx,,,,,\ny,1,,2,3,null\n")
    assert rows[0].fields == {"name": "x", "door": None, "coordinates": None, "extra": None}
    assert rows[1].fields == {"name": "y", "door": {"width": 1.0}, "coordinates": [2.0, 3.0], "extra": {"a": None}}


def test_half_of_a_pair_of_coordinates_is_named() -> None:
    _, faults = read("longitude,latitude\n2,\n")
    assert [fault[:2] for fault in faults] == [(2, "latitude")]


@pytest.mark.parametrize(
    ("cell", "commas", "value"), [("48.5", False, 48.5), ("48,5", True, 48.5), ("4.85e1", True, 48.5)]
)
def test_numbers_with_decimal_commas(cell: str, commas: bool, value: float) -> None:
    rows, _ = read(f"name;door.width\nx;{cell}\n", decimal_comma=commas)
    assert rows[0].fields["door"] == {"width": value}


@pytest.mark.parametrize("cell", ["x", "1e999", "nan", "0x10", "1_000", "\u0661", "9223372036854775808", "1,5"])
def test_what_is_no_whole_number_is_refused(cell: str) -> None:
    _, faults = read(f'floors\n"{cell}"\n')
    assert [fault[:2] for fault in faults] == [(2, "floors")]
