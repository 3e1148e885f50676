"""Columns of texts and of lists of texts as integer codes, and lists of numbers by code."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pyarrow as pa

from okube_api.store.arrays import Ints

_FLAG_BYTES = 16_000_000
"""The working space of `drop_duplicate_pairs`."""


@dataclass(frozen=True, slots=True)
class ValuesByCode:
    """A list of numbers for each code: those of code i are `numbers[offsets[i]:offsets[i + 1]]`."""

    offsets: Ints
    numbers: Ints

    @classmethod
    def from_lists(cls, lists: Iterable[Sequence[int]]) -> "ValuesByCode":
        """Build the table from one list of numbers for each code."""
        by_code = list(lists)
        offsets = np.cumsum([0, *map(len, by_code)], dtype=np.int64)
        return cls(offsets, np.array(list(chain.from_iterable(by_code)), dtype=np.int64))

    def expand(self, codes: Ints) -> tuple[Ints, Ints]:
        """Return the numbers of these codes, one after the other.

        Two arrays of the same length: the position in `codes` that each number comes from, and the number.
        """
        lengths = np.diff(self.offsets)
        if not np.any(lengths > 1):
            only_number = np.full(len(lengths), -1, dtype=np.int64)
            only_number[lengths == 1] = self.numbers
            numbers = only_number[codes]
            positions = np.flatnonzero(numbers >= 0)
            return positions, numbers[positions]
        counts = lengths[codes]
        positions = np.repeat(np.arange(len(codes), dtype=np.int64), counts)
        ends = np.cumsum(counts)
        index_in_list = np.arange(len(positions), dtype=np.int64) - np.repeat(ends - counts, counts)
        return positions, self.numbers[self.offsets[codes][positions] + index_in_list]


def encode_texts(column: pa.ChunkedArray) -> tuple[Ints, list[str | None]]:
    """Return a column of texts as codes, and the text of each code."""
    if len(column) == 0:
        return np.zeros(0, dtype=np.int64), []
    if pa.types.is_dictionary(column.type) and column.null_count:
        column = column.cast(column.type.value_type)
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    if isinstance(encoded, pa.ChunkedArray):
        encoded = encoded.unify_dictionaries().combine_chunks()
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()


def flatten_lists(column: pa.ChunkedArray) -> tuple[Ints, pa.ChunkedArray]:
    """Return the texts of a column of lists of texts: the row of each, and the texts one after the other."""
    lengths = np.concatenate(
        [np.zeros(0, dtype=np.int64)]
        + [chunk.value_lengths().fill_null(0).to_numpy(zero_copy_only=False) for chunk in column.chunks]
    )
    return np.repeat(np.arange(len(column), dtype=np.int64), lengths), pa.chunked_array(
        [chunk.flatten() for chunk in column.chunks], column.type.value_type
    )


def drop_duplicate_pairs(rows: Ints, numbers: Ints, size: int) -> tuple[Ints, Ints]:
    """Return each (row, number) pair once; rows must ascend, numbers lie below `size`.

    A block of rows at a time is marked in a table of flags (row, number), whose set flags are the pairs.
    """
    if len(rows) == 0:
        return rows, numbers
    step = max(_FLAG_BYTES // max(size, 1), 1)
    pairs = []
    for start in range(0, int(rows[-1]) + 1, step):
        low, high = np.searchsorted(rows, (start, start + step))
        flags = np.zeros((min(step, int(rows[-1]) + 1 - start), size), dtype=np.bool_)
        flags[rows[low:high] - start, numbers[low:high]] = True
        block_rows, block_numbers = np.nonzero(flags)
        pairs.append((block_rows + start, block_numbers))
    return np.concatenate([row for row, _ in pairs]), np.concatenate([number for _, number in pairs])
