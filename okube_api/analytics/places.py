"""The places of a question: what its filters, its path and its study select."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from okube_api.analytics.directory import Directory
from okube_api.analytics.filter_parts import FilterTopic, list_groups
from okube_api.analytics.group_values import POSTAL_CODE, GroupingField, find_grouping_field, list_free_names
from okube_api.analytics.param_groups import PlacedFilters
from okube_api.analytics.resource_cache import NO_RESOURCES, Resource, ResourceSet
from okube_api.analytics.schemas.filters import Filters
from okube_api.analytics.schemas.parts import Except
from okube_api.analytics.scope import QuestionScope
from okube_api.campaigns.levers import LeverRepository
from okube_api.campaigns.repository import CampaignRepository
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.engine.campaigns import UNKNOWN
from okube_api.engine.notes import Note, NoteCode
from okube_api.engine.question import ValueFilter
from okube_api.equipments.repository import EquipmentRepository
from okube_api.errors import Impossible
from okube_api.kit.json_text import escape_pointer
from okube_api.kit.repository import Repository
from okube_api.pois.repository import PoiRepository
from okube_api.sites.repository import SiteRepository
from okube_api.store.values import Json
from okube_api.threads import run_in_thread

_REPOSITORIES: Mapping[Scope, type[Repository]] = {
    Scope.SITES: SiteRepository,
    Scope.POIS: PoiRepository,
    Scope.EQUIPMENTS: EquipmentRepository,
    Scope.CAMPAIGNS: CampaignRepository,
    Scope.LEVERS: LeverRepository,
}

_TOPICS = {Scope.SITES: FilterTopic.SITES, Scope.POIS: FilterTopic.POIS}
_MOST_MATCHED_ON_LOOP = 1000
_MOST_LISTED = 20


@dataclass(frozen=True, slots=True)
class PlaceSelection:
    """The sites or POIs of a question.

    candidates: the places of the study, or of the application.  selected: those of them that the question is about.
    named: the ids of the places that a filter names.
    outside: the named places that are not candidates; answers list them without values.
    parts: where parts of `any` select places, the ids that pass the filters and each part, by the part's pointer.
    """

    candidates: ResourceSet = NO_RESOURCES
    selected: tuple[Resource, ...] = ()
    named: tuple[str, ...] = ()
    outside: ResourceSet = NO_RESOURCES
    parts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

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


NO_PLACES = PlaceSelection()


async def select_places(
    filters: Sequence[PlacedFilters], question_scope: QuestionScope, directory: Directory, scope: Scope
) -> PlaceSelection:
    """Return the sites or POIs of a question: active ones, and inactive ones that a filter or the path names.

    They pass all filters and, of each `any`, at least one part.  Parts name no places: one without data is not in the
    answer.
    Raise UnknownReference for names in the filters that no place has.
    """
    selection = await _select_places(filters, question_scope, directory, scope)
    groups = [group for group in list_groups(filters) if _TOPICS[scope] in group.all_topics]
    if not groups:
        return selection
    selected = None
    parts: dict[str, tuple[str, ...]] = {}
    for group in groups:
        passing: dict[str, Resource] = {}
        for part in group.parts:
            of_part = await _select_places((*filters, part), question_scope, directory, scope)
            parts[part.pointer] = of_part.ids
            passing |= {place.id: place for place in of_part.selected}
        common = passing if selected is None else {each: passing[each] for each in selected if each in passing}
        selected = dict(sorted(common.items()))
    return replace(selection, selected=tuple((selected or {}).values()), parts=parts)


async def _select_places(
    filters: Sequence[PlacedFilters], question_scope: QuestionScope, directory: Directory, scope: Scope
) -> PlaceSelection:
    """Return the sites or POIs that pass all filters, whatever the parts of `any`."""
    collection = _REPOSITORIES[scope].collection
    place_filter = intersect_filters(await resolve_filters(filters, scope, directory))
    candidates = await directory.load(collection, question_scope.place_ids(scope))
    values = frozenset(place_filter.values) if place_filter is not None else frozenset()
    named = values if place_filter is not None and not place_filter.negated else frozenset()
    site_of_path = question_scope.site if scope is Scope.SITES else None
    tag_filters = [tags for tags in read_filters(filters, "tags") if scope is Scope.SITES]
    matching = await match_grouped(filters, scope, directory)
    if place_filter is None and site_of_path is None and not tag_filters and matching is None:
        return PlaceSelection(candidates, candidates.active)
    if (
        site_of_path is None
        and not tag_filters
        and matching is None
        and place_filter is not None
        and not place_filter.negated
    ):
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
            and (matching is None or place.id in matching)
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


async def match_grouped(filters: Sequence[PlacedFilters], scope: Scope, directory: Directory) -> frozenset[str] | None:
    """Return the ids of the resources of a scope that pass all filters on grouping fields; None without such filters.

    Resources of the whole application are compared.  Raise Impossible, with a pointer, for an attribute or extra that
    none of them has.
    """
    grouped = [
        (grouping_field, frozenset(values), negated, f"{placed.pointer}/{escape_pointer(name)}")
        for placed in filters
        for name, values, negated in placed.filters.list_grouped()
        if (grouping_field := find_grouping_field(name)) is not None and grouping_field.scope is scope
    ]
    if not grouped:
        return None
    details = await directory.load_details(_REPOSITORIES[scope].collection)

    def match() -> frozenset[str]:
        matching = frozenset(details)
        for grouping_field, values, negated, pointer in grouped:
            if grouping_field.has_free_name:
                _check_free_name(grouping_field, details, pointer)
            accepted = {each for each, document in details.items() if _has_value(document, grouping_field, values)}
            matching = matching - accepted if negated else matching & accepted
        return matching

    return match() if len(details) <= _MOST_MATCHED_ON_LOOP else await run_in_thread(match)


def _has_value(document: Json, grouping_field: GroupingField, values: frozenset[str]) -> bool:
    """Return whether a resource has one of the values; of postal codes, one that begins so."""
    texts = grouping_field.read_values(document) or (UNKNOWN,)
    if grouping_field.name == POSTAL_CODE and texts != (UNKNOWN,):
        return any(text[:length] in values for text in texts for length in range(1, len(text) + 1))
    return not values.isdisjoint(texts)


def _check_free_name(grouping_field: GroupingField, details: Mapping[str, Json], pointer: str) -> None:
    """Raise Impossible for an attribute or extra that no resource has."""
    names = list_free_names(details.values(), grouping_field)
    name = grouping_field.path[-1]
    if name in names:
        return
    owner, kind = ("campaign", "extra") if grouping_field.scope is Scope.CAMPAIGNS else ("site", "attribute")
    listed = f"There are: {', '.join(names[:_MOST_LISTED])}." if names else f"No {owner} has one."
    more = f" And {len(names) - _MOST_LISTED} more." if len(names) > _MOST_LISTED else ""
    raise Impossible.at("body", pointer, f"No {owner} has the {kind} '{name[:100]}'. {listed}{more}")


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
