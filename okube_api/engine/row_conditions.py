"""The condition on the rows of a term: the places, the fixed values and the filters of a question."""

from typing import NamedTuple

from okube_api.catalogue.scopes import ATTRIBUTES, Scope
from okube_api.catalogue.terms import Slice, Term, UserSet
from okube_api.engine.question import Question, RowFilter, ValueFilter
from okube_api.engine.time_filters import TimeFilters, match_times
from okube_api.store.conditions import EVERYTHING, AllOf, AnyOf, Condition, Missing, Not, OneOf, Overlaps
from okube_api.store.schema import ColumnType


class RowCondition(NamedTuple):
    """The condition on rows, and the columns that it names, except those of the day."""

    where: Condition
    columns: frozenset[str]


def get_scope_column(term: Term, scope: Scope) -> str | None:
    """Return the column of the scope values; None when the rows do not have it.

    Sets need no column for attributes of users: these are looked up in the panel by user number.
    """
    return None if _is_looked_up(term, scope) else term.slice.column(scope)


def _is_looked_up(term: Term, scope: Scope) -> bool:
    return isinstance(term, UserSet) and scope in ATTRIBUTES


def select_rows(term: Term, question: Question, *, any_place: bool = False) -> RowCondition:
    """Return the condition on the rows of a term; `any_place` leaves out the condition on places."""
    slice_ = term.slice
    by_column: list[tuple[str, Condition]] = []
    if slice_.place is not None and not any_place:
        role, column = slice_.place
        in_places: Condition = OneOf(column, question.places[role])
        by_column.append((column, in_places | Missing(column) if slice_.placeless else in_places))
    by_column += [(column, OneOf(column, values)) for column, values in slice_.fixed]
    filters = question.filters
    if question.selected_campaigns is not None:
        filters = (*filters, (Scope.CAMPAIGNS, ValueFilter(question.selected_campaigns)))
    for scope, value_filter in filters:
        filtered = None if _is_looked_up(term, scope) else slice_.filter_column(scope)
        if filtered is not None:
            by_column.append((filtered, _build_filter_condition(slice_, filtered, value_filter)))
    if slice_.placeless and slice_.place is not None and question.unreached_campaigns:
        unreached = OneOf("campaign", question.unreached_campaigns) & Missing(slice_.place[1])
        by_column.append(("campaign", Not(unreached)))
    conditions = [condition for _, condition in by_column]
    columns = {column for column, _ in by_column}
    groups = [_match_times(question, slice_), [_match_any(group, slice_) for group in question.alternatives]]
    for named, condition in (each for group in groups for each in group):
        columns.update(named)
        conditions.append(condition)
    return RowCondition(AllOf(tuple(conditions)), frozenset(columns))


def _match_times(filters: TimeFilters, slice_: Slice) -> list[tuple[tuple[str, ...], Condition]]:
    place_column = slice_.place[1] if slice_.place else None
    return match_times(filters, place_column, starts_later=slice_.fact.starts_later)


def _match_any(group: tuple[RowFilter, ...], slice_: Slice) -> tuple[tuple[str, ...], Condition]:
    """Return the condition that rows pass at least one of the filters, and its columns except those of the day.

    Attributes of users are compared on the rows themselves, also for sets: the panel could only tell of one user
    whether all of the user's rows pass.
    """
    columns: dict[str, None] = {}
    alternatives = []
    for row_filter in group:
        conditions: list[Condition] = []
        for named, condition in _match_row_filter(row_filter, slice_):
            columns.update(dict.fromkeys(named))
            conditions.append(condition)
        if not conditions:  # nothing of the filter concerns these rows: all of them pass
            return (), EVERYTHING
        alternatives.append(AllOf(tuple(conditions)))
    return tuple(columns), AnyOf(tuple(alternatives))


def _match_row_filter(row_filter: RowFilter, slice_: Slice) -> list[tuple[tuple[str, ...], Condition]]:
    conditions: list[tuple[tuple[str, ...], Condition]] = []
    role, place_column = slice_.place or (None, None)
    if role is not None and place_column is not None and role in row_filter.places:
        conditions.append(((place_column,), OneOf(place_column, row_filter.places[role])))
    filters = row_filter.filters
    if row_filter.selected_campaigns is not None:
        filters = (*filters, (Scope.CAMPAIGNS, ValueFilter(row_filter.selected_campaigns)))
    for scope, value_filter in filters:
        column = slice_.filter_column(scope)
        if column is not None:
            conditions.append(((column,), _build_filter_condition(slice_, column, value_filter)))
    return conditions + _match_times(row_filter, slice_)


def _build_filter_condition(slice_: Slice, column: str, value_filter: ValueFilter) -> Condition:
    holds_lists = slice_.fact.table.type_of(column) is ColumnType.TEXTS
    values = value_filter.values
    condition: Condition = Overlaps(column, values) if holds_lists else OneOf(column, values)
    return Not(condition) if value_filter.negated else condition
