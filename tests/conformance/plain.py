"""What conditions and plans mean, in plain Python over documents and rows."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from okube_api.store.base import (
    Aggregate,
    AllOf,
    AnyOf,
    Band,
    Between,
    Condition,
    Contains,
    Count,
    Each,
    High,
    Json,
    Key,
    Kind,
    Low,
    Measure,
    Missing,
    Not,
    OneOf,
    Order,
    Overlaps,
    Sum,
    Table,
)
from okube_api.store.document_values import folded

from tests.engine.memory import band, frozen, thawed

TYPES: Mapping[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.TEXTS: (str,),
    Kind.INTEGER: (int, float),
    Kind.INTEGERS: (int, float),
    Kind.NUMBER: (int, float),
    Kind.BOOLEAN: (bool,),
}


def value_of(document: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path."""
    for step in path.split("."):
        document = document.get(step) if isinstance(document, dict) else None  # type: ignore[assignment]
    return document


def like(kind: Kind, value: Any) -> bool:
    """Whether a value may be compared with a field of this type: true is not 1, and "1" is neither."""
    return isinstance(value, TYPES[kind]) and (kind is Kind.BOOLEAN or not isinstance(value, bool))


def meets(document: Json, condition: Condition, kinds: Mapping[str, Kind], search: Sequence[str] = ()) -> bool:  # noqa: PLR0911
    """Whether a document is one of those."""

    def again(inner: Condition) -> bool:
        return meets(document, inner, kinds, search)

    match condition:
        case OneOf(field, values):
            return value_of(document, field) in [one for one in values if like(kinds[field], one)]
        case Overlaps(field, values):
            return bool(set(value_of(document, field) or ()) & {one for one in values if like(kinds[field], one)})
        case Between(field, low, high):
            value = value_of(document, field)
            limits = [limit for limit in (low, high) if limit is not None]
            if value is None or not all(like(kinds[field], limit) for limit in limits):
                return False
            return (low is None or value >= low) and (high is None or value <= high)
        case Missing(field):
            return value_of(document, field) is None
        case Contains(text):
            found = [value_of(document, path) for path in search]
            flat = [one for each in found for one in (each if isinstance(each, list) else [each]) if one is not None]
            return any(folded(text) in folded(str(one)) for one in flat)
        case Not(inner):
            return not again(inner)
        case AllOf(parts):
            return all(again(part) for part in parts)
        case AnyOf(parts):
            return any(again(part) for part in parts)
    raise NotImplementedError(condition)


def ordered(documents: Iterable[Json], sort: Sequence[Order]) -> list[Json]:
    """Documents in order: without the field first ascending, last descending; ties by `_id`."""
    found = sorted(documents, key=lambda one: one["_id"])
    for key in reversed(sort):

        def place(one: Json, key: Order = key) -> tuple[bool, Any]:
            value = value_of(one, key.field)
            return (value is not None, 0 if value is None else value)

        found.sort(key=place, reverse=key.descending)
    return found


Row = dict[str, Any]


def aggregated(plan: Aggregate, rows: Iterable[Row], kinds: Mapping[str, Kind]) -> list[Row]:
    """A plan's answer over the rows of its table, in no particular order."""
    if isinstance(plan.source, Aggregate):
        rows = aggregated(plan.source, rows, kinds)
        made = {name(key): kind_of(key, kinds) for key in plan.source.by}
        kinds = made | {measure.name: Kind.INTEGER for measure in plan.source.measures}
    groups: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
    if not plan.by:
        groups[()] = []
    for row in rows:
        if meets(row, plan.where, kinds):
            for key in product(*(keys(row, one) for one in plan.by)):
                groups[key].append(row)
    return [
        dict(zip(map(name, plan.by), map(thawed, key), strict=True))
        | {measure.name: measured(measure, members) for measure in plan.measures}
        for key, members in groups.items()
    ]


def measured(measure: Measure, rows: Sequence[Row]) -> int | None:
    """A measure over rows; a null counts 0 in a sum, on either side of the product."""
    match measure:
        case Count():
            return len(rows)
        case Sum(field, _, times):
            return sum((row[field] or 0) * ((row[times] or 0) if times else 1) for row in rows)
        case Low(field, _):
            return min((row[field] for row in rows if row[field] is not None), default=None)
        case High(field, _):
            return max((row[field] for row in rows if row[field] is not None), default=None)


def keys(row: Row, key: Key) -> Iterator[Any]:
    """What a row is grouped under."""
    match key:
        case Band(field, edges, _):
            yield band(row[field], edges)
        case Each(field, _):
            yield from set(row[field] or ())
        case _:
            yield frozen(row[key])


def name(key: Key) -> str:
    """The column of a key in the answer."""
    return key if isinstance(key, str) else key.name


def kind_of(key: Key, kinds: Mapping[str, Kind]) -> Kind:
    """The type of a key's column in the answer."""
    match key:
        case Band():
            return Kind.INTEGER
        case Each(field, _):
            return Kind.TEXT if kinds[field] is Kind.TEXTS else Kind.INTEGER
        case _:
            return kinds[key]


def kinds_of(table: Table) -> dict[str, Kind]:
    """The columns that plans may name."""
    return {"part": Kind.INTEGER, **{column.name: column.kind for column in table.columns}}
