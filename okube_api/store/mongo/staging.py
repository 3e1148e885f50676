"""Writes several documents, all or none, on a server without transactions.

A write has two phases.  First its new documents are staged: they are in the collection, so that the unique indexes
apply to them, but readers skip them.  Copies of the documents to replace are saved before.  Then one update of the
write's record commits it, and the staged documents are published.

When a process dies, another process finds that the record of its write is no longer renewed, and rolls the write back,
or publishes it if it was committed; this happens at the next start of a process at the latest.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from datetime import datetime, timedelta
from itertools import chain, islice
from typing import Any

import anyio
from bson import ObjectId
from pymongo import InsertOne, ReplaceOne
from pymongo.errors import DuplicateKeyError, PyMongoError

from okube_api.store.document_values import unique_keys
from okube_api.store.errors import Conflict, StoreError, Unavailable
from okube_api.store.mongo.errors import READ_S, WRITE_S, is_duplicate, time_limit
from okube_api.store.schema import Collection
from okube_api.store.values import Json

STAGED = "_staged"
"""Field of a staged document, which is not visible yet: the id of its write."""
WRITTEN = "_written"
"""Field of a replaced document: the id of the last write that replaced it, so that a rollback restores only these."""
CHANGED = "Another request has changed one of the documents."
WRITES, BEFORE, CLOCK = "_writes", "_before", "_clock"

LEASE = timedelta(seconds=3)
_RENEW_S = 0.7
_RECOVERY_ATTEMPTS = 13
_BLOCK = 1000

AnnounceWrite = Callable[[str], AbstractAsyncContextManager[None]]
"""Called with the name of a collection, which is changed inside the context (`Revisions.announce_write`)."""
GroupedKey = tuple[Any, ...]
"""A unique group and the values of a key in it."""


class UniqueViolation(Exception):
    """A unique index refused a document.

    index: its position among the inserts and then the replaces of the write.
    """

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.index = index


class StagedWrite:
    """Inserts and replaces (by `_id`) of documents in one collection.

    encode: returns a document as it is stored.
    versioned: whether the stored documents must have the version before that of the new ones.
    """

    def __init__(
        self,
        database: Any,
        collection: Collection,
        inserts: Sequence[Json],
        replaces: Sequence[Json],
        encode: Callable[[Json], Json],
        *,
        versioned: bool,
    ) -> None:
        self._database, self._collection, self._encode = database, collection, encode
        self._stored = database[collection.name]
        self._inserts, self._replaces, self._versioned = inserts, replaces, versioned

    async def run(self) -> None:
        """Write all documents or none.  Raise UniqueViolation or Conflict after a rollback."""
        write = ObjectId()
        record = {"collection": self._collection.name, "state": "open"}
        try:
            async with hold_lease(self._database[WRITES], write, record, _RENEW_S):
                released = await self._save_previous(write)
                replaces_first = bool(released) and any(
                    self._uses_released(document, released) for document in self._inserts
                )
                await self._stage(write, replaces_first=replaces_first)
            await self._commit(write)
        except BaseException:
            with anyio.CancelScope(shield=True), suppress(StoreError, PyMongoError):
                await roll_back(self._database, self._collection.name, write)
            raise
        with suppress(StoreError, PyMongoError):  # it is committed: another process will publish the rest
            await publish(self._database, self._collection.name, write)

    async def _save_previous(self, write: ObjectId) -> set[GroupedKey]:
        """Save copies of the documents to replace, and return the unique keys that they will release."""
        released: set[GroupedKey] = set()
        replaces = iter(self._replaces)
        while new := {document["_id"]: document for document in islice(replaces, _BLOCK)}:
            with time_limit(READ_S):
                previous = await self._stored.find({"_id": {"$in": list(new)}, STAGED: None}).to_list(None)
            if previous:
                copies = [{"write": write, "document": document} for document in previous]
                with time_limit(WRITE_S):
                    await self._database[BEFORE].insert_many(copies)
            for group in self._collection.unique:
                for document in previous:
                    retained = set(unique_keys(group, new[document["_id"]]))
                    released |= {(group, *key) for key in unique_keys(group, document) if key not in retained}
        return released

    def _uses_released(self, document: Json, released: set[GroupedKey]) -> bool:
        return any(
            (group, *key) in released for group in self._collection.unique for key in unique_keys(group, document)
        )

    async def _stage(self, write: ObjectId, *, replaces_first: bool) -> None:
        inserts = (InsertOne({**self._encode(document), STAGED: write}) for document in self._inserts)
        replaces = (
            ReplaceOne(match_replaced(document, versioned=self._versioned), {**self._encode(document), WRITTEN: write})
            for document in self._replaces
        )
        numbered_inserts, numbered_replaces = enumerate(inserts), enumerate(replaces, len(self._inserts))
        operations = (
            chain(numbered_replaces, numbered_inserts) if replaces_first else chain(numbered_inserts, numbered_replaces)
        )
        while block := list(islice(operations, _BLOCK)):
            try:
                with time_limit(WRITE_S):
                    result = await self._stored.bulk_write([operation for _, operation in block])
            except PyMongoError as error:
                if not is_duplicate(error):
                    raise
                raise UniqueViolation(block[_get_refused_index(error)][0]) from error
            replaced = sum(isinstance(operation, ReplaceOne) for _, operation in block)
            if self._versioned and result.matched_count < replaced:
                raise Conflict(CHANGED)

    async def _commit(self, write: ObjectId) -> None:
        with time_limit(WRITE_S):
            record = {"_id": write, "state": "open"}
            result = await self._database[WRITES].update_one(record, {"$set": {"state": "committed"}})
        if not result.matched_count:
            raise Unavailable("The write did not renew its record in time; another process rolled it back.")


def match_replaced(document: Json, *, versioned: bool) -> Json:
    """Return the query of the stored document that a new one replaces."""
    match: Json = {"_id": document["_id"], STAGED: None}
    return {**match, "version": document["version"] - 1} if versioned else match


def _get_refused_index(error: PyMongoError) -> int:
    details: Json = getattr(error, "details", None) or {}
    return int(next((write_error["index"] for write_error in details.get("writeErrors", ())), 0))


@asynccontextmanager
async def hold_lease(records: Any, record_id: ObjectId, record: Json, interval_s: float) -> AsyncIterator[None]:
    """Create the record of running work and renew its field `at`, the server's time, until the context ends."""

    async def renew(update: Json, *, upsert: bool) -> None:
        with time_limit(WRITE_S):
            await records.update_one({"_id": record_id}, {**update, "$currentDate": {"at": True}}, upsert=upsert)

    async def renew_repeatedly() -> None:
        while True:
            await asyncio.sleep(interval_s)
            with suppress(StoreError, PyMongoError):
                await renew({}, upsert=False)

    await renew({"$set": record}, upsert=True)
    task = asyncio.create_task(renew_repeatedly())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def roll_back(database: Any, collection: str, write: ObjectId) -> None:
    """Undo a write unless it was committed.

    When its record no longer exists, another process has already rolled it back or published it; whatever is still
    staged arrived after that and is deleted.
    """
    records, stored = database[WRITES], database[collection]
    with time_limit(WRITE_S):
        await records.update_one({"_id": write, "state": "open"}, {"$set": {"state": "undone"}})
        record = await records.find_one({"_id": write})
    if record is not None and record["state"] == "committed":
        return
    async for ids in _list_staged(stored, write):
        with time_limit(WRITE_S):
            await stored.delete_many({"_id": {"$in": ids}, STAGED: write})
    with time_limit(None):
        copies = await database[BEFORE].find({"write": write}).to_list(None)
        operations = [ReplaceOne({"_id": copy["document"]["_id"], WRITTEN: write}, copy["document"]) for copy in copies]
        for start in range(0, len(operations), _BLOCK):
            await stored.bulk_write(operations[start : start + _BLOCK])
        await _delete_record(database, write)


