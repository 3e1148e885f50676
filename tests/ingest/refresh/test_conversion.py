"""Facts of conversion in a store after batches in any order, batches that are removed, and a rebuild of all days."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import partial
from random import Random

import numpy as np
import pytest
from okube_api.catalogue.fact import Span
from okube_api.catalogue.facts import COHORTS, CREDITS, DELIVERIES, EXPOSURES, OUTCOMES, PURCHASE_FACT
from okube_api.ingest.derive.panel_index import PanelIndex
from okube_api.ingest.events import tables
from okube_api.ingest.refresh.context import DerivationContext, RefreshTask
from okube_api.ingest.refresh.conversion import refresh_conversion
from okube_api.ingest.refresh.user_slice import UserSlice
from okube_api.store.protocol import Change, Store
from okube_api.store.schema import Table

from tests.by_hand.truth import Purchase, Touch, Truth, Visit
from tests.ingest import fact_store
from tests.ingest.derive import tables as derived
from tests.ingest.rows import Row, to_comparable
from tests.ingest.spring import keep_spring
from tests.truth.tenant import alpha, beta

pytestmark = pytest.mark.anyio
EMBEDDED = pytest.mark.parametrize("store", ["duckdb"], indirect=True)


def build_panel(truth: Truth) -> PanelIndex:
    numbers = derived.number_users(truth)
    weights = {numbers[panelist.user]: int(panelist.weight * 1000) for panelist in truth.panelists}
    return PanelIndex(None, np.array([weights.get(user, 1000) for user in range(len(numbers) + 1)], np.int64), {}, {})


def build_events(truth: Truth) -> dict[str, tuple[Table, list[Row]]]:
    orders = [hash(purchase.order) for purchase in truth.purchases]
    deliveries = [
        {
            "part": derived.to_ordinal(delivery.day),
            "campaign": delivery.campaign,
            "site": delivery.site,
            "prints": delivery.prints,
            "clicks": delivery.clicks,
            "openings": delivery.openings,
            "line": number,
        }
        for number, delivery in enumerate(truth.deliveries)
    ]
    return {
        "touches": (tables.TOUCHES, fact_store.build_event_rows(tables.TOUCHES, derived.build_touches(truth))),
        "visits": (tables.VISITS, fact_store.build_event_rows(tables.VISITS, derived.build_visits(truth))),
        "purchases": (
            tables.PURCHASES,
            fact_store.build_event_rows(tables.PURCHASES, derived.build_purchases(truth), order=orders),
        ),
        "deliveries": (tables.DELIVERIES, deliveries),
    }


async def refresh(
    context: DerivationContext, panel: PanelIndex, change: Change, tasks: Mapping[str, RefreshTask]
) -> None:
    await refresh_conversion(change, context, panel, tasks)


async def assert_facts(facts: fact_store.FactStore, truth: Truth) -> None:
    await fact_store.assert_fact(facts, OUTCOMES, derived.expect_outcome_rows(truth))
    await fact_store.assert_fact(facts, PURCHASE_FACT, derived.expect_purchase_rows(truth))
    await fact_store.assert_fact(facts, CREDITS, derived.expect_credit_rows(truth))
    await fact_store.assert_fact(facts, COHORTS, derived.expect_cohort_rows(truth))
    await fact_store.assert_fact(facts, EXPOSURES, derived.expect_exposure_rows(truth))
    await fact_store.assert_fact(facts, DELIVERIES, derived.expect_delivery_rows(truth))


FACTS = (OUTCOMES, PURCHASE_FACT, CREDITS, COHORTS, EXPOSURES, DELIVERIES)


@pytest.mark.slow
async def test_facts_follow_added_and_removed_batches(store: Store) -> None:
    truth = keep_spring(alpha().truth)
    facts = fact_store.FactStore(store, partial(refresh, fact_store.build_context(truth), build_panel(truth)))
    first, second = fact_store.split_into_batches(build_events(truth), 2, seed=8)
    more = dict(build_events(truth))
    touches = derived.shuffle_rows(derived.build_touches(truth), 1).slice(0, 60)
    moved = touches.set_column(2, "at", [[at + 3_600_000 for at in touches["at"].to_pylist()]])
    more["touches"] = (tables.TOUCHES, fact_store.build_event_rows(tables.TOUCHES, moved))
    more["visits"] = (tables.VISITS, more["visits"][1][:20])
    await facts.add(1, first)
    await facts.add(2, more)
    await facts.add(3, second)
    await facts.remove(2)
    await assert_facts(facts, truth)


@pytest.mark.slow
async def test_purchases_leave_credits_and_rollups_of_visits_as_they_are(store: Store) -> None:
    """Add purchases to touches and visits, remove some, and add them again: only what depends on them is written."""
    truth = keep_spring(alpha().truth)
    facts = fact_store.FactStore(store, partial(refresh, fact_store.build_context(truth), build_panel(truth)))
    events = build_events(truth)
    table, rows = events.pop("purchases")
    await facts.add(1, events)
    of_visits = [grain for grain in OUTCOMES.grains if grain.name not in {"site", "hour", "campaigns"}]
    unwritten = [*CREDITS.tables, *(OUTCOMES.rollup(grain, Span.DAY) for grain in of_visits)]
    versions = await read_versions(store, unwritten)
    await facts.add(2, {"purchases": (table, rows[::2])})
    await facts.add(3, {"purchases": (table, rows[1::2])})
    await facts.remove(2)
    await facts.add(4, {"purchases": (table, rows)})
    assert await read_versions(store, unwritten) == versions
    await assert_facts(facts, truth)


def draw_visits_around_a_year(dice: Random) -> Truth:
    """Draw visits of three users to three sites, some at one instant, on days around a leap day and a year later."""
    truth = alpha().truth
    sites = (truth.sites[0], truth.sites[2], truth.sites[5])  # Lyon, Broadway, and the web shop
    days = (0, 1, 30, 364, 365, 366, 367, 731)
    instants = [
        datetime(2024, 2, 28, hour, tzinfo=UTC) + timedelta(days=dice.choice(days)) for hour in (3, 12, 23) * 12
    ]
    visits = [Visit(dice.choice(("ann", "bob", "cid")), dice.choice(sites).id, at) for at in instants]
    purchases = [
        Purchase(visit.user, visit.site, visit.at, Fraction(dice.randrange(-500, 2000), 10), str(number))
        for number, visit in enumerate(dice.sample(visits, 12))
    ]
    touches = [
        Touch(visit.user, dice.choice(truth.campaigns).id, visit.at - timedelta(days=dice.randrange(9)), "print")
        for visit in dice.sample(visits, 4)
    ]
    return replace(truth, visits=list(dict.fromkeys(visits)), purchases=purchases, touches=touches, deliveries=())


@pytest.mark.slow
@EMBEDDED
@pytest.mark.parametrize(("seed", "in_slices"), [(0, False), (1, True)])
async def test_new_visitors_are_right_after_any_batches(store: Store, seed: int, in_slices: bool) -> None:
    """Add batches in any order and remove one; in slices: refresh the users of the events only."""
    dice = Random(seed)
    truth = draw_visits_around_a_year(dice)
    context, panel = fact_store.build_context(truth), build_panel(truth)

    async def refresh_days(change: Change, tasks: Mapping[str, RefreshTask]) -> None:
        everybody = np.arange(len(derived.number_users(truth)))
        await refresh_conversion(
            UserSlice(change, everybody, everybody) if in_slices else change, context, panel, tasks
        )

    facts = fact_store.FactStore(store, refresh_days)
    events = {kind: rows for kind, rows in build_events(truth).items() if kind != "deliveries"}
    days = sorted({row["part"] for _, rows in events.values() for row in rows})
    early = {*days[:2], dice.choice(days)}  # added last: the flags of later days depend on them
    batches = [
        {
            kind: (table, [row for row in rows if (row["part"] in early) == is_early])
            for kind, (table, rows) in events.items()
        }
        for is_early in (False, True)
    ]
    for number, batch in enumerate([*batches, batches[1], {"visits": (tables.VISITS, events["visits"][1][::2])}], 1):
        await facts.add(number, batch)
    await facts.remove(2)
    rows = derived.expect_outcome_rows(truth)
    assert {(row["new_place"], row["new_application"]) for row in rows} == {(0, 0), (1, 0), (1, 1)}
    await fact_store.assert_fact(facts, OUTCOMES, rows)
    await fact_store.assert_fact(facts, PURCHASE_FACT, derived.expect_purchase_rows(truth))


async def read_versions(store: Store, of_tables: Sequence[Table]) -> dict[str, str]:
    """Return the versions of tables by name."""
    async with store.open_reader(fact_store.APPLICATION) as reader:
        return {table.name: reader.version_of(table) for table in of_tables}


@pytest.mark.slow
@EMBEDDED
async def test_a_rebuild_gives_the_same_facts(store: Store) -> None:
    truth = keep_spring(beta().truth)
    facts = fact_store.FactStore(store, partial(refresh, fact_store.build_context(truth), build_panel(truth)))
    await facts.add(1, build_events(truth))
    await assert_facts(facts, truth)
    before = {fact.name: to_comparable(await facts.read_rows(fact.table)) for fact in FACTS}
    days = {row["day"] for fact in FACTS for row in await facts.read_rows(fact.table)}
    await facts.rebuild_all(["touches", "visits", "purchases", "deliveries"], also={*days, 19_000})
    assert {fact.name: to_comparable(await facts.read_rows(fact.table)) for fact in FACTS} == before


@EMBEDDED
async def test_the_latest_delivery_of_a_day_counts(store: Store) -> None:
    truth = keep_spring(beta().truth)
    facts = fact_store.FactStore(store, partial(refresh, fact_store.build_context(truth), build_panel(truth)))
    table, rows = build_events(truth)["deliveries"]
    twice = [{**row, "prints": 1, "line": 1} for row in rows] + [{**row, "prints": 7, "line": 2} for row in rows]
    await facts.add(1, {"deliveries": (table, twice)})
    await facts.add(2, {"deliveries": (table, rows)})
    await fact_store.assert_fact(facts, DELIVERIES, derived.expect_delivery_rows(truth))
    await facts.remove(2)
    seven = [{**row, "print_count": 7} for row in derived.expect_delivery_rows(truth)]
    await fact_store.assert_fact(facts, DELIVERIES, seven)
