"""Conditions as masks over a frame: one rule per node."""

from functools import reduce, singledispatch

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.store.arrays import Flags
from okube_api.store.column_types import ARROW_TYPES, DeclaredFields, coerce_bounds, coerce_values
from okube_api.store.columnar.frame import Codes, Frame, Numbers, Plain
from okube_api.store.conditions import AllOf, AnyOf, Between, Missing, Not, OneOf, Overlaps
from okube_api.store.errors import UnsupportedByStore


@singledispatch
def mask(node: object, frame: Frame) -> Flags:
    """The rows that meet a condition.  Raises UnsupportedByStore for what is not held in memory."""
    raise UnsupportedByStore(f"no rule in memory for {type(node).__name__}")


@mask.register
def _(node: OneOf, frame: Frame) -> Flags:
    kind = DeclaredFields(frame.kinds).require_scalar(node.field)
    values = coerce_values(kind, node.values)
    column = frame[node.field]
    if isinstance(column, Codes):
        return _looked_up(column, pc.is_in(column.distinct, value_set=pa.array(values, ARROW_TYPES[kind])))
    column = frame.numbers(node.field)
    if len(values) == 1:
        found = column.values == int(values[0])
    else:
        found = np.isin(column.values, np.array([int(value) for value in values], np.int64))
    return _present(column, found)


@mask.register
def _(node: Overlaps, frame: Frame) -> Flags:
    kind = DeclaredFields(frame.kinds).require_list(node.field)
    column = frame[node.field]
    assert isinstance(column, Codes)
    wanted = pa.array(coerce_values(kind, node.values), ARROW_TYPES[kind])
    hits = pc.is_in(column.distinct.flatten(), value_set=wanted).to_numpy(zero_copy_only=False)
    owners = pc.list_parent_indices(column.distinct).to_numpy()
    found = np.zeros(len(column.distinct), np.bool_)
    found[owners[hits]] = True
    return _looked_up(column, found)


@mask.register
def _(node: Between, frame: Frame) -> Flags:
    kind = DeclaredFields(frame.kinds).require_scalar(node.field)
    limits = coerce_bounds(kind, node.low, node.high)
    if limits is None:
        return np.zeros(frame.rows, np.bool_)
    column = frame[node.field]
    low, high = limits
    if isinstance(column, Codes):
        each = [
            (low is None or value >= low) and (high is None or value <= high) for value in column.distinct.to_pylist()
        ]
        return _looked_up(column, np.array(each, np.bool_))
    column = frame.numbers(node.field)
    found = np.ones(frame.rows, np.bool_)
    if low is not None:
        found &= column.values >= int(low)
    if high is not None:
        found &= column.values <= int(high)
    return _present(column, found)


@mask.register
def _(node: Missing, frame: Frame) -> Flags:
    DeclaredFields(frame.kinds).type_of(node.field)
    column = frame[node.field]
    if isinstance(column, Codes):
        return column.codes < 0
    if isinstance(column, Plain):
        missing: Flags = column.values.is_null().to_numpy(zero_copy_only=False)
        return missing
    return np.zeros(frame.rows, np.bool_) if column.missing is None else column.missing


@mask.register
def _(node: Not, frame: Frame) -> Flags:
    return ~mask(node.inner, frame)


@mask.register
def _(node: AllOf, frame: Frame) -> Flags:
    return reduce(np.logical_and, (mask(part, frame) for part in node.parts), np.ones(frame.rows, np.bool_))


@mask.register
def _(node: AnyOf, frame: Frame) -> Flags:
    return reduce(np.logical_or, (mask(part, frame) for part in node.parts), np.zeros(frame.rows, np.bool_))


def _looked_up(column: Codes, found: "pa.Array | Flags") -> Flags:
    """What is known of each distinct value, for each row; null is nothing."""
    known = np.asarray(found.to_numpy(zero_copy_only=False) if isinstance(found, pa.Array) else found, np.bool_)
    if known.all():  # often all sites are asked about
        return np.greater_equal(column.codes, 0)
    result: Flags = np.append(known, False)[column.codes]  # -1 is the last
    return result


def _present(column: Numbers, found: Flags) -> Flags:
    return found if column.missing is None else found & ~column.missing
