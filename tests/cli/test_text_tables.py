"""Tables on a terminal: their width, what is cut, and what is printed as it is."""

from collections import Counter
from io import StringIO

import pytest
from okube_api.cli import text_tables
from okube_api.cli.text_tables import PrintedColumn, build_label, print_tables, print_text
from rich.console import Console

NAMES = build_label("name", ["Maison Lumen Lyon Part-Dieu", "Lille"])
VISITS = [PrintedColumn("visits", ["1,204", "-"])]
SALES = [PrintedColumn("sales", ["86,581", "12"]), PrintedColumn("change", ["+4.2%", "-0.1%"])]


def print_at(width: int, *blocks: list[PrintedColumn], has_sum: bool = False) -> list[str]:
    """Return the lines of tables on a terminal of a width."""
    file = StringIO()
    console = Console(file=file, width=width, force_terminal=True, color_system=None)
    print_tables(console, "", [NAMES], blocks, has_sum=has_sum)
    return [line.rstrip() for line in file.getvalue().splitlines() if line.strip()]


def test_texts_are_on_the_left_and_numbers_on_the_right() -> None:
    assert print_at(80, VISITS, SALES) == [
        "name                         visits   sales  change",
        "───────────────────────────────────────────────────",
        "Maison Lumen Lyon Part-Dieu   1,204  86,581   +4.2%",
        "Lille                             -      12   -0.1%",
    ]


def test_labels_are_cut_before_a_table_is_split() -> None:
    assert print_at(40, VISITS, SALES)[2] == "Maison Lumen Ly…   1,204  86,581   +4.2%"


def test_columns_that_do_not_fit_are_a_table_of_their_own() -> None:
    lines = print_at(30, VISITS, SALES)
    assert [line.split() for line in lines if "name" in line] == [["name", "visits"], ["name", "sales", "change"]]
    assert max(map(len, lines)) <= 30


def test_numbers_are_never_cut() -> None:
    assert "86,581" in print_at(10, SALES)[2]


def test_the_last_line_is_apart_when_it_is_about_all_others() -> None:
    assert print_at(80, VISITS, has_sum=True)[3].startswith("──")


@pytest.mark.parametrize(("columns", "is_cut"), [(None, False), ("40", True)])
def test_a_file_has_wide_tables(monkeypatch: pytest.MonkeyPatch, columns: str | None, is_cut: bool) -> None:
    if columns is None:
        monkeypatch.delenv("COLUMNS", raising=False)
    else:
        monkeypatch.setenv("COLUMNS", columns)
    file = StringIO()
    print_tables(Console(file=file), "", [NAMES, NAMES, NAMES, NAMES], [VISITS])
    assert ("…" in file.getvalue()) is is_cut


def test_control_characters_are_not_printed() -> None:
    file = StringIO()
    console = Console(file=file, force_terminal=True, color_system=None)
    print_text(console, "Lyon\x1b[31m [red]Nord[/red]\n\N{RIGHT-TO-LEFT OVERRIDE}")
    print_tables(console, "", [build_label("name\a", ["a\x1b]0;b\n", "Œuvre\N{NO-BREAK SPACE}1"])], [])
    printed = file.getvalue()
    assert "\x1b" not in printed
    assert "\a" not in printed
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in printed
    assert "[red]Nord[/red]" in printed
    assert "Œuvre\N{NO-BREAK SPACE}1" in printed


def test_columns_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count how often cells are measured, which took minutes for the longest tables."""
    counted = Counter[str]()

    def count_cells(text: str) -> int:
        counted[text] += 1
        return len(text)

    monkeypatch.setattr(text_tables, "cell_len", count_cells)
    names = [f"Site {number}" for number in range(200)]
    print_tables(Console(file=StringIO(), width=200), "", [build_label("name", names)], [])
    assert counted.most_common(1)[0][1] < 10
