"""Copies a database file into a smaller one: DuckDB reuses the blocks of deleted rows, but rarely shortens its file."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb
import structlog

from okube_api.store.duckdb.connection import Cursor, quote, quote_text
from okube_api.store.duckdb.disk_reserve import read_free_bytes

_MIN_FREE_BYTES = 8 * 2**20
_MAX_BYTES_AT_START, _MAX_BYTES_WHILE_RUNNING = 2**30, 64 * 2**20
_MARGIN_BYTES = 2**20

log = structlog.stdlib.get_logger("okube.store")


@dataclass(frozen=True, slots=True)
class Waste:
    """Bytes of a file that hold data, and bytes that hold none or deleted rows."""

    used_bytes: int
    free_bytes: int

    @property
    def is_worth_a_start(self) -> bool:
        """Whether a start or stop may take the time to copy the data: up to about 5 s."""
        return self._is_large and self.used_bytes <= _MAX_BYTES_AT_START

    @property
    def is_worth_a_pause(self) -> bool:
        """Whether requests may wait for the copy: up to about half a second."""
        return self._is_large and self.used_bytes <= _MAX_BYTES_WHILE_RUNNING

    @property
    def _is_large(self) -> bool:
        return self.free_bytes >= max(_MIN_FREE_BYTES, self.used_bytes)


def measure_waste(cursor: Cursor) -> Waste:
    """Return how much of the file holds data, and how much a copy would not have.

    Besides free blocks, these are the blocks of deleted rows: DuckDB keeps them as long as a group of up to 122,880
    rows has a row that is not deleted.
    """
    sql = "SELECT block_size, used_blocks, free_blocks FROM pragma_database_size()"
    block_bytes, used_blocks, free_blocks = cursor.execute(sql).fetchall()[0]
    deleted_blocks = 0.0
    filled_tables = "SELECT table_name, estimated_size FROM duckdb_tables() WHERE estimated_size > 0"
    for name, rows in cursor.execute(filled_tables).fetchall():
        live_rows = cursor.execute(f"SELECT count(*) FROM {quote(name)}").fetchall()[0][0]
        if live_rows < rows / 2:  # `estimated_size` counts deleted rows, too
            counting = (
                f"SELECT count(DISTINCT block_id) FROM pragma_storage_info({quote_text(name)}) WHERE block_id >= 0"
            )
            deleted_blocks += cursor.execute(counting).fetchall()[0][0] * (1 - live_rows / rows)
    deleted_bytes = int(block_bytes * min(deleted_blocks, used_blocks))
    return Waste(block_bytes * used_blocks - deleted_bytes, block_bytes * free_blocks + deleted_bytes)


def compact_file(path: Path) -> None:
    """Replace a closed file by a copy of its data.  After a crash at any point, the path has one of the two.

    Do nothing while there is a log, which belongs to the old file, when the disk has too little room for the copy, or
    when the file cannot be read.
    """
    copy = Path(f"{path}.compact")
    with suppress(FileNotFoundError):
        copy.unlink()
    if Path(f"{path}.wal").exists():
        return
    try:
        size, new_size = path.stat().st_size, _copy(path, copy)
    except duckdb.Error as error:
        log.warning("store.compaction_failed", file=str(path), error=str(error))
        for left in (copy, Path(f"{copy}.wal")):
            left.unlink(missing_ok=True)
        return
    if new_size:
        log.info("store.compacted", file=str(path), bytes_before=size, bytes_after=new_size)


def _copy(path: Path, copy: Path) -> int:
    """Copy a file and rename the copy while the original is locked; return the size of the copy, 0 without room."""
    with duckdb.connect(config={"threads": "1", "memory_limit": "128MB"}) as connection:
        connection.execute(f"ATTACH {quote_text(str(path))} AS original")
        if _measure_used_bytes(connection) + _MARGIN_BYTES > read_free_bytes(path.parent):
            return 0
        connection.execute(f"ATTACH {quote_text(str(copy))} AS copy")
        connection.execute("COPY FROM DATABASE original TO copy")
        connection.execute("CHECKPOINT copy")
        connection.execute("DETACH copy")
        size = copy.stat().st_size
        _sync(copy)
        copy.replace(path)
        _sync(path.parent)
    return size


def _measure_used_bytes(connection: Cursor) -> int:
    """Return the bytes of the attached original that hold data."""
    sql = "SELECT block_size * used_blocks FROM pragma_database_size() WHERE database_name = 'original'"
    return int(connection.execute(sql).fetchall()[0][0])


def _sync(path: Path) -> None:
    """Make the content of a file, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
