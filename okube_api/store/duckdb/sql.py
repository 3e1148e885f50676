"""Conditions and plans as SQL: one rule per node; what a caller sent is always a parameter."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import singledispatch
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
    Kind,
    Low,
    Missing,
    Not,
    OneOf,
    Order,
    Overlaps,
    Rows,
    Sum,
    Table,
    UnsupportedByStore,
)
from okube_api.store.text import folded

Sql = tuple[str, list[Any]]

TYPES = {
    Kind.TEXT: "VARCHAR",
    Kind.TEXTS: "VARCHAR[]",
    Kind.INTEGER: "BIGINT",
    Kind.INTEGERS: "BIGINT[]",
    Kind.NUMBER: "DOUBLE",
    Kind.BOOLEAN: "BOOLEAN",
    Kind.BYTES: "BLOB",
}


def quoted(name: str) -> str:
    """An identifier, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


@singledispatch
def to_sql(node: object, known: Callable[[str], str]) -> Sql:
    """A condition as an expression that is true where it holds, and false or null elsewhere.

    known: turns a declared field into its quoted column, and raises UnsupportedByStore for any other.
    """
    raise UnsupportedByStore(f"DuckDB has no rule for {type(node).__name__}")


@to_sql.register
def _(node: OneOf, known: Callable[[str], str]) -> Sql:
    column = known(node.field)
    if not node.values:
        return "false", []
    if len(node.values) == 1:
        return f"{column} = ?", [node.values[0]]
    return f"{column} IN (SELECT unnest(?))", [list(node.values)]


@to_sql.register
def _(node: Overlaps, known: Callable[[str], str]) -> Sql:
    column = known(node.field)
    return ("false", []) if not node.values else (f"list_has_any({column}, ?)", [list(node.values)])


@to_sql.register
def _(node: Between, known: Callable[[str], str]) -> Sql:
    column = known(node.field)
    parts: list[str] = []
    values: list[Any] = []
    if node.low is not None:
        parts.append(f"{column} >= ?")
        values.append(node.low)
    if node.high is not None:
        parts.append(f"{column} <= ?")
        values.append(node.high)
    return f"({' AND '.join(parts or [f'{column} IS NOT NULL'])})", values


@to_sql.register
def _(node: Contains, known: Callable[[str], str]) -> Sql:
    return f"contains({known('_search')}, ?)", [folded(node.text)]


@to_sql.register
def _(node: Missing, known: Callable[[str], str]) -> Sql:
    return f"({known(node.field)} IS NULL)", []


@to_sql.register
def _(node: Not, known: Callable[[str], str]) -> Sql:
    text, values = to_sql(node.inner, known)
    return f"(NOT coalesce({text}, false))", values


@to_sql.register
def _(node: AllOf, known: Callable[[str], str]) -> Sql:
    return _joined(node.parts, " AND ", "true", known)


@to_sql.register
def _(node: AnyOf, known: Callable[[str], str]) -> Sql:
    return _joined(node.parts, " OR ", "false", known)


def _joined(parts: tuple[Condition, ...], word: str, none: str, known: Callable[[str], str]) -> Sql:
    if not parts:
        return none, []
    made = [to_sql(part, known) for part in parts]
    return f"({word.join(text for text, _ in made)})", [value for _, values in made for value in values]


def order_sql(sort: tuple[Order, ...], known: Callable[[str], str]) -> str:
    """An ORDER BY clause; ties go by `_id`."""
    keys = [f"{known(key.field)} {'DESC NULLS LAST' if key.descending else 'ASC NULLS FIRST'}" for key in sort]
    return ", ".join([*keys, *([] if any(key.field == "_id" for key in sort) else ['"_id"'])])


# -- plans -----------------------------------------------------------------------------------------------


@singledispatch
def key_sql(key: object, known: Callable[[str], str]) -> tuple[str, list[Any], str]:
    """A grouping key as (expression, parameters, name)."""
    raise UnsupportedByStore(f"DuckDB has no rule for {type(key).__name__}")


@key_sql.register
def _(key: str, known: Callable[[str], str]) -> tuple[str, list[Any], str]:
    return known(key), [], key


@key_sql.register
def _(key: Band, known: Callable[[str], str]) -> tuple[str, list[Any], str]:
    column = known(key.field)
    inner = [int(edge) for edge in key.edges[1:]]
    steps = " + ".join(f"({column} >= {edge})::BIGINT" for edge in inner) or "0"
    return f"CASE WHEN {column} IS NULL THEN -1 ELSE {steps} END", [], key.name


