"""Stores of documents and rows: the protocol, and its implementations on DuckDB and MongoDB."""

from pathlib import Path

from okube_api.store.arrow import hide_pandas
from okube_api.store.protocol import Store, Workbench
from okube_api.store.schema import Schema
from okube_api.urls import hide_password

hide_pandas()

EMBEDDED_SCHEME = "duckdb:"
"""Prefix of the URL of the embedded store."""


def open_store(url: str, schema: Schema, *, memory_limit: str = "256MB", threads: int = 2) -> Store:
    """Return the store of a URL, not started: `duckdb:PATH` or `mongodb://host/database`.

    Raise ValueError for any other URL.
    """
    if url.startswith(EMBEDDED_SCHEME):
        from okube_api.store.duckdb.store import DuckStore  # noqa: PLC0415 - not needed on MongoDB

        return DuckStore(Path(url.removeprefix(EMBEDDED_SCHEME)), schema, memory_limit=memory_limit, threads=threads)
    if url.startswith(("mongodb://", "mongodb+srv://")):
        from okube_api.store.mongo.store import MongoStore  # noqa: PLC0415 - the embedded store needs no driver

        return MongoStore(url, schema)
    raise ValueError(f"'{hide_password(url)}' is not the URL of a store: use duckdb:PATH or mongodb://host/database")


def open_workbench(memory_limit: str = "512MB", threads: int = 2) -> Workbench:
    """Return a new columnar scratch space in memory."""
    from okube_api.store.duckdb.workbench import DuckWorkbench  # noqa: PLC0415 - only the ingest needs one

    return DuckWorkbench(memory_limit, threads)
