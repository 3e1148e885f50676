"""The modules that can be asked: a record each, which is all that the routes and the service know of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from okube_api.analytics.resolve.conversion import resolve_conversion
from okube_api.analytics.resolve.geo_marketing import Resolver, resolve_geo_marketing
from okube_api.analytics.resolve.presence import resolve_presence
from okube_api.analytics.schemas.conversion import ConversionQuery, ConversionSiteQuery
from okube_api.analytics.schemas.geo_marketing import GeoMarketingQuery, GeoMarketingSiteQuery
from okube_api.analytics.schemas.presence import PresenceQuery, PresenceSiteQuery
from okube_api.analytics.schemas.query import Query
from okube_api.analytics.schemas.url import UpliftUrlParams, UrlParams
from okube_api.catalogue.kpi import Module
from okube_api.store.values import Json


@dataclass(frozen=True, slots=True)
class ModuleSpec:
    """How a module is asked.

    query, site_query: the bodies of questions about the sites of an application, and about one site.
    url: the query parameters.  resolve: what makes a question of a request.
    below: the path under an application or a site; `{study}` in it is the study's id or key.
    example: a body worth trying.  about: what the questions are about, for people.
    """

    module: Module
    query: type[Query]
    site_query: type[Query]
    url: type[UrlParams]
    resolve: Resolver
    path: str
    example: Json
    about: str

    @property
    def needs_study(self) -> bool:
        """Whether the path names a study."""
        return "{study}" in self.path


GEO_MARKETING = ModuleSpec(
    Module.GEO_MARKETING,
    query=GeoMarketingQuery,
    site_query=GeoMarketingSiteQuery,
    url=UpliftUrlParams,
    resolve=resolve_geo_marketing,
    path="/studies/{study}/geo-marketing/analytics",
    example={
        "params": [
            {"kpi": "attendance", "granularity": "week"},
            {"kpi": "timespent", "granularity": "month"},
            {"kpi": "uniqUsers", "granularity": "month", "homes": {"sort": "-all", "limit": 10}},
            {"kpi": "visitorVsPedestrian", "temporals": False},
        ]
    },
    about="stays of a panel at the sites and points of interest of a study",
)

CONVERSION = ModuleSpec(
    Module.CONVERSION,
    query=ConversionQuery,
    site_query=ConversionSiteQuery,
    url=UpliftUrlParams,
    resolve=resolve_conversion,
    path="/conversions/levers/analytics",
    example={
        "params": [
            {"kpi": "offlineVisits", "granularity": "week"},
            {"kpi": "offlineVisitsAttributions", "temporals": False, "campaigns": {"properties": ["key", "name"]}},
            {"kpi": "globalLeverPerformance", "temporals": False, "levers": {"properties": ["name"]}},
            {"kpi": "comparisonOfflineVisits", "temporals": False},
        ]
    },
    about="what campaigns deliver and cost, and the visits and purchases that they lead to",
)

PRESENCE = ModuleSpec(
    Module.PRESENCE,
    query=PresenceQuery,
    site_query=PresenceSiteQuery,
    url=UrlParams,
    resolve=resolve_presence,
    path="/presence/analytics",
    example={
        "params": [
            {"kpi": "sessions", "granularity": "week"},
            {"kpi": "uniqUsers", "mode": "aggregation", "granularity": "day"},
            {"kpi": "timespent", "temporals": False, "equipments": {"properties": ["key", "name"]}},
            {"kpi": "visitOrder", "temporals": False},
        ]
    },
    about="stays of devices at sites, and the equipments that they pass by there",
)

MODULES: Mapping[Module, ModuleSpec] = {asked.module: asked for asked in (GEO_MARKETING, CONVERSION, PRESENCE)}
