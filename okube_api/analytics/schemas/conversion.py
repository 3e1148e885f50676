"""The requests of conversion: deliveries and costs of campaigns, and the outcomes that they lead to."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypeAliasType

from okube_api.analytics.schemas.parts import (
    ByExtra,
    ByResource,
    Extras,
    References,
    Tags,
    make_kpi_schema,
    make_kpi_validator,
)
from okube_api.analytics.schemas.query import PARAM_FILTERS, Filters, Param, Query
from okube_api.catalogue.kpi import Module

ConversionKpi = TypeAliasType(
    "ConversionKpi", Annotated[str, make_kpi_validator(Module.CONVERSION), make_kpi_schema(Module.CONVERSION)]
)


class ConversionSiteFilters(Filters):
    """What a conversion question about one site is limited to: outcomes with one of these campaigns in their path."""

    campaigns: References | None = None
    levers: References | None = None
    extras: Extras | None = None


class ConversionFilters(ConversionSiteFilters):
    """What a conversion question is limited to: outcomes with one of these campaigns in their path."""

    sites: References | None = None
    tags: Tags | None = None


class ConversionSiteParam(Param):
    """A conversion KPI, in a question about one site."""

    kpi: ConversionKpi
    campaigns: ByResource = Field(False, description="By campaign.")
    levers: ByResource = Field(False, description="By lever.")
    extras: ByExtra = Field(False, description="By extra of campaigns, named `name:value`.")
    filters: ConversionSiteFilters | None = Field(None, description=PARAM_FILTERS)


class ConversionParam(ConversionSiteParam):
    """A conversion KPI, in a question about the sites of an application."""

    sites: ByResource = Field(False, description="By site.")
    filters: ConversionFilters | None = Field(None, description=PARAM_FILTERS)


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
