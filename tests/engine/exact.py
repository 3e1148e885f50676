"""The numbers of an answer before anything is rounded, as fractions by scope value and bucket."""

from fractions import Fraction

from okube_api.catalogue.kpi import Kpi
from okube_api.catalogue.value import Number, Value
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.evaluators import evaluate_number
from okube_api.engine.panel_cache import PanelCache
from okube_api.engine.planner import plan_question
from okube_api.engine.question import Question
from okube_api.engine.run import answer_subqueries, fetch
from okube_api.store.protocol import Reader

PERIOD_LABEL = "all"
Exact = dict[str, dict[str, Fraction]]
"""By scope value, then by bucket (its label, and `PERIOD_LABEL`); values of 0 are left out."""


async def evaluate_exactly(reader: Reader, question: Question) -> dict[str, Exact]:
    """Evaluate every KPI of a question that is a number; return the values by name."""
    question = await answer_subqueries(question, reader)
    fetched = await fetch(question, plan_question(question), reader, PanelCache())
    values_by_kpi = {}
    for request in question.requested_kpis:
        (by,) = request.scopes
        evaluator = Evaluator(fetched, question, by.dimensions, question.buckets_of(request))
        grid = evaluate_number(value_of(request.kpi), evaluator)
        labels = (*(evaluator.buckets.labels if evaluator.buckets else ()), PERIOD_LABEL)
        names = evaluator.scope_values.values
        values: Exact = {}
        for key, numerator in zip(grid.keys.tolist(), grid.numerators.tolist(), strict=True):
            number, label = divmod(key, evaluator.width)
            scope_value = names[number] if names else "globals"
            values.setdefault(scope_value, {})[labels[label]] = Fraction(numerator, grid.denominator)
        values_by_kpi[request.kpi.name] = values
    return values_by_kpi


def value_of(kpi: Kpi) -> Number:
    """Return the expression of a KPI that is a number."""
    value: Value = kpi.value
    assert isinstance(value, Number), kpi.name
    return value


def totals(values: Exact) -> dict[str, Fraction]:
    """Return the sum over scope values, by bucket."""
    sums: dict[str, Fraction] = {}
    for buckets in values.values():
        for label, value in buckets.items():
            sums[label] = sums.get(label, Fraction(0)) + value
    return {label: value for label, value in sums.items() if value}
