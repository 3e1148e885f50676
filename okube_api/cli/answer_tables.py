"""Prints an answer as tables for people: a line for each scope value, with its total, a sparkline and changes."""

import re
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from rich.console import Console

from okube_api.catalogue.kpi import Kpi
from okube_api.cli.answer_series import (
    GLOBALS,
    AnswerMeasure,
    Figure,
    Series,
    SeriesGroup,
    SeriesKind,
    Subject,
    group_series,
)
from okube_api.cli.figures import FigureStyle, draw_sparkline, find_style, format_change, format_figures
from okube_api.cli.text_tables import PrintedColumn, build_label, get_table_width, print_tables, print_text
from okube_api.client.analytics_answer import AnalyticsAnswer
from okube_api.client.answer_rows import name_period

_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LEAST_SPARKLINE, _MOST_SPARKLINE = 10, 40
_REMAINDER = "others"
_MOST_NAMES = 10

Line = tuple[AnswerMeasure, Series]


class AnswerPrinter:
    """Prints the answer to a question.

    kpis: of the module, by name; the numbers of other KPIs are plain.
    most_rows: of a table; a line tells how many rows are left out.
    is_ranked: whether the answer has its scope values in an order that was requested; else the largest is first.
    """

    def __init__(self, console: Console, kpis: Mapping[str, Kpi], *, most_rows: int, is_ranked: bool) -> None:
        self._console = console
        self._kpis = kpis
        self._most_rows = most_rows
        self._is_ranked = is_ranked
        self._draws = console.encoding.startswith("utf")
        self._sparkline_width = min(max(get_table_width(console) // 5, _LEAST_SPARKLINE), _MOST_SPARKLINE)
        self._changes: Mapping[str, Any] = {}

    def print(self, answer: AnalyticsAnswer) -> None:
        """Print the tables of an answer, and its notes."""
        self._changes = answer.meta.get("change", {})
        print_text(self._console, _describe_periods(answer), "bold")
        groups = group_series(answer.results, answer.meta)
        cut: Sequence[str] = ()
        mark = ""  # of lines of buckets; trends have none
        for kind, group in groups.items():
            if len(group.starts) > 1 and kind.mode == "histogram":
                cut = answer.meta.get("cut", {}).get(kind.granularity, ())
            if kind.prefix is not None:
                self._print_subjects(kind, group)
            elif kind.scope != GLOBALS:
                self._print_subjects(kind, group, groups.get(kind._replace(scope=GLOBALS)))
            elif not any(other.scope != GLOBALS and other._replace(scope=GLOBALS) == kind for other in groups):
                self._print_measures(kind, group)
                if len(group.starts) > 1:
                    self._print_buckets(kind, group, cut)
                    mark = "* "
        for element in answer.results:
            if not element["data"]:
                print_text(self._console, f"There is no data for {element['kpi']} by {element['scope']}.")
            elif element.get("total", 0) > len(element["data"]) and _REMAINDER not in element["data"]:
                print_text(
                    self._console,
                    f"{len(element['data']):,} of {element['total']:,} {element['scope']} by {element['kpi']}.",
                )
        if cut:
            places = [name for name, is_cut in (("first", "0" in cut), ("last", cut[-1] != "0")) if is_cut]
            unit = answer.results[0]["granularity"]
            print_text(self._console, f"{mark}Only partly in the period: the {' and the '.join(places)} {unit}.")
        if left_out := answer.meta.get("likeForLike"):
            names = ", ".join(str(site["key"] or site["name"]) for site in left_out[:_MOST_NAMES])
            rest = f" and {len(left_out) - _MOST_NAMES:,} more" if len(left_out) > _MOST_NAMES else ""
            print_text(self._console, f"Left out, because they were not open in all periods: {names}{rest}.")
        for note in answer.notes:
            print_text(self._console, f"Note: {note.message}")

    def _print_measures(self, kind: SeriesKind, group: SeriesGroup) -> None:
        """Print a line for each KPI, or for each field of one, over all."""
        (by_measure,) = group.series.values()
        names = build_label("", [measure.field or measure.kpi for measure in by_measure])
        print_tables(
            self._console, _describe_kind(kind), [names], [self._build_block("total", [*by_measure.items()], group)]
        )

    def _print_subjects(self, kind: SeriesKind, group: SeriesGroup, overall: SeriesGroup | None = None) -> None:
        """Print a line for each subject.  overall: the series over all, which are the last line."""
        subjects = list(group.series)
        if kind.prefix is None and not self._is_ranked and "," not in kind.scope:
            subjects = _rank(subjects, group)
        lines = [group.series[subject] for subject in subjects[: self._most_rows]]
        labels = _build_labels(kind, group, subjects[: self._most_rows])
        if overall is not None:
            lines.extend(overall.series.values())
            for number, column in enumerate(labels):
                column.cells.append("" if number else "Overall")
        blocks = [
            self._build_block(
                measure.field or measure.kpi,
                [(measure, line.get(measure, Series())) for line in lines],
                overall or group,
            )
            for measure in group.measures
        ]
        print_tables(self._console, _describe_kind(kind), labels, blocks, has_sum=overall is not None)
        self._print_left_out(len(subjects))

    def _print_buckets(self, kind: SeriesKind, group: SeriesGroup, cut: Sequence[str]) -> None:
        """Print a line for each bucket of the series over all."""
        (by_measure,) = group.series.values()
        buckets = list(group.starts)[: self._most_rows]
        marks = ["*" if bucket in cut else "" for bucket in buckets]
        starts = [_format_start(group.starts[bucket], kind) for bucket in buckets]
        labels = build_label(kind.granularity, [f"{start}{mark}" for start, mark in zip(starts, marks, strict=True)])
        blocks = [
            self._build_figures(
                measure.field or measure.kpi,
                [(measure, series.unit, series.buckets.get(bucket, Figure())) for bucket in buckets],
                group,
            )
            for measure, series in by_measure.items()
        ]
        print_tables(self._console, "", [labels], blocks)
        self._print_left_out(len(group.starts))

    def _build_block(self, header: str, lines: Sequence[Line], group: SeriesGroup) -> list[PrintedColumn]:
        """Return the columns of series: the total, the share, the sparkline, and the comparisons."""
        total, *compared = self._build_figures(
            header, [(measure, series.unit, series.total) for measure, series in lines], group
        )
        columns = [total]
        if any(series.share is not None for _measure, series in lines):
            shares = format_figures([series.share for _measure, series in lines], FigureStyle.PERCENT)
            columns.append(PrintedColumn("share", shares))
        if len(group.starts) > 1 and self._draws:
            buckets = list(group.starts)
            sparklines = [
                draw_sparkline(series.list_numbers(buckets), self._sparkline_width) for _measure, series in lines
            ]
            columns.append(PrintedColumn("trend", sparklines, "left"))
        return columns + compared

    def _build_figures(
        self, header: str, figures: Sequence[tuple[AnswerMeasure, str | None, Figure]], group: SeriesGroup
    ) -> list[PrintedColumn]:
        """Return the columns of figures and of what they are compared with."""
        entries = [(measure, unit, figure.value) for measure, unit, figure in figures]
        columns = [PrintedColumn(header, self._format_values(entries))]
        for name in group.compared:
            compared = [figure.compared.get(name, (None, None)) for _measure, _unit, figure in figures]
            entries = [
                (measure, unit, value)
                for (measure, unit, _figure), (value, _change) in zip(figures, compared, strict=True)
            ]
            changes = [
                format_change(change, is_difference=self._is_difference(measure))
                for (measure, _unit, _figure), (_value, change) in zip(figures, compared, strict=True)
            ]
            before = "before" if len(group.compared) == 1 else name
            columns += [PrintedColumn(before, self._format_values(entries)), PrintedColumn("change", changes)]
        return columns

    def _format_values(self, entries: Sequence[tuple[AnswerMeasure, str | None, Any]]) -> list[str]:
        """Return values as text, those of the same measure with the same number of decimals."""
        texts = [""] * len(entries)
        for measure in dict.fromkeys(measure for measure, _unit, _value in entries):
            positions = [position for position, entry in enumerate(entries) if entry[0] == measure]
            kpi = self._kpis.get(measure.kpi)
            unit = next((unit for _measure, unit, _value in (entries[each] for each in positions) if unit), None)
            style = find_style(None if kpi is None else kpi.unit, measure.field, unit)
            formatted = format_figures([entries[position][2] for position in positions], style)
            for position, text in zip(positions, formatted, strict=True):
                texts[position] = text
        return texts

    def _is_difference(self, measure: AnswerMeasure) -> bool:
        change = self._changes.get(measure.kpi)
        if isinstance(change, dict):
            names = (name for name in change if measure.field in (name, name.rpartition(".")[2]))
            change = change.get(next(names, ""))
        return change == "difference"

    def _print_left_out(self, count: int) -> None:
        if count > self._most_rows:
            left_out = count - self._most_rows
            print_text(self._console, f"{left_out:,} more rows. To see all: --rows {count}, --csv or --json.")


def _rank(subjects: Sequence[Subject], group: SeriesGroup) -> list[Subject]:
    """Return scope values by their first figure, the largest first; what was left out of a limit is last."""
    measure = next(iter(group.measures))

    def get_rank(subject: Subject) -> tuple[bool, bool, float]:
        value = group.series[subject].get(measure, Series()).total.value
        is_number = isinstance(value, int | float)
        return subject.id == _REMAINDER, not is_number, -value if is_number else 0

    return sorted(subjects, key=get_rank)


def _build_labels(kind: SeriesKind, group: SeriesGroup, subjects: Sequence[Subject]) -> list[PrintedColumn]:
    """Return the columns that say what each line is about: names and keys, and the items of an object."""
    properties = [group.labels[subject] for subject in subjects]
    outer_scope, _, inner_scope = kind.scope.rpartition(",")
    columns: list[PrintedColumn] = []
    if outer_scope:
        outer = [each.get("outer_name") or subject.outer_id for each, subject in zip(properties, subjects, strict=True)]
        columns.append(build_label(outer_scope, _leave_out_repeated(outer)))
    if kind.scope != GLOBALS:
        names = [each.get("name") or subject.id for each, subject in zip(properties, subjects, strict=True)]
        columns.append(build_label(inner_scope, [name or "" for name in names]))
        keys = [each.get("key") for each in properties]
        if any(keys):
            columns.append(build_label("key", [key or "" for key in keys]))
    if kind.prefix is not None:
        items = [each.get("item_name") or subject.item for each, subject in zip(properties, subjects, strict=True)]
        if any(items):
            columns.append(build_label("item", [item or "" for item in items]))
        if any(subject.subitem is not None for subject in subjects):
            columns.append(build_label("", [subject.subitem or "" for subject in subjects]))
    return columns


def _leave_out_repeated(texts: Sequence[str | None]) -> list[str]:
    return ["" if position and text == texts[position - 1] else text or "" for position, text in enumerate(texts)]


def _describe_kind(kind: SeriesKind) -> str:
    """Return the title of a table."""
    return ", ".join(part for part in (kind.kpi, kind.prefix) if part)


def _describe_periods(answer: AnalyticsAnswer) -> str:
    """Return the days of the answer, and those of the compared periods."""
    text = f"{answer.meta['from']} to {answer.meta['to']} ({answer.timezone})"
    periods = {
        f"{_name_comparison(each['to'])} ({each['from']} to {each['until']})": None
        for element in answer.results
        for each in element.get("comparisons", ())
    }
    return f"{text}, compared with {' and '.join(periods)}" if periods else text


def _name_comparison(target: str | Mapping[str, str]) -> str:
    """Return a compared period as the option `--compare` names it."""
    return re.sub("[A-Z]", lambda capital: f"-{capital[0].lower()}", name_period(target))


def _format_start(start: date | datetime | int | str | None, kind: SeriesKind) -> str:
    """Return a bucket as people name it: a day with its weekday, a month, the hour of a day."""
    if isinstance(start, datetime):
        return f"{start:%Y-%m-%d %H:%M}"
    if isinstance(start, date):
        texts = {
            "day": f"{start} {_WEEKDAYS[start.weekday()]}",
            "month": f"{start:%Y-%m}",
            "quarter": f"{start.year} Q{(start.month + 2) // 3}",
            "year": f"{start.year}",
        }
        return texts.get(kind.granularity, f"{start}")
    return _format_category(start, kind.granularity)


def _format_category(category: int | str | None, granularity: str) -> str:
    if isinstance(category, int):
        texts = {
            "day": _WEEKDAYS[(category - 1) % 7],
            "month": _MONTHS[(category - 1) % 12],
            "hour": f"{category:02}:00",
            "quarter": f"Q{category}",
        }
        return texts.get(granularity, f"{category}")
    if isinstance(category, str) and granularity == "hourOfWeek":
        weekday, _, hour = category.partition("-")
        return f"{_WEEKDAYS[int(weekday) - 1]} {int(hour):02}:00"
    return category or ""
