"""The ingest's scratch space: DuckDB in memory, with nothing on disk."""

from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self

import pyarrow as pa

from okube_api.store.duckdb.connection import connect, fetch_table, quote


class DuckWorkbench:
    """See `store.protocol.Workbench`."""

    def __init__(self, memory_limit: str, threads: int) -> None:
        self._connection = connect(None, memory_limit, threads)

    def load(self, name: str, rows: pa.Table) -> None:
        """Makes rows a table."""
        self._connection.register("incoming", rows)
        self._connection.execute(f"CREATE OR REPLACE TEMP TABLE {quote(name)} AS SELECT * FROM incoming")
        self._connection.unregister("incoming")

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Executes a statement."""
        self._connection.execute(sql, list(parameters))

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """The rows of a query."""
        return fetch_table(self._connection, sql, list(parameters))

    def stream(self, sql: str, rows: int) -> Iterable[pa.Table]:
        """The rows of a query, some at a time."""
        for batch in self._connection.sql(sql).to_arrow_reader(rows):
            yield pa.Table.from_batches([batch])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
