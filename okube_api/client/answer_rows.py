"""Rows of an answer, one for each number: what data frames are built from."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from okube_api.leaf_parts import LeafPart, compare_leaves, split_leaf

WHOLE_PERIOD = "all"
_MEASURES = frozenset({"all", "temporals", "share"})
_EMPTY: Mapping[str, Any] = {}
_NO_GROUP = (_EMPTY, _EMPTY)


@dataclass(frozen=True, slots=True)
class AnswerRow:
    """One number of an answer, and what it is about.

    group: the scope value: `id` and its properties; of two groupings also those of the outer value as `outer_id`...
    bucket: the key of the bucket; `all` for the whole period.
    start: the day of a bucket of days, the instant of an hour, the category of an aggregation, None without buckets.
    share: of the whole; only of rows of the whole period.
    compared_to, compared_value, change: of a comparison.
    compared_from: when the bucket of the other period starts, like `start`; None for categories.
    """

    kpi: str
    mode: str
    scope: str
    granularity: str
    bucket: str
    start: date | datetime | int | str | None
    part: LeafPart
    group: Mapping[str, Any] = field(default_factory=dict)
    share: float | None = None
    compared_to: str | None = None
    compared_from: date | datetime | None = None
    compared_value: Any = None
    change: float | None = None


def list_rows(results: Sequence[Mapping[str, Any]], meta: Mapping[str, Any]) -> Iterator[AnswerRow]:
    """Yield the rows of the elements of an answer, in their order."""
    for element in results:
        yield from _list_element_rows(element, meta)


def has_buckets(element: Mapping[str, Any]) -> bool:
    """Return whether an element has values of buckets."""
    return any("temporals" in row for _group, row in _list_groups(element, element["data"]))


def is_by_instant(element: Mapping[str, Any]) -> bool:
    """Return whether the buckets of an element are hours of the period, which have instants and no days."""
    return bool(element["granularity"] == "hour" and element["mode"] == "histogram")


def _list_element_rows(element: Mapping[str, Any], meta: Mapping[str, Any]) -> Iterator[AnswerRow]:
    read_start = _BucketStarts(element, meta["timezone"], meta["from"], meta.get("buckets", {})).read
    head = {name: element[name] for name in ("kpi", "mode", "scope", "granularity")}
    groups = _identify_groups(element, element["data"])
    comparisons = element.get("comparisons")
    if not comparisons:
        for group, row in groups.values():
            for bucket, leaf in _list_leaves(row):
                share = row.get("share") if bucket == WHOLE_PERIOD else None
                for part in split_leaf(leaf):
                    yield AnswerRow(
                        **head, bucket=bucket, start=read_start(bucket), part=part, group=group, share=share
                    )
        return
    for position, comparison in enumerate(comparisons):
        groups_then, changes = (_identify_groups(element, comparison[name]) for name in ("data", "change"))
        read_compared_start = _build_compared_starts(element, comparison, meta, position)
        for identity in dict.fromkeys((*groups, *groups_then)):
            group, own = groups.get(identity) or (groups_then[identity][0], _EMPTY)
            leaves, leaves_then, leaf_changes = (
                dict(_list_leaves(rows.get(identity, _NO_GROUP)[1])) for rows in (groups, groups_then, changes)
            )
            for bucket in _order_buckets(leaves, leaves_then):
                bucket_leaves = (each.get(bucket) for each in (leaves, leaves_then, leaf_changes))
                for part, value_then, change in compare_leaves(*bucket_leaves):
                    yield AnswerRow(
                        **head,
                        bucket=bucket,
                        start=read_start(bucket),
                        part=part,
                        group=group,
                        share=own.get("share") if bucket == WHOLE_PERIOD else None,
                        compared_to=name_period(comparison["to"]),
                        compared_from=read_compared_start(bucket),
                        compared_value=value_then,
                        change=change,
                    )


def name_period(target: str | Mapping[str, str]) -> str:
    """Return the name of a compared period: its own, or its days."""
    return target if isinstance(target, str) else f"{target['from']}..{target['to']}"


def _identify_groups(
    element: Mapping[str, Any], data: Mapping[str, Any]
) -> dict[tuple[Any, Any], tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return the scope values of the data and the rows of their values, by outer and inner id."""
    return {(group.get("outer_id"), group.get("id")): (group, row) for group, row in _list_groups(element, data)}


