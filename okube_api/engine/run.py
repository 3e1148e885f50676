"""Answers a question: subqueries, plan, fetch, evaluate.

A question arrives resolved (`analytics/resolve`); the results leave to be shaped as JSON or a table
(`analytics/answer`, `analytics/table`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import pyarrow as pa

from okube_api.catalogue.scopes import ATTRIBUTES
from okube_api.catalogue.terms import UserSet
from okube_api.engine.band_edges import with_edges_of_counts
from okube_api.engine.evaluator import TooManyCells
from okube_api.engine.fetched_rows import FetchedRows
from okube_api.engine.kpi_results import KpiEvaluator, KpiResult
from okube_api.engine.notes import Note
from okube_api.engine.panel import Panel
from okube_api.engine.panel_cache import PanelCache
from okube_api.engine.plan import Plan
from okube_api.engine.planner import plan_question, subqueries, with_subqueries
from okube_api.engine.question import Question, RequestedKpi, RequestedScope
from okube_api.engine.rollup_versions import CompleteFacts, check_hours, check_rollups, with_complete_facts
from okube_api.engine.text_columns import encode_texts
from okube_api.engine.value_budget import ValueBudget
from okube_api.store.plans import Aggregate, Select
from okube_api.store.protocol import Reader
from okube_api.threads import check_stopped, run_in_thread

OnPass = Callable[[int, int], None]
"""Called with the number of passes that were fetched, and that of all passes of the plan."""


@dataclass(frozen=True, slots=True)
class EngineAnswer:
    """The results of a question, param by param and scope by scope, with the plan and the rows they come from.

    notes: remarks on the numbers, for the answer.
    """

    kpi_results: tuple[KpiResult, ...]
    plan: Plan
    fetched: FetchedRows
    notes: tuple[Note, ...] = ()

    @property
    def values(self) -> int:
        """About how many values the answer has."""
        return sum(kpi_result.values for kpi_result in self.kpi_results)


async def answer(
    question: Question,
    reader: Reader,
    panels: PanelCache | None = None,
    *,
    complete_facts: CompleteFacts | None = None,
    budget: ValueBudget | None = None,
    in_thread: bool = False,
    on_pass: OnPass | None = None,
) -> EngineAnswer:
    """Answer a resolved question.  Raise the reader's TooManyRows and Unavailable, and TooManyValues.

    panels, complete_facts: caches, for questions that follow.
    budget: counts the values of all questions of a request; None without a limit.
    in_thread: whether to plan and evaluate in a thread even when few rows are read.
    on_pass: called after each pass of the plan.
    """
    budget = budget or ValueBudget()
    budget.check_certain_values(question)
    fetched_question = await fetch_question(
        question, reader, panels or PanelCache(), complete_facts=complete_facts, in_thread=in_thread, on_pass=on_pass
    )
    question, fetched = fetched_question.question, fetched_question.fetched
    evaluator = KpiEvaluator(question, fetched, budget.most_cells)
    evaluate = partial(evaluate_question, question, budget, evaluator.evaluate)
    results = evaluate() if fetched.is_small and not in_thread else await run_in_thread(evaluate)
    return EngineAnswer(results, fetched_question.plan, fetched, question.notes)


@dataclass(frozen=True, slots=True)
class FetchedQuestion:
    """A question with what the planner must know of the rows, its plan, and the rows of the plan."""

    question: Question
    plan: Plan
    fetched: FetchedRows


async def fetch_question(
    question: Question,
    reader: Reader,
    panels: PanelCache,
    *,
    complete_facts: CompleteFacts | None = None,
    in_thread: bool = False,
    on_pass: OnPass | None = None,
) -> FetchedQuestion:
    """Plan a question and fetch the rows that it needs.  For the parameters and errors see `answer`."""
    question = await with_edges_of_counts(await answer_subqueries(question, reader, complete_facts), reader)
    plan = await run_in_thread(partial(plan_question, question)) if in_thread else plan_question(question)
    await check_rollups(plan, question, reader)
    return FetchedQuestion(question, plan, await fetch(question, plan, reader, panels, on_pass))


async def answer_subqueries(
    question: Question, reader: Reader, complete_facts: CompleteFacts | None = None
) -> Question:
    """Return the question with what the planner must know of the rows.

    These are the facts whose newest rollups are complete, and the places that have rows and are not in the question.
    Raise ServiceUnavailable when hours are needed that the rows do not have yet.
    """
    question = await with_complete_facts(question, reader, complete_facts or CompleteFacts())
    await check_hours(question, reader)
    tables = {key: await reader.aggregate(node) for key, node in subqueries(question).items()}
    values = {key: encode_texts(table.column(0))[1] for key, table in tables.items()}
    return with_subqueries(question, {key: filter(None, places) for key, places in values.items()})


async def fetch(
    question: Question, plan: Plan, reader: Reader, panels: PanelCache, on_pass: OnPass | None = None
) -> FetchedRows:
    """Fetch the rows of every pass, and the panel if users must be weighed, filtered or split by an attribute."""
    tables = []
    for number, pass_ in enumerate(plan.passes, 1):
        tables.append(await _fetch_pass(pass_.node, reader))
        if on_pass is not None:
            on_pass(number, len(plan.passes))
    panel = await panels.get(question.application, reader) if needs_panel(question, plan) else Panel()
    return FetchedRows(plan, tables, panel)


def evaluate_question(
    question: Question,
    budget: ValueBudget,
    evaluate: Callable[[RequestedKpi, RequestedScope], KpiResult],
) -> tuple[KpiResult, ...]:
    """Return the results of every param, in order.  Raise TooManyValues before more leaves are built than allowed.

    evaluate: returns the result of a param by one of its scopes; it is called in order.
    """
    kpi_results = []
    for request in question.requested_kpis:
        for by in request.scopes:
            check_stopped()
            try:
                kpi_result = evaluate(request, by)
            except TooManyCells as error:
                raise budget.refuse_cells(request, by, error) from None
            budget.add(request, by, kpi_result.values)
            kpi_results.append(kpi_result)
    return tuple(kpi_results)


def needs_panel(question: Question, plan: Plan) -> bool:
    """Return whether users must be weighed, filtered or split by their attributes."""
    terms = [
        need.term for need in plan.passes_of_need if isinstance(need.term, UserSet) and need.term.slice.fact.weight
    ]
    by_attribute = any(scope in ATTRIBUTES for scope, _ in question.filters) or any(
        dimension.scope in ATTRIBUTES
        for request in question.requested_kpis
        for by in request.scopes
        for dimension in by.dimensions
    )
    return bool(terms) and (question.uplift or by_attribute or any(term.attribute for term in terms))


async def _fetch_pass(node: Aggregate | Select, reader: Reader) -> pa.Table:
    return await (reader.aggregate(node) if isinstance(node, Aggregate) else reader.select(node))
