"""What readers of an application see: one moment each, at no cost until something makes them tell moments apart."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeVar
from uuid import uuid4

import anyio

from okube_api.store.duckdb.connection import Cursor, Database, begin_transaction, roll_back
from okube_api.store.errors import StoreError, Unavailable

T = TypeVar("T")


class Snapshots:
    """By application: how often its rows changed, and by table; and the views whose transaction has not begun.

    Those begin before the next change is committed, or when they need the database: so a view never sees two
    moments, and one that is answered from memory needs no transaction at all.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._process = uuid4().hex  # numbers begin again with every process
        self._last = 0
        self._tables: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._applications: dict[str, int] = {}
        self._pending: defaultdict[str, set[Snapshot]] = defaultdict(set)
        self._committing: set[str] = set()

    @asynccontextmanager
    async def open_snapshot(self, application: str) -> AsyncIterator["Snapshot"]:
        """What is committed now."""
        view = Snapshot(self._database, self._process)
        if application in self._committing:  # of the moment before or after: it is not known which
            view.version = f"{self._process} {uuid4().hex}"
            await view.begin()
        else:
            view.version = f"{self._process} {self._applications.get(application, 0)}"
            view.tables = dict(self._tables.get(application, {}))
            self._pending[application].add(view)
        try:
            yield view
        finally:
            self._pending[application].discard(view)
            if not self._pending[application]:
                del self._pending[application]
            await view.release()

    @asynccontextmanager
    async def committing(self, application: str, tables: Iterable[str]) -> AsyncIterator[None]:
        """Around the commit of a change of these tables; the caller lets one at a time happen in an application."""
        self._committing.add(application)
        try:
            for view in list(self._pending.get(application, ())):
                await view.pin()
            yield
        finally:
            self._last += 1
            self._applications[application] = self._last
            self._tables[application].update(dict.fromkeys(tables, self._last))
            self._committing.discard(application)


class Snapshot:
    """A transaction that begins when it is first needed; its calls wait for each other, since they share a cursor.

    version: differs from one moment of the application to the next.  tables: the version of each table that ever
    changed (0: of any other); None when that is not known.
    """

    version: str
    tables: dict[str, int] | None

    def __init__(self, database: Database, process: str = "") -> None:
        self._database, self._process = database, process
        self._cursor: Cursor | None = None
        self._lost = False
        self._beginning, self._one_at_a_time = asyncio.Lock(), asyncio.Lock()
        self.version, self.tables = uuid4().hex, None

    def version_of(self, table: str) -> str:
        """The version of one table's rows."""
        return self.version if self.tables is None else f"{self._process} {table} {self.tables.get(table, 0)}"

    async def begin(self) -> Cursor:
        """Begins the transaction unless it has begun."""
        async with self._beginning:
            if self._lost:
                raise Unavailable("the database could not be asked before it changed")
            if self._cursor is None:
                cursor = self._database.cursor()
                await self._database.run(cursor, partial(begin_transaction, cursor))
                self._cursor = cursor
            return self._cursor

    async def pin(self) -> None:
        """Begins now; a view that cannot is of no more use."""
        try:
            await self.begin()
        except StoreError:
            self._lost = True

    async def run(self, call: Callable[[Cursor], T], timeout_s: float | None = None) -> T:
        """Makes a blocking call within the transaction."""
        cursor = await self.begin()
        async with self._one_at_a_time:
            return await self._database.run(cursor, partial(call, cursor), timeout_s)

    async def release(self) -> None:
        """Rolls back what was not committed."""
        if self._cursor is not None:
            with anyio.CancelScope(shield=True), suppress(StoreError):  # closed meanwhile: nothing to roll back
                await self._database.run(self._cursor, partial(roll_back, self._cursor))
            self._cursor.close()
