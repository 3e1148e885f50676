"""Documents in MongoDB: conditions as queries, uniqueness by indexes, one operation wherever one is enough."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import anyio
from pymongo.errors import DuplicateKeyError

from okube_api.store.base import BY_ID, Collection, Condition, Duplicate, Json, Kind, Order, Unavailable
from okube_api.store.kinds import Names
from okube_api.store.mongo.errors import READ_S, WRITE_S, limited
from okube_api.store.mongo.pipeline import SEARCH, to_match
from okube_api.store.mongo.staging import STAGED, WRITTEN, Collision, StagedWrite
from okube_api.store.text import claims, searchable

_BLOCK = 1000
_TYPES = {Kind.TEXT: "string", Kind.TEXTS: "string", Kind.BOOLEAN: "bool"}
_PATIENCE_S, _PAUSE_S = 4.0, 0.1


class Documents:
    """One collection.

    Reads leave out what another write has staged and not yet committed (see `staging`).
    """

    def __init__(self, collection: Collection, database: Any) -> None:
        self.collection = collection
        self._database = database
        self._stored = database[collection.name]
        self._names = Names({"_id": Kind.TEXT, **collection.fields}, search=bool(collection.search))

    async def create(self) -> None:
        """Makes the unique indexes, those that lists are found by, and the one that finishes staged writes."""
        for group in self.collection.unique:
            present = {name: {"$type": _TYPES.get(self.collection.fields[name], "number")} for name in group}
            keys = [(name, 1) for name in group]
            await self._stored.create_index(
                keys, unique=True, partialFilterExpression=present, name=f"unique_{'_'.join(group)}"
            )
        if "application" in self.collection.fields:
            await self._stored.create_index([("application", 1), ("_id", 1)], name="application__id")
        await self._stored.create_index(
            [(STAGED, 1)], partialFilterExpression={STAGED: {"$exists": True}}, name="staged"
        )

    # -- reading

    async def find(self, where: Condition, sort: Sequence[Order], skip: int, limit: int | None) -> list[Json]:
        """Matching documents in order."""
        if limit == 0:
            return []
        with limited(READ_S):
            return [_shown(one) for one in await self._cursor(where, sort, skip, limit).to_list(None)]

    async def stream(self, where: Condition, sort: Sequence[Order]) -> AsyncIterator[list[Json]]:
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

    def _cursor(self, where: Condition, sort: Sequence[Order], skip: int, limit: int | None) -> Any:
        for key in sort:
            self._names.scalar(key.field)
        order = [*sort, *(() if any(key.field == "_id" for key in sort) else BY_ID)]
        keys = [(key.field, -1 if key.descending else 1) for key in order]
        return self._stored.find(self._match(where), sort=keys, skip=skip, limit=limit or 0, batch_size=_BLOCK)

    async def count(self, where: Condition) -> int:
        """How many match."""
        with limited(READ_S):
            return int(await self._stored.count_documents(self._match(where)))

    def _match(self, where: Condition) -> Json:
        return {**to_match(where, self._names), STAGED: None}

    # -- writing

    async def write(self, inserts: Sequence[Json], replaces: Sequence[Json]) -> None:
        """Adds and replaces by `_id`, all or none."""
        added, changed = [self._made(one) for one in inserts], [self._made(one) for one in replaces]
        documents = [*added, *changed]
        if not documents:
            return
        self._check_apart(documents)
        if len(documents) > 1:
            await self._check_free(documents, len(added))
            write = StagedWrite(self._database, self.collection, added, changed)
            await self._patiently(documents, len(added), write.run)
        elif added:
            await self._patiently(added, 1, partial(self._stored.insert_one, added[0]))
        else:
            match = {"_id": changed[0]["_id"], STAGED: None}
            await self._patiently(changed, 0, partial(self._stored.replace_one, match, changed[0]))

    async def replace(self, where: Condition, document: Json) -> bool:
        """Puts a document in the place of the match of the same `_id`."""
        made = self._made(document)
        self._check_apart([made])
        match = {"$and": [{"_id": document["_id"]}, self._match(where)]}
        result = await self._patiently([made], 0, partial(self._stored.replace_one, match, made))
        return bool(result.matched_count)

    async def update(self, where: Condition, changes: Mapping[str, Any]) -> int:
        """Sets top-level fields of every match; where that needs no look at each, in one operation."""
        watched = {path.split(".")[0] for group in (self.collection.search, *self.collection.unique) for path in group}
        if not watched & changes.keys():
            with limited(WRITE_S):
                return int((await self._stored.update_many(self._match(where), {"$set": dict(changes)})).matched_count)
        found = [one async for block in self.stream(where, BY_ID) for one in block]
        await self.write((), [{**document, **changes} for document in found])
        return len(found)

    async def delete(self, where: Condition) -> int:
        """Removes every match."""
        with limited(WRITE_S):
            return int((await self._stored.delete_many(self._match(where))).deleted_count)

    # -- helpers

    def _made(self, document: Json) -> Json:
        text = searchable(self.collection, document)
        return dict(document) if text is None else {**document, SEARCH: text}

    @property
    def _groups(self) -> Iterator[tuple[str, ...]]:
        yield ("_id",)
        yield from self.collection.unique

    def _check_apart(self, documents: Sequence[Json]) -> None:
        """Raises Duplicate for a value that stands twice in what is to be written."""
        for group in self._groups:
            seen: set[tuple[Any, ...]] = set()
            for index, document in enumerate(documents):
                for claim in claims(group, document):
                    if claim in seen:
                        raise Duplicate(self.collection.name, group, index, claim[-1])
                    seen.add(claim)

    async def _check_free(self, documents: Sequence[Json], inserted: int) -> None:
        """Raises Duplicate, before anything is written, for a value that a document which stays as it is has."""
        leaving = {one["_id"] for one in documents[inserted:]}
        for group in self._groups:
            for at in range(0, len(documents), _BLOCK):
                wanted = {
                    claim: index
                    for index, one in enumerate(documents[at : at + _BLOCK], at)
                    for claim in claims(group, one)
                    if group != ("_id",) or index < inserted
                }
                await self._check_group(group, wanted, leaving)

    async def _check_group(
        self, group: tuple[str, ...], wanted: Mapping[tuple[Any, ...], int], leaving: set[str]
    ) -> None:
        if not wanted:
            return
        match: Json = {name: {"$in": list({claim[at] for claim in wanted})} for at, name in enumerate(group)}
        with limited(READ_S):
            held = await self._stored.find({**match, STAGED: None}, dict.fromkeys((*group, "_id"), 1)).to_list(None)
        for document in held:
            for claim in claims(group, document):
                if claim in wanted and (group == ("_id",) or document["_id"] not in leaving):
                    raise Duplicate(self.collection.name, group, wanted[claim], claim[-1])

    async def _patiently(self, documents: Sequence[Json], inserted: int, write: Callable[[], Awaitable[Any]]) -> Any:
        """Runs a write; where a value is held only by what another write has staged, waits for how that ends."""
        waited = 0.0
        while True:
            try:
                with limited(None if len(documents) > 1 else WRITE_S):
                    return await write()
            except (Collision, DuplicateKeyError) as error:
                index = error.index if isinstance(error, Collision) else 0
                if (claim := await self._held(documents[index], new=index < inserted)) is not None:
                    raise Duplicate(self.collection.name, claim[0], index, claim[1]) from error
                if waited >= _PATIENCE_S:
                    raise Unavailable("another write of the same values is under way") from error
            await anyio.sleep(_PAUSE_S)
            waited += _PAUSE_S

    async def _held(self, document: Json, *, new: bool) -> tuple[tuple[str, ...], Any] | None:
        """The unique group and the value of a document that another one has; None when no visible one does."""
        for group in self._groups:
            for claim in claims(group, document):
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
