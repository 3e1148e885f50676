"""The version of the rollups of each fact, which says whether the newest of them have rows for all days.

After an upgrade, rollups that are new have no rows until the facts are rebuilt.  Questions are then answered from the
other rollups; those by hour cannot be, because the facts of earlier versions have no hours, nor can those about
purchases and new visitors.
"""

from collections.abc import Iterable
from dataclasses import replace

import pyarrow as pa

from okube_api.catalogue.fact import Fact, Span
from okube_api.catalogue.facts import FACTS, OUTCOMES, PURCHASE_FACT, ROLLUP_VERSION, ROLLUP_VERSIONS
from okube_api.engine.plan import Plan
from okube_api.engine.question import Question
from okube_api.errors import ServiceUnavailable
from okube_api.store.conditions import EVERYTHING
from okube_api.store.plans import Select
from okube_api.store.protocol import Change, Reader

_REBUILD_S = 60
_WITHOUT_HOURS = (
    "The facts have no hours until they are rebuilt, which the server does in the background after an upgrade. Ask "
    "again later, or for days and without filters on hours."
)
_WITHOUT_ROLLUPS = (
    "The facts that the question needs are new, and have no rows until the server has rebuilt them, which it does in "
    "the background after an upgrade. Ask again later."
)
_LAST_SUMMED = 2  # the rollups of later versions hold what no earlier rollup held
_NEWEST = {
    fact.rollup(grain, span).name: fact
    for fact in FACTS
    for grain in fact.grains
    if grain.since > _LAST_SUMMED
    for span in grain.spans
}
"""By the name of a rollup without rows of earlier versions: its fact."""
_DERIVED_WITH = {PURCHASE_FACT: OUTCOMES}
"""Facts that are new, with a fact of the same events that earlier versions have."""


async def read_complete_facts(reader: Reader) -> frozenset[str]:
    """Return the names of the facts that have all rollups of the present version."""
    return _list_complete(await reader.select(Select(ROLLUP_VERSIONS, EVERYTHING, ("fact", "version"))))


def _list_complete(rows: pa.Table) -> frozenset[str]:
    versions = zip(rows["fact"].to_pylist(), rows["version"].to_pylist(), strict=True)
    return frozenset(fact for fact, version in versions if version >= ROLLUP_VERSION)


async def check_hours(question: Question, reader: Reader) -> None:
    """Raise ServiceUnavailable when facts whose hours are needed have rows of a version without hours."""
    facts = {term.slice.fact for term in question.list_hourly_terms()}
    for fact in facts:
        if fact.has_hours and fact.name not in question.complete_facts and await _has_earlier_rows(fact, reader):
            raise ServiceUnavailable(_WITHOUT_HOURS, _REBUILD_S)


async def check_rollups(plan: Plan, question: Question, reader: Reader) -> None:
    """Raise ServiceUnavailable when a plan reads rollups that lack the events of an earlier version."""
    for fact in {_NEWEST[name] for pass_ in plan.passes if (name := pass_.part.table.name) in _NEWEST}:
        if fact.name not in question.complete_facts and await _has_earlier_rows(fact, reader):
            raise ServiceUnavailable(_WITHOUT_ROLLUPS, _REBUILD_S)


async def _has_earlier_rows(fact: Fact, reader: Reader) -> bool:
    """Return whether there are rows of a fact, or of the fact of the same events if it is new."""
    fact = _DERIVED_WITH.get(fact, fact)
    grain = min(fact.grains, key=lambda grain: grain.since)
    return bool(await reader.list_parts(fact.rollup(grain, Span.DAY)))


async def mark_complete(change: Change, facts: Iterable[str]) -> None:
    """Record that these facts, too, have all rollups of the present version."""
    complete = await read_complete_facts(change)
    if complete.issuperset(facts):
        return
    rows = [{"part": 0, "fact": fact, "version": ROLLUP_VERSION} for fact in sorted(complete.union(facts))]
    schema = pa.schema({"part": pa.int64(), "fact": pa.string(), "version": pa.int64()})
    await change.replace(ROLLUP_VERSIONS, [0], pa.Table.from_pylist(rows, schema=schema))


class CompleteFacts:
    """The facts that have all rollups of the present version, by application; read again when they change."""

    def __init__(self, max_applications: int = 1000) -> None:
        self._max_applications = max_applications
        self._facts: dict[str, tuple[str, frozenset[str]]] = {}

    async def get(self, application: str, reader: Reader) -> frozenset[str]:
        """Return the names of the facts.  They are read without the limit of rows that questions have."""
        version = reader.version_of(ROLLUP_VERSIONS)
        cached_version, facts = self._facts.get(application, (None, frozenset[str]()))
        if cached_version != version:
            blocks = [block async for block in reader.read_parts(ROLLUP_VERSIONS, 0, 0)]
            facts = frozenset[str]().union(*map(_list_complete, blocks))
            if len(self._facts) >= self._max_applications:
                self._facts.clear()
            self._facts[application] = (version, facts)
        return facts


async def with_complete_facts(question: Question, reader: Reader, complete_facts: CompleteFacts) -> Question:
    """Return the question with the facts whose newest rollups the planner may choose."""
    return replace(question, complete_facts=await complete_facts.get(question.application, reader))
