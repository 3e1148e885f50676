"""What the engine makes of a question before anything is rounded, as fractions by scope value and bucket."""

from fractions import Fraction

from okube_api.catalogue.expressions.values import Number, Value
from okube_api.catalogue.kpi import Kpi
from okube_api.engine.evaluate import number
from okube_api.engine.evaluator import Read, View
from okube_api.engine.panel import Panel
from okube_api.engine.panels import panel_of
from okube_api.engine.planner import plan
from okube_api.engine.question import Question
from okube_api.engine.run import fetched, informed, needs_panel
from okube_api.store.base import Reader

WHOLE = "all"
Exact = dict[str, dict[str, Fraction]]
"""By scope value, then by bucket (its label, and `WHOLE`); what is 0 is left out."""


async def exact(reader: Reader, question: Question) -> dict[str, Exact]:
    """Every KPI of a question that is a number, by name."""
    question = await informed(question, reader)
    planned = plan(question)
    tables = [await fetched(one.node, reader) for one in planned.passes]
    known = await panel_of(reader) if needs_panel(question, planned) else Panel()
    read = Read(planned, tables, known)
    found = {}
    for ask in question.asks:
        value = value_of(ask.kpi)
        (by,) = ask.scopes
        view = View(read, question, by.scope, ask.buckets(question.period))
        cells = number(value, view)
        labels = (*(view.buckets.labels if view.buckets else ()), WHOLE)
        values: Exact = {}
        for key, numerator in zip(cells.keys.tolist(), cells.numerators.tolist(), strict=True):
            name, label = divmod(key, view.width)
            scope_value = view.names.list[name] if view.names.list else "globals"
            values.setdefault(scope_value, {})[labels[label]] = Fraction(numerator, cells.per)
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
