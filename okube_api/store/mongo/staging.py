"""Writes of several documents, all or none, on a server without transactions.

New documents are staged: they stand in the collection, so that the unique indexes see them, and readers leave them
out.  Replaced documents keep a copy of what stood before.  One update of the write's own record commits it; then
what was staged is unveiled.  A write whose process died is undone, or finished when it was committed, by whoever
finds its record no longer renewed: at the latest the next start.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any

import anyio
from bson import ObjectId
from pymongo import InsertOne, ReplaceOne
from pymongo.errors import DuplicateKeyError, PyMongoError

from okube_api.store.document_values import unique_keys
from okube_api.store.errors import StoreError, Unavailable
from okube_api.store.mongo.errors import READ_S, WRITE_S, is_duplicate, limited
from okube_api.store.schema import Collection
from okube_api.store.values import Json

STAGED = "_staged"
"""The write that a document which nobody may see yet belongs to."""
WRITTEN = "_written"
"""The write that last replaced a document, so that undoing it touches nobody else's."""
WRITES, BEFORE, CLOCK = "_writes", "_before", "_clock"

LEASE = timedelta(seconds=3)
_RENEW_S = 0.7
_SETTLE_TRIES = 13
_BLOCK = 1000


class Collision(Exception):
    """A unique index refused the document of that index."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class StagedWrite:
    """Inserts and replaces (by `_id`) of one collection.

    made: a document as it is stored.
    """

    def __init__(
        self,
        database: Any,
        collection: Collection,
        inserts: Sequence[Json],
        replaces: Sequence[Json],
        made: Callable[[Json], Json],
    ) -> None:
        self._database, self._collection, self._made = database, collection, made
        self._stored = database[collection.name]
        self._inserts, self._replaces = inserts, replaces

    async def run(self) -> None:
        """Writes.  Raises Collision, after nothing is left of it."""
        write = ObjectId()
        record = {"collection": self._collection.name, "state": "open"}
        try:
            async with renewing(self._database[WRITES], write, record, _RENEW_S):
                released = await self._remember(write)
                replaces_first = bool(released) and any(self._needs(one, released) for one in self._inserts)
                await self._put(write, replaces_first=replaces_first)
            await self._commit(write)
        except BaseException:
            with anyio.CancelScope(shield=True), suppress(StoreError, PyMongoError):
                await undo(self._database, self._collection.name, write)
            raise
        with suppress(StoreError, PyMongoError):  # committed it is: whoever finds its record does the rest
            await finish(self._database, self._collection.name, write)

    async def _remember(self, write: ObjectId) -> set[tuple[Any, ...]]:
        """Copies what will be replaced; the unique values that it gives up."""
        released: set[tuple[Any, ...]] = set()
        replaces = iter(self._replaces)
        while new := {one["_id"]: one for one in islice(replaces, _BLOCK)}:
            with limited(READ_S):
                before = await self._stored.find({"_id": {"$in": list(new)}, STAGED: None}).to_list(None)
            if before:
                with limited(WRITE_S):
                    await self._database[BEFORE].insert_many(
                        [{"write": write, "document": document} for document in before]
                    )
            for group in self._collection.unique:
                for old in before:
                    kept = set(unique_keys(group, new[old["_id"]]))
                    released |= {(group, *claim) for claim in unique_keys(group, old) if claim not in kept}
        return released

    def _needs(self, document: Json, released: set[tuple[Any, ...]]) -> bool:
        return any(
            (group, *claim) in released for group in self._collection.unique for claim in unique_keys(group, document)
        )

    async def _put(self, write: ObjectId, *, replaces_first: bool) -> None:
        inserts = (InsertOne({**self._made(one), STAGED: write}) for one in self._inserts)
        replaces = (
            ReplaceOne({"_id": one["_id"], STAGED: None}, {**self._made(one), WRITTEN: write}) for one in self._replaces
        )
        first, after = enumerate(inserts), enumerate(replaces, len(self._inserts))
        operations = chain(after, first) if replaces_first else chain(first, after)
        while block := list(islice(operations, _BLOCK)):
            try:
                with limited(WRITE_S):
                    await self._stored.bulk_write([operation for _, operation in block])
            except PyMongoError as error:
                if not is_duplicate(error):
                    raise
                raise Collision(block[_refused_at(error)][0]) from error

    async def _commit(self, write: ObjectId) -> None:
        with limited(WRITE_S):
            record = {"_id": write, "state": "open"}
            done = await self._database[WRITES].update_one(record, {"$set": {"state": "committed"}})
        if not done.matched_count:
            raise Unavailable("the write took so long without a sign of life that another process undid it")


def _refused_at(error: PyMongoError) -> int:
    details: Json = getattr(error, "details", None) or {}
    return int(next((one["index"] for one in details.get("writeErrors", ())), 0))


@asynccontextmanager
async def renewing(records: Any, identifier: ObjectId, record: Json, every_s: float) -> AsyncIterator[None]:
    """Makes a record of work under way, and keeps it from looking abandoned: `at` is the server's time."""

    async def renew(change: Json, *, new: bool) -> None:
        with limited(WRITE_S):
            await records.update_one({"_id": identifier}, {**change, "$currentDate": {"at": True}}, upsert=new)

    async def repeat() -> None:
        while True:
            await asyncio.sleep(every_s)
            with suppress(StoreError, PyMongoError):
                await renew({}, new=False)

    await renew({"$set": record}, new=True)
    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def undo(database: Any, collection: str, write: ObjectId) -> None:
    """Takes a write back unless it was committed.

    Where its record is gone, another process has undone or finished it: then what is still staged came too late.
    """
    records, stored = database[WRITES], database[collection]
    with limited(WRITE_S):
        await records.update_one({"_id": write, "state": "open"}, {"$set": {"state": "undone"}})
        record = await records.find_one({"_id": write})
    if record is not None and record["state"] == "committed":
        return
    async for ids in _staged(stored, write):
        with limited(WRITE_S):
            await stored.delete_many({"_id": {"$in": ids}, STAGED: write})
    with limited(None):
        before = await database[BEFORE].find({"write": write}).to_list(None)
        operations = [ReplaceOne({"_id": one["document"]["_id"], WRITTEN: write}, one["document"]) for one in before]
        for at in range(0, len(operations), _BLOCK):
            await stored.bulk_write(operations[at : at + _BLOCK])
        await _forget(database, write)


