"""A question from plan to leaves: reads each pass once, then evaluates every param in its views."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from okube_api.catalogue.expressions.values import ATTRIBUTES, Scope, Users
from okube_api.engine.calendar import Buckets
from okube_api.engine.evaluate import leaves
from okube_api.engine.evaluator import Read, View
from okube_api.engine.panel import Panel
from okube_api.engine.panels import Panels
from okube_api.engine.plan import Plan
from okube_api.engine.planner import plan, settled, unsettled
from okube_api.engine.question import Ask, By, Question
from okube_api.engine.results import Leaves
from okube_api.store.base import Aggregate, Reader, Rows


@dataclass(frozen=True, slots=True)
class Found:
    """The leaves of one param by one scope.

    names: the scope values by number; a cell is `number * width + bucket`, the last bucket being the whole period.
    """

    ask: Ask
    by: By
    buckets: Buckets | None
    width: int
    names: Sequence[str]
    leaves: Leaves


@dataclass(frozen=True, slots=True)
class Answered:
    """Everything found, param by param and scope by scope.  notes: what to know about the numbers."""

    found: tuple[Found, ...]
    plan: Plan
    read: Read
    notes: tuple[str, ...] = ()


async def answer(question: Question, reader: Reader, panels: Panels | None = None) -> Answered:
    """The leaves that a question asks for.  Raises the reader's TooManyRows and Unavailable."""
    question = await informed(question, reader)
    planned = plan(question)
    tables = [await fetched(one.node, reader) for one in planned.passes]
    panels = panels or Panels()
    known = await panels.of(question.application, reader) if needs_panel(question, planned) else Panel()
    read = Read(planned, tables, known)
    if read.is_small:
        found, notes = evaluated(question, read)
    else:
        found, notes = await asyncio.to_thread(evaluated, question, read)
    return Answered(found, planned, read, (*question.notes, *notes))


async def informed(question: Question, reader: Reader) -> Question:
    """The question that knows the places it does not look at, where rows of every place could serve it."""
    read = {about: await reader.aggregate(node) for about, node in unsettled(question).items()}
    return settled(question, {about: table.column(0).to_pylist() for about, table in read.items()})


async def fetched(node: Aggregate | Rows, reader: Reader) -> pa.Table:
    """What the store answers to one pass."""
    return await (reader.aggregate(node) if isinstance(node, Aggregate) else reader.rows(node))


def needs_panel(question: Question, planned: Plan) -> bool:
    """Whether users must be weighed, filtered or split by what is known of them."""
    users = [need.term for need in planned.serving if isinstance(need.term, Users) and need.term.slice.fact.weight]
    by_attribute = any(scope in ATTRIBUTES for scope, _ in question.filters) or any(
        by.scope in ATTRIBUTES for ask in question.asks for by in ask.scopes
    )
    return bool(users) and (question.uplift or by_attribute or any(term.attribute for term in users))


def evaluated(question: Question, read: Read) -> tuple[tuple[Found, ...], tuple[str, ...]]:
    """The leaves of every param, in order, and notes on them; params that look at the same rows share a view."""
    views: dict[tuple[Scope, Buckets | None], View] = {}
    found = []
    for ask in question.asks:
        buckets = ask.buckets(question.period)
        for by in ask.scopes:
            key = (by.scope, buckets)
            view = views.setdefault(key, View(read, question, by.scope, buckets))
            found.append(Found(ask, by, buckets, view.width, view.names.list, leaves(ask.kpi.value, view)))
    notes = dict.fromkeys(note for view in views.values() for note in view.notes)
    return tuple(found), tuple(notes)
