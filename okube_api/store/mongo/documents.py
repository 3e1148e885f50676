"""Documents in MongoDB: conditions as queries, uniqueness by indexes, one operation wherever one is enough."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
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
from okube_api.store.errors import Duplicate, Unavailable
from okube_api.store.mongo.errors import READ_S, WRITE_S, Contended, limited
from okube_api.store.mongo.indexes import make_index
from okube_api.store.mongo.pipeline import SEARCH, to_match
from okube_api.store.mongo.staging import STAGED, WRITTEN, Collision, StagedWrite
from okube_api.store.schema import BY_ID, Collection, ColumnType, SortKey
from okube_api.store.values import Json

T = TypeVar("T")
Claim = tuple[Any, ...]
_BLOCK = 1000
_TYPES = {ColumnType.TEXT: "string", ColumnType.TEXTS: "string", ColumnType.BOOLEAN: "bool"}
_PATIENCE_S, _PAUSE_S = 4.0, 0.1
_TURNS = 64


class Documents:
    """One collection.

    Reads leave out what another write has staged and not yet committed (see `staging`).
    """

    def __init__(self, collection: Collection, database: Any) -> None:
        self.collection = collection
        self._database = database
        self._stored = database[collection.name]
        self._names = DeclaredFields({"_id": ColumnType.TEXT, **collection.fields}, search=bool(collection.search))
        self._turns = [asyncio.Lock() for _ in range(_TURNS)]

    async def create(self) -> None:
        """Makes the unique indexes, those that documents are looked up by, and the one that finishes staged writes.

        A unique index leaves out documents without the value, and is of no use to look one up.
        """
        for group in self.collection.unique:
            present = {name: {"$type": _TYPES.get(self.collection.fields[name], "number")} for name in group}
            keys = [(name, 1) for name in group]
            unique = {"unique": True, "partialFilterExpression": present}
            await make_index(self._stored, keys, f"unique_{'_'.join(group)}", **unique)
            await make_index(self._stored, keys, f"lookup_{'_'.join(group)}")
        if "application" in self.collection.fields:
            await make_index(self._stored, [("application", 1), ("_id", 1)], "application__id")
            if self.collection.search:  # read through from end to end, that is still many times less than documents
                await make_index(self._stored, [("application", 1), (SEARCH, 1)], "application_search")
        there = {"partialFilterExpression": {STAGED: {"$exists": True}}}
        await make_index(self._stored, [(STAGED, 1)], "staged", **there)

    # -- reading

    async def find(
        self,
        where: Condition,
        sort: Sequence[SortKey],
        skip: int,
        limit: int | None,
        fields: Sequence[str] | None = None,
    ) -> list[Json]:
        """Matching documents in order, or `_id` and some fields of them."""
        for name in fields or ():
            self._names.type_of(name)
        if limit == 0:
            return []
        with limited(READ_S):
            found = await self._cursor(where, sort, skip, limit, fields).to_list(None)
        return [_shown(one) if fields is None else _without_nulls(one) for one in found]

    async def stream(self, where: Condition, sort: Sequence[SortKey]) -> AsyncIterator[list[Json]]:
        """Every match, a block at a time."""
        cursor = self._cursor(where, sort, 0, None)
        try:
            while True:
                with limited(READ_S):
                    block = await cursor.to_list(_BLOCK)
                if not block:
                    return
                yield [_shown(one) for one in block]
        finally:
            await cursor.close()

    def _cursor(
        self,
        where: Condition,
        sort: Sequence[SortKey],
        skip: int,
        limit: int | None,
        fields: Sequence[str] | None = None,
    ) -> Any:
        for key in sort:
            self._names.require_scalar(key.field)
        order = [*sort, *(() if any(key.field == "_id" for key in sort) else BY_ID)]
        keys = [(key.field, -1 if key.descending else 1) for key in order]
        shown = None if fields is None else dict.fromkeys(("_id", *fields), 1)
        return self._stored.find(self._match(where), shown, sort=keys, skip=skip, limit=limit or 0, batch_size=_BLOCK)

    async def count(self, where: Condition) -> int:
        """How many match."""
        with limited(READ_S):
            return int(await self._stored.count_documents(self._match(where)))

    def _match(self, where: Condition) -> Json:
        return {**to_match(where, self._names), STAGED: None}

    # -- writing

    async def write(self, inserts: Sequence[Json], replaces: Sequence[Json]) -> None:
        """Adds and replaces by `_id`, all or none."""
        added = len(inserts)
        if added + len(replaces) > 1:
            await self._check(inserts, replaces)
            write = StagedWrite(self._database, self.collection, inserts, replaces, self._made)
            await self._patiently(
                lambda at: (inserts[at], True) if at < added else (replaces[at - added], False), write.run
            )
        elif inserts:
            made = self._made(inserts[0])
            await self._one(made, new=True, write=partial(self._stored.insert_one, made))
        elif replaces:
            made = self._made(replaces[0])
            match = {"_id": made["_id"], STAGED: None}
            await self._one(made, new=False, write=partial(self._stored.replace_one, match, made))

    async def replace(self, where: Condition, document: Json) -> bool:
        """Puts a document in the place of the match of the same `_id`."""
        made = self._made(document)
        match = {"$and": [{"_id": document["_id"]}, self._match(where)]}
        result = await self._one(made, new=False, write=partial(self._stored.replace_one, match, made))
        return bool(result.matched_count)

    async def update(self, where: Condition, changes: Mapping[str, Any]) -> int:
        """Sets top-level fields of every match; where that needs no look at each, in one operation."""
        watched = {path.split(".")[0] for group in (self.collection.search, *self.collection.unique) for path in group}
        if watched & changes.keys():
            found = [one async for block in self.stream(where, BY_ID) for one in block]
            await self.write((), [{**document, **changes} for document in found])
            return len(found)
        done = 0
        async for match in self._in_blocks(self._match(where)):
            with limited(WRITE_S):
                done += (await self._stored.update_many(match, {"$set": dict(changes)})).matched_count
        return done

    async def delete(self, where: Condition) -> int:
        """Removes every match."""
        done = 0
        async for match in self._in_blocks(self._match(where)):
            with limited(WRITE_S):
                done += (await self._stored.delete_many(match)).deleted_count
        return done

    async def _in_blocks(self, match: Json) -> AsyncIterator[Json]:
        """The same match, or where it meets many documents, one match for every thousand of them."""
        ids: list[Any] = []
        cursor = self._stored.find(match, {"_id": 1}, batch_size=10 * _BLOCK)
        while True:
            with limited(READ_S):
                found = await cursor.to_list(10 * _BLOCK)
            if not found:
                break
            ids += [one["_id"] for one in found]
        if len(ids) <= _BLOCK:
            yield match
            return
        for at in range(0, len(ids), _BLOCK):
            yield {"$and": [match, {"_id": {"$in": ids[at : at + _BLOCK]}}]}

    # -- helpers

    def _made(self, document: Json) -> Json:
        text = build_search_text(self.collection, document)
        return dict(document) if text is None else {**document, SEARCH: text}

    async def _check(self, inserts: Sequence[Json], replaces: Sequence[Json]) -> None:
        """Raises Duplicate, before anything is written, for a value that stands twice or that a document keeps."""
        wanted = _check_apart(self.collection, chain(inserts, replaces))
        leaving = {one["_id"] for one in replaces}
        ids = wanted["_id",]
        wanted["_id",] = {claim: index for claim, index in ids.items() if index < len(inserts)}
        for group, found in wanted.items():
            held = iter(found.items())
            while block := dict(islice(held, _BLOCK)):
                await self._check_group(group, block, leaving)

    async def _check_group(self, group: tuple[str, ...], wanted: Mapping[Claim, int], leaving: set[str]) -> None:
        if not wanted:
            return
        match: Json = {name: {"$in": list({claim[at] for claim in wanted})} for at, name in enumerate(group)}
        with limited(READ_S):
            held = await self._stored.find({**match, STAGED: None}, dict.fromkeys((*group, "_id"), 1)).to_list(None)
        for document in held:
            for claim in unique_keys(group, document):
                if claim in wanted and (group == ("_id",) or document["_id"] not in leaving):
                    raise Duplicate(self.collection.name, group, wanted[claim], claim[-1])

    async def _one(self, document: Json, *, new: bool, write: Callable[[], Awaitable[T]]) -> T:
        """Writes one document in one operation; those of this process that claim the same values take turns.

        Otherwise a server may find them waiting for each other, and takes a second to see it.
        """
        wanted = _check_apart(self.collection, [document])

        async def within_time() -> T:
            with limited(WRITE_S):
                return await write()

        async with AsyncExitStack() as turns:
            for turn in sorted({hash(claim) % len(self._turns) for found in wanted.values() for claim in found}):
                await turns.enter_async_context(self._turns[turn])
            return await self._patiently(lambda _: (document, new), within_time)

    async def _patiently(self, at: Callable[[int], tuple[Json, bool]], write: Callable[[], Awaitable[T]]) -> T:
        """Runs a write, again while others are in its way: a value is held by what another write has staged, say.

        at: a document of the write by its index, and whether it is new.
        """
        waited = 0.0
        while True:
            try:
                return await write()
            except (Collision, DuplicateKeyError) as error:
                index = error.index if isinstance(error, Collision) else 0
                document, new = at(index)
                if (claim := await self._held(document, new=new)) is not None:
                    raise Duplicate(self.collection.name, claim[0], index, claim[1]) from error
                if waited >= _PATIENCE_S:
                    raise Unavailable("another write of the same values is under way") from error
            except Contended:
                if waited >= _PATIENCE_S:
                    raise
            pause = _PAUSE_S * (0.5 + random())  # noqa: S311 - so that those who met do not meet again
            await anyio.sleep(pause)
            waited += pause

    async def _held(self, document: Json, *, new: bool) -> tuple[tuple[str, ...], Any] | None:
        """The unique group and the value of a document that another one has; None when no visible one does."""
        for group in _groups(self.collection):
            for claim in unique_keys(group, document):
                match: Json = {**dict(zip(group, claim, strict=True)), STAGED: None}
                with limited(READ_S):
                    held = await self._stored.find(match, {"_id": 1}, limit=2).to_list(None)
                if any(new if group == ("_id",) else one["_id"] != document["_id"] for one in held):
                    return group, claim[-1]
        return None


def _shown(document: Json) -> Json:
    for name in (SEARCH, STAGED, WRITTEN):
        document.pop(name, None)
    return document


def _without_nulls(document: Json) -> Json:
    made = {name: _without_nulls(value) if isinstance(value, dict) else value for name, value in document.items()}
    return {name: value for name, value in made.items() if value is not None and value != {}}


def _groups(collection: Collection) -> tuple[tuple[str, ...], ...]:
    return (("_id",), *collection.unique)


def _check_apart(collection: Collection, documents: Iterable[Json]) -> dict[tuple[str, ...], dict[Claim, int]]:
    """By unique group, which document claims what; raises Duplicate for a value that stands twice among them."""
    wanted: dict[tuple[str, ...], dict[Claim, int]] = {group: {} for group in _groups(collection)}
    for index, document in enumerate(documents):
        for group, found in wanted.items():
            for claim in unique_keys(group, document):
                if claim in found:
                    raise Duplicate(collection.name, group, index, claim[-1])
                found[claim] = index
    return wanted
