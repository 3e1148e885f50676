"""Rows as columns in memory: numbers as small as they fit, everything else as codes into what is distinct."""

from collections.abc import Mapping, Set
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.store.arrays import Flags
from okube_api.store.column_types import ELEMENT_TYPES
from okube_api.store.errors import UnsupportedByStore
from okube_api.store.schema import ColumnType

Ints = npt.NDArray[np.integer]
Chosen = slice | Flags | npt.NDArray[np.intp]
_SIZES = (np.int8, np.int16, np.int32, np.int64)


@dataclass(frozen=True)
class Numbers:
    """An integer column.  missing: where it is null (the value there is 0); None when nowhere."""

    values: Ints
    missing: Flags | None

    @cached_property
    def bounds(self) -> tuple[int, int]:
        """The least and the greatest value, nulls as 0."""
        return (int(self.values.min()), int(self.values.max())) if len(self.values) else (0, 0)

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.values.nbytes + (self.missing.nbytes if self.missing is not None else 0)

    def part(self, rows: Chosen) -> "Numbers":
        """Some of the rows."""
        return Numbers(self.values[rows], None if self.missing is None else self.missing[rows])


@dataclass(frozen=True)
class Codes:
    """A column of anything else: each row's index into `distinct`, -1 where it is null."""

    kind: ColumnType
    codes: Ints
    distinct: pa.Array

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return self.codes.nbytes + int(self.distinct.nbytes)

    def part(self, rows: Chosen) -> "Codes":
        """Some of the rows."""
        return Codes(self.kind, self.codes[rows], self.distinct)


@dataclass(frozen=True)
class Plain:
    """A column that is only given back: sets and doubles."""

    values: pa.Array

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return int(self.values.nbytes)

    def part(self, rows: Chosen) -> "Plain":
        """Some of the rows."""
        if isinstance(rows, slice):
            return Plain(self.values[rows])
        chosen = pa.array(rows)
        return Plain(self.values.filter(chosen) if rows.dtype == np.bool_ else self.values.take(chosen))


Column = Numbers | Codes | Plain


@dataclass(frozen=True)
class Frame:
    """Columns of one length, ascending by `part` where they have one."""

    kinds: Mapping[str, ColumnType]
    columns: Mapping[str, Column]
    rows: int

    @property
    def nbytes(self) -> int:
        """Bytes held."""
        return sum(column.nbytes for column in self.columns.values())

    def __getitem__(self, name: str) -> Column:
        try:
            return self.columns[name]
        except KeyError:
            raise UnsupportedByStore(f"no column '{name}' is held in memory") from None

    def numbers(self, name: str) -> Numbers:
        """An integer column."""
        column = self[name]
        if not isinstance(column, Numbers):
            raise UnsupportedByStore(f"'{name}' is no integer")
        return column

    def select(self, names: Set[str]) -> "Frame":
        """Some of the columns."""
        columns = {name: self[name] for name in names}
        return Frame({name: self.kinds[name] for name in names}, columns, self.rows)

    def part(self, rows: Chosen) -> "Frame":
        """Some of the rows: a range, those where a mask is true, or those of these positions."""
        length = len(np.empty(self.rows, np.bool_)[rows])
        return Frame(self.kinds, {name: column.part(rows) for name, column in self.columns.items()}, length)


def frame(rows: pa.Table, kinds: Mapping[str, ColumnType]) -> Frame:
    """Columns of rows as a frame, sorted by `part`."""
    order = pc.sort_indices(rows["part"]).to_numpy() if "part" in kinds else None
    return Frame(kinds, {name: _column(rows[name], kind, order) for name, kind in kinds.items()}, rows.num_rows)


def _column(values: pa.ChunkedArray, kind: ColumnType, order: npt.NDArray[np.uint64] | None) -> Column:
    if kind is ColumnType.INTEGER:
        missing = values.is_null().to_numpy() if values.null_count else None
        numbers = (values.fill_null(0) if values.null_count else values).to_numpy()
        if order is not None:
            numbers, missing = numbers[order], None if missing is None else missing[order]
        return Numbers(_small(numbers), missing)
    if kind in (ColumnType.BYTES, ColumnType.NUMBER):
        whole = _whole(values)
        return Plain(whole if order is None else whole.take(pa.array(order)))
    codes, distinct = _encoded(values, kind)
    return Codes(kind, _small(codes if order is None else codes[order]), distinct)


def _whole(values: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)


def _encoded(values: pa.ChunkedArray, kind: ColumnType) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """The codes of a column, and what is distinct in it."""
    whole = _whole(values)
    if pa.types.is_dictionary(whole.type):
        return whole.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64), whole.dictionary
    if kind not in ELEMENT_TYPES:
        found = whole.dictionary_encode()
        return found.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64), found.dictionary
    return _encoded_lists(whole)


def _encoded_lists(whole: pa.ListArray) -> tuple[npt.NDArray[np.int64], pa.Array]:
    """Lists by their elements' codes, as text: distinct lists are few, and rows are many."""
    flat = whole.flatten().dictionary_encode()
    indices = flat.indices.to_numpy(zero_copy_only=False).astype("<i4")
    lengths = whole.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    ends = np.cumsum(lengths) * 4
    data = pa.py_buffer(indices.tobytes())
    offsets = pa.py_buffer(np.concatenate([[0], ends]).astype("<i8").tobytes())
    keys = pa.Array.from_buffers(pa.large_binary(), len(whole), [None, offsets, data]).dictionary_encode()
    codes = keys.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    first = np.full(len(keys.dictionary), -1, np.int64)
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    distinct = whole.take(pa.array(first)) if len(first) else whole.slice(0, 0)
    nulls = whole.is_null().to_numpy(zero_copy_only=False)
    if nulls.any():
        distinct = pc.fill_null(distinct, pa.scalar([], distinct.type)) if distinct.null_count else distinct
        codes = np.where(nulls, -1, codes)
    return codes, distinct


def _small(values: npt.NDArray[np.int64]) -> Ints:
    """The same numbers in as few bytes as they fit."""
    if not len(values):
        return values.astype(np.int8)
    least, greatest = int(values.min()), int(values.max())
    size = next(size for size in _SIZES if np.iinfo(size).min <= least and greatest <= np.iinfo(size).max)
    return values.astype(size)
