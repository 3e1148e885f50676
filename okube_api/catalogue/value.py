"""The base classes of expressions: what a KPI computes from its terms, as data.

`catalogue/expressions/x.py` defines expressions, `engine/evaluators/x.py` evaluates them: once each, for every KPI.
"""

from collections.abc import Iterable

from okube_api.catalogue.scopes import Scope
from okube_api.catalogue.terms import Term


class Value:
    """An expression whose value an answer can show."""

    __slots__ = ()

    def terms(self, scope: Scope) -> tuple[Term, ...]:
        """Return what must be read to evaluate the expression by that scope."""
        raise NotImplementedError


class Number(Value):
    """An expression whose value is one number."""

    __slots__ = ()


def collect_terms(values: Iterable[Value], scope: Scope) -> tuple[Term, ...]:
    """Return the terms of several expressions, in order."""
    return tuple(term for value in values for term in value.terms(scope))
