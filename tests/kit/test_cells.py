"""Test that single values of files are read by one set of rules."""

from typing import Any

import pytest
from okube_api.kit.cells import CellFormat, DateOrderFinder, ValueType, read_value

PLAIN, COMMA = CellFormat(), CellFormat(decimal_comma=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2023-07-09 21:05:00-03", "2023-07-09T21:05:00-03:00"),
        ("2023-07-09 21:05:00.5+05:30", "2023-07-09T21:05:00.5+05:30"),
        ("2023-07-09T21:05:00.000000-0930", "2023-07-09T21:05:00.000000-09:30"),
        ("2023-07-09 21:05:00.25 UTC", "2023-07-09T21:05:00.25Z"),
        ("2023-07-09 21:05:00 +0100", "2023-07-09T21:05:00+01:00"),
        ("2023-07-09 21:05:00 +0000 UTC", "2023-07-09T21:05:00+00:00"),
        ("2023-07-09T21:05z", "2023-07-09T21:05:00Z"),
        ("2023-07-09T21:05:00,75+01:00", "2023-07-09T21:05:00.75+01:00"),
        ("20230709T210500Z", "2023-07-09T21:05:00Z"),
        ("20230709T2105+02", "2023-07-09T21:05:00+02:00"),
        ("2023-07-09T21:05:00+02:00[Europe/Madrid]", "2023-07-09T21:05:00+02:00"),
        ("2015-06-30T23:59:60Z", "2015-06-30T23:59:59.999Z"),
        ("  2023-07-09T21:05:00Z ", "2023-07-09T21:05:00Z"),
        ("1688936700", "2023-07-09T21:05:00.000Z"),
        (1688936700, "2023-07-09T21:05:00.000Z"),
        (1688936700250, "2023-07-09T21:05:00.250Z"),
        (1688936700.25, "2023-07-09T21:05:00.250Z"),
    ],
)
def test_instants_with_an_offset(value: Any, expected: str) -> None:
    assert read_value(value, ValueType.INSTANT, PLAIN) == expected


@pytest.mark.parametrize(
    "value",
    ["2023-07-09 21:05:00", "09/07/2023 21:05 UTC", "168893670", "2023-07-09", "x", True, 12],
)
def test_values_that_are_no_instants_stay(value: Any) -> None:
    assert read_value(value, ValueType.INSTANT, PLAIN) == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [("30.0", 30), ("1.5e2", 150), ("7.", 7), ("2.5E+03", 2500), (" 8 \r\n", 8), ("+4", 4), (9.0, 9), ("12,0", 12)],
)
def test_whole_numbers(text: Any, expected: int) -> None:
    value = read_value(text, ValueType.INTEGER, PLAIN)
    assert (value, type(value)) == (expected, int)


@pytest.mark.parametrize(
    "text", ["1_0", "0x10", "0X1F", "\uff11\uff12", "\u0663", "1,234", "1.234,5", "inf", "nan", "", ".", "1e999"]
)
@pytest.mark.parametrize("value_type", [ValueType.NUMBER, ValueType.INTEGER])
def test_texts_that_are_no_numbers_stay(text: str, value_type: ValueType) -> None:
    assert read_value(text, value_type, PLAIN) == text


@pytest.mark.parametrize("text", ["2,5", "-0,75", "4,8E+00", ",5"])
def test_decimal_commas(text: str) -> None:
    expected = float(text.replace(",", "."))
    assert read_value(text, ValueType.NUMBER, COMMA) == expected
    assert read_value(text, ValueType.NUMBER, PLAIN) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 234,50", 1234.5),
        ("1\u202f234,5\u202f€", 1234.5),
        ("-1\u00a0234\u00a0567", -1_234_567),
        ("12 €", 12),
        ("12.5 EUR", 12.5),
        ("1 234,567", 1234.567),
    ],
)
def test_numbers_as_spreadsheets_show_them(text: str, expected: float) -> None:
    assert read_value(text, ValueType.NUMBER, COMMA) == expected
    assert read_value(text, ValueType.NUMBER, PLAIN) == expected


@pytest.mark.parametrize("text", ["1 23", "12 3456", "1 234 5", "€ 12", "1 2", "1,234 €", "12 E", "12 $"])
def test_other_blanks_and_signs_are_no_part_of_numbers(text: str) -> None:
    assert read_value(text, ValueType.NUMBER, PLAIN) == text


def test_a_comma_before_three_digits_is_a_fraction_only_where_commas_are() -> None:
    assert read_value("1,234", ValueType.NUMBER, COMMA) == 1.234
    assert read_value("1,234", ValueType.NUMBER, PLAIN) == "1,234"


def test_integers_are_texts_by_their_digits() -> None:
    assert [read_value(value, ValueType.TEXT, PLAIN) for value in (42, 4.5, True, "042")] == ["42", 4.5, True, "042"]


@pytest.mark.parametrize("text", ["Vrai", "OUI", "wahr", "Ja", "VERO", "sì", "Verdadero", "Sí", "yes", "1.0", "TRUE"])
def test_texts_that_mean_true(text: str) -> None:
    assert read_value(text, ValueType.BOOLEAN, PLAIN) is True


@pytest.mark.parametrize("text", ["Faux", "NON", "falsch", "Nein", "FALSO", "no", "0.0", "False"])
def test_texts_that_mean_false(text: str) -> None:
    assert read_value(text, ValueType.BOOLEAN, PLAIN) is False


@pytest.mark.parametrize(
    ("text", "order", "expected"),
    [
        ("2023/07/09", None, "2023-07-09"),
        ("2023-07-09 00:00:00", None, "2023-07-09"),
        ("9/7/2023", "dmy", "2023-07-09"),
        ("07.09.2023", "mdy", "2023-07-09"),
        ("09-07-2023 00:00", "dmy", "2023-07-09"),
        ("9/7/23", "dmy", "2023-07-09"),
        ("07/09/23 00:00", "mdy", "2023-07-09"),
        ("09/07/2023", None, "09/07/2023"),
        ("09/07/23", None, "09/07/23"),
        ("09.07.23", "dmy", "09.07.23"),
        ("23-07-09", "dmy", "23-07-09"),
        ("2023-07-09 08:00:00", None, "2023-07-09 08:00:00"),
    ],
)
def test_days(text: str, order: Any, expected: str) -> None:
    assert read_value(text, ValueType.DAY, CellFormat(date_order=order)) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["01/02/2023", "25/02/2023"], "dmy"),
        (["01/02/2023", "02/25/2023"], "mdy"),
        (["01/02/2023"], None),
        (["25/02/2023", "02/25/2023"], None),
        (["2023-02-25", "x", 5, None], None),
        (["25/02/23", "25/02/23 10:00"], None),
    ],
)
def test_the_order_of_dates_that_a_file_leaves(texts: list[Any], expected: str | None) -> None:
    finder = DateOrderFinder()
    finder.add(texts)
    assert finder.order == expected


@pytest.mark.parametrize(("text", "expected"), [("25/02/23", "dmy"), ("02/25/23 10:00", "mdy"), ("02/03/23", None)])
def test_the_order_of_dates_with_years_of_two_digits(text: str, expected: str | None) -> None:
    finder = DateOrderFinder(has_short_years=True)
    finder.add([text])
    assert finder.order == expected
