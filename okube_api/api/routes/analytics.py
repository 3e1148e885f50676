"""Questions over HTTP: for each module one endpoint about the sites of an application and one about a single site."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Query
from starlette.responses import Response

from okube_api.analytics.kpis import list_kpi_records
from okube_api.analytics.modules import CONVERSION, GEO_MARKETING, PERFORMANCE, PRESENCE, ModuleSpec
from okube_api.analytics.schemas.answers import KpiShown, Result, WithMeta
from okube_api.analytics.schemas.conversion import ConversionQuery, ConversionSiteQuery
from okube_api.analytics.schemas.geo_marketing import GeoMarketingQuery, GeoMarketingSiteQuery
from okube_api.analytics.schemas.performance import PerformanceQuery, PerformanceSiteQuery
from okube_api.analytics.schemas.presence import PresenceQuery, PresenceSiteQuery
from okube_api.analytics.schemas.url import PerformanceUrlParams, UpliftUrlParams, UrlParams
from okube_api.analytics.scope import QuestionScope
from okube_api.api.access import CanRead, SiteAccess, SiteToRead
from okube_api.api.aliases import register_aliased, under_applications
from okube_api.api.answer_headers import NOTES_HEADER
from okube_api.api.file_format import describe_formats
from okube_api.api.job_requests import ACCEPTED, PREFER
from okube_api.api.openapi import refusals
from okube_api.api.question_requests import Context, QuestionRoute, Study, StudyOfSite
from okube_api.http.pagination import json_response
from okube_api.store.values import Json

router = APIRouter(route_class=QuestionRoute, tags=["analytics"])

_SETTINGS: dict[str, Any] = {
    "response_model": list[Result] | WithMeta,
    "responses": {
        200: {
            **describe_formats("One element for each param and scope; as a table one line for each value."),
            "headers": {
                NOTES_HEADER: {
                    "schema": {"type": "string"},
                    "description": "Codes of the notes on the values, if there are any, separated by commas.",
                }
            },
        },
        **ACCEPTED,
        **refusals(404, 422),
    },
    "openapi_extra": {"parameters": [PREFER]},
}
Params = Annotated[UrlParams, Query()]
UpliftParams = Annotated[UpliftUrlParams, Query()]
PerformanceParams = Annotated[PerformanceUrlParams, Query()]


def _application_paths(module: ModuleSpec) -> tuple[str, ...]:
    return under_applications(module.path)


def _site_paths(module: ModuleSpec) -> tuple[str, ...]:
    paths = (f"/sites/{{site}}{module.path}", f"/s/{{site}}{module.path}")
    return (*paths, *under_applications(*paths))


def _body(module: ModuleSpec, *, has_sites: bool = True) -> Any:
    """Return a body with its examples.  has_sites: whether questions choose among sites."""
    params = [param for param in module.example["params"] if has_sites or "sites" not in param]
    first = params[0]
    compared = {"params": [first], "compare": {"to": ["previousPeriod", "previousYearSameWeekday"]}}
    examples: dict[str, Any] = {
        "try": {"summary": module.about, "value": {"params": params}},
        "compare": {"summary": "The same, compared with earlier periods", "value": compared},
    }
    if has_sites:
        by = ["sites.type", {"of": "sites", "properties": ["name"], "sort": "-all", "limit": 5, "others": True}]
        grouped = {
            "params": [{**first, "by": by}],
            "filters": {"sites.tags": {"not": ["outlet"]}, "weekdays": [6, 7]},
        }
        examples["group"] = {"summary": "By type and site, at weekends, without outlets", "value": grouped}
    return Body(openapi_examples=examples)


def _site_scope(access: SiteAccess, study: Json | None = None) -> QuestionScope:
    return QuestionScope(access.application, study, access.site["_id"])


@register_aliased(router, "POST", _application_paths(GEO_MARKETING), **_SETTINGS)
async def query_geo_marketing(
    context: Context,
    query: Annotated[GeoMarketingQuery, _body(GEO_MARKETING)],
    url: UpliftParams,
    access: CanRead,
    study: Study,
) -> Response:
    """Answer KPIs of geo-marketing, over the sites and points of interest of a study.

    They are about stays of a panel.
    """
    return await context.answer(query, url, access, QuestionScope(access.application, study))


@register_aliased(router, "POST", _site_paths(GEO_MARKETING), **_SETTINGS)
async def query_geo_marketing_of_site(
    context: Context,
    query: Annotated[GeoMarketingSiteQuery, _body(GEO_MARKETING, has_sites=False)],
    url: UpliftParams,
    access: SiteToRead,
    study: StudyOfSite,
) -> Response:
    """Answer KPIs of geo-marketing at one site of a study.

    They are about stays of a panel.
    """
    return await context.answer(query, url, access, _site_scope(access, study))


@register_aliased(router, "POST", _application_paths(CONVERSION), **_SETTINGS)
async def query_conversion(
    context: Context,
    query: Annotated[ConversionQuery, _body(CONVERSION)],
    url: UpliftParams,
    access: CanRead,
) -> Response:
    """Answer KPIs of conversion, over the sites of an application.

    They are about deliveries and costs of campaigns, and the visits and purchases that these lead to.
    """
    return await context.answer(query, url, access, QuestionScope(access.application))


@register_aliased(router, "POST", _site_paths(CONVERSION), **_SETTINGS)
async def query_conversion_of_site(
    context: Context,
    query: Annotated[ConversionSiteQuery, _body(CONVERSION, has_sites=False)],
    url: UpliftParams,
    access: SiteToRead,
) -> Response:
    """Answer KPIs of conversion at one site.

    They are about deliveries and costs of campaigns, and the visits and purchases that these lead to.
    """
    return await context.answer(query, url, access, _site_scope(access))


@register_aliased(router, "POST", _application_paths(PRESENCE), **_SETTINGS)
async def query_presence(
    context: Context,
    query: Annotated[PresenceQuery, _body(PRESENCE)],
    url: Params,
    access: CanRead,
) -> Response:
    """Answer KPIs of presence, over the sites of an application.

    They are about stays of devices at sites, and their passages at equipments.
    """
    return await context.answer(query, url, access, QuestionScope(access.application))


@register_aliased(router, "POST", _site_paths(PRESENCE), **_SETTINGS)
async def query_presence_of_site(
    context: Context,
    query: Annotated[PresenceSiteQuery, _body(PRESENCE, has_sites=False)],
    url: Params,
    access: SiteToRead,
) -> Response:
    """Answer KPIs of presence at one site.

    They are about stays of devices, and their passages at equipments.
    """
    return await context.answer(query, url, access, _site_scope(access))


@register_aliased(router, "POST", _application_paths(PERFORMANCE), **_SETTINGS)
async def query_performance(
    context: Context,
    query: Annotated[PerformanceQuery, _body(PERFORMANCE)],
    url: PerformanceParams,
    access: CanRead,
) -> Response:
    """Answer KPIs of store performance, over the sites of an application.

    They are about all visits and purchases, whether campaigns led to them or not.
    """
    return await context.answer(query, url, access, QuestionScope(access.application))


@register_aliased(router, "POST", _site_paths(PERFORMANCE), **_SETTINGS)
async def query_performance_of_site(
    context: Context,
    query: Annotated[PerformanceSiteQuery, _body(PERFORMANCE, has_sites=False)],
    url: PerformanceParams,
    access: SiteToRead,
) -> Response:
    """Answer KPIs of store performance at one site.

    They are about all visits and purchases, whether campaigns led to them or not.
    """
    return await context.answer(query, url, access, _site_scope(access))


@router.get("/analytics/kpis", operation_id="list_kpis", response_model=list[KpiShown])
async def list_kpis() -> Response:
    """List all KPIs, module by module."""
    return json_response(list_kpi_records())
