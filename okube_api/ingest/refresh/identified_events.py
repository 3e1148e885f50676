"""Reads events day by day, so that of the events of one UTC day with the same `id` only one counts."""

from collections.abc import AsyncIterator

import numpy as np
import pyarrow as pa

from okube_api.ingest.columns.columns import to_integers
from okube_api.ingest.events.kinds import OWN_ID_KEY, EventKind
from okube_api.ingest.raw.reader import BatchDelta, read_blocks
from okube_api.store.arrays import Ints
from okube_api.store.protocol import Reader


async def read_identified_events(
    view: Reader, kind: EventKind, low: int, high: int, delta: BatchDelta
) -> AsyncIterator[tuple[pa.Table, Ints]]:
    """Yield the events of the UTC days [low, high] in blocks, none empty, and the change of each event.

    The change is 1 for an event that counts only after the change of `delta`, -1 for one that counts only before it,
    else 0.  Events without an `id` are not deduplicated.  When a block ends with a day, all earlier days are complete.
    """
    # Events with an id wait for the end of their day.  So a day of them must fit into memory; others pass at once.
    waiting: list[pa.Table] = []
    async for block in read_blocks(view, kind.table, low, high, delta.either_side):
        has_id = block[OWN_ID_KEY[0]].is_valid().to_numpy()
        if not waiting and not has_id.any():
            yield block, delta.find_row_changes(block)
            continue
        events = pa.concat_tables([*waiting, block.filter(pa.array(has_id))])
        is_complete = to_integers(events["part"]) < int(to_integers(block["part"])[-1])
        waiting = [events.filter(pa.array(~is_complete))]
        if is_complete.any():
            yield _deduplicate(events.filter(pa.array(is_complete)), kind, delta)
        if not has_id.all():
            plain = block.filter(pa.array(~has_id))
            yield plain, delta.find_row_changes(plain)
    if waiting and waiting[0].num_rows:
        yield _deduplicate(waiting[0], kind, delta)


def _deduplicate(events: pa.Table, kind: EventKind, delta: BatchDelta) -> tuple[pa.Table, Ints]:
    """Return the events that count before or after a change, one per `id`, and the change of each of them."""
    after, differs = delta.deduplicate(events, kind.deduplication_key)
    before = after != differs
    counts = np.flatnonzero(before | after)
    changes = after[counts].astype(np.int64) - before[counts]
    return events.take(pa.array(counts)), changes
