"""The rows of small tenants in every kind of store there is, and readers of them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import pyarrow as pa
from okube_api.catalogue.facts import FACTS, PANELISTS
from okube_api.store.protocol import Reader, Store
from okube_api.store.schema import Table

from tests.by_hand.truth import Truth
from tests.engine.memory import TYPES, Memory, Row, table
from tests.engine.rows import tables

Reading = Callable[[Truth], AbstractAsyncContextManager[Reader]]
ALL_TABLES = (PANELISTS, *(one for fact in FACTS for one in fact.tables))


class InMemory:
    """Tenants over plain rows."""

    def __init__(self) -> None:
        self._known: dict[Truth, Memory] = {}

    @asynccontextmanager
    async def reading(self, truth: Truth) -> AsyncIterator[Reader]:
        """A reader of a tenant's rows."""
        if truth not in self._known:
            self._known[truth] = Memory(tables(truth))
        yield self._known[truth]


class InStore:
    """Tenants in a store, each an application of its own, written when first asked for."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[Truth, str] = {}

    @asynccontextmanager
    async def reading(self, truth: Truth) -> AsyncIterator[Reader]:
        """A reader of a tenant's rows."""
        if truth not in self._known:
            self._known[truth] = f"{len(self._known):024x}"
            await fill(self._store, self._known[truth], truth)
        async with self._store.open_reader(self._known[truth]) as reader:
            yield reader


async def fill(store: Store, application: str, truth: Truth) -> None:
    """Writes every table of a tenant."""
    rows = tables(truth)
    async with store.begin_change(application, "everything") as change:
        for one in ALL_TABLES:
            if rows[one.name]:
                parts = sorted({row["part"] for row in rows[one.name]})
                await change.replace(one, parts, arrow(one, rows[one.name]))
        await change.commit()


def arrow(of: Table, rows: list[Row]) -> pa.Table:
    """Rows as stores take them."""
    return table(rows, {"part": pa.int64(), **{column.name: TYPES[column.type] for column in of.columns}})
