"""What both stores know about types: which fields may be named, which values can equal them, what answers look like."""

import math
from collections.abc import Iterable, Mapping

import pyarrow as pa

from okube_api.store.base import (
    Aggregate,
    AllOf,
    AnyOf,
    Band,
    Between,
    Condition,
    Each,
    Kind,
    Not,
    OneOf,
    Rows,
    Scalar,
    Table,
    UnsupportedByStore,
)

ARROW: Mapping[Kind, pa.DataType] = {
    Kind.TEXT: pa.string(),
    Kind.TEXTS: pa.list_(pa.string()),
    Kind.INTEGER: pa.int64(),
    Kind.INTEGERS: pa.list_(pa.int64()),
    Kind.NUMBER: pa.float64(),
    Kind.BOOLEAN: pa.bool_(),
    Kind.BYTES: pa.binary(),
}
ELEMENT = {Kind.TEXTS: Kind.TEXT, Kind.INTEGERS: Kind.INTEGER}
FIRST, LAST = -(2**31), 2**31 - 1
"""The least and the greatest part that there can be."""
_LEAST, _GREATEST = -(2**63), 2**63 - 1

Bounds = tuple[Scalar | None, Scalar | None]


class Names:
    """The fields that a condition or plan may name; any other is UnsupportedByStore, never part of a statement."""

    def __init__(self, kinds: Mapping[str, Kind], *, search: bool = False) -> None:
        self._kinds = kinds
        self.search = search

    def kind(self, name: str) -> Kind:
        """The type of a declared field."""
        try:
            return self._kinds[name]
        except KeyError:
            raise UnsupportedByStore(f"no field '{name}' is declared here") from None

    def scalar(self, name: str) -> Kind:
        """The type of a field that holds one value."""
        kind = self.kind(name)
        if kind in ELEMENT:
            raise UnsupportedByStore(f"'{name}' is a list: ask whether it overlaps")
        return kind

    def listed(self, name: str) -> Kind:
        """The type of the elements of a list."""
        kind = self.kind(name)
        if kind not in ELEMENT:
            raise UnsupportedByStore(f"'{name}' is no list")
        return ELEMENT[kind]

    def integer(self, name: str) -> None:
        """Checks that a field can be added up."""
        if self.kind(name) is not Kind.INTEGER:
            raise UnsupportedByStore(f"'{name}' is no integer")

    def searched(self) -> None:
        """Checks that there is text to search."""
        if not self.search:
            raise UnsupportedByStore("nothing is declared to be searched here")


def fitting(kind: Kind, values: Iterable[Scalar]) -> list[Scalar]:
    """Those of `values` that a field of this type can equal, as that type; a value of another type equals nothing."""
    if kind is Kind.TEXT:  # of which there may be thousands
        return [value for value in values if isinstance(value, str)]
    made = (_fitted(kind, value) for value in values)
    return [value for value in made if value is not None]


def _fitted(kind: Kind, value: Scalar) -> Scalar | None:
    if kind is Kind.TEXT:
        return value if isinstance(value, str) else None
    if kind is Kind.BOOLEAN:
        return value if isinstance(value, bool) else None
    if isinstance(value, str | bool):
        return None
    if kind is Kind.NUMBER:
        return _as_double(value)
    whole = isinstance(value, int) or value.is_integer()
    return int(value) if kind is Kind.INTEGER and whole and _LEAST <= value <= _GREATEST else None


def bounds(kind: Kind, low: Scalar | None, high: Scalar | None) -> Bounds | None:
    """The limits as the field's type, None where a side is open; None in all when nothing can lie between them."""
    if kind is Kind.INTEGER:
        return _whole_bounds(low, high)
    for limit in (low, high):
        if limit is not None and _fitted(kind, limit) is None:
            return None
    return (None if low is None else _fitted(kind, low)), (None if high is None else _fitted(kind, high))


def _whole_bounds(low: Scalar | None, high: Scalar | None) -> Bounds | None:
    least, greatest = (-math.inf if low is None else low), (math.inf if high is None else high)
    if isinstance(least, str | bool) or isinstance(greatest, str | bool):
        return None
    if not (least <= _GREATEST and greatest >= _LEAST):  # also where one is no number at all (NaN)
        return None
    return None if least <= _LEAST else math.ceil(least), None if greatest >= _GREATEST else math.floor(greatest)


