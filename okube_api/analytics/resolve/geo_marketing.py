"""From a request that was read to the immutable question: references found, places chosen, scopes checked."""

from collections.abc import Awaitable, Callable, Iterator

from okube_api.analytics.directory import Directory
from okube_api.analytics.places import PlaceSelection, select_places, read_filter, resolve_weekdays
from okube_api.analytics.requested_kpis import read_requested_kpis
from okube_api.analytics.resource_cache import merge_labels
from okube_api.analytics.schemas.requests import Filters, Query
from okube_api.analytics.scope import QuestionScope
from okube_api.catalogue.expressions.values import ATTRIBUTES, PlaceRole, Scope
from okube_api.engine.calendar import Period
from okube_api.engine.question import ValueFilter, Question

_NOT_OF_THE_STUDY = "The site is none of the study's: nothing counts for it."

Resolver = Callable[[Query, QuestionScope, Period, bool, Directory], Awaitable[Question]]
"""Makes the question that a request comes down to.  Raises Impossible and UnknownReference, with pointers."""


async def resolve_geo_marketing(
    query: Query, subject: QuestionScope, period: Period, uplift: bool, directory: Directory
) -> Question:
    """A question about the sites and points of interest of a study.  See `Resolver`."""
    asks = read_requested_kpis(query)
    sites = await select_places(query.filters, subject, directory, Scope.SITES)
    pois = await select_places(query.filters, subject, directory, Scope.POIS)
    return Question(
        application=subject.application.id,
        period=period,
        uplift=uplift,
        requested_kpis=asks,
        places={
            PlaceRole.SITES: sites.ids,
            PlaceRole.POIS: pois.ids,
            PlaceRole.STUDY: _study(sites, pois),
        },
        filters=tuple(_by_attribute(query.filters)),
        edges=subject.edges,
        weekdays=resolve_weekdays(query.filters),
        notes=() if subject.site is None or subject.site in sites.candidates.by_id else (_NOT_OF_THE_STUDY,),
        named_values=_named_areas(query.filters) | {Scope.SITES: sites.named, Scope.POIS: pois.named},
        labels=merge_labels(sites.candidates, pois.candidates, sites.outside, pois.outside),
    )


def _study(sites: PlaceSelection, pois: PlaceSelection) -> tuple[str, ...]:
    """Every active place of the study, whatever the filters, and the others that the question reaches."""
    return tuple(sorted({place.id for place in (*sites.candidates.active, *pois.candidates.active)}.union(sites.ids, pois.ids)))


def _by_attribute(filters: Filters) -> Iterator[tuple[Scope, ValueFilter]]:
    for scope in ATTRIBUTES:
        values, negated = read_filter(filters, scope.value)
        if values is not None:
            yield scope, ValueFilter(tuple(dict.fromkeys(values)), negated)


def _named_areas(filters: Filters) -> dict[Scope, tuple[str, ...]]:
    """The areas that filters name; homes and zones are the same."""
    named = {scope: tuple(chosen.values) for scope, chosen in _by_attribute(filters) if not chosen.negated}
    homes = tuple(dict.fromkeys((*named.get(Scope.HOMES, ()), *named.get(Scope.ZONES, ()))))
    return {Scope.HOMES: homes, Scope.ZONES: homes, Scope.WORKS: named.get(Scope.WORKS, ())}
