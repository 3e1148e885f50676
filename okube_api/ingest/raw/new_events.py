"""Counts the new events of a batch by their hashes, one UTC day at a time to save memory.

The rule is that of `derive/deduplication.py`; events with natural keys are counted by `raw/reference_state.py`.
"""

from collections.abc import Collection, Iterable

import numpy as np
import pyarrow as pa

from okube_api.ingest.columns.columns import DayRange, mark_group_starts, to_integers
from okube_api.ingest.columns.row_hashes import Words, hash_rows
from okube_api.ingest.events.kinds import OWN_ID_KEY, EventKind
from okube_api.ingest.raw.reader import read_blocks
from okube_api.store.protocol import Reader

_OTHER_BATCH = np.uint64(1)  # the lowest bit of a word: 0 for events of the counted batch, 1 for other batches


async def count_new_events(
    view: Reader, kind: EventKind, batch: int, other_batches: Collection[int], spans: Iterable[DayRange]
) -> int:
    """Return how many distinct events of a batch are in none of the other batches; the rest are duplicates.

    spans: ranges that contain the parts in which the batch has rows, not overlapping.
    Events are compared by 63 bits of a hash of their key.
    """
    count = 0
    for first, last in spans:
        words_of_part: list[Words] = []
        part: int | None = None
        async for block in read_blocks(view, kind.table, first, last, {batch, *other_batches}):
            for block_part, words in _hash_by_part(block, kind, batch):
                if block_part != part:
                    count += _count_exclusive(words_of_part)
                    words_of_part, part = [], block_part
                words_of_part.append(words)
        count += _count_exclusive(words_of_part)
    return count


def _hash_by_part(block: pa.Table, kind: EventKind, batch: int) -> "list[tuple[int, Words]]":
    """Return the hashes of a block's events by part; the lowest bit is 1 for events of other batches."""
    words = hash_rows([block[name] for name in kind.deduplication_key], block.num_rows)
    has_id = block[OWN_ID_KEY[0]].is_valid().to_numpy()
    if has_id.any():
        words = np.where(has_id, hash_rows([block[name] for name in OWN_ID_KEY], block.num_rows), words)
    is_counted = to_integers(block["batch"]) == batch
    marked = (words & ~_OTHER_BATCH) | np.where(is_counted, np.uint64(0), _OTHER_BATCH)
    parts = to_integers(block["part"])
    starts = np.flatnonzero(mark_group_starts(parts))
    return [(int(parts[at]), words) for at, words in zip(starts, np.split(marked, starts[1:]), strict=True)]


def _count_exclusive(blocks: list[Words]) -> int:
    """Return how many distinct events occur only in the counted batch."""
    if not blocks:
        return 0
    words = np.concatenate(blocks)
    words.sort()
    # After sorting, the words of one event are adjacent, and those of other batches come last: the last word decides.
    events = words >> _OTHER_BATCH
    is_last = np.append(events[1:] != events[:-1], True)
    return int(np.count_nonzero(is_last & (words & _OTHER_BATCH == 0)))
