"""The requests of presence: stays of devices at sites, and what they pass by there."""

from typing import Annotated

from pydantic import Field

from okube_api.analytics.schemas.parts import ByResource, References, Tags, make_kpi_validator, make_kpi_schema
from okube_api.analytics.schemas.requests import Filters, Param, Query
from okube_api.catalogue.kpi import Module

PresenceKpi = Annotated[str, make_kpi_validator(Module.PRESENCE), make_kpi_schema(Module.PRESENCE)]


class PresenceSiteParam(Param):
    """A KPI of presence, at one site."""

    kpi: PresenceKpi
    equipments: ByResource = Field(False, description="By equipment: the passages there.")


class PresenceParam(PresenceSiteParam):
    """A KPI of presence."""

    sites: ByResource = Field(False, description="By site.")


class PresenceSiteFilters(Filters):
    """What a presence question about one site looks at: the stays that passed by an equipment that is kept."""

    equipments: References | None = None


class PresenceFilters(PresenceSiteFilters):
    """What a presence question looks at: the stays that passed by an equipment that is kept."""

    sites: References | None = None
    tags: Tags | None = None


class PresenceSiteQuery(Query):
    """A presence question about one site."""

    module = Module.PRESENCE
    filters: PresenceSiteFilters = Field(default_factory=PresenceSiteFilters)
    params: list[PresenceSiteParam] = Field(min_length=1)  # type: ignore[assignment]


class PresenceQuery(Query):
    """A presence question about the sites of an application."""

    module = Module.PRESENCE
    filters: PresenceFilters = Field(default_factory=PresenceFilters)
    params: list[PresenceParam] = Field(min_length=1)  # type: ignore[assignment]
