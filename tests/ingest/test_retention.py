"""Events that are older than is kept: removed with all that followed from them, and refused when they come."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from okube_api.ingest.service import Ingest
from okube_api.store.protocol import Store

from tests.by_hand.truth import Truth
from tests.ingest.expected import ALL, assert_tables
from tests.ingest.ingest_app import NOW, SECRET, IngestApp, get_fixed_time
from tests.ingest.spring import build_spring_tenant

pytestmark = pytest.mark.anyio


def keeping(store: Store, since: date) -> Ingest:
    """An ingest that keeps what happened from a day on."""
    return Ingest(store, get_fixed_time, SECRET, keep_days=(NOW.date() - since).days)


def later(truth: Truth, since: date) -> Truth:
    """What happened from a day on (UTC)."""

    def day(at: Any) -> date:
        return at.astimezone(UTC).date() if isinstance(at, datetime) else at

    def kept(happened: Sequence[Any], field: str) -> list[Any]:
        return [one for one in happened if day(getattr(one, field)) >= since]

    for stay in truth.stays:
        end = stay.start + timedelta(seconds=stay.dwell_s)
        assert (day(stay.start) >= since) == (day(end) >= since), "a stay that is cut would be another one"
    return replace(
        truth,
        stays=kept(truth.stays, "start"),
        detections=kept(truth.detections, "at"),
        touches=kept(truth.touches, "at"),
        deliveries=kept(truth.deliveries, "day"),
        visits=kept(truth.visits, "at"),
        purchases=kept(truth.purchases, "at"),
    )


async def test_what_is_left_is_as_if_the_old_had_never_come(ingested: Store) -> None:
    """Day after day, until nothing is left."""
    land = await IngestApp(ingested, build_spring_tenant()).create_documents()
    await land.ingest_all(land.tenant.events)
    for since in (date(2024, 3, 26), date(2024, 3, 31), date(2024, 4, 1), date(2024, 8, 1)):
        await keeping(ingested, since).delete_expired()
        assert_tables(await land.read_tables(), later(land.truth, since), *ALL)


async def test_events_that_are_too_old_are_refused(ingested: Store) -> None:
    """Those of the first day that is kept are taken."""
    land = await IngestApp(ingested, build_spring_tenant()).create_documents()
    land.ingest = keeping(ingested, date(2024, 3, 26))
    site = land.truth.sites[0].key
    lines = [f'{{"user": "somebody", "site": "{site}", "at": "2024-03-{day}T00:00:00Z"}}' for day in (25, 26)]
    batch = await land.ingest_text("visits", "\n".join(lines))
    assert (batch["accepted"], batch["rejected"]) == (1, 1)
    reason = "Event is older than the retention period: events before 2024-03-26 (UTC) are not kept."
    assert batch["reasons"] == [{"line": 1, "reason": reason}]


async def test_rejected_lines_grow_old_too(ingested: Store) -> None:
    """They hold what people are called by."""
    land = await IngestApp(ingested, build_spring_tenant()).create_documents()
    batch = await land.ingest_text("visits", '{"user": "somebody"}\n')
    await keeping(ingested, NOW.date()).delete_expired()
    assert [line async for line in land.ingest.stream_rejected(batch)]
    tomorrow = Ingest(ingested, lambda: NOW + timedelta(days=1), SECRET, keep_days=1)
    await tomorrow.delete_expired()
    assert [line async for line in land.ingest.stream_rejected(batch)]
    await Ingest(ingested, lambda: NOW + timedelta(days=2), SECRET, keep_days=1).delete_expired()
    assert [line async for line in land.ingest.stream_rejected(batch)] == []
    assert (await land.ingest.batches.get_batch(land.application.id, batch["_id"]))["rejected"] == 1
