"""Summarises the stays at the places of a study, from rollups."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import numpy as np
from anyio import to_thread

from okube_api.catalogue.buckets import month_number, month_start, to_date, to_ordinal
from okube_api.catalogue.fact import Span
from okube_api.catalogue.facts import GEO_STAYS, STAYS, USERS
from okube_api.engine.sets import concatenate, from_blobs, merge_groups
from okube_api.sites.repository import SITES
from okube_api.store.conditions import EVERYTHING, Between, Condition, OneOf, equal
from okube_api.store.plans import Aggregate, Max, Min, Select, Sum
from okube_api.store.protocol import Reader, Store
from okube_api.store.schema import Table
from okube_api.store.values import Json

_GRAIN = next(grain for grain in GEO_STAYS.grains if grain.name == "place")
_DAYS, _MONTHS = GEO_STAYS.rollup(_GRAIN, Span.DAY), GEO_STAYS.rollup(_GRAIN, Span.MONTH)
_NO_RESULTS: Json = {"stays": 0, "users": 0, "firstDay": None, "lastDay": None}


async def read_study_results(store: Store, study: Json) -> Json:
    """Return the number of indoor stays and of distinct users at the places of a study, within its period.

    The first and last day are those with stays.  Nothing is weighted.  A study without sites covers all active sites.
    """
    places = (*(study.get("sites") or await _list_active_sites(store, study["application"])), *study.get("pois", ()))
    where = OneOf("place", places) & equal("zone", "indoor")
    start, end = (_parse_day(study.get(side)) for side in ("from", "to"))
    async with store.open_reader(study["application"]) as reader:
        measures = (Sum(STAYS.name, "stays"), Min("day", "first"), Max("day", "last"))
        totals = await reader.aggregate(Aggregate(_DAYS, _match_parts(start, end) & where, (), measures))
        (row,) = totals.to_pylist()
        if not row["stays"]:
            return _NO_RESULTS
        first, last = int(row["first"]), int(row["last"])
        low = month_start(month_number(first)) if start is None else start
        high = month_start(month_number(last) + 1) - 1 if end is None else end
        users = await _count_users(reader, where, low, high)
    return {
        "stays": int(row["stays"]),
        "users": users,
        "firstDay": to_date(first).isoformat(),
        "lastDay": to_date(last).isoformat(),
    }


async def _list_active_sites(store: Store, application: str) -> tuple[str, ...]:
    where = equal("application", application) & equal("active", True)
    return tuple(site["_id"] for site in await store.find(SITES, where, fields=("active",)))


def _parse_day(text: Any) -> int | None:
    return to_ordinal(date.fromisoformat(text)) if text else None


def _match_parts(low: int | None, high: int | None) -> Condition:
    return EVERYTHING if low is None and high is None else Between("part", low, high)


async def _count_users(reader: Reader, where: Condition, low: int, high: int) -> int:
    """Count the distinct users from day `low` to day `high`, both included."""
    blobs = [
        (await reader.select(Select(table, _match_parts(*parts) & where, (USERS.name,)))).column(USERS.name)
        for table, parts in _list_ranges(low, high)
    ]

    def count() -> int:
        groups = concatenate([from_blobs(np.zeros(len(column), dtype=np.int64), column) for column in blobs])
        return sum(int(merged.lengths.sum()) for merged in merge_groups(groups))

    return await to_thread.run_sync(count)


def _list_ranges(low: int, high: int) -> Iterator[tuple[Table, tuple[int, int]]]:
    """Yield the ranges of months and of days that together are the days from `low` to `high`, few rows first."""
    first = month_number(low - 1) + 1  # the first month that starts at `low` or later
    last = month_number(high + 1) - 1  # the last month that ends at `high` or earlier
    if first > last:
        yield _DAYS, (low, high)
        return
    yield _MONTHS, (first, last)
    if low < month_start(first):
        yield _DAYS, (low, month_start(first) - 1)
    if month_start(last + 1) <= high:
        yield _DAYS, (month_start(last + 1), high)
