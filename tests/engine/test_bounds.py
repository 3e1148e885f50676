"""What an evaluation may take in memory: cells that no row was read for are counted before they are made."""

import asyncio
import threading
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from okube_api.catalogue.bands import Bands
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.engine.calendar import Granularity, Mode, Period
from okube_api.engine.campaigns import CampaignRecord, Spending
from okube_api.engine.distinct import count_distinct
from okube_api.engine.grid import sum_by_cell
from okube_api.engine.kpi_results import KpiResult
from okube_api.engine.question import Question, RequestedKpi, request_scope
from okube_api.engine.run import answer
from okube_api.engine.selection import read_period_leaves
from okube_api.engine.sets import count_memberships, from_users, merge_groups
from okube_api.engine.value_budget import ValueBudget
from okube_api.errors import TooManyValues
from okube_api.threads import run_in_thread

from tests.engine.memory import Memory, Row
from tests.engine.stores import ALL_TABLES

pytestmark = pytest.mark.anyio

FIRST, DAYS, SITES, CAMPAIGNS = 19_000, 300, 200, 100
MICRO = 1_000_000


def build_question(kpi: str, sites_of_campaign: Sequence[Sequence[str] | None]) -> Question:
    """Return a question about a KPI by site by day, with a fixed cost of 600 on 300 days for each campaign."""
    sites = tuple(f"{number:024x}" for number in range(SITES))
    spending = Spending("fixed", 600 * MICRO, FIRST, FIRST + DAYS - 1)
    campaigns = (
        CampaignRecord(f"c{number}", f"c{number}", None, None, tuple(own) if own else None, (), (spending,))
        for number, own in enumerate(sites_of_campaign)
    )
    requested = RequestedKpi(
        BY_NAME[Module.CONVERSION][kpi],
        Mode.HISTOGRAM,
        Granularity.DAY,
        all=True,
        temporals=True,
        scopes=(request_scope(Scope.SITES, properties=()),),
    )
    return Question(
        application="a" * 24,
        period=Period(FIRST, FIRST + DAYS - 1),
        uplift=False,
        requested_kpis=(requested,),
        places={PlaceRole.SITES: sites},
        filters=(),
        edges=dict.fromkeys(Bands, (0, 1, 2)),
        campaigns={campaign.id: campaign for campaign in campaigns},
        active_sites=sites,
    )


async def evaluate(
    question: Question, rows: dict[str, list[Row]] | None = None, most_values: int | None = None
) -> KpiResult:
    """Return the result of the only KPI of a question over some rows."""
    reader = Memory({table.name: (rows or {}).get(table.name, []) for table in ALL_TABLES})
    (result,) = (await answer(question, reader, budget=ValueBudget(most_values))).kpi_results
    return result


async def test_costs_that_sites_share_take_memory_by_cell_and_not_by_campaign() -> None:
    question = build_question("cost", [None] * CAMPAIGNS)
    tracemalloc.start()
    try:
        result = await evaluate(question)
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    cells = SITES * (DAYS + 1)
    assert len(result.results.keys) == cells
    assert peak_bytes < 20 * 8 * cells < 8 * cells * CAMPAIGNS
    day, period = result.results.leaves_at(result.results.keys[[0, DAYS]])
    assert day == CAMPAIGNS * 600 / DAYS / SITES
    assert period == CAMPAIGNS * 600 / SITES


async def test_costs_of_campaigns_with_sites_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spread the costs of 3 campaigns of 1, 2 and 4 sites, some of them the same, in one or in several blocks."""
    own = [[f"{site:024x}" for site in sites] for sites in ((0,), (0, 1), (0, 1, 2, 3))]
    question = build_question("cost", own)
    for block in (10**9, 1):
        monkeypatch.setattr("okube_api.engine.evaluators.costs._BLOCK", block)
        result = await evaluate(question)
        assert result.selection is not None
        leaves = read_period_leaves(result.results, result.selection.numbers, result.width)
        assert leaves == [600 + 300 + 150, 300 + 150, 150, 150]


async def test_cells_of_costs_are_counted_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    question = build_question("cost", [None])
    cells = SITES * (DAYS + 1)
    assert len((await evaluate(question, most_values=cells)).results.keys) == cells

    def fail(*_: object) -> None:
        raise AssertionError("The cells are made.")

    monkeypatch.setattr("okube_api.engine.evaluators.costs.np.tile", fail)
    with pytest.raises(TooManyValues, match="more than 7,000 values"):
        await evaluate(question, most_values=7000)


async def test_filled_buckets_are_counted_before_they_are_made() -> None:
    """Fill the days of sites that a filter names, of which only one has data."""
    question = build_question("cost", [[f"{0:024x}"]])
    requested = replace(question.requested_kpis[0], fill=True)
    named = {Scope.SITES: question.places[PlaceRole.SITES]}
    question = replace(question, requested_kpis=(requested,), named_values=named)
    values = SITES * (DAYS + 1)
    assert (await evaluate(question, most_values=values)).values == values
    with pytest.raises(TooManyValues, match="param 0 \\('cost' by sites\\)"):
        await evaluate(question, most_values=values - 1)
    assert (await evaluate(replace(question, named_values={}), most_values=DAYS + 1)).values == DAYS + 1


async def test_users_that_sites_repeat_are_counted_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exposures have no site: the exposed users of a bucket are repeated for each site."""
    question = build_question("venueRate", [None])
    rows = [
        {"part": day, "day": day, "campaign": "c0", "control": 0, "users": (1).to_bytes(4, "little")}
        for day in range(FIRST, FIRST + DAYS)
    ]
    exposed = {"exposures_campaign_day": rows}
    monkeypatch.setattr("okube_api.engine.evaluators.exposure.np.tile", None)
    with pytest.raises(TooManyValues):
        await evaluate(question, exposed, most_values=7000)


USERS = from_users(np.zeros(3, dtype=np.int64), np.array([1, 2, 2]))
STEPS: Mapping[str, Callable[[], object]] = {
    "sums": lambda: sum_by_cell(np.array([1]), np.array([1])),
    "unions": lambda: list(merge_groups(USERS)),
    "memberships": lambda: count_memberships(USERS),
    "distinct users": lambda: count_distinct(USERS, None, 1),
}


@pytest.mark.parametrize("step", STEPS)
async def test_each_step_of_an_evaluation_ends_when_nobody_waits_for_it(step: str) -> None:
    started, ended = threading.Event(), threading.Event()

    def repeat() -> None:
        try:
            for _ in range(1_000_000):
                STEPS[step]()
                started.set()
        finally:
            ended.set()

    task = asyncio.create_task(run_in_thread(repeat))
    assert await asyncio.to_thread(started.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 2)
    assert ended.is_set()


@pytest.mark.parametrize("in_thread", [True, False])
async def test_few_rows_are_evaluated_in_a_thread_if_there_is_much_to_compute(in_thread: bool) -> None:
    """Evaluate costs without any rows: there are no rows, but the days of each campaign are counted."""
    question = build_question("cost", [None])
    threads = []

    def note_thread(*_: object) -> tuple[()]:
        threads.append(threading.current_thread() is threading.main_thread())
        return ()

    reader = Memory({table.name: [] for table in ALL_TABLES})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("okube_api.engine.run.evaluate_question", note_thread)
        await answer(question, reader, in_thread=in_thread)
    assert threads == [not in_thread]
