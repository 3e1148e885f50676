"""Conditions as masks over a frame: one rule per node."""

from functools import reduce, singledispatch

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.store.arrays import Flags
from okube_api.store.column_types import ARROW_TYPES, DeclaredFields, coerce_bounds, coerce_values
from okube_api.store.columnar.frame import CodedColumn, Frame, IntegerColumn, OpaqueColumn
from okube_api.store.conditions import AllOf, AnyOf, Between, Missing, Not, OneOf, Overlaps
from okube_api.store.errors import UnsupportedByStore


@singledispatch
def build_mask(node: object, frame: Frame) -> Flags:
    """Return the rows that meet a condition.  Raise UnsupportedByStore for what cannot be checked in memory."""
    raise UnsupportedByStore(f"There is no rule for {type(node).__name__} in memory.")


@build_mask.register
def _(node: OneOf, frame: Frame) -> Flags:
    column_type = DeclaredFields(frame.types).require_scalar(node.field)
    values = coerce_values(column_type, node.values)
    column = frame[node.field]
    if isinstance(column, CodedColumn):
        return _expand_codes(column, pc.is_in(column.distinct, value_set=pa.array(values, ARROW_TYPES[column_type])))
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


def _expand_codes(column: CodedColumn, distinct_mask: "pa.Array | Flags") -> Flags:
    """Return the mask of the rows from that of the distinct values; null never matches."""
    mask = distinct_mask.to_numpy(zero_copy_only=False) if isinstance(distinct_mask, pa.Array) else distinct_mask
    by_code = np.asarray(mask, np.bool_)
    if by_code.all():  # a common case: every site is selected
        return np.greater_equal(column.codes, 0)
    result: Flags = np.append(by_code, False)[column.codes]  # the code of null, -1, is the element at the end
    return result


def _exclude_nulls(column: IntegerColumn, mask: Flags) -> Flags:
    return mask if column.missing is None else mask & ~column.missing
