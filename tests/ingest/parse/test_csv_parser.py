"""Test that CSV of events is read as spreadsheets, databases and data frames write it."""

import csv
import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.errors import Impossible
from okube_api.ingest.parse.cell_columns import CellReader
from okube_api.ingest.parse.column_map import ColumnMap
from okube_api.ingest.parse.csv_parser import CsvParser
from okube_api.ingest.parse.line_blocks import LineBlock
from okube_api.ingest.parse.local_times import LocalTimes
from okube_api.ingest.parse.text import ParsedBlock
from okube_api.kit.headers import MAX_HEADER_CHARACTERS

AT = "2023-05-06T07:08:09Z"


def read(kind: str, text: str, **options: Any) -> ParsedBlock:
    return CsvParser(kind, **options).read(LineBlock(text.encode(), 1))


def read_in_pieces(parser: CsvParser, text: str, lines_per_block: int) -> list[ParsedBlock]:
    """Parse a file whose blocks have a few lines each, as a stream would give them."""
    lines = text.encode().splitlines(keepends=True)
    blocks = [
        parser.read(LineBlock(b"".join(lines[low : low + lines_per_block]), low + 1), is_last=False)
        for low in range(0, len(lines), lines_per_block)
    ]
    return [*blocks, parser.read(LineBlock(b"", len(lines) + 1))]


def users(block: ParsedBlock) -> list[str]:
    return [row["user"] for row in block.rows.to_pylist()]


@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_cell_in_quotes_may_contain_line_ends(line_end: str) -> None:
    text = line_end.join(["user,site,at,end", '"Zoé', f'Roy",s,{AT},', f'"a"",b",s,{AT},', '"x', "", f'y",s,{AT},'])
    block = read("visits", text)
    assert users(block) == [f"Zoé{line_end}Roy", 'a",b', f"x{line_end}{line_end}y"]
    assert block.line_numbers.tolist() == [2, 4, 5]
    assert block.rejected == ()
    assert block.get_line(5).decode() == f'"x{line_end}{line_end}y",s,{AT},'


@pytest.mark.parametrize("lines_per_block", [1, 2, 3, 9])
def test_titles_are_skipped_when_columns_are_mapped(lines_per_block: int) -> None:
    text = f"Export, mai\nVon;Bis\n\nWer;Wo;at;end\na;s;{AT};\nb;s;{AT};\n"
    parser = CsvParser("visits", column_map=ColumnMap("visits", {"user": "Wer", "site": "Wo"}))
    blocks = read_in_pieces(parser, text, lines_per_block)
    assert [user for block in blocks for user in users(block)] == ["a", "b"]
    assert [number for block in blocks for number in block.line_numbers.tolist()] == [5, 6]


def test_a_mapped_column_that_no_line_has_is_named() -> None:
    parser = CsvParser("visits", column_map=ColumnMap("visits", {"user": "Wer"}))
    with pytest.raises(Impossible, match="no column 'Wer'"):
        read_in_pieces(parser, f"user,site,at\na,s,{AT}\n", 1)


def test_the_header_is_not_sought_behind_a_megabyte_of_empty_lines() -> None:
    parser = CsvParser("visits", column_map=ColumnMap("visits", {"user": "Wer"}))
    with pytest.raises(Impossible, match="no column 'Wer'"):
        parser.read(LineBlock(b"Export\n" + b"\n" * MAX_HEADER_CHARACTERS, 1), is_last=False)


visits = st.lists(
    st.tuples(
        st.text('ab,";\n é', min_size=1, max_size=6).filter(lambda text: text.strip(" ") == text and text.strip()),
        st.booleans(),
    ),
    min_size=1,
    max_size=8,
)


