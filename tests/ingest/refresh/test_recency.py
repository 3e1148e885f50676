"""Marks of stays against plain Python, after any changes of any days in any order."""

import os
from collections.abc import AsyncIterator
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from okube_api.catalogue.buckets import to_date, to_ordinal
from okube_api.catalogue.facts import GEO_STAYS
from okube_api.ingest.derive.recency import subtract_twelve_months
from okube_api.ingest.derive.recency_flags import RecencyKeys
from okube_api.ingest.refresh import visit_history
from okube_api.ingest.refresh.recency import RecencyWriter
from okube_api.store import open_store
from okube_api.store.protocol import Store
from okube_api.store.schema import Schema

from tests.by_hand import geomarketing as by_hand

pytestmark = pytest.mark.anyio

PLACES, ZONES = ("p0", "p1", "s0", "s1"), ("indoor", "outdoor")
SPOTS = RecencyKeys({"place": PLACES, "zone": ZONES}, np.array([False] * 4 + [True, False] * 2))
FIRST = to_ordinal(date(2019, 12, 30))
DAYS = (0, 1, 2, 30, 31, 60, 61, 364, 365, 366, 367, 425, 426, 427, 731)  # around a leap day, a year and more
NUMBERS = count()

stays = some.lists(
    some.tuples(some.integers(0, 2), some.sampled_from(PLACES), some.sampled_from(ZONES), some.integers(0, 3)),
    max_size=4,
)
writes = some.lists(some.dictionaries(some.sampled_from(DAYS), stays, min_size=1, max_size=4), min_size=1, max_size=4)


@pytest.fixture(scope="module")
async def store(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    folder: Path = tmp_path_factory.mktemp("marks")
    found = open_store(f"duckdb:{folder / 'marks.duckdb'}", Schema(tables=GEO_STAYS.tables))
    await found.start()
    yield found
    await found.close()


def rows(days: dict[int, list[tuple[Any, ...]]]) -> pa.Table:
    """Stays without marks: (user, place, zone, start in hours) by day."""
    blank = dict.fromkeys(("home", "work", "os", "manufacturer", "model"))
    found = [
        {
            **dict.fromkeys((column.name for column in GEO_STAYS.columns if column.name not in MARKS), 0),
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
    names = ["day", *(column.name for column in GEO_STAYS.columns if column.name not in MARKS)]
    schema = pa.schema([(name, pa.string() if name in text else pa.int64()) for name in names])
    return pa.Table.from_pylist(found, schema)


MARKS = ("visitor_day", "gap_d", "new_place", "new_application", "gap_band")


def marked(days: dict[int, list[tuple[Any, ...]]]) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """The marks of each stay, by hand."""
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
    told: set[Any] = set()
    found = {}
    for day, hour, place, zone, number, user in ordered:
        spot = (user, place, zone)
        first = (spot, day) not in told
        told.add((spot, day))
        counts = zone == "indoor" and place.startswith("s") and (user, day) not in told
        if counts:
            told.add((user, day))
        before = [other for other in here[spot] if other < day]
        gap = day - max(before) if first and before else None
        found[day, hour, place, zone, number, user] = (
            int(first),
            gap,
            int(first and is_new(here[spot], day)),
            int(counts and is_new(anywhere[user], day)),
            -1 if gap is None else sum(gap >= edge for edge in (1, 2, 8, 32, 91)) - 1,
        )
    return found


def is_new(days: set[int], day: int) -> bool:
    return to_date(day) in by_hand.new_days(to_date(one) for one in days)


async def kept(store: Store, application: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    async with store.open_reader(application) as reader:
        found = [row async for block in reader.read_parts(GEO_STAYS.table, 0, 100_000) for row in block.to_pylist()]
    return {
        (row["day"], row["start"] // 3_600_000 % 24, row["place"], row["zone"], row["dwell_s"], row["user"]): tuple(
            row[name] for name in MARKS
        )
        for row in found
    }


@settings(max_examples=int(os.environ.get("OKUBE_FUZZ", "6")))
@given(writes, some.booleans())
async def test_marks_after_any_writes(store: Store, days: list[dict[int, Any]], few: bool) -> None:
    """Each change replaces some days; few: whether users are asked for by name, or in slices of numbers."""
    application = f"{next(NUMBERS):024x}"
    whole: dict[int, list[tuple[Any, ...]]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(visit_history, "_FEW_USERS", 2000 if few else 0)
        patch.setattr(visit_history, "_SLICE_USERS", 2)
        for number, change_of in enumerate(days):
            whole |= change_of
            async with store.begin_change(application, str(number)) as change:
                writing = RecencyWriter(change, GEO_STAYS, SPOTS, (1, 2, 8, 32, 91))
                ordered = sorted(change_of)
                for part in (ordered[: len(ordered) // 2], ordered[len(ordered) // 2 :]):
                    some_days = np.array([FIRST + day for day in part], np.int64)
                    await writing.write(some_days, rows({day: change_of[day] for day in part}))
                await writing.finish()
                await change.commit()
    assert await kept(store, application) == marked(whole)


@given(some.lists(some.dates(date(1971, 1, 1), date(2099, 1, 1)), max_size=9))
def test_the_same_day_a_year_before(dates: list[date]) -> None:
    found = subtract_twelve_months(np.array([to_ordinal(one) for one in dates], np.int64))
    assert [to_date(day) for day in found.tolist()] == [by_hand.year_before(one) for one in dates]
