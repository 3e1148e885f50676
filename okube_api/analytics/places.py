"""The places that a question looks at: what its filters, its path and its study leave."""

from dataclasses import dataclass
from typing import Any

from okube_api.analytics.directory import Directory
from okube_api.analytics.resource_cache import NO_RESOURCES, ResourceSet, Resource
from okube_api.analytics.schemas.parts import Except
from okube_api.analytics.schemas.requests import Filters
from okube_api.analytics.scope import QuestionScope
from okube_api.campaigns.repository import CAMPAIGNS, LEVERS
from okube_api.catalogue.expressions.values import Scope
from okube_api.engine.question import ValueFilter
from okube_api.equipments.repository import EQUIPMENTS
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES

_COLLECTIONS = {
    Scope.SITES: SITES,
    Scope.POIS: POIS,
    Scope.EQUIPMENTS: EQUIPMENTS,
    Scope.CAMPAIGNS: CAMPAIGNS,
    Scope.LEVERS: LEVERS,
}


@dataclass(frozen=True, slots=True)
class PlaceSelection:
    """The places of a question.

    all: those of the study, or of the application.  reached: what the question leaves of them.
    named: by a filter, by id.  outside: those named that the study does not have; answers show them, empty.
    """

    candidates: ResourceSet = NO_RESOURCES
    selected: tuple[Resource, ...] = ()
    named: tuple[str, ...] = ()
    outside: ResourceSet = NO_RESOURCES

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of those that the question leaves."""
        return tuple([place.id for place in self.selected])


async def select_places(filters: Filters, subject: QuestionScope, directory: Directory, scope: Scope) -> PlaceSelection:
    """The sites, or points of interest, of a question: active ones, and those that a filter or the path names."""
    chosen = await resolve_filter(filters, scope, directory)
    every = await directory.load(_COLLECTIONS[scope], subject.place_ids(scope))
    values = frozenset(chosen.values) if chosen is not None else frozenset()
    named = values if chosen is not None and not chosen.negated else frozenset()
    path = subject.site if scope is Scope.SITES else None
    tagged = scope is Scope.SITES and read_filter(filters, "tags")[0] is not None
    if chosen is None and path is None and not tagged:
        return PlaceSelection(every, every.active)
    reached = tuple(
        place
        for place in every
        if (path is None or place.id == path)
        and (chosen is None or (place.id in values) != chosen.negated)
        and (place.active or place.id in named or place.id == path)
        and (not tagged or _tagged(place, filters))
    )
    others = tuple(sorted(named.difference(every.by_id)))
    outside = await directory.load(_COLLECTIONS[scope], others) if others else NO_RESOURCES
    return PlaceSelection(every, reached, tuple(sorted(named)), outside)


async def resolve_filter(filters: Filters, scope: Scope, directory: Directory) -> ValueFilter | None:
    """What a filter on resources keeps, by id; None without it.  Raises UnknownReference, with pointers."""
    values, negated = read_filter(filters, scope.value)
    if values is None:
        return None
    pointer = f"/filters/{scope}{'/not' if negated else ''}"
    found = await directory.find_named(_COLLECTIONS[scope], values, pointer)
    return ValueFilter(tuple(resource.id for resource in found), negated)


def read_filter(filters: Filters, name: str) -> tuple[list[Any] | None, bool]:
    """The values of a filter, and whether they are what is left out; None without it."""
    found = getattr(filters, name, None)
    return (found.values, True) if isinstance(found, Except) else (found, False)


def resolve_weekdays(filters: Filters) -> tuple[int, ...] | None:
    """The days of the week that are kept; None for all of them."""
    values, negated = read_filter(filters, "weekdays")
    return None if values is None else tuple(day for day in range(1, 8) if (day in values) != negated)


def _tagged(place: Resource, filters: Filters) -> bool:
    tags, negated = read_filter(filters, "tags")
    return tags is None or bool(place.tags.intersection(tags)) != negated
