"""Figures of an answer as people read them: numbers, rates, durations, changes and sparklines."""

from collections.abc import Sequence
from enum import StrEnum
from itertools import pairwise
from typing import Any

from okube_api.catalogue.kpi import Unit
from okube_api.catalogue.shapes import RATE_FIELDS

NO_FIGURE = "-"
_BARS = "▁▂▃▄▅▆▇█"
_AVERAGES = frozenset({"mean", "median"})


class FigureStyle(StrEnum):
    """How a figure is written."""

    NUMBER = "number"
    PERCENT = "percent"
    DURATION = "duration"


def find_style(unit: Unit | None, field: str | None, field_unit: str | None) -> FigureStyle:
    """Return the style of a figure.

    unit: of the KPI; None when it is unknown.
    field: name of the figure within an object, with dots; None when the KPI is a number.
    field_unit: of the averages of a distribution.
    """
    if field is None:
        styles = {Unit.RATIO: FigureStyle.PERCENT, Unit.SECONDS: FigureStyle.DURATION}
        return FigureStyle.NUMBER if unit is None else styles.get(unit, FigureStyle.NUMBER)
    first, last = field.split(".")[0], field.split(".")[-1]
    if last in RATE_FIELDS or first == "ci95":
        return FigureStyle.PERCENT
    if last in _AVERAGES and field_unit == Unit.SECONDS:
        return FigureStyle.DURATION
    return FigureStyle.NUMBER


def format_figures(values: Sequence[Any], style: FigureStyle) -> list[str]:
    """Return the figures of a column, with the same number of decimals: enough for three digits of the largest one.

    Rates have two decimals of a percent.  What is no number is written as it is, null as NO_FIGURE.
    """
    numbers = [value for value in values if isinstance(value, int | float)]
    decimals = 0
    if any(isinstance(value, float) for value in numbers):
        largest = max(map(abs, numbers))
        bounds = ((1000, 0), (100, 1), (1, 2), (0, 4)) if largest else ((0, 0),)
        decimals = next(digits for bound, digits in bounds if largest >= bound)
    return [_format_figure(value, style, decimals) for value in values]


def _format_figure(value: Any, style: FigureStyle, decimals: int) -> str:
    if not isinstance(value, int | float):
        return NO_FIGURE if value is None else str(value)
    if style is FigureStyle.PERCENT:
        return f"{value:z,.2%}"
    if style is FigureStyle.DURATION:
        return format_duration(value)
    return f"{value:z,.{decimals}f}"


def format_duration(duration_s: float) -> str:
    """Return a duration in its two largest units: `2 h 05 min`, `12 min 30 s`, `45 s`."""
    seconds = abs(round(duration_s))
    sign = "-" if round(duration_s) < 0 else ""
    if seconds < 60:
        return f"{sign}{seconds} s"
    if seconds < 3600:
        return f"{sign}{seconds // 60} min {seconds % 60:02} s"
    return f"{sign}{seconds // 3600:,} h {seconds % 3600 // 60:02} min"


def format_change(change: float | None, *, is_difference: bool) -> str:
    """Return a relative change in percent; the difference of rates in points of a percent."""
    if not isinstance(change, int | float):
        return NO_FIGURE
    return f"{change * 100:+z,.2f} pt" if is_difference else f"{change:+z,.1%}"


def draw_sparkline(values: Sequence[float | None], width: int) -> str:
    """Return a sparkline of at most `width` characters: the lowest bar is the least value, the highest the greatest.

    With more values than characters, each character is the mean of several.  A blank has no value.
    """
    if len(values) > width:
        edges = [len(values) * position // width for position in range(width + 1)]
        values = [_average(values[start:end]) for start, end in pairwise(edges)]
    numbers = [value for value in values if value is not None]
    if not numbers:
        return ""
    least, spread = min(numbers), max(numbers) - min(numbers)
    level = len(_BARS) // 2 if least else 0  # of a series that does not change

    def draw(value: float | None) -> str:
        if value is None:
            return " "
        return _BARS[round((value - least) / spread * (len(_BARS) - 1)) if spread else level]

    return "".join(map(draw, values))


def _average(values: Sequence[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return sum(numbers) / len(numbers) if numbers else None
