"""The base models of every question: params, filters, and the checks that modules share."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal, get_args

from pydantic import Field, model_validator

from okube_api.analytics.schemas.parts import ScopeOption, StrictModel, Weekdays
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.scopes import Scope
from okube_api.errors import Fault, Impossible

_SCOPES = frozenset(scope.value for scope in Scope)
_FILTERS = _SCOPES - {Scope.GLOBALS.value} | {"tags"}


class Param(StrictModel):
    """One KPI, and how to answer it."""

    kpi: str
    mode: Literal["histogram", "aggregation"] = Field(
        "histogram",
        description="`histogram`: buckets are increments of the period. `aggregation`: buckets are categories of days.",
    )
    granularity: Literal["day", "week", "month", "year"] = "day"
    all: bool = Field(True, description="Include the value over the whole period.")
    temporals: bool = Field(True, description="Include the value of each bucket.")
    globals: bool = Field(True, description="Include the value over everything that passes the filters.")

    def scope_options(self) -> Iterator[tuple[Scope, ScopeOption]]:
        """Yield the scopes of the module with what is requested of each, in the order of answers."""
        for scope in Scope:
            if scope.value in type(self).model_fields:
                yield scope, getattr(self, scope.value)


class Filters(StrictModel):
    """What a question is limited to: one value of each filter must match."""

    weekdays: Weekdays | None = None


class Query(StrictModel):
    """The body of a question."""

    module: ClassVar[Module]
    filters: Filters = Field(default_factory=Filters)
    params: list[Param] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _reject_unavailable(cls, body: Any) -> Any:
        """Reject scopes and filters that exist in other kinds of questions only.

        Raise Impossible, with a pointer to each.
        """
        faults = list(_find_unavailable(body, cls)) if isinstance(body, dict) else []
        if faults:
            raise Impossible(faults[0].message, faults=faults)
        return body


def _find_unavailable(body: dict[str, Any], query: type[Query]) -> Iterator[Fault]:
    param_fields = _field_model(query, "params").model_fields
    filter_fields = _field_model(query, "filters").model_fields
    questions = f"{query.module.value} questions{'' if 'sites' in param_fields else ' about one site'}"
    params, filters = body.get("params"), body.get("filters")
    scopes = ", ".join(name for name in param_fields if name in _SCOPES)
    for index, param in enumerate(params if isinstance(params, list) else ()):
        for name in param if isinstance(param, dict) else ():
            if name in _SCOPES and name not in param_fields:
                message = f"Scope '{name}' is not available in {questions}. Use one of: {scopes}."
                yield Fault("body", f"/params/{index}/{name}", Impossible.code, message)
    for name in filters if isinstance(filters, dict) else ():
        if name in _FILTERS and name not in filter_fields:
            message = f"Filter '{name}' is not available in {questions}. Use one of: {', '.join(filter_fields)}."
            yield Fault("body", f"/filters/{name}", Impossible.code, message)


def _field_model(query: type[Query], field: str) -> type[StrictModel]:
    """Return the model of a field, or of the elements of a list."""
    annotation = query.model_fields[field].annotation
    (model,) = get_args(annotation) or (annotation,)
    assert isinstance(model, type)
    return model