def _list_groups(
    element: Mapping[str, Any], data: Mapping[str, Any]
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Yield each scope value of the data with the row of its values."""
    if element["scope"] == "globals":
        yield {}, data
    elif _is_nested(element["scope"], data):
        outer = element.get("outer") or {}
        for outer_id, rows in data.items():
            outer_group = {"outer_id": outer_id} | {
                f"outer_{name}": value
                for name, value in outer.get(outer_id, {}).items()
                if name not in _MEASURES and name not in {"_id", "total"}
            }
            for identifier, row in rows.items():
                yield {"id": identifier, **_list_properties(row), **outer_group}, row
    else:
        for identifier, row in data.items():
            yield {"id": identifier, **_list_properties(row)}, row


def _is_nested(scope: str, data: Mapping[str, Any]) -> bool:
    """Return whether the data has inner values in outer ones; a comma may also be part of the name of an attribute."""
    inner = [row for rows in data.values() for row in rows.values()]
    return "," in scope and all(isinstance(row, dict) and ("all" in row or "temporals" in row) for row in inner)


def _list_properties(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in _MEASURES and name != "_id"}


def _list_leaves(row: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the leaf of each bucket, after that of the whole period."""
    if "all" in row:
        yield WHOLE_PERIOD, row["all"]
    yield from row.get("temporals", _EMPTY).items()


def _order_buckets(own: Mapping[str, Any], then: Mapping[str, Any]) -> list[str]:
    """Return the buckets of both periods: in the order of the own ones, numbers ascending if the other has more."""
    buckets = list(dict.fromkeys(chain(own, then)))
    if len(buckets) > len(own) and all(bucket.isdigit() or bucket == WHOLE_PERIOD for bucket in buckets):
        buckets.sort(key=lambda bucket: -1 if bucket == WHOLE_PERIOD else int(bucket))
    return buckets


class _BucketStarts:
    """When the buckets of an element start.

    first_day: of the period.
    days: the first day of each bucket, by granularity.
    """

    def __init__(
        self, element: Mapping[str, Any], timezone: str, first_day: str, days: Mapping[str, Sequence[str]]
    ) -> None:
        self._is_histogram = element["mode"] == "histogram"
        self._days = [date.fromisoformat(day) for day in days.get(element["granularity"], ())]
        self._zone = ZoneInfo(timezone) if is_by_instant(element) else None
        if self._zone is not None:
            self._midnight = datetime.fromisoformat(first_day).replace(tzinfo=self._zone).astimezone(UTC)

    def read(self, bucket: str) -> date | datetime | int | str | None:
        """Return the day, the instant or the category of a bucket; None for one that only the other period has."""
        if bucket == WHOLE_PERIOD:
            return None
        if not self._is_histogram:
            return int(bucket) if bucket.isdigit() else bucket
        if self._zone is not None:
            return (self._midnight + timedelta(hours=int(bucket))).astimezone(self._zone)
        position = int(bucket)
        return self._days[position] if position < len(self._days) else None


def _build_compared_starts(
    element: Mapping[str, Any], comparison: Mapping[str, Any], meta: Mapping[str, Any], position: int
) -> Callable[[str], date | datetime | None]:
    """Return what finds when a bucket of the other period starts; its first day for the whole of it.

    position: of the comparison, among those of the answer.
    """
    if comparison.get("from") is None:
        return lambda _bucket: None
    first_day = date.fromisoformat(comparison["from"])
    days = meta["comparedBuckets"][position] if "comparedBuckets" in meta else {}
    starts = _BucketStarts(element, meta["timezone"], comparison["from"], days)

    def read(bucket: str) -> date | datetime | None:
        start = first_day if bucket == WHOLE_PERIOD else starts.read(bucket)
        return start if isinstance(start, date) else None

    return read
