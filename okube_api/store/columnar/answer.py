"""Aggregates over a frame: keys as one code a row, measures as sums by code, exact or not at all."""

from dataclasses import dataclass
from functools import singledispatch
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.store.arrays import Flags
from okube_api.store.column_types import ELEMENT_TYPES, DeclaredFields
from okube_api.store.columnar.frame import Codes, Frame, Ints, Numbers, Plain, frame
from okube_api.store.columnar.masks import mask
from okube_api.store.conditions import AllOf, Between, Condition
from okube_api.store.errors import TooManyRows, UnsupportedByStore
from okube_api.store.plan_analysis import infer_part_range, infer_source_types
from okube_api.store.plans import Aggregate, Band, Count, Each, Max, Min, Select, Sum
from okube_api.store.schema import ColumnType

Group = npt.NDArray[np.intp]
_DENSE = 2**21
_EXACT = 2**53
_HALF = 26


@dataclass(frozen=True)
class Coded:
    """A key: each row's code below `size`, and how codes become values."""

    codes: Ints
    size: int
    decode: Any  # codes -> Arrow array


def aggregated(plan: Aggregate, held: Frame, row_limit: int | None = None) -> pa.Table:
    """The plan's answer over the rows of its table.

    A key that is a list comes as an Arrow dictionary.  Raises UnsupportedByStore for what cannot be answered here,
    exactly, and TooManyRows.
    """
    if isinstance(plan.source, Aggregate):
        held = frame(aggregated(plan.source, held, row_limit), infer_source_types(plan.source))
        row_limit = None
    chosen = _chosen(plan.where, held, _named(plan), row_limit)
    for key in plan.by:
        if isinstance(key, Each):
            chosen = _opened(chosen, key)
    keys = [_coded(key, chosen) for key in plan.by]
    group, numbers, size = _grouped(keys, chosen.rows)
    counts = np.bincount(group, minlength=size)
    shown = np.flatnonzero(counts) if keys else np.zeros(1, np.intp)
    codes = np.unravel_index(shown if numbers is None else numbers[shown], [key.size for key in keys]) if keys else ()
    arrays = [key.decode(one) for key, one in zip(keys, codes, strict=True)]
    arrays += [_measured(measure, chosen, group, size).take(pa.array(shown)) for measure in plan.measures]
    names = [*(key if isinstance(key, str) else key.name for key in plan.by), *(one.name for one in plan.measures)]
    return pa.table(arrays, names=names)


def selected(plan: Select, held: Frame, row_limit: int | None = None) -> pa.Table:
    """The plan's rows.  Raises as `aggregated` does."""
    chosen = _chosen(plan.where, held, set(plan.columns), row_limit)
    arrays: list[pa.Array] = []
    for name in plan.columns:
        column = chosen[name]
        if isinstance(column, Plain):
            arrays.append(column.values)
        elif isinstance(column, Numbers):
            arrays.append(pa.array(column.values.astype(np.int64), mask=column.missing))
        else:
            arrays.append(_decoded(column, column.codes, column.codes < 0))
    return pa.table(arrays, names=list(plan.columns))


def _chosen(where: Condition, held: Frame, names: set[str], row_limit: int | None) -> Frame:
    """Columns of the rows that meet a condition; where it bounds `part`, rows outside are not looked at."""
    if "part" in held.columns:
        low, high = infer_part_range(where)
        parts = held.numbers("part").values
        held = held.part(slice(int(np.searchsorted(parts, low)), int(np.searchsorted(parts, high, "right"))))
        where = _beside_range(where)
    found = None if where == AllOf() else mask(where, held)
    rows = held.rows if found is None else int(np.count_nonzero(found))
    if row_limit is not None and rows > row_limit:
        raise TooManyRows(f"{rows:,} rows, over the limit of {row_limit:,}")
    held = held.select(names)
    return held if found is None or rows == held.rows else held.part(found)


def _beside_range(where: Condition) -> Condition:
    """What a condition asks for beside a range of parts."""
    parts = where.parts if isinstance(where, AllOf) else (where,)
    return AllOf(tuple(part for part in parts if not (isinstance(part, Between) and part.field == "part")))


def _named(plan: Aggregate) -> set[str]:
    fields = {key if isinstance(key, str) else key.field for key in plan.by}
    for measure in plan.measures:
        if not isinstance(measure, Count):
            fields.add(measure.field)
        if isinstance(measure, Sum) and measure.times is not None:
            fields.add(measure.times)
    return fields


# -- keys


