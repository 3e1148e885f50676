"""Counts the new events of a batch by their hashes, one UTC day at a time to save memory.

The rule is that of `derive/deduplication.py`; events with natural keys are counted by `raw/reference_state.py`.
"""

from collections.abc import Collection, Iterable
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from okube_api.ingest.columns.columns import DayRange, mark_group_starts, to_integers
from okube_api.ingest.events.kinds import OWN_ID_KEY, EventKind
from okube_api.ingest.raw.reader import read_blocks
from okube_api.store.protocol import Reader

Words = NDArray[np.uint64]

# Constants of the SplitMix64 generator.
_GOLDEN, _MIX_1, _MIX_2 = (np.uint64(word) for word in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_OTHER_BATCH = np.uint64(1)  # the lowest bit of a word: 0 for events of the counted batch, 1 for other batches
_NULL = np.uint64(0xDEADBEEFDEADBEEF)


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
    words = _hash_rows([block[name] for name in kind.deduplication_key])
    has_id = block[OWN_ID_KEY[0]].is_valid().to_numpy()
    if has_id.any():
        words = np.where(has_id, _hash_rows([block[name] for name in OWN_ID_KEY]), words)
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


def _hash_rows(columns: list[pa.ChunkedArray]) -> Words:
    words = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        words = _mix(words ^ _to_words(column))
    return words


def _mix(words: Words) -> Words:
    """Mix the bits of words, so that every bit of the result depends on every bit of the word (SplitMix64)."""
    words = words + _GOLDEN
    words = (words ^ (words >> np.uint64(30))) * _MIX_1
    words = (words ^ (words >> np.uint64(27))) * _MIX_2
    mixed: Words = words ^ (words >> np.uint64(31))
    return mixed


def _to_words(column: pa.ChunkedArray) -> Words:
    """Return the bits of numbers, or hashes of texts; a null becomes a constant that values hardly ever equal."""
    if pa.types.is_string(column.type):
        return _hash_texts(column)
    if pa.types.is_floating(column.type):
        bits: Words = (column.to_numpy() + 0.0).view(np.uint64)  # -0.0 becomes 0.0
        return bits
    words: Words = pc.fill_null(column, 0).to_numpy().astype(np.uint64, copy=False)
    return np.where(column.is_valid().to_numpy(), words, _NULL) if column.null_count else words


def _hash_texts(column: pa.ChunkedArray) -> Words:
    encoded = column.dictionary_encode().unify_dictionaries()
    if encoded.num_chunks == 0:
        return np.empty(0, np.uint64)
    distinct = [blake2b(text.encode(), digest_size=8).digest() for text in encoded.chunk(0).dictionary.to_pylist()]
    word_of_code = np.append(np.frombuffer(b"".join(distinct), np.uint64), _NULL)  # index -1, a null, is the last
    codes = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in encoded.chunks]
    words: Words = word_of_code[np.concatenate(codes)]
    return words