async def publish(database: Any, collection: str, write: ObjectId) -> None:
    """Make the staged documents of a committed write visible; idempotent."""
    stored = database[collection]
    async for ids in _list_staged(stored, write):
        with time_limit(WRITE_S):
            await stored.update_many({"_id": {"$in": ids}, STAGED: write}, {"$unset": {STAGED: ""}})
    with time_limit(WRITE_S):
        await _delete_record(database, write)


async def _list_staged(stored: Any, write: ObjectId) -> AsyncIterator[list[Any]]:
    """Yield the ids of staged documents in blocks until none are left; the caller deletes or publishes each block."""
    while True:
        with time_limit(READ_S):
            documents = await stored.find({STAGED: write}, {"_id": 1}, limit=_BLOCK).to_list(None)
        if not documents:
            return
        yield [document["_id"] for document in documents]


async def _delete_record(database: Any, write: ObjectId) -> None:
    await database[BEFORE].delete_many({"write": write})
    await database[WRITES].delete_one({"_id": write})


async def recover_writes(database: Any, announce_write: AnnounceWrite) -> bool:
    """Publish committed writes and roll back abandoned ones; return whether any write is still running."""
    with time_limit(READ_S):
        records = await database[WRITES].find({}).to_list(None)
    if not records:
        return False
    now = await read_server_time(database)
    has_running = False
    for record in records:
        is_committed = record["state"] == "committed"
        if is_committed or record["state"] == "undone" or record["at"] < now - LEASE:
            complete = publish if is_committed else roll_back
            async with announce_write(record["collection"]):
                await complete(database, record["collection"], record["_id"])
        else:
            has_running = True
    return has_running


async def await_recovery(database: Any, announce_write: AnnounceWrite) -> None:
    """Recover writes, and wait until the leases of writes that may belong to dead processes have expired."""
    for _ in range(_RECOVERY_ATTEMPTS):
        if not await recover_writes(database, announce_write):
            return
        await asyncio.sleep(LEASE.total_seconds() / (_RECOVERY_ATTEMPTS - 1))


async def collect_garbage(database: Any, collection: str, announce_write: AnnounceWrite) -> None:
    """Delete staged documents of writes without a record, which arrived after their process had died."""
    stored = database[collection]
    with time_limit(READ_S):
        staged = await stored.find({STAGED: {"$exists": True}}, {STAGED: 1}, limit=_BLOCK).to_list(None)
        writes = {document[STAGED] for document in staged}
        records = (
            await database[WRITES].find({"_id": {"$in": list(writes)}}, {"_id": 1}).to_list(None) if writes else []
        )
    for write in writes - {record["_id"] for record in records}:
        async with announce_write(collection):
            await roll_back(database, collection, write)


async def read_server_time(database: Any) -> datetime:
    """Return the time of the database server, a naive datetime in UTC: the one clock that all processes share."""
    while True:
        try:
            with time_limit(WRITE_S):
                document = await database[CLOCK].find_one_and_update(
                    {"_id": "now"}, {"$currentDate": {"at": True}}, upsert=True, return_document=True
                )
        except DuplicateKeyError:  # another process inserted the document at the same moment
            continue
        now: datetime = document["at"]
        return now
