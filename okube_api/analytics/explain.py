"""What a question would send to the store, to be read by people."""

from okube_api.engine.plan import Plan
from okube_api.store.plans import Aggregate
from okube_api.store.protocol import Reader
from okube_api.store.values import Json


def explained(plan: Plan, reader: Reader) -> list[Json]:
    """Every pass: its table, the parts it reads, what it takes, how many needs it serves, and its statement."""
    serves = [0] * len(plan.passes)
    for numbers in plan.passes_of_need.values():
        for number in numbers:
            serves[number] += 1
    return [
        {
            "table": one.part.table.name,
            "span": one.part.span.value if one.part.span else "fact",
            "from": one.part.low,
            "to": one.part.high,
            "node": "aggregate" if isinstance(one.node, Aggregate) else "rows",
            "serves": serves[number],
            "statement": reader.to_statement(one.node),
        }
        for number, one in enumerate(plan.passes)
    ]
