"""Tables: written, read again, and refused when they are invalid."""

import csv
import io
from typing import Any

import pandas  # noqa: F401 - imported here, so that no example is timed with the import
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.errors import Impossible, TooLarge
from okube_api.kit.cells import CellFormat
from okube_api.kit.encodings import Encoding
from okube_api.kit.file_options import CsvFormat
from okube_api.kit.schemas import Answer, Body, Day, OpenObject, Scalars, Tags, Text
from okube_api.tables import reading
from okube_api.tables.parsing import Row, RowParser
from okube_api.tables.reading import UploadedTable
from okube_api.tables.writing import CsvTable

from tests.tables.strategies import any_text, lists, scalars, texts


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


class Opening(Body):
    opened: Day | None = None


class Visit(OpenObject):
    on: Day | None = None
    people: int
    sold: float | None = None


class Diary(Body):
    name: str | None = None
    visits: list[Visit] | None = None


class ShopAnswer(Shop, Answer):
    pass


def read_diary(content: str, **options: Any) -> tuple[list[dict[str, Any]], list[tuple[Any, ...]]]:
    table = open_table(content)
    rows, faults = RowParser(Diary, table.columns, **options).parse(next(table.read_blocks()))
    return [row.fields for row in rows], [(fault.line, fault.column) for fault in faults]


def open_table(content: str | bytes, encoding: str = "utf8", delimiter: str | None = None) -> UploadedTable:
    raw = content if isinstance(content, bytes) else content.encode()
    return UploadedTable(io.BytesIO(raw), encoding, delimiter, ("name", "floors", "tags"))


def read_shops(
    content: str | bytes, encoding: str = "utf8", delimiter: str | None = None, **options: Any
) -> tuple[list[Row], list[tuple[Any, ...]]]:
    """Return the rows of a table of shops, and its faults as (line, column, message)."""
    table = open_table(content, encoding, delimiter)
    row_parser = RowParser(Shop, table.columns, **options)
    rows: list[Row] = []
    faults = []
    for block in table.read_blocks():
        block_rows, block_faults = row_parser.parse(block)
        rows += block_rows
        faults += [(fault.line, fault.column, fault.message) for fault in block_faults]
    return rows, faults


def test_titles_above_the_columns_that_the_sender_names_are_skipped() -> None:
    content = b"Liste, 2024\r\n\r\nDu;Au;;\r\nNom;Etages;;\r\nLyon;3;;\r\n"
    table = UploadedTable(io.BytesIO(content), "utf8", None, {"Nom", "Etages"}, {"Nom", "Etages"})
    assert (table.columns, table.delimiter) == (["Nom", "Etages", "", ""], ";")
    (block,) = table.read_blocks()
    assert [list(row) for row in block.rows.itertuples()] == [[5, "Lyon", "3"]]


@pytest.mark.parametrize(
    ("last", "is_total"),
    [
        ("TOTAL :;;;1 234,50 €", True),
        ("Total général;;;", True),
        ("Total;;;x", False),
        ("Total;Paris;3;", False),
        ("Totem;;;3", False),
    ],
)
def test_a_last_row_of_totals_is_left_out_when_the_sender_names_columns(last: str, is_total: bool) -> None:
    content = f"a;b;c;d\nLyon;;;3\nTotal;;;3\nParis;;;4\n{last}\n;;;\n".encode()
    (block,) = UploadedTable(io.BytesIO(content), "utf8", None, {"a"}, {"a"}).read_blocks()
    assert list(block.rows.index) == [2, 3, 4] + [5] * (not is_total)
    (block,) = UploadedTable(io.BytesIO(content), "utf8", None, {"a"}).read_blocks()
    assert list(block.rows.index) == [2, 3, 4, 5]


def test_totals_after_a_full_block_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("okube_api.tables.reading.BLOCK_ROWS", 2)
    table = UploadedTable(io.BytesIO(b"a;b\nx;1\nTotal;\ny;1\nTotal;\n"), "utf8", None, {"a"}, {"a"})
    assert [line for block in table.read_blocks() for line in block.rows.index] == [2, 3, 4]


