"""From a request that was read to the immutable question: references found, places chosen, scopes checked."""

from collections.abc import Awaitable, Callable, Iterator

from okube_api.analytics.directory import Directory
from okube_api.analytics.places import Places, places_of, values_of, weekdays_of
from okube_api.analytics.requested_kpis import asks_of
from okube_api.analytics.resource_cache import labels_of
from okube_api.analytics.schemas.requests import Filters, Query
from okube_api.analytics.scope import Subject
from okube_api.catalogue.expressions.values import ATTRIBUTES, Reached, Scope
from okube_api.engine.calendar import Period
from okube_api.engine.question import Chosen, Question

_NOT_OF_THE_STUDY = "The site is none of the study's: nothing counts for it."

Resolver = Callable[[Query, Subject, Period, bool, Directory], Awaitable[Question]]
"""Makes the question that a request comes down to.  Raises Impossible and UnknownReference, with pointers."""


async def resolved_geo_marketing(
    query: Query, subject: Subject, period: Period, uplift: bool, directory: Directory
) -> Question:
    """A question about the sites and points of interest of a study.  See `Resolver`."""
    asks = asks_of(query)
    sites = await places_of(query.filters, subject, directory, Scope.SITES)
    pois = await places_of(query.filters, subject, directory, Scope.POIS)
    return Question(
        application=subject.application.id,
        period=period,
        uplift=uplift,
        asks=asks,
        places={
            Reached.SITES: sites.ids,
            Reached.POIS: pois.ids,
            Reached.STUDY: _study(sites, pois),
        },
        filters=tuple(_by_attribute(query.filters)),
        edges=subject.edges,
        weekdays=weekdays_of(query.filters),
        notes=() if subject.site is None or subject.site in sites.all.by_id else (_NOT_OF_THE_STUDY,),
        named=_named_areas(query.filters) | {Scope.SITES: sites.named, Scope.POIS: pois.named},
        labels=labels_of(sites.all, pois.all, sites.outside, pois.outside),
    )


def _study(sites: Places, pois: Places) -> tuple[str, ...]:
    """Every active place of the study, whatever the filters, and the others that the question reaches."""
    return tuple(sorted({place.id for place in (*sites.all.active, *pois.all.active)}.union(sites.ids, pois.ids)))


def _by_attribute(filters: Filters) -> Iterator[tuple[Scope, Chosen]]:
    for scope in ATTRIBUTES:
        values, negated = values_of(filters, scope.value)
        if values is not None:
            yield scope, Chosen(tuple(dict.fromkeys(values)), negated)


def _named_areas(filters: Filters) -> dict[Scope, tuple[str, ...]]:
    """The areas that filters name; homes and zones are the same."""
    named = {scope: tuple(chosen.values) for scope, chosen in _by_attribute(filters) if not chosen.negated}
    homes = tuple(dict.fromkeys((*named.get(Scope.HOMES, ()), *named.get(Scope.ZONES, ()))))
    return {Scope.HOMES: homes, Scope.ZONES: homes, Scope.WORKS: named.get(Scope.WORKS, ())}
