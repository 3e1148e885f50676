"""Rules about types that both stores share: which fields may be named, and which values a field can equal."""

import math
from collections.abc import Iterable, Mapping
from typing import cast

import pyarrow as pa

from okube_api.store.errors import UnsupportedByStore
from okube_api.store.exact_integers import WIDE_TYPE
from okube_api.store.schema import ColumnType
from okube_api.store.values import Scalar

ARROW_TYPES: Mapping[ColumnType, pa.DataType] = {
    ColumnType.TEXT: pa.string(),
    ColumnType.TEXTS: pa.list_(pa.string()),
    ColumnType.INTEGER: pa.int64(),
    ColumnType.INTEGERS: pa.list_(pa.int64()),
    ColumnType.WIDE_INTEGER: WIDE_TYPE,
    ColumnType.NUMBER: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.BYTES: pa.binary(),
}
INTEGER_TYPES = (ColumnType.INTEGER, ColumnType.WIDE_INTEGER)
ELEMENT_TYPES = {ColumnType.TEXTS: ColumnType.TEXT, ColumnType.INTEGERS: ColumnType.INTEGER}
_MIN_INTEGER, _MAX_INTEGER = -(2**63), 2**63 - 1

Bounds = tuple[Scalar | None, Scalar | None]


class DeclaredFields:
    """Fields that a condition or plan may name; any other name raises UnsupportedByStore and reaches no statement."""

    def __init__(self, types: Mapping[str, ColumnType], *, search: bool = False) -> None:
        self._types = types
        self._search = search

    def type_of(self, name: str) -> ColumnType:
        """Return the type of a declared field."""
        try:
            return self._types[name]
        except KeyError:
            raise UnsupportedByStore(f"Field '{name}' is not declared.") from None

    def require_scalar(self, name: str) -> ColumnType:
        """Return the type of a field that holds one value.  Raise UnsupportedByStore for a list."""
        column_type = self.type_of(name)
        if column_type in ELEMENT_TYPES:
            raise UnsupportedByStore(f"Field '{name}' is a list: use Overlaps.")
        return column_type

    def require_list(self, name: str) -> ColumnType:
        """Return the type of the elements of a list.  Raise UnsupportedByStore for a field with one value."""
        column_type = self.type_of(name)
        if column_type not in ELEMENT_TYPES:
            raise UnsupportedByStore(f"Field '{name}' is not a list.")
        return ELEMENT_TYPES[column_type]

    def require_integer(self, name: str) -> None:
        """Raise UnsupportedByStore unless the field is an integer."""
        if self.type_of(name) not in INTEGER_TYPES:
            raise UnsupportedByStore(f"Field '{name}' is not an integer.")

    def require_search(self) -> None:
        """Raise UnsupportedByStore unless there is a search text."""
        if not self._search:
            raise UnsupportedByStore("No search text is declared for this collection.")


def coerce_values(column_type: ColumnType, values: Iterable[Scalar]) -> list[Scalar]:
    """Return the values that a field of this type can equal, as that type.

    A value of another type equals nothing and is dropped.
    """
    if column_type is ColumnType.TEXT:  # shortcuts, because there may be thousands
        return [value for value in values if isinstance(value, str)]
    given = list(values)
    if column_type is ColumnType.INTEGER and set(map(type, given)) == {int}:
        integers = cast("list[int]", given)
        if max(integers) <= _MAX_INTEGER and min(integers) >= _MIN_INTEGER:
            return given
    coerced = (_coerce_value(column_type, value) for value in given)
    return [value for value in coerced if value is not None]


def _coerce_value(column_type: ColumnType, value: Scalar) -> Scalar | None:
    if column_type is ColumnType.TEXT:
        return value if isinstance(value, str) else None
    if column_type is ColumnType.BOOLEAN:
        return value if isinstance(value, bool) else None
    if isinstance(value, str | bool):
        return None
    if column_type is ColumnType.NUMBER:
        return _to_double(value)
    integral = isinstance(value, int) or value.is_integer()
    in_range = _MIN_INTEGER <= value <= _MAX_INTEGER
    return int(value) if column_type in INTEGER_TYPES and integral and in_range else None


def _to_double(value: Scalar) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return None if math.isnan(number) else number


def coerce_bounds(column_type: ColumnType, low: Scalar | None, high: Scalar | None) -> Bounds | None:
    """Return both limits of a `Between` as the field's type, None for an open side.

    Return None instead of the pair when no value of that type can lie between them.
    """
    if column_type in INTEGER_TYPES:
        return _coerce_integer_bounds(low, high)
    for limit in (low, high):
        if limit is not None and _coerce_value(column_type, limit) is None:
            return None
    return (
        None if low is None else _coerce_value(column_type, low),
        None if high is None else _coerce_value(column_type, high),
    )


def _coerce_integer_bounds(low: Scalar | None, high: Scalar | None) -> Bounds | None:
    least, greatest = (-math.inf if low is None else low), (math.inf if high is None else high)
    if isinstance(least, str | bool) or isinstance(greatest, str | bool):
        return None
    if not (least <= _MAX_INTEGER and greatest >= _MIN_INTEGER):  # also when a limit is NaN
        return None
    return (
        None if least <= _MIN_INTEGER else math.ceil(least),
        None if greatest >= _MAX_INTEGER else math.floor(greatest),
    )
