"""Expressions composed of other expressions: ratios, records, and values that depend on the scope."""

from dataclasses import dataclass

from typing_extensions import override

from okube_api.catalogue.scopes import Scope
from okube_api.catalogue.terms import Term
from okube_api.catalogue.value import Number, Value, collect_terms


@dataclass(frozen=True, slots=True)
class Ratio(Value):
    """One number over another; null where the denominator is 0."""

    numerator: Number
    denominator: Number

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return collect_terms((self.numerator, self.denominator), scope)


@dataclass(frozen=True, slots=True)
class Record(Value):
    """Several values, each under its name."""

    fields: tuple[tuple[str, Value], ...]

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return collect_terms((value for _, value in self.fields), scope)


@dataclass(frozen=True, slots=True)
class Scoped(Value):
    """A value that is computed differently by some scopes."""

    default: Value
    overrides: tuple[tuple[Scope, Value], ...]

    def for_scope(self, scope: Scope) -> Value:
        """Return the expression to use by that scope."""
        return dict(self.overrides).get(scope, self.default)

    @override
    def terms(self, scope: Scope) -> tuple[Term, ...]:
        return self.for_scope(scope).terms(scope)
