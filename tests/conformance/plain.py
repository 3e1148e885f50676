"""What conditions and plans mean, in plain Python over documents and rows."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from okube_api.store.conditions import AllOf, AnyOf, Between, Condition, Contains, Missing, Not, OneOf, Overlaps
from okube_api.store.document_values import fold
from okube_api.store.plans import Aggregate, Band, Count, Each, GroupKey, Max, Measure, Min, Sum
from okube_api.store.schema import ColumnType, SortKey, Table
from okube_api.store.values import Json

from tests.engine.memory import band, frozen, thawed

TYPES: Mapping[ColumnType, tuple[type, ...]] = {
    ColumnType.TEXT: (str,),
    ColumnType.TEXTS: (str,),
    ColumnType.INTEGER: (int, float),
    ColumnType.INTEGERS: (int, float),
    ColumnType.NUMBER: (int, float),
    ColumnType.BOOLEAN: (bool,),
}


def value_of(document: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path."""
    for step in path.split("."):
        document = document.get(step) if isinstance(document, dict) else None  # type: ignore[assignment]
    return document


def like(kind: ColumnType, value: Any) -> bool:
    """Whether a value may be compared with a field of this type: true is not 1, and "1" is neither."""
    return isinstance(value, TYPES[kind]) and (kind is ColumnType.BOOLEAN or not isinstance(value, bool))


def meets(document: Json, condition: Condition, kinds: Mapping[str, ColumnType], search: Sequence[str] = ()) -> bool:  # noqa: PLR0911
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
            return any(fold(text) in fold(str(one)) for one in flat)
        case Not(inner):
            return not again(inner)
        case AllOf(parts):
            return all(again(part) for part in parts)
        case AnyOf(parts):
            return any(again(part) for part in parts)
    raise NotImplementedError(condition)


def ordered(documents: Iterable[Json], sort: Sequence[SortKey]) -> list[Json]:
    """Documents in order: without the field first ascending, last descending; ties by `_id`."""
    found = sorted(documents, key=lambda one: one["_id"])
    for key in reversed(sort):

        def place(one: Json, key: SortKey = key) -> tuple[bool, Any]:
            value = value_of(one, key.field)
            return (value is not None, 0 if value is None else value)

        found.sort(key=place, reverse=key.descending)
    return found


Row = dict[str, Any]


def aggregated(plan: Aggregate, rows: Iterable[Row], kinds: Mapping[str, ColumnType]) -> list[Row]:
    """A plan's answer over the rows of its table, in no particular order."""
    if isinstance(plan.source, Aggregate):
        rows = aggregated(plan.source, rows, kinds)
        made = {name(key): kind_of(key, kinds) for key in plan.source.by}
        kinds = made | {measure.name: ColumnType.INTEGER for measure in plan.source.measures}
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
        case Min(field, _):
            return min((row[field] for row in rows if row[field] is not None), default=None)
        case Max(field, _):
            return max((row[field] for row in rows if row[field] is not None), default=None)


def keys(row: Row, key: GroupKey) -> Iterator[Any]:
    """What a row is grouped under."""
    match key:
        case Band(field, edges, _):
            yield band(row[field], edges)
        case Each(field, _):
            yield from set(row[field] or ())
        case _:
            yield frozen(row[key])


def name(key: GroupKey) -> str:
    """The column of a key in the answer."""
    return key if isinstance(key, str) else key.name


def kind_of(key: GroupKey, kinds: Mapping[str, ColumnType]) -> ColumnType:
    """The type of a key's column in the answer."""
    match key:
        case Band():
            return ColumnType.INTEGER
        case Each(field, _):
            return ColumnType.TEXT if kinds[field] is ColumnType.TEXTS else ColumnType.INTEGER
        case _:
            return kinds[key]


def kinds_of(table: Table) -> dict[str, ColumnType]:
    """The columns that plans may name."""
    return {"part": ColumnType.INTEGER, **{column.name: column.type for column in table.columns}}