def test_a_comma_in_coordinates_is_a_decimal_comma() -> None:
    rows, _ = read_shops("name,longitude,latitude\nLyon,'4,832','48,629'\n".replace("'", '"'))
    assert rows[0].fields["coordinates"] == [4.832, 48.629]


def test_a_number_that_may_mean_two_is_refused_with_a_remedy() -> None:
    _, faults = read_shops('name,floors\nLyon,"1,234"\n')
    assert "write 1234 or 1.234" in faults[0][2]


def test_a_table_without_the_columns_that_the_sender_names_has_its_first_line_as_header() -> None:
    table = UploadedTable(io.BytesIO(b"name,floors\nLyon,3\n"), "utf8", None, {"Nom"}, {"Nom"})
    assert table.columns == ["name", "floors"]


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


formats = st.one_of(
    st.builds(CsvFormat, has_mark=st.booleans()),
    st.builds(CsvFormat, delimiter=st.sampled_from(";\t|"), has_decimal_comma=st.booleans(), has_mark=st.booleans()),
)


@given(st.lists(shops, min_size=1, max_size=4), formats)
def test_written_documents_are_read_again(documents: list[dict[str, Any]], csv_format: CsvFormat) -> None:
    names = sorted({name for document in documents for name in document.get("extra", {})})
    table = CsvTable(ShopAnswer, {"extra": names}, csv_format)
    cell_format = CellFormat(decimal_comma=csv_format.delimiter != ",")
    rows, faults = read_shops(
        table.format_header() + table.format_lines(documents), delimiter=csv_format.delimiter, cell_format=cell_format
    )
    assert faults == []
    expected = [document for document in documents if document]  # an empty document is a blank line
    assert [{name: value for name, value in row.fields.items() if value is not None} for row in rows] == expected


@given(st.lists(shops, min_size=1, max_size=3))
def test_lines_equal_those_of_the_standard_library(documents: list[dict[str, Any]]) -> None:
    table = CsvTable(ShopAnswer, {})
    written = (table.format_header() + table.format_lines(documents)).decode()
    cells = list(csv.reader(io.StringIO(written, newline=""), strict=True))
    expected = io.StringIO(newline="")
    csv.writer(expected).writerows(cells)
    assert written == expected.getvalue()
    assert len(cells) == len(documents) + 1


def test_character_that_the_encoding_lacks_becomes_a_question_mark() -> None:
    table = CsvTable(Door, {}, CsvFormat("iso-8859-1", has_mark=True))
    assert table.format_lines([{"colour": "été 5 €"}]) == b",\xe9t\xe9 5 ?\r\n"
    assert table.format_header() == b"width,colour\r\n"


def test_csv_for_spreadsheets_of_countries_with_a_decimal_comma() -> None:
    table = CsvTable(Shop, {"extra": ["a;b"]}, CsvFormat(delimiter=";", has_decimal_comma=True, has_mark=True))
    document = {"name": "a;b", "coordinates": [4.8, -45.0], "door": {"width": 1.5}, "extra": {"a;b": 1.5}}
    assert table.format_header().decode().startswith("\ufeffname;slogan;")
    assert table.format_lines([document]) == b'"a;b";;;;;4,8;-45,0;1,5;;;1.5\r\n'


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
def test_common_dialects_are_read(content: bytes, encoding: Encoding) -> None:
    rows, faults = read_shops(content, encoding)
    assert faults == []
    assert [row.fields for row in rows] == [{"name": "Café", "floors": 2}]


@pytest.mark.parametrize(
    "content",
    [
        "SEP=;\nname;floors\nCafé;2\n".encode(),
        '"sep=;"\r\nname;floors\r\nCafé;2\r\n'.encode(),
        "sep=;;\rname;floors\rCafé;2\r".encode(),
        "\n;;\nname;floors\nCafé;2\n".encode(),
        "name, floors \nCafé, 2.0\n".encode(),
        "name\tfloors\r\nCafé\t2\r\n".encode("utf-16"),
        "name,floors\nCafé,0.2e1\n".encode("utf-8-sig"),
    ],
)
def test_dialects_of_spreadsheets_are_read_whatever_encoding_is_said(content: bytes) -> None:
    rows, faults = read_shops(content, "utf8" if b"\xa9" in content else "windows-1252")
    assert (faults, [row.fields for row in rows]) == ([], [{"name": "Café", "floors": 2}])