def _opened(held: Frame, key: Each) -> Frame:
    """A row for each distinct value of a list, which becomes a column."""
    kind = DeclaredFields(held.kinds).require_list(key.field)
    column = held[key.field]
    assert isinstance(column, Codes)
    elements = column.distinct.flatten().dictionary_encode()
    owners = pc.list_parent_indices(column.distinct).to_numpy().astype(np.int64)
    many = max(len(elements.dictionary), 1)
    pairs = np.unique(owners * many + elements.indices.to_numpy(zero_copy_only=False))
    lengths = np.bincount(pairs // many, minlength=len(column.distinct) + 1)  # one more, of no values, for null
    starts = np.cumsum(lengths) - lengths
    each = lengths[column.codes]
    rows = np.repeat(np.arange(held.rows), each)
    within = np.arange(len(rows)) - np.repeat(np.cumsum(each) - each, each)
    values = (pairs % many)[np.repeat(starts[column.codes], each) + within]
    opened = held.part(rows)
    made = Codes(kind, values, elements.dictionary)
    return Frame({**held.kinds, _each(key): kind}, {**opened.columns, _each(key): made}, len(rows))


def _each(key: Each) -> str:
    return f"each {key.name}"


@singledispatch
def _coded(key: object, held: Frame) -> Coded:
    raise UnsupportedByStore(f"no rule in memory for {type(key).__name__}")


@_coded.register
def _(key: str, held: Frame) -> Coded:
    column = held[key]
    if isinstance(column, Codes):
        return _of_distinct(column)
    column = held.numbers(key)
    least, greatest = column.bounds
    if greatest - least >= _DENSE:
        return _of_distinct(_encoded(column))
    size = greatest - least + 2  # the last is null
    codes = column.values.astype(np.intp) - least
    if column.missing is not None:
        codes[column.missing] = size - 1

    def decode(codes: Ints) -> pa.Array:
        return pa.array(codes.astype(np.int64) + least, mask=codes == size - 1)

    return Coded(codes, size, decode)


@_coded.register
def _(key: Each, held: Frame) -> Coded:
    column = held[_each(key)]
    assert isinstance(column, Codes)
    return _of_distinct(column)


@_coded.register
def _(key: Band, held: Frame) -> Coded:
    column = held.numbers(key.field)
    codes = np.searchsorted(np.array(key.edges[1:], np.int64), column.values, "right")
    if column.missing is not None:
        codes[column.missing] = len(key.edges)

    def decode(codes: Ints) -> pa.Array:
        return pa.array(np.where(codes == len(key.edges), -1, codes).astype(np.int64))

    return Coded(codes, len(key.edges) + 1, decode)


def _of_distinct(column: Codes) -> Coded:
    size = len(column.distinct) + 1  # the last is null

    def decode(codes: Ints) -> pa.Array:
        return _decoded(column, codes, codes == size - 1)

    return Coded(np.where(column.codes < 0, size - 1, column.codes).astype(np.intp), size, decode)


def _decoded(column: Codes, codes: Ints, missing: Flags) -> pa.Array:
    found = pa.array(codes.astype(np.int32), mask=missing)
    if column.kind in ELEMENT_TYPES:
        return pa.DictionaryArray.from_arrays(found, column.distinct)
    return column.distinct.take(found)


def _encoded(column: Numbers) -> Codes:
    found = pa.array(column.values.astype(np.int64), mask=column.missing).dictionary_encode()
    codes = found.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return Codes(ColumnType.INTEGER, codes, found.dictionary)


def _grouped(keys: list[Coded], rows: int) -> tuple[Group, npt.NDArray[np.int64] | None, int]:
    """Each row's group; the number of each group among all pairs of codes (None: itself); how many groups."""
    if not keys:
        return np.zeros(rows, np.intp), None, 1
    size = prod(key.size for key in keys)
    if size >= 2**62:
        raise UnsupportedByStore("more combinations of keys than can be numbered")
    group = keys[0].codes.astype(np.intp)
    for key in keys[1:]:
        group = group * key.size + key.codes
    if size <= max(_DENSE, 2 * rows):
        return group, None, size
    found = pa.array(group).dictionary_encode()
    return found.indices.to_numpy().astype(np.intp), found.dictionary.to_numpy(), len(found.dictionary)


# -- measures


@singledispatch
def _measured(measure: object, held: Frame, group: Group, size: int) -> pa.Array:
    raise UnsupportedByStore(f"no rule in memory for {type(measure).__name__}")


@_measured.register
def _(measure: Count, held: Frame, group: Group, size: int) -> pa.Array:
    return pa.array(np.bincount(group, minlength=size))


@_measured.register
def _(measure: Sum, held: Frame, group: Group, size: int) -> pa.Array:
    column = held.numbers(measure.field)
    values, most = column.values, _most(column)
    if measure.times is not None:
        factor = held.numbers(measure.times)
        most *= _most(factor)
        if most >= 2**62:
            raise UnsupportedByStore("a product beyond 64 bits")
        values = values.astype(np.int64) * factor.values
    return pa.array(_sums(values, most, group, size))


@_measured.register
def _(measure: Min, held: Frame, group: Group, size: int) -> pa.Array:
    return _extreme(held.numbers(measure.field), np.minimum, np.iinfo(np.int64).max, group, size)


@_measured.register
def _(measure: Max, held: Frame, group: Group, size: int) -> pa.Array:
    return _extreme(held.numbers(measure.field), np.maximum, np.iinfo(np.int64).min, group, size)


def _most(column: Numbers) -> int:
    return max(map(abs, column.bounds))


def _sums(values: Ints, most: int, group: Group, size: int) -> npt.NDArray[np.int64]:
    """Sums by group through doubles, whose whole numbers are exact to 53 bits; larger ones in two halves."""
    rows = len(values)
    if most * rows < _EXACT:
        return np.bincount(group, weights=values, minlength=size).astype(np.int64)
    if most * rows >= 2**63 or (most >> _HALF) * rows >= _EXACT or rows >= 2**_HALF:
        raise UnsupportedByStore("a sum beyond what is exact here")
    high = _sums(values >> _HALF, (most >> _HALF) + 1, group, size)
    return (high << _HALF) + _sums(values & (2**_HALF - 1), 2**_HALF, group, size)


def _extreme(column: Numbers, better: np.ufunc, worst: int, group: Group, size: int) -> pa.Array:
    values = column.values.astype(np.int64)
    if column.missing is not None:
        values, group = values[~column.missing], group[~column.missing]
    found = np.full(size, worst, np.int64)
    better.at(found, group, values)
    return pa.array(found, mask=np.bincount(group, minlength=size) == 0)
