"""Test that the new events of several batches are counted in one pass as they are one batch after the other."""

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from okube_api.ingest.events.kinds import STAYS
from okube_api.ingest.raw import new_events
from okube_api.ingest.raw.new_events import count_new_events
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Store

pytestmark = pytest.mark.anyio

APPLICATION = "a" * 24
FIRST_DAY = 10
Event = tuple[int, int]  # a UTC day and a user
EVENTS = st.lists(st.tuples(st.integers(FIRST_DAY, FIRST_DAY + 2), st.integers(1, 4)), max_size=6)


def build_rows(events: list[Event]) -> pa.Table:
    """Return rows of stay events."""
    kinds = {name: kind for name, kind in get_stored_types(STAYS.table).items() if name != "batch"}
    rows = [{"part": day, "user": user, "place": "p", "at": 0, "zone": "indoor"} for day, user in events]
    return pa.Table.from_pylist(rows, make_arrow_schema(kinds))


def count_one_by_one(batches: list[list[Event]], live: list[Event]) -> list[int]:
    """Return how many events of each batch are in no earlier batch and not live, in plain Python."""
    seen, counts = set(live), []
    for events in batches:
        counts.append(len(set(events) - seen))
        seen |= set(events)
    return counts


@given(live=EVENTS, batches=st.lists(EVENTS, min_size=1, max_size=4), most_together=st.sampled_from((1, 2, 255)))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.parametrize("shared_store", ["duckdb"], indirect=True)
async def test_batches_are_counted_as_one_after_the_other(
    empty_store: Store, live: list[Event], batches: list[list[Event]], most_together: int
) -> None:
    """Check random batches, also more than are counted in one pass."""
    numbers = [9, *range(1, len(batches) + 1)]  # a live batch may have a higher number
    with pytest.MonkeyPatch.context() as patching:
        patching.setattr(new_events, "_MAX_TOGETHER", most_together)
        async with empty_store.begin_change(APPLICATION, "stored") as change:  # discarded at its end
            for number, events in zip(numbers, (live, *batches), strict=True):
                await change.append(STAYS.table, number, build_rows(events))
            spans = [(FIRST_DAY, FIRST_DAY), (FIRST_DAY + 1, FIRST_DAY + 2)]
            counts = await count_new_events(change, STAYS, numbers[1:], {9}, spans)
    assert list(counts.values()) == count_one_by_one(batches, live)
