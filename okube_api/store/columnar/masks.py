"""Conditions as masks over a frame: one rule per node."""

from functools import reduce, singledispatch

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from okube_api.store.arrays import Flags
from okube_api.store.column_types import ARROW_TYPES, DeclaredFields, coerce_bounds, coerce_values
from okube_api.store.columnar.frame import CodedColumn, Frame, IntegerColumn, OpaqueColumn
from okube_api.store.conditions import AllOf, AnyOf, Between, Missing, Not, OneOf, Overlaps
from okube_api.store.errors import UnsupportedByStore

_MOST_IN_DICT = 1000
"""Up to so many values are looked up in a dict, whose fixed costs are lower than those of Arrow."""


@singledispatch
def build_mask(node: object, frame: Frame) -> Flags:
    """Return the rows that meet a condition.  Raise UnsupportedByStore for what cannot be checked in memory."""
    raise UnsupportedByStore(f"There is no rule for {type(node).__name__} in memory.")


@build_mask.register
def _(node: OneOf, frame: Frame) -> Flags:
    column_type = DeclaredFields(frame.types).require_scalar(node.field)
    column = frame[node.field]
    if isinstance(column, CodedColumn):
        by_code = np.zeros(len(column.distinct), np.bool_)
        by_code[find_codes(node, column, frame)] = True
        return _expand_codes(column, by_code)
    values = coerce_values(column_type, node.values)
    column = frame.get_integers(node.field)
    if len(values) == 1:
        mask = column.values == int(values[0])
    else:
        mask = np.isin(column.values, np.array([int(value) for value in values], np.int64))
    return _exclude_nulls(column, mask)


@build_mask.register
def _(node: Overlaps, frame: Frame) -> Flags:
    element_type = DeclaredFields(frame.types).require_list(node.field)
    column = frame[node.field]
    assert isinstance(column, CodedColumn)
    values = pa.array(coerce_values(element_type, node.values), ARROW_TYPES[element_type])
    hits = pc.is_in(column.distinct.flatten(), value_set=values).to_numpy(zero_copy_only=False)
    list_indices = pc.list_parent_indices(column.distinct).to_numpy()
    distinct_mask = np.zeros(len(column.distinct), np.bool_)
    distinct_mask[list_indices[hits]] = True
    return _expand_codes(column, distinct_mask)


@build_mask.register
def _(node: Between, frame: Frame) -> Flags:
    column_type = DeclaredFields(frame.types).require_scalar(node.field)
    limits = coerce_bounds(column_type, node.low, node.high)
    if limits is None:
        return np.zeros(frame.rows, np.bool_)
    column = frame[node.field]
    low, high = limits
    if isinstance(column, CodedColumn):
        in_range = [
            (low is None or value >= low) and (high is None or value <= high) for value in column.distinct.to_pylist()
        ]
        return _expand_codes(column, np.array(in_range, np.bool_))
    column = frame.get_integers(node.field)
    mask = np.ones(frame.rows, np.bool_)
    if low is not None:
        mask &= column.values >= int(low)
    if high is not None:
        mask &= column.values <= int(high)
    return _exclude_nulls(column, mask)


@build_mask.register
def _(node: Missing, frame: Frame) -> Flags:
    DeclaredFields(frame.types).type_of(node.field)
    column = frame[node.field]
    if isinstance(column, CodedColumn):
        return column.codes < 0
    if isinstance(column, OpaqueColumn):
        missing: Flags = column.values.is_null().to_numpy(zero_copy_only=False)
        return missing
    return np.zeros(frame.rows, np.bool_) if column.missing is None else column.missing


@build_mask.register
def _(node: Not, frame: Frame) -> Flags:
    return ~build_mask(node.inner, frame)


@build_mask.register
def _(node: AllOf, frame: Frame) -> Flags:
    return reduce(np.logical_and, (build_mask(part, frame) for part in node.parts), np.ones(frame.rows, np.bool_))


@build_mask.register
def _(node: AnyOf, frame: Frame) -> Flags:
    return reduce(np.logical_or, (build_mask(part, frame) for part in node.parts), np.zeros(frame.rows, np.bool_))


def find_codes(node: OneOf, column: CodedColumn, frame: Frame) -> NDArray[np.intp]:
    """Return the codes of the values that a condition on a column of texts or booleans accepts, ascending."""
    column_type = DeclaredFields(frame.types).require_scalar(node.field)
    accepted = coerce_values(column_type, node.values)
    if len(column.distinct) <= _MOST_IN_DICT and len(accepted) <= _MOST_IN_DICT:
        by_value = column.codes_by_value
        codes = {code for value in accepted if (code := by_value.get(value)) is not None}
        return np.array(sorted(codes), np.intp)
    values = pa.array(accepted, ARROW_TYPES[column_type])
    if 4 * len(values) < len(column.distinct):  # look few values up among many, else the other way round
        positions = pc.index_in(values, value_set=column.distinct).drop_null().to_numpy()
        return np.unique(positions).astype(np.intp)
    return np.flatnonzero(pc.is_in(column.distinct, value_set=values).to_numpy(zero_copy_only=False))


def _expand_codes(column: CodedColumn, by_code: Flags) -> Flags:
    """Return the mask of the rows from that of the distinct values; null never matches."""
    if by_code.all():  # a common case: every site is selected
        return np.greater_equal(column.codes, 0)
    result: Flags = np.append(by_code, False)[column.codes]  # the code of null, -1, is the element at the end
    return result


def _exclude_nulls(column: IntegerColumn, mask: Flags) -> Flags:
    return mask if column.missing is None else mask & ~column.missing