@given(visits, st.integers(1, 4), st.sampled_from(",;\t|"))
def test_records_are_those_of_the_standard_library(rows: list[tuple[str, bool]], size: int, delimiter: str) -> None:
    """Check users, line numbers and rejected records, whatever lines a block holds."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
    writer.writerow(["user", "site", "at"])
    numbers = []
    for user, is_valid in rows:
        numbers.append(file.getvalue().count("\n") + 1)
        writer.writerow([user, "s", AT if is_valid else "never"])
    blocks = read_in_pieces(CsvParser("visits"), file.getvalue(), size)
    expected = list(zip(numbers, rows, strict=True))
    assert [user for block in blocks for user in users(block)] == [user for _, (user, valid) in expected if valid]
    assert [n for block in blocks for n in block.line_numbers.tolist()] == [n for n, (_, valid) in expected if valid]
    rejected = [line for block in blocks for line in block.rejected]
    assert [line.number for line in rejected] == [n for n, (_, valid) in expected if not valid]


@pytest.mark.parametrize("size", [1, 2, 100])
def test_half_of_a_broken_record_is_never_an_event(size: int) -> None:
    text = f'user,site,at\n"Zoé\nRoy"x,s,{AT}\nbea,s,{AT}\n"open,s,{AT}\ncid,s,{AT}\n"dan",s,{AT}\n'
    blocks = read_in_pieces(CsvParser("visits"), text, size)
    assert [user for block in blocks for user in users(block)] == ["bea", "cid", "dan"]
    assert [line.number for block in blocks for line in block.rejected] == [2, 3, 5]


def test_a_quote_within_a_cell_is_a_character() -> None:
    assert users(read("visits", f'user,site,at\n5" screen,s,{AT}\nbea,s,{AT}\n')) == ['5" screen', "bea"]


@pytest.mark.parametrize("line", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;"])
def test_the_file_may_name_its_delimiter(line: str) -> None:
    block = read("visits", f"{line}\nuser;site;at\na;s;{AT}\n")
    assert (users(block), block.line_numbers.tolist()) == (["a"], [3])


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_decimal_commas(delimiter: str, quote: str) -> None:
    cells = [["user", "at", "lng", "lat"], ["a", AT, f"{quote}-1,5{quote}", "4,5E+01"], ["b", AT, "2.25", "45"]]
    block = read("pings", "\n".join(delimiter.join(row) for row in cells))
    assert [(row["lng"], row["lat"]) for row in block.rows.to_pylist()] == [(-1.5, 45.0), (2.25, 45.0)]


def test_a_delimiter_may_be_given() -> None:
    assert users(read("visits", f"user^site^at\na^s^{AT}\n", delimiter="^")) == ["a"]


@pytest.mark.parametrize(
    "text",
    [
        f"\n;;\n,,\nuser,site,at\na,s,{AT}\n",
        f"user, site ,at\n a ,s, {AT}\n",
        f"user,site,at,\na,s,{AT},\n",
        f",user,site,at\n0,a,s,{AT}\n",
        f"user,site,at,end,id\na,s,{AT}\n",
        f"user,site,at\na,s,{AT},,\n",
        f"user,site,at\n,,\na,s,{AT}\n\n,,\n",
        f'user,site,at\n "a" , "s",{AT}\n',
    ],
)
def test_empty_and_missing_cells_and_blanks(text: str) -> None:
    block = read("visits", text)
    assert ([(row["user"], row["site"], row["at"]) for row in block.rows.to_pylist()], list(block.rejected)) == (
        [("a", "s", AT)],
        [],
    )


def test_blanks_in_quotes_belong_to_the_value() -> None:
    assert users(read("visits", f'user,site,at\n" a ", s,{AT}\n')) == [" a "]


@pytest.mark.parametrize("line", ["a,s", f"a,s,{AT},x"])
def test_lines_without_a_required_cell_or_with_too_many(line: str) -> None:
    block = read("visits", f"user,site,at\n{line}\nb,s,{AT}\n")
    assert (users(block), [line.number for line in block.rejected]) == (["b"], [2])
    assert "the header has 3" in block.rejected[0].reason


@pytest.mark.parametrize("cell", ["1_0", "0x10", "\uff11\uff10", "1.5", "1,000", "1 0", "0X1p3"])
@pytest.mark.parametrize("other", ["7", "7.0", "x"])
def test_texts_that_are_no_whole_numbers_whatever_else_is_in_the_file(cell: str, other: str) -> None:
    block = read("deliveries", f'campaign,day,prints\nc,2023-05-06,"{cell}"\nc,2023-05-07,{other}\n')
    assert [row["prints"] for row in block.rows.to_pylist()] == ([] if other == "x" else [7])
    assert [line.number for line in block.rejected] == ([2, 3] if other == "x" else [2])


@pytest.mark.parametrize(
    ("days", "order", "expected"),
    [
        (["05/06/2023", "13/06/2023"], None, ["2023-06-05", "2023-06-13"]),
        (["05/06/2023", "06/13/2023"], None, ["2023-05-06", "2023-06-13"]),
        (["05/06/2023"], None, []),
        (["05/06/2023"], "dmy", ["2023-06-05"]),
        (["05/06/2023"], "mdy", ["2023-05-06"]),
    ],
)
def test_days_of_spreadsheets(days: list[str], order: Any, expected: list[str]) -> None:
    text = "campaign;day;prints\n" + "".join(f"c;{day};1\n" for day in days)
    block = read("deliveries", text, reader=CellReader("deliveries", date_order=order))
    assert [row["day"] for row in block.rows.to_pylist()] == expected
    assert all("`dates`" in line.reason and "05/06" not in line.reason for line in block.rejected)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("Ada Lovela", "Write a day as YYYY-MM-DD."),
        ("Ada Lovelace", "Write a day as YYYY-MM-DD."),
        ("2023-02-30", "This day does not exist."),
        ("2023/02/30", "This day does not exist."),
        ("30/02/2023", "This day does not exist."),
        ("2023-13-01", "This day does not exist."),
    ],
)
def test_reasons_of_days_never_repeat_a_cell(cell: str, message: str) -> None:
    (rejected,) = read("deliveries", f"campaign,day,prints\nc,{cell},1\n").rejected
    assert rejected.reason == f"'day': {message}"


@pytest.mark.parametrize("cell", ["2023-02-30T10:00:00Z", "2023-02-30 10:00:00+01:00", "2023-02-30 10:00"])
@pytest.mark.parametrize("zone", [None, "Europe/Paris"])
def test_reasons_of_instants_name_a_missing_day(cell: str, zone: str | None) -> None:
    reader = CellReader("visits", local_times=LocalTimes(zone) if zone else None)
    (rejected,) = read("visits", f"user,site,at\na,s,{cell}\n", reader=reader).rejected
    assert rejected.reason == "'at': This day does not exist."


def test_a_missing_time_zone_is_named() -> None:
    (rejected,) = read("visits", "user,site,at\na,s,2023-05-06 07:08:09\n").rejected
    assert "time zone is missing" in rejected.reason


@pytest.mark.parametrize("text", ["", "\n\n", ";;;\n", "sep=;\n"])
def test_a_file_without_a_header_is_refused(text: str) -> None:
    with pytest.raises(Impossible, match="no header"):
        read("visits", text)


def test_a_header_alone_is_a_file_without_events() -> None:
    block = read("visits", "user,site,at\n")
    assert (block.rows.num_rows, block.rejected) == (0, [])


def test_an_unnamed_column_is_no_field() -> None:
    with pytest.raises(Impossible):
        read("visits", f",site,at\na,s,{AT}\n")


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("user," * 40_000, r"40,001 columns\. .* 1,000 columns at most"),
        ("user,site,at," + "x" * 131_073, "A cell must not be longer than 128 KiB"),
        ("x" * 131_073, "A cell must not be longer than 128 KiB"),
        ("user,site,at" + " " * 2**20 + ",", "must not be longer than 1,048,576 characters"),
        ("user,site,at,site", "Duplicate column 'site'"),
    ],
    ids=["wide", "long cell", "only a long cell", "long line", "duplicate"],
)
def test_a_header_is_bounded(header: str, reason: str) -> None:
    with pytest.raises(Impossible, match=reason):
        read("visits", f"{header}\na,s,{AT}\n")


def test_a_header_may_have_a_thousand_columns() -> None:
    assert users(read("visits", f"user,site,at{',' * 997}\na,s,{AT}{',' * 997}\n")) == ["a"]


@pytest.mark.parametrize("line_end", ["", "x"])
def test_marks_before_formulas_are_removed(line_end: str) -> None:
    """Read the lines as columns, and one by one since the last one is invalid."""
    text = f"user,site,at\n'=a,'\u200b+s,{AT}\n''=b,'s,{AT}\n"
    rows = read("visits", text + line_end).rows.to_pylist()
    assert [(row["user"], row["site"]) for row in rows] == [("=a", "\u200b+s"), ("'=b", "'s")]


@pytest.mark.parametrize("delimiter", ["\t", ","])
@pytest.mark.parametrize("last", ["", "bad"])
def test_null_of_databases_is_an_empty_cell(delimiter: str, last: str) -> None:
    """Read the lines as columns, and one by one when the last one is invalid."""
    lines = ("user,site,at,end", f"a,s,{AT},\\N", f"\\N,s,{AT},", f"b,s,{AT},{AT}", last)
    block = read("visits", "\n".join(lines).replace(",", delimiter))
    assert [(row["user"], row["end"]) for row in block.rows.to_pylist()] == [("a", None), ("b", AT)]
    assert block.rejected[0].number == 3
