"""Documents in DuckDB: a table per collection with its declared fields as columns, and the document as text."""

import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import duckdb
import orjson
import pyarrow as pa

from okube_api.store.base import Collection, Condition, Duplicate, Json, Kind, Order
from okube_api.store.duckdb.sql import TYPES, Columns, order_sql, quoted, to_sql
from okube_api.store.kinds import ARROW
from okube_api.store.text import claims, searchable, value_at


class Documents:
    """The statements of one collection; calls block, and writes hold the store's one lock.

    Uniqueness is checked by a query under that lock, not by an index: one process writes to the file, and an index
    of DuckDB's refuses a value that the same transaction has just given up.
    """

    def __init__(self, collection: Collection, lock: threading.Lock) -> None:
        self.collection = collection
        self._lock = lock
        self._columns = {"_id": Kind.TEXT, **collection.fields, "_search": Kind.TEXT}
        self._names = Columns({"_id": Kind.TEXT, **collection.fields}, search=bool(collection.search))
        self._table = quoted(collection.name)

    def create(self, cursor: duckdb.DuckDBPyConnection) -> None:
        """Makes the table, and the columns that a later version declared; those are filled from the documents."""
        columns = ", ".join(f"{quoted(name)} {TYPES[kind]}" for name, kind in self._columns.items())
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {self._table} ({columns}, document VARCHAR)")
        present = {row[0] for row in cursor.execute(f"DESCRIBE {self._table}").fetchall()}
        missing = [name for name in self._columns if name not in present]
        for name in missing:
            cursor.execute(f"ALTER TABLE {self._table} ADD COLUMN {quoted(name)} {TYPES[self._columns[name]]}")
        if missing:
            documents = self.find(cursor, None, (), 0, None)
            cursor.execute(f"DELETE FROM {self._table}")
            self._insert(cursor, documents)

    # -- reading

    def find(
        self,
        cursor: duckdb.DuckDBPyConnection,
        where: Condition | None,
        sort: Sequence[Order],
        skip: int,
        limit: int | None,
    ) -> list[Json]:
        """Matching documents in order."""
        text, values = to_sql(where, self._names) if where is not None else ("true", [])
        sql = f"SELECT document FROM {self._table} WHERE {text} ORDER BY {order_sql(tuple(sort), self._names)}"
        if limit is not None:
            sql += f" LIMIT {int(limit)}"
        if skip:
            sql += f" OFFSET {int(skip)}"
        return [orjson.loads(row[0]) for row in cursor.execute(sql, values).fetchall()]

    def count(self, cursor: duckdb.DuckDBPyConnection, where: Condition) -> int:
        """How many match."""
        text, values = to_sql(where, self._names)
        row = cursor.execute(f"SELECT count(*) FROM {self._table} WHERE {text}", values).fetchall()
        return int(row[0][0])

    # -- writing

    def write(self, cursor: duckdb.DuckDBPyConnection, inserts: Sequence[Json], replaces: Sequence[Json]) -> None:
        """Adds and replaces by `_id`, all or none."""
        documents = [*inserts, *replaces]
        if not documents:
            return
        with self._lock:
            cursor.execute("BEGIN TRANSACTION")
            try:
                self._remove_ids(cursor, [document["_id"] for document in replaces])
                self._check(cursor, documents)
                self._insert(cursor, documents)
                cursor.execute("COMMIT")
            except BaseException:
                _rollback(cursor)
                raise

    def replace(self, cursor: duckdb.DuckDBPyConnection, where: Condition, document: Json) -> bool:
        """Puts a document in the place of the match of the same `_id`."""
        text, values = to_sql(where, self._names)
        with self._lock:
            cursor.execute("BEGIN TRANSACTION")
            try:
                found = cursor.execute(
                    f'DELETE FROM {self._table} WHERE "_id" = ? AND {text}', [document["_id"], *values]
                ).fetchall()
                if not found or not found[0][0]:
                    cursor.execute("ROLLBACK")
                    return False
                self._check(cursor, [document])
                self._insert(cursor, [document])
                cursor.execute("COMMIT")
            except BaseException:
                _rollback(cursor)
                raise
        return True

    def update(self, cursor: duckdb.DuckDBPyConnection, where: Condition, changes: Mapping[str, Any]) -> int:
        """Sets top-level fields of every match."""
        with self._lock:
            cursor.execute("BEGIN TRANSACTION")
            try:
                documents = [{**document, **changes} for document in self.find(cursor, where, (), 0, None)]
                self._remove_ids(cursor, [document["_id"] for document in documents])
                self._check(cursor, documents)
                self._insert(cursor, documents)
                cursor.execute("COMMIT")
            except BaseException:
                _rollback(cursor)
                raise
        return len(documents)

    def delete(self, cursor: duckdb.DuckDBPyConnection, where: Condition) -> int:
        """Removes every match."""
        text, values = to_sql(where, self._names)
        with self._lock:
            row = cursor.execute(f"DELETE FROM {self._table} WHERE {text}", values).fetchall()
        return int(row[0][0]) if row else 0

    # -- helpers, within a transaction and the lock

    def _remove_ids(self, cursor: duckdb.DuckDBPyConnection, ids: Sequence[str]) -> None:
        if ids:
            cursor.execute(f'DELETE FROM {self._table} WHERE "_id" IN (SELECT unnest(?))', [list(ids)])

    def _insert(self, cursor: duckdb.DuckDBPyConnection, documents: Sequence[Json]) -> None:
        if not documents:
            return
        rows = [self._row(document) for document in documents]
        names = [*self._columns, "document"]
        if len(rows) < 50:
            marks = ", ".join("?" for _ in names)
            for row in rows:
                cursor.execute(f"INSERT INTO {self._table} VALUES ({marks})", row)
            return
        kinds = [*self._columns.values(), Kind.TEXT]
        arrays = [pa.array([row[at] for row in rows], ARROW[kind]) for at, kind in enumerate(kinds)]
        cursor.register("incoming", pa.table(arrays, names=[f"c{at}" for at in range(len(names))]))
        cursor.execute(f"INSERT INTO {self._table} SELECT * FROM incoming")
        cursor.unregister("incoming")

    def _row(self, document: Json) -> list[Any]:
        fields = [value_at(document, name) for name in self.collection.fields]
        return [document["_id"], *fields, searchable(self.collection, document), orjson.dumps(document).decode()]

    def _check(self, cursor: duckdb.DuckDBPyConnection, documents: Sequence[Json]) -> None:
        """Raises Duplicate when a unique value stands already, or twice among the documents."""
        for group in (("_id",), *self.collection.unique):
            seen: dict[tuple[Any, ...], int] = {}
            for index, document in enumerate(documents):
                for values in claims(group, document):
                    if values in seen:
                        raise Duplicate(self.collection.name, group, index, values[-1])
                    seen[values] = index
            self._check_stored(cursor, group, seen)

    def _check_stored(
        self, cursor: duckdb.DuckDBPyConnection, group: tuple[str, ...], seen: Mapping[tuple[Any, ...], int]
    ) -> None:
        if not seen:
            return
        many = [self._columns[name] is Kind.TEXTS for name in group]
        columns = [
            f"unnest({quoted(name)})" if listed else quoted(name) for name, listed in zip(group, many, strict=True)
        ]
        inner = ", ".join(f"{text} AS v{at}" for at, text in enumerate(columns))
        narrowed = ""
        values: list[Any] = []
        if not any(many):
            narrowed = f" WHERE {quoted(group[-1])} IN (SELECT unnest(?))"
            values = [[claim[-1] for claim in seen]]
        marks = " AND ".join(f"v{at} IN (SELECT unnest(?))" for at in range(len(group)))
        values += [list({claim[at] for claim in seen}) for at in range(len(group))]
        found = cursor.execute(
            f"SELECT * FROM (SELECT {inner} FROM {self._table}{narrowed}) WHERE {marks}", values
        ).fetchall()
        for row in found:
            if row in seen:
                raise Duplicate(self.collection.name, group, seen[row], row[-1])


def _rollback(cursor: duckdb.DuckDBPyConnection) -> None:
    with suppress(duckdb.Error):  # the error on its way up has ended the transaction
        cursor.execute("ROLLBACK")
