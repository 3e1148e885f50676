"""A question from plan to leaves: reads each pass once, then evaluates every param in its views."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from okube_api.catalogue.scopes import ATTRIBUTES, Scope
from okube_api.catalogue.terms import UserSet
from okube_api.engine.calendar import Buckets
from okube_api.engine.evaluate import evaluate
from okube_api.engine.evaluator import Evaluator, FetchedRows
from okube_api.engine.panel import Panel
from okube_api.engine.panels import PanelCache
from okube_api.engine.plan import Plan
from okube_api.engine.planner import plan_question, subqueries, with_subqueries
from okube_api.engine.question import Question, RequestedKpi, RequestedScope
from okube_api.engine.results import Results
from okube_api.store.plans import Aggregate, Select
from okube_api.store.protocol import Reader


@dataclass(frozen=True, slots=True)
class KpiResult:
    """The leaves of one param by one scope.

    names: the scope values by number; a cell is `number * width + bucket`, the last bucket being the whole period.
    """

    kpi_request: RequestedKpi
    scope_request: RequestedScope
    buckets: Buckets | None
    width: int
    scope_values: Sequence[str]
    results: Results


@dataclass(frozen=True, slots=True)
class EngineAnswer:
    """Everything found, param by param and scope by scope.  notes: what to know about the numbers."""

    kpi_results: tuple[KpiResult, ...]
    plan: Plan
    fetched: FetchedRows
    notes: tuple[str, ...] = ()


async def answer(question: Question, reader: Reader, panels: PanelCache | None = None) -> EngineAnswer:
    """The leaves that a question asks for.  Raises the reader's TooManyRows and Unavailable."""
    question = await answer_subqueries(question, reader)
    planned = plan_question(question)
    tables = [await fetch(one.node, reader) for one in planned.passes]
    panels = panels or PanelCache()
    known = await panels.get(question.application, reader) if needs_panel(question, planned) else Panel()
    read = FetchedRows(planned, tables, known)
    if read.is_small:
        found, notes = evaluate_all(question, read)
    else:
        found, notes = await asyncio.to_thread(evaluate_all, question, read)
    return EngineAnswer(found, planned, read, (*question.notes, *notes))


async def answer_subqueries(question: Question, reader: Reader) -> Question:
    """The question that knows the places it does not look at, where rows of every place could serve it."""
    read = {about: await reader.aggregate(node) for about, node in subqueries(question).items()}
    return with_subqueries(question, {about: table.column(0).to_pylist() for about, table in read.items()})


async def fetch(node: Aggregate | Select, reader: Reader) -> pa.Table:
    """What the store answers to one pass."""
    return await (reader.aggregate(node) if isinstance(node, Aggregate) else reader.select(node))


def needs_panel(question: Question, planned: Plan) -> bool:
    """Whether users must be weighed, filtered or split by what is known of them."""
    users = [
        need.term for need in planned.passes_of_need if isinstance(need.term, UserSet) and need.term.slice.fact.weight
    ]
    by_attribute = any(scope in ATTRIBUTES for scope, _ in question.filters) or any(
        by.scope in ATTRIBUTES for ask in question.requested_kpis for by in ask.scopes
    )
    return bool(users) and (question.uplift or by_attribute or any(term.attribute for term in users))


def evaluate_all(question: Question, read: FetchedRows) -> tuple[tuple[KpiResult, ...], tuple[str, ...]]:
    """The leaves of every param, in order, and notes on them; params that look at the same rows share a view."""
    views: dict[tuple[Scope, Buckets | None], Evaluator] = {}
    found = []
    for ask in question.requested_kpis:
        buckets = ask.buckets(question.period)
        for by in ask.scopes:
            key = (by.scope, buckets)
            view = views.setdefault(key, Evaluator(read, question, by.scope, buckets))
            found.append(KpiResult(ask, by, buckets, view.width, view.names.values, evaluate(ask.kpi.value, view)))
    notes = dict.fromkeys(note for view in views.values() for note in view.notes)
    return tuple(found), tuple(notes)
