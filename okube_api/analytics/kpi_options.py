"""Says what each KPI can be asked for: granularities, groupings and options.

The answers come from the functions that refuse requests, so that the catalogue promises nothing that is refused.
"""

from collections.abc import Iterator
from functools import lru_cache
from itertools import combinations
from typing import get_args

from okube_api.analytics.group_values import GROUPING_FIELDS, NAME_PATTERNS, GroupingField, find_grouping_field
from okube_api.analytics.schemas.parts import GranularityName
from okube_api.catalogue.expressions.composites import Scoped
from okube_api.catalogue.expressions.numbers import ScopedNumber
from okube_api.catalogue.expressions.visitors import VisitorBreakdown, VisitorTotal
from okube_api.catalogue.kpi import Kpi, KpiKind
from okube_api.catalogue.scopes import CAMPAIGN_SCOPES, Scope
from okube_api.engine.calendar import Granularity, Mode
from okube_api.engine.changes import describe_change
from okube_api.engine.dimensions import Dimension, ValueGroups
from okube_api.engine.granularities import find_granularity_problem
from okube_api.engine.groupings import find_grouping_problem, find_remainder_problem, find_share_problem
from okube_api.store.values import Json

_NO_GROUPS = ValueGroups({})
_FREE_NAME = "name"  # of an attribute or extra, to stand for all of them
_OVERLAPPING = frozenset({Scope.EQUIPMENTS, Scope.EXTRAS})
"""The scopes of which a row can have several values."""


@lru_cache(maxsize=1000)
def describe_options(kpi: Kpi) -> Json:
    """Return what a KPI can be asked for, as JSON."""
    dimensions = list(_list_dimensions(kpi))
    with_remainder = [pattern for pattern, dimension in dimensions if not find_remainder_problem(kpi, (dimension,))]
    return {
        "granularities": {
            mode.value: [
                name
                for name in get_args(GranularityName)
                if find_granularity_problem(kpi, (), mode, Granularity(name)) is None
            ]
            for mode in Mode
        },
        "by": {
            pattern: {"sumsToWhole": sums_to_whole(kpi, dimension), "others": pattern in with_remainder}
            for pattern, dimension in dimensions
        },
        "impossiblePairs": [
            {"by": [first, second], "reason": problem}
            for (first, outer), (second, inner) in combinations(dimensions, 2)
            if (problem := find_grouping_problem(kpi, (outer, inner))) is not None
        ],
        "options": [
            *("fill", "sort", "limit", "having"),
            *(("others",) if with_remainder else ()),
            *(("share",) if find_share_problem(kpi) is None else ()),
        ],
        "change": describe_change(kpi),
    }


def _list_dimensions(kpi: Kpi) -> Iterator[tuple[str, Dimension]]:
    """Yield the dimensions that a KPI can be broken down by, with the names or patterns of names of requests."""
    fields = {**GROUPING_FIELDS, **dict(_list_free_fields())}
    names = {scope.value: Dimension(scope) for scope in kpi.scopes}
    names |= {pattern: Dimension(field.scope, pattern, _NO_GROUPS) for pattern, field in fields.items()}
    for pattern, dimension in names.items():
        if dimension.scope in kpi.scopes and find_grouping_problem(kpi, (dimension,)) is None:
            yield pattern, dimension


def _list_free_fields() -> Iterator[tuple[str, GroupingField]]:
    for pattern in NAME_PATTERNS.values():
        field = find_grouping_field(pattern.replace("<name>", _FREE_NAME))
        assert field is not None
        yield pattern, field


def sums_to_whole(kpi: Kpi, dimension: Dimension) -> bool:
    """Return whether the values of a KPI by a dimension add up to its value by `globals`.

    They do not where a row belongs to several values, and for KPIs that are not additive.
    """
    if dimension.scope in _OVERLAPPING or _has_several_groups(dimension) or _follows_visitors(kpi, dimension):
        return False
    if kpi.kind is KpiKind.PARTICIPATION:
        return dimension.scope not in CAMPAIGN_SCOPES
    return kpi.kind is KpiKind.ADDITIVE


def _has_several_groups(dimension: Dimension) -> bool:
    """Return whether one resource can be in several groups: one with several tags is."""
    field = None if dimension.groups is None else find_grouping_field(dimension.name)
    return field is not None and field.path == ("tags",)


def _follows_visitors(kpi: Kpi, dimension: Dimension) -> bool:
    """Return whether a KPI by a dimension is about the visitors of each value: some are visitors of several."""
    value = kpi.value
    if isinstance(value, Scoped | ScopedNumber):
        value = value.for_scope(dimension.expression_scope)
    return isinstance(value, VisitorTotal | VisitorBreakdown)
