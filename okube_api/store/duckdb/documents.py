"""Documents in DuckDB: a table per collection, with its declared fields as columns and the document as JSON text."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import orjson
import pyarrow as pa

from okube_api.store.column_types import ARROW_TYPES
from okube_api.store.conditions import Between, Condition, OneOf, equal
from okube_api.store.document_values import build_search_text, get_value
from okube_api.store.duckdb.connection import Cursor, fetch_table, insert, quote
from okube_api.store.duckdb.sql import (
    TYPES,
    UNCOMPRESSED,
    HashedFields,
    Sql,
    hash_column_name,
    hash_text,
    order_sql,
    to_sql,
)
from okube_api.store.duckdb.unique import check_unique
from okube_api.store.errors import Conflict, Unavailable
from okube_api.store.schema import BY_ID, Collection, ColumnType, SortKey
from okube_api.store.values import Json

_BLOCK = 2000
_MAX_SINGLE_INSERTS = 20
_UNCOMPRESSED_COLUMNS = ("_search", "document")
_HASH_TYPES = {ColumnType.TEXT: ColumnType.INTEGER, ColumnType.TEXTS: ColumnType.INTEGERS}


class DuckDocuments:
    """Statements of one collection.

    Methods that take a cursor are blocking; callers open the transaction of a write, and allow one write at a time.
    `_id` and the last field of each unique group also have columns of hashes, because most look-ups use these fields.
    """

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        types = {"_id": ColumnType.TEXT, **collection.fields}
        lookup_fields = ["_id", *(group[-1] for group in collection.unique)]
        hashed = frozenset(name for name in lookup_fields if types[name] in _HASH_TYPES)
        self._fields = HashedFields(types, search=bool(collection.search), hashed=hashed)
        self._hashed = sorted(hashed)
        self._columns: dict[str, ColumnType] = {
            **types,
            **{hash_column_name(name): _HASH_TYPES[types[name]] for name in self._hashed},
            "_search": ColumnType.TEXT,
            "document": ColumnType.TEXT,
        }
        self._table = quote(collection.name)
        self._unique_roots = {name.split(".")[0] for group in collection.unique for name in group}

    def create(self, cursor: Cursor, stored: str | None) -> None:
        """Create the table; if it was created for another declaration, create it again from its documents.

        stored: the declaration for which the table was created, None if there is no table.
        """
        columns = ", ".join(
            f"{quote(name)} {TYPES[column_type]}{UNCOMPRESSED if name in _UNCOMPRESSED_COLUMNS else ''}"
            for name, column_type in self._columns.items()
        )
        declaration = f"{self.collection.search} {columns}"
        if stored == declaration:
            return
        if stored is not None:
            cursor.execute(f"ALTER TABLE {self._table} RENAME TO _before")
        cursor.execute(f"CREATE TABLE {self._table} ({columns})")
        if stored is not None:
            self._insert(cursor, self._read_previous(cursor))
            cursor.execute("DROP TABLE _before")
            cursor.execute("DELETE FROM _collections WHERE name = ?", [self.collection.name])
        cursor.execute("INSERT INTO _collections VALUES (?, ?)", [self.collection.name, declaration])

    def _read_previous(self, cursor: Cursor) -> Iterator[Json]:
        sql = 'SELECT "_id", document FROM _before WHERE "_id" > ? ORDER BY "_id" LIMIT ?'
        last = ""
        while rows := cursor.execute(sql, [last, _BLOCK]).fetchall():
            for last, text in rows:  # noqa: B007 - the last id of the block is where the next one begins
                yield orjson.loads(text)

    # -- reading: statements that return documents as text

    def get(self, where: Condition) -> Sql:
        """Return the statement for at most two matching documents; if there are two, the caller must query sorted."""
        text, values = to_sql(where, self._fields)
        return f"SELECT document FROM {self._table} WHERE {text} LIMIT 2", values

    def find(
        self,
        where: Condition,
        sort: Sequence[SortKey],
        skip: int,
        limit: int | None,
        fields: Sequence[str] | None = None,
    ) -> Sql:
        """Return the statement for matching documents in order, or for `_id` and some fields of them.

        For a page, an inner query finds its rows first, so that only their documents are read.
        """
        for name in fields or ():
            self._fields.type_of(name)
        columns = "document" if fields is None else ", ".join(map(quote, ("_id", *fields)))
        order = order_sql(tuple(sort), self._fields)
        if limit is None and not skip:
            text, values = to_sql(where, self._fields)
            return f"SELECT {columns} FROM {self._table} WHERE {text} ORDER BY {order}", values
        inner, values = self.matching(where, sort)
        page = f"{inner}{'' if limit is None else f' LIMIT {int(limit)}'} OFFSET {int(skip)}"
        return f'SELECT {columns} FROM {self._table} WHERE "_id" IN ({page}) ORDER BY {order}', values

    def matching(self, where: Condition, sort: Sequence[SortKey]) -> Sql:
        """Return the statement for the `_id` of matching documents, in order."""
        text, values = to_sql(where, self._fields)
        order = order_sql(tuple(sort), self._fields)
        return f'SELECT "_id" FROM {self._table} WHERE {text} ORDER BY {order}', values

    def list_ids(self, cursor: Cursor, where: Condition, sort: Sequence[SortKey]) -> pa.ChunkedArray:
        """Return the `_id` of matching documents, in order: as an Arrow array, because there may be millions."""
        return fetch_table(cursor, *self.matching(where, sort))["_id"]

    def read_block(
        self, cursor: Cursor, where: Condition, ids: Sequence[str], sort: Sequence[SortKey] = BY_ID
    ) -> list[Json]:
        """Return the documents that `list_ids` listed one after the other, in the same transaction and order.

        Documents are addressed by `_id` and the condition is repeated: DuckDB may change the numbers of rows whenever
        it writes the log to the file, even while a transaction is open.
        """
        text, values = to_sql(where & _select_ids(ids, sort), self._fields)
        rows = cursor.execute(f'SELECT "_id", document FROM {self._table} WHERE {text}', values).fetchall()
        texts: dict[str, str] = dict(rows)
        if len(texts) != len(ids):
            raise Unavailable(f"{self.collection.name}: {len(ids)} documents were listed, {len(texts)} were read.")
        return [orjson.loads(texts[document_id]) for document_id in ids]

    def count(self, where: Condition) -> Sql:
        """Return the statement that counts matching documents."""
        text, values = to_sql(where, self._fields)
        return f"SELECT count(*) FROM {self._table} WHERE {text}", values

    # -- writing

    def write(self, cursor: Cursor, inserts: Sequence[Json], replaces: Sequence[Json], *, versioned: bool) -> None:
        """Insert and replace documents by `_id`, all or none.  Raise Duplicate, and Conflict (see `Store.write`)."""
        if versioned:
            self._delete_previous(cursor, replaces)
        elif replaces:
            self.delete(cursor, OneOf("_id", tuple(document["_id"] for document in replaces)))
        check_unique(cursor, self.collection, self._fields, chain(inserts, replaces))
        self._insert(cursor, chain(inserts, replaces))

    def _delete_previous(self, cursor: Cursor, replaces: Iterable[Json]) -> None:
        """Delete the previous version of each document.  Raise Conflict when another version is stored."""
        ids: dict[int, list[str]] = {}
        for document in replaces:
            ids.setdefault(document["version"] - 1, []).append(document["_id"])
        for version, of_version in ids.items():
            deleted = self.delete(cursor, OneOf("_id", tuple(of_version)) & equal("version", version))
            if deleted != len(of_version):
                raise Conflict("Another request has changed one of the documents.")

    def replace(self, cursor: Cursor, where: Condition, document: Json) -> bool:
        """Replace the matching document of the same `_id`; return False when none matches."""
        matched = self.delete(cursor, equal("_id", document["_id"]) & where)
        if matched:
            check_unique(cursor, self.collection, self._fields, [document])
            self._insert(cursor, [document])
        return bool(matched)

    def update(self, cursor: Cursor, where: Condition, changes: Mapping[str, Any]) -> int:
        """Set top-level fields of every matching document, in blocks; return how many matched."""
        ids = self.list_ids(cursor, where, BY_ID)
        for start in range(0, len(ids), _BLOCK):
            block = ids[start : start + _BLOCK].to_pylist()
            documents = [{**document, **changes} for document in self.read_block(cursor, where, block)]
            self.delete(cursor, where & _select_ids(block, BY_ID))
            if changes.keys() & self._unique_roots:
                check_unique(cursor, self.collection, self._fields, documents)
            self._insert(cursor, documents)
        return len(ids)

    def delete(self, cursor: Cursor, where: Condition) -> int:
        """Delete every matching document; return how many there were."""
        text, values = to_sql(where, self._fields)
        return int(cursor.execute(f"DELETE FROM {self._table} WHERE {text}", values).fetchall()[0][0])

    def _insert(self, cursor: Cursor, documents: Iterable[Json]) -> None:
        rows = (self._make_row(document) for document in documents)
        while block := list(islice(rows, _BLOCK)):
            self._insert_rows(cursor, block)

    def _insert_rows(self, cursor: Cursor, rows: list[list[Any]]) -> None:
        if len(rows) <= _MAX_SINGLE_INSERTS:
            marks = ", ".join("?" for _ in self._columns)
            for row in rows:
                cursor.execute(f"INSERT INTO {self._table} VALUES ({marks})", row)
            return
        columns = zip(*rows, strict=True)
        arrays = [
            pa.array(values, ARROW_TYPES[column_type])
            for values, column_type in zip(columns, self._columns.values(), strict=True)
        ]
        insert(cursor, self.collection.name, pa.table(arrays, names=list(self._columns)))

    def _make_row(self, document: Json) -> list[Any]:
        values = {"_id": document["_id"], **{name: get_value(document, name) for name in self.collection.fields}}
        hashes = [_hash_value(values[name]) for name in self._hashed]
        search_text = build_search_text(self.collection, document)
        return [*values.values(), *hashes, search_text, orjson.dumps(document).decode()]


def _select_ids(ids: Sequence[str], sort: Sequence[SortKey]) -> Condition:
    """Return the condition that selects consecutive ids of a list: a range where the list is sorted by `_id`.

    A range lets DuckDB skip the blocks of the file that lie outside of it.
    """
    if sort and sort[0].field == "_id":
        return Between("_id", min(ids[0], ids[-1]), max(ids[0], ids[-1]))
    return OneOf("_id", tuple(ids))


def nest_values(paths: Sequence[str], values: Sequence[Any]) -> Json:
    """Return a document with these values at dotted paths, without nulls.  Lists are copied."""
    document: Json = {}
    for path, value in zip(paths, values, strict=True):
        if value is not None:
            *steps, last = path.split(".")
            inner = document
            for step in steps:
                inner = inner.setdefault(step, {})
            inner[last] = list(value) if isinstance(value, list) else value
    return document


def _hash_value(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, list):
        return [hash_text(element) for element in value if element is not None]
    return hash_text(value)
