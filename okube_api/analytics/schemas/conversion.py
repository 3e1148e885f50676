"""The requests of conversion: deliveries and costs of campaigns, and the outcomes that they lead to."""

from typing import Annotated, ClassVar

from pydantic import Field
from typing_extensions import TypeAliasType

from okube_api.analytics.group_values import ATTRIBUTE_PREFIX, EXTRA_PREFIX
from okube_api.analytics.schemas.filters import ANY_RULES, FREE_NAMES, Filters, FreeNames, GroupValues, SitesPart
from okube_api.analytics.schemas.parts import (
    ByExtra,
    ByResource,
    Extras,
    References,
    make_kpi_schema,
    make_kpi_validator,
)
from okube_api.analytics.schemas.query import PARAM_FILTERS, Param, Query
from okube_api.catalogue.kpi import Module

ConversionKpi = TypeAliasType(
    "ConversionKpi", Annotated[str, make_kpi_validator(Module.CONVERSION), make_kpi_schema(Module.CONVERSION)]
)


class ConversionSitePart(Filters):
    """A part of `any`, in a conversion question about one site."""

    free_prefixes: ClassVar[tuple[str, ...]] = (EXTRA_PREFIX,)

    campaigns: References | None = None
    campaign_provider: GroupValues | None = Field(None, alias="campaigns.provider")
    campaign_agency: GroupValues | None = Field(None, alias="campaigns.agency")
    campaign_format: GroupValues | None = Field(None, alias="campaigns.format")
    campaign_tags: GroupValues | None = Field(None, alias="campaigns.tags")
    levers: References | None = None
    extras: Extras | None = None
    named: FreeNames | None = Field(None, alias=FREE_NAMES)


class ConversionSiteFilters(ConversionSitePart):
    """What a conversion question about one site is limited to: outcomes with one of these campaigns in their path."""

    any: Annotated[list[ConversionSitePart], *ANY_RULES] | None = None


class ConversionPart(ConversionSitePart, SitesPart):
    """A part of `any`, in a conversion question."""

    free_prefixes: ClassVar[tuple[str, ...]] = (ATTRIBUTE_PREFIX, EXTRA_PREFIX)


class ConversionFilters(ConversionSiteFilters, ConversionPart):
    """What a conversion question is limited to: outcomes with one of these campaigns in their path."""

    free_prefixes: ClassVar[tuple[str, ...]] = (ATTRIBUTE_PREFIX, EXTRA_PREFIX)

    any: Annotated[list[ConversionPart], *ANY_RULES] | None = None  # type: ignore[assignment]


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
