"""Conditions and plans as SQL: one rule per node.  Values from callers are always parameters."""

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
"""An SQL text and its parameters."""

TYPES = {
    ColumnType.TEXT: "VARCHAR",
    ColumnType.TEXTS: "VARCHAR[]",
    ColumnType.INTEGER: "BIGINT",
    ColumnType.INTEGERS: "BIGINT[]",
    ColumnType.WIDE_INTEGER: "HUGEINT",
    ColumnType.NUMBER: "DOUBLE",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.BYTES: "BLOB",
}
UNCOMPRESSED = " USING COMPRESSION UNCOMPRESSED"
"""For long texts and sets: several times faster to write and to look one up, at twice the size."""
_MAX_IN_VALUES, _MAX_LIST_VALUES = 50, 30
"""With more values, a condition passes them as one array parameter."""


class HashedFields(DeclaredFields):
    """Declared fields, some of which have a second column of hashes.

    DuckDB scans 64-bit hashes much faster than texts that begin alike.
    """

    def __init__(
        self, types: Mapping[str, ColumnType], *, search: bool = False, hashed: frozenset[str] = frozenset()
    ) -> None:
        super().__init__(types, search=search)
        self.hashed = hashed


def hash_column_name(name: str) -> str:
    """Return the name of the column with the hashes of a field."""
    return f"# {name}"


