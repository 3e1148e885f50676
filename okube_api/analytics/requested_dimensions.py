"""From what a param is requested by to dimensions: their names, their options, and the groups that values are in."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from okube_api.analytics.directory import Directory
from okube_api.analytics.group_values import (
    GROUPING_FIELDS,
    NAME_PATTERNS,
    POSTAL_CODE,
    GroupingField,
    find_grouping_field,
)
from okube_api.analytics.schemas.parts import GroupingOptions, ScopeOption, SortOptions
from okube_api.analytics.schemas.query import Param
from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.catalogue.kpi import Kpi
from okube_api.catalogue.scopes import ATTRIBUTES, Scope
from okube_api.engine.dimensions import Dimension, ValueGroups
from okube_api.engine.groupings import find_grouping_problem, find_remainder_problem, find_share_problem
from okube_api.engine.question import Level, RequestedScope, ValueBounds
from okube_api.equipments.repository import EQUIPMENTS
from okube_api.errors import Impossible
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.schema import Collection
from okube_api.store.values import Json

_COLLECTIONS: Mapping[Scope, Collection] = {
    Scope.SITES: SITES,
    Scope.POIS: POIS,
    Scope.CAMPAIGNS: CAMPAIGNS,
    Scope.EQUIPMENTS: EQUIPMENTS,
}
_PROPERTIES = {
    **dict.fromkeys(ATTRIBUTES, ("code", "name")),
    **dict.fromkeys((Scope.EXTRAS, Scope.CHANNELS), ("name",)),
}
_PROPERTIES_OF_RESOURCES = ("_id", "key", "name")
Groupings = Mapping[tuple[str, int | None], ValueGroups]
"""The groups of each grouping field that `by` names, by its name and number of digits."""


def list_default_properties(scope: Scope) -> tuple[str, ...]:
    """Return the properties that an answer by a scope shows when none are requested."""
    return _PROPERTIES.get(scope, _PROPERTIES_OF_RESOURCES)[:1]


# -- options of a dimension --------------------------------------------------------------------------------------


def read_scope(scope: Scope, option: ScopeOption, kpi: Kpi, pointer: str, *, has_change: bool) -> RequestedScope:
    """Return what is requested by one scope.  Raise Impossible for options that the KPI does not take."""
    dimension, properties = Dimension(scope), list_default_properties(scope)
    if isinstance(option, bool):
        return RequestedScope((Level(dimension, properties),), scope.value)
    level = _read_level(dimension, tuple(option.properties), option)
    _check_level(level, (dimension,), kpi, pointer, has_change=has_change)
    return RequestedScope((level,), scope.value)


def _read_level(dimension: Dimension, properties: tuple[str, ...], option: SortOptions) -> Level:
    is_sorted = option.sort is not None or option.limit is not None  # a limit alone sorts by `-all`
    having = option.having.all if option.having is not None else None
    return Level(
        dimension,
        properties,
        descending=option.sort not in {"all", "change"} if is_sorted else None,
        by_change=option.sort in {"change", "-change"},
        limit=option.limit,
        having=None if having is None else ValueBounds(having.gt, having.gte, having.lt, having.lte),
        has_remainder=option.has_remainder,
        share=option.share,
        has_options=True,
    )


def _check_level(level: Level, dimensions: Sequence[Dimension], kpi: Kpi, pointer: str, *, has_change: bool) -> None:
    """Raise Impossible for options that the KPI does not take.  has_change: whether the answer has changes."""
    if level.share and (problem := find_share_problem(kpi)) is not None:
        raise Impossible.at("body", f"{pointer}/share", problem)
    if level.has_remainder and (problem := find_remainder_problem(kpi, dimensions)) is not None:
        raise Impossible.at("body", f"{pointer}/others", problem)
    if level.by_change and not has_change:
        message = "Sorting by 'change' needs a comparison. Add 'compare' to the request, or sort by 'all'."
        raise Impossible.at("body", f"{pointer}/sort", message)


# -- `by` --------------------------------------------------------------------------------------------------------


def read_by(param: Param, kpi: Kpi, groupings: Groupings, pointer: str, *, has_change: bool) -> RequestedScope:
    """Return what a param requests with `by`.

    Raise Impossible, with a pointer, for unknown names, and for dimensions or options that the KPI does not take.
    """
    names = param.by or []
    scopes = [scope for scope, _ in param.scope_options()]
    dimensions = [
        _read_dimension(each, scopes, groupings, f"{pointer}/{position}{'' if isinstance(each, str) else '/of'}")
        for position, each in enumerate(names)
    ]
    if (problem := find_grouping_problem(kpi, dimensions)) is not None:
        raise Impossible.at("body", pointer, problem)
    levels = []
    for position, (each, dimension) in enumerate(zip(names, dimensions, strict=True)):
        default = () if dimension.groups is not None else list_default_properties(dimension.scope)
        if isinstance(each, str):
            levels.append(Level(dimension, default))
            continue
        place = f"{pointer}/{position}"
        _check_options(each, dimension, place)
        level = _read_level(dimension, tuple(each.properties) or default, each)
        _check_level(level, dimensions, kpi, place, has_change=has_change)
        levels.append(level)
    return RequestedScope(tuple(levels), "by")


def _read_dimension(
    grouping: str | GroupingOptions, scopes: Sequence[Scope], groupings: Groupings, pointer: str
) -> Dimension:
    """Return the dimension of a name.  scopes: those of the param."""
    name, digits = _read_name(grouping)
    if name in scopes and name != Scope.GLOBALS:
        return Dimension(Scope(name))
    field = find_grouping_field(name)
    if field is None or field.scope not in scopes:
        raise Impossible.at("body", pointer, f"Unknown grouping '{name[:100]}'. Use one of: {_list_names(scopes)}.")
    return Dimension(field.scope, name, groupings[name, digits])


def _list_names(scopes: Sequence[Scope]) -> str:
    names = [scope.value for scope in scopes if scope is not Scope.GLOBALS]
    names += [name for name, field in GROUPING_FIELDS.items() if field.scope in scopes]
    return ", ".join([*names, *(pattern for scope, pattern in NAME_PATTERNS.items() if scope in scopes)])


def _check_options(options: GroupingOptions, dimension: Dimension, pointer: str) -> None:
    """Raise Impossible for properties that the values of a dimension do not have, and for digits of other fields."""
    if dimension.groups is not None:
        available: tuple[str, ...] = ("name",)
    else:
        available = _PROPERTIES.get(dimension.scope, _PROPERTIES_OF_RESOURCES)
    for name in options.properties:
        if name not in available:
            message = f"'{dimension.name}' has no property '{name}'. Use one of: {', '.join(available)}."
            raise Impossible.at("body", f"{pointer}/properties", message)
    if options.digits is not None and dimension.name != POSTAL_CODE:
        message = f"'digits' is only for '{POSTAL_CODE}'. Leave it out for '{dimension.name}'."
        raise Impossible.at("body", f"{pointer}/digits", message)


# -- groups ------------------------------------------------------------------------------------------------------


async def load_groupings(params: Iterable[Param], directory: Directory) -> Groupings:
    """Return the groups of every field that `by` of params names."""
    groupings: dict[tuple[str, int | None], ValueGroups] = {}
    for name, digits in (_read_name(each) for param in params for each in param.by or ()):
        field = find_grouping_field(name)
        if field is not None and (name, digits) not in groupings:
            field = field.shorten(digits)
            groupings[name, digits] = await directory.derive_details(
                _COLLECTIONS[field.scope], field, partial(_read_groups, field)
            )
    return groupings


def _read_name(name: str | GroupingOptions) -> tuple[str, int | None]:
    return (name, None) if isinstance(name, str) else (name.of, name.digits)


def _read_groups(field: GroupingField, documents: Mapping[str, Json]) -> ValueGroups:
    return ValueGroups({identifier: field.read_values(document) for identifier, document in documents.items()})
