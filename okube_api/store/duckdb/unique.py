"""Uniqueness in DuckDB: asked for before documents are added, while no other write of theirs can come between.

Not by an index of DuckDB's: that refuses a value which the same transaction has just given up, and knows no lists.
"""

from collections.abc import Iterable, Mapping
from itertools import product
from typing import Any

import pyarrow as pa

from okube_api.store.column_types import ARROW_TYPES, ELEMENT_TYPES
from okube_api.store.conditions import AllOf, OneOf, Overlaps
from okube_api.store.document_values import unique_keys
from okube_api.store.duckdb.connection import Cursor, quote
from okube_api.store.duckdb.sql import HashedFields, to_sql
from okube_api.store.errors import Duplicate
from okube_api.store.schema import Collection
from okube_api.store.values import Json

Claims = Mapping[tuple[Any, ...], int]
_FEW = 20


def check_unique(cursor: Cursor, collection: Collection, names: HashedFields, documents: Iterable[Json]) -> None:
    """Raises Duplicate for a unique value that stands already, or twice among the documents to be added.

    Goes through the documents once; what it holds of them is their unique values.
    """
    wanted: dict[tuple[str, ...], dict[tuple[Any, ...], int]] = {group: {} for group in (("_id",), *collection.unique)}
    for index, document in enumerate(documents):
        for group, found in wanted.items():
            for claim in unique_keys(group, document):
                if claim in found:
                    raise Duplicate(collection.name, group, index, claim[-1])
                found[claim] = index
    for group, found in wanted.items():
        find = _of_few if len(found) <= _FEW else _of_many
        if taken := find(cursor, collection, names, group, found):
            raise Duplicate(collection.name, group, found[taken], taken[-1])


def _of_few(
    cursor: Cursor, collection: Collection, names: HashedFields, group: tuple[str, ...], wanted: Claims
) -> tuple[Any, ...] | None:
    """One of the claims that a document in the table has, looked up field by field."""
    if not wanted:
        return None
    values = [tuple(dict.fromkeys(found)) for found in zip(*wanted, strict=True)]
    where = AllOf(
        tuple(
            (Overlaps if names.type_of(name) in ELEMENT_TYPES else OneOf)(name, found)
            for name, found in zip(group, values, strict=True)
        )
    )
    text, parameters = to_sql(where, names)
    sql = f"SELECT {', '.join(map(quote, group))} FROM {quote(collection.name)} WHERE {text}"
    for row in cursor.execute(sql, parameters).fetchall():
        for claim in product(*(value if isinstance(value, list) else [value] for value in row)):
            if claim in wanted:
                return claim
    return None


def _of_many(
    cursor: Cursor, collection: Collection, names: HashedFields, group: tuple[str, ...], wanted: Claims
) -> tuple[Any, ...] | None:
    """The first of the claims that a document in the table has, all of them looked up at once."""
    kinds = [ELEMENT_TYPES.get(names.type_of(name), names.type_of(name)) for name in group]
    columns = [f"c{at}" for at in range(len(group))]
    arrays = [pa.array(found, ARROW_TYPES[kind]) for found, kind in zip(zip(*wanted, strict=True), kinds, strict=True)]
    cursor.register("wanted", pa.table([*arrays, pa.array(wanted.values(), pa.int64())], names=[*columns, "i"]))
    stored = ", ".join(
        f"{f'unnest({quote(name)})' if names.type_of(name) in ELEMENT_TYPES else quote(name)} AS {column}"
        for name, column in zip(group, columns, strict=True)
    )
    sql = (
        f"SELECT {', '.join(columns)} FROM wanted JOIN (SELECT {stored} FROM {quote(collection.name)}) "
        f"USING ({', '.join(columns)}) ORDER BY i LIMIT 1"
    )
    found = cursor.execute(sql).fetchall()
    cursor.unregister("wanted")
    return found[0] if found else None