def hash_text(text: str) -> int:
    """Return a stable hash of 64 bits: it is stored, so it must never change between versions."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little", signed=True)


@singledispatch
def to_sql(node: object, fields: HashedFields) -> Sql:
    """Return a condition as an expression that is true for rows that meet it, and false or null for others.

    Raise UnsupportedByStore for a field that is not declared.
    """
    raise UnsupportedByStore(f"There is no rule for {type(node).__name__} in DuckDB.")


@to_sql.register
def _(node: OneOf, fields: HashedFields) -> Sql:
    values = coerce_values(fields.require_scalar(node.field), node.values)
    if not values:
        return "false", []
    if len(values) > _MAX_IN_VALUES:
        return f"{quote(node.field)} IN (SELECT unnest(?))", [values]
    marks = ", ".join("?" for _ in values)
    text = f"{quote(node.field)} IN ({marks})"
    if node.field not in fields.hashed:
        return text, values
    hashes = quote(hash_column_name(node.field))  # the hash is fast to compare, the text excludes collisions
    return f"({hashes} IN ({marks}) AND {text})", [*map(hash_text, map(str, values)), *values]


@to_sql.register
def _(node: Overlaps, fields: HashedFields) -> Sql:
    values = coerce_values(fields.require_list(node.field), node.values)
    column = quote(node.field)
    if len(values) > _MAX_LIST_VALUES:
        elements = f"(SELECT unnest({column}) AS element)"
        return f"EXISTS (SELECT 1 FROM {elements} WHERE element IN (SELECT unnest(?)))", [values]
    parts: list[Sql] = [(f"list_contains({column}, ?)", [value]) for value in values]
    if node.field in fields.hashed:
        hashes = f"list_contains({quote(hash_column_name(node.field))}, ?)"
        parts = [(f"({hashes} AND {text})", [hash_text(str(value)), value]) for text, (value,) in parts]
    return _join(parts, " OR ", "false")


@to_sql.register
def _(node: Between, fields: HashedFields) -> Sql:
    limits = coerce_bounds(fields.require_scalar(node.field), node.low, node.high)
    if limits is None:
        return "false", []
    column = quote(node.field)
    parts: list[Sql] = [
        (f"{column} {sign} ?", [value]) for sign, value in zip((">=", "<="), limits, strict=True) if value is not None
    ]
    return _join(parts or [(f"{column} IS NOT NULL", [])], " AND ", "true")


@to_sql.register
def _(node: Contains, fields: HashedFields) -> Sql:
    fields.require_search()
    return f"contains({quote('_search')}, ?)", [fold(node.text)]


@to_sql.register
def _(node: Missing, fields: HashedFields) -> Sql:
    fields.type_of(node.field)
    return f"({quote(node.field)} IS NULL)", []


@to_sql.register
def _(node: Not, fields: HashedFields) -> Sql:
    text, values = to_sql(node.inner, fields)
    return f"(NOT coalesce({text}, false))", values


@to_sql.register
def _(node: AllOf, fields: HashedFields) -> Sql:
    return _join([to_sql(part, fields) for part in node.parts], " AND ", "true")


@to_sql.register
def _(node: AnyOf, fields: HashedFields) -> Sql:
    return _join([to_sql(part, fields) for part in node.parts], " OR ", "false")


def _join(parts: list[Sql], operator: str, if_empty: str) -> Sql:
    if not parts:
        return if_empty, []
    return f"({operator.join(text for text, _ in parts)})", [value for _, values in parts for value in values]


def order_sql(sort: tuple[SortKey, ...], fields: HashedFields) -> str:
    """Return the keys of an ORDER BY clause; ties are broken by `_id`."""
    for key in sort:
        fields.require_scalar(key.field)
    keys = [f"{quote(key.field)} {'DESC NULLS LAST' if key.descending else 'ASC NULLS FIRST'}" for key in sort]
    return ", ".join([*keys, *([] if any(key.field == "_id" for key in sort) else ['"_id"'])])


# -- plans -----------------------------------------------------------------------------------------------


@singledispatch
def key_sql(key: object, fields: HashedFields) -> tuple[str, str]:
    """Return a grouping key as (expression, name)."""
    raise UnsupportedByStore(f"There is no rule for {type(key).__name__} in DuckDB.")


@key_sql.register
def _(key: str, fields: HashedFields) -> tuple[str, str]:
    fields.type_of(key)
    return quote(key), key


@key_sql.register
def _(key: Band, fields: HashedFields) -> tuple[str, str]:
    fields.require_integer(key.field)
    column = quote(key.field)
    steps = " + ".join(f"({column} >= {int(edge)})::BIGINT" for edge in key.edges[1:]) or "0"
    return f"CASE WHEN {column} IS NULL THEN -1 ELSE {steps} END", key.name


@key_sql.register
def _(key: Each, fields: HashedFields) -> tuple[str, str]:
    fields.require_list(key.field)
    return f"unnest(list_distinct({quote(key.field)}))", key.name


@singledispatch
def measure_sql(measure: object, fields: HashedFields) -> str:
    """Return a measure as an aggregate expression: of 128 bits for sums, so that they are exact."""
    raise UnsupportedByStore(f"There is no rule for {type(measure).__name__} in DuckDB.")


@measure_sql.register
def _(measure: Sum, fields: HashedFields) -> str:
    fields.require_integer(measure.field)
    if measure.times is None:
        return f"coalesce(sum({quote(measure.field)}), 0)"
    fields.require_integer(measure.times)
    return f"coalesce(sum({quote(measure.field)}::HUGEINT * {quote(measure.times)}), 0)"


@measure_sql.register
def _(measure: Count, fields: HashedFields) -> str:
    return "count(*)::BIGINT"


@measure_sql.register
def _(measure: Min, fields: HashedFields) -> str:
    fields.require_integer(measure.field)
    return f"min({quote(measure.field)})"


@measure_sql.register
def _(measure: Max, fields: HashedFields) -> str:
    fields.require_integer(measure.field)
    return f"max({quote(measure.field)})"


def aggregate_sql(plan: Aggregate, application: str) -> Sql:
    """Return the statement of a plan, nested plans included.

    Lists are unnested in inner queries, one per list, before rows are grouped.  With two lists, a row counts for every
    pair of their values.
    """
    fields = HashedFields(infer_source_types(plan.source))
    source, values = _from_clause(plan.source, plan.where, application)
    keys: list[tuple[str, str]] = []
    for key in plan.by:
        text, name = key_sql(key, fields)
        if isinstance(key, Each):
            source, text = f"(SELECT *, {text} AS {quote(f'each {name}')} FROM {source})", quote(f"each {name}")
        keys.append((text, name))
    measures = [f"{measure_sql(measure, fields)} AS {quote(measure.name)}" for measure in plan.measures]
    columns = ", ".join([*(f"{text} AS {quote(name)}" for text, name in keys), *measures])
    group_by = f" GROUP BY {', '.join(str(position + 1) for position in range(len(keys)))}" if keys else ""
    return f"SELECT {columns} FROM {source}{group_by}", values


def select_sql(plan: Select, application: str) -> Sql:
    """Return the statement of a plan without groups."""
    fields = HashedFields(infer_source_types(plan.source))
    for name in plan.columns:
        fields.type_of(name)
    source, values = _from_clause(plan.source, plan.where, application)
    return f"SELECT {', '.join(map(quote, plan.columns))} FROM {source}", values


def count_sql(table: Table, where: Condition, application: str) -> Sql:
    """Return the statement that counts the rows of a table that meet a condition, as `n`."""
    source, values = _from_clause(table, where, application)
    return f"SELECT count(*) AS n FROM {source}", values


def _from_clause(source: Table | Aggregate, where: Condition, application: str) -> Sql:
    """Return what follows FROM: the rows of a table or nested plan that meet a condition, of one application."""
    condition, values = to_sql(where, HashedFields(infer_source_types(source)))
    if isinstance(source, Table):
        return f"{quote(source.name)} WHERE application = ? AND {condition}", [application, *values]
    text, inner_values = aggregate_sql(source, application)
    return f"({text}) WHERE {condition}", [*inner_values, *values]


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement as it would be sent, for people to read."""

    text: str
    parameters: tuple[Any, ...]
