"""Comparisons of two periods: the changes between two answers, number by number, from exact values."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any
from unittest.mock import patch

from tests.by_hand.question import Question
from tests.by_hand.results import Leaf
from tests.by_hand.truth import Truth

EMPTY_DAY = date(2001, 1, 1)
RATES = {"rate", "share", "captureRate", "ctr", "venueRate", "roi", "referenceShare", "lift"}
RATE_KPIS = {"ctr", "venueRate", "roi", "offlineRoi", "offlineConversionRate"}
COUNTS = {"value", "visitors", "users"}
NAMES = ("key", "label", "poi", "campaign", "rank", "from", "to", "unit", "measure")
Answer = Callable[[Truth, str, Question], Leaf]


@contextmanager
def exact_values() -> Iterator[None]:
    """Let the computation by hand return fractions instead of rounded numbers."""
    with (
        patch("tests.by_hand.results.round_exactly", lambda value, _: Fraction(value)),
        patch("tests.by_hand.conversion.round_exactly", lambda value, _: Fraction(value)),
    ):
        yield


def compare_answers(
    answer: Answer, truth: Truth, kpi: str, now: Question, then: Question, *, uncut: Question | None = None
) -> dict[str, Any]:
    """Return the `data` and the `change` of a comparison of two questions that differ in their period.

    uncut: the question with its whole period, if only some of its days are compared.
    """
    uncut = uncut or now
    data = answer(truth, kpi, then)
    with exact_values():
        left, right = answer(truth, kpi, now), answer(truth, kpi, then)
        empty = answer(truth, kpi, replace(now, scope="globals", first=EMPTY_DAY, last=EMPTY_DAY))["all"]
    is_rate = kpi in RATE_KPIS
    shared = set(now.buckets()) & set(then.buckets())
    if now.scope == "globals":
        labels = {*uncut.buckets(), *then.buckets()}
        data["temporals"] |= dict.fromkeys(labels - set(then.buckets()))
        return {"data": data, "change": _compare_rows(left, right, empty, labels, shared=shared, is_rate=is_rate)}
    change = {}
    for value in {**left, **right}:
        row, row_then = ({"all": empty, "temporals": {}} | rows.get(value, {}) for rows in (left, right))
        labels = {*row["temporals"], *row_then["temporals"]}
        change[value] = _compare_rows(row, row_then, empty, labels, shared=shared, is_rate=is_rate)
    return {"data": data, "change": change}


def _compare_rows(
    now: Mapping[str, Any], then: Mapping[str, Any], empty: Leaf, labels: set[str], *, shared: set[str], is_rate: bool
) -> dict[str, Any]:
    temporals = {
        label: compare_leaves(now["temporals"].get(label, empty), then["temporals"].get(label, empty), is_rate)
        if label in shared
        else None
        for label in labels
    }
    return {"all": compare_leaves(now["all"], then["all"], is_rate), "temporals": temporals}


def compare_leaves(now: Leaf, then: Leaf, is_rate: bool) -> Leaf:
    """Return the change of a leaf."""
    if isinstance(now, dict) or isinstance(then, dict):
        now, then = now or {}, then or {}
        fields = {}
        for name in {**now, **then}:
            if name in {"ci95", "significant"}:
                continue
            if name in NAMES:
                fields[name] = now.get(name, then.get(name))
            else:
                missing = 0 if name in COUNTS else None
                fields[name] = compare_leaves(now.get(name, missing), then.get(name, missing), name in RATES)
        return fields
    if isinstance(now, list) or isinstance(then, list):
        items, items_then = (
            {tuple(item.get(name) for name in NAMES): item for item in items} for items in (now or [], then or [])
        )
        return [compare_leaves(items.get(name), items_then.get(name), False) for name in {**items, **items_then}]
    if now is None or then is None or (then == 0 and not is_rate):
        return None
    difference = Fraction(now) - Fraction(then)
    return float(round(difference if is_rate else difference / Fraction(then), 4))
