"""Numbers of answers in one form, to check that okube and its competitors return the same ones."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import orjson

from okube_api.bench.workloads import SECOND_HALF
from okube_api.bench.world import FIRST
from okube_api.catalogue.buckets import bucket_numbers, to_ordinal
from okube_api.engine.results import AMOUNT_DIGITS

TOTAL = "all"
_FIRST_DAY = FIRST.date()
_BUCKETS = ("day", "week", "month")
_HOUR_OF_WEEK, _HOUR_KEYS = "hourOfWeek", {"weekday": 24, "hour_of_day": 1}
_INEXACT = 1e-9  # of the arithmetic of competitors

NumberKey = tuple[str, str, str, int]
"""KPI (with the field of its leaf), id of the site, campaign... (empty for globals), granularity or `all`, bucket."""
Numbers = dict[NumberKey, float]
Row = Sequence[Any]


class NumbersDiffer(AssertionError):
    """A competitor returned another number than okube."""


@dataclass(frozen=True, slots=True)
class ResultTable:
    """One of the tables that answer a workload: a row for each combination of keys, keys first, then KPIs.

    keys: columns of the facts: at most one of day, week, month, or weekday and hour, and at most one other.
    kpis: names of KPIs, with the field of the leaf if it has fields, such as `offlineVisitsAttributions.linear`; or
        followed by ` before` for the period that is compared with, and by ` change`.
    first: the day from which buckets are counted.
    """

    fact: str
    keys: tuple[str, ...]
    kpis: tuple[str, ...]
    first: date = _FIRST_DAY


def _tabulate_stays(keys: tuple[str, ...], *kpis: str) -> ResultTable:
    return ResultTable("stays", keys, kpis)


_MODELS = ("linear", "fc", "lc", "shapley", "participation")
_COMPARED_KPIS, _SIDES = ("posSessions", "uniqUsers"), ("", " before", " change")
_DASHBOARD_KPIS = ("posSessions", "timespent", "uniqUsers", "attendance")
RESULT_TABLES: Mapping[str, tuple[ResultTable, ...]] = {
    "A1": (_tabulate_stays(("day",), "posSessions"),),
    "A2": (_tabulate_stays(("place", "month"), "posSessions", "timespent"),),
    "A3": (_tabulate_stays(("month",), "uniqUsers"), _tabulate_stays((), "uniqUsers")),
    "A3s": (_tabulate_stays(("place", "month"), "uniqUsers"), _tabulate_stays(("place",), "uniqUsers")),
    "A4": tuple(
        _tabulate_stays(keys, kpi) for keys in (("day",), ("month",), ("place", "month")) for kpi in _DASHBOARD_KPIS
    ),
    "A5h": (_tabulate_stays(tuple(_HOUR_KEYS), *_DASHBOARD_KPIS[:2]), _tabulate_stays((), *_DASHBOARD_KPIS[:2])),
    "A5c": tuple(
        ResultTable("stays", keys, tuple(f"{kpi}{side}" for kpi in _COMPARED_KPIS for side in _SIDES), SECOND_HALF[0])
        for keys in (("week",), ())
    ),
    "A5r": (_tabulate_stays(("region", "week"), "uniqUsers"), _tabulate_stays(("region",), "uniqUsers")),
    "B1": (
        ResultTable("outcomes", ("week", "campaign"), tuple(f"offlineVisitsAttributions.{model}" for model in _MODELS)),
    ),
    "B2": (ResultTable("outcomes", ("month", "lever"), ("offlineVisits", "offlineConversions", "offlineRoi")),),
    "C1": (ResultTable("passages", ("equipment", "week"), ("sessions", "timespent", "uniqUsers")),),
}
"""The tables that a competitor returns for each workload."""


def read_answer(answer: bytes) -> Numbers:
    """Return the numbers of an answer of okube, without empty ones."""
    numbers: Numbers = {}
    for element in orjson.loads(answer):
        parts = [("", element["data"])]
        for comparison in element.get("comparisons", ()):
            parts += [(" before", comparison["data"]), (" change", comparison["change"])]
        for suffix, data in parts:
            for name, node in {"": data}.items() if element["scope"] == "globals" else data.items():
                for unit, bucket, leaf in _list_leaves(element["granularity"], node):
                    for field, value in leaf.items() if isinstance(leaf, dict) else [("", leaf)]:
                        if value is not None:
                            kpi = f"{element['kpi']}.{field}" if field else element["kpi"]
                            numbers[kpi + suffix, name, unit, bucket] = value
    return numbers


def _list_leaves(granularity: str, node: Any) -> Iterator[tuple[str, int, Any]]:
    """Yield the granularity or `all`, the number of the bucket, and the leaf."""
    yield TOTAL, 0, node.get("all")
    for key, leaf in node.get("temporals", {}).items():
        if granularity == _HOUR_OF_WEEK:
            weekday, hour = map(int, key.split("-"))
            yield granularity, weekday * 24 + hour, leaf
        else:
            yield granularity, int(key), leaf


def read_rows(tables: Sequence[ResultTable], rows_by_table: Sequence[Sequence[Row]]) -> Numbers:
    """Return the numbers of a competitor's rows."""
    numbers: Numbers = {}
    for table, rows in zip(tables, rows_by_table, strict=True):
        first_buckets = {name: int(bucket_numbers(np.array([to_ordinal(table.first)]), name)[0]) for name in _BUCKETS}
        for row in rows:
            name, unit, bucket = "", TOTAL, 0
            for column, value in zip(table.keys, row, strict=False):
                if column in _BUCKETS:
                    unit, bucket = column, int(value) - first_buckets[column]
                elif column in _HOUR_KEYS:
                    unit, bucket = _HOUR_OF_WEEK, bucket + int(value) * _HOUR_KEYS[column]
                else:
                    name = str(value)
            for kpi, value in zip(table.kpis, row[len(table.keys) :], strict=True):
                if value is not None:
                    numbers[kpi, name, unit, bucket] = float(value)
    return numbers


