"""Answers of analytics questions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from okube_api.client.frames import FrameLayout, build_frame

if TYPE_CHECKING:
    import pandas
    import polars


@dataclass(frozen=True, slots=True)
class AnswerNote:
    """What the server says about the values.  code: for programs, such as `no_events`."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, repr=False)
class AnalyticsAnswer:
    """The answer to a question.

    results: the elements of the answer, one for each KPI and scope, as in the JSON.
    meta: the period, the time zone, the buckets, the cost of the answer, as in the JSON.
    plan: with `explain`, what the store was asked.
    """

    results: Sequence[Mapping[str, Any]]
    meta: Mapping[str, Any]
    plan: Sequence[Mapping[str, Any]] | None = None

    def __repr__(self) -> str:
        elements = [f"{element['kpi']} by {element['scope']}" for element in self.results]
        period = [f"{self.meta['from']} to {self.meta['to']}"] if {"from", "to"} <= self.meta.keys() else []
        return f"<AnalyticsAnswer {', '.join((*elements, *period))}>"

    @property
    def notes(self) -> list[AnswerNote]:
        """Notes on the values, such as why there are none."""
        return [AnswerNote(note["code"], note["message"]) for note in self.meta["notes"]]

    @property
    def timezone(self) -> str:
        """The time zone of the application."""
        return str(self.meta["timezone"])

    def select(
        self, *, kpi: str | None = None, scope: str | None = None, granularity: str | None = None
    ) -> "AnalyticsAnswer":
        """Return the part of the answer about a KPI, a scope or a granularity."""
        requested = {"kpi": kpi, "scope": scope, "granularity": granularity}
        results = [
            element
            for element in self.results
            if all(value is None or element[name] == value for name, value in requested.items())
        ]
        return replace(self, results=results)

    def to_pandas(self, layout: FrameLayout = "wide", *, totals: bool | None = None) -> "pandas.DataFrame":
        """Return a pandas frame, indexed by `date` (`time` by hour, the category of an aggregation).

        layout: `wide` has a column for each KPI and, of KPIs with several numbers, for each field; `long` one line for
        each number.
        totals: one line for the whole period instead of lines for buckets; None for buckets where there are any.
        Raise ValueError when the answer has buckets of several kinds.
        """
        return build_frame(self.results, self.meta, layout, totals=totals).to_pandas()

    def to_polars(self, layout: FrameLayout = "wide", *, totals: bool | None = None) -> "polars.DataFrame":
        """Return a Polars frame, with the columns of `to_pandas`; its index is the first column."""
        return build_frame(self.results, self.meta, layout, totals=totals).to_polars()


def read_answer(document: Any) -> AnalyticsAnswer:
    """Return the answer of a JSON document; without `meta`, it has none."""
    if isinstance(document, list):
        return AnalyticsAnswer(document, {})
    return AnalyticsAnswer(document["results"], document["meta"], document.get("plan"))
