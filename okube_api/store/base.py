"""What a store must do: documents found by conditions, partitions of rows, and aggregation plans.

Everything here is a frozen value or a protocol.  Each store turns the values into its own language in
one file with one rule per node; a node without a rule raises `UnsupportedByStore`.

Documents are plain JSON values: identifiers are 24 hex digits, instants RFC 3339 text in UTC with
milliseconds, days `YYYY-MM-DD`.  Rows are Arrow tables; a row belongs to one application and one
partition (`part`: a day ordinal, 1 = 1970-01-01, or a month number, year * 12 + month - 1).
"""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from types import TracebackType
from typing import Any, Protocol, Self

import pyarrow as pa

Json = dict[str, Any]
Scalar = str | int | float | bool

# -- conditions: which documents, which rows ---------------------------------------------------------


class Condition:
    """Which documents or rows; conditions combine with `&`, `|` and `~`."""

    __slots__ = ()

    def __and__(self, other: "Condition") -> "Condition":
        return AllOf((*_parts(self, AllOf), *_parts(other, AllOf)))

    def __or__(self, other: "Condition") -> "Condition":
        return AnyOf((*_parts(self, AnyOf), *_parts(other, AnyOf)))

    def __invert__(self) -> "Condition":
        return Not(self)


@dataclass(frozen=True, slots=True)
class OneOf(Condition):
    """`field` is one of `values`; nothing matches no values.  A missing field is none of them."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Overlaps(Condition):
    """The list in `field` holds at least one of `values`."""

    field: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Between(Condition):
    """`field` lies in [low, high], both included; None leaves that side open.  A missing field does not."""

    field: str
    low: Scalar | None
    high: Scalar | None


@dataclass(frozen=True, slots=True)
class Contains(Condition):
    """The document's search text (see `Collection.search`) holds `text`: literal, case and accents aside."""

    text: str


@dataclass(frozen=True, slots=True)
class Missing(Condition):
    """`field` is absent or null."""

    field: str


@dataclass(frozen=True, slots=True)
class Not(Condition):
    """What `inner` does not match, missing fields included."""

    inner: Condition


@dataclass(frozen=True, slots=True)
class AllOf(Condition):
    """Every one of `parts`; no parts match everything."""

    parts: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf(Condition):
    """At least one of `parts`; no parts match nothing."""

    parts: tuple[Condition, ...] = ()


EVERYTHING = AllOf()
NOTHING = AnyOf()


def equal(field: str, value: Scalar) -> Condition:
    """`field` is `value`."""
    return OneOf(field, (value,))


def _parts(condition: Condition, kind: type[AllOf] | type[AnyOf]) -> tuple[Condition, ...]:
    return condition.parts if isinstance(condition, kind) else (condition,)


# -- documents -----------------------------------------------------------------------------------------


class Kind(StrEnum):
    """The type of a field or column."""

    TEXT = "text"
    TEXTS = "texts"  # a list of texts
    INTEGER = "integer"  # 64 bits, signed
    INTEGERS = "integers"  # a list of them
    NUMBER = "number"  # a double
    BOOLEAN = "boolean"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Collection:
    """A kind of document: its name and what can be asked of it.

    fields: the (dotted) fields that conditions and sorts may name, with their type.
    unique: groups of fields whose values together are unique where none is null.  A TEXTS field makes each
        of its values unique (a value may not stand in two documents, nor twice in one).
    search: (dotted) fields whose text `Contains` looks through.
    """

    name: str
    fields: Mapping[str, Kind]
    unique: tuple[tuple[str, ...], ...] = ()
    search: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """One key of a sort; documents without the field come first ascending, last descending."""

    field: str
    descending: bool = False


BY_ID = (Order("_id"),)

# -- rows ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Table:
    """Rows kept by application and partition; `application` and `part` are there without being declared.

    packed: rows are only ever read whole partitions at a time (events): a store may keep them as blocks,
        and no condition or plan may name them.
    index: the columns, after application and part, that plans most often filter by.
    """

    name: str
    columns: tuple[Column, ...]
    packed: bool = False
    index: tuple[str, ...] = ()

    def kind_of(self, name: str) -> Kind:
        """The type of a column; KeyError when the table has none of that name."""
        if name == "part":
            return Kind.INTEGER
        return {column.name: column.kind for column in self.columns}[name]


# -- plans: questions to rows ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Band:
    """A grouping key: the index of the half-open band [edges[i], edges[i+1]) that holds `field`, -1 when null.

    edges ascend; the last band has no end.  A value below the first edge is in band 0.
    """

    field: str
    edges: tuple[int, ...]
    name: str


