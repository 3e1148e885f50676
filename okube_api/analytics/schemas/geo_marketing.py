"""The requests of geo-marketing: stays of a panel at sites and points of interest."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypeAliasType

from okube_api.analytics.schemas.filters import ANY_RULES, Filters, GroupValues, SitesPart
from okube_api.analytics.schemas.parts import (
    Areas,
    ByArea,
    ByResource,
    References,
    make_kpi_schema,
    make_kpi_validator,
)
from okube_api.analytics.schemas.query import PARAM_FILTERS, Param, Query
from okube_api.catalogue.kpi import Module

GeoMarketingKpi = TypeAliasType(
    "GeoMarketingKpi", Annotated[str, make_kpi_validator(Module.GEO_MARKETING), make_kpi_schema(Module.GEO_MARKETING)]
)


class GeoMarketingSitePart(Filters):
    """A part of `any`, in a geo-marketing question about one site."""

    pois: References | None = None
    poi_tags: GroupValues | None = Field(None, alias="pois.tags")
    poi_type: GroupValues | None = Field(None, alias="pois.type")
    homes: Areas | None = None
    works: Areas | None = None
    zones: Areas | None = Field(None, description="Old name of `homes`.", json_schema_extra={"deprecated": True})


class GeoMarketingSiteFilters(GeoMarketingSitePart):
    """What a geo-marketing question about one site is limited to."""

    any: Annotated[list[GeoMarketingSitePart], *ANY_RULES] | None = None


class GeoMarketingPart(GeoMarketingSitePart, SitesPart):
    """A part of `any`, in a geo-marketing question."""


class GeoMarketingFilters(GeoMarketingSiteFilters, GeoMarketingPart):
    """What a geo-marketing question is limited to."""

    any: Annotated[list[GeoMarketingPart], *ANY_RULES] | None = None  # type: ignore[assignment]


class GeoMarketingSiteParam(Param):
    """A geo-marketing KPI, in a question about one site."""

    kpi: GeoMarketingKpi
    homes: ByArea = Field(False, description="By IRIS area of the home.")
    works: ByArea = Field(False, description="By IRIS area of the workplace.")
    zones: ByArea = Field(False, description="Old name of `homes`.", json_schema_extra={"deprecated": True})
    pois: ByResource = Field(False, description="By POI of the study (`poiSessions` only).")
    filters: GeoMarketingSiteFilters | None = Field(None, description=PARAM_FILTERS)


class GeoMarketingParam(GeoMarketingSiteParam):
    """A geo-marketing KPI, in a question about the sites of a study."""

    sites: ByResource = Field(False, description="By site of the study.")
    filters: GeoMarketingFilters | None = Field(None, description=PARAM_FILTERS)


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
