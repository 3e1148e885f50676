"""Loads the columns that questions needed before the last stop of the server, so that its first answers are fast."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from okube_api.store.conditions import EVERYTHING, OneOf
from okube_api.store.errors import Duplicate, StoreError
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType, Table

LOADED_COLUMNS = Collection("loaded_columns", fields={"application": ColumnType.TEXT})
"""One document for each application, with the tables and columns that were in memory, the least recently used first.

Several servers of one database overwrite each other's, which have much in common.
"""
SAVE_INTERVAL_S = 60.0
_CLOSE_S = 2.0
_TABLES = 100  # of an application, the most recently used


class ColumnWarming:
    """Saves which columns of which tables are in memory, and loads them after the next start."""

    def __init__(self, store: Store, tables: Sequence[Table]) -> None:
        self._store = store
        self._tables = {table.name: table for table in tables}
        self._saved: dict[str, list[list[object]]] = {}  # by application
        self._is_loaded = False

    async def refresh(self) -> None:
        """Load what was in memory before the last stop, the first time; later, save what is in memory now."""
        if self._is_loaded:
            await self.save()
            return
        self._is_loaded = True
        documents = await self._store.find(LOADED_COLUMNS, EVERYTHING)
        self._saved |= {document["application"]: document["tables"] for document in documents}
        for document in documents:
            with suppress(StoreError):  # a question will load them, or say what is wrong
                await self._load(document["application"], document["tables"])

    async def _load(self, application: str, tables: Sequence[tuple[str, list[str]]]) -> None:
        for name, columns in tables:
            table = self._tables.get(name)
            names = {"part", *(column.name for column in table.columns)} if table is not None else set()
            if table is not None and names.issuperset(columns):  # else they are of another version of the server
                await self._store.load_columns(application, table, columns)

    async def close(self) -> None:
        """Save for the next start, if the store still answers."""
        with suppress(StoreError, TimeoutError):
            async with asyncio.timeout(_CLOSE_S):
                await self.save()

    async def save(self) -> None:
        """Save what is in memory, where it has changed, in one write for all applications."""
        loaded_tables: dict[str, list[list[object]]] = {
            application: [[name, list(columns)] for name, columns in loaded[-_TABLES:]]
            for application, loaded in self._store.list_loaded_columns().items()
        }
        changed = {key: tables for key, tables in loaded_tables.items() if tables != self._saved.get(key)}
        if not changed:
            return
        stored = await self._store.find(LOADED_COLUMNS, OneOf("_id", tuple(changed)), fields=["application"])
        stored_ids = {document["_id"] for document in stored}
        documents = [{"_id": key, "application": key, "tables": tables} for key, tables in changed.items()]
        inserts = [document for document in documents if document["_id"] not in stored_ids]
        replaces = [document for document in documents if document["_id"] in stored_ids]
        with suppress(Duplicate):  # another server inserts one at the same time: the next call saves all again
            await self._store.write(LOADED_COLUMNS, inserts, replaces)
            self._saved |= changed
