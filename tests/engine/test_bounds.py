"""What an evaluation may take in memory: cells that no row was read for are counted before they are made."""

import tracemalloc
from collections.abc import Sequence

import pytest
from okube_api.catalogue.bands import Bands
from okube_api.catalogue.kpi import Module
from okube_api.catalogue.registry import BY_NAME
from okube_api.catalogue.scopes import PlaceRole, Scope
from okube_api.engine.calendar import Granularity, Mode, Period
from okube_api.engine.campaigns import CampaignRecord, Spending
from okube_api.engine.question import Question, RequestedKpi, RequestedScope
from okube_api.engine.run import KpiResult, answer
from okube_api.errors import TooManyValues

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
        scopes=(RequestedScope(Scope.SITES, properties=()),),
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
    (result,) = (await answer(question, reader, most_values=most_values)).kpi_results
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
        leaves = {
            result.scope_values[key // result.width]: leaf
            for key, leaf in zip(
                result.results.keys.tolist(), result.results.leaves_at(result.results.keys), strict=True
            )
            if key % result.width == DAYS
        }
        assert list(leaves.values()) == [600 + 300 + 150, 300 + 150, 150, 150]


async def test_cells_of_costs_are_counted_before_they_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    question = build_question("cost", [None])
    cells = SITES * (DAYS + 1)
    assert len((await evaluate(question, most_values=cells)).results.keys) == cells

    def fail(*_: object) -> None:
        raise AssertionError("The cells are made.")

    monkeypatch.setattr("okube_api.engine.evaluators.costs.np.tile", fail)
    with pytest.raises(TooManyValues, match="more than 7,000 values"):
        await evaluate(question, most_values=7000)


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
