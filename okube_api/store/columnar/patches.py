"""Changes of a table's rows applied to frames of the table: the rows of some keys are replaced by others.

The cost is in proportion to the rows of the parts that a change touches; the other rows are copied as they are.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from okube_api.store.arrays import Flags, Ints
from okube_api.store.column_types import ARROW_TYPES
from okube_api.store.columnar.frame import (
    CodedColumn,
    Frame,
    FrameColumn,
    IntegerColumn,
    OpaqueColumn,
    RowSelection,
    build_frame,
    encode_values,
)
from okube_api.store.errors import UnsupportedByStore
from okube_api.store.plan_analysis import conform_rows
from okube_api.store.schema import Table

_MAX_COMBINATIONS = 2**62
_MAX_CHUNKS = 32
"""The most pieces of an opaque column; with more, they are joined."""


@dataclass(frozen=True)
class RowPatch:
    """A change of a table: the rows that agree with a row of `keys` in all columns of `keys` are replaced by `rows`.

    keys: `part` and some other columns.  rows: with `part` and every column of the table; there may be none.
    """

    table: Table
    keys: pa.Table
    rows: pa.Table

    @classmethod
    def build(cls, table: Table, keys: pa.Table, rows: pa.Table) -> "RowPatch":
        """Return a patch with the declared types.  Raise ValueError without `part`, or when `rows` lack a column."""
        if "part" not in keys.column_names:
            raise ValueError(f"keys of {table.name} lack part")
        schema = pa.schema([(name, ARROW_TYPES[table.type_of(name)]) for name in keys.column_names])
        return cls(table, keys.cast(schema), conform_rows(table, rows))

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return int(self.keys.nbytes + self.rows.nbytes)


def merge_patches(patches: Sequence[RowPatch]) -> list[RowPatch]:
    """Return patches with the same effect: consecutive ones with the same key columns become one."""
    merged = []
    for _, group in groupby(patches, key=lambda patch: sorted(patch.keys.column_names)):
        members = list(group)
        merged.append(members[0] if len(members) == 1 else _merge_same_keys(members))
    return merged


def _merge_same_keys(patches: list[RowPatch]) -> RowPatch:
    """Return one patch: a row remains unless a later patch has its key."""
    table, names = patches[0].table, patches[0].keys.column_names
    keys = [patch.keys.select(names) for patch in patches]
    rows = pa.concat_tables([patch.rows for patch in patches])
    key_numbers, row_numbers = number_rows(table, [pa.concat_tables(keys), rows.select(names)])
    patch_of_key = np.repeat(np.arange(len(patches)), [part.num_rows for part in keys])
    patch_of_row = np.repeat(np.arange(len(patches)), [patch.rows.num_rows for patch in patches])
    numbers = np.concatenate((key_numbers, row_numbers))
    distinct, positions = np.unique(numbers, return_inverse=True)
    last_patch = np.full(len(distinct), -1)
    np.maximum.at(last_patch, positions[: len(key_numbers)], patch_of_key)
    remaining = last_patch[positions[len(key_numbers) :]] <= patch_of_row
    _, first_keys = np.unique(key_numbers, return_index=True)
    return RowPatch(
        table,
        pa.concat_tables(keys).take(pa.array(first_keys)),
        rows.filter(pa.array(remaining, pa.bool_())).combine_chunks(),
    )


def patch_frame(frame: Frame, patch: RowPatch) -> Frame:
    """Return the frame after the change.

    Raise UnsupportedByStore when the frame lacks a column of the keys, or a new value does not fit its column.
    """
    if missing := set(patch.keys.column_names).difference(frame.columns):
        raise UnsupportedByStore(f"Column '{min(missing)}' is not in memory.")
    added = build_frame(patch.rows, frame.types)
    pieces = list(_cut_pieces(frame, added, patch))
    columns = {name: _join_pieces(frame[name], added[name], pieces) for name in frame.columns}
    return Frame(frame.types, columns, len(columns["part"]))


_Piece = tuple[bool, RowSelection]
"""Whether the rows are added ones, and which."""


def _cut_pieces(frame: Frame, added: Frame, patch: RowPatch) -> Iterator[_Piece]:
    """Yield the rows that remain and those that are added, in order of `part`."""
    parts, added_parts = frame.get_integers("part").values, added.get_integers("part").values
    touched = np.union1d(patch.keys["part"].to_numpy(), added_parts).astype(np.int64)
    starts, ends = np.searchsorted(parts, touched), np.searchsorted(parts, touched, "right")
    added_starts, added_ends = np.searchsorted(added_parts, touched), np.searchsorted(added_parts, touched, "right")
    lengths = ends - starts
    offsets = np.cumsum(lengths) - lengths
    candidates = np.arange(lengths.sum()) + np.repeat(starts - offsets, lengths)
    remains = ~_match_keys(frame, candidates, patch)
    done = 0
    for start, end, offset, added_start, added_end in zip(
        starts.tolist(), ends.tolist(), offsets.tolist(), added_starts.tolist(), added_ends.tolist(), strict=True
    ):
        part_remains = remains[offset : offset + end - start]
        if not part_remains.all():
            yield False, slice(done, start)
            yield False, start + np.flatnonzero(part_remains)
            done = end
        if added_end > added_start:
            yield False, slice(done, end)
            yield True, slice(added_start, added_end)
            done = end
    yield False, slice(done, frame.rows)


def _match_keys(frame: Frame, candidates: NDArray[np.intp], patch: RowPatch) -> Flags:
    """Return which of these rows of a frame have a key of the patch."""
    names = patch.keys.column_names
    if not len(candidates) or not patch.keys.num_rows:
        return np.zeros(len(candidates), np.bool_)
    present = pa.table({name: frame[name].take(candidates).to_arrow() for name in names})
    key_numbers, numbers = number_rows(patch.table, [patch.keys, present.cast(patch.keys.schema)])
    return np.isin(numbers, key_numbers)


def number_rows(table: Table, tables: Sequence[pa.Table]) -> list[Ints]:
    """Return a number for each row of tables with the same columns: equal rows have equal numbers, others differ."""
    rows = pa.concat_tables(tables).combine_chunks()
    numbers, size = np.zeros(rows.num_rows, np.int64), 1
    for name in rows.column_names:
        codes, distinct = encode_values(rows[name].combine_chunks(), table.type_of(name))
        count = len(distinct) + 1  # code -1 is null
        if size * count >= _MAX_COMBINATIONS:
            combinations, numbers = np.unique(numbers, return_inverse=True)
            size = len(combinations)
        numbers, size = numbers * count + codes + 1, size * count
    return np.split(numbers, np.cumsum([table.num_rows for table in tables])[:-1])


def _join_pieces(column: FrameColumn, added: FrameColumn, pieces: Sequence[_Piece]) -> FrameColumn:
    if isinstance(column, IntegerColumn) and isinstance(added, IntegerColumn):
        values = np.concatenate([(added if new else column).values[rows] for new, rows in pieces])
        if column.missing is None and added.missing is None:
            return IntegerColumn(values, None)
        missing, added_missing = (
            np.zeros(len(part), np.bool_) if part.missing is None else part.missing for part in (column, added)
        )
        return IntegerColumn(
            values, np.concatenate([(added_missing if new else missing)[rows] for new, rows in pieces])
        )
    if isinstance(column, CodedColumn) and isinstance(added, CodedColumn):
        added = added.recode(column)
        codes = np.concatenate([(added if new else column).codes[rows] for new, rows in pieces])
        return CodedColumn(column.type, codes, added.distinct)
    if isinstance(column, OpaqueColumn) and isinstance(added, OpaqueColumn):
        chunks = [
            chunk for new, rows in pieces for chunk in (added if new else column).take(rows).values.chunks if len(chunk)
        ]
        values = pa.chunked_array(chunks, column.values.type)
        return OpaqueColumn(values if len(chunks) <= _MAX_CHUNKS else pa.chunked_array([pa.concat_arrays(chunks)]))
    raise UnsupportedByStore("A new value does not fit its column in memory.")