def test_a_byte_order_mark_counts_more_than_the_encoding() -> None:
    rows, _ = read_shops("name\nCafé\n".encode("utf-8-sig"), "windows-1252")
    assert [row.fields for row in rows] == [{"name": "Café"}]


def test_lines_are_counted_from_the_start_of_the_file() -> None:
    rows, faults = read_shops("\nsep=;\nname;floors\na;1\nb;x\n")
    assert ([row.line for row in rows], [fault[:2] for fault in faults]) == ([4], [(5, "floors")])


@pytest.mark.parametrize(("text", "value"), [("Wahr", True), ("oui", True), ("0.0", False), ("Falso", False)])
def test_booleans_of_spreadsheets(text: str, value: bool) -> None:
    assert [row.fields for row in read_shops(f"open\n{text}\n")[0]] == [{"open": value}]


@pytest.mark.parametrize(
    ("days", "order", "expected"),
    [
        (["03/04/2023", "30/04/2023"], None, ["2023-04-03", "2023-04-30"]),
        (["03/04/2023", "04/30/2023"], None, ["2023-03-04", "2023-04-30"]),
        (["3.4.2023"], "dmy", ["2023-04-03"]),
        (["2023-04-03 00:00:00", "2023/04/05"], None, ["2023-04-03", "2023-04-05"]),
        (["45627", "45627.0"], None, ["2024-12-01", "2024-12-01"]),
    ],
)
def test_days_of_spreadsheets(days: list[str], order: Any, expected: list[str]) -> None:
    table = open_table("opened\n" + "".join(f"{day}\n" for day in days))
    order = order or table.find_date_order({"opened"})
    row_parser = RowParser(Opening, table.columns, cell_format=CellFormat(date_order=order))
    rows, faults = row_parser.parse(next(table.read_blocks()))
    assert (faults, [row.fields["opened"] for row in rows]) == ([], expected)


def test_a_day_of_unknown_order_is_refused_with_a_remedy() -> None:
    table = open_table("opened\n03/04/2023\n")
    assert table.find_date_order({"opened"}) is None
    _, (fault,) = RowParser(Opening, table.columns).parse(next(table.read_blocks()))
    assert (fault.line, fault.column, "`dates`" in fault.message, "03/04" in fault.message) == (
        2,
        "opened",
        True,
        False,
    )


def test_lines_are_counted_through_quoted_line_ends() -> None:
    rows, faults = read_shops('name,floors\n"a\nb\r\nc",1\n\nx,two\n"d\n",3\n')
    assert [(row.line, row.fields) for row in rows] == [
        (2, {"name": "a\nb\r\nc", "floors": 1}),
        (7, {"name": "d\n", "floors": 3}),
    ]
    assert [fault[:2] for fault in faults] == [(6, "floors")]


def test_faults_name_their_line_and_other_lines_are_read() -> None:
    content = b'name,floors,tags\nok,1,a\nshort,x\nlong,1,a,b\n"x"y,1,a\nbad \xff,1,a\nnul\0,1,a\nfine,2,b\n"open,1,a\n'
    rows, faults = read_shops(content)
    assert [row.line for row in rows] == [2, 8]
    assert [(line, column) for line, column, _ in faults] == [
        (3, "floors"), (4, None), (5, None), (6, "name"), (7, "name"), (9, None)
    ]  # fmt: skip


def test_missing_last_cells_are_empty() -> None:
    """Read rows as spreadsheets write them that leave out empty cells at the end, and surplus ones."""
    rows, faults = read_shops("name;floors;tags;door.colour\nfull;1;a|b;red\nno tags;2\nonly a name\nlong;3;;;;\n")
    assert faults == []
    assert [row.fields for row in rows] == [
        {"name": "full", "floors": 1, "tags": ["a", "b"], "door": {"colour": "red"}},
        {"name": "no tags", "floors": 2, "tags": None, "door": None},
        {"name": "only a name", "floors": None, "tags": None, "door": None},
        {"name": "long", "floors": 3, "tags": None, "door": None},
    ]


