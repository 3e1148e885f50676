"""The places of a question: what its filters, its path and its study select."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from okube_api.analytics.directory import Directory
from okube_api.analytics.resource_cache import NO_RESOURCES, Resource, ResourceSet
from okube_api.analytics.schemas.parts import Except
from okube_api.analytics.schemas.query import Filters
from okube_api.analytics.scope import QuestionScope
from okube_api.campaigns.levers import LeverRepository
from okube_api.campaigns.repository import CampaignRepository
from okube_api.catalogue.scopes import Scope
from okube_api.engine.question import ValueFilter
from okube_api.equipments.repository import EquipmentRepository
from okube_api.kit.repository import Repository
from okube_api.pois.repository import PoiRepository
from okube_api.sites.repository import SiteRepository

_REPOSITORIES: Mapping[Scope, type[Repository]] = {
    Scope.SITES: SiteRepository,
    Scope.POIS: PoiRepository,
    Scope.EQUIPMENTS: EquipmentRepository,
    Scope.CAMPAIGNS: CampaignRepository,
    Scope.LEVERS: LeverRepository,
}


@dataclass(frozen=True, slots=True)
class PlaceSelection:
    """The sites or POIs of a question.

    candidates: the places of the study, or of the application.  selected: those of them that the question is about.
    named: the ids of the places that a filter names.
    outside: the named places that are not candidates; answers list them without values.
    """

    candidates: ResourceSet = NO_RESOURCES
    selected: tuple[Resource, ...] = ()
    named: tuple[str, ...] = ()
    outside: ResourceSet = NO_RESOURCES

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of the selected places."""
        return tuple([place.id for place in self.selected])


async def select_places(
    filters: Filters, question_scope: QuestionScope, directory: Directory, scope: Scope
) -> PlaceSelection:
    """Return the sites or POIs of a question: active ones, and inactive ones that a filter or the path names.

    Raise UnknownReference for names in the filter that no place has.
    """
    collection = _REPOSITORIES[scope].collection
    place_filter = await resolve_filter(filters, scope, directory)
    candidates = await directory.load(collection, question_scope.place_ids(scope))
    values = frozenset(place_filter.values) if place_filter is not None else frozenset()
    named = values if place_filter is not None and not place_filter.negated else frozenset()
    site_of_path = question_scope.site if scope is Scope.SITES else None
    has_tags = scope is Scope.SITES and read_filter(filters, "tags")[0] is not None
    if place_filter is None and site_of_path is None and not has_tags:
        return PlaceSelection(candidates, candidates.active)
    if site_of_path is None and not has_tags and place_filter is not None and not place_filter.negated:
        by_id = candidates.by_id
        selected = tuple(by_id[identifier] for identifier in sorted(named) if identifier in by_id)
    else:
        selected = tuple(
            place
            for place in candidates
            if (site_of_path is None or place.id == site_of_path)
            and (place_filter is None or (place.id in values) != place_filter.negated)
            and (place.active or place.id in named or place.id == site_of_path)
            and (not has_tags or _matches_tags(place, filters))
        )
    outside_ids = tuple(sorted(named.difference(candidates.by_id)))
    outside = await directory.load(collection, outside_ids) if outside_ids else NO_RESOURCES
    return PlaceSelection(candidates, selected, tuple(sorted(named)), outside)


async def resolve_filter(filters: Filters, scope: Scope, directory: Directory) -> ValueFilter | None:
    """Return the filter on resources of a scope, with ids for names; None when there is none.

    Raise UnknownReference, with a pointer to each name that no resource has.
    """
    names, negated = read_filter(filters, scope.value)
    if names is None:
        return None
    pointer = f"/filters/{scope}{'/not' if negated else ''}"
    resources = await directory.find_named(_REPOSITORIES[scope], names, pointer)
    return ValueFilter(tuple(resource.id for resource in resources), negated)


def read_filter(filters: Filters, name: str) -> tuple[list[Any] | None, bool]:
    """Return the values of a filter (None without the filter), and whether they are excluded."""
    value = getattr(filters, name, None)
    return (value.values, True) if isinstance(value, Except) else (value, False)


def resolve_weekdays(filters: Filters) -> tuple[int, ...] | None:
    """Return the days of the week to include, 1 is Monday; None for all of them."""
    values, negated = read_filter(filters, "weekdays")
    return None if values is None else tuple(day for day in range(1, 8) if (day in values) != negated)


def _matches_tags(place: Resource, filters: Filters) -> bool:
    tags, negated = read_filter(filters, "tags")
    return tags is None or bool(place.tags.intersection(tags)) != negated
