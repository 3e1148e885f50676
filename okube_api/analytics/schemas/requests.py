"""The requests: a pair of models for each module, as questions about one site have no filter nor scope of sites."""

from collections.abc import Iterator
from typing import Annotated, Any, ClassVar, Literal, get_args

from pydantic import Field, model_validator

from okube_api.analytics.schemas.parts import (
    Areas,
    ByArea,
    ByResource,
    Choice,
    References,
    StrictModel,
    Tags,
    Weekdays,
    make_kpi_validator,
    make_kpi_schema,
)
from okube_api.catalogue.expressions.values import Scope
from okube_api.catalogue.kpi import Module
from okube_api.errors import Fault, Impossible

_NAMES = frozenset(scope.value for scope in Scope if scope is not Scope.GLOBALS)


class Param(StrictModel):
    """One KPI, and how it is to be answered."""

    kpi: str
    mode: Literal["histogram", "aggregation"] = Field(
        "histogram", description="Buckets are increments of the period, or categories of days."
    )
    granularity: Literal["day", "week", "month", "year"] = "day"
    all: bool = Field(True, description="The value over the whole period.")
    temporals: bool = Field(True, description="The value of every bucket.")
    globals: bool = Field(True, description="The value over everything that the filters leave.")

    def choices(self) -> Iterator[tuple[Scope, Choice]]:
        """The scopes of the module and what is asked of each, in the order of answers."""
        for scope in Scope:
            if scope.value in type(self).model_fields:
                yield scope, getattr(self, scope.value)


class Filters(StrictModel):
    """Values of one filter are alternatives; different filters all hold."""

    weekdays: Weekdays | None = None


class Query(StrictModel):
    """What is asked."""

    module: ClassVar[Module]
    filters: Filters = Field(default_factory=Filters)
    params: list[Param] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _foreign(cls, body: Any) -> Any:
        """Refuses scopes and filters that exist, but neither in this module nor on this route."""
        faults = list(_foreign_names(body, cls)) if isinstance(body, dict) else []
        if faults:
            raise Impossible(faults[0].message, faults=faults)
        return body


def _foreign_names(body: dict[str, Any], query: type[Query]) -> Iterator[Fault]:
    """Scopes in params and filters that other requests have, and this one has not."""
    params, filters = body.get("params"), body.get("filters")
    known = _model_of(query, "params").model_fields
    there = ", ".join(name for name in known if name in _NAMES)
    for index, param in enumerate(params if isinstance(params, list) else ()):
        for name in param if isinstance(param, dict) else ():
            if name in _NAMES and name not in known:
                message = f"There is no scope '{name}' in {_words(query)}. There are: {there}."
                yield Fault("body", f"/params/{index}/{name}", Impossible.code, message)
    known = _model_of(query, "filters").model_fields
    for name in filters if isinstance(filters, dict) else ():
        if name in _NAMES | {"tags"} and name not in known:
            message = f"There is no filter '{name}' in {_words(query)}. There are: {', '.join(known)}."
            yield Fault("body", f"/filters/{name}", Impossible.code, message)


def _model_of(query: type[Query], field: str) -> type[StrictModel]:
    annotation = query.model_fields[field].annotation
    (model,) = get_args(annotation) or (annotation,)
    assert isinstance(model, type)
    return model


def _words(query: type[Query]) -> str:
    one_site = "sites" not in _model_of(query, "params").model_fields
    return f"{query.module.value} questions{' about one site' if one_site else ''}"


# -- geo-marketing ---------------------------------------------------------------------------------------------

GeoMarketingKpi = Annotated[str, make_kpi_validator(Module.GEO_MARKETING), make_kpi_schema(Module.GEO_MARKETING)]


class GeoMarketingSiteParam(Param):
    """A KPI of geo-marketing, at one site."""

    kpi: GeoMarketingKpi
    homes: ByArea = Field(False, description="By the IRIS area where users live.")
    works: ByArea = Field(False, description="By the IRIS area where users work.")
    zones: ByArea = Field(False, description="The former name of `homes`.", json_schema_extra={"deprecated": True})
    pois: ByResource = Field(False, description="By point of interest of the study (`poiSessions` only).")


class GeoMarketingParam(GeoMarketingSiteParam):
    """A KPI of geo-marketing."""

    sites: ByResource = Field(False, description="By site of the study.")


class GeoMarketingSiteFilters(Filters):
    """What a geo-marketing question about one site looks at."""

    pois: References | None = None
    homes: Areas | None = None
    works: Areas | None = None
    zones: Areas | None = Field(None, description="The former name of `homes`.", json_schema_extra={"deprecated": True})


class GeoMarketingFilters(GeoMarketingSiteFilters):
    """What a geo-marketing question looks at."""

    sites: References | None = None
    tags: Tags | None = None


class GeoMarketingSiteQuery(Query):
    """A geo-marketing question about one site."""

    module = Module.GEO_MARKETING
    filters: GeoMarketingSiteFilters = Field(default_factory=GeoMarketingSiteFilters)
    params: list[GeoMarketingSiteParam] = Field(min_length=1)  # type: ignore[assignment]


class GeoMarketingQuery(Query):
    """A geo-marketing question about the sites of a study."""

    module = Module.GEO_MARKETING
    filters: GeoMarketingFilters = Field(default_factory=GeoMarketingFilters)
    params: list[GeoMarketingParam] = Field(min_length=1)  # type: ignore[assignment]
