"""The base models of every question: params, filters, and the checks that modules share."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal, get_args

from pydantic import ConfigDict, Field, model_validator

from okube_api.analytics.schemas.compare import Compare
from okube_api.analytics.schemas.filters import Filters, drop_empty_filters, find_unavailable_filters
from okube_api.analytics.schemas.parts import ByGrouping, GranularityName, ScopeOption, StrictModel
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.scopes import Scope
from okube_api.errors import Fault, Impossible

_SCOPES = frozenset(scope.value for scope in Scope)
PARAM_FILTERS = "Filters of this param alone; the filters of the request hold, too."


class Param(StrictModel):
    """One KPI, and how to answer it."""

    kpi: str
    mode: Literal["histogram", "aggregation"] = Field(
        "histogram",
        description="`histogram`: buckets are increments of the period. `aggregation`: buckets are categories of days.",
    )
    granularity: GranularityName = Field(
        "day",
        description="Length of a bucket. `week` and `fiscal*` follow the calendar of the application "
        "(`settings.calendar`), which `fiscal*` need. `hour` counts the hours that really passed since local midnight "
        "of `from`; as aggregation, it is the hour of the local clock, and `hourOfWeek` (`1-0` to `7-23`) has the "
        "weekday, too. Both are for KPIs of what happens at an instant.",
    )
    all: bool = Field(True, description="Include the value over the whole period.")
    temporals: bool = Field(True, description="Include the value of each bucket.")
    globals: bool = Field(True, description="Include the value over everything that passes the filters.")
    by: list[ByGrouping] | None = Field(
        None,
        min_length=1,
        max_length=2,
        description="One or two groupings, the outer one first: a scope, or what resources are grouped by, such as "
        "`sites.tags`, `sites.attributes.region`, `campaigns.provider`, `extras.segment`, `pois.type`. An object has "
        "the name in `of`, and options.",
        examples=[["sites.attributes.region", {"of": "sites", "properties": ["name"], "limit": 10, "others": True}]],
    )
    fill: bool = Field(
        False,
        description="Include every bucket for each value of a scope: 0 or null where it has no data, as in `globals`.",
    )
    filters: Filters | None = Field(None, description=PARAM_FILTERS)

    def scope_options(self) -> Iterator[tuple[Scope, ScopeOption]]:
        """Yield the scopes of the module with what is requested of each, in the order of answers."""
        for scope in Scope:
            if scope.value in type(self).model_fields:
                yield scope, getattr(self, scope.value)


def _allow_null_filters(schema: dict[str, Any]) -> None:
    schema["properties"]["filters"] = {"anyOf": [schema["properties"]["filters"], {"type": "null"}]}


class Query(StrictModel):
    """The body of a question."""

    model_config = ConfigDict(json_schema_extra=_allow_null_filters)

    module: ClassVar[Module]
    filters: Filters = Field(default_factory=Filters)
    params: list[Param] = Field(min_length=1)
    compare: Compare | None = Field(None, description="Compare the values with those of other periods.")

    @model_validator(mode="before")
    @classmethod
    def _reject_unavailable(cls, body: Any) -> Any:
        """Reject scopes and filters that exist in other kinds of questions only; drop those that request nothing.

        Raise Impossible, with a pointer to each.
        """
        if not isinstance(body, dict):
            return body
        body = _drop_empty_filters(body)
        faults = list(_find_unavailable(body, cls))
        if faults:
            raise Impossible(faults[0].message, faults=faults)
        return _drop_unavailable_scopes(body, cls)


def _drop_empty_filters(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body without the filters that filter nothing, those of its params included."""
    body = _drop_empty(body)
    params = body.get("params")
    if not isinstance(params, list) or not any(isinstance(param, dict) and "filters" in param for param in params):
        return body
    return body | {"params": [_drop_empty(param) if isinstance(param, dict) else param for param in params]}


def _drop_empty(owner: dict[str, Any]) -> dict[str, Any]:
    """Return a body or param without the filters that filter nothing."""
    filters = owner.get("filters", {})
    if filters is None:
        return {name: value for name, value in owner.items() if name != "filters"}
    if not isinstance(filters, dict):
        return owner
    return owner | {"filters": drop_empty_filters(filters)}


def _drop_unavailable_scopes(body: dict[str, Any], query: type[Query]) -> dict[str, Any]:
    """Return a body whose params have no scopes that the question does not have; those were false."""
    params = body.get("params")
    if not isinstance(params, list):
        return body
    unavailable = _SCOPES - _field_model(query, "params").model_fields.keys()
    cleaned = [
        {name: value for name, value in param.items() if name not in unavailable} if isinstance(param, dict) else param
        for param in params
    ]
    return body | {"params": cleaned}


def _find_unavailable(body: dict[str, Any], query: type[Query]) -> Iterator[Fault]:
    param_fields = _field_model(query, "params").model_fields
    filter_model = _field_model(query, "filters")
    questions = f"{query.module.value} questions{'' if 'sites' in param_fields else ' about one site'}"
    params = body.get("params")
    scopes = ", ".join(name for name in param_fields if name in _SCOPES)
    for index, param in enumerate(params if isinstance(params, list) else ()):
        for name, value in param.items() if isinstance(param, dict) else ():
            if name in _SCOPES and name not in param_fields and value is not False:
                message = f"Scope '{name}' is not available in {questions}. Use one of: {scopes}."
                yield Fault("body", f"/params/{index}/{name}", Impossible.code, message)
            elif name == "filters":
                yield from find_unavailable_filters(value, f"/params/{index}/filters", filter_model, questions)
    yield from find_unavailable_filters(body.get("filters"), "/filters", filter_model, questions)


def _field_model(query: type[Query], field: str) -> type[StrictModel]:
    """Return the model of a field, or of the elements of a list."""
    annotation = query.model_fields[field].annotation
    (model,) = get_args(annotation) or (annotation,)
    assert isinstance(model, type)
    return model
