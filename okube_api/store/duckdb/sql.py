"""Conditions and plans as SQL: one rule per node; what a caller sent is always a parameter."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import singledispatch
from hashlib import blake2b
from typing import Any

from okube_api.store.column_types import DeclaredFields, coerce_bounds, coerce_values
from okube_api.store.conditions import AllOf, AnyOf, Between, Condition, Contains, Missing, Not, OneOf, Overlaps
from okube_api.store.document_values import fold
from okube_api.store.duckdb.connection import quote
from okube_api.store.errors import UnsupportedByStore
from okube_api.store.plan_analysis import infer_source_types
from okube_api.store.plans import Aggregate, Band, Count, Each, Max, Min, Select, Sum
from okube_api.store.schema import ColumnType, SortKey, Table

Sql = tuple[str, list[Any]]

TYPES = {
    ColumnType.TEXT: "VARCHAR",
    ColumnType.TEXTS: "VARCHAR[]",
    ColumnType.INTEGER: "BIGINT",
    ColumnType.INTEGERS: "BIGINT[]",
    ColumnType.NUMBER: "DOUBLE",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.BYTES: "BLOB",
}
PLAIN = " USING COMPRESSION UNCOMPRESSED"
"""For long texts and sets: several times faster to write and to pick one from, for twice the room."""
_MANY, _MANY_LISTED = 50, 30


class HashedFields(DeclaredFields):
    """Declared fields, and those of them that have a column of hashes, which is much faster to look through."""

    def __init__(
        self, kinds: Mapping[str, ColumnType], *, search: bool = False, hashed: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(kinds, search=search)
        self.hashed = hashed


def hash_column(name: str) -> str:
    """The name of a field's column of hashes."""
    return f"# {name}"


