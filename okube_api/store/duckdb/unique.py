"""Checks unique keys in DuckDB before documents are inserted, while no other write to the collection can run.

Unique indexes are not used: those of DuckDB refuse a value that the same transaction has just released, and do not
support lists.
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

UniqueKey = tuple[Any, ...]
KeyIndexes = Mapping[UniqueKey, int]
"""Unique keys of the documents to insert, with the position of each document."""
_MAX_CONDITION_KEYS = 20


def check_unique(cursor: Cursor, collection: Collection, fields: HashedFields, documents: Iterable[Json]) -> None:
    """Raise Duplicate when a stored document, or another document to insert, has the same unique key.

    The documents are iterated once, and only their unique keys are kept in memory.
    """
    indexes: dict[tuple[str, ...], dict[UniqueKey, int]] = {group: {} for group in (("_id",), *collection.unique)}
    for index, document in enumerate(documents):
        for group, group_indexes in indexes.items():
            for key in unique_keys(group, document):
                if key in group_indexes:
                    raise Duplicate(collection.name, group, index, key[-1])
                group_indexes[key] = index
    for group, group_indexes in indexes.items():
        find = _find_by_condition if len(group_indexes) <= _MAX_CONDITION_KEYS else _find_by_join
        if stored := find(cursor, collection, fields, group, group_indexes):
            raise Duplicate(collection.name, group, group_indexes[stored], stored[-1])


def _find_by_condition(
    cursor: Cursor, collection: Collection, fields: HashedFields, group: tuple[str, ...], keys: KeyIndexes
) -> UniqueKey | None:
    """Return one of a few keys that a stored document has, found by a condition on each field, or None."""
    if not keys:
        return None
    values = [tuple(dict.fromkeys(field_values)) for field_values in zip(*keys, strict=True)]
    where = AllOf(
        tuple(
            (Overlaps if fields.type_of(name) in ELEMENT_TYPES else OneOf)(name, field_values)
            for name, field_values in zip(group, values, strict=True)
        )
    )
    text, parameters = to_sql(where, fields)
    sql = f"SELECT {', '.join(map(quote, group))} FROM {quote(collection.name)} WHERE {text}"
    for row in cursor.execute(sql, parameters).fetchall():
        for key in product(*(value if isinstance(value, list) else [value] for value in row)):
            if key in keys:
                return key
    return None


def _find_by_join(
    cursor: Cursor, collection: Collection, fields: HashedFields, group: tuple[str, ...], keys: KeyIndexes
) -> UniqueKey | None:
    """Return the first of many keys that a stored document has, found by one join, or None."""
    types = [ELEMENT_TYPES.get(fields.type_of(name), fields.type_of(name)) for name in group]
    columns = [f"c{index}" for index in range(len(group))]
    arrays = [
        pa.array(values, ARROW_TYPES[column_type])
        for values, column_type in zip(zip(*keys, strict=True), types, strict=True)
    ]
    cursor.register("given", pa.table([*arrays, pa.array(keys.values(), pa.int64())], names=[*columns, "i"]))
    stored = ", ".join(
        f"{f'unnest({quote(name)})' if fields.type_of(name) in ELEMENT_TYPES else quote(name)} AS {column}"
        for name, column in zip(group, columns, strict=True)
    )
    sql = (
        f"SELECT {', '.join(columns)} FROM given JOIN (SELECT {stored} FROM {quote(collection.name)}) "
        f"USING ({', '.join(columns)}) ORDER BY i LIMIT 1"
    )
    matches = cursor.execute(sql).fetchall()
    cursor.unregister("given")
    return matches[0] if matches else None