@dataclass(frozen=True, slots=True)
class Each:
    """A grouping key: each value of the list in `field`; a row counts once for every distinct value it holds."""

    field: str
    name: str


Key = str | Band | Each


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of an integer column, exact to 64 bits; nulls count 0.  `times` multiplies it row by row."""

    field: str
    name: str
    times: str | None = None


@dataclass(frozen=True, slots=True)
class Count:
    """The number of rows."""

    name: str


@dataclass(frozen=True, slots=True)
class Low:
    """The least value of a column that is not null."""

    field: str
    name: str


@dataclass(frozen=True, slots=True)
class High:
    """The greatest value of a column that is not null."""

    field: str
    name: str


Measure = Sum | Count | Low | High


@dataclass(frozen=True, slots=True)
class Aggregate:
    """Rows of `source` that meet `where`, grouped by the keys, one row of measures a group.

    source: a table that is not packed, or another Aggregate (its columns are its keys' and measures' names).
    The answer is an Arrow table: the keys by name, then the measures (int64), in no particular order; no key
    gives one row, also over nothing.  The application is the reader's, never a condition.
    """

    source: "Table | Aggregate"
    where: Condition
    by: tuple[Key, ...]
    measures: tuple[Measure, ...] = ()


@dataclass(frozen=True, slots=True)
class Rows:
    """The named columns of the rows that meet `where`, ungrouped: for sets, which merge outside the store."""

    source: Table
    where: Condition
    columns: tuple[str, ...]


# -- refusals ----------------------------------------------------------------------------------------------


class StoreError(Exception):
    """What a store can report; everything else it raises is a bug."""


class UnsupportedByStore(StoreError):
    """This store has no rule for a node."""


class Unavailable(StoreError):
    """The database is away, or took longer than it may; asking again later can work."""


class TooManyRows(StoreError):
    """A plan would read or answer more rows than the limit given to `Store.reading`."""


class StoreFull(StoreError):
    """No room is left to write; nothing of the write was kept."""


class StoreLocked(StoreError):
    """Another process has the embedded store open."""


class Conflict(StoreError):
    """Another change of the same application was committed first; nothing of this one was kept: start it again."""


@dataclass(slots=True, eq=False)  # exceptions stay hashable
class Duplicate(StoreError):
    """A unique value is taken.  `index` says which of the documents written; nothing of the write was kept."""

    collection: str
    fields: tuple[str, ...]
    index: int = 0
    value: Any = None


# -- the protocol --------------------------------------------------------------------------------------------


class Reader(Protocol):
    """One consistent view of an application's rows: every call sees the same committed changes."""

    @property
    def version(self) -> str:
        """Of the application's rows as they are seen here: new with every change of them, and never used again."""

    def version_of(self, table: Table) -> str:
        """The same for the application's rows in one table."""

    async def aggregate(self, plan: Aggregate) -> pa.Table:
        """The plan's answer.  Raises TooManyRows and Unavailable."""

    async def rows(self, plan: Rows) -> pa.Table:
        """The plan's rows, in no particular order.  Raises TooManyRows and Unavailable."""

    def read(self, table: Table, low: int, high: int) -> AsyncIterator[pa.Table]:
        """Every row whose part lies in [low, high], in ascending order of part, a bounded block at a time.

        Blocks have `part` and the table's columns (packed tables also `batch`); an empty table gives no block.
        """

    async def parts(self, table: Table, batch: int | None = None) -> list[int]:
        """The partitions that hold rows (of that batch), ascending."""

    def statement(self, plan: "Aggregate | Rows") -> Any:
        """What would be sent to the database for a plan, to be shown to people: SQL text, or a pipeline."""


class Change(Reader, Protocol):
    """Rows written together: nothing is visible before `commit`, everything after it, also across a crash.

    What it reads is what was committed when it began, with its own writes so far.
    """

    async def append(self, table: Table, batch: int, rows: pa.Table) -> None:
        """Adds rows of a packed table, column `part` included, as part of a batch; memory stays bounded."""

    async def remove(self, table: Table, batch: int) -> None:
        """Takes a batch's rows out of a packed table."""

    async def replace(self, table: Table, parts: Sequence[int], rows: pa.Table) -> None:
        """Makes `rows` (column `part` included, all within `parts`) the whole of these partitions.

        A partition may be replaced once in a change; several calls may bring different partitions.
        """

    async def commit(self) -> None:
        """Makes the change visible and durable.  Raises Conflict when another change came between."""


