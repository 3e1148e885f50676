"""The condition on the rows of a term: the places, the fixed values and the filters of a question."""

from typing import NamedTuple

from okube_api.catalogue.scopes import ATTRIBUTES, Scope
from okube_api.catalogue.terms import Slice, Term, UserSet
from okube_api.engine.question import Question, ValueFilter
from okube_api.store.conditions import AllOf, Condition, Missing, Not, OneOf, Overlaps
from okube_api.store.schema import ColumnType


class RowCondition(NamedTuple):
    """The condition on rows, and the columns that it names, except the weekday."""

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
    if question.weekdays is not None:
        conditions.append(OneOf("weekday", question.weekdays))
    return RowCondition(AllOf(tuple(conditions)), frozenset(column for column, _ in by_column))


def _build_filter_condition(slice_: Slice, column: str, value_filter: ValueFilter) -> Condition:
    holds_lists = slice_.fact.table.type_of(column) is ColumnType.TEXTS
    values = value_filter.values
    condition: Condition = Overlaps(column, values) if holds_lists else OneOf(column, values)
    return Not(condition) if value_filter.negated else condition
