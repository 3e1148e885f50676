"""Totals of what the visitors of a site do elsewhere."""

from dataclasses import dataclass, replace

from typing_extensions import override

from okube_api.catalogue.expressions.numbers import Total
from okube_api.catalogue.scopes import Scope
from okube_api.catalogue.terms import Term, UserSet
from okube_api.catalogue.value import Number, Value


@dataclass(frozen=True, slots=True)
class VisitorTotal(Number):
    """The part of a total that comes from the visitors of each scope value.

    visitors: by scope value; a user who is in the set at any time of the period counts in every bucket.
    total: a sum over rows that have a user but no column of the scope.
    """

    visitors: UserSet
    total: Total

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        (sums,) = self.total.terms(scope)
        return (self.visitors, replace(sums, split=("user",)))


@dataclass(frozen=True, slots=True)
class VisitorBreakdown(Value):
    """The same part of a total, broken down by another scope, as a list of items with a key and a label."""

    visitors: UserSet
    total: Total
    by: Scope

    @property
    def column(self) -> str:
        """The column that holds the items."""
        column = self.total.slice.column(self.by)
        assert column is not None, f"{self.by} cannot itemise these rows"
        return column

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        (sums,) = self.total.terms(scope)
        return (self.visitors, replace(sums, split=("user", self.column)))
