"""Conditions and plans as aggregation pipelines: one rule per node.

Only stages are used that each shard can run before the results are merged.
"""

import re
from functools import singledispatch
from typing import Any, cast

from okube_api.store.column_types import DeclaredFields, coerce_bounds, coerce_values
from okube_api.store.conditions import AllOf, AnyOf, Between, Contains, Missing, Not, OneOf, Overlaps
from okube_api.store.document_values import fold
from okube_api.store.errors import UnsupportedByStore
from okube_api.store.plan_analysis import infer_source_types
from okube_api.store.plans import Aggregate, Band, Count, Each, Max, Min, Select, Sum
from okube_api.store.ranges import find_ranges
from okube_api.store.schema import ColumnType
from okube_api.store.values import Json

MATCH_NOTHING: Json = {"_id": {"$in": []}}
SEARCH_FIELD = "_search"
_LONG = 100
"""Values of a list, or of each of its ranges on average: then ranges are sent, since some servers compare each row with
all values of a list."""


@singledispatch
def to_match(node: object, fields: DeclaredFields) -> Json:
    """Return a condition as a `$match` document.  Raise UnsupportedByStore for a field that is not declared."""
    raise UnsupportedByStore(f"There is no rule for {type(node).__name__} in MongoDB.")


@to_match.register
def _(node: OneOf, fields: DeclaredFields) -> Json:
    field_type = fields.require_scalar(node.field)
    values = coerce_values(field_type, node.values)
    if field_type is ColumnType.INTEGER and len(values) >= _LONG:
        ranges = find_ranges(cast("list[int]", values))
        if len(ranges) * _LONG <= len(values):
            return {"$or": [{node.field: {"$gte": low, "$lte": high}} for low, high in ranges]}
    return {node.field: values[0] if len(values) == 1 else {"$in": values}}


@to_match.register
def _(node: Overlaps, fields: DeclaredFields) -> Json:
    return {node.field: {"$in": coerce_values(fields.require_list(node.field), node.values)}}


@to_match.register
def _(node: Between, fields: DeclaredFields) -> Json:
    limits = coerce_bounds(fields.require_scalar(node.field), node.low, node.high)
    if limits is None:
        return dict(MATCH_NOTHING)
    operators = {name: value for name, value in zip(("$gte", "$lte"), limits, strict=True) if value is not None}
    return {node.field: operators or {"$ne": None}}


@to_match.register
def _(node: Contains, fields: DeclaredFields) -> Json:
    fields.require_search()
    pattern = {"$regex": re.escape(fold(node.text))}
    # Both forms are needed: an index may hold only the start of a long text, and some servers do not check the rest.
    return {"$and": [{SEARCH_FIELD: pattern}, {"$nor": [{SEARCH_FIELD: {"$not": pattern}}]}]}


@to_match.register
def _(node: Missing, fields: DeclaredFields) -> Json:
    fields.type_of(node.field)
    return {node.field: None}


@to_match.register
def _(node: Not, fields: DeclaredFields) -> Json:
    return {"$nor": [to_match(node.inner, fields)]}


@to_match.register
def _(node: AllOf, fields: DeclaredFields) -> Json:
    return {"$and": [to_match(part, fields) for part in node.parts]} if node.parts else {}


@to_match.register
def _(node: AnyOf, fields: DeclaredFields) -> Json:
    return {"$or": [to_match(part, fields) for part in node.parts]} if node.parts else dict(MATCH_NOTHING)


# -- plans -----------------------------------------------------------------------------------------------


@singledispatch
def key_expression(key: object, fields: DeclaredFields) -> tuple[str, Any]:
    """Return a grouping key as (name, expression)."""
    raise UnsupportedByStore(f"There is no rule for {type(key).__name__} in MongoDB.")


@key_expression.register
def _(key: str, fields: DeclaredFields) -> tuple[str, Any]:
    fields.type_of(key)
    return key, {"$ifNull": [f"${key}", None]}  # null and absent are one group


