"""Columns of texts and of lists of texts as integer codes, and lists of numbers by code."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pyarrow as pa

from okube_api.store.arrays import Ints


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
    """Return a column of texts, dictionary-encoded or not, as codes, and the text of each code that occurs."""
    if len(column) == 0:
        return np.zeros(0, dtype=np.int64), []
    if pa.types.is_dictionary(column.type):
        encoded = column.chunk(0) if column.num_chunks == 1 else column.unify_dictionaries().combine_chunks()
        return _compact_codes(encoded)
    encoded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary.to_pylist()


def _compact_codes(encoded: pa.DictionaryArray) -> tuple[Ints, list[str | None]]:
    """Return the codes of texts, without codes that no row has; null gets the last one."""
    texts = encoded.dictionary
    indices = encoded.indices.fill_null(len(texts)) if encoded.null_count else encoded.indices
    codes = indices.to_numpy().astype(np.int64)
    occurs = np.zeros(len(texts) + 1, dtype=np.bool_)
    occurs[codes] = True
    if occurs[:-1].all():
        return codes, [*texts.to_pylist(), *([None] if occurs[-1] else [])]
    positions = np.cumsum(occurs) - 1
    return positions[codes], [*texts.filter(pa.array(occurs[:-1])).to_pylist(), *([None] if occurs[-1] else [])]


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
    """Return each (row, number) pair once, ascending; numbers lie below `size`."""
    pairs = np.sort(rows * max(size, 1) + numbers)
    distinct = pairs[np.append(True, pairs[1:] != pairs[:-1])[: len(pairs)]]
    distinct_rows, distinct_numbers = np.divmod(distinct, max(size, 1))
    return distinct_rows, distinct_numbers
