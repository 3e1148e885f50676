"""From a presence request to a question: the sites, and the filter on equipments."""

from collections.abc import Iterable

from okube_api.analytics.alternatives import PartFilters, RequestFilters
from okube_api.analytics.directory import Directory
from okube_api.analytics.param_groups import ParamGroup, PlacedFilters
from okube_api.analytics.places import (
    explain_absence,
    list_named,
    match_grouped,
    resolve_filters,
    resolve_weekdays,
    select_places,
)
from okube_api.analytics.requested_kpis import read_requested_kpis
from okube_api.analytics.resource_cache import NO_RESOURCES, Resource, merge_labels
from okube_api.analytics.scope import QuestionScope
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.engine.calendar import Period
from okube_api.engine.dimensions import has_scope
from okube_api.engine.question import Question, RequestedKpi, ValueFilter
from okube_api.equipments.repository import EQUIPMENTS


async def resolve_presence(
    group: ParamGroup, scope: QuestionScope, period: Period, uplift: bool, directory: Directory
) -> Question:
    """Return the question about the sites of an application and their equipments.  See `modules.Resolver`."""
    requested_kpis = await read_requested_kpis(group, scope.calendar, directory)
    sites = await select_places(group.filters, scope, directory, Scope.SITES)
    places = {PlaceRole.SITES: sites}
    request_filters = await RequestFilters.load(group.filters, period, scope, directory, places)
    equipment_filters = await resolve_filters(group.filters, Scope.EQUIPMENTS, directory)
    of_types = await match_grouped(group.filters, Scope.EQUIPMENTS, directory)
    part_filters = {
        part.pointer: (
            await resolve_filters([part], Scope.EQUIPMENTS, directory),
            await match_grouped([part], Scope.EQUIPMENTS, directory),
        )
        for any_group in request_filters.groups
        for part in any_group.parts
    }
    all_filters = (*equipment_filters, *(each for filters, _ in part_filters.values() for each in filters))
    excludes = any(equipment_filter.negated for equipment_filter in all_filters)
    needs_equipments = excludes or _names_equipments(requested_kpis)
    equipments = await directory.load(EQUIPMENTS) if needs_equipments else NO_RESOURCES

    def list_filters(
        filters: Iterable[ValueFilter], matching: frozenset[str] | None
    ) -> tuple[tuple[Scope, ValueFilter], ...]:
        """Return the filters on equipments; matching: the equipments of the types that are asked for."""
        listed = [_list_equipments(each, equipments) for each in filters]
        if matching is not None:
            listed.append(ValueFilter(tuple(sorted(matching))))
        return tuple((Scope.EQUIPMENTS, each) for each in listed)

    def resolve_part(part: PlacedFilters) -> PartFilters:
        return PartFilters(list_filters(*part_filters[part.pointer]))

    question = Question(
        application=scope.application.id,
        period=period,
        uplift=uplift,
        requested_kpis=requested_kpis,
        places={PlaceRole.SITES: sites.ids},
        filters=list_filters(equipment_filters, of_types),
        edges=scope.edges,
        calendar=scope.calendar,
        weekdays=resolve_weekdays(group.filters),
        absent_places=explain_absence({PlaceRole.SITES: sites}, scope),
        named_values={Scope.SITES: sites.named, Scope.EQUIPMENTS: list_named(equipment_filters)},
        labels=merge_labels(sites.candidates, equipments),
    )
    return request_filters.apply(question, places, resolve_part)


def _list_equipments(equipment_filter: ValueFilter, equipments: Iterable[Resource]) -> ValueFilter:
    """Return the filter without negation: a stay needs a passage at one of the equipments that are not excluded."""
    if not equipment_filter.negated:
        return equipment_filter
    excluded = frozenset(equipment_filter.values)
    return ValueFilter(tuple(equipment.id for equipment in equipments if equipment.id not in excluded))


def _names_equipments(requested_kpis: Iterable[RequestedKpi]) -> bool:
    """Tell whether the answer shows keys of equipments."""
    return any(
        has_scope(requested_scope.dimensions, Scope.EQUIPMENTS)
        or term.slice.filter_column(Scope.EQUIPMENTS) in term.split
        for requested_kpi in requested_kpis
        for requested_scope in requested_kpi.scopes
        for term in requested_kpi.kpi.value.terms(requested_scope.scope)
    )
