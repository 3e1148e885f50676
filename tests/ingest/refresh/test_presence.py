"""Detections through a store: any cut and order of batches, batches taken back, everything again; with their marks."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from okube_api.catalogue.facts import (
    PRESENCE_EXITS,
    PRESENCE_PASSAGE_EXITS,
    PRESENCE_PASSAGES,
    PRESENCE_STAYS,
    PRESENCE_STEPS,
    Span,
)
from okube_api.ingest.events import tables
from okube_api.ingest.refresh import sessions
from okube_api.ingest.refresh.context import DerivationContext, RefreshTask
from okube_api.ingest.refresh.presence import refresh_presence
from okube_api.store.protocol import Change, Store
from okube_api.store.schema import Table

from tests.by_hand.truth import Detection, Truth
from tests.ingest import fact_store
from tests.ingest.derive import tables as made
from tests.ingest.derive.test_presence import EQUIPMENTS, SITES
from tests.ingest.expected import build_presence_rows
from tests.ingest.rows import Row, to_comparable
from tests.ingest.spring import keep_spring
from tests.truth.tenant import alpha, beta

pytestmark = pytest.mark.anyio
EMBEDDED = pytest.mark.parametrize("store", ["duckdb"], indirect=True)
FACTS = (PRESENCE_STAYS, PRESENCE_PASSAGES, PRESENCE_STEPS, PRESENCE_EXITS, PRESENCE_PASSAGE_EXITS)


def events(truth: Truth) -> dict[str, tuple[Table, list[Row]]]:
    return {"detections": (tables.DETECTIONS, fact_store.build_event_rows(tables.DETECTIONS, made.detections(truth)))}


async def run(told: DerivationContext, change: Change, tasks: Mapping[str, RefreshTask]) -> None:
    await refresh_presence(change, told, tasks["detections"])


async def assert_facts(found: fact_store.FactStore, truth: Truth) -> None:
    for fact, expected in zip(FACTS, build_presence_rows(truth).values(), strict=True):
        await fact_store.assert_fact(found, fact, expected)


async def test_batches_that_come_and_go_leave_what_they_should(store: Store) -> None:
    truth = keep_spring(alpha().truth)
    found = fact_store.FactStore(store, partial(run, fact_store.build_context(truth)))
    first, second = fact_store.deal_batches(events(truth), 2, seed=4)
    table, rows = events(truth)["detections"]
    later = [{**row, "at": row["at"] + 600_000, "part": (row["at"] + 600_000) // fact_store.DAY_MS + 1} for row in rows]
    await found.add(1, first)
    await found.add(2, {"detections": (table, later)})
    await found.add(3, second)
    await found.remove(2)
    await assert_facts(found, truth)


@EMBEDDED
async def test_everything_again_is_the_same(store: Store) -> None:
    truth = keep_spring(beta().truth)
    found = fact_store.FactStore(store, partial(run, fact_store.build_context(truth)))
    await found.add(1, events(truth))
    await assert_facts(found, truth)
    before = {fact.name: to_comparable(await found.read_rows(fact.daily_table)) for fact in FACTS}
    days = {row["day"] for fact in FACTS for row in await found.read_rows(fact.daily_table)}
    await found.rebuild_all(["detections"], also={*days, 19_000})
    assert {fact.name: to_comparable(await found.read_rows(fact.daily_table)) for fact in FACTS} == before


def test_a_fact_that_is_not_kept_is_all_in_one_of_its_grains() -> None:
    for fact in FACTS:
        of_all = [grain for grain in fact.grains if set(grain.dimensions) == {column.name for column in fact.columns}]
        whole = any(set(fact.measures) <= set(grain.measures) and Span.DAY in grain.spans for grain in of_all)
        assert fact.is_stored or (whole and not fact.members)


def always_there() -> Truth:
    """A device that is there for three days, and others that come and go on each of them."""
    start = datetime(2024, 3, 25, 7, 0, tzinfo=UTC)
    seen = [Detection("till", EQUIPMENTS[n % 2].id, start + timedelta(minutes=29 * n)) for n in range(3 * 49)]
    for day in range(3):
        for minute in (0, 4, 11):
            at = start + timedelta(days=day, hours=3, minutes=minute)
            seen.append(Detection(f"guest-{day % 3}", EQUIPMENTS[(day + minute) % 3].id, at))
    return Truth(sites=SITES, equipments=EQUIPMENTS, detections=seen)


@EMBEDDED
@pytest.mark.parametrize("backwards", [False, True])
async def test_a_device_that_never_leaves(store: Store, backwards: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions, "MOST_POINTS", 60)
    truth = always_there()
    found = fact_store.FactStore(store, partial(run, fact_store.build_context(truth)))
    table, rows = events(truth)["detections"]
    by_day: dict[int, list[Row]] = {}
    for row in rows:
        by_day.setdefault(row["part"], []).append(row)
    for number, day in enumerate(sorted(by_day, reverse=backwards), start=1):
        await found.add(number, {"detections": (table, by_day[day])})
    await assert_facts(found, truth)
