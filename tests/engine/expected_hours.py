"""The answers of each module by hour, computed by hand."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from tests.by_hand import conversion, geomarketing, performance, presence
from tests.by_hand.hours import answer_by_hour, find_hour
from tests.by_hand.question import Question
from tests.by_hand.truth import Truth


@cache
def expect_geo_marketing(truth: Truth, kpi: str, question: Question) -> Any:
    """Compute a KPI of geo-marketing by hour; a visitor-day belongs to the hour of its first stay."""
    days: set[Any] = set()
    later_rows: set[int] = set()
    for marked in geomarketing.mark_stays(truth):
        visitor_day = (*marked.visitor_day, marked.stay.zone)
        if visitor_day in days:
            later_rows.add(id(marked))
        days.add(visitor_day)

    def find(marked: geomarketing.MarkedStay) -> str:
        if kpi == "attendance" and id(marked) in later_rows:
            return ""
        return find_hour(marked.stay.start, truth.zone_of(marked.stay.place), question)

    return answer_by_hour(truth, kpi, question, geomarketing.geomarketing, find)


@cache
def expect_presence(truth: Truth, kpi: str, question: Question) -> Any:
    """Compute a KPI of presence by hour; `leaving` by the end of a stay, a visitor-day by its first stay."""
    days: set[Any] = set()
    later_rows: set[int] = set()
    for row in presence.mark_rows(truth):
        passes = question.equipments is None or any(map(question.equipments.accepts, row.session.path))
        if passes and row.visitor_day in days:
            later_rows.add(id(row))
        elif passes:
            days.add(row.visitor_day)

    def find(row: presence.MarkedRow) -> str:
        if kpi == "attendance" and id(row) in later_rows:
            return ""
        timezone = truth.zone_of(row.session.site)
        at = row.session.end if kpi == "leaving" else datetime.fromtimestamp(row.start_s, UTC)
        return find_hour(at, timezone, question)

    return answer_by_hour(truth, kpi, question, presence.presence, find)


@cache
def expect_conversion(truth: Truth, kpi: str, question: Question) -> Any:
    def find(outcome: Any) -> str:
        return find_hour(outcome.at, truth.zone_of(outcome.site), question)

    return answer_by_hour(truth, kpi, question, conversion.conversion, find)


@cache
def expect_performance(truth: Truth, kpi: str, question: Question) -> Any:
    """Compute a KPI of performance by hour: that of each visit, and of each purchase."""

    def find(event: Any) -> str:
        return find_hour(event.at, truth.zone_of(event.site), question)

    return answer_by_hour(truth, kpi, question, performance.performance, find)
