"""Columns of events as numpy arrays, their order, and arrays as columns of facts."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from okube_api.catalogue.facts import Fact
from okube_api.ingest.columns.local_days import to_local_days
from okube_api.store.arrays import Codes, Flags, Ints
from okube_api.store.column_types import ARROW_TYPES

Span = tuple[int, int]
"""A first and a last local day, both included."""

_ROOM = 2**63
_BLOCK_ROWS = 100_000


def to_integers(column: pa.ChunkedArray) -> Ints:
    """The values of a column without nulls."""
    found: Ints = column.to_numpy().astype(np.int64, copy=False)
    return found


def to_codes(column: pa.ChunkedArray, known: Sequence[str]) -> Codes:
    """The place of each value in `known`, -1 where it is not there (or null); dictionaries are looked up once."""
    names = pa.array(known, pa.string())
    if not pa.types.is_dictionary(column.type):
        return _found(column.cast(pa.string()), names)
    chunks = [_chunk_codes(chunk, names) for chunk in column.chunks]
    return np.concatenate([np.empty(0, np.int32), *chunks])


def _chunk_codes(chunk: pa.DictionaryArray, names: pa.Array) -> Codes:
    places = np.append(_found(chunk.dictionary.cast(pa.string()), names), np.int32(-1))
    found: Codes = places[chunk.indices.fill_null(-1).to_numpy(zero_copy_only=False)]
    return found


def _found(values: Any, names: pa.Array) -> Codes:
    found: Codes = pc.fill_null(pc.index_in(values, value_set=names), -1).to_numpy().astype(np.int32, copy=False)
    return found


def sort_order(*keys: NDArray[Any]) -> Ints:
    """The permutation that sorts by the keys, the first one first; rows equal in all of them come in any order.

    Keys that fit into one 64-bit number together are sorted as one, which is several times faster.
    """
    packed: list[Ints] = []
    room = 0
    for key in keys:
        low, high = (int(key.min()), int(key.max())) if len(key) else (0, 0)
        size = high - low + 1
        if packed and room * size <= _ROOM:
            packed[-1] *= size
            packed[-1] += key
            packed[-1] -= low
            room *= size
        else:
            packed.append(key.astype(np.int64) - low)
            room = size
    found: Ints = np.argsort(packed[0])
    if len(packed) > 1:  # few rows are equal in the first keys: only these are sorted by the others
        new = mark_group_starts(packed[0][found])
        tied = np.flatnonzero(~(new & np.append(new[1:], True)))
        rows = found[tied]
        found[tied] = rows[np.lexsort([key[rows] for key in packed[::-1]])]
    return found


def mark_group_starts(*keys: NDArray[Any]) -> Flags:
    """Where a row differs from the one before it in one of the keys; the first row does."""
    found = np.ones(len(keys[0]), np.bool_)
    found[1:] = False
    for key in keys:
        found[1:] |= key[1:] != key[:-1]
    return found


def count_by_group(groups: NDArray[Any], size: int) -> Ints:
    """How many rows each of the groups 0 to size - 1 has."""
    return np.bincount(groups, minlength=size).astype(np.int64, copy=False)


def to_offsets(counts: Ints) -> Ints:
    """Where each list of so many elements begins in all of them one after the other, and the end: shape (n + 1,)."""
    return np.concatenate((np.zeros(1, np.int64), np.cumsum(counts)))


def expand_ranges(starts: Ints, counts: Ints) -> Ints:
    """starts[0], starts[0] + 1, ... so many times, then the same of the next, one after the other."""
    before = to_offsets(counts)
    return np.arange(before[-1], dtype=np.int64) + np.repeat(starts - before[:-1], counts)


def to_days_of_places(at_ms: Ints, places: NDArray[Any], zones: Sequence[str]) -> Ints:
    """The ordinals of the local days of instants (ms, UTC), each in the zone of its place (an index into zones)."""
    found = np.empty(len(at_ms), np.int64)
    names, of_place = np.unique(np.asarray(zones, np.str_), return_inverse=True)
    zone = of_place[places] if len(zones) else places
    for number, name in enumerate(names):
        there = zone == number
        found[there] = to_local_days(at_ms[there], str(name))
    return found


def split_days(day: Ints, span: Span) -> Iterator[tuple[Span, slice]]:
    """Cuts a span of days into days that hold some 100,000 rows together, or are one day, with the place of their rows.

    day: of each row, ascending, within the span.
    """
    first, last = span
    ends = np.cumsum(count_by_group(day - first, last - first + 1))
    low, held = first, 0
    while low <= last:
        high = int(np.searchsorted(ends, held + _BLOCK_ROWS, side="right")) + first - 1
        high = min(max(high, low), last)
        until = int(ends[high - first])
        yield (low, high), slice(held, until)
        low, held = high + 1, until


def to_name_column(known: Sequence[str], found: NDArray[Any], missing: Flags | None = None) -> pa.DictionaryArray:
    """Codes as texts; null where missing."""
    codes = pa.array(found.astype(np.int32, copy=False), mask=missing)
    return pa.DictionaryArray.from_arrays(codes, pa.array(known, pa.string()))


def to_list_column(counts: Ints, known: Sequence[str], found: NDArray[Any]) -> pa.Array:
    """Codes, so many for each row, as lists of texts."""
    return pa.ListArray.from_arrays(
        pa.array(to_offsets(counts), pa.int32()), to_name_column(known, found).cast(pa.string())
    )


def build_fact_table(fact: Fact, day: Ints, columns: Mapping[str, Any]) -> pa.Table:
    """A table of a fact: `day`, then those of its columns that are given, as declared; texts may be dictionaries."""
    declared = {"day": pa.int64()} | {column.name: ARROW_TYPES[column.type] for column in fact.columns}
    held = {"day": day, **columns}
    if unknown := held.keys() - declared.keys():
        raise ValueError(f"{fact.name} has no column {', '.join(sorted(unknown))}")
    return pa.table({name: _column(held[name], kind) for name, kind in declared.items() if name in held})


def _column(values: Any, kind: pa.DataType) -> Any:
    if isinstance(values, pa.DictionaryArray):
        return values
    return values.cast(kind) if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, kind)
