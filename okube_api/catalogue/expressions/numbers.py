"""Expressions that are one number: sums of measures, distinct users, and their sums and differences."""

from dataclasses import dataclass

from typing_extensions import override

from okube_api.catalogue.fact import Measure
from okube_api.catalogue.scopes import Scope
from okube_api.catalogue.terms import Slice, Sums, Term, UserSet
from okube_api.catalogue.value import Number, collect_terms


@dataclass(frozen=True, slots=True)
class Total(Number):
    """The sum of a measure.

    denominator: how many of the measure's units make one of the answer's (1,000,000 for money).
    is_integer: whether it is an integer as long as there is no uplift.
    divided_by: a column that divides the measure of each row (the length of a path).
    """

    measure: Measure
    slice: Slice
    denominator: int = 1
    is_integer: bool = True
    divided_by: str | None = None

    @override
    def terms(self, scope: Scope) -> tuple[Sums]:
        return (Sums(self.slice, (self.measure,), (self.divided_by,) if self.divided_by else ()),)


@dataclass(frozen=True, slots=True)
class Distinct(Number):
    """The number of distinct users of the union of sets; with uplift, the sum of their weights."""

    sets: tuple[UserSet, ...]

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return self.sets


@dataclass(frozen=True, slots=True)
class Plus(Number):
    """The sum of numbers."""

    parts: tuple[Number, ...]

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return collect_terms(self.parts, scope)


@dataclass(frozen=True, slots=True)
class Minus(Number):
    """The difference of two numbers."""

    left: Number
    right: Number

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return collect_terms((self.left, self.right), scope)


@dataclass(frozen=True, slots=True)
class ScopedNumber(Number):
    """A number that is computed differently by some scopes."""

    default: Number
    overrides: tuple[tuple[Scope, Number], ...]

    def for_scope(self, scope: Scope) -> Number:
        """Return the expression to use by that scope."""
        return dict(self.overrides).get(scope, self.default)

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return self.for_scope(scope).terms(scope)
