"""Explains how a question is answered: what is sent to the store, and which sources were not read, and why."""

from okube_api.engine.plan import Plan
from okube_api.store.plans import Aggregate
from okube_api.store.protocol import Reader
from okube_api.store.values import Json


def explain_plan(plan: Plan, reader: Reader) -> list[Json]:
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
