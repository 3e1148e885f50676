"""The store on a MongoDB server: any number of processes, no transactions needed."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any

from pymongo import AsyncMongoClient
from pymongo.errors import PyMongoError

from okube_api.store.columnar.column_cache import ColumnCache
from okube_api.store.conditions import Condition
from okube_api.store.errors import StoreError
from okube_api.store.mongo.changes import changing, tidy
from okube_api.store.mongo.documents import Documents
from okube_api.store.mongo.errors import READ_S, limited
from okube_api.store.mongo.indexes import make_index
from okube_api.store.mongo.manifests import Roots
from okube_api.store.mongo.numbers import Numbers
from okube_api.store.mongo.rows import MongoReader
from okube_api.store.mongo.staging import BEFORE, settle, settle_all, sweep
from okube_api.store.protocol import Change, Reader
from okube_api.store.schema import BY_ID, Collection, Schema, SortKey
from okube_api.store.values import Json

GRACE = timedelta(minutes=10)
"""How long rows that a change replaced stay for readers who began before."""
_DELETE_S = 300.0
_SELECTION_MS = 2000
"""How long to look for a server that is away, also within an operation that may take longer."""
_SETTLE_EVERY_S, _TIDY_EVERY = 2.0, 15


class MongoStore:
    """See `store.protocol.Store`.

    client: stands in for the driver's own.
    grace: how long rows that a change replaced stay for readers who began before.
    held: which tables are answered from memory.
    """

    def __init__(
        self, url: str, schema: Schema, *, client: Any = None, grace: timedelta = GRACE, held: ColumnCache | None = None
    ) -> None:
        self._client: Any = client or AsyncMongoClient(
            url, connect=False, w="majority", serverSelectionTimeoutMS=_SELECTION_MS, appname="okube-api"
        )
        try:
            self._database: Any = self._client.get_default_database()
        except PyMongoError as error:
            raise ValueError("the URL names no database: use mongodb://host/database") from error
        self._schema, self._grace = schema, grace
        self._held = held or ColumnCache()
        self._collections = {one.name: Documents(one, self._database) for one in schema.collections}
        self._roots, self._numbers = Roots(self._database), Numbers(self._database)
        self._changes: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._janitor: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Makes indexes, and sets right what processes that died left half-done."""
        await self.ping()
        for documents in self._collections.values():
            await documents.create()
        await self._create_tables()
        await self._roots.create()
        await make_index(self._database[BEFORE], [("write", 1)], "write")
        await settle_all(self._database)
        for name in self._collections:
            await sweep(self._database, name)
        await self._tidy()
        if self._janitor is None:
            self._janitor = asyncio.create_task(self._keep_tidy())

    async def _create_tables(self) -> None:
        for table in self._schema.tables:
            stored = self._database[table.name]
            await make_index(stored, [("application", 1), ("pg", 1)], "application_pg")
            if table.packed:
                await make_index(stored, [("application", 1), ("part", 1)], "application_part")
                await make_index(stored, [("application", 1), ("batch", 1)], "application_batch")
            elif table.index:
                keys = [("application", 1), *((name, 1) for name in table.index), ("pg", 1)]
                await make_index(stored, keys, "application_index_pg")

    async def _keep_tidy(self) -> None:
        """Finishes or undoes what other processes left, now and then; what fails is tried again."""
        turn = 0
        while True:
            await asyncio.sleep(_SETTLE_EVERY_S)
            turn += 1
            with suppress(StoreError, PyMongoError):
                await settle(self._database)
                if turn % _TIDY_EVERY == 0:
                    await self._tidy()

    async def _tidy(self) -> None:
        tables = [table.name for table in self._schema.tables]
        await tidy(self._database, self._roots, tables, self._grace)

    async def close(self) -> None:
        """Lets go of connections."""
        if self._janitor is not None:
            self._janitor.cancel()
            with suppress(asyncio.CancelledError):
                await self._janitor
            self._janitor = None
        await self._client.close()

    async def ping(self) -> None:
        """Returns when the server answers."""
        with limited(READ_S):
            await self._database.command("ping")

    # -- documents

    async def get(self, collection: Collection, where: Condition) -> Json | None:
        """One match."""
        found = await self.find(collection, where, limit=1)
        return found[0] if found else None

    async def find(
        self,
        collection: Collection,
        where: Condition,
        *,
        sort: Sequence[SortKey] = BY_ID,
        skip: int = 0,
        limit: int | None = None,
        fields: Sequence[str] | None = None,
    ) -> list[Json]:
        """Matching documents."""
        return await self._collections[collection.name].find(where, sort, skip, limit, fields)

    async def count(self, collection: Collection, where: Condition) -> int:
        """How many match."""
        return await self._collections[collection.name].count(where)

    def stream(
        self, collection: Collection, where: Condition, *, sort: Sequence[SortKey] = BY_ID
    ) -> AsyncIterator[list[Json]]:
        """Every match, a block at a time."""
        return self._collections[collection.name].stream(where, sort)

    async def insert(self, collection: Collection, documents: Sequence[Json]) -> None:
        """Adds documents."""
        await self._collections[collection.name].write(documents, ())

    async def replace(self, collection: Collection, where: Condition, document: Json) -> bool:
        """Compare and set."""
        return await self._collections[collection.name].replace(where, document)

    async def write(self, collection: Collection, inserts: Sequence[Json], replaces: Sequence[Json]) -> None:
        """Adds and replaces together."""
        await self._collections[collection.name].write(inserts, replaces)

    async def update(self, collection: Collection, where: Condition, changes: Mapping[str, Any]) -> int:
        """Sets fields of every match."""
        return await self._collections[collection.name].update(where, changes)

    async def delete(self, collection: Collection, where: Condition) -> int:
        """Removes every match."""
        return await self._collections[collection.name].delete(where)

    def revision(self, *collections: Collection) -> str | None:  # noqa: ARG002 - whichever they are
        """Other processes write too: only the database knows."""
        return None

    # -- rows

    @asynccontextmanager
    async def open_reader(
        self, application: str, *, row_limit: int | None = None, timeout_s: float | None = None
    ) -> AsyncIterator[Reader]:
        """What the application's root points to now."""
        root = await self._roots.load(application)
        yield MongoReader(self._database, self._roots, root, row_limit=row_limit, timeout_s=timeout_s, held=self._held)

    @asynccontextmanager
    async def begin_change(self, application: str, name: str) -> AsyncIterator[Change]:
        """A change; those of one process wait for each other, those of others meet at the commit."""
        async with self._changes[application], changing(self._database, self._roots, application, name) as change:
            yield change

    async def is_committed(self, application: str, name: str) -> bool:
        """Whether a change of that name was committed."""
        return await self._roots.committed(application, name)

    async def delete_rows(self, application: str) -> None:
        """Removes every row of an application."""
        await self._roots.empty(application)
        await self._numbers.forget(application)
        for table in self._schema.tables:
            with limited(_DELETE_S):
                await self._database[table.name].delete_many({"application": application})

    # -- numbers

    async def assign_numbers(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int]:
        """Numbers of identifiers, new ones included."""
        return await self._numbers.numbers(application, kind, identifiers)

    async def find_numbers(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int | None]:
        """Numbers of identifiers seen before."""
        return await self._numbers.known(application, kind, identifiers)

    async def next_number(self, application: str, counter: str) -> int:
        """The next of a counter."""
        return await self._numbers.next(application, counter)
