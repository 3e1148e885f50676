"""Test that events older than the retention period are deleted with their facts, and rejected when they are sent."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import Any

import pytest
from okube_api.ingest.service import Ingest
from okube_api.store.protocol import Store

from tests.by_hand.truth import Truth
from tests.ingest.expected import ALL, assert_tables
from tests.ingest.ingest_app import NOW, SECRET, get_fixed_time
from tests.ingest.spring import create_spring_app

pytestmark = pytest.mark.anyio


def build_ingest(store: Store, first_day: date) -> Ingest:
    """Return an ingest whose retention period starts on a day."""
    return Ingest(store, get_fixed_time, SECRET, keep_days=(NOW.date() - first_day).days)


@lru_cache
def drop_before(truth: Truth, first_day: date) -> Truth:
    """Return what happened from a day on (UTC)."""

    def to_day(at: Any) -> date:
        return at.astimezone(UTC).date() if isinstance(at, datetime) else at

    def select(events: Sequence[Any], field: str) -> list[Any]:
        return [event for event in events if to_day(getattr(event, field)) >= first_day]

    for stay in truth.stays:
        end = stay.start + timedelta(seconds=stay.dwell_s)
        assert (to_day(stay.start) >= first_day) == (to_day(end) >= first_day), "no stay may be cut in two"
    return replace(
        truth,
        stays=select(truth.stays, "start"),
        detections=select(truth.detections, "at"),
        touches=select(truth.touches, "at"),
        deliveries=select(truth.deliveries, "day"),
        visits=select(truth.visits, "at"),
        purchases=select(truth.purchases, "at"),
    )


@pytest.mark.slow
async def test_facts_are_as_if_expired_events_had_never_been_sent(empty_store: Store) -> None:
    """Delete day after day, until nothing is left."""
    app = await create_spring_app(empty_store)
    await app.ingest_all(app.tenant.events)
    for first_day in (date(2024, 3, 26), date(2024, 3, 31), date(2024, 4, 1), date(2024, 8, 1)):
        await build_ingest(empty_store, first_day).delete_expired()
        assert_tables(await app.read_tables(), drop_before(app.truth, first_day), *ALL)


async def test_expired_events_are_rejected(empty_store: Store) -> None:
    """Check that events of the first day of the retention period are accepted."""
    app = await create_spring_app(empty_store)
    app.ingest = build_ingest(empty_store, date(2024, 3, 26))
    site = app.truth.sites[0].key
    lines = [f'{{"user": "somebody", "site": "{site}", "at": "2024-03-{day}T00:00:00Z"}}' for day in (25, 26)]
    batch = await app.ingest_text("visits", "\n".join(lines))
    assert (batch["accepted"], batch["rejected"]) == (1, 1)
    reason = "Event is older than the retention period: events before 2024-03-26 (UTC) are not kept."
    assert batch["reasons"] == [{"line": 1, "reason": reason}]


async def test_rejected_lines_expire(empty_store: Store) -> None:
    """Check that lines, which may contain names, are deleted after the retention period."""
    app = await create_spring_app(empty_store)
    batch = await app.ingest_text("visits", '{"user": "somebody"}\n')
    await build_ingest(empty_store, NOW.date()).delete_expired()
    assert [line async for line in app.ingest.stream_rejected(batch)]
    tomorrow = Ingest(empty_store, lambda: NOW + timedelta(days=1), SECRET, keep_days=1)
    await tomorrow.delete_expired()
    assert [line async for line in app.ingest.stream_rejected(batch)]
    await Ingest(empty_store, lambda: NOW + timedelta(days=2), SECRET, keep_days=1).delete_expired()
    assert [line async for line in app.ingest.stream_rejected(batch)] == []
    assert (await app.ingest.batches.get_batch(app.application.id, batch["_id"]))["rejected"] == 1
