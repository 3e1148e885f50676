"""Reading events of whole days: those of some users, from call to call."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from okube_api.ingest.events.kinds import VISITS
from okube_api.ingest.raw.reader import BatchDelta
from okube_api.ingest.refresh.day_reader import DayReader, find_event_users
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Store

pytestmark = pytest.mark.anyio
APPLICATION = "d" * 24
FEWER, ALL = BatchDelta(frozenset({1})), BatchDelta(frozenset({1, 2}), added=frozenset({2}))


def build_visits(visits: Sequence[tuple[int, int]]) -> pa.Table:
    """Return visits on days by users as rows."""
    names = {name: kind for name, kind in get_stored_types(VISITS.table).items() if name != "batch"}
    rows = [{**dict.fromkeys(names), "part": day, "user": user, "site": "s", "at": day} for day, user in visits]
    return pa.Table.from_pylist(rows, make_arrow_schema(names))


@pytest.fixture
async def filled_store(empty_store: Store) -> Store:
    """Store two batches of visits; the second repeats a visit of the first."""
    async with empty_store.begin_change(APPLICATION, "stored") as change:
        await change.append(VISITS.table, 1, build_visits([(10, 1), (10, 2), (11, 1), (12, 7)]))
        await change.append(VISITS.table, 2, build_visits([(11, 1), (11, 3)]))
        await change.commit()
    return empty_store


async def test_users_of_counting_batches_are_found(filled_store: Store) -> None:
    """Find users with and without the second batch, and on fewer days."""
    async with filled_store.open_reader(APPLICATION) as reader:
        users = [
            np.flatnonzero(await find_event_users(reader, [VISITS], 10, last, delta)).tolist()
            for last, delta in ((12, FEWER), (12, ALL), (11, ALL), (9, ALL))
        ]
    assert users == [[1, 2, 7], [1, 2, 3, 7], [1, 2, 3], []]


async def test_each_event_of_the_users_is_read_once(filled_store: Store) -> None:
    """Read overlapping ranges of days; users beyond the flags are left out."""
    async with filled_store.open_reader(APPLICATION) as reader:
        visits = DayReader(reader, VISITS, ALL, np.array([False, True, False, True]))
        of_calls = [await visits.read_days(*days) for days in ((10, 11), (11, 12), (12, 12))]
    events = [sorted(zip(rows["part"].to_pylist(), rows["user"].to_pylist(), strict=True)) for rows in of_calls]
    assert events == [[(10, 1), (11, 1), (11, 3)], [(11, 1), (11, 3)], []]
