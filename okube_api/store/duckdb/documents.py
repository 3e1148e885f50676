"""Documents in DuckDB: a table per collection with its declared fields as columns, and the document as text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, islice
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from okube_api.store.column_types import ARROW_TYPES
from okube_api.store.conditions import Condition, OneOf, equal
from okube_api.store.document_values import build_search_text, get_value
from okube_api.store.duckdb.connection import Cursor, insert, quote, checkpoint
from okube_api.store.duckdb.sql import PLAIN, TYPES, HashedFields, Sql, hash_column, hash_text, order_sql, to_sql
from okube_api.store.duckdb.unique import check_unique
from okube_api.store.schema import BY_ID, Collection, ColumnType, SortKey
from okube_api.store.values import Json

_BLOCK = 2000
_FEW = 20
_PLAIN = ("_search", "document")
_HASHED = {ColumnType.TEXT: ColumnType.INTEGER, ColumnType.TEXTS: ColumnType.INTEGERS}


class DuckDocuments:
    """The statements of one collection.  Calls block; whoever makes them lets one write happen at a time.

    Beside its fields a document has hashes of what it is mostly looked up by: numbers are compared far faster than
    texts that begin alike.
    """

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        fields = {"_id": ColumnType.TEXT, **collection.fields}
        looked_up = ["_id", *(group[-1] for group in collection.unique)]
        hashed = frozenset(name for name in looked_up if fields[name] in _HASHED)
        self._names = HashedFields(fields, search=bool(collection.search), hashed=hashed)
        self._hashed = sorted(hashed)
        self._columns: dict[str, ColumnType] = {
            **fields,
            **{hash_column(name): _HASHED[fields[name]] for name in self._hashed},
            "_search": ColumnType.TEXT,
            "document": ColumnType.TEXT,
        }
        self._table = quote(collection.name)
        self._claimed = {name.split(".")[0] for group in collection.unique for name in group}

    def create(self, cursor: Cursor) -> None:
        """Makes the table; one that was made for another declaration is made again from its documents."""
        columns = ", ".join(
            f"{quote(name)} {TYPES[kind]}{PLAIN if name in _PLAIN else ''}" for name, kind in self._columns.items()
        )
        made_for = f"{self.collection.search} {columns}"
        found = cursor.execute("SELECT made_for FROM _collections WHERE name = ?", [self.collection.name]).fetchall()
        if found and found[0][0] == made_for:
            return
        if found:
            cursor.execute(f"ALTER TABLE {self._table} RENAME TO _before")
        cursor.execute(f"CREATE TABLE {self._table} ({columns})")
        if found:
            self._insert(cursor, self._before(cursor))
            cursor.execute("DROP TABLE _before")
        cursor.execute("DELETE FROM _collections WHERE name = ?", [self.collection.name])
        cursor.execute("INSERT INTO _collections VALUES (?, ?)", [self.collection.name, made_for])

    def _before(self, cursor: Cursor) -> Iterator[Json]:
        last = cursor.execute("SELECT max(rowid) FROM _before").fetchall()[0][0]
        for at in range(0, 0 if last is None else last + 1, _BLOCK):
            sql = "SELECT document FROM _before WHERE rowid BETWEEN ? AND ?"
            for (text,) in cursor.execute(sql, [at, at + _BLOCK - 1]).fetchall():
                yield orjson.loads(text)

    # -- reading: statements that give the documents as text

    def get(self, where: Condition) -> Sql:
        """Matching documents, two at most: more than one are to be put in order."""
        text, values = to_sql(where, self._names)
        return f"SELECT document FROM {self._table} WHERE {text} LIMIT 2", values

    def find(
        self,
        where: Condition,
        sort: Sequence[SortKey],
        skip: int,
        limit: int | None,
        fields: Sequence[str] | None = None,
    ) -> Sql:
        """Matching documents in order, or `_id` and some fields of them.

        Documents of a page are not read before it is known which they are.
        """
        for name in fields or ():
            self._names.type_of(name)
        shown = "document" if fields is None else ", ".join(map(quote, ("_id", *fields)))
        order = order_sql(tuple(sort), self._names)
        if limit is None and not skip:
            text, values = to_sql(where, self._names)
            return f"SELECT {shown} FROM {self._table} WHERE {text} ORDER BY {order}", values
        inner, values = self.matching(where, sort)
        page = f"{inner}{'' if limit is None else f' LIMIT {int(limit)}'} OFFSET {int(skip)}"
        return f"SELECT {shown} FROM {self._table} WHERE rowid IN ({page}) ORDER BY {order}", values

    def matching(self, where: Condition, sort: Sequence[SortKey]) -> Sql:
        """The `rowid` of matching documents, in order."""
        text, values = to_sql(where, self._names)
        order = order_sql(tuple(sort), self._names)
        return f"SELECT rowid FROM {self._table} WHERE {text} ORDER BY {order}", values

    def at(self, cursor: Cursor, rows: Sequence[int]) -> list[Json]:
        """The documents in these rows, in the order of `rows`."""
        sql = f"SELECT rowid, document FROM {self._table} WHERE rowid IN (SELECT unnest(?))"
        found: dict[int, str] = dict(cursor.execute(sql, [list(rows)]).fetchall())
        return [orjson.loads(found[row]) for row in rows]

    def count(self, where: Condition) -> Sql:
        """How many match."""
        text, values = to_sql(where, self._names)
        return f"SELECT count(*) FROM {self._table} WHERE {text}", values

    # -- writing

    def write(self, cursor: Cursor, inserts: Sequence[Json], replaces: Sequence[Json]) -> None:
        """Adds and replaces by `_id`, all or none.  Raises Duplicate."""
        with _transaction(cursor):
            if replaces:
                self.delete(cursor, OneOf("_id", tuple(document["_id"] for document in replaces)))
            check_unique(cursor, self.collection, self._names, chain(inserts, replaces))
            self._insert(cursor, chain(inserts, replaces))
        if len(inserts) + len(replaces) > _BLOCK:
            checkpoint(cursor)

    def replace(self, cursor: Cursor, where: Condition, document: Json) -> bool:
        """Puts a document in the place of the match of the same `_id`."""
        with _transaction(cursor):
            found = self.delete(cursor, equal("_id", document["_id"]) & where)
            if found:
                check_unique(cursor, self.collection, self._names, [document])
                self._insert(cursor, [document])
        return bool(found)

    def update(self, cursor: Cursor, where: Condition, changes: Mapping[str, Any]) -> int:
        """Sets top-level fields of every match, some at a time: the values are the same for all, in whatever order."""
        with _transaction(cursor):
            rows = [row for (row,) in cursor.execute(*self.matching(where, BY_ID)).fetchall()]
            for at in range(0, len(rows), _BLOCK):
                block = rows[at : at + _BLOCK]
                documents = [{**document, **changes} for document in self.at(cursor, block)]
                cursor.execute(f"DELETE FROM {self._table} WHERE rowid IN (SELECT unnest(?))", [block])
                if changes.keys() & self._claimed:
                    check_unique(cursor, self.collection, self._names, documents)
                self._insert(cursor, documents)
        if len(rows) > _BLOCK:
            checkpoint(cursor)
        return len(rows)

    def delete(self, cursor: Cursor, where: Condition) -> int:
        """Removes every match."""
        text, values = to_sql(where, self._names)
        return int(cursor.execute(f"DELETE FROM {self._table} WHERE {text}", values).fetchall()[0][0])

    def _insert(self, cursor: Cursor, documents: Iterable[Json]) -> None:
        rows = (self._row(document) for document in documents)
        while block := list(islice(rows, _BLOCK)):
            self._insert_rows(cursor, block)

    def _insert_rows(self, cursor: Cursor, rows: list[list[Any]]) -> None:
        if len(rows) <= _FEW:
            marks = ", ".join("?" for _ in self._columns)
            for row in rows:
                cursor.execute(f"INSERT INTO {self._table} VALUES ({marks})", row)
            return
        columns = zip(*rows, strict=True)
        arrays = [
            pa.array(values, ARROW_TYPES[kind]) for values, kind in zip(columns, self._columns.values(), strict=True)
        ]
        insert(cursor, self.collection.name, pa.table(arrays, names=list(self._columns)))

    def _row(self, document: Json) -> list[Any]:
        values = {"_id": document["_id"], **{name: get_value(document, name) for name in self.collection.fields}}
        hashes = [_hashes(values[name]) for name in self._hashed]
        return [
            *values.values(),
            *hashes,
            build_search_text(self.collection, document),
            orjson.dumps(document).decode(),
        ]


def nested(paths: Sequence[str], values: Sequence[Any]) -> Json:
    """A document with these values at dotted paths; nulls are left out, lists are the caller's own."""
    made: Json = {}
    for path, value in zip(paths, values, strict=True):
        if value is not None:
            *steps, last = path.split(".")
            inner = made
            for step in steps:
                inner = inner.setdefault(step, {})
            inner[last] = list(value) if isinstance(value, list) else value
    return made


def _hashes(value: Any) -> Any:
    if value is None:
        return None
    return [hash_text(one) for one in value if one is not None] if isinstance(value, list) else hash_text(value)


@contextmanager
def _transaction(cursor: Cursor) -> Iterator[None]:
    cursor.execute("BEGIN TRANSACTION")
    try:
        yield
        cursor.execute("COMMIT")
    except BaseException:
        with suppress(duckdb.Error):  # the error on its way up has ended the transaction
            cursor.execute("ROLLBACK")
        raise
