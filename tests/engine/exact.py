"""What the engine makes of a question before anything is rounded, as fractions by scope value and bucket."""

from fractions import Fraction

from okube_api.catalogue.kpi import Kpi
from okube_api.catalogue.value import Number, Value
from okube_api.engine.evaluate import evaluate_number
from okube_api.engine.evaluator import Evaluator, FetchedRows
from okube_api.engine.panel import Panel
from okube_api.engine.panels import read_panel
from okube_api.engine.planner import plan_question
from okube_api.engine.question import Question
from okube_api.engine.run import answer_subqueries, fetch, needs_panel
from okube_api.store.protocol import Reader

WHOLE = "all"
Exact = dict[str, dict[str, Fraction]]
"""By scope value, then by bucket (its label, and `WHOLE`); what is 0 is left out."""


async def exact(reader: Reader, question: Question) -> dict[str, Exact]:
    """Every KPI of a question that is a number, by name."""
    question = await answer_subqueries(question, reader)
    planned = plan_question(question)
    tables = [await fetch(one.node, reader) for one in planned.passes]
    known = await read_panel(reader) if needs_panel(question, planned) else Panel()
    read = FetchedRows(planned, tables, known)
    found = {}
    for ask in question.requested_kpis:
        value = value_of(ask.kpi)
        (by,) = ask.scopes
        view = Evaluator(read, question, by.scope, ask.buckets(question.period))
        cells = evaluate_number(value, view)
        labels = (*(view.buckets.labels if view.buckets else ()), WHOLE)
        values: Exact = {}
        for key, numerator in zip(cells.keys.tolist(), cells.numerators.tolist(), strict=True):
            name, label = divmod(key, view.width)
            scope_value = view.names.values[name] if view.names.values else "globals"
            values.setdefault(scope_value, {})[labels[label]] = Fraction(numerator, cells.denominator)
        found[ask.kpi.name] = values
    return found


def value_of(kpi: Kpi) -> Number:
    """The number that a KPI is."""
    value: Value = kpi.value
    assert isinstance(value, Number), kpi.name
    return value


def totals(found: Exact) -> dict[str, Fraction]:
    """The sum over scope values, by bucket."""
    summed: dict[str, Fraction] = {}
    for buckets in found.values():
        for label, value in buckets.items():
            summed[label] = summed.get(label, Fraction(0)) + value
    return {label: value for label, value in summed.items() if value}
