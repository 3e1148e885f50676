"""Opens the file of DuckDB, and translates its errors to those of the store."""

import os
import re
import shutil
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from okube_api.store.errors import Conflict, StoreDamaged, StoreFull, StoreLocked, Unavailable

Cursor = duckdb.DuckDBPyConnection

_LOCKED = re.compile(r"lock on file|already open|being used by another process", re.IGNORECASE)
_FULL = re.compile(
    r"no space left|disk full|disk quota|could not write|file too large|max_temp_directory_size", re.IGNORECASE
)
_INVALIDATED = re.compile(r"database has been invalidated|failed to create checkpoint|fsync failed", re.IGNORECASE)
_DAMAGED = re.compile(
    r"corrupt|not a valid duckdb database file|could not read enough bytes|failure while replaying wal"
    r"|no more data remaining in metadatareader|serialization error|failed to deserialize",
    re.IGNORECASE,
)
_PLACE = re.compile(
    r"(?:block at |from |attempted to read \d+ bytes from )?(location|byte position) (\d+)", re.IGNORECASE
)
_MANUAL_CHECKPOINTS = {"checkpoint_threshold": "1TB", "auto_checkpoint_skip_wal_threshold": str(2**60)}
"""A commit writes to the log only, whatever its size.  DuckDB's automatic checkpoint runs after the commit, and reports
its own failure as one of the commit; `FileUpkeep` makes the checkpoints instead."""


_FEW_ROWS = 1000
_VIEW = "_inserted_rows"
_LONG_LIST, _LIST_VIEW = 200, "_list_"


class Invalidated(Unavailable):
    """DuckDB refuses every call until the file is opened again; the call may have been committed."""

    @property
    def is_disk_full(self) -> bool:
        """Whether a full disk is the cause."""
        return bool(_FULL.search(str(self)))


def quote(name: str) -> str:
    """Return an SQL identifier, whatever characters it has."""
    return '"' + name.replace('"', '""') + '"'


def quote_text(text: str) -> str:
    """Return an SQL literal, for statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"


def connect(path: Path | None, memory_limit: str, threads: int, *, read_only: bool = False) -> Cursor:
    """Open a database file, or a database in memory when `path` is None.

    The database can access no other file and no network, and its settings are locked.  Data that does not fit into
    memory is spilled to a folder next to the file; what a crash left in that folder is deleted.
    Only the user of the process can read the file, its log and what is spilled: the process gets the umask 077,
    because DuckDB creates these files itself, at any time.

    read_only: neither change nor create the file.
    Raise StoreLocked, StoreDamaged, or Unavailable when the file cannot be opened.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "enable_external_access": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "memory_limit": memory_limit,
        "threads": str(threads),
        "temp_directory": "",
        "preserve_insertion_order": "false",
        **_MANUAL_CHECKPOINTS,
    }
    spill_folder = Path(f"{path}.tmp")
    try:
        if path is not None:
            create_folder(path)
            config["temp_directory"] = str(spill_folder)
        connection = duckdb.connect(str(path) if path else ":memory:", config=config, read_only=read_only)
    except (duckdb.Error, OSError) as error:
        if _LOCKED.search(str(error)):
            raise StoreLocked(
                f"{path} is open in another process, such as a running server. Stop that process first, or use the "
                "server: commands with the option --url need its address and a token."
            ) from error
        if path is not None and is_damage(error):
            raise describe_damage(error, path) from None
        if _FULL.search(str(error)):
            raise StoreFull(f"{path} cannot be opened: the disk is full.") from error
        raise Unavailable(f"{path} cannot be opened: {error}") from error
    if path is not None:
        shutil.rmtree(spill_folder, ignore_errors=True)
    connection.execute("SET lock_configuration = true")
    return connection


def create_folder(path: Path) -> None:
    """Create the folder of a file with mode 0700, and restrict the file and its log to the user of this process."""
    os.umask(0o077)
    path.parent.mkdir(parents=True, exist_ok=True)
    for present in (path, Path(f"{path}.wal")):
        with suppress(FileNotFoundError, PermissionError):  # another owner's file fails to open, with a better message
            present.chmod(0o600)


def is_damage(error: Exception) -> bool:
    """Return whether an error says that the content of the file or of its log is wrong."""
    return isinstance(error, duckdb.Error) and bool(_DAMAGED.search(str(error)))


def describe_damage(error: Exception, path: Path) -> StoreDamaged:
    """Return the error that names the damaged file, the place, and the way back."""
    text = str(error)
    damaged = f"{path}.wal" if "wal file" in text.lower() else str(path)
    if "not a valid duckdb database file" in text.lower():
        place = "its header"
    else:
        found_place = _PLACE.search(text)
        place = f"byte {found_place[2]}" if found_place else "an unknown place"
    return StoreDamaged(
        f"{damaged} is damaged at {place}. Restore the latest backup of the file. `okube-api check` tells which tables "
        "can be read."
    )


