"""The requests of conversion: what campaigns deliver and cost, and what they bring to sites."""

from typing import Annotated

from pydantic import Field

from okube_api.analytics.schemas.parts import (
    ByExtra,
    ByResource,
    Extras,
    References,
    Tags,
    make_kpi_validator,
    make_kpi_schema,
)
from okube_api.analytics.schemas.requests import Filters, Param, Query
from okube_api.catalogue.kpi import Module

ConversionKpi = Annotated[str, make_kpi_validator(Module.CONVERSION), make_kpi_schema(Module.CONVERSION)]


class ConversionSiteParam(Param):
    """A KPI of conversion, at one site."""

    kpi: ConversionKpi
    campaigns: ByResource = Field(False, description="By campaign.")
    levers: ByResource = Field(False, description="By lever.")
    extras: ByExtra = Field(False, description="By extra of the campaigns, `name:value`.")


class ConversionParam(ConversionSiteParam):
    """A KPI of conversion."""

    sites: ByResource = Field(False, description="By site.")


class ConversionSiteFilters(Filters):
    """What a conversion question about one site looks at: outcomes whose path holds a campaign that is kept."""

    campaigns: References | None = None
    levers: References | None = None
    extras: Extras | None = None


class ConversionFilters(ConversionSiteFilters):
    """What a conversion question looks at: outcomes whose path holds a campaign that is kept."""

    sites: References | None = None
    tags: Tags | None = None


class ConversionSiteQuery(Query):
    """A conversion question about one site."""

    module = Module.CONVERSION
    filters: ConversionSiteFilters = Field(default_factory=ConversionSiteFilters)
    params: list[ConversionSiteParam] = Field(min_length=1)  # type: ignore[assignment]


class ConversionQuery(Query):
    """A conversion question about the sites of an application."""

    module = Module.CONVERSION
    filters: ConversionFilters = Field(default_factory=ConversionFilters)
    params: list[ConversionParam] = Field(min_length=1)  # type: ignore[assignment]
