"""How many events of a batch are new, counted without holding them all."""

from collections.abc import Collection
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from okube_api.ingest.columns.columns import changes, integers
from okube_api.ingest.events.kinds import OWN_ID_KEY, EventKind
from okube_api.ingest.raw.reader import read_blocks
from okube_api.store.base import Reader

Words = NDArray[np.uint64]

_GOLDEN, _MIX_1, _MIX_2 = (np.uint64(one) for one in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_MINE = np.uint64(1)  # the lowest bit of a word is 0 for the batch's own
_NULL = np.uint64(0xDEADBEEFDEADBEEF)


async def count_new_events(
    view: Reader, kind: EventKind, batch: int, others: Collection[int], parts: Collection[int]
) -> int:
    """How many events a batch brings that no other batch has, each counted once; the rest are duplicates.

    parts: those that the batch has rows in.  Events are told apart by 63 bits of a hash of what makes them the same.
    """
    count = 0
    for first, last in _neighbours(sorted(parts)):
        held: list[Words] = []
        part: int | None = None
        async for block in read_blocks(view, kind.table, first, last, {batch, *others}):
            for of_part, words in _by_part(block, kind, batch):
                if of_part != part:
                    count += _alone(held)
                    held, part = [], of_part
                held.append(words)
        count += _alone(held)
    return count


def _neighbours(parts: list[int]) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for part in parts:
        if found and part <= found[-1][1] + 1:
            found[-1] = (found[-1][0], part)
        else:
            found.append((part, part))
    return found


def _by_part(block: pa.Table, kind: EventKind, batch: int) -> "list[tuple[int, Words]]":
    """The hashes of a block's events by part."""
    words = _hash([block[name] for name in kind.content_key])
    own = block[OWN_ID_KEY[0]].is_valid().to_numpy()
    if own.any():
        words = np.where(own, _hash([block[name] for name in OWN_ID_KEY]), words)
    mine = integers(block["batch"]) == batch
    marked = (words & ~_MINE) | np.where(mine, np.uint64(0), _MINE)
    of_part = integers(block["part"])
    starts = np.flatnonzero(changes(of_part))
    return [(int(of_part[at]), words) for at, words in zip(starts, np.split(marked, starts[1:]), strict=True)]


def _alone(held: list[Words]) -> int:
    """How many distinct events the batch has, and no other."""
    if not held:
        return 0
    words = np.concatenate(held)
    words.sort()
    events = words >> _MINE
    last = np.append(events[1:] != events[:-1], True)  # of an event's words, those of others come last
    return int(np.count_nonzero(last & (words & _MINE == 0)))


def _hash(columns: list[pa.ChunkedArray]) -> Words:
    found = np.zeros(len(columns[0]), np.uint64)
    for column in columns:
        found = _mixed(found ^ _words(column))
    return found


def _mixed(words: Words) -> Words:
    """Every bit of the result depends on every bit of the word."""
    words = words + _GOLDEN
    words = (words ^ (words >> np.uint64(30))) * _MIX_1
    words = (words ^ (words >> np.uint64(27))) * _MIX_2
    mixed: Words = words ^ (words >> np.uint64(31))
    return mixed


def _words(column: pa.ChunkedArray) -> Words:
    """The bits of numbers, a hash of texts; null is unlike nearly every value."""
    if pa.types.is_string(column.type):
        return _words_of_texts(column)
    if pa.types.is_floating(column.type):
        found: Words = (column.to_numpy() + 0.0).view(np.uint64)  # so that there is one zero
        return found
    words: Words = pc.fill_null(column, 0).to_numpy().astype(np.uint64, copy=False)
    return np.where(column.is_valid().to_numpy(), words, _NULL) if column.null_count else words


def _words_of_texts(column: pa.ChunkedArray) -> Words:
    encoded = column.dictionary_encode().unify_dictionaries()
    if encoded.num_chunks == 0:
        return np.empty(0, np.uint64)
    distinct = [blake2b(text.encode(), digest_size=8).digest() for text in encoded.chunk(0).dictionary.to_pylist()]
    words = np.append(np.frombuffer(b"".join(distinct), np.uint64), _NULL)
    codes = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in encoded.chunks]
    found: Words = words[np.concatenate(codes)]
    return found
