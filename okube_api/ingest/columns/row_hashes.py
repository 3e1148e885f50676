"""Hashes whole rows of columns in 64 bits: equal rows have equal hashes, whatever the blocks that they come in."""

from collections.abc import Iterable
from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

Words = NDArray[np.uint64]

# Constants of the SplitMix64 generator.
_GOLDEN, _MIX_1, _MIX_2 = (np.uint64(word) for word in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
_SHIFT_1, _SHIFT_2, _SHIFT_3 = np.uint64(30), np.uint64(27), np.uint64(31)
_BLOCK_ROWS = 16_384  # so many words stay in the processor's cache while they are mixed
_NULL = np.uint64(0xDEADBEEFDEADBEEF)


def hash_rows(columns: Iterable[pa.ChunkedArray], size: int) -> Words:
    """Return the hash of each of `size` rows.  Columns may be integers, numbers or texts, also dictionary-encoded."""
    words = np.zeros(size, np.uint64)
    words_of_columns = [_to_words(column) for column in columns]
    buffer = np.empty(min(size, _BLOCK_ROWS), np.uint64)
    for low in range(0, size, _BLOCK_ROWS):
        block = words[low : low + _BLOCK_ROWS]
        for of_column in words_of_columns:
            block ^= of_column[low : low + _BLOCK_ROWS]
            _mix(block, buffer[: len(block)])
    return words


def _mix(words: Words, buffer: Words) -> None:
    """Mix the bits of words in place, so that every bit depends on every bit that there was (SplitMix64)."""
    words += _GOLDEN
    words ^= np.right_shift(words, _SHIFT_1, out=buffer)
    words *= _MIX_1
    words ^= np.right_shift(words, _SHIFT_2, out=buffer)
    words *= _MIX_2
    words ^= np.right_shift(words, _SHIFT_3, out=buffer)


def _to_words(column: pa.ChunkedArray) -> Words:
    """Return the bits of numbers, or hashes of texts; a null becomes a constant that values hardly ever equal."""
    if pa.types.is_string(column.type) or pa.types.is_dictionary(column.type):
        return _hash_texts(column)
    if pa.types.is_floating(column.type):
        bits: Words = (column.to_numpy() + 0.0).view(np.uint64)  # -0.0 becomes 0.0
        return bits
    if column.null_count == len(column):
        return np.full(len(column), _NULL)
    words: Words = pc.fill_null(column, 0).to_numpy().astype(np.uint64, copy=False)
    return np.where(column.is_valid().to_numpy(), words, _NULL) if column.null_count else words


def _hash_texts(column: pa.ChunkedArray) -> Words:
    encoded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    encoded = encoded.unify_dictionaries()
    if encoded.num_chunks == 0:
        return np.empty(0, np.uint64)
    distinct = [blake2b(text.encode(), digest_size=8).digest() for text in encoded.chunk(0).dictionary.to_pylist()]
    word_of_code = np.append(np.frombuffer(b"".join(distinct), np.uint64), _NULL)  # index -1, a null, is the last
    codes = [chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False) for chunk in encoded.chunks]
    words: Words = word_of_code[np.concatenate(codes)]
    return words
