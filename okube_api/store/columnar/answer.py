"""Plans evaluated on a frame: each key becomes one code per row, each measure a sum or extreme by code.

A result is exact, or the plan is refused with UnsupportedByStore so that the database computes it.
"""

from dataclasses import dataclass
from functools import cached_property, singledispatch
from math import prod
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from okube_api.store.arrays import Flags, Ints
from okube_api.store.column_types import ARROW_TYPES, DeclaredFields
from okube_api.store.columnar.frame import CodedColumn, Frame, IntegerColumn, SmallInts, build_frame
from okube_api.store.columnar.masks import build_mask, find_codes
from okube_api.store.conditions import AllOf, Between, Condition, OneOf
from okube_api.store.errors import TooManyRows, UnsupportedByStore
from okube_api.store.exact_integers import Numerators, join_halves, to_arrow
from okube_api.store.plan_analysis import collect_fields, infer_part_range, infer_source_types
from okube_api.store.plans import Aggregate, Band, Count, Each, Max, Min, Select, Sum
from okube_api.store.schema import ColumnType

Positions = NDArray[np.intp]
_MAX_DENSE_CODES = 2**21
"""Up to this many codes, arrays are indexed by the code itself; with more, the codes that occur are numbered first."""
_DENSE_FACTOR = 4
"""Up to so many times the number of rows, sums have a place for each possible code."""
_EXACT_IN_DOUBLE = 2**53
_HALF_BITS = 26
_MIN_INDEXED_ROWS = 5000
"""In fewer rows, every row is checked."""
_MOST_IN_DICT = 20_000
"""The distinct values of a column for which a dict is kept."""
_MIN_SELECTIVITY = 4
"""Rows are looked up by value when they are at most 1 in so many; for more, checking every row takes less time."""


@dataclass(frozen=True)
class Groups:
    """The groups of rows.

    rows: their number.
    size: the number of groups.
    combinations: the combination of codes of each group that has rows, as one number.
    occupied: the groups that have rows; None when all have.
    numbers_of_rows: the group of each row; None when `starts` says it.
    starts: the first row of each group, when the rows of a group follow one another.
    """

    rows: int
    size: int
    combinations: Positions
    occupied: Positions | None = None
    numbers_of_rows: Positions | None = None
    starts: Positions | None = None

    @cached_property
    def numbers(self) -> Positions:
        """The group of each row."""
        if self.numbers_of_rows is not None:
            return self.numbers_of_rows
        assert self.starts is not None
        return np.repeat(np.arange(self.size), np.diff(self.starts, append=self.rows))

    @cached_property
    def counts(self) -> Positions:
        """The number of rows of each group."""
        if self.starts is not None:
            return np.diff(self.starts, append=self.rows)
        return np.bincount(self.numbers, minlength=self.size)


@dataclass(frozen=True)
class CodedKey:
    """A grouping key: the code of each row, below `size`, and a function from codes to an Arrow array of values."""

    codes: SmallInts
    size: int
    decode: Any


def aggregate_rows(plan: Aggregate, frame: Frame, row_limit: int | None = None) -> pa.Table:
    """Return the result of a plan over the rows of its table.

    A key that is a text or a list is returned as an Arrow dictionary, which may have values that no row has.  Raise
    TooManyRows, or UnsupportedByStore for a plan that cannot be evaluated exactly here.
    """
    if isinstance(plan.source, Aggregate):
        frame = build_frame(aggregate_rows(plan.source, frame, row_limit), infer_source_types(plan.source))
        row_limit = None
    rows = _filter_rows(plan.where, frame, _list_fields(plan), row_limit)
    for key in plan.by:
        if isinstance(key, Each):
            rows = _unnest(rows, key)
    keys = [_encode_key(key, rows) for key in plan.by]
    groups = _number_groups(keys, rows.rows)
    codes = np.unravel_index(groups.combinations, [key.size for key in keys]) if keys else ()
    arrays = [key.decode(key_codes) for key, key_codes in zip(keys, codes, strict=True)]
    for measure in plan.measures:
        array = _measure(measure, rows, groups)
        arrays.append(array if groups.occupied is None else array.take(pa.array(groups.occupied)))
    names = [key if isinstance(key, str) else key.name for key in plan.by]
    return pa.table(arrays, names=[*names, *(measure.name for measure in plan.measures)])


def select_rows(plan: Select, frame: Frame, row_limit: int | None = None) -> pa.Table:
    """Return the rows of a plan, texts and lists as Arrow dictionaries.  Raise TooManyRows or UnsupportedByStore."""
    rows = _filter_rows(plan.where, frame, set(plan.columns), row_limit)
    arrays: list[pa.Array] = []
    for name in plan.columns:
        column = rows[name]
        if isinstance(column, CodedColumn):
            arrays.append(_decode_column(column, column.codes, column.codes < 0))
        elif isinstance(column, IntegerColumn):
            arrays.append(column.to_arrow().cast(ARROW_TYPES[rows.types[name]]))
        else:
            arrays.append(column.values)
    return pa.table(arrays, names=list(plan.columns))


