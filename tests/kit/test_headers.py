"""Test that headers are found, and the delimiters between their names."""

import pytest
from okube_api.kit.headers import find_duplicate, find_likely_header, find_separator, guess_delimiter


@pytest.mark.parametrize("line", ["sep=;", "SEP=;\r\n", '"sep=;"', "Sep = ;", "sep=;;;", "\ufeffsep=;"])
def test_spellings_of_the_separator_line(line: str) -> None:
    assert find_separator(line) == ";"


@pytest.mark.parametrize(
    "line", ["user;at", "sep", "sep=", "separator=;", "sep=;user", " " * 2**20 + "x", "\ufeff " * 2**19 + "sep=;"]
)
def test_lines_that_name_no_separator(line: str) -> None:
    assert find_separator(line) is None


def test_the_delimiter_is_that_of_the_expected_names() -> None:
    assert guess_delimiter('"a,b" ; c;d,e', ["c"]) == ";"
    assert guess_delimiter("a\tb", ["x"]) == "\t"
    assert guess_delimiter("x" * 200_000 + ",c", ["c"]) == ","
    assert guess_delimiter("x;" * 100_000, ["c"]) == ";"


def test_the_first_repeated_name_is_found() -> None:
    assert find_duplicate(["", "b", "a", "", "a", "b"]) == "a"
    assert find_duplicate(map(str, range(10**5))) is None


@pytest.mark.parametrize(
    ("lines", "position"),
    [
        (["a,b,c", "1,2,3"], 0),
        (["Export of May", "a,b,c", "1,2,3"], 1),
        (["Export, of May", "Du;29/11/2026", "a;b;c;d", "1;2;3;4"], 2),
        (["Shop;;;;Visit;;;", "code;name;city;area;day;hour;length;card"], 1),
        (["user", "1", "2"], 0),
        (["user", "1,2,3", "2,3,4"], 0),
        (["a;b", "1;2;3;4;5"], 0),
    ],
)
def test_likely_headers(lines: list[str], position: int) -> None:
    assert find_likely_header(lines, ["a", "b", "c"], None) == position
