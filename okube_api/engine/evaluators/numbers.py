"""Evaluates sums of measures, distinct users, and their sums and differences."""

from functools import reduce

from okube_api.catalogue.expressions.numbers import Distinct, Minus, Plus, ScopedNumber, Total
from okube_api.catalogue.value import Number
from okube_api.engine.evaluate import evaluate, evaluate_number
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.grid import Grid
from okube_api.engine.results import NumberResults, Results


@evaluate.register
def _(value: Number, evaluator: Evaluator) -> Results:
    return NumberResults(evaluate_number(value, evaluator))


@evaluate_number.register
def _(value: Total, evaluator: Evaluator) -> Grid:
    (term,) = value.terms(evaluator.scope)
    return evaluator.sums.total(term, value.measure, value.denominator, value.is_integer)


@evaluate_number.register
def _(value: Distinct, evaluator: Evaluator) -> Grid:
    return evaluator.users.count(value.sets)


@evaluate_number.register
def _(value: Plus, evaluator: Evaluator) -> Grid:
    return reduce(Grid.add, (evaluate_number(part, evaluator) for part in value.parts))


@evaluate_number.register
def _(value: Minus, evaluator: Evaluator) -> Grid:
    return evaluate_number(value.left, evaluator).add(evaluate_number(value.right, evaluator), sign=-1)


@evaluate_number.register
def _(value: ScopedNumber, evaluator: Evaluator) -> Grid:
    return evaluate_number(value.for_scope(evaluator.scope), evaluator)