def _filter_rows(where: Condition, frame: Frame, names: set[str], row_limit: int | None) -> Frame:
    """Return the named columns of the rows that meet a condition, in any order.  Raise TooManyRows.

    Rows are sorted by part, so a range of parts in the condition is a slice, found by binary search.  When a condition
    accepts few of the values of a column, the rows are looked up by value, and the other conditions are checked there.
    """
    start, end = 0, frame.rows
    where = _drop_true_conditions(where, frame)
    if "part" in frame.columns:
        start, end = _find_range(frame.get_integers("part").values, *infer_part_range(where))
        where = _drop_part_ranges(where)
    frame = frame.select(names | collect_fields(where))
    few = _find_few_rows(where, frame)
    if few is not None:
        rows, where = few
        rows = rows[(rows >= start) & (rows < end)]
        frame = frame.select(names | collect_fields(where)).take(rows)
    elif end - start < frame.rows:
        frame = frame.take(slice(start, end))
    mask = None if where == AllOf() else build_mask(where, frame)
    count = frame.rows if mask is None else int(np.count_nonzero(mask))
    if row_limit is not None and count > row_limit:
        raise TooManyRows(f"The plan reads {count:,} rows; the limit is {row_limit:,}.")
    frame = frame.select(names)
    return frame if mask is None or count == frame.rows else frame.take(mask)


def _find_range(ascending: SmallInts, first: int, last: int) -> tuple[int, int]:
    """Return where the numbers from `first` to `last` begin and end.

    The limits get the type of the numbers, since NumPy would else convert all numbers to the type of the limits.
    """
    limits = np.iinfo(ascending.dtype)
    to_type = ascending.dtype.type
    start = len(ascending) if first > limits.max else int(np.searchsorted(ascending, to_type(max(first, limits.min))))
    end = 0 if last < limits.min else int(np.searchsorted(ascending, to_type(min(last, limits.max)), "right"))
    return start, end


def _drop_true_conditions(where: Condition, frame: Frame) -> Condition:
    """Return a condition without those on texts that every row meets, such as a list of all sites."""
    parts = where.parts if isinstance(where, AllOf) else (where,)
    return AllOf(tuple(part for part in parts if not _is_always_true(part, frame)))


def _is_always_true(condition: Condition, frame: Frame) -> bool:
    if not isinstance(condition, OneOf):
        return False
    column = frame[condition.field]
    if not isinstance(column, CodedColumn) or column.has_null or len(condition.values) < len(column.distinct):
        return False
    if column.type is ColumnType.TEXT and len(column.distinct) <= _MOST_IN_DICT:
        return column.codes_by_value.keys() <= set(condition.values)
    return len(find_codes(condition, column, frame)) == len(column.distinct)


def _find_few_rows(where: Condition, frame: Frame) -> tuple[Positions, Condition] | None:
    """Return the rows that one of the conditions on texts accepts, and the other conditions; None without few rows."""
    best: tuple[CodedColumn, Positions, Condition] | None = None
    best_count = frame.rows // _MIN_SELECTIVITY
    parts = where.parts if isinstance(where, AllOf) else (where,)
    for part in parts:
        if not isinstance(part, OneOf) or frame.rows < _MIN_INDEXED_ROWS:
            continue
        column = frame[part.field]
        if isinstance(column, CodedColumn):
            codes = find_codes(part, column, frame)
            if len(codes) * _MIN_SELECTIVITY > len(column.distinct):
                continue
            count = column.row_index.count(codes)
            if count <= best_count:
                best, best_count = (column, codes, part), count
    if best is None:
        return None
    column, codes, checked = best
    return column.row_index.find(codes), AllOf(tuple(part for part in parts if part is not checked))


def _drop_part_ranges(where: Condition) -> Condition:
    """Return a condition without its ranges of parts."""
    parts = where.parts if isinstance(where, AllOf) else (where,)
    return AllOf(tuple(part for part in parts if not (isinstance(part, Between) and part.field == "part")))


def _list_fields(plan: Aggregate) -> set[str]:
    fields = {key if isinstance(key, str) else key.field for key in plan.by}
    for measure in plan.measures:
        if not isinstance(measure, Count):
            fields.add(measure.field)
        if isinstance(measure, Sum) and measure.times is not None:
            fields.add(measure.times)
    return fields


# -- keys


