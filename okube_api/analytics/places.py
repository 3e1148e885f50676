"""The places of a question: what its filters, its path and its study select."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from okube_api.analytics.directory import Directory
from okube_api.analytics.param_groups import PlacedFilters
from okube_api.analytics.resource_cache import NO_RESOURCES, Resource, ResourceSet
from okube_api.analytics.schemas.parts import Except
from okube_api.analytics.schemas.query import Filters
from okube_api.analytics.scope import QuestionScope
from okube_api.campaigns.levers import LeverRepository
from okube_api.campaigns.repository import CampaignRepository
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.engine.notes import Note, NoteCode
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


def explain_absence(
    selections: Mapping[PlaceRole, PlaceSelection], question_scope: QuestionScope
) -> dict[PlaceRole, Note]:
    """Return why a question has no places, by role: of the roles for which it has none."""
    return {
        role: _explain_selection(selection, question_scope, role)
        for role, selection in selections.items()
        if not selection.selected
    }


def _explain_selection(selection: PlaceSelection, question_scope: QuestionScope, role: PlaceRole) -> Note:
    is_site = role is PlaceRole.SITES
    code, noun = (NoteCode.NO_SITES, "site") if is_site else (NoteCode.NO_POIS, "point of interest")
    owner = "application" if question_scope.study is None else "study"
    if not selection.candidates:
        return Note(code, f"The {owner} has no {noun}.")
    if not selection.candidates.active:
        return Note(code, f"No {noun} of the {owner} is active.")
    return Note(code, f"The filters keep no {noun} of the {owner}.")


async def select_places(
    filters: Sequence[PlacedFilters], question_scope: QuestionScope, directory: Directory, scope: Scope
) -> PlaceSelection:
    """Return the sites or POIs of a question: active ones, and inactive ones that a filter or the path names.

    Raise UnknownReference for names in the filters that no place has.
    """
    collection = _REPOSITORIES[scope].collection
    place_filter = intersect_filters(await resolve_filters(filters, scope, directory))
    candidates = await directory.load(collection, question_scope.place_ids(scope))
    values = frozenset(place_filter.values) if place_filter is not None else frozenset()
    named = values if place_filter is not None and not place_filter.negated else frozenset()
    site_of_path = question_scope.site if scope is Scope.SITES else None
    tag_filters = [tags for tags in read_filters(filters, "tags") if scope is Scope.SITES]
    if place_filter is None and site_of_path is None and not tag_filters:
        return PlaceSelection(candidates, candidates.active)
    if site_of_path is None and not tag_filters and place_filter is not None and not place_filter.negated:
        by_id = candidates.by_id
        selected = tuple(by_id[identifier] for identifier in sorted(named) if identifier in by_id)
    else:
        selected = tuple(
            place
            for place in candidates
            if (site_of_path is None or place.id == site_of_path)
            and (place_filter is None or (place.id in values) != place_filter.negated)
            and (place.active or place.id in named or place.id == site_of_path)
            and all(bool(place.tags.intersection(tags)) != negated for tags, negated in tag_filters)
        )
    outside_ids = tuple(sorted(named.difference(candidates.by_id)))
    outside = await directory.load(collection, outside_ids) if outside_ids else NO_RESOURCES
    return PlaceSelection(candidates, selected, tuple(sorted(named)), outside)


async def resolve_filters(
    filters: Sequence[PlacedFilters], scope: Scope, directory: Directory
) -> tuple[ValueFilter, ...]:
    """Return the filters on resources of a scope, with ids for names; all of them must hold.

    Raise UnknownReference, with a pointer to each name that no resource has.
    """
    resolved = []
    for placed in filters:
        names, negated = read_filter(placed.filters, scope.value)
        if names is not None:
            pointer = f"{placed.pointer}/{scope}{'/not' if negated else ''}"
            resources = await directory.find_named(_REPOSITORIES[scope], names, pointer)
            resolved.append(ValueFilter(tuple(resource.id for resource in resources), negated))
    return tuple(resolved)


def read_filters(filters: Iterable[PlacedFilters], name: str) -> list[tuple[list[Any], bool]]:
    """Return the values of each filter of that name, and whether they are excluded."""
    return [
        (values, negated)
        for values, negated in (read_filter(each.filters, name) for each in filters)
        if values is not None
    ]


def read_filter(filters: Filters, name: str) -> tuple[list[Any] | None, bool]:
    """Return the values of a filter (None without the filter), and whether they are excluded."""
    value = getattr(filters, name, None)
    return (value.values, True) if isinstance(value, Except) else (value, False)


def read_value_filters(filters: Iterable[PlacedFilters], name: str) -> tuple[ValueFilter, ...]:
    """Return the filters of that name on values that need no resolution."""
    return tuple(ValueFilter(tuple(dict.fromkeys(values)), negated) for values, negated in read_filters(filters, name))


def intersect_filters(filters: Sequence[ValueFilter]) -> ValueFilter | None:
    """Return one filter that keeps what all of them keep, where each row has one value; None without filters."""
    if len(filters) <= 1:
        return filters[0] if filters else None
    excluded = {value: None for value_filter in filters if value_filter.negated for value in value_filter.values}
    named = [value_filter for value_filter in filters if not value_filter.negated]
    if not named:
        return ValueFilter(tuple(excluded), negated=True)
    first, *others = named
    kept = frozenset(first.values).intersection(*(other.values for other in others)).difference(excluded)
    return ValueFilter(tuple(value for value in first.values if value in kept))


def list_named(filters: Sequence[ValueFilter]) -> tuple[str, ...]:
    """Return the values that the filters name and none of them excludes."""
    common = intersect_filters(filters)
    return () if common is None or common.negated else common.values


def resolve_weekdays(filters: Iterable[PlacedFilters]) -> tuple[int, ...] | None:
    """Return the days of the week to include, 1 is Monday; None for all of them."""
    weekday_filters = read_filters(filters, "weekdays")
    if not weekday_filters:
        return None
    return tuple(day for day in range(1, 8) if all((day in values) != negated for values, negated in weekday_filters))
