"""Scratch space of the ingest: a DuckDB database in memory."""

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from okube_api.store.duckdb.connection import connect, fetch_table, quote


class DuckWorkbench:
    """Implementation of `store.protocol.Workbench`."""

    def __init__(self, memory_limit: str, threads: int) -> None:
        self._connection = connect(None, memory_limit, threads)

    def load(self, name: str, rows: pa.Table) -> None:
        """Create a temporary table from rows."""
        self._connection.register("incoming", rows)
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {quote(name)} AS SELECT * FROM incoming")
        self._connection.unregister("incoming")

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """Return the rows of a query."""
        return fetch_table(self._connection, sql, list(parameters))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
