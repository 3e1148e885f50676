"""The leaves of an answer and the answer itself: rounding, distributions, breakdowns, buckets."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from functools import cache, lru_cache
from typing import Any

from tests.by_hand.question import Question

Amount = Fraction | int
Leaf = Any


def round_exactly(value: Amount, digits: int) -> float:
    """Round half to even, from the exact value."""
    return float(round(Fraction(value), digits))


def count(value: Amount, uplift: bool) -> float:
    """Return a count: an integer, or with uplift at most 2 decimals."""
    return round_exactly(value, 2) if uplift else int(value)


def money(value: Amount) -> float:
    """Round money and credits to at most 2 decimals."""
    return round_exactly(value, 2)


def ratio(numerator: Amount, denominator: Amount) -> float | None:
    """Round a quotient to at most 4 decimals; None when the denominator is 0."""
    return round_exactly(Fraction(numerator) / Fraction(denominator), 4) if denominator else None


def distribution(
    unit: str,
    measure: str,
    edges: Sequence[int],
    amounts: Iterable[tuple[Fraction | int | None, Fraction]],
    uplift: bool,
) -> Leaf:
    """Return the distribution of amounts.

    amounts: pairs of the banded quantity (None when unknown) and its weight.
    """
    known_amounts: list[tuple[Fraction, Fraction]] = []
    unknown = Fraction(0)
    for amount, weight in amounts:
        if amount is None:
            unknown += weight
        else:
            known_amounts.append((Fraction(amount), weight))
    total = sum((weight for _, weight in known_amounts), Fraction(0))
    bins = [
        (
            low,
            high,
            sum((w for amount, w in known_amounts if low <= amount and (high is None or amount < high)), Fraction(0)),
        )
        for low, high in zip(edges, [*edges[1:], None], strict=True)
    ]
    return {
        "unit": unit,
        "measure": measure,
        "bins": [
            {"from": low, "to": high, "value": count(value, uplift), "share": ratio(value, total)}
            for low, high, value in bins
        ],
        "unknown": count(unknown, uplift),
        "total": count(total + unknown, uplift),
        "mean": ratio(sum((amount * weight for amount, weight in known_amounts), Fraction(0)), total),
        "median": _median(bins, total),
    }


def _median(bins: Sequence[tuple[int, int | None, Fraction]], total: Fraction) -> float | None:
    below = Fraction(0)
    for low, high, value in bins:
        if value and below + value >= total / 2:
            return None if high is None else round_exactly(low + (total / 2 - below) / value * (high - low), 4)
        below += value
    return None


def breakdown(values: Mapping[str | None, Fraction], labels: Mapping[str, str], uplift: bool) -> Leaf:
    """Return the items of a breakdown: by descending value, ties by key.

    values: by key; None is the unknown.
    """
    known_values = {key: value for key, value in values.items() if key is not None and value}
    total = sum(known_values.values(), Fraction(0))
    unknown = values.get(None, Fraction(0))
    return {
        "items": [
            {"key": key, "label": labels.get(key, key), "value": count(value, uplift), "share": ratio(value, total)}
            for key, value in sorted(known_values.items(), key=lambda item: (-item[1], item[0]))
        ],
        "unknown": count(unknown, uplift),
        "total": count(total + unknown, uplift),
    }


@lru_cache(maxsize=256)
def split_days(question: Question) -> dict[str, frozenset[date]]:
    """Return the days that count by bucket."""
    days: dict[str, set[date]] = {key: set() for key in question.buckets()}
    for day in question.days():
        if question.contains(day):
            days[question.bucket(day)].add(day)
    return {key: frozenset(members) for key, members in days.items()}


def build_answer(
    question: Question,
    values: Iterable[str],
    named: Iterable[str],
    leaf: Callable[[str | None, frozenset[date]], Leaf],
    has_data: Callable[[str, frozenset[date]], bool] | None = None,
) -> Leaf:
    """Return the `data` of one element of the answer, without the properties of its scope values.

    values: the scope values that may have data.
    named: the scope values that a filter names; they are in the answer even when empty.
    leaf: computes the leaf of one scope value (None: globals) over some days.
    has_data: returns whether a scope value has data on some days; by default when its leaf is not that of no days.
    """
    leaf, buckets = cache(leaf), split_days(question)
    all_days = frozenset(day for members in buckets.values() for day in members)
    if question.scope == "globals":
        return {
            "all": leaf(None, all_days),
            "temporals": {key: leaf(None, members) for key, members in buckets.items()},
        }
    is_filled = has_data or (lambda value, members: bool(leaf(value, members) != leaf(value, frozenset())))
    data = {}
    for value in sorted({*values, *named}):
        temporals = {
            key: leaf(value, members) for key, members in buckets.items() if members and is_filled(value, members)
        }
        if temporals or value in named or is_filled(value, all_days):
            data[value] = {"all": leaf(value, all_days), "temporals": temporals}
    return data
