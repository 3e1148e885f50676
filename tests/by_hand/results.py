"""The leaves of an answer, and the answer around them: rounding, distributions, breakdowns, buckets."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from fractions import Fraction
from typing import Any

from tests.by_hand.question import Question

Amount = Fraction | int
Leaf = Any


def rounded(value: Amount, digits: int) -> float:
    """Half to even, from the exact value."""
    return float(round(Fraction(value), digits))


def count(value: Amount, uplift: bool) -> float:
    """A count: an integer unless it is uplifted, then at most 2 decimals."""
    return rounded(value, 2) if uplift else int(value)


def money(value: Amount) -> float:
    """Money, and every count that is a share of something: at most 2 decimals."""
    return rounded(value, 2)


def ratio(above: Amount, below: Amount) -> float | None:
    """At most 4 decimals; nothing over nothing is not known."""
    return rounded(Fraction(above) / Fraction(below), 4) if below else None


def distribution(
    unit: str,
    measure: str,
    edges: Sequence[int],
    amounts: Iterable[tuple[Fraction | int | None, Fraction]],
    uplift: bool,
) -> Leaf:
    """amounts: what is binned (None when unknown) with its weight."""
    known: list[tuple[Fraction, Fraction]] = []
    unknown = Fraction(0)
    for amount, weight in amounts:
        if amount is None:
            unknown += weight
        else:
            known.append((Fraction(amount), weight))
    total = sum((weight for _, weight in known), Fraction(0))
    bins = [
        (low, high, sum((w for amount, w in known if low <= amount and (high is None or amount < high)), Fraction(0)))
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
        "mean": ratio(sum((amount * weight for amount, weight in known), Fraction(0)), total),
        "median": _median(bins, total),
    }


def _median(bins: Sequence[tuple[int, int | None, Fraction]], total: Fraction) -> float | None:
    below = Fraction(0)
    for low, high, value in bins:
        if value and below + value >= total / 2:
            return None if high is None else rounded(low + (total / 2 - below) / value * (high - low), 4)
        below += value
    return None


def breakdown(values: Mapping[str | None, Fraction], labels: Mapping[str, str], uplift: bool) -> Leaf:
    """values: by key, None for those without one; the most first, ties by key."""
    known = {key: value for key, value in values.items() if key is not None and value}
    total = sum(known.values(), Fraction(0))
    unknown = values.get(None, Fraction(0))
    return {
        "items": [
            {"key": key, "label": labels.get(key, key), "value": count(value, uplift), "share": ratio(value, total)}
            for key, value in sorted(known.items(), key=lambda item: (-item[1], item[0]))
        ],
        "unknown": count(unknown, uplift),
        "total": count(total + unknown, uplift),
    }


def answer(
    question: Question,
    values: Iterable[str],
    named: Iterable[str],
    leaf: Callable[[str | None, frozenset[date]], Leaf],
) -> Leaf:
    """The `data` of one element of the answer, without the properties of its scope values.

    values: the scope values that there may be; named: those that a filter names, in the answer even when empty.
    leaf: of one scope value (None: globals) over some days.
    """
    days: dict[str, set[date]] = {key: set() for key in question.buckets()}
    for day in question.days():
        if question.holds(day):
            days[question.bucket(day)].add(day)
    buckets = {key: frozenset(members) for key, members in days.items()}
    everything = frozenset(day for members in buckets.values() for day in members)
    if question.scope == "globals":
        return {
            "all": leaf(None, everything),
            "temporals": {key: leaf(None, members) for key, members in buckets.items()},
        }
    found = {}
    for value in sorted({*values, *named}):
        empty = leaf(value, frozenset())
        temporals = {key: leaf(value, members) for key, members in buckets.items() if members}
        temporals = {key: one for key, one in temporals.items() if one != empty}
        total = leaf(value, everything)
        if temporals or total != empty or value in named:
            found[value] = {"all": total, "temporals": temporals}
    return found
