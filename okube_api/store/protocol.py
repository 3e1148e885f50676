"""Protocol of a store: documents found by conditions, partitions of rows, and plans over them.

Conditions and plans are frozen values.  Each store translates them into its own language in one file with one rule
per node; a node without a rule raises `UnsupportedByStore`.  Rows are Arrow tables; a row belongs to one application
and one partition.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

import pyarrow as pa

from okube_api.store.checks import TableCheck
from okube_api.store.conditions import EVERYTHING, Condition
from okube_api.store.plans import Aggregate, Select
from okube_api.store.schema import BY_ID, Collection, Schema, SortKey, Table
from okube_api.store.values import Json

T = TypeVar("T")


class Reader(Protocol):
    """Snapshot of one application's rows: every call sees the same committed changes."""

    @property
    def version(self) -> str:
        """Version of the application's rows in this snapshot.  Changes with every write; never reused."""

    def version_of(self, table: Table) -> str:
        """Return the version of the application's rows in one table.  Changes with every write; never reused."""

    async def aggregate(self, plan: Aggregate) -> pa.Table:
        """Return the groups and measures of a plan.  Raise TooManyRows or Unavailable.

        Texts and lists may be dictionary-encoded; the dictionary may have values that no group has.
        """

    async def select(self, plan: Select) -> pa.Table:
        """Return the rows of a plan, in no particular order.  Raise TooManyRows or Unavailable.

        Texts and lists may be dictionary-encoded, as those of `aggregate`.
        """

    def read_parts(self, table: Table, low: int, high: int, where: Condition = EVERYTHING) -> AsyncIterator[pa.Table]:
        """Yield the rows whose part lies in [low, high], ascending by part, in blocks of bounded size.

        A block has the column `part` and the table's columns (packed tables also `batch`).  Without rows, nothing is
        yielded.
        where: yield only the rows that meet this condition on these columns.
        """

    async def list_parts(self, table: Table, batch: int | None = None) -> list[int]:
        """Return the partitions that have rows (of that batch, when given), ascending."""

    def to_statement(self, plan: Aggregate | Select) -> Any:
        """Return what would be sent to the database for a plan, for people to read: SQL text or a pipeline."""


class Change(Reader, Protocol):
    """Rows that are written together: nothing is visible before `commit`, everything is after it, even in a crash.

    It reads what was committed when it began, plus what it has written itself.
    """

    @property
    def is_append_cheap(self) -> bool:
        """Whether appending a few rows costs the same however many batches the table has, and stays cheap to read."""

    async def append(self, table: Table, batch: int, rows: pa.Table) -> None:
        """Add rows, with the column `part`, to a packed table as part of a batch.  Memory stays bounded."""

    async def remove(self, table: Table, batch: int) -> None:
        """Remove the rows of a batch from a packed table."""

    async def replace(self, table: Table, parts: Sequence[int], rows: pa.Table) -> None:
        """Replace all rows of the partitions `parts` by `rows`, whose column `part` has values of `parts` only.

        A partition may be replaced once per change; several calls may replace different partitions.
        """

    async def patch(self, table: Table, keys: pa.Table, rows: pa.Table) -> None:
        """Replace the rows of a table that is not packed whose values equal a row of `keys` by `rows`.

        keys: `part` and further columns of the table; null equals null.  rows: `part` and the table's columns.
        The cost depends on the rows of these parts or of these keys, not on all rows of the table.
        A store may do it in the background: the next call for the table or `commit` then raises its error.
        """

    async def insert_documents(self, collection: Collection, documents: Sequence[Json]) -> None:
        """Insert documents with new ids, which are visible and durable in the same step as the rows.

        The collection has no unique fields.
        Raise UnsupportedByStore unless the store `has_transactions`.
        """

    async def run_apart(self, work: "Callable[[Change], Awaitable[T]]") -> T:
        """Return the result of `work`, which gets this change to read and write.

        A store may run it in a thread, on an event loop of its own: its many short steps then do not wait for other
        tasks, nor these for it.  So `work` may use nothing else that belongs to the caller's event loop.
        """

    async def commit(self) -> None:
        """Make the change visible and durable.  Raise Conflict when another change was committed meanwhile."""


