"""Columns of rows in memory: integers in as few bytes as they fit, other values as codes of the distinct values."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from okube_api.store.arrays import Flags, Ints
from okube_api.store.column_types import ELEMENT_TYPES, INTEGER_TYPES
from okube_api.store.errors import UnsupportedByStore
from okube_api.store.exact_integers import narrow_columns
from okube_api.store.schema import ColumnType

SmallInts = NDArray[np.integer]
"""Signed integers of 8, 16, 32 or 64 bits, whichever is the smallest that holds every value."""
RowSelection = slice | Flags | NDArray[np.intp]
_OPAQUE_TYPES = (ColumnType.BYTES, ColumnType.NUMBER, ColumnType.WIDE_INTEGER)
_SIZES = (np.int8, np.int16, np.int32, np.int64)


@dataclass(frozen=True)
class IntegerColumn:
    """An integer column.

    missing: where the value is null (it is stored as 0 there); None when no value is.
    """

    values: SmallInts
    missing: Flags | None

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """Least and greatest value, nulls as 0."""
        return (int(self.values.min()), int(self.values.max())) if len(self.values) else (0, 0)

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.values.nbytes + (self.missing.nbytes if self.missing is not None else 0)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: RowSelection) -> "IntegerColumn":
        """Return the selected rows."""
        return IntegerColumn(self.values[rows], None if self.missing is None else self.missing[rows])

    def to_arrow(self) -> pa.Array:
        """Return the values as int64."""
        return pa.array(self.values.astype(np.int64), mask=self.missing)


@dataclass(frozen=True)
class CodedColumn:
    """A column of texts, booleans or lists: for each row the position of its value in `distinct`, -1 for null."""

    type: ColumnType
    codes: SmallInts
    distinct: pa.Array

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        index = self.__dict__.get("row_index")
        return self.codes.nbytes + int(self.distinct.nbytes) + (0 if index is None else index.nbytes)

    @cached_property
    def codes_by_value(self) -> Mapping[Any, int]:
        """The code of each distinct value; for columns of texts and booleans."""
        return {value: code for code, value in enumerate(self.distinct.to_pylist())}

    @cached_property
    def has_null(self) -> bool:
        """Whether a value is null."""
        return bool(len(self.codes)) and int(self.codes.min()) < 0

    @cached_property
    def row_index(self) -> "RowIndex":
        """The rows of each code."""
        starts = np.cumsum(np.bincount(self.codes + np.int64(1), minlength=len(self.distinct) + 1))
        return RowIndex(np.argsort(self.codes, kind="stable").astype(np.int32), starts)

    def __len__(self) -> int:
        return len(self.codes)

    def take(self, rows: RowSelection) -> "CodedColumn":
        """Return the selected rows."""
        rows_of_column = CodedColumn(self.type, self.codes[rows], self.distinct)
        if "codes_by_value" in self.__dict__:  # computed for the same distinct values
            rows_of_column.__dict__["codes_by_value"] = self.codes_by_value
        return rows_of_column

    def to_arrow(self) -> pa.Array:
        """Return the values, not encoded."""
        return self.distinct.take(pa.array(self.codes.astype(np.int64), mask=self.codes < 0))

    def recode(self, other: "CodedColumn") -> "CodedColumn":
        """Return the same values with the codes of another column; values that it lacks get the codes after its own.

        Raise UnsupportedByStore when the other column has two codes for one value.
        """
        count = len(other.distinct)
        codes, distinct = encode_values(pa.concat_arrays([other.distinct, self.distinct]), self.type)
        if not np.array_equal(codes[:count], np.arange(count)):
            raise UnsupportedByStore("A column in memory has two codes for one value.")
        new_codes = np.append(codes[count:], -1)  # the element at the end is the code of null, -1
        new_distinct = other.distinct if len(distinct) == count else distinct
        return CodedColumn(self.type, _shrink(new_codes[self.codes]), new_distinct)


@dataclass(frozen=True)
class RowIndex:
    """The rows of each code of a column: those of code i are `rows[starts[i]:starts[i + 1]]`, ascending.

    The rows before `starts[0]` are those of null.
    """

    rows: NDArray[np.int32]
    starts: NDArray[np.intp]

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.rows.nbytes + self.starts.nbytes

    def count(self, codes: NDArray[np.intp]) -> int:
        """Return the number of rows with one of these codes."""
        return int((self.starts[codes + 1] - self.starts[codes]).sum())

    def find(self, codes: NDArray[np.intp]) -> NDArray[np.intp]:
        """Return the rows with one of these codes, code by code."""
        slices = zip(self.starts[codes].tolist(), self.starts[codes + 1].tolist(), strict=True)
        return np.concatenate([np.zeros(0, np.intp), *(self.rows[start:end] for start, end in slices)])


@dataclass(frozen=True)
class OpaqueColumn:
    """A column that can only be returned, not filtered or grouped by: sets, doubles, integers beyond 64 bits."""

    values: pa.ChunkedArray

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return int(self.values.nbytes)

    def __len__(self) -> int:
        return len(self.values)

    def to_arrow(self) -> pa.ChunkedArray:
        """Return the values."""
        return self.values

    def take(self, rows: RowSelection) -> "OpaqueColumn":
        """Return the selected rows."""
        if isinstance(rows, slice):
            return OpaqueColumn(self.values[rows])
        selection = pa.array(rows)
        return OpaqueColumn(self.values.filter(selection) if rows.dtype == np.bool_ else self.values.take(selection))


FrameColumn = IntegerColumn | CodedColumn | OpaqueColumn


@dataclass(frozen=True)
class Frame:
    """Columns of the same length, sorted by `part` when they include it."""

    types: Mapping[str, ColumnType]
    columns: Mapping[str, FrameColumn]
    rows: int

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return sum(column.nbytes for column in self.columns.values())

    def __getitem__(self, name: str) -> FrameColumn:
        try:
            return self.columns[name]
        except KeyError:
            raise UnsupportedByStore(f"Column '{name}' is not in memory.") from None

    def get_integers(self, name: str) -> IntegerColumn:
        """Return an integer column.  Raise UnsupportedByStore for any other."""
        column = self[name]
        if not isinstance(column, IntegerColumn):
            raise UnsupportedByStore(f"Column '{name}' is not an integer.")
        return column

    def select(self, names: Set[str]) -> "Frame":
        """Return the named columns."""
        columns = {name: self[name] for name in names}
        return Frame({name: self.types[name] for name in names}, columns, self.rows)

    def take(self, rows: RowSelection) -> "Frame":
        """Return the selected rows: a range, those where a flag is true, or those at positions."""
        length = len(np.empty(self.rows, np.bool_)[rows])
        return Frame(self.types, {name: column.take(rows) for name, column in self.columns.items()}, length)


def build_frame(rows: pa.Table, types: Mapping[str, ColumnType]) -> Frame:
    """Return the columns of rows as a frame, sorted by `part`."""
    order = pc.sort_indices(rows["part"]).to_numpy() if "part" in types else None
    columns = {name: _build_column(rows[name], column_type, order) for name, column_type in types.items()}
    return Frame(types, columns, rows.num_rows)


def _build_column(values: pa.ChunkedArray, column_type: ColumnType, order: NDArray[np.uint64] | None) -> FrameColumn:
    if column_type is ColumnType.WIDE_INTEGER:
        values = narrow_columns(pa.table([values], names=["values"]))["values"]
    if column_type in INTEGER_TYPES and pa.types.is_integer(values.type):
        missing = values.is_null().to_numpy() if values.null_count else None
        numbers = (values.fill_null(0) if values.null_count else values).to_numpy()
        if order is not None:
            numbers, missing = numbers[order], None if missing is None else missing[order]
        return IntegerColumn(_shrink(numbers), missing)
    array = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    if column_type in _OPAQUE_TYPES:
        return OpaqueColumn(pa.chunked_array([array if order is None else array.take(pa.array(order))]))
    codes, distinct = encode_values(array, column_type)
    return CodedColumn(column_type, _shrink(codes if order is None else codes[order]), distinct)


def encode_values(values: pa.Array, column_type: ColumnType) -> tuple[Ints, pa.Array]:
    """Return the codes of a column, -1 for null, and its distinct values."""
    if column_type in ELEMENT_TYPES and not pa.types.is_dictionary(values.type):
        return _encode_lists(values)
    encoded = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
    return encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64), encoded.dictionary


def _encode_lists(lists: pa.ListArray) -> tuple[Ints, pa.Array]:
    """Return the codes of lists, -1 for null, and the distinct lists.

    Arrow cannot dictionary-encode lists.  So each list becomes a byte string, four bytes for the code of each element,
    and the strings are encoded.  The distinct lists are then taken from the first row of each code.
    """
    elements = lists.flatten().dictionary_encode()
    indices = elements.indices.to_numpy(zero_copy_only=False).astype("<i4")
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    data = pa.py_buffer(indices.tobytes())
    offsets = pa.py_buffer(np.concatenate([[0], np.cumsum(lengths) * 4]).astype("<i8").tobytes())
    keys = pa.Array.from_buffers(pa.large_binary(), len(lists), [None, offsets, data]).dictionary_encode()
    codes = keys.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    first_rows = np.full(len(keys.dictionary), -1, np.int64)
    first_rows[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    distinct = lists.take(pa.array(first_rows)) if len(first_rows) else lists.slice(0, 0)
    nulls = lists.is_null().to_numpy(zero_copy_only=False)
    if nulls.any():  # a null has the same bytes as an empty list
        distinct = pc.fill_null(distinct, pa.scalar([], distinct.type)) if distinct.null_count else distinct
        codes = np.where(nulls, -1, codes)
    return codes, distinct


def _shrink(values: Ints) -> SmallInts:
    """Return the same numbers in as few bytes as they fit."""
    if not len(values):
        return values.astype(np.int8)
    least, greatest = int(values.min()), int(values.max())
    size = next(size for size in _SIZES if np.iinfo(size).min <= least and greatest <= np.iinfo(size).max)
    return values.astype(size)
