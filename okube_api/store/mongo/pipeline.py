"""Conditions and plans as aggregation pipelines: one rule per node, nothing a shard cannot do before merging."""

import re
from functools import singledispatch
from typing import Any

from okube_api.store.base import (
    Aggregate,
    AllOf,
    AnyOf,
    Band,
    Between,
    Contains,
    Count,
    Each,
    High,
    Json,
    Low,
    Missing,
    Not,
    OneOf,
    Overlaps,
    Rows,
    Sum,
    UnsupportedByStore,
)
from okube_api.store.document_values import folded
from okube_api.store.kinds import Names, bounds, fitting, kinds_of

NEVER: Json = {"_id": {"$in": []}}
SEARCH = "_search"


@singledispatch
def to_match(node: object, names: Names) -> Json:
    """A condition as a `$match` document.  Raises UnsupportedByStore for a field that `names` does not declare."""
    raise UnsupportedByStore(f"MongoDB has no rule for {type(node).__name__}")


@to_match.register
def _(node: OneOf, names: Names) -> Json:
    values = fitting(names.scalar(node.field), node.values)
    return {node.field: values[0] if len(values) == 1 else {"$in": values}}


@to_match.register
def _(node: Overlaps, names: Names) -> Json:
    return {node.field: {"$in": fitting(names.listed(node.field), node.values)}}


@to_match.register
def _(node: Between, names: Names) -> Json:
    limits = bounds(names.scalar(node.field), node.low, node.high)
    if limits is None:
        return dict(NEVER)
    words = {word: value for word, value in zip(("$gte", "$lte"), limits, strict=True) if value is not None}
    return {node.field: words or {"$ne": None}}


@to_match.register
def _(node: Contains, names: Names) -> Json:
    names.searched()
    found = {"$regex": re.escape(folded(node.text))}
    # Twice: an index may hold the start of a long text only, and not every server looks at the rest of it then.
    return {"$and": [{SEARCH: found}, {"$nor": [{SEARCH: {"$not": found}}]}]}


@to_match.register
def _(node: Missing, names: Names) -> Json:
    names.kind(node.field)
    return {node.field: None}


@to_match.register
def _(node: Not, names: Names) -> Json:
    return {"$nor": [to_match(node.inner, names)]}


@to_match.register
def _(node: AllOf, names: Names) -> Json:
    return {"$and": [to_match(part, names) for part in node.parts]} if node.parts else {}


@to_match.register
def _(node: AnyOf, names: Names) -> Json:
    return {"$or": [to_match(part, names) for part in node.parts]} if node.parts else dict(NEVER)


# -- plans -----------------------------------------------------------------------------------------------


@singledispatch
def key_expression(key: object, names: Names) -> tuple[str, Any]:
    """A grouping key as (name, expression)."""
    raise UnsupportedByStore(f"MongoDB has no rule for {type(key).__name__}")


@key_expression.register
def _(key: str, names: Names) -> tuple[str, Any]:
    names.kind(key)
    return key, {"$ifNull": [f"${key}", None]}  # a column without a value is one group, stored as null or not at all


@key_expression.register
def _(key: Band, names: Names) -> tuple[str, Any]:
    names.integer(key.field)
    steps = [{"$cond": [{"$gte": [f"${key.field}", edge]}, 1, 0]} for edge in key.edges[1:]]
    missing = {"$eq": [{"$ifNull": [f"${key.field}", None]}, None]}
    return key.name, {"$cond": [missing, -1, {"$add": [0, *steps]}]}


@key_expression.register
def _(key: Each, names: Names) -> tuple[str, Any]:
    names.listed(key.field)
    return key.name, f"${opened(key)}"


def opened(key: Each) -> str:
    """The field that holds one value of a list at a time."""
    return f"each {key.name}"


@singledispatch
def accumulator(measure: object, names: Names) -> Json:
    """A measure as a `$group` accumulator."""
    raise UnsupportedByStore(f"MongoDB has no rule for {type(measure).__name__}")


@accumulator.register
def _(measure: Sum, names: Names) -> Json:
    names.integer(measure.field)
    if measure.times is None:
        return {"$sum": f"${measure.field}"}
    names.integer(measure.times)
    return {"$sum": {"$multiply": [f"${measure.field}", f"${measure.times}"]}}


@accumulator.register
def _(measure: Count, names: Names) -> Json:
    return {"$sum": 1}


@accumulator.register
def _(measure: Low, names: Names) -> Json:
    names.integer(measure.field)
    return {"$min": f"${measure.field}"}


@accumulator.register
def _(measure: High, names: Names) -> Json:
    names.integer(measure.field)
    return {"$max": f"${measure.field}"}


def aggregate_pipeline(plan: Aggregate, visible: Json) -> list[Json]:
    """The stages of a plan.  visible: what the rows of the table must meet, whatever the plan says."""
    names = Names(kinds_of(plan.source))
    where = to_match(plan.where, names)
    if isinstance(plan.source, Aggregate):
        stages = aggregate_pipeline(plan.source, visible)
        stages += [{"$match": where}] if where else []
    else:
        stages = [_matching(visible, where)]
    for key in plan.by:
        if isinstance(key, Each):
            names.listed(key.field)
            stages.append({"$addFields": {opened(key): {"$setUnion": [f"${key.field}", []]}}})
            stages.append({"$unwind": f"${opened(key)}"})
    keys = dict(key_expression(key, names) for key in plan.by)
    measures = {measure.name: accumulator(measure, names) for measure in plan.measures}
    stages.append({"$group": {"_id": keys or None, **measures}})
    shown = {name: f"$_id.{name}" for name in keys} | {measure.name: 1 for measure in plan.measures}
    stages.append({"$project": {"_id": 0, **shown}})
    return stages


def rows_pipeline(plan: Rows, visible: Json) -> list[Json]:
    """The stages of a plan without groups."""
    names = Names(kinds_of(plan.source))
    for name in plan.columns:
        names.kind(name)
    shown = dict.fromkeys(plan.columns, 1)
    return [_matching(visible, to_match(plan.where, names)), {"$project": {"_id": 0, **shown}}]


def _matching(visible: Json, where: Json) -> Json:
    return {"$match": {**visible, "$and": [*visible.get("$and", ()), where]} if where else visible}
