"""Reads events day by day, so that of a user's events of one UTC day with the same `id` only one counts."""

from collections.abc import AsyncIterator

import numpy as np
import pyarrow as pa

from okube_api.ingest.columns.columns import to_integers
from okube_api.ingest.events.kinds import OWN_ID_KEY, EventKind
from okube_api.ingest.raw.reader import BatchDelta, read_blocks
from okube_api.store.arrays import Flags, Ints
from okube_api.store.protocol import Reader


async def read_identified_events(
    view: Reader, kind: EventKind, low: int, high: int, delta: BatchDelta
) -> AsyncIterator[tuple[pa.Table, Ints]]:
    """Yield the events of the UTC days [low, high] in blocks, none empty, and the change of each event.

    The change is 1 for an event that counts only after the change of `delta`, -1 for one that counts only before it,
    else 0.  Events without an `id` are not deduplicated.  Days ascend within a block and from block to block.
    """
    # Events with an id wait for the end of their day.  So a day of them must fit into memory.  Other events wait only
    # behind those of earlier days: readers take a day for complete as soon as a later one comes.
    waiting: list[pa.Table] = []  # events of one day
    waiting_day = low
    async for block in read_blocks(view, kind.table, low, high, delta.list_batches(kind)):
        day = to_integers(block["part"])
        must_wait = _mark_identified(block) & (day == day[-1])
        ready = block.filter(pa.array(~must_wait)) if must_wait.any() else block
        if day[-1] > waiting_day:
            ready, waiting, waiting_day = pa.concat_tables([*waiting, ready]), [], int(day[-1])
        if must_wait.any():
            waiting.append(block.filter(pa.array(must_wait)))
        if ready.num_rows:
            yield _deduplicate(ready, kind, delta)
    if waiting:
        yield _deduplicate(pa.concat_tables(waiting), kind, delta)


def _mark_identified(events: pa.Table) -> Flags:
    """Return which events have an `id`."""
    has_id: Flags = events[OWN_ID_KEY[0]].is_valid().to_numpy()
    return has_id


def _deduplicate(events: pa.Table, kind: EventKind, delta: BatchDelta) -> tuple[pa.Table, Ints]:
    """Return the events that count before or after a change, one per `id`, and the change of each of them."""
    changes = delta.find_row_changes(events)
    numbers = np.flatnonzero(_mark_identified(events))
    if len(numbers) == 0:
        return events, changes
    after, differs = delta.deduplicate(events.take(pa.array(numbers)), kind.deduplication_key)
    before = after != differs
    counts = np.ones(events.num_rows, np.bool_)
    counts[numbers] = before | after
    changes[numbers] = after.astype(np.int64) - before
    return events.filter(pa.array(counts)), changes[counts]