@key_sql.register
def _(key: Each, known: Callable[[str], str]) -> tuple[str, list[Any], str]:
    return f"unnest(list_distinct({known(key.field)}))", [], key.name


@singledispatch
def measure_sql(measure: object, known: Callable[[str], str]) -> str:
    """A measure as an aggregate expression of 64 bits."""
    raise UnsupportedByStore(f"DuckDB has no rule for {type(measure).__name__}")


@measure_sql.register
def _(measure: Sum, known: Callable[[str], str]) -> str:
    inner = known(measure.field) + (f" * {known(measure.times)}" if measure.times else "")
    return f"coalesce(sum({inner}), 0)::BIGINT AS {quoted(measure.name)}"


@measure_sql.register
def _(measure: Count, known: Callable[[str], str]) -> str:
    return f"count(*)::BIGINT AS {quoted(measure.name)}"


@measure_sql.register
def _(measure: Low, known: Callable[[str], str]) -> str:
    return f"min({known(measure.field)}) AS {quoted(measure.name)}"


@measure_sql.register
def _(measure: High, known: Callable[[str], str]) -> str:
    return f"max({known(measure.field)}) AS {quoted(measure.name)}"


def names_of(source: Table | Aggregate) -> set[str]:
    """The columns that a plan over `source` may name."""
    if isinstance(source, Table):
        if source.packed:
            raise UnsupportedByStore(f"{source.name} is packed: its rows are read by partition only")
        return {"part", *(column.name for column in source.columns)}
    return {_key_name(key) for key in source.by} | {measure.name for measure in source.measures}


def knowing(names: set[str]) -> Callable[[str], str]:
    """The look-up that `to_sql` and its siblings take."""

    def known(name: str) -> str:
        if name not in names:
            raise UnsupportedByStore(f"no column '{name}' here")
        return quoted(name)

    return known


def aggregate_sql(plan: Aggregate, application: str) -> Sql:
    """One statement for a plan, nested ones included."""
    known = knowing(names_of(plan.source))
    source, values = _from(plan.source, application)
    where, more = to_sql(plan.where, known)
    values = [*values, *more]
    keys = [key_sql(key, known) for key in plan.by]
    measures = [measure_sql(measure, known) for measure in plan.measures]
    if any(isinstance(key, Each) for key in plan.by):
        return _exploded(plan, keys, source, where, values)
    columns = [*(f"{text} AS {quoted(name)}" for text, _, name in keys), *measures]
    grouped = f" GROUP BY {', '.join(str(at + 1) for at in range(len(keys)))}" if keys else ""
    return f"SELECT {', '.join(columns)} FROM {source} WHERE {where}{grouped}", values


def _exploded(
    plan: Aggregate, keys: list[tuple[str, list[Any], str]], source: str, where: str, values: list[Any]
) -> Sql:
    """The same over rows that count once for each value of a list: the list is opened first, then grouped."""
    inner = ", ".join(f"{text} AS {quoted('key ' + name)}" for text, _, name in keys)
    known = knowing(names_of(plan.source))
    measures = [measure_sql(measure, known) for measure in plan.measures]
    outer = ", ".join([*(f"{quoted('key ' + name)} AS {quoted(name)}" for _, _, name in keys), *measures])
    positions = ", ".join(str(at + 1) for at in range(len(keys)))
    return f"SELECT {outer} FROM (SELECT *, {inner} FROM {source} WHERE {where}) GROUP BY {positions}", values


def rows_sql(plan: Rows, application: str) -> Sql:
    """The statement of a plan without groups."""
    known = knowing(names_of(plan.source))
    source, values = _from(plan.source, application)
    where, more = to_sql(plan.where, known)
    return f"SELECT {', '.join(known(name) for name in plan.columns)} FROM {source} WHERE {where}", [*values, *more]


def _from(source: Table | Aggregate, application: str) -> Sql:
    if isinstance(source, Table):
        columns = ", ".join(quoted(name) for name in ("part", *(column.name for column in source.columns)))
        return f"(SELECT {columns} FROM {quoted(source.name)} WHERE application = ?)", [application]
    text, values = aggregate_sql(source, application)
    return f"({text})", values


def _key_name(key: str | Band | Each) -> str:
    return key if isinstance(key, str) else key.name


def columns_sql(columns: Mapping[str, Kind]) -> str:
    """Column definitions of a table."""
    return ", ".join(f"{quoted(name)} {TYPES[kind]}" for name, kind in columns.items())


@dataclass(frozen=True, slots=True)
class Statement:
    """What would be sent, for people to read."""

    text: str
    parameters: tuple[Any, ...]
