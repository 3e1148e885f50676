"""Damages database files of the embedded store, as a bad disk does."""

from pathlib import Path

import duckdb

HEADERS_BYTES = 3 * 4096
"""The file starts with three headers; blocks of equal size follow."""


def damage_bytes(path: Path, offset: int, count: int = 64) -> None:
    """Flip all bits of some bytes."""
    with path.open("r+b") as file:
        file.seek(offset)
        data = file.read(count)
        file.seek(offset)
        file.write(bytes(byte ^ 0xFF for byte in data))


def damage_table(path: Path, table: str) -> int:
    """Damage a block that only this table uses, in a closed file; return the block's offset."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("CHECKPOINT")
        sizes = connection.execute("SELECT block_size FROM pragma_database_size()").fetchall()
        tables = connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()
        blocks = {name: list_blocks(connection, name) for (name,) in tables}
    shared = set().union(*(ids for name, ids in blocks.items() if name != table))
    offset = HEADERS_BYTES + sizes[0][0] * min(blocks[table] - shared)
    damage_bytes(path, offset + 1000)
    return int(offset)


def list_blocks(connection: duckdb.DuckDBPyConnection, table: str) -> set[int]:
    """Return the numbers of the blocks with data of a table."""
    rows = connection.execute(f"SELECT DISTINCT block_id FROM pragma_storage_info('{table}')").fetchall()
    return {number for (number,) in rows if number is not None and number >= 0}
