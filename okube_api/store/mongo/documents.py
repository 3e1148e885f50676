"""Documents in MongoDB: conditions as queries, uniqueness by indexes, one operation wherever one is enough."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from itertools import chain, islice
from random import random
from typing import Any, TypeVar

import anyio
from pymongo.errors import DuplicateKeyError

from okube_api.store.column_types import DeclaredFields
from okube_api.store.conditions import Condition
from okube_api.store.document_values import build_search_text, unique_keys
from okube_api.store.errors import Conflict, Duplicate, Unavailable
from okube_api.store.mongo.errors import READ_S, WRITE_S, WriteConflict, time_limit
from okube_api.store.mongo.indexes import ascending, create_indexes
from okube_api.store.mongo.pipeline import SEARCH_FIELD, to_match
from okube_api.store.mongo.staging import (
    CHANGED,
    STAGED,
    WRITTEN,
    StagedWrite,
    UniqueViolation,
    match_replaced,
)
from okube_api.store.schema import BY_ID, Collection, ColumnType, SortKey
from okube_api.store.values import Json

T = TypeVar("T")
UniqueGroup = tuple[str, ...]
UniqueKey = tuple[Any, ...]
_BLOCK = 1000
_BSON_TYPES = {ColumnType.TEXT: "string", ColumnType.TEXTS: "string", ColumnType.BOOLEAN: "bool"}
_PATIENCE_S, _PAUSE_S = 4.0, 0.1
_LOCKS = 64


class MongoDocuments:
    """Documents of one collection.

    Reads skip what another write has staged and not committed yet (see `staging`).
    """

    def __init__(self, collection: Collection, database: Any) -> None:
        self.collection = collection
        self._database = database
        self._stored = database[collection.name]
        types = {"_id": ColumnType.TEXT, **collection.fields}
        self._fields = DeclaredFields(types, search=bool(collection.search))
        self._key_locks = [asyncio.Lock() for _ in range(_LOCKS)]

    async def create_indexes(self) -> None:
        """Create unique indexes, indexes for look-ups, and an index of staged documents.

        A unique index covers only documents that have the values, so the server cannot use it for look-ups.
        """
        indexes = [ascending(STAGED, name="staged", partialFilterExpression={STAGED: {"$exists": True}})]
        for group in self.collection.unique:
            present = {name: {"$type": _BSON_TYPES.get(self.collection.fields[name], "number")} for name in group}
            name = "_".join(group)
            indexes += [
                ascending(*group, name=f"unique_{name}", unique=True, partialFilterExpression=present),
                ascending(*group, name=f"lookup_{name}"),
            ]
        if "application" in self.collection.fields:
            indexes.append(ascending("application", "_id", name="application__id"))
            if self.collection.search:  # scanning the whole index still reads far less than the documents
                indexes.append(ascending("application", SEARCH_FIELD, name="application_search"))
        await create_indexes(self._stored, indexes)

    # -- reading

    async def find(
        self,
        where: Condition,
        sort: Sequence[SortKey],
        skip: int,
        limit: int | None,
        fields: Sequence[str] | None = None,
    ) -> list[Json]:
        """Return matching documents in order, or `_id` and some fields of them."""
        for name in fields or ():
            self._fields.type_of(name)
        if limit == 0:
            return []
        with time_limit(READ_S):
            documents = await self._find(where, sort, fields, skip=skip, limit=limit or 0).to_list(None)
        if fields is None:
            return [_drop_internal_fields(document) for document in documents]
        return [_drop_nulls(document) for document in documents]

    async def stream(self, where: Condition, sort: Sequence[SortKey]) -> AsyncGenerator[list[Json], None]:
        """Yield every matching document, in blocks."""
        cursor = self._find(where, sort, batch_size=_BLOCK)
        try:
            while True:
                with time_limit(READ_S):
                    block = await cursor.to_list(_BLOCK)
                if not block:
                    return
                yield [_drop_internal_fields(document) for document in block]
        finally:
            await cursor.close()

    def _find(
        self, where: Condition, sort: Sequence[SortKey], fields: Sequence[str] | None = None, **options: int
    ) -> Any:
        for key in sort:
            self._fields.require_scalar(key.field)
        order = [*sort, *(() if any(key.field == "_id" for key in sort) else BY_ID)]
        keys = [(key.field, -1 if key.descending else 1) for key in order]
        projection = None if fields is None else dict.fromkeys(("_id", *fields), 1)
        return self._stored.find(self._match_visible(where), projection, sort=keys, **options)

    async def count(self, where: Condition) -> int:
        """Return the number of matching documents."""
        with time_limit(READ_S):
            return int(await self._stored.count_documents(self._match_visible(where)))

    def _match_visible(self, where: Condition) -> Json:
        return {**to_match(where, self._fields), STAGED: None}

    # -- writing

    async def write(self, inserts: Sequence[Json], replaces: Sequence[Json], *, versioned: bool = False) -> None:
        """Insert and replace documents by `_id`, all or none.  Raise Conflict (see `Store.write`)."""
        insert_count = len(inserts)
        if insert_count + len(replaces) > 1:
            await self._check_unique(inserts, replaces)
            write = StagedWrite(self._database, self.collection, inserts, replaces, self._encode, versioned=versioned)

            def get_document(index: int) -> tuple[Json, bool]:
                return (inserts[index], True) if index < insert_count else (replaces[index - insert_count], False)

            await self._retry(get_document, write.run)
        elif inserts:
            document = self._encode(inserts[0])
            await self._write_one(document, new=True, write=partial(self._stored.insert_one, document))
        elif replaces:
            document = self._encode(replaces[0])
            match = match_replaced(document, versioned=versioned)
            write_one = partial(self._stored.replace_one, match, document)
            result = await self._write_one(document, new=False, write=write_one)
            if versioned and not result.matched_count:
                raise Conflict(CHANGED)

    async def replace(self, where: Condition, document: Json) -> bool:
        """Replace the matching document of the same `_id`; return False when none matches."""
        encoded = self._encode(document)
        match = {"$and": [{"_id": document["_id"]}, self._match_visible(where)]}
        write = partial(self._stored.replace_one, match, encoded)
        result = await self._write_one(encoded, new=False, write=write)
        return bool(result.matched_count)

    async def update(self, where: Condition, changes: Mapping[str, Any]) -> int:
        """Set top-level fields of every matching document; return how many matched.

        The documents are read and replaced only when unique keys or the search text may change.
        """
        derived = {path.split(".")[0] for group in (self.collection.search, *self.collection.unique) for path in group}
        if derived & changes.keys():
            documents = [document async for block in self.stream(where, BY_ID) for document in block]
            await self.write((), [{**document, **changes} for document in documents])
            return len(documents)
        count = 0
        async for match in self._split_match(self._match_visible(where)):
            with time_limit(WRITE_S):
                count += (await self._stored.update_many(match, {"$set": dict(changes)})).matched_count
        return count

    async def delete(self, where: Condition) -> int:
        """Delete every matching document; return how many there were."""
        count = 0
        async for match in self._split_match(self._match_visible(where)):
            with time_limit(WRITE_S):
                count += (await self._stored.delete_many(match)).deleted_count
        return count

    async def _split_match(self, match: Json) -> AsyncIterator[Json]:
        """Yield the match itself, or one match per block of documents, so that each operation ends within its time."""
        ids: list[Any] = []
        cursor = self._stored.find(match, {"_id": 1}, batch_size=10 * _BLOCK)
        while True:
            with time_limit(READ_S):
                documents = await cursor.to_list(10 * _BLOCK)
            if not documents:
                break
            ids += [document["_id"] for document in documents]
        if len(ids) <= _BLOCK:
            yield match
            return
        for start in range(0, len(ids), _BLOCK):
            yield {"$and": [match, {"_id": {"$in": ids[start : start + _BLOCK]}}]}

    # -- helpers

    def _encode(self, document: Json) -> Json:
        text = build_search_text(self.collection, document)
        return dict(document) if text is None else {**document, SEARCH_FIELD: text}

    async def _check_unique(self, inserts: Sequence[Json], replaces: Sequence[Json]) -> None:
        """Raise Duplicate, before anything is written, for a unique key that occurs twice or that is already taken.

        Keys of documents to replace do not count as taken.
        """
        indexes = _index_keys(self.collection, chain(inserts, replaces))
        replaced_ids = {document["_id"] for document in replaces}
        id_indexes = indexes["_id",]
        indexes["_id",] = {key: index for key, index in id_indexes.items() if index < len(inserts)}
        for group, group_indexes in indexes.items():
            items = iter(group_indexes.items())
            while block := dict(islice(items, _BLOCK)):
                await self._check_group(group, block, replaced_ids)

    async def _check_group(self, group: UniqueGroup, indexes: Mapping[UniqueKey, int], replaced_ids: set[str]) -> None:
        match: Json = {name: {"$in": list({key[at] for key in indexes})} for at, name in enumerate(group)}
        with time_limit(READ_S):
            projection = dict.fromkeys((*group, "_id"), 1)
            documents = await self._stored.find({**match, STAGED: None}, projection).to_list(None)
        for document in documents:
            for key in unique_keys(group, document):
                if key in indexes and (group == ("_id",) or document["_id"] not in replaced_ids):
                    raise Duplicate(self.collection.name, group, indexes[key], key[-1])

    async def _write_one(self, document: Json, *, new: bool, write: Callable[[], Awaitable[T]]) -> T:
        """Write one document in one operation; writes of this process with the same unique keys wait for each other.

        Without the locks, such writes could deadlock on a server, which takes a second to resolve it.
        """
        indexes = _index_keys(self.collection, [document])

        async def write_in_time() -> T:
            with time_limit(WRITE_S):
                return await write()

        async with AsyncExitStack() as locks:
            lock_numbers = {hash(key) % len(self._key_locks) for keys in indexes.values() for key in keys}
            for number in sorted(lock_numbers):  # always in the same order, so that they cannot deadlock
                await locks.enter_async_context(self._key_locks[number])
            return await self._retry(lambda _: (document, new), write_in_time)

    async def _retry(self, get_document: Callable[[int], tuple[Json, bool]], write: Callable[[], Awaitable[T]]) -> T:
        """Run a write, and repeat it while it conflicts with another write, such as one that has staged the same key.

        get_document: returns a document of the write by its index, and whether it is new.
        Raise Duplicate when a visible document has the key, Unavailable when the conflict lasts too long.
        """
        waited_s = 0.0
        while True:
            try:
                return await write()
            except (UniqueViolation, DuplicateKeyError) as error:
                index = error.index if isinstance(error, UniqueViolation) else 0
                document, new = get_document(index)
                if (taken := await self._find_taken_key(document, new=new)) is not None:
                    group, value = taken
                    raise Duplicate(self.collection.name, group, index, value) from error
                if waited_s >= _PATIENCE_S:
                    raise Unavailable("Another write of the same values is not finished.") from error
            except WriteConflict:
                if waited_s >= _PATIENCE_S:
                    raise
            pause_s = _PAUSE_S * (0.5 + random())  # noqa: S311 - so that the same writes do not collide again
            await anyio.sleep(pause_s)
            waited_s += pause_s

    async def _find_taken_key(self, document: Json, *, new: bool) -> tuple[UniqueGroup, Any] | None:
        """Return the unique group and value of a document that another visible document has, or None."""
        for group in _get_unique_groups(self.collection):
            for key in unique_keys(group, document):
                match: Json = {**dict(zip(group, key, strict=True)), STAGED: None}
                with time_limit(READ_S):
                    matches = await self._stored.find(match, {"_id": 1}, limit=2).to_list(None)
                if any(new if group == ("_id",) else stored["_id"] != document["_id"] for stored in matches):
                    return group, key[-1]
        return None


def _drop_internal_fields(document: Json) -> Json:
    for name in (SEARCH_FIELD, STAGED, WRITTEN):
        document.pop(name, None)
    return document


def _drop_nulls(document: Json) -> Json:
    values = {name: _drop_nulls(value) if isinstance(value, dict) else value for name, value in document.items()}
    return {name: value for name, value in values.items() if value is not None and value != {}}


def _get_unique_groups(collection: Collection) -> tuple[UniqueGroup, ...]:
    return (("_id",), *collection.unique)


def _index_keys(collection: Collection, documents: Iterable[Json]) -> dict[UniqueGroup, dict[UniqueKey, int]]:
    """Return, by unique group, which document has which key.  Raise Duplicate for a key that occurs twice."""
    indexes: dict[UniqueGroup, dict[UniqueKey, int]] = {group: {} for group in _get_unique_groups(collection)}
    for index, document in enumerate(documents):
        for group, group_indexes in indexes.items():
            for key in unique_keys(group, document):
                if key in group_indexes:
                    raise Duplicate(collection.name, group, index, key[-1])
                group_indexes[key] = index
    return indexes
