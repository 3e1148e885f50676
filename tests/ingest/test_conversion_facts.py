"""Events of conversion through a store: any cut and order of batches, batches taken back, everything again."""

from collections.abc import AsyncIterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
from okube_api.catalogue.facts import COHORTS, CREDITS, DELIVERIES, EXPOSURES, OUTCOMES
from okube_api.ingest import tables
from okube_api.ingest.conversion_facts import rebuild
from okube_api.ingest.people import People
from okube_api.ingest.told import Task, Told
from okube_api.store import open_store
from okube_api.store.base import Change, Store, Table
from tests.by_hand.truth import Truth
from tests.ingest import kept
from tests.ingest.derive import tables as made
from tests.truth.tenant import alpha, beta

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["duckdb", "mongo"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    url = f"duckdb:{tmp_path / 'facts.duckdb'}"
    if request.param == "mongo":
        url = f"{request.getfixturevalue('mongo_uri').rstrip('/')}/facts_{uuid4().hex[:12]}"
    found = open_store(url, kept.SCHEMA)
    await found.start()
    try:
        yield found
    finally:
        await found.forget(kept.APPLICATION)
        await found.close()


def people(truth: Truth) -> People:
    numbers = made.user_numbers(truth)
    weights = {numbers[one.user]: int(one.weight * 1000) for one in truth.panelists}
    return People(np.array([weights.get(user, 1000) for user in range(len(numbers) + 1)], np.int64), {}, {})


def events(truth: Truth) -> dict[str, tuple[Table, list[kept.Row]]]:
    orders = [hash(one.order) for one in truth.purchases]
    deliveries = [
        {
            "part": made.ordinal(one.day),
            "campaign": one.campaign,
            "site": one.site,
            "prints": one.prints,
            "clicks": one.clicks,
            "openings": one.openings,
        }
        for one in truth.deliveries
    ]
    return {
        "touches": (tables.TOUCHES, kept.event_rows(tables.TOUCHES, made.touches(truth))),
        "visits": (tables.VISITS, kept.event_rows(tables.VISITS, made.visits(truth))),
        "purchases": (tables.PURCHASES, kept.event_rows(tables.PURCHASES, made.purchases(truth), order=orders)),
        "deliveries": (tables.DELIVERIES, deliveries),
    }


async def run(told: Told, who: People, change: Change, tasks: Mapping[str, Task]) -> None:
    await rebuild(change, told, who, tasks)


async def assert_facts(found: kept.Kept, truth: Truth) -> None:
    await kept.assert_kept(found, OUTCOMES, made.outcome_rows(truth))
    await kept.assert_kept(found, CREDITS, made.credit_rows(truth))
    await kept.assert_kept(found, COHORTS, made.cohort_rows(truth))
    await kept.assert_kept(found, EXPOSURES, made.exposure_rows(truth))
    await kept.assert_kept(found, DELIVERIES, made.delivery_rows(truth))


@pytest.mark.parametrize(("tenant", "number"), [(alpha, 1), (alpha, 3), (beta, 5)])
async def test_any_cut_into_batches_gives_the_same_facts(store: Store, tenant: Any, number: int) -> None:
    truth = tenant().truth if number == 1 else kept.spring(tenant().truth)
    found = kept.Kept(store, partial(run, kept.told(truth), people(truth)))
    for one, batch in enumerate(kept.batches(events(truth), number, seed=number), start=1):
        await found.take(one, batch)
    await assert_facts(found, truth)


async def test_a_batch_taken_back_leaves_nothing(store: Store) -> None:
    truth = kept.spring(alpha().truth)
    found = kept.Kept(store, partial(run, kept.told(truth), people(truth)))
    first, second = kept.batches(events(truth), 2, seed=8)
    more = dict(events(truth))
    touches = made.shuffled(made.touches(truth), 1).slice(0, 60)
    moved = touches.set_column(2, "at", [[at + 3_600_000 for at in touches["at"].to_pylist()]])
    more["touches"] = (tables.TOUCHES, kept.event_rows(tables.TOUCHES, moved))
    more["visits"] = (tables.VISITS, more["visits"][1][:20])
    await found.take(1, first)
    await found.take(2, more)
    await found.take(3, second)
    await found.take_back(2)
    await assert_facts(found, truth)


async def test_everything_again_gives_the_same_rows(store: Store) -> None:
    truth = kept.spring(beta().truth)
    found = kept.Kept(store, partial(run, kept.told(truth), people(truth)))
    for one, batch in enumerate(kept.batches(events(truth), 3, seed=2), start=1):
        await found.take(one, batch)
    facts = (OUTCOMES, CREDITS, COHORTS, EXPOSURES, DELIVERIES)
    before = [kept.canonical(await found.rows(fact.table)) for fact in facts]
    days = {row["day"] for fact in facts for row in await found.rows(fact.table)}
    await found.all_again(["touches", "visits", "purchases", "deliveries"], also={*days, 19_000})
    assert [kept.canonical(await found.rows(fact.table)) for fact in facts] == before
    await assert_facts(found, truth)


async def test_the_latest_delivery_of_a_day_counts(store: Store) -> None:
    truth = kept.spring(beta().truth)
    found = kept.Kept(store, partial(run, kept.told(truth), people(truth)))
    table, rows = events(truth)["deliveries"]
    await found.take(1, {"deliveries": (table, [{**row, "prints": 7} for row in rows])})
    await found.take(2, {"deliveries": (table, rows)})
    await kept.assert_kept(found, DELIVERIES, made.delivery_rows(truth))
    await found.take_back(2)
    seven = [{**row, "print_count": 7} for row in made.delivery_rows(truth)]
    await kept.assert_kept(found, DELIVERIES, seven)