class Store(Protocol):
    """Store of documents and rows; safe for concurrent use by the tasks of one event loop."""

    @property
    def schema(self) -> Schema:
        """The collections and tables of the store."""

    @property
    def is_exclusive(self) -> bool:
        """Whether no other process can use the store while this one has it open."""

    @property
    def has_transactions(self) -> bool:
        """Whether a change can write documents in the same step as rows (`Change.insert_documents`)."""

    async def start(self) -> None:
        """Connect, create tables and indexes, and apply migrations.  Several processes may do this at the same time.

        Raise StoreLocked, StoreDamaged, StoreTooNew, or Unavailable when the database does not answer.
        """

    async def close(self) -> None:
        """End running calls, and release files and connections."""

    def check(self) -> AsyncIterator[TableCheck]:
        """Read every document and row without changing anything, and yield the result for each collection and table.

        The store need not be started.  Raise StoreLocked, StoreDamaged or Unavailable when it cannot be opened at all.
        """

    def open_snapshot(self) -> "AbstractAsyncContextManager[StoreSnapshot]":
        """Open a view of the whole store, for a backup."""

    def restoring(self) -> "AbstractAsyncContextManager[Store]":
        """Yield an empty, started store, whose content replaces that of this store when the context ends.

        This store must not be started, and no other process may use it.  After an error the store is as before, or
        empty; after a kill it is as before, or refuses to start.
        """

    async def ping(self) -> None:
        """Return when the database answers.  Raise Unavailable when it does not within 2 s."""

    async def measure_bytes(self) -> Mapping[str, int]:
        """Return the size on disk of each part of the store, such as `data` and `log`; empty when it is unknown."""

    # documents

    async def get(self, collection: Collection, where: Condition) -> Json | None:
        """Return the matching document with the least `_id`, or None."""

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
        """Return the matching documents; ties in `sort` are broken by `_id`.

        fields: return only `_id` and these (declared) fields of each document, where they are not null.
        """

    async def count(self, collection: Collection, where: Condition) -> int:
        """Return the number of matching documents."""

    def stream(
        self, collection: Collection, where: Condition, *, sort: Sequence[SortKey] = BY_ID
    ) -> AsyncIterator[list[Json]]:
        """Yield every matching document, in blocks of bounded size."""

    async def insert(self, collection: Collection, documents: Sequence[Json]) -> None:
        """Insert documents, each with its `_id`: all or none.  Raise Duplicate."""

    async def replace(self, collection: Collection, where: Condition, document: Json) -> bool:
        """Replace the matching document of the same `_id`; return False when none matches.  Raise Duplicate.

        `where` is checked in the same step, so that a condition on a version makes this a compare-and-set.
        """

    async def write(
        self, collection: Collection, inserts: Sequence[Json], replaces: Sequence[Json], *, versioned: bool = False
    ) -> None:
        """Insert and replace (by `_id`) documents together: all or none, even in a crash.  Raise Duplicate.

        versioned: whether the stored documents must have the version before that of the new ones.  Raise Conflict when
        one has not, such as after a change by another request.

        `Duplicate.index` counts through `inserts`, then `replaces`.  Large sequences may create their documents lazily:
        each sequence is iterated a few times, from start to end, and its documents are not retained.
        """

    async def update(self, collection: Collection, where: Condition, changes: Mapping[str, Any]) -> int:
        """Set top-level fields of every matching document; return how many matched.  Raise Duplicate."""

    async def delete(self, collection: Collection, where: Condition) -> int:
        """Delete every matching document; return how many there were."""

    def hold_revisions(self, subject: str | None = None) -> AbstractContextManager[None]:
        """Let `revision` return what `read_revisions` has read, within this context of one request.

        subject: what the request is about, such as its path.  If the last request about it opened a reader, the store
            may read with the revisions what a reader needs.
        Without effect on a store that no other process can use.
        """

    async def read_revisions(self) -> None:
        """Read the revisions of all collections, for the innermost `hold_revisions`; without effect outside of it.

        The first reader that is opened within it has the rows that are current now or later, and later than the
        documents that were read before; further readers have the same, until documents are read.
        """

    def revision(self, *collections: Collection) -> str | None:
        """Return a text that changes with every write to one of these collections, before the write returns.

        It counts writes of other processes until the last `read_revisions`.  None if a query were needed for it:
        on a store for several processes, outside of `hold_revisions`, after a write of this process since the revisions
        were read, while a collection is written, and for collections without `has_revision`.
        Read the revision before the documents that you cache under it, so that an entry is never older than its
        revision.
        """

    # rows

    async def read_version(self, application: str) -> str:
        """Return the version of an application's rows that a reader would have which is opened now."""

    def open_reader(
        self, application: str, *, row_limit: int | None = None, timeout_s: float | None = None
    ) -> AbstractAsyncContextManager[Reader]:
        """Open a snapshot of one application's rows.  When the task is cancelled, its running query is stopped.

        row_limit: the most rows that one plan may read.  timeout_s: the longest time that one query may take.
        """

    def list_loaded_columns(self) -> Mapping[str, Sequence[tuple[str, tuple[str, ...]]]]:
        """Return what is in memory of each application: table names with columns, the least recently used first."""

    async def load_columns(self, application: str, table: Table, columns: Iterable[str]) -> None:
        """Load columns of a table into memory, where later plans find them, unless they are too large for it."""

    def begin_change(self, application: str, name: str) -> AbstractAsyncContextManager[Change]:
        """Begin a change of one application's rows; leaving the context without `commit` discards it.

        name: unique to the change, such as a batch id; `is_committed` finds the change by it.
        """

    def begin_append(self, application: str, name: str) -> AbstractAsyncContextManager[Change]:
        """Begin a change that only appends rows of batches that do not count yet, and inserts documents.

        It need not wait for other changes of the application that are running.
        """

    async def is_committed(self, application: str, name: str) -> bool:
        """Return whether the change of that name was committed."""

    async def delete_rows(self, application: str) -> None:
        """Delete every row of an application, in every table, with its numbers and counters.

        It does so in steps of bounded cost: until it returns, readers that are opened meanwhile may see a part.
        """

    def forget(self, application: str) -> None:
        """Drop what is in memory of an application's rows and numbers; they are read again when they are needed."""

    # numbers

    async def assign_numbers(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int]:
        """Return the dense number (0, 1, ... per application and kind) of each 16-byte identifier.

        Identifiers without a number get the next free one.  Several processes may do this at the same time; a number
        never changes and is never given to another identifier.
        """

    async def find_numbers(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int | None]:
        """Return the number of each identifier, None for identifiers that have none."""

    async def next_number(self, application: str, counter: str, count: int = 1) -> int:
        """Increment a named counter, which begins at 0, and return its value: never the same twice.

        count: how much to add; the caller has all numbers up to the value that nobody had before.
        """


class StoreSnapshot(Store, Protocol):
    """A store that can only be read, whose rows do not change.

    On an exclusive store, documents and rows are those of one instant.  On others, documents are read as they are, and
    the rows of an application are those of `pin_rows`.
    """

    async def pin_rows(self, application: str) -> None:
        """Let the rows of an application be those that are current now."""

    async def find_deleted(self) -> set[str]:
        """Return the applications whose pinned rows have been deleted; some of their rows may have been read."""

    def stream_identifiers(self) -> AsyncIterator[tuple[str, str, list[bytes]]]:
        """Yield (application, kind, identifiers in the order of their numbers, from 0), in blocks of bounded size."""

    async def list_counters(self) -> list[tuple[str, str, int]]:
        """Return (application, name, last value) of every counter."""


class Workbench(Protocol):
    """Columnar scratch space in memory (DuckDB without external access) for the ingest.

    Calls block: make them in a worker thread, one at a time.
    """

    def load(self, name: str, rows: pa.Table) -> None:
        """Create a temporary table from `rows`, replacing one of the same name."""

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """Return the rows of a query."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
