"""Integer arithmetic without overflow: in 64 bits where a bound proves that they are enough, else in Python integers.

Sums wider than 64 bits are passed through Arrow as `decimal128(38, 0)`, which holds every integer below 10**38.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from okube_api.store.arrays import Ints

Numerators = NDArray[Any]
"""int64, or Python integers (dtype object) where they might not fit into 64 bits."""

WIDE_TYPE = pa.decimal128(38, 0)
SAFE = 2**62
"""Integers of a smaller magnitude can be added, subtracted and negated in 64 bits."""
_DIGITS_LIMIT = 10**38
_HALF_BITS = 31
_WORD_BITS = 64
_NO_NUMBERS: Ints = np.zeros(0, dtype=np.int64)


def find_magnitude(numbers: Numerators) -> int:
    """Return the greatest absolute value; 0 without numbers."""
    return max(abs(int(numbers.max())), abs(int(numbers.min()))) if numbers.size else 0


def concatenate_numbers(parts: Sequence[Numerators]) -> Numerators:
    """Concatenate arrays of integers; no parts give no integers."""
    return np.concatenate([_NO_NUMBERS, *parts])


def narrow(numbers: Numerators) -> Numerators:
    """Return the same numbers as int64 if all are below `SAFE`, else unchanged."""
    if numbers.dtype != object or find_magnitude(numbers) >= SAFE:
        return numbers
    return numbers.astype(np.int64)


def multiply(numbers: Numerators, factor: int) -> Numerators:
    """Multiply numbers by an integer."""
    if factor == 1:
        return numbers
    if numbers.dtype != object and max(find_magnitude(numbers), 1) * abs(factor) >= SAFE:
        numbers = numbers.astype(object)
    product: Numerators = numbers * factor
    return product


def multiply_pairs(left: Numerators, right: Numerators) -> Numerators:
    """Multiply numbers pair by pair."""
    if object not in (left.dtype, right.dtype) and find_magnitude(left) * find_magnitude(right) < SAFE:
        product: Numerators = left.astype(np.int64, copy=False) * right
        return product
    wide_product: Numerators = left.astype(object) * right.astype(object)
    return wide_product


def add(*parts: Numerators) -> Numerators:
    """Add arrays of the same length, number by number."""
    if any(part.dtype == object for part in parts) or sum(map(find_magnitude, parts)) >= SAFE:
        parts = tuple(part.astype(object) for part in parts)
    result = parts[0]
    for part in parts[1:]:
        result = result + part
    return result


def sum_all(numbers: Numerators) -> int:
    """Return the sum of all numbers."""
    if numbers.dtype != object and find_magnitude(numbers) * len(numbers) >= SAFE:
        return (int((numbers >> _HALF_BITS).sum()) << _HALF_BITS) + int((numbers & (2**_HALF_BITS - 1)).sum())
    return int(numbers.sum())


def sum_by_position(positions: Ints, numbers: Numerators, size: int) -> Numerators:
    """Return the sums of the numbers at each of the positions 0 to size - 1."""
    if numbers.dtype == object:
        totals: Numerators = np.zeros(size, dtype=object)
        np.add.at(totals, positions, numbers)
        return totals
    if find_magnitude(numbers) * len(numbers) < SAFE:
        totals = np.zeros(size, dtype=np.int64)
        np.add.at(totals, positions, numbers)
        return totals
    # The upper and the lower half of each number are summed separately: neither overflows below 2**31 numbers.
    high = sum_by_position(positions, numbers >> _HALF_BITS, size)
    low = sum_by_position(positions, numbers & (2**_HALF_BITS - 1), size)
    return join_halves(high, low, _HALF_BITS)


def sum_slices(numbers: Numerators, starts: Ints) -> Numerators:
    """Return the sums of consecutive slices, none of them empty, given where each begins; the first begins at 0."""
    if not len(starts):
        return _NO_NUMBERS
    if numbers.dtype == object or find_magnitude(numbers) * len(numbers) < SAFE:
        sums: Numerators = np.add.reduceat(numbers, starts)
        return sums
    high, low = sum_slices(numbers >> _HALF_BITS, starts), sum_slices(numbers & (2**_HALF_BITS - 1), starts)
    return join_halves(high, low, _HALF_BITS)


def join_halves(high: Ints, low: Ints, bits: int) -> Numerators:
    """Return `high * 2**bits + low`."""
    if (find_magnitude(high) << bits) + find_magnitude(low) < SAFE:
        return (high << bits) + low
    return narrow(high.astype(object) * 2**bits + low.astype(object))


# -- Arrow


def from_arrow(column: pa.Array | pa.ChunkedArray) -> Numerators:
    """Return the values of a column of integers or of `WIDE_TYPE`, 0 for null."""
    if not pa.types.is_decimal(column.type):
        filled = column.fill_null(0) if column.null_count else column
        values = filled.to_numpy(zero_copy_only=False) if isinstance(filled, pa.Array) else filled.to_numpy()
        integers: Ints = values.astype(np.int64, copy=False)
        return integers
    low, high = _split_words(column)
    if _fits(low, high):
        return low
    joined: Numerators = high.astype(object) * 2**_WORD_BITS + low.view(np.uint64).astype(object)
    return joined


def to_arrow(numbers: Numerators) -> pa.Array:
    """Return numbers as int64, or as `WIDE_TYPE` if one of them does not fit.

    Raise OverflowError when a number has more than 38 digits.
    """
    if numbers.dtype != object:
        return pa.array(numbers.astype(np.int64, copy=False))
    if find_magnitude(numbers) < 2 ** (_WORD_BITS - 1):
        return pa.array(numbers.astype(np.int64))
    if find_magnitude(numbers) >= _DIGITS_LIMIT:
        raise OverflowError("A sum has more than 38 digits.")
    words = np.empty((len(numbers), 2), np.uint64)
    words[:, 0] = (numbers & (2**_WORD_BITS - 1)).astype(np.uint64)
    words[:, 1] = (numbers >> _WORD_BITS).astype(np.int64).view(np.uint64)
    return pa.Array.from_buffers(WIDE_TYPE, len(numbers), [None, pa.py_buffer(words.tobytes())])


def narrow_columns(rows: pa.Table) -> pa.Table:
    """Return rows whose columns of `WIDE_TYPE` are int64 where every value fits."""
    for index, field in enumerate(rows.schema):
        if pa.types.is_decimal(field.type):
            column = rows.column(index)
            low, high = _split_words(column)
            if _fits(low, high):
                mask = column.is_null().to_numpy() if column.null_count else None
                rows = rows.set_column(index, field.name, pa.array(low, mask=mask))
    return rows


def _split_words(column: pa.Array | pa.ChunkedArray) -> tuple[Ints, Ints]:
    """Return the low and the high 64 bits of each decimal, 0 for null; both as signed integers."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    parts = [np.zeros((0, 2), np.int64)]
    for chunk in chunks:
        if len(chunk):
            words = np.frombuffer(chunk.buffers()[1], np.int64).reshape(-1, 2)
            words = words[chunk.offset : chunk.offset + len(chunk)]
            if chunk.null_count:  # the bits of a null are undefined
                words = np.where(chunk.is_null().to_numpy(zero_copy_only=False)[:, np.newaxis], 0, words)
            parts.append(words)
    words = np.concatenate(parts)
    return np.ascontiguousarray(words[:, 0]), words[:, 1]


def _fits(low: Ints, high: Ints) -> bool:
    """Return whether every number fits into its low word, so that the high word only repeats the sign."""
    return bool((high == low >> (_WORD_BITS - 1)).all())
