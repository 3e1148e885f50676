"""Recency flags against plain Python, after changes of any days in any order."""

import os
from collections.abc import AsyncIterator
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from okube_api.catalogue.buckets import to_date, to_ordinal
from okube_api.catalogue.facts import GEO_STAYS
from okube_api.ingest.derive.recency_flags import RecencyKeys
from okube_api.ingest.refresh import visit_history
from okube_api.ingest.refresh.recency import RecencyWriter
from okube_api.store import open_store
from okube_api.store.protocol import Store
from okube_api.store.schema import Schema

from tests.by_hand import geomarketing as by_hand

pytestmark = pytest.mark.anyio

PLACES, ZONES = ("p0", "p1", "s0", "s1"), ("indoor", "outdoor")
KEYS = RecencyKeys({"place": PLACES, "zone": ZONES}, np.array([False] * 4 + [True, False] * 2))
FIRST = to_ordinal(date(2019, 12, 30))
DAYS = (0, 1, 2, 30, 31, 60, 61, 364, 365, 366, 367, 425, 426, 427, 731)  # around a leap day and a year
NUMBERS = count()

stays = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(PLACES), st.sampled_from(ZONES), st.integers(0, 3)),
    max_size=4,
)
writes = st.lists(st.dictionaries(st.sampled_from(DAYS), stays, min_size=1, max_size=4), min_size=1, max_size=4)


@pytest.fixture(scope="module")
async def store(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    """Open an empty store of the fact."""
    folder: Path = tmp_path_factory.mktemp("recency")
    store = open_store(f"duckdb:{folder / 'recency.duckdb'}", Schema(tables=GEO_STAYS.tables))
    await store.start()
    yield store
    await store.close()


def build_rows(days: dict[int, list[tuple[Any, ...]]]) -> pa.Table:
    """Return stays (user, place, zone, start in hours; by day) as rows of the fact without flags."""
    blank = dict.fromkeys(("home", "work", "os", "manufacturer", "model"))
    records = [
        {
            **dict.fromkeys((column.name for column in GEO_STAYS.columns if column.name not in FLAGS), 0),
            **blank,
            "day": FIRST + day,
            "user": user,
            "place": place,
            "zone": zone,
            "start": ((FIRST + day) * 24 + hour) * 3_600_000,
            "dwell_s": number,
            "weight": 1000,
        }
        for day, many in days.items()
        for number, (user, place, zone, hour) in enumerate(many)
    ]
    text = {"place", "zone", *blank}
    names = ["day", *(column.name for column in GEO_STAYS.columns if column.name not in FLAGS)]
    schema = pa.schema([(name, pa.string() if name in text else pa.int64()) for name in names])
    return pa.Table.from_pylist(records, schema)


FLAGS = ("visitor_day", "gap_d", "new_place", "new_application", "gap_band")


def compute_flags(days: dict[int, list[tuple[Any, ...]]]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """Return the flags of each stay, computed by their definitions."""
    ordered = sorted(
        (FIRST + day, hour, place, zone, number, user)
        for day, many in days.items()
        for number, (user, place, zone, hour) in enumerate(many)
    )
    here: dict[Any, set[int]] = {}
    anywhere: dict[Any, set[int]] = {}
    for day, _, place, zone, _, user in ordered:
        here.setdefault((user, place, zone), set()).add(day)
        if zone == "indoor" and place.startswith("s"):
            anywhere.setdefault(user, set()).add(day)
    seen: set[Any] = set()
    flags = {}
    for day, hour, place, zone, number, user in ordered:
        location = (user, place, zone)
        first = (location, day) not in seen
        seen.add((location, day))
        counts = zone == "indoor" and place.startswith("s") and (user, day) not in seen
        if counts:
            seen.add((user, day))
        before = [other for other in here[location] if other < day]
        gap = day - max(before) if first and before else None
        flags[day, hour, place, zone, number, user] = (
            int(first),
            gap,
            int(first and is_new(here[location], day)),
            int(counts and is_new(anywhere[user], day)),
            -1 if gap is None else sum(gap >= edge for edge in (1, 2, 8, 32, 91)) - 1,
        )
    return flags


def is_new(days: set[int], day: int) -> bool:
    return to_date(day) in by_hand.new_days(to_date(other) for other in days)


async def read_flags(store: Store, application: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    async with store.open_reader(application) as reader:
        stored = [row async for block in reader.read_parts(GEO_STAYS.table, 0, 100_000) for row in block.to_pylist()]
    return {
        (row["day"], row["start"] // 3_600_000 % 24, row["place"], row["zone"], row["dwell_s"], row["user"]): tuple(
            row[name] for name in FLAGS
        )
        for row in stored
    }


@pytest.mark.slow
@settings(max_examples=int(os.environ.get("OKUBE_FUZZ", "6")))
@example([{1: [(0, "p0", "indoor", 0)]}, {0: [(0, "p0", "indoor", 0)], 2: [(0, "p0", "indoor", 0)]}], True, False)
@example([{1: [(0, "p0", "indoor", 0)]}, {0: [(0, "p0", "indoor", 0)], 2: [(0, "p0", "indoor", 0)]}], True, True)
@given(writes, st.booleans(), st.booleans())
async def test_flags_are_right_after_any_writes(
    store: Store, days: list[dict[int, Any]], few: bool, at_once: bool
) -> None:
    """Replace days in each change, all in one call or half of them in each of two calls.

    few: whether users are selected one by one, or in ranges of numbers.
    """
    application = f"{next(NUMBERS):024x}"
    stays_by_day: dict[int, list[tuple[Any, ...]]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visit_history, "_FEW_USERS", 2000 if few else 0)
        patch.setattr(visit_history, "_SLICE_USERS", 2)
        for number, replaced in enumerate(days):
            stays_by_day |= replaced
            async with store.begin_change(application, str(number)) as change:
                writer = RecencyWriter(change, GEO_STAYS, KEYS, (1, 2, 8, 32, 91))
                ordered = sorted(replaced)
                middle = len(ordered) if at_once else len(ordered) // 2
                for part in (ordered[:middle], ordered[middle:]):
                    written_days = np.array([FIRST + day for day in part], np.int64)
                    await writer.write(written_days, build_rows({day: replaced[day] for day in part}))
                await writer.finish()
                await change.commit()
    assert await read_flags(store, application) == compute_flags(stays_by_day)


async def test_the_last_visits_before_a_batch_are_read_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the stays of a day between two others: those of the later day need what those of the batch have read."""
    application = f"{next(NUMBERS):024x}"
    stays_by_day: dict[int, list[tuple[Any, ...]]] = {day: [(0, "s0", "indoor", 1)] for day in (0, 2, 30)}
    queries: list[int] = []
    read_last_visits = visit_history.VisitHistory.read_last_visits

    async def record(self: visit_history.VisitHistory, day: int, users: Any) -> Any:
        queries.append(day)
        return await read_last_visits(self, day, users)

    monkeypatch.setattr(visit_history.VisitHistory, "read_last_visits", record)
    for replaced in (stays_by_day, {2: [(0, "s0", "indoor", 2), (1, "s1", "indoor", 3)]}):
        stays_by_day = stays_by_day | replaced
        async with store.begin_change(application, f"{len(replaced)}") as change:
            writer = RecencyWriter(change, GEO_STAYS, KEYS, (1, 2, 8, 32, 91))
            await writer.write(np.array([FIRST + day for day in replaced], np.int64), build_rows(replaced))
            await writer.finish()
            await change.commit()
    assert queries == [FIRST + 2]
    assert await read_flags(store, application) == compute_flags(stays_by_day)