@key_expression.register
def _(key: Band, fields: DeclaredFields) -> tuple[str, Any]:
    fields.require_integer(key.field)
    steps = [{"$cond": [{"$gte": [f"${key.field}", edge]}, 1, 0]} for edge in key.edges[1:]]
    missing = {"$eq": [{"$ifNull": [f"${key.field}", None]}, None]}
    return key.name, {"$cond": [missing, -1, {"$add": [0, *steps]}]}


@key_expression.register
def _(key: Each, fields: DeclaredFields) -> tuple[str, Any]:
    fields.require_list(key.field)
    return key.name, f"${element_field(key)}"


def element_field(key: Each) -> str:
    """Return the name of the field that holds one element of an unwound list."""
    return f"each {key.name}"


@singledispatch
def accumulator(measure: object, fields: DeclaredFields, *, decimal: bool = False) -> Json:
    """Return a measure as a `$group` accumulator.

    decimal: add in decimals of 34 digits.  Otherwise a sum or product that exceeds 64 bits becomes a double.
    """
    raise UnsupportedByStore(f"There is no rule for {type(measure).__name__} in MongoDB.")


@accumulator.register
def _(measure: Sum, fields: DeclaredFields, *, decimal: bool = False) -> Json:
    fields.require_integer(measure.field)
    value: Any = {"$toDecimal": f"${measure.field}"} if decimal else f"${measure.field}"
    if measure.times is None:
        return {"$sum": value}
    fields.require_integer(measure.times)
    return {"$sum": {"$multiply": [value, f"${measure.times}"]}}


@accumulator.register
def _(measure: Count, fields: DeclaredFields, *, decimal: bool = False) -> Json:
    return {"$sum": 1}


@accumulator.register
def _(measure: Min, fields: DeclaredFields, *, decimal: bool = False) -> Json:
    fields.require_integer(measure.field)
    return {"$min": f"${measure.field}"}


@accumulator.register
def _(measure: Max, fields: DeclaredFields, *, decimal: bool = False) -> Json:
    fields.require_integer(measure.field)
    return {"$max": f"${measure.field}"}


def aggregate_pipeline(plan: Aggregate, visible: Json, *, decimal: bool = False) -> list[Json]:
    """Return the stages of a plan.

    visible: a `$match` of the rows that the reader may see, added to the plan's condition.
    decimal: add in decimals, for sums that exceed 64 bits.  Inner plans always do: nobody sees whether theirs did.
    """
    fields = DeclaredFields(infer_source_types(plan.source))
    where = to_match(plan.where, fields)
    if isinstance(plan.source, Aggregate):
        stages = aggregate_pipeline(plan.source, visible, decimal=True)
        stages += [{"$match": where}] if where else []
    else:
        stages = [_match_stage(visible, where)]
    for key in plan.by:
        if isinstance(key, Each):
            fields.require_list(key.field)
            stages.append({"$addFields": {element_field(key): {"$setUnion": [f"${key.field}", []]}}})
            stages.append({"$unwind": f"${element_field(key)}"})
    keys = dict(key_expression(key, fields) for key in plan.by)
    measures = {measure.name: accumulator(measure, fields, decimal=decimal) for measure in plan.measures}
    stages.append({"$group": {"_id": keys or None, **measures}})
    projection = {name: f"$_id.{name}" for name in keys} | {measure.name: 1 for measure in plan.measures}
    stages.append({"$project": {"_id": 0, **projection}})
    return stages


def select_pipeline(plan: Select, visible: Json) -> list[Json]:
    """Return the stages of a plan without groups."""
    fields = DeclaredFields(infer_source_types(plan.source))
    for name in plan.columns:
        fields.type_of(name)
    projection = dict.fromkeys(plan.columns, 1)
    return [_match_stage(visible, to_match(plan.where, fields)), {"$project": {"_id": 0, **projection}}]


def _match_stage(visible: Json, where: Json) -> Json:
    return {"$match": {**visible, "$and": [*visible.get("$and", ()), where]} if where else visible}
