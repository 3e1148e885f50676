"""Events of conversion through a store: any cut and order of batches, batches taken back, everything again."""

from collections.abc import Mapping
from functools import partial

import numpy as np
import pytest
from okube_api.catalogue.facts import COHORTS, CREDITS, DELIVERIES, EXPOSURES, OUTCOMES
from okube_api.ingest.derive.panel_index import PanelIndex
from okube_api.ingest.events import tables
from okube_api.ingest.refresh.context import DerivationContext, RefreshTask
from okube_api.ingest.refresh.conversion import refresh_conversion
from okube_api.store.protocol import Change, Store
from okube_api.store.schema import Table

from tests.by_hand.truth import Truth
from tests.ingest import fact_store
from tests.ingest.derive import tables as made
from tests.ingest.rows import Row, to_comparable
from tests.ingest.spring import keep_spring
from tests.truth.tenant import alpha, beta

pytestmark = pytest.mark.anyio
EMBEDDED = pytest.mark.parametrize("store", ["duckdb"], indirect=True)


def people(truth: Truth) -> PanelIndex:
    numbers = made.user_numbers(truth)
    weights = {numbers[one.user]: int(one.weight * 1000) for one in truth.panelists}
    return PanelIndex(np.array([weights.get(user, 1000) for user in range(len(numbers) + 1)], np.int64), {}, {})


def events(truth: Truth) -> dict[str, tuple[Table, list[Row]]]:
    orders = [hash(one.order) for one in truth.purchases]
    deliveries = [
        {
            "part": made.ordinal(one.day),
            "campaign": one.campaign,
            "site": one.site,
            "prints": one.prints,
            "clicks": one.clicks,
            "openings": one.openings,
            "line": number,
        }
        for number, one in enumerate(truth.deliveries)
    ]
    return {
        "touches": (tables.TOUCHES, fact_store.build_event_rows(tables.TOUCHES, made.touches(truth))),
        "visits": (tables.VISITS, fact_store.build_event_rows(tables.VISITS, made.visits(truth))),
        "purchases": (tables.PURCHASES, fact_store.build_event_rows(tables.PURCHASES, made.purchases(truth), order=orders)),
        "deliveries": (tables.DELIVERIES, deliveries),
    }


async def run(told: DerivationContext, who: PanelIndex, change: Change, tasks: Mapping[str, RefreshTask]) -> None:
    await refresh_conversion(change, told, who, tasks)


async def assert_facts(found: fact_store.FactStore, truth: Truth) -> None:
    await fact_store.assert_fact(found, OUTCOMES, made.outcome_rows(truth))
    await fact_store.assert_fact(found, CREDITS, made.credit_rows(truth))
    await fact_store.assert_fact(found, COHORTS, made.cohort_rows(truth))
    await fact_store.assert_fact(found, EXPOSURES, made.exposure_rows(truth))
    await fact_store.assert_fact(found, DELIVERIES, made.delivery_rows(truth))


FACTS = (OUTCOMES, CREDITS, COHORTS, EXPOSURES, DELIVERIES)


async def test_batches_that_come_and_go_leave_what_they_should(store: Store) -> None:
    truth = keep_spring(alpha().truth)
    found = fact_store.FactStore(store, partial(run, fact_store.build_context(truth), people(truth)))
    first, second = fact_store.deal_batches(events(truth), 2, seed=8)
    more = dict(events(truth))
    touches = made.shuffled(made.touches(truth), 1).slice(0, 60)
    moved = touches.set_column(2, "at", [[at + 3_600_000 for at in touches["at"].to_pylist()]])
    more["touches"] = (tables.TOUCHES, fact_store.build_event_rows(tables.TOUCHES, moved))
    more["visits"] = (tables.VISITS, more["visits"][1][:20])
    await found.add(1, first)
    await found.add(2, more)
    await found.add(3, second)
    await found.remove(2)
    await assert_facts(found, truth)


@EMBEDDED
async def test_everything_again_is_the_same(store: Store) -> None:
    truth = keep_spring(beta().truth)
    found = fact_store.FactStore(store, partial(run, fact_store.build_context(truth), people(truth)))
    await found.add(1, events(truth))
    await assert_facts(found, truth)
    before = {fact.name: to_comparable(await found.read_rows(fact.table)) for fact in FACTS}
    days = {row["day"] for fact in FACTS for row in await found.read_rows(fact.table)}
    await found.rebuild_all(["touches", "visits", "purchases", "deliveries"], also={*days, 19_000})
    assert {fact.name: to_comparable(await found.read_rows(fact.table)) for fact in FACTS} == before


@EMBEDDED
async def test_the_latest_delivery_of_a_day_counts(store: Store) -> None:
    truth = keep_spring(beta().truth)
    found = fact_store.FactStore(store, partial(run, fact_store.build_context(truth), people(truth)))
    table, rows = events(truth)["deliveries"]
    twice = [{**row, "prints": 1, "line": 1} for row in rows] + [{**row, "prints": 7, "line": 2} for row in rows]
    await found.add(1, {"deliveries": (table, twice)})
    await found.add(2, {"deliveries": (table, rows)})
    await fact_store.assert_fact(found, DELIVERIES, made.delivery_rows(truth))
    await found.remove(2)
    seven = [{**row, "print_count": 7} for row in made.delivery_rows(truth)]
    await fact_store.assert_fact(found, DELIVERIES, seven)