def test_cell_of_more_than_128_kib_is_refused() -> None:
    longest, too_long = "x" * 131_072, "x" * 131_073
    rows, faults = read_shops(f"name\n{longest}\n{too_long}\nafter\n")
    assert [row.line for row in rows] == [2, 4]
    assert faults == [(3, None, "A cell must not be longer than 128 KiB.")]


def test_table_with_too_many_rows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_ROWS", 3)
    assert len(read_shops("name\na\nb\nc\n")[0]) == 3
    with pytest.raises(TooLarge):
        read_shops("name\na\nb\nc\nd\n")


@pytest.mark.parametrize("content", ["", "\n", "name,name\na,b\n", "nome\na\n", '"name\n', b"\xff\n"])
def test_invalid_header_is_refused(content: str | bytes) -> None:
    with pytest.raises(Impossible) as refusal:
        read_shops(content)
    assert refusal.value.faults[0].line == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (",".join(f"extra.n{number}" for number in range(40_000)) + "\n", r"40,000 columns\. .* 1,000 columns at most"),
        (",".join(f"n{number}" for number in range(1000)) + "\n", "Unknown column 'n0'"),
        ("name," * 1000 + "\n", "1,001 columns"),
        ("name," + "x" * 131_073 + "\n", "A cell must not be longer than 128 KiB"),
        ("x" * 2**20 + ",name\n", r"header must not be longer than 1,048,576 characters"),
        ("\n" * 1001 + "name\n", "no header"),
    ],
    ids=["wide", "unknown", "duplicate", "long cell", "long line", "blank lines"],
)
def test_a_header_is_bounded_before_it_is_compared(content: str, reason: str) -> None:
    with pytest.raises(Impossible, match=reason) as refusal:
        read_shops(content)
    assert len(refusal.value.faults) <= 100


def test_a_header_may_have_a_thousand_columns() -> None:
    names = ["name", *(f"extra.n{number}" for number in range(999))]
    rows, faults = read_shops(",".join(names) + "\n" + "x," + ",".join(map(str, range(999))) + "\n")
    assert (faults, len(rows[0].fields["extra"])) == ([], 999)


def test_duplicate_column_is_named() -> None:
    with pytest.raises(Impossible, match=r"Duplicate column 'name' in the header\."):
        read_shops("name,name\na,b\n")


def test_unknown_column_is_named_with_a_suggestion() -> None:
    with pytest.raises(Impossible, match=r"Unknown column 'flors'\. Did you mean 'floors'"):
        read_shops("name,flors\na,1\n")


def test_columns_can_be_renamed() -> None:
    rows, _ = read_shops("Nom,Etages,Autre\nLyon,2,x\n", renamed={"name": "Nom", "slogan": "Nom", "floors": "Etages"})
    assert [row.fields for row in rows] == [{"name": "Lyon", "slogan": "Lyon", "floors": 2}]
    with pytest.raises(Impossible, match="no column 'Name'"):
        read_shops("Nom\nLyon\n", renamed={"name": "Name"})


def test_empty_cells_clear_nullable_fields_and_objects() -> None:
    rows, _ = read_shops("name,door.width,door.colour,longitude,latitude,extra.a\nx,,,,,\ny,1,,2,3,null\n")
    assert rows[0].fields == {"name": "x", "door": None, "coordinates": None, "extra": None}
    assert rows[1].fields == {"name": "y", "door": {"width": 1.0}, "coordinates": [2.0, 3.0], "extra": {"a": None}}


def test_the_only_object_of_a_list_may_have_columns() -> None:
    content = "name;visit.people;visit.on;visit.sold;visit.by\na;3;31/12/2024;1,5;Léa\nb;2;;;\nc;;;;\n"  # no visit of c
    rows, faults = read_diary(content, cell_format=CellFormat(decimal_comma=True, date_order="dmy"))
    assert faults == []
    assert rows == [
        {"name": "a", "visits": [{"people": 3, "on": "2024-12-31", "sold": 1.5, "by": "Léa"}]},
        {"name": "b", "visits": [{"people": 2}]},
        {"name": "c", "visits": None},
    ]


