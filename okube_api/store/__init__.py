"""Where documents and rows live: the protocol in `base`, and the two stores behind it."""

from pathlib import Path

from okube_api.store.arrow import hide_pandas
from okube_api.store.protocol import Store, Workbench
from okube_api.store.schema import Schema

hide_pandas()

EMBEDDED_SCHEME = "duckdb:"
"""How the URL of the embedded store starts."""


def open_store(url: str, schema: Schema, *, memory_limit: str = "256MB", threads: int = 2) -> Store:
    """The store behind a URL, not started: `duckdb:PATH` or `mongodb://host/database`.  ValueError for another."""
    if url.startswith(EMBEDDED_SCHEME):
        from okube_api.store.duckdb.store import DuckStore  # noqa: PLC0415 - a MongoDB server needs no DuckDB file

        return DuckStore(Path(url.removeprefix(EMBEDDED_SCHEME)), schema, memory_limit=memory_limit, threads=threads)
    if url.startswith(("mongodb://", "mongodb+srv://")):
        from okube_api.store.mongo.store import MongoStore  # noqa: PLC0415 - nor does an embedded one need a driver

        return MongoStore(url, schema)
    raise ValueError(f"'{url}' is no store: use duckdb:PATH or mongodb://host/database")


def open_workbench(memory_limit: str = "512MB", threads: int = 2) -> Workbench:
    """A columnar scratch space in memory."""
    from okube_api.store.duckdb.workbench import DuckWorkbench  # noqa: PLC0415 - only the ingest needs one

    return DuckWorkbench(memory_limit, threads)
