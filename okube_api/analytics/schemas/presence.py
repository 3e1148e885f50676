"""The requests of presence: stays of devices at sites, and their passages at equipments."""

from typing import Annotated

from pydantic import Field
from typing_extensions import TypeAliasType

from okube_api.analytics.schemas.filters import ANY_RULES, Filters, GroupValues, SitesPart
from okube_api.analytics.schemas.parts import ByResource, References, make_kpi_schema, make_kpi_validator
from okube_api.analytics.schemas.query import PARAM_FILTERS, Param, Query
from okube_api.catalogue.kpi import Module

PresenceKpi = TypeAliasType(
    "PresenceKpi", Annotated[str, make_kpi_validator(Module.PRESENCE), make_kpi_schema(Module.PRESENCE)]
)


class PresenceSitePart(Filters):
    """A part of `any`, in a presence question about one site."""

    equipments: References | None = None
    equipment_type: GroupValues | None = Field(None, alias="equipments.type")


class PresenceSiteFilters(PresenceSitePart):
    """What a presence question about one site is limited to: stays with a passage at one of these equipments."""

    any: Annotated[list[PresenceSitePart], *ANY_RULES] | None = None


class PresencePart(PresenceSitePart, SitesPart):
    """A part of `any`, in a presence question."""


class PresenceFilters(PresenceSiteFilters, PresencePart):
    """What a presence question is limited to: stays with a passage at one of these equipments."""

    any: Annotated[list[PresencePart], *ANY_RULES] | None = None  # type: ignore[assignment]


class PresenceSiteParam(Param):
    """A presence KPI, in a question about one site."""

    kpi: PresenceKpi
    equipments: ByResource = Field(False, description="By equipment: its passages.")
    filters: PresenceSiteFilters | None = Field(None, description=PARAM_FILTERS)


class PresenceParam(PresenceSiteParam):
    """A presence KPI, in a question about the sites of an application."""

    sites: ByResource = Field(False, description="By site.")
    filters: PresenceFilters | None = Field(None, description=PARAM_FILTERS)


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
