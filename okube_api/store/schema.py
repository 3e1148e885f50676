"""Declarations of what a store holds: collections of documents and tables of rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ColumnType(StrEnum):
    """Type of a document field or of a table column."""

    TEXT = "text"
    TEXTS = "texts"  # a list of texts
    INTEGER = "integer"  # 64 bits, signed
    INTEGERS = "integers"  # a list of integers
    WIDE_INTEGER = "wide_integer"  # signed, up to 34 digits: sums that may exceed 64 bits
    NUMBER = "number"  # a double
    BOOLEAN = "boolean"
    BYTES = "bytes"


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection of documents: its name, and what queries and writes may rely on.

    fields: the (dotted) fields that conditions and sort keys may name, with their types.
    unique: groups of fields whose combined values are unique when none is null.  In a TEXTS field each value counts
        by itself: it may be in one document only, and only once in that document.
    search: (dotted) fields whose text `Contains` searches.
    has_revision: whether its documents are cached while `Store.revision` is the same.  On a store for several
        processes, each write then takes two more steps.
    """

    name: str
    fields: Mapping[str, ColumnType]
    unique: tuple[tuple[str, ...], ...] = ()
    search: tuple[str, ...] = ()
    has_revision: bool = False


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of a sort order.  Documents without the field come first when ascending, last when descending."""

    field: str
    descending: bool = False


BY_ID = (SortKey("_id"),)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table."""

    name: str
    type: ColumnType


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that are stored by application and partition; every table has the columns `application` and `part`.

    A partition (`part`) is a day ordinal (1 = 1970-01-01) or a month number (year * 12 + month - 1).

    packed: rows are only read whole partitions at a time, as events are.  A store may keep them in compressed blocks;
        no condition or plan may name such a table.
    index: the columns, after application and part, that plans filter by most often.
    lookup: the column of integers by which few of the rows are read or replaced, such as the user.
    """

    name: str
    columns: tuple[Column, ...]
    packed: bool = False
    index: tuple[str, ...] = ()
    lookup: str | None = None

    def type_of(self, name: str) -> ColumnType:
        """Return the type of a column.  Raise KeyError when the table has no column of that name."""
        if name == "part":
            return ColumnType.INTEGER
        return {column.name: column.type for column in self.columns}[name]


@dataclass(frozen=True, slots=True)
class Schema:
    """Every collection and table of a store.

    removed: names of collections of earlier versions, which are deleted when a store starts.
    version: increased when an earlier version of this package could damage a store with this schema.  A store keeps
        the highest version that it was started with, and refuses to start with a lower one.  (Columns and collections
        that an earlier version does not know are no such reason.)
    """

    collections: tuple[Collection, ...] = ()
    tables: tuple[Table, ...] = ()
    removed: tuple[str, ...] = ()
    version: int = 1
