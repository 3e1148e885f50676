"""Facts of presence in a store after batches in any order, batches that are removed, and a rebuild of all days."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from okube_api.catalogue.fact import Span
from okube_api.catalogue.facts import (
    PRESENCE_EXITS,
    PRESENCE_PASSAGE_EXITS,
    PRESENCE_PASSAGES,
    PRESENCE_STAYS,
    PRESENCE_STEPS,
)
from okube_api.ingest.events import tables
from okube_api.ingest.refresh import sessions
from okube_api.ingest.refresh.context import DerivationContext, RefreshTask
from okube_api.ingest.refresh.presence import refresh_presence
from okube_api.store.protocol import Change, Store
from okube_api.store.schema import Table

from tests.by_hand.truth import Detection, Truth
from tests.ingest import fact_store
from tests.ingest.derive import tables as derived
from tests.ingest.derive.locations import EQUIPMENTS, SITES
from tests.ingest.expected import build_presence_rows
from tests.ingest.rows import Row, to_comparable
from tests.ingest.spring import keep_spring
from tests.truth.tenant import alpha, beta

pytestmark = pytest.mark.anyio
EMBEDDED = pytest.mark.parametrize("store", ["duckdb"], indirect=True)
FACTS = (PRESENCE_STAYS, PRESENCE_PASSAGES, PRESENCE_STEPS, PRESENCE_EXITS, PRESENCE_PASSAGE_EXITS)


def build_events(truth: Truth) -> dict[str, tuple[Table, list[Row]]]:
    return {
        "detections": (
            tables.DETECTIONS,
            fact_store.build_event_rows(tables.DETECTIONS, derived.build_detections(truth)),
        )
    }


async def refresh(context: DerivationContext, change: Change, tasks: Mapping[str, RefreshTask]) -> None:
    await refresh_presence(change, context, tasks["detections"])


async def assert_facts(facts: fact_store.FactStore, truth: Truth) -> None:
    for fact, expected in zip(FACTS, build_presence_rows(truth).values(), strict=True):
        await fact_store.assert_fact(facts, fact, expected)


async def test_facts_follow_added_and_removed_batches(store: Store) -> None:
    truth = keep_spring(alpha().truth)
    facts = fact_store.FactStore(store, partial(refresh, fact_store.build_context(truth)))
    first, second = fact_store.split_into_batches(build_events(truth), 2, seed=4)
    table, rows = build_events(truth)["detections"]
    later = [{**row, "at": row["at"] + 600_000, "part": (row["at"] + 600_000) // fact_store.DAY_MS + 1} for row in rows]
    await facts.add(1, first)
    await facts.add(2, {"detections": (table, later)})
    await facts.add(3, second)
    await facts.remove(2)
    await assert_facts(facts, truth)


@EMBEDDED
async def test_a_rebuild_gives_the_same_facts(store: Store) -> None:
    truth = keep_spring(beta().truth)
    facts = fact_store.FactStore(store, partial(refresh, fact_store.build_context(truth)))
    await facts.add(1, build_events(truth))
    await assert_facts(facts, truth)
    before = {fact.name: to_comparable(await facts.read_rows(fact.daily_table)) for fact in FACTS}
    days = {row["day"] for fact in FACTS for row in await facts.read_rows(fact.daily_table)}
    await facts.rebuild_all(["detections"], also={*days, 19_000})
    assert {fact.name: to_comparable(await facts.read_rows(fact.daily_table)) for fact in FACTS} == before


def test_a_grain_holds_all_columns_of_a_fact_without_rows() -> None:
    for fact in FACTS:
        full_grains = [
            grain for grain in fact.grains if set(grain.dimensions) == {column.name for column in fact.columns}
        ]
        is_complete = any(
            set(fact.measures) <= set(grain.measures) and Span.DAY in grain.spans for grain in full_grains
        )
        assert fact.is_stored or (is_complete and not fact.members)


def build_endless_stay() -> Truth:
    """Return a device that stays for three days, and others that come and leave on each of them."""
    start = datetime(2024, 3, 25, 7, 0, tzinfo=UTC)
    seen = [Detection("till", EQUIPMENTS[n % 2].id, start + timedelta(minutes=29 * n)) for n in range(3 * 49)]
    for day in range(3):
        for minute in (0, 4, 11):
            at = start + timedelta(days=day, hours=3, minutes=minute)
            seen.append(Detection(f"guest-{day % 3}", EQUIPMENTS[(day + minute) % 3].id, at))
    return Truth(sites=SITES, equipments=EQUIPMENTS, detections=seen)


@pytest.mark.slow
@EMBEDDED
@pytest.mark.parametrize("backwards", [False, True])
async def test_a_device_that_never_leaves_is_read_in_pieces(
    store: Store, backwards: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "MAX_DETECTIONS", 60)
    truth = build_endless_stay()
    facts = fact_store.FactStore(store, partial(refresh, fact_store.build_context(truth)))
    table, rows = build_events(truth)["detections"]
    by_day: dict[int, list[Row]] = {}
    for row in rows:
        by_day.setdefault(row["part"], []).append(row)
    for number, day in enumerate(sorted(by_day, reverse=backwards), start=1):
        await facts.add(number, {"detections": (table, by_day[day])})
    await assert_facts(facts, truth)
