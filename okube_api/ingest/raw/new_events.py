"""Counts the new events of batches by their hashes, one UTC day at a time to save memory.

The rule is that of `derive/deduplication.py`; events with natural keys are counted by `raw/reference_state.py`.
"""

from collections.abc import Collection, Iterable, Sequence

import numpy as np
import pyarrow as pa

from okube_api.ingest.columns.columns import DayRange, mark_group_starts, to_integers
from okube_api.ingest.columns.row_hashes import Words, hash_rows
from okube_api.ingest.events.kinds import OWN_ID_KEY, EventKind
from okube_api.ingest.raw.reader import read_blocks
from okube_api.store.arrays import Ints
from okube_api.store.protocol import Reader

_MAX_TOGETHER = 255  # batches that are counted in one pass: the rank of a batch takes 8 of the 64 bits of a hash


async def count_new_events(
    view: Reader, kind: EventKind, batches: Sequence[int], other_batches: Collection[int], spans: Sequence[DayRange]
) -> dict[int, int]:
    """Return how many distinct events of each batch are in no earlier batch and in none of the other batches.

    batches: their numbers; each is earlier than those after it in the sequence.
    spans: ranges that contain the parts in which the batches have rows, not overlapping.
    Events are compared by at least 56 bits of a hash of their key, those of a single batch by 63.
    """
    counts: dict[int, int] = {}
    for low in range(0, len(batches), _MAX_TOGETHER):
        together = batches[low : low + _MAX_TOGETHER]
        earlier = {*other_batches, *batches[:low]}
        of_batches = await _count_together(view, kind, together, earlier, spans)
        counts |= dict(zip(together, of_batches.tolist(), strict=True))
    return counts


async def _count_together(
    view: Reader, kind: EventKind, batches: Sequence[int], earlier: Collection[int], spans: Iterable[DayRange]
) -> Ints:
    """Return the counts of a few batches."""
    counts = np.zeros(len(batches), np.int64)
    for first, last in spans:
        words_of_part: list[Words] = []
        part: int | None = None
        async for block in read_blocks(view, kind.table, first, last, {*batches, *earlier}):
            for block_part, words in _hash_by_part(block, kind, batches):
                if block_part != part:
                    counts += _count_first(words_of_part, len(batches))
                    words_of_part, part = [], block_part
                words_of_part.append(words)
        counts += _count_first(words_of_part, len(batches))
    return counts


def _hash_by_part(block: pa.Table, kind: EventKind, batches: Sequence[int]) -> "list[tuple[int, Words]]":
    """Return the hashes of a block's events by part; the lowest bits are the rank of the event's batch.

    The rank is the position in `batches` plus 1, and 0 for other batches.
    """
    words = hash_rows([block[name] for name in kind.deduplication_key], block.num_rows)
    has_id = block[OWN_ID_KEY[0]].is_valid().to_numpy()
    if has_id.any():
        words = np.where(has_id, hash_rows([block[name] for name in OWN_ID_KEY], block.num_rows), words)
    ranks = _rank_batches(to_integers(block["batch"]), batches)
    marked = (words & ~_mask_ranks(len(batches))) | ranks
    parts = to_integers(block["part"])
    starts = np.flatnonzero(mark_group_starts(parts))
    return [(int(parts[at]), words) for at, words in zip(starts, np.split(marked, starts[1:]), strict=True)]


def _rank_batches(numbers: Ints, batches: Sequence[int]) -> Words:
    by = np.argsort(np.array(batches, np.int64))
    ascending = np.array(batches, np.int64)[by]
    at = np.minimum(np.searchsorted(ascending, numbers), len(ascending) - 1)
    return np.where(ascending[at] == numbers, by[at] + 1, 0).astype(np.uint64)


def _mask_ranks(count: int) -> np.uint64:
    """Return the bits that the ranks of `count` batches take."""
    return np.uint64(2 ** count.bit_length() - 1)


def _count_first(blocks: list[Words], count: int) -> Ints:
    """Return for each of `count` batches how many distinct events it is the first to have."""
    if not blocks:
        return np.zeros(count, np.int64)
    words = np.concatenate(blocks)
    words.sort()
    # After sorting, the words of one event are adjacent, ascending by rank: the first word decides.
    mask = _mask_ranks(count)
    ranks = words & mask
    is_first = mark_group_starts(words & ~mask)
    counts: Ints = np.bincount(ranks[is_first].astype(np.int64), minlength=count + 1)[1:]
    return counts
