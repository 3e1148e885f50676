"""Evaluates ratios, records, and values that depend on the scope."""

from okube_api.catalogue.expressions.composites import Ratio, Record, Scoped
from okube_api.engine.evaluate import evaluate, evaluate_number
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.results import RatioResults, RecordResults, Results


@evaluate.register
def _(value: Ratio, evaluator: Evaluator) -> Results:
    return RatioResults(evaluate_number(value.numerator, evaluator), evaluate_number(value.denominator, evaluator))


@evaluate.register
def _(value: Record, evaluator: Evaluator) -> Results:
    return RecordResults(tuple((name, evaluate(part, evaluator)) for name, part in value.fields))


@evaluate.register
def _(value: Scoped, evaluator: Evaluator) -> Results:
    return evaluate(value.for_scope(evaluator.scope), evaluator)
