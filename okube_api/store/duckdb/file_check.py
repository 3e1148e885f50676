"""Reads a whole database file without changing it."""

from collections.abc import Iterator
from pathlib import Path

import duckdb

from okube_api.store.checks import TableCheck
from okube_api.store.duckdb.connection import Cursor, connect, quote, translate_error


def check_file(path: Path, memory_limit: str, threads: int) -> Iterator[TableCheck]:
    """Yield what was read of each table, in order of their names.

    Raise StoreLocked, StoreDamaged or Unavailable when the file cannot be opened at all.
    """
    with connect(path, memory_limit, threads, read_only=True) as connection:
        names = connection.execute("SELECT table_name FROM duckdb_tables() ORDER BY table_name").fetchall()
        for (name,) in names:
            yield _check_table(connection, path, name)


def _check_table(cursor: Cursor, path: Path, name: str) -> TableCheck:
    sql = f"SELECT count(*), bit_xor(hash(row)) FROM {quote(name)} AS row"  # the hash makes DuckDB read every column
    try:
        return TableCheck(name, int(cursor.execute(sql).fetchall()[0][0]))
    except duckdb.Error as error:
        return TableCheck(name, 0, str(translate_error(error, path)))
