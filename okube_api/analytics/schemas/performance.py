"""The requests of store performance: all visits and purchases at sites."""

from typing import Annotated, Literal

from pydantic import Field, Tag
from typing_extensions import TypeAliasType

from okube_api.analytics.schemas.filters import ANY_RULES, Filters, SitesPart
from okube_api.analytics.schemas.parts import (
    BY_FILTER_TYPE,
    MAX_VALUES,
    ByChannel,
    ByResource,
    Except,
    make_kpi_schema,
    make_kpi_validator,
)
from okube_api.analytics.schemas.query import PARAM_FILTERS, Param, Query
from okube_api.catalogue.kpi import Module

PerformanceKpi = TypeAliasType(
    "PerformanceKpi", Annotated[str, make_kpi_validator(Module.PERFORMANCE), make_kpi_schema(Module.PERFORMANCE)]
)
Channel = Literal["offline", "online"]


class ExceptChannels(Except):
    """The other channel."""

    values: list[Channel] = Field(alias="not", max_length=MAX_VALUES)


Channels = Annotated[
    Annotated[list[Channel], Field(max_length=MAX_VALUES), Tag("@list")] | Annotated[ExceptChannels, Tag("@not")],
    BY_FILTER_TYPE,
    Field(description="`offline` for visits and purchases at sites with an address, `online` for online sites."),
]


class PerformanceSitePart(Filters):
    """A part of `any`, in a question about the performance of one site."""

    channels: Channels | None = None


class PerformanceSiteFilters(PerformanceSitePart):
    """What a question about the performance of one site is limited to."""

    any: Annotated[list[PerformanceSitePart], *ANY_RULES] | None = None


class PerformancePart(PerformanceSitePart, SitesPart):
    """A part of `any`, in a question about the performance of sites."""


class PerformanceFilters(PerformanceSiteFilters, PerformancePart):
    """What a question about the performance of sites is limited to."""

    any: Annotated[list[PerformancePart], *ANY_RULES] | None = None  # type: ignore[assignment]


class PerformanceSiteParam(Param):
    """A KPI of performance, in a question about one site."""

    kpi: PerformanceKpi
    channels: ByChannel = Field(False, description="By channel: `offline` and `online`.")
    filters: PerformanceSiteFilters | None = Field(None, description=PARAM_FILTERS)


class PerformanceParam(PerformanceSiteParam):
    """A KPI of performance, in a question about the sites of an application."""

    sites: ByResource = Field(False, description="By site.")
    filters: PerformanceFilters | None = Field(None, description=PARAM_FILTERS)


class PerformanceSiteQuery(Query):
    """A question about the performance of one site."""

    module = Module.PERFORMANCE
    filters: PerformanceSiteFilters = Field(default_factory=PerformanceSiteFilters)
    params: list[PerformanceSiteParam] = Field(min_length=1)  # type: ignore[assignment]


class PerformanceQuery(Query):
    """A question about the performance of the sites of an application."""

    module = Module.PERFORMANCE
    filters: PerformanceFilters = Field(default_factory=PerformanceFilters)
    params: list[PerformanceParam] = Field(min_length=1)  # type: ignore[assignment]
