"""Explains how a question is answered: what is sent to the store, and which sources were not read, and why."""

from collections.abc import Sequence

from okube_api.analytics.answered_question import AnsweredQuestion
from okube_api.catalogue.buckets import to_date
from okube_api.engine.plan import Plan
from okube_api.store.plans import Aggregate
from okube_api.store.protocol import Reader
from okube_api.store.values import Json


def explain_plans(answered: Sequence[AnsweredQuestion], reader: Reader) -> list[Json]:
    """Describe every pass of all questions (see `_explain_plan`), and what it is for if there are several questions.

    `params` are the positions of the params of its question, `period` its first and last day.
    """
    if len(answered) == 1 and not answered[0].compared:
        return _explain_plan(answered[0].answer.plan, reader)
    descriptions = []
    for each in answered:
        periods = (each.question.period, *each.compared)
        for period, answer in zip(periods, each.answers, strict=True):
            days = {"from": to_date(period.first).isoformat(), "to": to_date(period.last).isoformat()}
            shared = {"params": each.positions, "period": days}
            descriptions += [{**shared, **record} for record in _explain_plan(answer.plan, reader)]
    return descriptions


def _explain_plan(plan: Plan, reader: Reader) -> list[Json]:
    """Describe every pass: its table, the parts that it reads, its statement, and the rejected sources.

    `serves` is the number of needs (a term of a KPI by a scope and a granularity) that read the pass.
    """
    serves = [0] * len(plan.passes)
    for numbers in plan.passes_of_need.values():
        for number in numbers:
            serves[number] += 1
    return [
        {
            "table": query.part.table.name,
            "span": query.part.span.value if query.part.span else "fact",
            "from": query.part.low,
            "to": query.part.high,
            "node": "aggregate" if isinstance(query.node, Aggregate) else "rows",
            "serves": serves[number],
            "statement": reader.to_statement(query.node),
            "rejected": [{"table": source.table, "reason": source.reason} for source in plan.rejected[number]],
        }
        for number, query in enumerate(plan.passes)
    ]