def hash_text(text: str) -> int:
    """The same 64 bits for a text, today and in ten years."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


@singledispatch
def to_sql(node: object, names: HashedFields) -> Sql:
    """A condition as an expression that is true where it holds, and false or null elsewhere.

    Raises UnsupportedByStore for a field that `names` does not declare.
    """
    raise UnsupportedByStore(f"DuckDB has no rule for {type(node).__name__}")


@to_sql.register
def _(node: OneOf, names: HashedFields) -> Sql:
    values = coerce_values(names.require_scalar(node.field), node.values)
    if not values:
        return "false", []
    if len(values) > _MANY:
        return f"{quote(node.field)} IN (SELECT unnest(?))", [values]
    marks = ", ".join("?" for _ in values)
    text = f"{quote(node.field)} IN ({marks})"
    if node.field not in names.hashed:
        return text, values
    return f"({quote(hash_column(node.field))} IN ({marks}) AND {text})", [*map(hash_text, map(str, values)), *values]


@to_sql.register
def _(node: Overlaps, names: HashedFields) -> Sql:
    values = coerce_values(names.require_list(node.field), node.values)
    column = quote(node.field)
    if len(values) > _MANY_LISTED:
        return f"EXISTS (SELECT 1 FROM (SELECT unnest({column}) AS one) WHERE one IN (SELECT unnest(?)))", [values]
    parts: list[Sql] = [(f"list_contains({column}, ?)", [value]) for value in values]
    if node.field in names.hashed:
        hashes = f"list_contains({quote(hash_column(node.field))}, ?)"
        parts = [(f"({hashes} AND {text})", [hash_text(str(value)), value]) for text, (value,) in parts]
    return _joined(parts, " OR ", "false")


@to_sql.register
def _(node: Between, names: HashedFields) -> Sql:
    limits = coerce_bounds(names.require_scalar(node.field), node.low, node.high)
    if limits is None:
        return "false", []
    column = quote(node.field)
    parts: list[Sql] = [
        (f"{column} {sign} ?", [value]) for sign, value in zip((">=", "<="), limits, strict=True) if value is not None
    ]
    return _joined(parts or [(f"{column} IS NOT NULL", [])], " AND ", "true")


@to_sql.register
def _(node: Contains, names: HashedFields) -> Sql:
    names.require_search()
    return f"contains({quote('_search')}, ?)", [fold(node.text)]


@to_sql.register
def _(node: Missing, names: HashedFields) -> Sql:
    names.type_of(node.field)
    return f"({quote(node.field)} IS NULL)", []


@to_sql.register
def _(node: Not, names: HashedFields) -> Sql:
    text, values = to_sql(node.inner, names)
    return f"(NOT coalesce({text}, false))", values


@to_sql.register
def _(node: AllOf, names: HashedFields) -> Sql:
    return _joined([to_sql(part, names) for part in node.parts], " AND ", "true")


@to_sql.register
def _(node: AnyOf, names: HashedFields) -> Sql:
    return _joined([to_sql(part, names) for part in node.parts], " OR ", "false")


def _joined(parts: list[Sql], word: str, none: str) -> Sql:
    if not parts:
        return none, []
    return f"({word.join(text for text, _ in parts)})", [value for _, values in parts for value in values]


def order_sql(sort: tuple[SortKey, ...], names: HashedFields) -> str:
    """An ORDER BY clause; ties go by `_id`."""
    for key in sort:
        names.require_scalar(key.field)
    keys = [f"{quote(key.field)} {'DESC NULLS LAST' if key.descending else 'ASC NULLS FIRST'}" for key in sort]
    return ", ".join([*keys, *([] if any(key.field == "_id" for key in sort) else ['"_id"'])])


# -- plans -----------------------------------------------------------------------------------------------


@singledispatch
def key_sql(key: object, names: HashedFields) -> tuple[str, str]:
    """A grouping key as (expression, name)."""
    raise UnsupportedByStore(f"DuckDB has no rule for {type(key).__name__}")


@key_sql.register
def _(key: str, names: HashedFields) -> tuple[str, str]:
    names.type_of(key)
    return quote(key), key


@key_sql.register
def _(key: Band, names: HashedFields) -> tuple[str, str]:
    names.require_integer(key.field)
    column = quote(key.field)
    steps = " + ".join(f"({column} >= {int(edge)})::BIGINT" for edge in key.edges[1:]) or "0"
    return f"CASE WHEN {column} IS NULL THEN -1 ELSE {steps} END", key.name


@key_sql.register
def _(key: Each, names: HashedFields) -> tuple[str, str]:
    names.require_list(key.field)
    return f"unnest(list_distinct({quote(key.field)}))", key.name


@singledispatch
def measure_sql(measure: object, names: HashedFields) -> str:
    """A measure as an aggregate expression of 64 bits."""
    raise UnsupportedByStore(f"DuckDB has no rule for {type(measure).__name__}")


@measure_sql.register
def _(measure: Sum, names: HashedFields) -> str:
    names.require_integer(measure.field)
    if measure.times is None:
        return f"coalesce(sum({quote(measure.field)}), 0)::BIGINT"
    names.require_integer(measure.times)
    return f"coalesce(sum({quote(measure.field)}::HUGEINT * {quote(measure.times)}), 0)::BIGINT"


@measure_sql.register
def _(measure: Count, names: HashedFields) -> str:
    return "count(*)::BIGINT"


@measure_sql.register
def _(measure: Min, names: HashedFields) -> str:
    names.require_integer(measure.field)
    return f"min({quote(measure.field)})"


@measure_sql.register
def _(measure: Max, names: HashedFields) -> str:
    names.require_integer(measure.field)
    return f"max({quote(measure.field)})"


def aggregate_sql(plan: Aggregate, application: str) -> Sql:
    """One statement for a plan, nested ones included.

    Lists are opened in inner queries, one for each, before rows are grouped: a row counts for every pair of values.
    """
    names = HashedFields(infer_source_types(plan.source))
    source, values = _from(plan.source, plan.where, application)
    keys: list[tuple[str, str]] = []
    for key in plan.by:
        text, name = key_sql(key, names)
        if isinstance(key, Each):
            source, text = f"(SELECT *, {text} AS {quote(f'each {name}')} FROM {source})", quote(f"each {name}")
        keys.append((text, name))
    measures = [f"{measure_sql(one, names)} AS {quote(one.name)}" for one in plan.measures]
    columns = ", ".join([*(f"{text} AS {quote(name)}" for text, name in keys), *measures])
    grouped = f" GROUP BY {', '.join(str(at + 1) for at in range(len(keys)))}" if keys else ""
    return f"SELECT {columns} FROM {source}{grouped}", values


def select_sql(plan: Select, application: str) -> Sql:
    """The statement of a plan without groups."""
    names = HashedFields(infer_source_types(plan.source))
    for name in plan.columns:
        names.type_of(name)
    source, values = _from(plan.source, plan.where, application)
    return f"SELECT {', '.join(map(quote, plan.columns))} FROM {source}", values


def count_sql(table: Table, where: Condition, application: str) -> Sql:
    """How many rows of a table meet a condition, as `n`."""
    source, values = _from(table, where, application)
    return f"SELECT count(*) AS n FROM {source}", values


def _from(source: Table | Aggregate, where: Condition, application: str) -> Sql:
    """What stands after FROM: a table's rows of one application, or a plan's, that meet a condition."""
    condition, values = to_sql(where, HashedFields(infer_source_types(source)))
    if isinstance(source, Table):
        return f"{quote(source.name)} WHERE application = ? AND {condition}", [application, *values]
    text, inner = aggregate_sql(source, application)
    return f"({text}) WHERE {condition}", [*inner, *values]


@dataclass(frozen=True, slots=True)
class Statement:
    """What would be sent, for people to read."""

    text: str
    parameters: tuple[Any, ...]
