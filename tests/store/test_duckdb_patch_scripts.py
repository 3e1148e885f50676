"""Test that small patches are written as SQL whose constants are the values, whatever characters these have."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from okube_api.store.duckdb.connection import connect
from okube_api.store.duckdb.patch_scripts import write_small_patch
from okube_api.store.duckdb.rows import create_tables
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.schema import Column, ColumnType, Table

TABLE = Table(
    "rollup",
    (
        Column("name", ColumnType.TEXT),
        Column("sum", ColumnType.WIDE_INTEGER),
        Column("users", ColumnType.BYTES),
        Column("active", ColumnType.BOOLEAN),
    ),
)
SCHEMA = make_arrow_schema(get_stored_types(TABLE))
APPLICATION = "a'b"


def build_rows(*rows: dict[str, Any]) -> pa.Table:
    return pa.Table.from_pylist([dict.fromkeys(SCHEMA.names) | {"part": 1} | row for row in rows], SCHEMA)


def build_keys(*names: str | None) -> pa.Table:
    return pa.table({"part": [1] * len(names), "name": pa.array(names, pa.string())})


def test_a_script_replaces_rows_by_key() -> None:
    """Check values that need care: quotes, question marks, null keys, 128 bits, bytes."""
    cursor = connect(None, "64MB", 1)
    create_tables(cursor, [TABLE])
    first = build_rows({"name": "it's; DELETE ?"}, {"name": None}, {"name": "kept"})
    second = build_rows(
        {"name": "it's; DELETE ?", "sum": Decimal(-(10**30)), "users": b"\x00'\xff", "active": True},
        {"name": None, "sum": Decimal(10**30), "users": b"", "active": False},
    )
    for keys, rows in ((build_keys(), first), (build_keys("it's; DELETE ?", None), second)):
        script = write_small_patch(TABLE, APPLICATION, keys, rows)
        assert script is not None
        cursor.execute(script)
    stored = cursor.execute("SELECT application, * EXCLUDE (application) FROM rollup ORDER BY name").fetchall()
    expected = [*second.to_pylist(), *build_rows({"name": "kept"}).to_pylist()]
    assert stored == [(APPLICATION, *row.values()) for row in sorted(expected, key=lambda row: row["name"] or "~")]


@pytest.mark.parametrize(
    ("keys", "rows"),
    [
        (build_keys(), build_rows({"name": "nul \0"})),
        (build_keys("nul \0"), build_rows()),
        (build_keys(), build_rows({"users": bytes(10_000)})),
        (build_keys(), build_rows(*[{}] * 21)),
        (build_keys(*map(str, range(21))), build_rows()),
    ],
    ids=["NUL in a row", "NUL in a key", "long set", "many rows", "many keys"],
)
def test_what_is_not_small_has_no_script(keys: pa.Table, rows: pa.Table) -> None:
    """Check what is written as Arrow data instead."""
    assert write_small_patch(TABLE, APPLICATION, keys, rows) is None
