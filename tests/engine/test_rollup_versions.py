"""The newest rollups: answers are the same with and without them, and whether sets or their sizes are read."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date
from typing import Any

import pyarrow as pa
import pytest
from okube_api.catalogue.fact import Span
from okube_api.catalogue.facts import FACTS, ROLLUP_VERSIONS
from okube_api.catalogue.kpi import Module
from okube_api.engine.question import Question
from okube_api.engine.rollup_versions import CompleteFacts
from okube_api.engine.run import EngineAnswer, answer
from okube_api.errors import ServiceUnavailable
from okube_api.store.conditions import EVERYTHING, Condition
from okube_api.store.schema import Table

from tests.by_hand import performance
from tests.by_hand import question as by_hand
from tests.by_hand.truth import Truth
from tests.engine.ask import resolve_question
from tests.engine.campaign_tenants import campaign_tenant
from tests.engine.memory import Memory, Row
from tests.engine.rendered import render_data
from tests.engine.rows import build_tables
from tests.engine.stores import Reading
from tests.engine.tenants import tenant

pytestmark = pytest.mark.anyio
GEO_KPIS = ("posSessions", "timespent", "uniqUsers", "acquisition")
FIRST, LAST = date(2024, 2, 20), date(2024, 5, 9)


def build_without_newest(truth: Truth) -> dict[str, list[Row]]:
    """Build the rows of a store of an earlier version: no weeks, no grain without places, no sizes of sets."""
    rows = build_tables(truth)
    rows[ROLLUP_VERSIONS.name] = []
    for fact in FACTS:
        for grain in fact.grains:
            for span in grain.spans:
                name = fact.rollup(grain, span).name
                if span is Span.WEEK or grain.since > 1:
                    rows[name] = []
                sizes = [members.size_column for members in grain.sets(span)]
                rows[name] = [row | dict.fromkeys(sizes) for row in rows[name]]
    return rows


def ask_for(truth: Truth, scope: str, granularity: str, *, period: bool, uplift: bool) -> Question:
    """Return a question about a spring, with or without the whole period."""
    plain = by_hand.Question(FIRST, LAST, scope=scope, granularity=granularity, uplift=uplift)
    question = resolve_question(truth, Module.GEO_MARKETING, GEO_KPIS, plain)
    return replace(question, requested_kpis=tuple(replace(request, all=period) for request in question.requested_kpis))


def list_tables(engine_answer: EngineAnswer) -> set[str]:
    """Return the names of the tables that were read."""
    return {pass_.part.table.name for pass_ in engine_answer.plan.passes}


def leave_out_period(data: Any) -> Any:
    """Return the data of an answer without the values of the whole period."""
    if isinstance(data, dict):
        return {name: leave_out_period(value) for name, value in data.items() if name != "all"}
    return [leave_out_period(value) for value in data] if isinstance(data, list) else data


@pytest.mark.slow
@pytest.mark.parametrize("uplift", [False, True])
@pytest.mark.parametrize("granularity", ["day", "week", "month", "year"])
@pytest.mark.parametrize("scope", ["globals", "sites"])
async def test_answers_do_not_depend_on_the_newest_rollups(
    reading: Reading, scope: str, granularity: str, *, uplift: bool
) -> None:
    truth = tenant(3)
    earlier = Memory(build_without_newest(truth))
    for period in (True, False):
        question = ask_for(truth, scope, granularity, period=period, uplift=uplift)
        before = await answer(question, earlier)
        async with reading(truth) as reader:
            after = await answer(question, reader)
        assert render_data(question, after) == render_data(question, before)
        assert not any("_week" in name or "_zone_" in name for name in list_tables(before))
        assert (granularity == "week") == any("_week" in name for name in list_tables(after))


@pytest.mark.parametrize("granularity", ["day", "week", "month"])
async def test_sizes_are_read_where_a_row_is_a_cell(reading: Reading, granularity: str) -> None:
    truth = tenant(3)
    async with reading(truth) as reader:
        question = ask_for(truth, "sites", granularity, period=False, uplift=False)
        counted = await answer(question, reader)
        merged = await answer(ask_for(truth, "sites", granularity, period=True, uplift=False), reader)
    of_bucket = [
        table
        for pass_, table in zip(counted.plan.passes, counted.fetched.tables, strict=True)
        if pass_.part.span == granularity and "users_n" in table.column_names
    ]
    assert of_bucket
    assert all("users" not in table.column_names for table in of_bucket)
    assert not any("users_n" in table.column_names for table in merged.fetched.tables)
    whole = ask_for(truth, "sites", granularity, period=True, uplift=False)
    assert render_data(question, counted) == leave_out_period(render_data(whole, merged))


@pytest.mark.parametrize("kpi", [kpi for kpi in performance.KPIS if kpi != "unattributedVisits"])
async def test_performance_is_not_answered_before_the_first_rebuild(kpi: str) -> None:
    """Refuse what an earlier version did not count, instead of answering 0."""
    truth = campaign_tenant(1)
    question = resolve_question(truth, Module.PERFORMANCE, (kpi,), by_hand.Question(FIRST, LAST))
    with pytest.raises(ServiceUnavailable, match="rebuilt"):
        await answer(question, Memory(build_without_newest(truth)))


async def test_performance_without_events_needs_no_rebuild() -> None:
    truth, kpis = Truth(sites=campaign_tenant(1).sites), tuple(performance.KPIS)
    question = resolve_question(truth, Module.PERFORMANCE, kpis, by_hand.Question(FIRST, LAST))
    answers = render_data(question, await answer(question, Memory(build_without_newest(truth))))
    assert answers == [performance.performance(truth, kpi, by_hand.Question(FIRST, LAST)) for kpi in kpis]


class CountingMemory(Memory):
    """Rows in memory that can change; counts how often partitions are read."""

    version_number = 0
    reads = 0

    def version_of(self, source: Table) -> str:
        return f"{source.name} {self.version_number}"

    def read_parts(self, table: Table, low: int, high: int, where: Condition = EVERYTHING) -> AsyncIterator[pa.Table]:
        self.reads += 1
        return super().read_parts(table, low, high, where)


async def test_complete_facts_are_read_again_when_they_change() -> None:
    earlier, later = CountingMemory(build_without_newest(tenant(3))), CountingMemory(build_tables(tenant(3)))
    facts = CompleteFacts(max_applications=2)
    for _ in range(2):
        assert await facts.get("a", earlier) == frozenset()
        assert await facts.get("b", later) == frozenset(fact.name for fact in FACTS)
    assert (earlier.reads, later.reads) == (1, 1)
    earlier.tables = build_tables(tenant(3))
    earlier.version_number = 1
    assert await facts.get("a", earlier) == await facts.get("b", later)
    assert await facts.get("c", later) == await facts.get("a", earlier)
