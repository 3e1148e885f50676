"""Writes small patches as SQL whose values are constants, so that those of many tables are one script."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from okube_api.store.duckdb.connection import quote, quote_text
from okube_api.store.schema import Table

_MAX_ROWS = 20
_MAX_BYTES = 4096  # of a set; longer ones are faster as Arrow data


class _NotConstant(Exception):
    """A value that is not written as a constant."""


def write_small_patch(table: Table, application: str, keys: pa.Table, rows: pa.Table) -> str | None:
    """Return the statements that replace the rows with these keys by `rows`.

    rows: with the columns of the table.
    Return None when there are too many keys or rows, or a value that is not written as a constant.
    """
    if keys.num_rows > _MAX_ROWS or rows.num_rows > _MAX_ROWS:
        return None
    try:
        statements = [_write_delete(table, application, keys)] if keys.num_rows else []
        statements += [_write_insert(table, application, rows)] if rows.num_rows else []
    except _NotConstant:
        return None
    return ";".join(statements)


def _write_delete(table: Table, application: str, keys: pa.Table) -> str:
    """Return the deletion of rows, which looks only at the parts between the first and the last: a fast condition."""
    parts = pc.min_max(keys["part"]).as_py()
    one_of = " OR ".join(
        " AND ".join(f"{quote(name)} IS NOT DISTINCT FROM {_write_value(value)}" for name, value in key.items())
        for key in keys.to_pylist()
    )
    return (
        f"DELETE FROM {quote(table.name)} WHERE application = {quote_text(application)} "
        f"AND part BETWEEN {parts['min']} AND {parts['max']} AND ({one_of})"
    )


def _write_insert(table: Table, application: str, rows: pa.Table) -> str:
    names = ", ".join(map(quote, ("application", *rows.column_names)))
    values = zip(*(column.to_pylist() for column in rows.columns), strict=True)
    tuples = (f"({quote_text(application)}, {', '.join(map(_write_value, row))})" for row in values)
    return f"INSERT INTO {quote(table.name)} ({names}) VALUES {', '.join(tuples)}"


def _write_value(value: Any) -> str:
    """Return an SQL constant.  Raise _NotConstant."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | Decimal):  # decimals are integers of up to 38 digits
        return str(int(value))
    if isinstance(value, str) and "\0" not in value:  # it would end the statement
        return quote_text(value)
    if isinstance(value, bytes) and len(value) <= _MAX_BYTES:
        return f"from_hex('{value.hex()}')"
    raise _NotConstant