def test_the_only_object_of_a_list_may_be_json_in_other_rows() -> None:
    several = '"{""people"": 1}|{""people"": 2}"'
    rows, faults = read_diary(f"visits,visit.people\n{several},\n,3\n{several},3\n")
    assert [row["visits"] for row in rows] == [[{"people": 1}, {"people": 2}], [{"people": 3}]]
    assert faults == [(4, "visit.people")]


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        ("visit.on,visit.people\n2024-01-01,\n", (2, "visit.people")),
        ("visit.people,visit.on\n2,never\n", (2, "visit.on")),
        ("visit.people,visit.on\nx,\n", (2, "visit.people")),
        ("visit.on\n2024-01-01\n", (2, "visit.on")),
    ],
)
def test_faults_of_the_only_object_of_a_list_name_its_column(content: str, fault: tuple[int, str]) -> None:
    assert read_diary(content) == ([], [fault])


@pytest.mark.parametrize(
    ("cell", "hours"),
    [
        ("9h-12h30, 14:00-19:00", [["09:00", "12:30"], ["14:00", "19:00"]]),
        ("09:00 \u2013 19:00", [["09:00", "19:00"]]),
        ("9h à 12h et 14h à 18h", [["09:00", "12:00"], ["14:00", "18:00"]]),
        ("8.30-12.00|13.15 bis 18", [["08:30", "12:00"], ["13:15", "18:00"]]),
        ('["09:00", "19:00"]|["20:00", "21:00"]', [["09:00", "19:00"], ["20:00", "21:00"]]),
        ('[["09:00", "19:00"], ["20:00", "21:00"]]', [["09:00", "19:00"], ["20:00", "21:00"]]),
        ("Geschlossen", []),
    ],
)
def test_opening_hours_as_people_write_them(cell: str, hours: list[list[str]]) -> None:
    quoted = cell.replace('"', '""')
    rows, faults = read_shops(f'name,hours\nx,"{quoted}"\n')
    assert (faults, [row.fields["hours"] for row in rows]) == ([], [hours])


def test_nulls_and_lists_of_databases_and_data_frames() -> None:
    content = "name,floors,tags,door.width,visits\n\\N,2.0,\"['a', 'b']\",\\N,\\N\n"
    rows, faults = read_shops(content.replace(",visits", ",slogan"))
    assert faults == []
    assert [row.fields for row in rows] == [
        {"name": None, "floors": 2, "tags": ["a", "b"], "door": None, "slogan": None}
    ]
    diaries, faults = read_diary('visits\n"[{""people"": 1}, {""people"": 2}]"\n')
    assert (faults, diaries) == ([], [{"visits": [{"people": 1}, {"people": 2}]}])


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("longitude,latitude\n2,\n", "latitude"),
        ("longitude,latitude\n,48.5\n", "longitude"),
        ("longitude\n2\n", "longitude"),
        ("name,latitude\nx,48.5\n", "latitude"),
    ],
)
def test_incomplete_coordinates_are_refused(table: str, column: str) -> None:
    _, faults = read_shops(table)
    assert faults == [(2, column, "Give both the longitude and the latitude, or none of them.")]


@pytest.mark.parametrize(
    ("cell", "decimal_comma", "value"), [("48.5", False, 48.5), ("48,5", True, 48.5), ("4.85e1", True, 48.5)]
)
def test_numbers_may_have_decimal_commas(cell: str, decimal_comma: bool, value: float) -> None:
    rows, _ = read_shops(f"name;door.width\nx;{cell}\n", cell_format=CellFormat(decimal_comma=decimal_comma))
    assert rows[0].fields["door"] == {"width": value}


@pytest.mark.parametrize("cell", ["x", "1e999", "nan", "0x10", "1_000", "\u0661", "9223372036854775808", "1,5"])
def test_invalid_integer_is_refused(cell: str) -> None:
    _, faults = read_shops(f'floors\n"{cell}"\n')
    assert [fault[:2] for fault in faults] == [(2, "floors")]


def test_a_row_of_unreadable_cells_has_few_faults() -> None:
    names = [f"c{index}" for index in range(1000)]
    file = io.BytesIO(b",".join(name.encode() for name in names) + b"\n" + b",".join([b"\0"] * 1000))
    (block,) = UploadedTable(file, "utf8", None, names).read_blocks()
    assert [fault.column for fault in block.faults] == names[:10]