def _as_double(value: Scalar) -> float | None:
    try:
        made = float(value)
    except OverflowError:
        return None
    return None if math.isnan(made) else made


# -- plans ---------------------------------------------------------------------------------------------------


def kinds_of(source: Table | Aggregate) -> dict[str, Kind]:
    """The columns that a plan over `source` may name, with their types."""
    if isinstance(source, Aggregate):
        if not source.by:
            raise UnsupportedByStore("an aggregate without keys is one row: there is nothing to group in it")
        return answer_kinds(source)
    if source.packed:
        raise UnsupportedByStore(f"{source.name} is packed: its rows are read by partition only")
    return {"part": Kind.INTEGER, **{column.name: column.kind for column in source.columns}}


def answer_kinds(plan: Aggregate) -> dict[str, Kind]:
    """The columns of a plan's answer: its keys, then its measures."""
    names = Names(kinds_of(plan.source))
    kinds: dict[str, Kind] = {}
    for key in plan.by:
        if isinstance(key, Band):
            kinds[key.name] = Kind.INTEGER
        elif isinstance(key, Each):
            kinds[key.name] = names.listed(key.field)
        else:
            kinds[key] = names.kind(key)
    return kinds | {measure.name: Kind.INTEGER for measure in plan.measures}


def bottom(plan: Aggregate | Rows) -> tuple[Table, Condition]:
    """The table that a plan reads in the end, and the condition on its rows."""
    while isinstance(plan.source, Aggregate):
        plan = plan.source
    return plan.source, plan.where


def fields_of(condition: Condition) -> set[str]:
    """The fields that a condition names."""
    if isinstance(condition, Not):
        return fields_of(condition.inner)
    if isinstance(condition, AllOf | AnyOf):
        return {name for part in condition.parts for name in fields_of(part)}
    name = getattr(condition, "field", None)
    return set() if name is None else {name}


def stored_kinds(table: Table) -> dict[str, Kind]:
    """The columns of a table as `Reader.read` gives them."""
    batch = {"batch": Kind.INTEGER} if table.packed else {}
    return {"part": Kind.INTEGER, **batch, **{column.name: column.kind for column in table.columns}}


def arrow_schema(kinds: Mapping[str, Kind]) -> pa.Schema:
    """The schema of rows with these columns."""
    return pa.schema([(name, ARROW[kind]) for name, kind in kinds.items()])


def declared(table: Table, rows: pa.Table, *, encoded: bool = False) -> pa.Table:
    """Rows with `part` and the table's columns, in order and as declared; ValueError where one is missing.

    encoded: texts that are dictionaries stay so.
    """
    kinds = {"part": Kind.INTEGER, **{column.name: column.kind for column in table.columns}}
    if missing := kinds.keys() - set(rows.column_names):
        raise ValueError(f"rows of {table.name} lack {', '.join(sorted(missing))}")
    schema = arrow_schema(kinds)
    for place, field in enumerate(schema):
        if encoded and field.type == pa.string() and pa.types.is_dictionary(rows.schema.field(field.name).type):
            schema = schema.set(place, pa.field(field.name, pa.dictionary(pa.int32(), pa.string())))
    return rows.select(list(kinds)).cast(schema).combine_chunks()


def part_range(where: Condition) -> tuple[int, int]:
    """Parts outside of this range cannot meet the condition."""
    low, high = FIRST, LAST
    for part in where.parts if isinstance(where, AllOf) else (where,):
        least, greatest = _range(part)
        low, high = max(low, least), min(high, greatest)
    return low, high


def _range(condition: Condition) -> tuple[int, int]:
    if isinstance(condition, AllOf):
        return part_range(condition)
    if isinstance(condition, OneOf) and condition.field == "part":
        values = [int(value) for value in fitting(Kind.INTEGER, condition.values)]
        return (min(values), max(values)) if values else (LAST, FIRST)
    if isinstance(condition, Between) and condition.field == "part":
        limits = bounds(Kind.INTEGER, condition.low, condition.high)
        if limits is None:
            return LAST, FIRST
        return (FIRST if limits[0] is None else int(limits[0])), (LAST if limits[1] is None else int(limits[1]))
    return FIRST, LAST
