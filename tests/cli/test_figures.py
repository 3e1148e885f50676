"""Figures as people read them."""

from typing import Any

import pytest
from okube_api.catalogue.kpi import Unit
from okube_api.cli.figures import (
    FigureStyle,
    draw_sparkline,
    find_style,
    format_change,
    format_duration,
    format_figures,
)


@pytest.mark.parametrize(
    ("values", "style", "texts"),
    [
        ([5737, 0, None], FigureStyle.NUMBER, ["5,737", "0", "-"]),
        ([83107.55, 12.5], FigureStyle.NUMBER, ["83,108", "12"]),
        ([444.94, 0.66, 3], FigureStyle.NUMBER, ["444.9", "0.7", "3.0"]),
        ([48.543, -1.0, -0.004], FigureStyle.NUMBER, ["48.54", "-1.00", "0.00"]),
        ([0.0123], FigureStyle.NUMBER, ["0.0123"]),
        ([0.0, None], FigureStyle.NUMBER, ["0", "-"]),
        ([0.2984, 1, None], FigureStyle.PERCENT, ["29.84%", "100.00%", "-"]),
        ([45, 750.4, 7509], FigureStyle.DURATION, ["45 s", "12 min 30 s", "2 h 05 min"]),
        (["lyon", None], FigureStyle.NUMBER, ["lyon", "-"]),
    ],
)
def test_figures_of_a_column_have_the_same_decimals(values: list[Any], style: FigureStyle, texts: list[str]) -> None:
    assert format_figures(values, style) == texts


@pytest.mark.parametrize(
    ("duration_s", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (3599.6, "1 h 00 min"),
        (360_000, "100 h 00 min"),
        (-90, "-1 min 30 s"),
    ],
)
def test_durations_have_two_units(duration_s: float, text: str) -> None:
    assert format_duration(duration_s) == text


@pytest.mark.parametrize(
    ("unit", "field", "field_unit", "style"),
    [
        (Unit.COUNT, None, None, FigureStyle.NUMBER),
        (Unit.RATIO, None, None, FigureStyle.PERCENT),
        (Unit.SECONDS, None, None, FigureStyle.DURATION),
        (None, None, None, FigureStyle.NUMBER),
        (Unit.COUNT, "share", None, FigureStyle.PERCENT),
        (Unit.MIXED, "print.share", None, FigureStyle.PERCENT),
        (Unit.MIXED, "ci95.low", None, FigureStyle.PERCENT),
        (Unit.COUNT, "mean", "s", FigureStyle.DURATION),
        (Unit.COUNT, "mean", "EUR", FigureStyle.NUMBER),
        (Unit.COUNT, "total", "s", FigureStyle.NUMBER),
    ],
)
def test_the_style_follows_the_unit_and_the_field(
    unit: Unit | None, field: str | None, field_unit: str | None, style: FigureStyle
) -> None:
    assert find_style(unit, field, field_unit) is style


def test_changes_have_a_sign_and_differences_of_rates_are_points() -> None:
    assert format_change(0.0573, is_difference=False) == "+5.7%"
    assert format_change(-1.0, is_difference=False) == "-100.0%"
    assert format_change(-0.014, is_difference=True) == "-1.40 pt"
    assert format_change(-0.0004, is_difference=False) == "+0.0%"
    assert format_change(None, is_difference=True) == "-"


@pytest.mark.parametrize(
    ("values", "width", "line"),
    [
        ([1, 2, 3, 4, 5, 6, 7, 8], 40, "▁▂▃▄▅▆▇█"),
        ([10, None, 20], 40, "▁ █"),
        ([0, 0, 0], 40, "▁▁▁"),
        ([5, 5], 40, "▅▅"),
        ([None, None], 40, ""),
        ([], 40, ""),
        ([0, 0, 4, 4, 8, 8, None, None], 4, "▁▅█ "),
        ([1.0, 3.0, 5.0], 2, "▁█"),
    ],
)
def test_sparklines_go_from_the_least_to_the_greatest_value(values: list[float | None], width: int, line: str) -> None:
    assert draw_sparkline(values, width) == line
