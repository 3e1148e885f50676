"""Converts, sorts and groups columns of events as NumPy arrays, and builds columns of facts from arrays."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from okube_api.catalogue.fact import Fact
from okube_api.ingest.columns.local_days import to_local_days
from okube_api.store.arrays import Codes, Flags, Ints
from okube_api.store.column_types import ARROW_TYPES
from okube_api.store.exact_integers import to_arrow

DayRange = tuple[int, int]
"""A first and a last local day, both inclusive."""

_PACKED_VALUES = 2**63
_BLOCK_ROWS = 100_000
_RUN_ROWS = 10_000  # merging sorted runs of this length is faster than sorting anew


# -- conversion ------------------------------------------------------------------------------------------------


def to_integers(column: pa.ChunkedArray) -> Ints:
    """Return the values of a column without nulls."""
    values: Ints = column.to_numpy().astype(np.int64, copy=False)
    return values


def to_codes(column: pa.ChunkedArray, names: Sequence[str]) -> Codes:
    """Return the index of each text in `names`, -1 for null and for other texts."""
    values = pa.array(names, pa.string())
    if not pa.types.is_dictionary(column.type):
        return _find_indices(column.cast(pa.string()), values)
    chunks = [_to_chunk_codes(chunk, values) for chunk in column.chunks]
    return np.concatenate([np.empty(0, np.int32), *chunks])


def _to_chunk_codes(chunk: pa.DictionaryArray, values: pa.Array) -> Codes:
    of_entry = np.append(_find_indices(chunk.dictionary.cast(pa.string()), values), np.int32(-1))
    codes: Codes = of_entry[chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    return codes


def _find_indices(texts: Any, values: pa.Array) -> Codes:
    indices: Codes = pc.fill_null(pc.index_in(texts, value_set=values), -1).to_numpy().astype(np.int32, copy=False)
    return indices


def to_days_of_places(at_ms: Ints, places: NDArray[Any], timezones: Sequence[str]) -> Ints:
    """Return the local day of each instant (ms, UTC) as an ordinal.

    places: the place of each instant, an index into `timezones`.
    """
    days = np.empty(len(at_ms), np.int64)
    names, of_place = np.unique(np.asarray(timezones, np.str_), return_inverse=True)
    codes = of_place[places] if len(timezones) else places
    for code, name in enumerate(names):
        in_zone = codes == code
        days[in_zone] = to_local_days(at_ms[in_zone], str(name))
    return days


# -- sorting and grouping --------------------------------------------------------------------------------------


def sort_order(*keys: NDArray[Any]) -> Ints:
    """Return the permutation that sorts rows by the first key, then by the others; the order of equal rows is open."""
    # Sorting by one key is several times faster than by several.  So keys are packed into one 64-bit integer as long
    # as their ranges fit: with a second key of 10 different values, (a, b) becomes a * 10 + b, counted from the minima.
    packed: list[Ints] = []
    packed_values = 0
    for key in keys:
        if key.dtype == object:  # integers beyond 64 bits
            key = np.unique(key, return_inverse=True)[1]  # noqa: PLW2901 - the ranks of the same key
        low, high = (int(key.min()), int(key.max())) if len(key) else (0, 0)
        values = high - low + 1
        if packed and packed_values * values <= _PACKED_VALUES:
            packed[-1] *= values
            packed[-1] += key
            packed[-1] -= low
            packed_values *= values
        else:
            packed.append(key.astype(np.int64) - low)
            packed_values = values
    descents = np.count_nonzero(packed[0][1:] < packed[0][:-1])
    permutation: Ints
    if descents == 0:
        permutation = np.arange(len(packed[0]))
    else:  # a stable sort merges rows that are already sorted for the most part
        is_nearly_sorted = descents * _RUN_ROWS < len(packed[0])
        permutation = np.argsort(packed[0], kind="stable" if is_nearly_sorted else None)
    if len(packed) > 1:  # only rows that are equal in the first packed key, which are few, are sorted by the others
        is_new = mark_group_starts(packed[0][permutation])
        tied = np.flatnonzero(~(is_new & np.append(is_new[1:], True)))
        rows = permutation[tied]
        permutation[tied] = rows[np.lexsort([key[rows] for key in packed[::-1]])]
    return permutation


def find_distinct(values: Ints) -> Ints:
    """Return the distinct values, ascending.

    `np.unique` hashes integers, which takes eighty times as long as sorting where most of a million are distinct.
    """
    ascending = np.sort(values)
    return ascending[mark_group_starts(ascending)] if len(ascending) else ascending


def mark_group_starts(*keys: NDArray[Any]) -> Flags:
    """Return which rows differ from the row before in at least one key; the first row counts as different."""
    starts = np.ones(len(keys[0]), np.bool_)
    starts[1:] = False
    for key in keys:
        starts[1:] |= key[1:] != key[:-1]
    return starts


def count_by_group(groups: NDArray[Any], size: int) -> Ints:
    """Return the number of rows of each of the groups 0 to size - 1."""
    return np.bincount(groups, minlength=size).astype(np.int64, copy=False)


def to_offsets(counts: Ints) -> Ints:
    """Return the offsets of n consecutive lists, given their lengths: the starts, and the end of the last."""
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))


def expand_ranges(starts: Ints, counts: Ints) -> Ints:
    """Return the integers of consecutive ranges: starts[0], starts[0] + 1, ... (counts[0] of them), starts[1], ..."""
    offsets = to_offsets(counts)
    return np.arange(offsets[-1], dtype=np.int64) + np.repeat(starts - offsets[:-1], counts)


def split_days(day: Ints, span: DayRange) -> Iterator[tuple[DayRange, slice]]:
    """Yield parts of a span of days, each with about 100,000 rows or a single day, and the slice of its rows.

    day: the day of each row, ascending, within the span.
    """
    first, last = span
    ends = np.cumsum(count_by_group(day - first, last - first + 1))
    low, start = first, 0
    while low <= last:
        high = int(np.searchsorted(ends, start + _BLOCK_ROWS, side="right")) + first - 1
        high = min(max(high, low), last)
        stop = int(ends[high - first])
        yield (low, high), slice(start, stop)
        low, start = high + 1, stop


# -- columns of facts ------------------------------------------------------------------------------------------


def to_name_column(names: Sequence[str], codes: NDArray[Any], missing: Flags | None = None) -> pa.DictionaryArray:
    """Return the name of each code (an index into `names`), null where missing."""
    indices = pa.array(codes.astype(np.int32, copy=False), mask=missing)
    return pa.DictionaryArray.from_arrays(indices, pa.array(names, pa.string()))


def to_list_column(counts: Ints, names: Sequence[str], codes: NDArray[Any]) -> pa.Array:
    """Return lists of names: the list of row i has the next `counts[i]` codes."""
    return pa.ListArray.from_arrays(
        pa.array(to_offsets(counts), pa.int32()), to_name_column(names, codes).cast(pa.string())
    )


def build_fact_table(fact: Fact, day: Ints, columns: Mapping[str, Any]) -> pa.Table:
    """Return a table of `day` and the given columns of a fact, in declared order; texts may stay dictionary-encoded."""
    types = {"day": pa.int64()} | {column.name: ARROW_TYPES[column.type] for column in fact.columns}
    values = {"day": day, **columns}
    if unknown := values.keys() - types.keys():
        raise ValueError(f"{fact.name} has no column {', '.join(sorted(unknown))}")
    return pa.table(
        {
            name: values[name] if isinstance(values[name], pa.DictionaryArray) else to_column(values[name], type_)
            for name, type_ in types.items()
            if name in values
        }
    )


def to_column(values: Any, type_: pa.DataType) -> pa.Array | pa.ChunkedArray:
    """Return an array or column, of NumPy or Arrow, as an Arrow column of a type; integers may exceed 64 bits."""
    if isinstance(values, np.ndarray) and (values.dtype == object or pa.types.is_decimal(type_)):
        values = to_arrow(values)
    if isinstance(values, pa.Array | pa.ChunkedArray):
        return values if values.type == type_ else values.cast(type_)
    return pa.array(values, type_)
