"""From a request about store performance to a question: the sites, and the filter on channels."""

from collections import ChainMap

from okube_api.analytics.alternatives import PartFilters, RequestFilters
from okube_api.analytics.directory import Directory
from okube_api.analytics.param_groups import ParamGroup, PlacedFilters
from okube_api.analytics.places import (
    explain_absence,
    list_named,
    read_value_filters,
    resolve_weekdays,
    select_places,
)
from okube_api.analytics.requested_kpis import read_requested_kpis
from okube_api.analytics.scope import QuestionScope
from okube_api.catalogue.performance import MOST_SITES, SHARED_VISITORS
from okube_api.catalogue.scopes import CHANNELS, PlaceRole, Scope
from okube_api.engine.calendar import Period
from okube_api.engine.question import Label, Question, RequestedKpi
from okube_api.errors import Impossible

_CHANNEL_LABELS = {channel: Label(channel, channel) for channel in CHANNELS}


async def resolve_performance(
    group: ParamGroup, scope: QuestionScope, period: Period, uplift: bool, directory: Directory
) -> Question:
    """Return the question about the visits and purchases at the sites of an application.  See `modules.Resolver`."""
    requested_kpis = await read_requested_kpis(group, scope.calendar, directory)
    sites = await select_places(group.filters, scope, directory, Scope.SITES)
    _check_number_of_sites(requested_kpis, len(sites.ids))
    places = {PlaceRole.SITES: sites}
    request_filters = await RequestFilters.load(group.filters, period, scope, directory, places)
    channels = read_value_filters(group.filters, Scope.CHANNELS)
    question = Question(
        application=scope.application.id,
        period=period,
        uplift=uplift,
        requested_kpis=requested_kpis,
        places={PlaceRole.SITES: sites.ids},
        filters=tuple((Scope.CHANNELS, channel_filter) for channel_filter in channels),
        edges=scope.edges,
        currency=scope.application.currency,
        calendar=scope.calendar,
        weekdays=resolve_weekdays(group.filters),
        absent_places=explain_absence(places, scope),
        named_values={Scope.SITES: sites.named, Scope.CHANNELS: list_named(channels)},
        labels=ChainMap(sites.candidates.labels, _CHANNEL_LABELS),
    )
    return request_filters.apply(question, places, _resolve_part)


def _resolve_part(part: PlacedFilters) -> PartFilters:
    channels = read_value_filters([part], Scope.CHANNELS)
    return PartFilters(tuple((Scope.CHANNELS, channel_filter) for channel_filter in channels))


def _check_number_of_sites(requested_kpis: tuple[RequestedKpi, ...], count: int) -> None:
    """Raise Impossible for shared visitors of too many sites: the answer has a value for each pair of sites."""
    if count <= MOST_SITES:
        return
    for requested_kpi in requested_kpis:
        if requested_kpi.kpi is SHARED_VISITORS:
            message = (
                f"KPI '{SHARED_VISITORS.name}' compares each site with each, and the question has {count:,} sites, "
                f"more than {MOST_SITES}. Name fewer sites with the filter 'sites', or with another filter on sites."
            )
            raise Impossible.at("body", f"/params/{requested_kpi.position}/kpi", message)
