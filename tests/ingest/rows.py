"""Rows of tables that are compared in tests."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import numpy as np
from okube_api.store.schema import ColumnType, Table

Row = dict[str, Any]


def replace_numbers(table: Table, row: Row, names: Mapping[int, str]) -> Row:
    """Return a row with names in the place of user numbers and of sets of them, without `batch`."""
    types = {column.name: column.type for column in table.columns}
    values = {name: value for name, value in row.items() if name != "batch"}
    if "user" in values:
        values["user"] = names[values["user"]]
    for name, type_ in types.items():
        if type_ is ColumnType.BYTES:
            numbers = np.frombuffer(values[name], "<u4").tolist()
            assert numbers == sorted(set(numbers))
            values[name] = tuple(sorted(names[number] for number in numbers))
    return values


def to_comparable(rows: Iterable[Row]) -> list[str]:
    """Return rows in a form that is equal whatever their order."""
    return sorted(repr(sorted((name, _to_integer(value)) for name, value in row.items())) for row in rows)


def _to_integer(value: Any) -> Any:
    """Return the decimal that holds a wide integer as an integer, other values unchanged."""
    return int(value) if isinstance(value, Decimal) else value
