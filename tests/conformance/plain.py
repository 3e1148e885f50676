"""Conditions and plans in plain Python over documents and rows, to compare the stores with."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from okube_api.store.conditions import AllOf, AnyOf, Between, Condition, Contains, Missing, Not, OneOf, Overlaps
from okube_api.store.document_values import fold
from okube_api.store.plans import Aggregate, Band, Count, Each, GroupKey, Max, Measure, Min, Sum
from okube_api.store.schema import ColumnType, SortKey, Table
from okube_api.store.values import Json

from tests.engine.memory import find_band, freeze, unfreeze

TYPES: Mapping[ColumnType, tuple[type, ...]] = {
    ColumnType.TEXT: (str,),
    ColumnType.TEXTS: (str,),
    ColumnType.INTEGER: (int, float),
    ColumnType.INTEGERS: (int, float),
    ColumnType.NUMBER: (int, float),
    ColumnType.BOOLEAN: (bool,),
}


def get_value(document: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path, or None."""
    for step in path.split("."):
        document = document.get(step) if isinstance(document, dict) else None  # type: ignore[assignment]
    return document


def is_comparable(column_type: ColumnType, value: Any) -> bool:
    """Return whether a value may be compared with a field of this type: true is not 1, and "1" is neither."""
    return isinstance(value, TYPES[column_type]) and (column_type is ColumnType.BOOLEAN or not isinstance(value, bool))


def meets(document: Json, condition: Condition, types: Mapping[str, ColumnType], search: Sequence[str] = ()) -> bool:  # noqa: PLR0911
    """Return whether a document meets a condition."""

    def meets_too(inner: Condition) -> bool:
        return meets(document, inner, types, search)

    match condition:
        case OneOf(field, values):
            return get_value(document, field) in [value for value in values if is_comparable(types[field], value)]
        case Overlaps(field, values):
            return bool(
                set(get_value(document, field) or ())
                & {value for value in values if is_comparable(types[field], value)}
            )
        case Between(field, low, high):
            value = get_value(document, field)
            limits = [limit for limit in (low, high) if limit is not None]
            if value is None or not all(is_comparable(types[field], limit) for limit in limits):
                return False
            return (low is None or value >= low) and (high is None or value <= high)
        case Missing(field):
            return get_value(document, field) is None
        case Contains(text):
            searched = [get_value(document, path) for path in search]
            lists = [value if isinstance(value, list) else [value] for value in searched]
            elements = [element for inner_list in lists for element in inner_list if element is not None]
            return any(fold(text) in fold(str(element)) for element in elements)
        case Not(inner):
            return not meets_too(inner)
        case AllOf(parts):
            return all(meets_too(part) for part in parts)
        case AnyOf(parts):
            return any(meets_too(part) for part in parts)
    raise NotImplementedError(condition)


def sort_documents(documents: Iterable[Json], sort: Sequence[SortKey]) -> list[Json]:
    """Return documents in order: those without the field first ascending, last descending; ties by `_id`."""
    values = sorted(documents, key=lambda value: value["_id"])
    for key in reversed(sort):

        def place(value: Json, key: SortKey = key) -> tuple[bool, Any]:
            value = get_value(value, key.field)
            return (value is not None, 0 if value is None else value)

        values.sort(key=place, reverse=key.descending)
    return values


Row = dict[str, Any]


def aggregate(plan: Aggregate, rows: Iterable[Row], types: Mapping[str, ColumnType]) -> list[Row]:
    """Return the result of a plan over the rows of its table, in no particular order."""
    if isinstance(plan.source, Aggregate):
        rows = aggregate(plan.source, rows, types)
        key_types = {get_key_name(key): get_key_type(key, types) for key in plan.source.by}
        types = key_types | {measure.name: ColumnType.INTEGER for measure in plan.source.measures}
    groups: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
    if not plan.by:
        groups[()] = []
    for row in rows:
        if meets(row, plan.where, types):
            for key in product(*(list_keys(row, value) for value in plan.by)):
                groups[key].append(row)
    return [
        dict(zip(map(get_key_name, plan.by), map(unfreeze, key), strict=True))
        | {measure.name: measure_rows(measure, members) for measure in plan.measures}
        for key, members in groups.items()
    ]


def measure_rows(measure: Measure, rows: Sequence[Row]) -> int | None:
    """Return a measure over rows; a null counts as 0 in a sum, on either side of the product."""
    match measure:
        case Count():
            return len(rows)
        case Sum(field, _, times):
            return sum((row[field] or 0) * ((row[times] or 0) if times else 1) for row in rows)
        case Min(field, _):
            return min((row[field] for row in rows if row[field] is not None), default=None)
        case Max(field, _):
            return max((row[field] for row in rows if row[field] is not None), default=None)


def list_keys(row: Row, key: GroupKey) -> Iterator[Any]:
    """Yield the values of a grouping key for a row."""
    match key:
        case Band(field, edges, _):
            yield find_band(row[field], edges)
        case Each(field, _):
            yield from set(row[field] or ())
        case _:
            yield freeze(row[key])


def get_key_name(key: GroupKey) -> str:
    """Return the name of a key's column in the result."""
    return key if isinstance(key, str) else key.name


def get_key_type(key: GroupKey, types: Mapping[str, ColumnType]) -> ColumnType:
    """Return the type of a key's column in the result."""
    match key:
        case Band():
            return ColumnType.INTEGER
        case Each(field, _):
            return ColumnType.TEXT if types[field] is ColumnType.TEXTS else ColumnType.INTEGER
        case _:
            return types[key]


def get_types(table: Table) -> dict[str, ColumnType]:
    """Return the columns that plans may name, with their types."""
    return {"part": ColumnType.INTEGER, **{column.name: column.type for column in table.columns}}
