"""Answers by hour: each bucket is the answer over the rows of that hour."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from tests.by_hand.question import Question, select_pois, select_sites
from tests.by_hand.results import Leaf
from tests.by_hand.truth import Truth

HOUR = timedelta(hours=1)
Compute = Callable[[Truth, str, Question], Any]
HourOf = Callable[[Any], str]


@cache
def find_midnight(day: date, timezone: str) -> datetime:
    """Return the instant (UTC) at which a local day begins."""
    return datetime.combine(day, time(), ZoneInfo(timezone)).astimezone(UTC)


def find_hour(at: datetime, timezone: str, question: Question) -> str:
    """Return the key of the hour of an instant; an instant after the period is in its last hour."""
    end = find_midnight(question.last + timedelta(days=1), timezone)
    at = min(at, end - timedelta(microseconds=1))
    if question.mode == "histogram":
        return str((at.astimezone(UTC) - find_midnight(question.first, timezone)) // HOUR)
    local = at.astimezone(ZoneInfo(timezone))
    return str(local.hour) if question.granularity == "hour" else f"{local.isoweekday()}-{local.hour}"


@cache
def _find_hours(question: Question, timezone: str) -> set[str]:
    at, end = (find_midnight(day, timezone) for day in (question.first, question.last + timedelta(days=1)))
    keys = set()
    while at < end:
        keys.add(find_hour(at, timezone, question))
        at += timedelta(minutes=30)
    return keys


def list_hours(question: Question, timezones: set[str]) -> list[str]:
    """Return the keys of all hours of the period in time zones."""
    keys = set().union(*(_find_hours(question, timezone) for timezone in timezones))
    return sorted(keys, key=lambda key: tuple(map(int, key.split("-"))))


def answer_by_hour(truth: Truth, kpi: str, question: Question, compute: Compute, hour_of: HourOf) -> Leaf:
    """Return the `data` of one element of an answer by hour.

    compute: answers questions by day.  hour_of: returns the hour of a row, "" for rows that belong to none.
    """
    period_question = replace(question, mode="histogram", granularity="year")
    keys: dict[int, str] = {}

    def find_key(row: Any) -> str:
        if id(row) not in keys:
            keys[id(row)] = hour_of(row)
        return keys[id(row)]

    def compute_hour(key: str | None) -> Any:
        return compute(truth, kpi, replace(period_question, row_test=lambda row: find_key(row) == key))

    of_period, empty = compute(truth, kpi, period_question), compute_hour(None)
    filled = {key: compute_hour(key) for key in set(keys.values())}
    places = (*select_sites(truth, question), *select_pois(truth, question))
    parts = {key: filled.get(key, empty) for key in list_hours(question, {truth.zone_of(place.id) for place in places})}
    if question.scope == "globals":
        return {"all": of_period["all"], "temporals": {key: part["all"] for key, part in parts.items()}}
    no_rows = compute(truth, kpi, replace(period_question, scope="globals", row_test=lambda _: False))["all"]
    data = {}
    for value in {value for part in (of_period, *parts.values()) for value in part}:
        leaves = {key: part[value]["all"] for key, part in parts.items() if value in part}
        temporals = {key: leaf for key, leaf in leaves.items() if leaf != no_rows}
        data[value] = {"all": of_period[value]["all"] if value in of_period else no_rows, "temporals": temporals}
    return data
