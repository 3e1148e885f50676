"""Tests which ranges of days are read together."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import date, timedelta
from typing import Any, cast

import pyarrow as pa
import pytest
from okube_api.catalogue.facts import DELIVERIES, EXPOSURES, GEO_STAYS, OUTCOMES, PRESENCE_STAYS
from okube_api.ingest.refresh.steps import join_near_ranges
from okube_api.store.conditions import EVERYTHING, Condition
from okube_api.store.protocol import Change, Store
from okube_api.store.schema import Table
from okube_api.store.values import Json

from tests.ingest.ingest_app import IngestApp
from tests.ingest.spring import create_spring_app


@pytest.mark.parametrize(
    ("ranges", "event_days", "expected"),
    [
        ([(1, 2), (100, 101), (5000, 5000)], [1, 2, 100, 101, 5000], [(1, 5000)]),
        ([(1, 1), (100, 100)], [1, *range(50, 57), 100], [(1, 100)]),
        ([(1, 1), (100, 100)], [1, *range(50, 58), 100], [(1, 1), (100, 100)]),
        ([(1, 1), (100, 100), (200, 200)], [*range(50, 101), 200], [(1, 1), (100, 200)]),
        ([(3, 9)], [], [(3, 9)]),
        ([], [3], []),
    ],
)
def test_ranges_with_few_days_of_events_between_them_are_joined(
    ranges: list[tuple[int, int]], event_days: list[int], expected: list[tuple[int, int]]
) -> None:
    assert join_near_ranges(ranges, event_days) == expected


class CountingStore:
    """A store that counts how often its changes read partitions of tables."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.read_count = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @asynccontextmanager
    async def begin_change(self, application: str, name: str) -> AsyncIterator["_CountingChange"]:
        """Begin a change whose reads are counted."""
        async with self._store.begin_change(application, name) as change:
            yield _CountingChange(change, self)


class _CountingChange:
    def __init__(self, change: Change, store: CountingStore) -> None:
        self._change, self._store = change, store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._change, name)

    async def run_apart(self, work: Callable[[Any], Awaitable[Any]]) -> Any:
        """Count the reads of work that runs apart, too."""
        return await self._change.run_apart(lambda own: work(_CountingChange(own, self._store)))

    def read_parts(self, table: Table, low: int, high: int, where: Condition = EVERYTHING) -> AsyncIterator[pa.Table]:
        self._store.read_count += 1
        return self._change.read_parts(table, low, high, where)


LAST_DAY = date(2024, 6, 1)
STEP_D, DAY_COUNT = 9, 40
BACKFILLS: dict[str, tuple[Callable[[IngestApp, str], Json], Table]] = {
    "pings": (
        lambda app, day: dict(
            zip(("lng", "lat"), app.truth.sites[0].coordinates or (), strict=True), user="a", at=f"{day}T10:00:00Z"
        ),
        GEO_STAYS.table,
    ),
    "stays": (
        lambda app, day: {
            "user": "a",
            "site": app.truth.sites[0].id,
            "start": f"{day}T10:00:00Z",
            "duration_s": 600,
            "zone": "indoor",
        },
        GEO_STAYS.table,
    ),
    "detections": (
        lambda app, day: {"device": "a", "equipment": app.truth.equipments[0].id, "at": f"{day}T10:00:00Z"},
        PRESENCE_STAYS.table,
    ),
    "touches": (
        lambda app, day: {
            "user": "a",
            "campaign": app.truth.campaigns[0].id,
            "at": f"{day}T10:00:00Z",
            "kind": "click",
        },
        EXPOSURES.daily_table,
    ),
    "visits": (
        lambda app, day: {"user": "a", "site": app.truth.sites[0].id, "at": f"{day}T10:00:00Z"},
        OUTCOMES.table,
    ),
    "deliveries": (
        lambda app, day: {
            "campaign": app.truth.campaigns[0].id,
            "day": day,
            "site": app.truth.sites[0].id,
            "prints": 1,
        },
        DELIVERIES.table,
    ),
}


@pytest.mark.slow
@pytest.mark.anyio
@pytest.mark.parametrize("shared_store", ["duckdb"], indirect=True)
@pytest.mark.parametrize("kind", BACKFILLS)
async def test_late_events_on_many_single_days_are_read_together(empty_store: Store, kind: str) -> None:
    """Send events of single days of one year, and check that they are read less often than there are days."""
    counting = CountingStore(empty_store)
    app = await create_spring_app(cast("Store", counting))
    build_event, table = BACKFILLS[kind]
    events = [build_event(app, str(LAST_DAY - timedelta(days=STEP_D * number))) for number in range(DAY_COUNT)]
    if kind in ("pings", "detections"):  # a single one is not a stay
        events += [event | {"at": event["at"].replace("10:00", "10:05")} for event in events]
    await app.ingest_events(kind, events)
    assert counting.read_count < DAY_COUNT
    async with empty_store.open_reader(app.application.id) as view:
        assert len(await view.list_parts(table)) == DAY_COUNT