def check_equal(workload: str, side: str, answer: Numbers, numbers: Numbers) -> int:
    """Return how many numbers of a competitor were compared with the answer of okube.

    A number that one of them does not have counts as 0.  Numbers of a KPI may differ by half of the last decimal that
    its numbers in the answer have: amounts have two, ratios four.  Raise NumbersDiffer for the first one that differs.
    """
    tables = {(kpi, *_describe_keys(table.keys)) for table in RESULT_TABLES[workload] for kpi in table.kpis}
    keys = {key for key in answer if (key[0], key[1] != "", key[2]) in tables} | numbers.keys()
    digits: defaultdict[str, int] = defaultdict(lambda: AMOUNT_DIGITS)
    for key in answer.keys() & keys:
        digits[key[0]] = max(digits[key[0]], _count_decimals(answer[key]))
    for key in sorted(keys):
        ours, theirs = answer.get(key, 0.0), numbers.get(key, 0.0)
        if not math.isclose(ours, theirs, rel_tol=1e-9, abs_tol=0.5 / 10 ** digits[key[0]] + _INEXACT):
            raise NumbersDiffer(f"{workload}: {side} returns {theirs} for {' '.join(map(str, key))}, okube {ours}.")
    return len(keys)


def _count_decimals(number: float) -> int:
    exponent = Decimal(repr(number)).normalize().as_tuple().exponent
    return -exponent if isinstance(exponent, int) and exponent < 0 else 0


def _describe_keys(keys: Sequence[str]) -> Iterator[Any]:
    """Yield whether one of the keys is no bucket, and the granularity."""
    yield any(key not in _BUCKETS and key not in _HOUR_KEYS for key in keys)
    granularities = (_HOUR_OF_WEEK if key in _HOUR_KEYS else key for key in keys)
    yield next((key for key in granularities if key in (*_BUCKETS, _HOUR_OF_WEEK)), TOTAL)
