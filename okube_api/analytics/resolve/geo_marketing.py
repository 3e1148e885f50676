"""From a geo-marketing request to a question: the places of the study, the filters on areas."""

from collections.abc import Iterable, Iterator, Mapping

from okube_api.analytics.alternatives import PartFilters, RequestFilters
from okube_api.analytics.directory import Directory
from okube_api.analytics.param_groups import ParamGroup, PlacedFilters
from okube_api.analytics.places import (
    PlaceSelection,
    explain_absence,
    intersect_filters,
    read_value_filters,
    resolve_weekdays,
    select_places,
)
from okube_api.analytics.requested_kpis import read_requested_kpis
from okube_api.analytics.resource_cache import ResourceSet, merge_labels
from okube_api.analytics.scope import QuestionScope
from okube_api.catalogue.scopes import ATTRIBUTES, PlaceRole, Scope
from okube_api.engine.calendar import Period
from okube_api.engine.notes import Note, NoteCode
from okube_api.engine.question import Question, RequestedKpi, ValueFilter

_SITE_OUTSIDE_STUDY = Note(NoteCode.SITE_OUTSIDE_STUDY, "The site is not in the study: it has no values.")


async def resolve_geo_marketing(
    group: ParamGroup, scope: QuestionScope, period: Period, uplift: bool, directory: Directory
) -> Question:
    """Return the question about the sites and POIs of a study.  See `modules.Resolver`."""
    requested_kpis = await read_requested_kpis(group, scope.calendar, directory)
    sites = await select_places(group.filters, scope, directory, Scope.SITES)
    pois = await select_places(group.filters, scope, directory, Scope.POIS)
    places = {PlaceRole.SITES: sites, PlaceRole.POIS: pois}
    is_filtered = any(placed.filters.model_fields_set for placed in group.filters)
    looked_at = _list_places(requested_kpis, places) if is_filtered else places
    request_filters = await RequestFilters.load(group.filters, period, scope, directory, looked_at)
    # Of the study: its active places, whatever the filters, and inactive ones that the question selects.
    active, study = sites.candidates.derive(
        "active places", (pois.candidates,), lambda: _list_active(sites.candidates, pois.candidates)
    )
    if not (active.issuperset(sites.ids) and active.issuperset(pois.ids)):
        study = tuple(sorted(active.union(sites.ids, pois.ids)))
    in_study = scope.site is None or scope.site in sites.candidates.by_id
    area_filters = dict(_read_area_filters(group.filters))
    question = Question(
        application=scope.application.id,
        period=period,
        uplift=uplift,
        requested_kpis=requested_kpis,
        places={
            PlaceRole.SITES: sites.ids,
            PlaceRole.POIS: pois.ids,
            PlaceRole.STUDY: study,
        },
        filters=tuple(area_filters.items()),
        edges=scope.edges,
        calendar=scope.calendar,
        weekdays=resolve_weekdays(group.filters),
        absent_places=explain_absence({PlaceRole.POIS: pois, **({PlaceRole.SITES: sites} if in_study else {})}, scope),
        notes=() if in_study else (_SITE_OUTSIDE_STUDY,),
        named_values=_list_named_areas(area_filters) | {Scope.SITES: sites.named, Scope.POIS: pois.named},
        labels=merge_labels(sites.candidates, pois.candidates, sites.outside, pois.outside),
    )
    return request_filters.apply(question, places, lambda part: PartFilters(tuple(_read_area_filters([part]))))


def _list_places(
    requested_kpis: Iterable[RequestedKpi], places: Mapping[PlaceRole, PlaceSelection]
) -> Mapping[PlaceRole, PlaceSelection]:
    """Return the places that the KPIs look at, by role."""
    roles = {
        term.slice.place[0]
        for requested_kpi in requested_kpis
        for requested_scope in requested_kpi.scopes
        for term in requested_kpi.kpi.value.terms(requested_scope.scope)
        if term.slice.place is not None
    }
    looked_at = {role: selection for role, selection in places.items() if role in roles}
    if PlaceRole.STUDY in roles:
        selections = places.values()
        study = [place for each in selections for place in (*each.candidates.active, *each.selected)]
        looked_at[PlaceRole.STUDY] = PlaceSelection(selected=tuple(study))
    return looked_at


def _list_active(sites: ResourceSet, pois: ResourceSet) -> tuple[frozenset[str], tuple[str, ...]]:
    """Return the ids of the active places, also in order."""
    active = sites.active_ids | pois.active_ids
    return active, tuple(sorted(active))


def _read_area_filters(filters: Iterable[PlacedFilters]) -> Iterator[tuple[Scope, ValueFilter]]:
    for scope in ATTRIBUTES:
        if area_filter := intersect_filters(read_value_filters(filters, scope.value)):
            yield scope, area_filter


def _list_named_areas(filters: Mapping[Scope, ValueFilter]) -> dict[Scope, tuple[str, ...]]:
    """Return the IRIS areas that filters name; `zones` is the old name of `homes`."""
    named = {scope: area_filter.values for scope, area_filter in filters.items() if not area_filter.negated}
    homes = tuple(dict.fromkeys((*named.get(Scope.HOMES, ()), *named.get(Scope.ZONES, ()))))
    return {Scope.HOMES: homes, Scope.ZONES: homes, Scope.WORKS: named.get(Scope.WORKS, ())}
