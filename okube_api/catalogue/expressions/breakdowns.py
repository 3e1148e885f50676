"""Breakdowns: lists of items inside one leaf of an answer."""

from dataclasses import dataclass, replace

from typing_extensions import override

from okube_api.catalogue.expressions.numbers import Total
from okube_api.catalogue.scopes import Scope
from okube_api.catalogue.terms import Sums, Term, UserSet
from okube_api.catalogue.value import Value


@dataclass(frozen=True, slots=True)
class AttributeBreakdown(Value):
    """Distinct users by the attribute that `users` names; a user has at most one value.

    labels: how to write certain values, by their lower-case form; other values are written as they are.
    """

    users: UserSet
    labels: tuple[tuple[str, str], ...] = ()

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return (self.users,)


@dataclass(frozen=True, slots=True)
class Breakdown(Value):
    """A total by the values of another scope, as a list of items.

    shape: "campaigns" for the fields of a campaign's credit, "labelled" for items with a key and a label.
    """

    total: Total
    by: Scope
    shape: str

    @property
    def column(self) -> str:
        """The column that holds the items."""
        column = self.total.slice.column(self.by)
        assert column is not None, f"{self.by} cannot itemise these rows"
        return column

    @override
    def terms(self, scope: Scope) -> tuple[Sums]:
        (sums,) = self.total.terms(scope)
        return (replace(sums, split=(*sums.split, self.column)),)
