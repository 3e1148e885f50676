"""The modules of analytics: one record for each, with what the service, the routes and the benchmarks need of it."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from okube_api.analytics.directory import Directory
from okube_api.analytics.param_groups import ParamGroup
from okube_api.analytics.resolve.conversion import resolve_conversion
from okube_api.analytics.resolve.geo_marketing import resolve_geo_marketing
from okube_api.analytics.resolve.performance import resolve_performance
from okube_api.analytics.resolve.presence import resolve_presence
from okube_api.analytics.schemas.conversion import ConversionQuery, ConversionSiteQuery
from okube_api.analytics.schemas.geo_marketing import GeoMarketingQuery, GeoMarketingSiteQuery
from okube_api.analytics.schemas.performance import PerformanceQuery, PerformanceSiteQuery
from okube_api.analytics.schemas.presence import PresenceQuery, PresenceSiteQuery
from okube_api.analytics.schemas.query import Query
from okube_api.analytics.schemas.url import PerformanceUrlParams, UpliftUrlParams, UrlParams
from okube_api.analytics.scope import QuestionScope
from okube_api.catalogue import conversion_parts, geomarketing, performance, presence
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.terms import Slice
from okube_api.engine.calendar import Period
from okube_api.engine.question import Question
from okube_api.store.values import Json

Resolver = Callable[[ParamGroup, QuestionScope, Period, bool, Directory], Awaitable[Question]]
"""Returns the question of params with the same filters, with ids for names.

It raises Impossible and UnknownReference, with pointers.

The boolean is whether to extrapolate the panel to the population (`uplift`).
"""


@dataclass(frozen=True, slots=True)
class ModuleSpec:
    """A module.

    query: the body of questions about the sites of an application.  site_query: of those about one site.
    url: the query parameters.
    resolve: turns params with the same filters into a question.
    path: below the path of an application or a site; `{study}` in it is the study's id or key.
    open_rows: the rows that show on which days a site was open, for like-for-like comparisons.
    example: a body to try.  about: what the questions are about, for the documentation.
    """

    module: Module
    query: type[Query]
    site_query: type[Query]
    url: type[UrlParams]
    resolve: Resolver
    path: str
    open_rows: Slice
    example: Json
    about: str


GEO_MARKETING = ModuleSpec(
    Module.GEO_MARKETING,
    query=GeoMarketingQuery,
    site_query=GeoMarketingSiteQuery,
    url=UpliftUrlParams,
    resolve=resolve_geo_marketing,
    path="/studies/{study}/geo-marketing/analytics",
    open_rows=geomarketing.AT_SITES,
    example={
        "params": [
            {"kpi": "attendance", "granularity": "week"},
            {"kpi": "timespent", "granularity": "month"},
            {"kpi": "uniqUsers", "granularity": "month", "homes": {"sort": "-all", "limit": 10}},
            {"kpi": "visitorVsPedestrian", "temporals": False},
        ]
    },
    about="stays of a panel at the sites and POIs of a study",
)

CONVERSION = ModuleSpec(
    Module.CONVERSION,
    query=ConversionQuery,
    site_query=ConversionSiteQuery,
    url=UpliftUrlParams,
    resolve=resolve_conversion,
    path="/conversions/levers/analytics",
    open_rows=conversion_parts.VISITED,
    example={
        "params": [
            {"kpi": "offlineVisits", "granularity": "week"},
            {"kpi": "offlineVisitsAttributions", "temporals": False, "campaigns": {"properties": ["key", "name"]}},
            {"kpi": "globalLeverPerformance", "temporals": False, "levers": {"properties": ["name"]}},
            {"kpi": "comparisonOfflineVisits", "temporals": False},
        ]
    },
    about="deliveries and costs of campaigns, and the visits and purchases that they lead to",
)

PRESENCE = ModuleSpec(
    Module.PRESENCE,
    query=PresenceQuery,
    site_query=PresenceSiteQuery,
    url=UrlParams,
    resolve=resolve_presence,
    path="/presence/analytics",
    open_rows=presence.AT_SITES,
    example={
        "params": [
            {"kpi": "sessions", "granularity": "week"},
            {"kpi": "uniqUsers", "mode": "aggregation", "granularity": "day"},
            {"kpi": "timespent", "temporals": False, "equipments": {"properties": ["key", "name"]}},
            {"kpi": "visitOrder", "temporals": False},
        ]
    },
    about="stays of devices at sites, and their passages at equipments",
)

PERFORMANCE = ModuleSpec(
    Module.PERFORMANCE,
    query=PerformanceQuery,
    site_query=PerformanceSiteQuery,
    url=PerformanceUrlParams,
    resolve=resolve_performance,
    path="/performance/analytics",
    open_rows=performance.VISITED,
    example={
        "params": [
            {"kpi": "visits", "granularity": "week"},
            {"kpi": "conversionRate", "granularity": "month", "channels": True},
            {"kpi": "sales", "temporals": False, "sites": {"properties": ["key", "name"], "sort": "-all", "limit": 10}},
            {"kpi": "basketDistribution", "temporals": False},
        ]
    },
    about="all visits and purchases at sites, attributed to campaigns or not",
)

MODULES: Mapping[Module, ModuleSpec] = {
    spec.module: spec for spec in (GEO_MARKETING, CONVERSION, PRESENCE, PERFORMANCE)
}