def translate_error(error: duckdb.Error, path: Path) -> Exception:
    """Return the store's error for an error of DuckDB; return errors that are bugs unchanged."""
    text = str(error)
    if _INVALIDATED.search(text) or isinstance(error, duckdb.FatalException):
        return Invalidated(text)
    if is_damage(error):
        return describe_damage(error, path)
    if _FULL.search(text):
        return StoreFull("The disk is full.")
    kinds = {
        duckdb.TransactionException: Conflict,
        duckdb.InterruptException: Unavailable,
        duckdb.OutOfMemoryException: Unavailable,
        duckdb.OutOfRangeException: OverflowError,  # a sum of more than 38 digits
        duckdb.ConnectionException: Unavailable,  # the cursor was closed because the file was opened again
    }
    return next((kind(text) for duckdb_kind, kind in kinds.items() if isinstance(error, duckdb_kind)), error)


def fetch_table(cursor: Cursor, sql: str, values: list[Any]) -> pa.Table:
    """Return the rows of a query as an Arrow table.

    A list in `values` is the parameter of an `unnest(?)`.  Long ones are passed as views: DuckDB takes a microsecond to
    convert each element of a parameter, several times in a query.
    """
    if not any(isinstance(value, list) and len(value) > _LONG_LIST for value in values):
        return cursor.sql(sql, params=values).to_arrow_table()
    pieces = sql.split("?")
    views: list[str] = []
    parameters: list[Any] = []
    for position, value in enumerate(values):
        if isinstance(value, list) and len(value) > _LONG_LIST and pieces[position].endswith("unnest("):
            view = f"{_LIST_VIEW}{len(views)}"
            cursor.register(view, pa.table({"element": value}))
            views.append(view)
            pieces[position] = f"{pieces[position].removesuffix('unnest(')}element FROM {view}"
            pieces[position + 1] = pieces[position + 1].removeprefix(")")
        else:
            parameters.append(value)
            pieces[position] += "?"
    try:
        return cursor.sql("".join(pieces), params=parameters).to_arrow_table()
    finally:
        for view in views:
            cursor.unregister(view)


def insert(
    cursor: Cursor,
    table: str,
    rows: pa.Table,
    constants: Mapping[str, str | int] | None = None,
    order: str | None = None,
) -> None:
    """Insert rows into a table, columns matched by name; columns of an earlier version, which rows lack, are null.

    constants: columns that have the same value in every row.  order: the column to sort by.

    Many rows are not passed as a registered view: a transaction keeps its views, and their memory, until it ends.  For
    a few rows a view takes half of the time.
    """
    if rows.num_rows <= _FEW_ROWS:
        _insert_few(cursor, table, rows, constants or {}, order)
        return
    columns = [row[0] for row in cursor.execute(f"DESCRIBE {quote(table)}").fetchall()]
    relation = cursor.from_arrow(rows)
    if order is not None and not _is_ascending(rows[order]):
        relation = relation.order(order)
    values = dict.fromkeys(set(columns).difference(rows.column_names)) | dict(constants or {})
    expressions = [
        duckdb.ConstantExpression(values[name]) if name in values else duckdb.ColumnExpression(name) for name in columns
    ]
    relation.project(*expressions).insert_into(quote(table))


def _insert_few(
    cursor: Cursor, table: str, rows: pa.Table, constants: Mapping[str, str | int], order: str | None
) -> None:
    names = [*constants, *rows.column_names]
    selected = ", ".join([*("?" for _ in constants), *map(quote, rows.column_names)])
    sql = f"INSERT INTO {quote(table)} ({', '.join(map(quote, names))}) SELECT {selected} FROM {_VIEW}"
    cursor.register(_VIEW, rows)
    cursor.execute(sql if order is None else f"{sql} ORDER BY {quote(order)}", list(constants.values()))
    cursor.unregister(_VIEW)


def _is_ascending(column: pa.ChunkedArray) -> bool:
    values = column.to_numpy()
    return bool((values[1:] >= values[:-1]).all())


def begin_transaction(cursor: Cursor) -> None:
    """Begin a transaction that sees what is committed now."""
    cursor.execute("BEGIN TRANSACTION")
    cursor.execute("SELECT 1 FROM _changes LIMIT 0")  # DuckDB takes the snapshot at the first statement, not at BEGIN


def roll_back(cursor: Cursor) -> None:
    """Roll back what was not committed."""
    with suppress(duckdb.Error):  # already committed, or ended by the error that is being raised
        cursor.execute("ROLLBACK")
