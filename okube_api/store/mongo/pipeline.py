"""Conditions and plans as aggregation pipelines: one rule per node, nothing a shard cannot do before merging."""

import re
from functools import singledispatch
from typing import Any

from okube_api.store.column_types import DeclaredFields, coerce_bounds, coerce_values
from okube_api.store.conditions import AllOf, AnyOf, Between, Contains, Missing, Not, OneOf, Overlaps
from okube_api.store.document_values import fold
from okube_api.store.errors import UnsupportedByStore
from okube_api.store.plan_analysis import infer_source_types
from okube_api.store.plans import Aggregate, Band, Count, Each, Max, Min, Select, Sum
from okube_api.store.values import Json

NEVER: Json = {"_id": {"$in": []}}
SEARCH = "_search"


@singledispatch
def to_match(node: object, names: DeclaredFields) -> Json:
    """A condition as a `$match` document.  Raises UnsupportedByStore for a field that `names` does not declare."""
    raise UnsupportedByStore(f"MongoDB has no rule for {type(node).__name__}")


@to_match.register
def _(node: OneOf, names: DeclaredFields) -> Json:
    values = coerce_values(names.require_scalar(node.field), node.values)
    return {node.field: values[0] if len(values) == 1 else {"$in": values}}


@to_match.register
def _(node: Overlaps, names: DeclaredFields) -> Json:
    return {node.field: {"$in": coerce_values(names.require_list(node.field), node.values)}}


@to_match.register
def _(node: Between, names: DeclaredFields) -> Json:
    limits = coerce_bounds(names.require_scalar(node.field), node.low, node.high)
    if limits is None:
        return dict(NEVER)
    words = {word: value for word, value in zip(("$gte", "$lte"), limits, strict=True) if value is not None}
    return {node.field: words or {"$ne": None}}


@to_match.register
def _(node: Contains, names: DeclaredFields) -> Json:
    names.require_search()
    found = {"$regex": re.escape(fold(node.text))}
    # Twice: an index may hold the start of a long text only, and not every server looks at the rest of it then.
    return {"$and": [{SEARCH: found}, {"$nor": [{SEARCH: {"$not": found}}]}]}


@to_match.register
def _(node: Missing, names: DeclaredFields) -> Json:
    names.type_of(node.field)
    return {node.field: None}


@to_match.register
def _(node: Not, names: DeclaredFields) -> Json:
    return {"$nor": [to_match(node.inner, names)]}


@to_match.register
def _(node: AllOf, names: DeclaredFields) -> Json:
    return {"$and": [to_match(part, names) for part in node.parts]} if node.parts else {}


@to_match.register
def _(node: AnyOf, names: DeclaredFields) -> Json:
    return {"$or": [to_match(part, names) for part in node.parts]} if node.parts else dict(NEVER)


# -- plans -----------------------------------------------------------------------------------------------


@singledispatch
def key_expression(key: object, names: DeclaredFields) -> tuple[str, Any]:
    """A grouping key as (name, expression)."""
    raise UnsupportedByStore(f"MongoDB has no rule for {type(key).__name__}")


@key_expression.register
def _(key: str, names: DeclaredFields) -> tuple[str, Any]:
    names.type_of(key)
    return key, {"$ifNull": [f"${key}", None]}  # a column without a value is one group, stored as null or not at all


@key_expression.register
def _(key: Band, names: DeclaredFields) -> tuple[str, Any]:
    names.require_integer(key.field)
    steps = [{"$cond": [{"$gte": [f"${key.field}", edge]}, 1, 0]} for edge in key.edges[1:]]
    missing = {"$eq": [{"$ifNull": [f"${key.field}", None]}, None]}
    return key.name, {"$cond": [missing, -1, {"$add": [0, *steps]}]}


@key_expression.register
def _(key: Each, names: DeclaredFields) -> tuple[str, Any]:
    names.require_list(key.field)
    return key.name, f"${opened(key)}"


def opened(key: Each) -> str:
    """The field that holds one value of a list at a time."""
    return f"each {key.name}"


@singledispatch
def accumulator(measure: object, names: DeclaredFields) -> Json:
    """A measure as a `$group` accumulator."""
    raise UnsupportedByStore(f"MongoDB has no rule for {type(measure).__name__}")


@accumulator.register
def _(measure: Sum, names: DeclaredFields) -> Json:
    names.require_integer(measure.field)
    if measure.times is None:
        return {"$sum": f"${measure.field}"}
    names.require_integer(measure.times)
    return {"$sum": {"$multiply": [f"${measure.field}", f"${measure.times}"]}}


@accumulator.register
def _(measure: Count, names: DeclaredFields) -> Json:
    return {"$sum": 1}


@accumulator.register
def _(measure: Min, names: DeclaredFields) -> Json:
    names.require_integer(measure.field)
    return {"$min": f"${measure.field}"}


@accumulator.register
def _(measure: Max, names: DeclaredFields) -> Json:
    names.require_integer(measure.field)
    return {"$max": f"${measure.field}"}


def aggregate_pipeline(plan: Aggregate, visible: Json) -> list[Json]:
    """The stages of a plan.  visible: what the rows of the table must meet, whatever the plan says."""
    names = DeclaredFields(infer_source_types(plan.source))
    where = to_match(plan.where, names)
    if isinstance(plan.source, Aggregate):
        stages = aggregate_pipeline(plan.source, visible)
        stages += [{"$match": where}] if where else []
    else:
        stages = [_matching(visible, where)]
    for key in plan.by:
        if isinstance(key, Each):
            names.require_list(key.field)
            stages.append({"$addFields": {opened(key): {"$setUnion": [f"${key.field}", []]}}})
            stages.append({"$unwind": f"${opened(key)}"})
    keys = dict(key_expression(key, names) for key in plan.by)
    measures = {measure.name: accumulator(measure, names) for measure in plan.measures}
    stages.append({"$group": {"_id": keys or None, **measures}})
    shown = {name: f"$_id.{name}" for name in keys} | {measure.name: 1 for measure in plan.measures}
    stages.append({"$project": {"_id": 0, **shown}})
    return stages


def rows_pipeline(plan: Select, visible: Json) -> list[Json]:
    """The stages of a plan without groups."""
    names = DeclaredFields(infer_source_types(plan.source))
    for name in plan.columns:
        names.type_of(name)
    shown = dict.fromkeys(plan.columns, 1)
    return [_matching(visible, to_match(plan.where, names)), {"$project": {"_id": 0, **shown}}]


def _matching(visible: Json, where: Json) -> Json:
    return {"$match": {**visible, "$and": [*visible.get("$and", ()), where]} if where else visible}
