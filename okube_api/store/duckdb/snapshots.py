"""Snapshots of an application's rows, each with a transaction that begins only when it is needed."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import TypeVar
from uuid import uuid4

import anyio

from okube_api.store.duckdb.connection import Cursor, begin_transaction, roll_back
from okube_api.store.duckdb.database import Database
from okube_api.store.errors import StoreError, Unavailable

T = TypeVar("T")


class Snapshots:
    """Versions of each application's rows and tables, and the snapshots whose transaction has not begun.

    A snapshot begins its transaction when it first needs the database, or just before the next change of the
    application is committed.  So a snapshot never sees two versions, and a snapshot that is served from the column
    cache needs no transaction at all.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._process_id = uuid4().hex  # version numbers start again in every process
        self._last_version = 0
        self._table_versions: defaultdict[str, dict[str, int]] = defaultdict(dict)
        self._application_versions: dict[str, int] = {}
        self._pending: defaultdict[str, set[Snapshot]] = defaultdict(set)
        self._committing: set[str] = set()

    @asynccontextmanager
    async def open_snapshot(self, application: str) -> AsyncIterator["Snapshot"]:
        """Open a snapshot of what is committed now, and release it at the end."""
        snapshot = Snapshot(self._database, self._process_id, self.get_application_version(application))
        if application in self._committing:
            await snapshot.begin()
        else:
            snapshot.table_versions = self.get_versions(application)
            self._pending[application].add(snapshot)
        try:
            yield snapshot
        finally:
            self._pending[application].discard(snapshot)
            if not self._pending[application]:
                del self._pending[application]
            await snapshot.release()

    def get_application_version(self, application: str) -> str:
        """Return the version of an application's rows in a snapshot that is opened now.

        While a change is being committed, its rows may be those before or after it: it gets a new version each time.
        """
        number = uuid4().hex if application in self._committing else self._application_versions.get(application, 0)
        return f"{self._process_id} {number}"

    def get_version(self, application: str, table: str) -> int:
        """Return the version of an application's rows in a table that is committed now."""
        return self._table_versions.get(application, {}).get(table, 0)

    def get_versions(self, application: str) -> dict[str, int]:
        """Return the version of each table that ever changed (0 for any other) that is committed now."""
        return dict(self._table_versions.get(application, {}))

    def describe_version(self, table: str, number: int) -> str:
        """Return the version of a table as snapshots describe it."""
        return _describe_version(self._process_id, table, number)

    @asynccontextmanager
    async def committing(self, application: str, tables: Iterable[str]) -> AsyncIterator[None]:
        """Pin open snapshots before a change to these tables is committed in the context, and raise versions after it.

        Callers allow one commit at a time per application.
        """
        self._committing.add(application)
        try:
            for snapshot in list(self._pending.get(application, ())):
                await snapshot.pin()
            yield
        finally:
            self._last_version += 1
            self._application_versions[application] = self._last_version
            self._table_versions[application].update(dict.fromkeys(tables, self._last_version))
            self._committing.discard(application)


class ThreadSnapshot:
    """A transaction within a blocking call of another snapshot: calls run at once, in the same thread.

    version: that of the other snapshot.
    """

    table_versions: dict[str, int] | None = None

    def __init__(self, cursor: Cursor, outer: "Snapshot | ThreadSnapshot") -> None:
        self._cursor = cursor
        self.version: str = outer.version

    def version_of(self, table: str) -> str:  # noqa: ARG002 - its own writes make every table another version
        """Return the version of the snapshot."""
        return self.version

    async def run(self, call: Callable[[Cursor], T], timeout_s: float | None = None) -> T:  # noqa: ARG002
        """Run a blocking call within the transaction."""
        return call(self._cursor)


class Snapshot:
    """A transaction that begins when it is first needed.  Its calls share one cursor, so they run one at a time.

    version: different for every state of the application's rows.
    table_versions: the version of each table that ever changed (0 for any other); None when they are unknown.
    """

    version: str
    table_versions: dict[str, int] | None

    def __init__(self, database: Database, process_id: str = "", version: str | None = None) -> None:
        self._database = database
        self._cursor: Cursor | None = None
        self._is_lost = False
        self._begin_lock, self._call_lock = asyncio.Lock(), asyncio.Lock()
        self.version = version or uuid4().hex
        self._process_id = process_id or self.version
        self.table_versions = None

    def version_of(self, table: str) -> str:
        """Return the version of one table's rows."""
        if self.table_versions is None:
            return self.version
        return _describe_version(self._process_id, table, self.table_versions.get(table, 0))

    async def begin(self) -> Cursor:
        """Begin the transaction unless it has begun, and return its cursor."""
        async with self._begin_lock:
            if self._is_lost:
                raise Unavailable("The rows changed before the database could be read.")
            if self._cursor is None:
                cursor = await self._database.acquire()
                try:
                    await self._database.run(cursor, partial(begin_transaction, cursor))
                except BaseException:
                    self._database.release(cursor)
                    raise
                self._cursor = cursor
            return self._cursor

    async def pin(self) -> None:
        """Begin the transaction now, before a commit.  If that fails, all later calls raise Unavailable."""
        try:
            await self.begin()
        except StoreError:
            self._is_lost = True

    async def run(self, call: Callable[[Cursor], T], timeout_s: float | None = None) -> T:
        """Run a blocking call within the transaction."""
        cursor = await self.begin()
        async with self._call_lock:
            return await self._database.run(cursor, partial(call, cursor), timeout_s)

    async def release(self) -> None:
        """End the transaction, rolling back what was not committed."""
        if self._cursor is not None:
            with anyio.CancelScope(shield=True), suppress(StoreError):  # closed meanwhile: nothing to roll back
                await self._database.run(self._cursor, partial(roll_back, self._cursor))
            self._database.release(self._cursor)


def _describe_version(process_id: str, table: str, number: int) -> str:
    return f"{process_id} {table} {number}"