def _unnest(frame: Frame, key: Each) -> Frame:
    """Return one row per distinct value of a list, with the value in a new column.

    Distinct lists are few, so their distinct elements are found once, as numbers `list * elements + element`.  Each
    row is then repeated for the elements of its list, which are adjacent.
    """
    element_type = DeclaredFields(frame.types).require_list(key.field)
    column = frame[key.field]
    assert isinstance(column, CodedColumn)
    elements = column.distinct.flatten().dictionary_encode()
    list_indices = pc.list_parent_indices(column.distinct).to_numpy().astype(np.int64)
    element_count = max(len(elements.dictionary), 1)
    pairs = np.unique(list_indices * element_count + elements.indices.to_numpy(zero_copy_only=False))
    lengths = np.bincount(pairs // element_count, minlength=len(column.distinct) + 1)  # the last, empty one is null's
    starts = np.cumsum(lengths) - lengths
    row_lengths = lengths[column.codes]
    rows = np.repeat(np.arange(frame.rows), row_lengths)
    offsets = np.arange(len(rows)) - np.repeat(np.cumsum(row_lengths) - row_lengths, row_lengths)
    codes = (pairs % element_count)[np.repeat(starts[column.codes], row_lengths) + offsets]
    unnested = frame.take(rows)
    name = _element_column(key)
    values = CodedColumn(element_type, codes, elements.dictionary)
    return Frame({**frame.types, name: element_type}, {**unnested.columns, name: values}, len(rows))


def _element_column(key: Each) -> str:
    return f"each {key.name}"


@singledispatch
def _encode_key(key: object, frame: Frame) -> CodedKey:
    raise UnsupportedByStore(f"There is no rule for {type(key).__name__} in memory.")


@_encode_key.register
def _(key: str, frame: Frame) -> CodedKey:
    column = frame[key]
    if isinstance(column, CodedColumn):
        return _encode_distinct(column)
    column = frame.get_integers(key)
    least, greatest = column.bounds
    if greatest - least >= _MAX_DENSE_CODES:
        return _encode_distinct(_encode_integers(column))
    size = greatest - least + 2  # the last code is null
    codes = column.values.astype(np.intp) - least
    if column.missing is not None:
        codes[column.missing] = size - 1

    def decode(codes: Ints) -> pa.Array:
        return pa.array(codes.astype(np.int64) + least, mask=codes == size - 1)

    return CodedKey(codes, size, decode)


@_encode_key.register
def _(key: Each, frame: Frame) -> CodedKey:
    column = frame[_element_column(key)]
    assert isinstance(column, CodedColumn)
    return _encode_distinct(column)


@_encode_key.register
def _(key: Band, frame: Frame) -> CodedKey:
    column = frame.get_integers(key.field)
    codes = np.searchsorted(np.array(key.edges[1:], np.int64), column.values, "right")
    if column.missing is not None:
        codes[column.missing] = len(key.edges)

    def decode(codes: Ints) -> pa.Array:
        return pa.array(np.where(codes == len(key.edges), -1, codes).astype(np.int64))

    return CodedKey(codes, len(key.edges) + 1, decode)


def _encode_distinct(column: CodedColumn) -> CodedKey:
    size = len(column.distinct) + 1  # the last code is null

    def decode(codes: Ints) -> pa.Array:
        return _decode_column(column, codes, codes == size - 1)

    return CodedKey(np.where(column.codes < 0, size - 1, column.codes).astype(np.intp), size, decode)


def _decode_column(column: CodedColumn, codes: SmallInts, missing: Flags) -> pa.Array:
    indices = pa.array(codes.astype(np.int32), mask=missing if missing.any() else None)
    if column.type is ColumnType.BOOLEAN:
        return column.distinct.take(indices)
    return pa.DictionaryArray.from_arrays(indices, column.distinct)


def _encode_integers(column: IntegerColumn) -> CodedColumn:
    encoded = pa.array(column.values.astype(np.int64), mask=column.missing).dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    return CodedColumn(ColumnType.INTEGER, codes, encoded.dictionary)


def _number_groups(keys: list[CodedKey], rows: int) -> Groups:
    """Return the groups of the rows.

    A combination of codes is one number, as in a multi-dimensional index.  Where these numbers ascend, as the days of
    rows that are sorted by day do, each group is a slice; where they are distinct, each row is a group.  Else, if there
    are few possible combinations, the number is the group itself; otherwise the combinations that occur are numbered.
    """
    if not keys and rows:
        return Groups(rows, 1, np.zeros(0, np.intp), starts=np.zeros(1, np.intp))
    if not keys:
        return Groups(rows, 1, np.zeros(0, np.intp), numbers_of_rows=np.zeros(0, np.intp))
    size = prod(key.size for key in keys)
    if size >= 2**62:
        raise UnsupportedByStore("The keys have more combinations than 64 bits can number.")
    combinations = keys[0].codes.astype(np.intp, copy=False)
    for key in keys[1:]:
        combinations = combinations * key.size + key.codes
    if rows and _is_ascending(combinations):
        starts = np.flatnonzero(np.append(True, combinations[1:] != combinations[:-1]))
        return Groups(rows, len(starts), combinations[starts], starts=starts)
    if size <= max(_MAX_DENSE_CODES, 2 * rows):
        return _number_few_combinations(combinations, size)
    encoded = pa.array(combinations).dictionary_encode()
    distinct = encoded.dictionary.to_numpy()
    return Groups(rows, len(distinct), distinct, numbers_of_rows=encoded.indices.to_numpy().astype(np.intp))


def _number_few_combinations(combinations: Positions, size: int) -> Groups:
    """Return the groups of rows whose combinations of codes lie below `size`."""
    rows = len(combinations)
    occurs = np.zeros(size, np.bool_)
    occurs[combinations] = True
    occupied = np.flatnonzero(occurs)
    if len(occupied) == rows:
        return Groups(rows, rows, combinations, starts=np.arange(rows))
    if size <= _DENSE_FACTOR * rows:
        return Groups(rows, size, occupied, occupied, combinations)
    positions = np.zeros(size, np.int32)
    positions[occupied] = np.arange(len(occupied))
    return Groups(rows, len(occupied), occupied, numbers_of_rows=positions[combinations].astype(np.intp))


def _is_ascending(numbers: Positions) -> bool:
    """Return whether no number is less than the one before; first by a look at a few of them."""
    few = numbers[:64]
    return bool((few[1:] >= few[:-1]).all() and numbers[0] <= numbers[-1] and (numbers[1:] >= numbers[:-1]).all())


# -- measures


@singledispatch
def _measure(measure: object, frame: Frame, groups: Groups) -> pa.Array:
    raise UnsupportedByStore(f"There is no rule for {type(measure).__name__} in memory.")


@_measure.register
def _(measure: Count, frame: Frame, groups: Groups) -> pa.Array:
    return pa.array(groups.counts)


@_measure.register
def _(measure: Sum, frame: Frame, groups: Groups) -> pa.Array:
    column = frame.get_integers(measure.field)
    values, magnitude = column.values, _max_magnitude(column)
    if measure.times is not None:
        factor = frame.get_integers(measure.times)
        magnitude *= _max_magnitude(factor)
        if magnitude >= 2**62:
            raise UnsupportedByStore("A product may exceed 64 bits.")
        values = values.astype(np.int64) * factor.values
    return to_arrow(_sum_exactly(values, magnitude, groups))


@_measure.register
def _(measure: Min, frame: Frame, groups: Groups) -> pa.Array:
    return _find_extremes(frame.get_integers(measure.field), np.minimum, np.iinfo(np.int64).max, groups)


@_measure.register
def _(measure: Max, frame: Frame, groups: Groups) -> pa.Array:
    return _find_extremes(frame.get_integers(measure.field), np.maximum, np.iinfo(np.int64).min, groups)


def _max_magnitude(column: IntegerColumn) -> int:
    return max(map(abs, column.bounds))


def _sum_exactly(values: SmallInts, magnitude: int, groups: Groups) -> Numerators:
    """Return the sums of values by group.  Raise UnsupportedByStore when they might not be exact.

    `np.bincount` adds doubles, which hold integers exactly up to 53 bits.  When a sum may exceed that, the high and
    the low bits of each value are summed apart.

    magnitude: the greatest absolute value of `values`, or more.
    """
    rows = len(values)
    if groups.starts is not None and magnitude * rows < 2**62:
        sums: Numerators = np.add.reduceat(values, groups.starts, dtype=np.int64)
        return sums
    if magnitude * rows < _EXACT_IN_DOUBLE:
        return np.bincount(groups.numbers, weights=values, minlength=groups.size).astype(np.int64)
    high_magnitude = magnitude >> _HALF_BITS
    if (high_magnitude + 1) * rows >= _EXACT_IN_DOUBLE or rows >= 2**_HALF_BITS:
        raise UnsupportedByStore("A sum may be too large to be exact.")
    high = _sum_exactly(values >> _HALF_BITS, high_magnitude + 1, groups)
    return join_halves(high, _sum_exactly(values & (2**_HALF_BITS - 1), 2**_HALF_BITS, groups), _HALF_BITS)


def _find_extremes(column: IntegerColumn, better: np.ufunc, worst: int, groups: Groups) -> pa.Array:
    values, numbers = column.values.astype(np.int64), groups.numbers
    if column.missing is not None:
        values, numbers = values[~column.missing], numbers[~column.missing]
    extremes = np.full(groups.size, worst, np.int64)
    better.at(extremes, numbers, values)
    return pa.array(extremes, mask=np.bincount(numbers, minlength=groups.size) == 0)
