"""What can be read from a plan or table without a database: column types, the source table, the range of parts."""

from collections.abc import Mapping

import pyarrow as pa

from okube_api.store.column_types import ARROW_TYPES, DeclaredFields, coerce_bounds, coerce_values
from okube_api.store.conditions import AllOf, AnyOf, Between, Condition, Not, OneOf
from okube_api.store.errors import UnsupportedByStore
from okube_api.store.plans import Aggregate, Band, Each, Select, Sum
from okube_api.store.schema import ColumnType, Table

FIRST_PART, LAST_PART = -(2**31), 2**31 - 1
"""The least and the greatest part that a row can have."""


def infer_source_types(source: Table | Aggregate) -> dict[str, ColumnType]:
    """Return the columns that a plan over `source` may name, with their types."""
    if isinstance(source, Aggregate):
        if not source.by:
            raise UnsupportedByStore("An aggregate without keys has only one row: it cannot be a source.")
        return infer_result_types(source)
    if source.packed:
        raise UnsupportedByStore(f"Table '{source.name}' is packed: its rows can only be read by partition.")
    return {"part": ColumnType.INTEGER, **{column.name: column.type for column in source.columns}}


def infer_result_types(plan: Aggregate) -> dict[str, ColumnType]:
    """Return the columns of a plan's result, its keys and then its measures, with their types."""
    fields = DeclaredFields(infer_source_types(plan.source))
    types: dict[str, ColumnType] = {}
    for key in plan.by:
        if isinstance(key, Band):
            types[key.name] = ColumnType.INTEGER
        elif isinstance(key, Each):
            types[key.name] = fields.require_list(key.field)
        else:
            types[key] = fields.type_of(key)
    return types | {
        measure.name: ColumnType.WIDE_INTEGER if isinstance(measure, Sum) else ColumnType.INTEGER
        for measure in plan.measures
    }


def resolve_source(plan: Aggregate | Select) -> tuple[Table, Condition]:
    """Return the table under a plan, through nested plans, and the condition on its rows."""
    while isinstance(plan.source, Aggregate):
        plan = plan.source
    return plan.source, plan.where


def collect_fields(condition: Condition) -> set[str]:
    """Return the fields that a condition names."""
    if isinstance(condition, Not):
        return collect_fields(condition.inner)
    if isinstance(condition, AllOf | AnyOf):
        return {name for part in condition.parts for name in collect_fields(part)}
    name = getattr(condition, "field", None)
    return set() if name is None else {name}


def get_stored_types(table: Table) -> dict[str, ColumnType]:
    """Return the columns of a table as `Reader.read_parts` yields them, with their types."""
    batch = {"batch": ColumnType.INTEGER} if table.packed else {}
    return {"part": ColumnType.INTEGER, **batch, **{column.name: column.type for column in table.columns}}


def make_arrow_schema(types: Mapping[str, ColumnType]) -> pa.Schema:
    """Return the Arrow schema of rows with these columns."""
    return pa.schema([(name, ARROW_TYPES[column_type]) for name, column_type in types.items()])


def conform_rows(table: Table, rows: pa.Table, *, keep_dictionaries: bool = False) -> pa.Table:
    """Return rows with `part` and the table's columns, in the declared order and types.

    keep_dictionaries: leave texts that are dictionary-encoded as they are.
    Raise ValueError when a column is missing.
    """
    types = {"part": ColumnType.INTEGER, **{column.name: column.type for column in table.columns}}
    if missing := types.keys() - set(rows.column_names):
        raise ValueError(f"rows of {table.name} lack {', '.join(sorted(missing))}")
    schema = make_arrow_schema(types)
    for index, field in enumerate(schema):
        is_dictionary = pa.types.is_dictionary(rows.schema.field(field.name).type)
        if keep_dictionaries and field.type == pa.string() and is_dictionary:
            schema = schema.set(index, pa.field(field.name, pa.dictionary(pa.int32(), pa.string())))
    rows = rows.select(list(types))
    return (rows if rows.schema == schema else rows.cast(schema)).combine_chunks()


def infer_part_range(where: Condition) -> tuple[int, int]:
    """Return (first, last): rows with parts outside of this range cannot meet the condition."""
    first, last = FIRST_PART, LAST_PART
    for part in where.parts if isinstance(where, AllOf) else (where,):
        least, greatest = _infer_range(part)
        first, last = max(first, least), min(last, greatest)
    return first, last


def _infer_range(condition: Condition) -> tuple[int, int]:
    if isinstance(condition, AllOf):
        return infer_part_range(condition)
    if isinstance(condition, OneOf) and condition.field == "part":
        values = [int(value) for value in coerce_values(ColumnType.INTEGER, condition.values)]
        return (min(values), max(values)) if values else (LAST_PART, FIRST_PART)
    if isinstance(condition, Between) and condition.field == "part":
        limits = coerce_bounds(ColumnType.INTEGER, condition.low, condition.high)
        if limits is None:
            return LAST_PART, FIRST_PART
        low, high = limits
        return (FIRST_PART if low is None else int(low)), (LAST_PART if high is None else int(high))
    return FIRST_PART, LAST_PART