class Store(Protocol):
    """Documents, partitions and plans; safe for concurrent use by tasks of one event loop."""

    async def start(self) -> None:
        """Connects, makes tables and indexes, applies migrations; safe by several processes at once.

        Raises StoreLocked, and Unavailable when the database does not answer.
        """

    async def close(self) -> None:
        """Ends what is under way and lets go of files and connections."""

    async def ping(self) -> None:
        """Returns when the database answers; raises Unavailable within 2 s otherwise."""

    # documents

    async def get(self, collection: Collection, where: Condition) -> Json | None:
        """One matching document, the least `_id` first; None when there is none."""

    async def find(
        self,
        collection: Collection,
        where: Condition,
        *,
        sort: Sequence[Order] = BY_ID,
        skip: int = 0,
        limit: int | None = None,
        fields: Sequence[str] | None = None,
    ) -> list[Json]:
        """Matching documents; ties in `sort` go by `_id`.

        fields: of each document only `_id` and these (declared) fields, where they are not null.
        """

    async def count(self, collection: Collection, where: Condition) -> int:
        """How many documents match."""

    def stream(
        self, collection: Collection, where: Condition, *, sort: Sequence[Order] = BY_ID
    ) -> AsyncIterator[list[Json]]:
        """Every matching document, a bounded block at a time."""

    async def insert(self, collection: Collection, documents: Sequence[Json]) -> None:
        """Adds documents, each with its `_id`: all or none.  Raises Duplicate."""

    async def replace(self, collection: Collection, where: Condition, document: Json) -> bool:
        """Puts `document` in the place of the one match (same `_id`); False when nothing matched.  Raises Duplicate.

        `where` is checked in the same step, so that a condition on a version makes a compare-and-set.
        """

    async def write(self, collection: Collection, inserts: Sequence[Json], replaces: Sequence[Json]) -> None:
        """Inserts and replaces (by `_id`) together: all or none, as far as a crash leaves it.  Raises Duplicate.

        `Duplicate.index` counts through inserts, then replaces.  Many documents may come lazily: each sequence is
        gone through a few times, from start to end, and its documents are not held.
        """

    async def update(self, collection: Collection, where: Condition, changes: Mapping[str, Any]) -> int:
        """Sets top-level fields of every match; how many matched.  Raises Duplicate."""

    async def delete(self, collection: Collection, where: Condition) -> int:
        """Removes every match; how many there were."""

    def revision(self, *collections: Collection) -> str | None:
        """Something that has changed when one of these collections was written and the write has returned.

        None where that cannot be told without asking the database.  Read it before the documents: what is kept
        under it is then at worst newer than it says.
        """

    # rows

    def reading(
        self, application: str, *, row_limit: int | None = None, timeout_s: float | None = None
    ) -> AbstractAsyncContextManager[Reader]:
        """A consistent view of one application's rows; a cancelled task stops its query.

        row_limit: the most rows that one plan may read.  timeout_s: the longest that one query may take.
        """

    def changing(self, application: str, name: str) -> AbstractAsyncContextManager[Change]:
        """A change of one application's rows; leaving without `commit` leaves nothing behind.

        name: unique to the change (a batch id, say): `committed` knows it afterwards.
        """

    async def committed(self, application: str, name: str) -> bool:
        """Whether the change of that name was committed."""

    async def forget(self, application: str) -> None:
        """Removes every row of an application, in every table."""

    # numbers

    async def numbers(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int]:
        """The dense number (0, 1, ... per application and kind) of each 16-byte identifier; new ones get the next.

        Safe by several processes; a number never changes and is never given to another identifier.
        """

    async def known(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int | None]:
        """The numbers that these identifiers have, None for those never seen."""

    async def next_number(self, application: str, counter: str) -> int:
        """1, 2, 3, ...: the next of a named counter, never twice."""


class Workbench(Protocol):
    """A columnar scratch space (DuckDB in memory, external access off) for the work of the ingest.

    Calls block: run them in a worker thread, one at a time.
    """

    def load(self, name: str, rows: pa.Table) -> None:
        """Makes `rows` a temporary table, in the place of one of the same name."""

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Executes a statement."""

    def table(self, sql: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """The rows of a query."""

    def blocks(self, sql: str, rows: int) -> Iterable[pa.Table]:
        """The rows of a query, at most so many at a time."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class Schema:
    """Everything a store is asked to hold."""

    collections: tuple[Collection, ...] = field(default=())
    tables: tuple[Table, ...] = field(default=())