async def finish(database: Any, collection: str, write: ObjectId) -> None:
    """Unveils what a committed write staged; twice does no harm."""
    stored = database[collection]
    async for ids in _staged(stored, write):
        with limited(WRITE_S):
            await stored.update_many({"_id": {"$in": ids}, STAGED: write}, {"$unset": {STAGED: ""}})
    with limited(WRITE_S):
        await _forget(database, write)


async def _staged(stored: Any, write: ObjectId) -> AsyncIterator[list[Any]]:
    """The ids of what a write staged, a block at a time, as long as there are any: each block is to be dealt with."""
    while True:
        with limited(READ_S):
            found = await stored.find({STAGED: write}, {"_id": 1}, limit=_BLOCK).to_list(None)
        if not found:
            return
        yield [one["_id"] for one in found]


async def _forget(database: Any, write: ObjectId) -> None:
    await database[BEFORE].delete_many({"write": write})
    await database[WRITES].delete_one({"_id": write})


async def settle(database: Any) -> bool:
    """Finishes committed writes, undoes abandoned ones; whether some are still under way."""
    with limited(READ_S):
        records = await database[WRITES].find({}).to_list(None)
    if not records:
        return False
    now = await server_now(database)
    busy = False
    for record in records:
        if record["state"] == "committed":
            await finish(database, record["collection"], record["_id"])
        elif record["state"] == "undone" or record["at"] < now - LEASE:
            await undo(database, record["collection"], record["_id"])
        else:
            busy = True
    return busy


async def settle_all(database: Any) -> None:
    """Settles, waiting for writes that may be a dead process's until they are known to be."""
    for _ in range(_SETTLE_TRIES):
        if not await settle(database):
            return
        await asyncio.sleep(LEASE.total_seconds() / (_SETTLE_TRIES - 1))


async def sweep(database: Any, collection: str) -> None:
    """Removes what was staged by writes that nobody knows any more: a last request of a process that had died."""
    stored = database[collection]
    with limited(READ_S):
        found = await stored.find({STAGED: {"$exists": True}}, {STAGED: 1}, limit=_BLOCK).to_list(None)
        writes = {one[STAGED] for one in found}
        known = await database[WRITES].find({"_id": {"$in": list(writes)}}, {"_id": 1}).to_list(None) if writes else []
    for write in writes - {one["_id"] for one in known}:
        await undo(database, collection, write)


async def server_now(database: Any) -> datetime:
    """The time by the database's clock, naive UTC: the one clock that all its processes share."""
    while True:
        try:
            with limited(WRITE_S):
                found = await database[CLOCK].find_one_and_update(
                    {"_id": "now"}, {"$currentDate": {"at": True}}, upsert=True, return_document=True
                )
        except DuplicateKeyError:  # another process made the document at the same moment
            continue
        now: datetime = found["at"]
        return now
