# ruff: noqa: RUF001 - formulas have the signs of mathematics
"""Checks the clauses of formulas that are not arithmetic, such as `share = value ÷ total`, against an answer."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from okube_api.catalogue.expressions.breakdowns import AttributeBreakdown, Breakdown
from okube_api.catalogue.expressions.composites import Scoped
from okube_api.catalogue.expressions.distributions import Distribution, Frequency
from okube_api.catalogue.expressions.numbers import Distinct, Total
from okube_api.catalogue.value import Number, Value

CHECKED_BY_HAND = (
    r"a visitor has an offline visit at or after their first touch",
    r"mean = sum of these times ÷ total",
    r"per band of last end − first start of .*: number of such days",
    r"referenceShare = the same of users .*",
    r"transitions = number of steps from an area to the next",
    r"users\[i\]\[j\] = number of distinct .*, at both i and j",
)
"""Clauses that say which rows count: tests of the engine count them in other ways."""


def list_inner_numbers(value: Value) -> Iterator[Number]:
    """Yield the numbers that the formula of a structure describes."""
    match value:
        case Scoped():
            yield from list_inner_numbers(value.default)
        case Distribution():
            yield Total(value.measure, value.slice)
            yield Total(value.amount, value.slice, denominator=value.amount_denominator, is_integer=False)
        case Breakdown():
            yield value.total
        case AttributeBreakdown() | Frequency():
            yield Distinct((value.users,))


def list_namespaces(leaf: Any) -> Iterator[dict[str, Any]]:
    """Yield the numbers of each part of a leaf, and those of the leaf, by the names that formulas have for them."""
    totals = {name: value for name, value in leaf.items() if not isinstance(value, list | dict)}
    yield {**totals, "users": totals.get("total")}
    for part in (*leaf.get("bins", []), *leaf.get("items", [])):
        yield {**totals, "all of them": totals.get("visitors"), **part}
    for rank in leaf.get("ranks", []):
        total = sum(item["value"] for item in rank["items"])
        yield from ({"sum of the rank": total, **item} for item in rank["items"])
    for area, mean in leaf.get("meanRank", {}).items():
        items = [(rank["rank"], item) for rank in leaf["ranks"] for item in rank["items"] if item["key"] == area]
        yield {
            "meanRank": mean,
            "sum of the ranks of an area": sum(rank * item["value"] for rank, item in items),
            "number of stays with it": sum(item["value"] for _, item in items),
        }
    for row, users in enumerate(leaf.get("users", [])):
        for column, count in enumerate(users):
            yield {"users[i][j]": count, "users[i][i]": users[row], "rate[i][j]": leaf["rate"][row][column]}
    if "exposed" in leaf:
        groups = ("exposed", "control")
        yield from (leaf[group] for group in groups)
        yield {
            **{f"{group} {name}": value for group in groups for name, value in leaf[group].items()},
            **{name: leaf[name] for name in ("lift", "incrementalVisitors", "ci95")},
        }


def calculate(text: str, names: Mapping[str, Any], sign: str = "+") -> Any:
    """Return the value of an expression of a formula; None when it has a word that is no name.

    sign: what `±` stands for.
    """
    for name in sorted(names, key=len, reverse=True):
        text = re.sub(rf"(?<![\w\[]){re.escape(name)}(?![\w\[])", f"({names[name]!r})", text)
    python = text.translate(str.maketrans("÷×−±", f"/*-{sign}")).replace("√", "sqrt")
    if re.search(r"[a-z]{2,}", re.sub(r"\b(sqrt|ln|exp)\(", "(", python)):
        return None
    return eval(python, {"sqrt": math.sqrt, "ln": math.log, "exp": math.exp})  # digits and operators


def interpolate_median(leaf: Any) -> float | None:
    """Return the median of a distribution, by linear interpolation within its band; None in a band without an end."""
    half, count = (leaf["total"] - leaf["unknown"]) / 2, 0
    for band in leaf["bins"]:
        if band["value"] and count + band["value"] >= half:
            end = band["to"]
            return None if end is None else band["from"] + (half - count) / band["value"] * (end - band["from"])
        count += band["value"]
    return None


def check_formula(line: str, leaf: Any, words: Mapping[str, float | None]) -> None:
    """Raise AssertionError unless all clauses of a formula are true of a leaf.

    words: the numbers within structures by their description.
    """
    clauses = re.sub(r"^per point of interest: ", "", line).split("; ")
    is_known_only = "those without that quantity are left out" in clauses
    for clause in clauses:
        check_clause(clause, leaf, words, is_known_only=is_known_only)


def check_clause(clause: str, leaf: Any, words: Mapping[str, float | None], *, is_known_only: bool) -> None:
    """Raise AssertionError unless a clause of a formula is true of a leaf, or of those that are checked elsewhere.

    is_known_only: whether the leaf leaves out some of the rows that it counts.
    """
    parts = leaf.get("bins") or leaf.get("items") or []
    counted = sum(part.get("value", 0) for part in parts)
    name, _, expression = clause.partition(" = ")
    expression = re.sub(r"distinct .* who are also seen there", "visitors", expression.partition(", of the ")[0])
    if any(re.fullmatch(pattern, clause) for pattern in CHECKED_BY_HAND):
        return
    if clause == "median by linear interpolation within its band":
        assert leaf["median"] == interpolate_median(leaf)
    elif re.fullmatch(r"`unknown` counts those without( it)?", clause):
        assert leaf["total"] == counted + leaf["unknown"]
    elif clause == "those without that quantity are left out":
        assert (leaf["unknown"], leaf["total"]) == (0, counted)
    elif clause == "significant = 0 is not within ci95":
        assert leaf["significant"] == (not leaf["ci95"][0] <= 0 <= leaf["ci95"][1])
    elif clause.startswith("per rank: "):
        assert sum(item["value"] for item in leaf["ranks"][0]["items"]) == words["number of stays at the sites"]
    elif clause.startswith("per ") and expression == "":
        rows = clause.partition(": ")[2]
        assert leaf["total"] == words[rows] or is_known_only
    else:
        checks = 0
        for names in list_namespaces(leaf):
            for sign, shown in zip("-+", names.get(name, ()) if name == "ci95" else [names.get(name)], strict=False):
                value = calculate(expression, {**words, **names}, sign)
                if shown is not None and value is not None:
                    checks += 1
                    assert value == pytest.approx(shown, abs=6e-3), clause
        assert checks, f"not checked: {clause}"
