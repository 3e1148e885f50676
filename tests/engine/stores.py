"""Puts the rows of small tenants into every kind of store, and opens readers of them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import lru_cache

import pyarrow as pa
from okube_api.catalogue.facts import FACTS, PANELISTS, ROLLUP_VERSIONS
from okube_api.store.protocol import Reader, Store
from okube_api.store.schema import Table

from tests.by_hand.truth import Truth
from tests.engine.memory import TYPES, Memory, Row, build_table
from tests.engine.rows import TruthTables, build_tables

Reading = Callable[[Truth], AbstractAsyncContextManager[Reader]]
ALL_TABLES = (PANELISTS, ROLLUP_VERSIONS, *(table for fact in FACTS for table in fact.tables))


class InMemory:
    """Tenants in plain rows in memory."""

    def __init__(self) -> None:
        self._readers: dict[Truth, Memory] = {}

    @asynccontextmanager
    async def reading(self, truth: Truth) -> AsyncIterator[Reader]:
        """Open a reader of a tenant's rows."""
        if truth not in self._readers:
            self._readers[truth] = Memory(_share_tables(truth))
        yield self._readers[truth]


@lru_cache(maxsize=64)
def _share_tables(truth: Truth) -> TruthTables:
    return TruthTables(truth)


class InStore:
    """Tenants in a store, each in an application of its own that is written at the first reading."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._applications: dict[Truth, str] = {}

    @asynccontextmanager
    async def reading(self, truth: Truth) -> AsyncIterator[Reader]:
        """Open a reader of a tenant's rows."""
        if truth not in self._applications:
            self._applications[truth] = f"{len(self._applications):024x}"
            await fill(self._store, self._applications[truth], truth)
        async with self._store.open_reader(self._applications[truth]) as reader:
            yield reader


async def fill(store: Store, application: str, truth: Truth) -> None:
    """Write every table of a tenant."""
    rows = build_tables(truth)
    async with store.begin_change(application, "everything") as change:
        for table in ALL_TABLES:
            if rows[table.name]:
                parts = sorted({row["part"] for row in rows[table.name]})
                await change.replace(table, parts, to_arrow(table, rows[table.name]))
        await change.commit()


def to_arrow(source: Table, rows: list[Row]) -> pa.Table:
    """Convert rows to the Arrow table that a store writes."""
    return build_table(rows, {"part": pa.int64(), **{column.name: TYPES[column.type] for column in source.columns}})
