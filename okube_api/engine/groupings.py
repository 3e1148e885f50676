"""Says by which dimensions a KPI can be broken down, from the rows that it reads; and which options it takes."""

from collections.abc import Sequence

from okube_api.catalogue.kpi import Kpi, KpiKind, LeafShape
from okube_api.catalogue.scopes import SCOPE_OF_COLUMN, Scope
from okube_api.catalogue.terms import Term
from okube_api.engine.dimensions import Dimension, get_expression_scope

_WITH_SHARES = frozenset({KpiKind.ADDITIVE, KpiKind.PARTICIPATION, KpiKind.DISTINCT})


def find_grouping_problem(kpi: Kpi, dimensions: Sequence[Dimension]) -> str | None:
    """Return why a KPI cannot be broken down by dimensions (one or two) together; None when it can.

    Rows must have the columns of both of two dimensions, or of none: what is only known by one of them could not be
    told apart by the other.
    """
    for dimension in dimensions:
        if dimension.scope not in kpi.scopes:
            scopes = ", ".join((Scope.GLOBALS, *kpi.scopes))
            return f"KPI '{kpi.name}' has no scope '{dimension.scope}'. Use one of: {scopes}."
    names = " and ".join(f"'{dimension.name}'" for dimension in dimensions)
    if len(dimensions) > 1 and _are_same(*dimensions):
        return f"{names} are the same. Use two different ones, or only one."
    for term in kpi.value.terms(get_expression_scope(dimensions)):
        rows = term.slice.fact.name.replace("_", " ")
        are_known = [term.slice.column(dimension.scope) is not None for dimension in dimensions]
        for dimension in dimensions:
            if dimension.groups is not None and are_items(term, dimension.scope):
                return (
                    f"KPI '{kpi.name}' cannot be grouped by '{dimension.name}': its values are about each of the "
                    f"{dimension.scope}. Use '{dimension.scope}'."
                )
        if any(are_known) and not all(are_known):
            unknown = dimensions[are_known.index(False)]
            return (
                f"KPI '{kpi.name}' cannot be broken down by {names} together: it needs data ({rows}) that is not known "
                f"by '{unknown.name}'. Ask for each by itself."
            )
    return None


def find_remainder_problem(kpi: Kpi, dimensions: Sequence[Dimension]) -> str | None:
    """Return why a KPI cannot have an entry of what is not shown, by dimensions; None when it can."""
    for term in kpi.value.terms(get_expression_scope(dimensions)):
        for dimension in dimensions:
            if are_items(term, dimension.scope):
                return (
                    f"KPI '{kpi.name}' has no 'others' by '{dimension.name}': its values are about each of the "
                    f"{dimension.scope}. Leave 'others' out."
                )
    return None


def find_share_problem(kpi: Kpi) -> str | None:
    """Return why a KPI has no shares of the whole; None when it has."""
    if kpi.kind in _WITH_SHARES and kpi.leaf is LeafShape.NUMBER:
        return None
    return (
        f"KPI '{kpi.name}' has no 'share': only counts, amounts and distinct users are parts of a whole. Leave 'share' "
        "out."
    )


def are_items(term: Term, scope: Scope) -> bool:
    """Return whether the values of a scope are items of the values of a KPI."""
    slice_ = term.slice
    return slice_.column(scope) is None and slice_.filter_column(scope) in term.split


def _are_same(first: Dimension, second: Dimension) -> bool:
    """Return whether two dimensions have the same values, as `zones` and `homes` have."""
    scopes = [SCOPE_OF_COLUMN[each.scope] if each.scope is Scope.ZONES else each.scope for each in (first, second)]
    is_plain = first.groups is None and second.groups is None
    return (is_plain and scopes[0] is scopes[1]) or (first.name == second.name and first.groups is second.groups)
