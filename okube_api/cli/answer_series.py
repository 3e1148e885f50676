"""The series of an answer: for each thing that it is about, a figure of the whole period and those of the buckets."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from okube_api.client.answer_rows import WHOLE_PERIOD, AnswerRow, list_rows
from okube_api.leaf_parts import LeafPart

GLOBALS = "globals"


class AnswerMeasure(NamedTuple):
    """What figures are of: a KPI, or one field of a KPI that is an object."""

    kpi: str
    field: str | None


class Subject(NamedTuple):
    """What a figure is about: a scope value, and an item within an object."""

    outer_id: str | None
    id: str | None
    item: str | None
    subitem: str | None


class SeriesKind(NamedTuple):
    """What has a table of its own.

    kpi, prefix: of figures of an object, and of those of the items of one of its lists; None for KPIs that are numbers.
    """

    mode: str
    granularity: str
    scope: str
    kpi: str | None = None
    prefix: str | None = None


@dataclass(slots=True)
class Figure:
    """A figure of a period, and by compared period the figure of that and the change."""

    value: Any = None
    compared: dict[str, tuple[Any, float | None]] = field(default_factory=dict)


@dataclass(slots=True)
class Series:
    """The figures of one measure of one subject.  unit: of the averages of a distribution."""

    total: Figure = field(default_factory=Figure)
    share: float | None = None
    unit: str | None = None
    buckets: dict[str, Figure] = field(default_factory=dict)

    def list_numbers(self, buckets: Sequence[str]) -> list[float | None]:
        """Return the numbers of these buckets; None for one without a number."""
        figures = (self.buckets.get(bucket) for bucket in buckets)
        values = (None if figure is None else figure.value for figure in figures)
        return [value if isinstance(value, int | float) else None for value in values]


@dataclass(slots=True)
class SeriesGroup:
    """The series of one kind, by subject and measure, in the order of the answer.

    labels: properties of the scope value and of the item of each subject.
    starts: when each bucket starts, or which category it is.
    compared: the names of the compared periods.
    """

    series: dict[Subject, dict[AnswerMeasure, Series]] = field(default_factory=dict)
    labels: dict[Subject, Mapping[str, Any]] = field(default_factory=dict)
    measures: dict[AnswerMeasure, None] = field(default_factory=dict)
    starts: dict[str, date | datetime | int | str | None] = field(default_factory=dict)
    compared: dict[str, None] = field(default_factory=dict)

    def add(self, row: AnswerRow) -> None:
        """Add a number of the answer."""
        subject = _find_subject(row)
        name = row.part.field.rpartition(".")[2] if row.part.field and _is_item(row.part) else row.part.field
        measure = AnswerMeasure(row.kpi, name)
        self.measures[measure] = None
        self.labels.setdefault(subject, {**row.group, "item_name": row.part.item_name})
        series = self.series.setdefault(subject, {}).setdefault(measure, Series())
        series.unit = row.part.unit
        if row.bucket == WHOLE_PERIOD:
            series.share = row.share
            figure = series.total
        else:
            self.starts.setdefault(row.bucket, row.start)
            figure = series.buckets.setdefault(row.bucket, Figure())
        figure.value = row.part.value
        if row.compared_to is not None:
            self.compared[row.compared_to] = None
            figure.compared[row.compared_to] = (row.compared_value, row.change)


def _is_item(part: LeafPart) -> bool:
    """Return whether a number is about an item of a list, or a cell of a matrix."""
    return part.item is not None or part.subitem is not None


def _find_subject(row: AnswerRow) -> Subject:
    return Subject(row.group.get("outer_id"), row.group.get("id"), row.part.item, row.part.subitem)


def group_series(results: Sequence[Mapping[str, Any]], meta: Mapping[str, Any]) -> dict[SeriesKind, SeriesGroup]:
    """Return the series of an answer by their kind, in the order of the answer."""
    groups: dict[SeriesKind, SeriesGroup] = {}
    for row in list_rows(results, meta):
        kind = SeriesKind(row.mode, row.granularity, row.scope)
        if row.part.field is not None:
            prefix = row.part.field.rpartition(".")[0] or row.part.field if _is_item(row.part) else None
            kind = kind._replace(kpi=row.kpi, prefix=prefix)
        groups.setdefault(kind, SeriesGroup()).add(row)
    return groups
