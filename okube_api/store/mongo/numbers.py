"""Dense numbers of identifiers, assigned by several processes at the same time.

The identifiers of an application and kind form a log in the order of their numbers.  It is stored in documents, each of
which has a first number.  The last document grows until it is full; then the next document begins.  Both writes apply
only if the log ends where the process expects, so that the log never has a gap, whenever a process dies.  A process
whose write does not apply reads what others have appended, and tries again.  Each process caches the logs that it used
last, with 20 bytes per identifier.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from random import random
from typing import Any

from pymongo.errors import DuplicateKeyError

from okube_api.store.arrays import Ints
from okube_api.store.mongo.counters import increment_field
from okube_api.store.mongo.deletion import delete_in_steps
from okube_api.store.mongo.errors import READ_S, WRITE_S, WriteConflict, time_limit
from okube_api.store.mongo.identifier_log import (
    IdentifierLog,
    Identifiers,
    count_identifiers,
    take_distinct,
    to_identifiers,
)

NUMBERS, COUNTERS = "_numbers", "_counters"
_DOCUMENT_CAPACITY, _MAX_APPEND = 4096, 100_000
_READ_DOCUMENTS = 64
_MAX_CACHED = 4_000_000
_MAX_PAUSE_S = 0.02
_DOCUMENTS_PER_DELETE = 500

LogKey = tuple[str, str]
"""Application and kind."""


class NumberRegistry:
    """Numbers of identifiers, and counters."""

    def __init__(self, database: Any) -> None:
        self._numbers, self._counters = database[NUMBERS], database[COUNTERS]
        self._locks: defaultdict[LogKey, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._logs: OrderedDict[LogKey, IdentifierLog] = OrderedDict()

    async def find_numbers(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int | None]:
        """Return the number of each identifier, None for identifiers that have none."""
        key, array = (application, kind), to_identifiers(identifiers)
        async with self._locks[key]:
            numbers = await self._look_up(key, array)
            if (numbers < 0).any():
                await self._catch_up(key)
                numbers = await self._look_up(key, array)
        return [None if number < 0 else number for number in numbers.tolist()]

    async def assign_numbers(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int]:
        """Return the number of each identifier; new identifiers get the next numbers."""
        key, array = (application, kind), to_identifiers(identifiers)
        async with self._locks[key]:
            numbers = await self._look_up(key, array)
            if (numbers < 0).any() and not self._get_log(key).size:
                await self._catch_up(key)
                numbers = await self._look_up(key, array)
            while (numbers < 0).any():
                new = await asyncio.to_thread(take_distinct, array[numbers < 0], _MAX_APPEND)
                if not await self._append(key, new):
                    pause_s = _MAX_PAUSE_S * random()  # noqa: S311 - so that the same processes do not collide again
                    await asyncio.sleep(pause_s)
                    await self._catch_up(key)
                numbers = await self._look_up(key, array)
        result: list[int] = numbers.tolist()
        return result

    async def increment_counter(self, application: str, counter: str, count: int) -> int:
        """Increment a counter and return its value."""
        match = {"_id": f"{application} {counter}"}
        initial = {"application": application, "last": 0}
        document = await increment_field(self._counters, match, "last", initial, count)
        return int(document["last"])

    async def delete(self, application: str) -> None:
        """Delete the numbers and counters of an application."""
        with time_limit(WRITE_S):
            await self._counters.delete_many({"application": application})
        of_application = {"_id": {"$gte": f"{application} ", "$lt": f"{application}!"}}
        await delete_in_steps(self._numbers, of_application, _DOCUMENTS_PER_DELETE)
        self.forget(application)

    def forget(self, application: str) -> None:
        """Drop the cached logs of an application."""
        for key in [key for key in self._logs if key[0] == application]:
            del self._logs[key]

    # -- helpers

    def _get_log(self, key: LogKey) -> IdentifierLog:
        return self._logs.get(key) or IdentifierLog()

    def _cache(self, key: LogKey, log: IdentifierLog) -> None:
        """Cache a log, and drop the least recently used ones beyond the limit."""
        self._logs[key] = log
        while len(self._logs) > 1 and sum(cached.size for cached in self._logs.values()) > _MAX_CACHED:
            self._logs.popitem(last=False)

    async def _look_up(self, key: LogKey, identifiers: Identifiers) -> Ints:
        if key in self._logs:
            self._logs.move_to_end(key)
        return await asyncio.to_thread(self._get_log(key).look_up, identifiers)

    async def _catch_up(self, key: LogKey) -> None:
        """Read what other processes appended; read the whole log again when the application was deleted meanwhile."""
        while (log := await self._read_on(key, self._get_log(key))) is None:
            self._logs.pop(key, None)
        self._cache(key, log)

    async def _read_on(self, key: LogKey, log: IdentifierLog) -> IdentifierLog | None:
        """Return the log with what was appended to it; None when the stored log does not continue it any more."""
        match = {"_id": {"$gte": _make_document_id(key, log.start), "$lt": f"{key[0]} {key[1]}!"}}
        cursor = self._numbers.find(match, sort=[("_id", 1)], batch_size=_READ_DOCUMENTS)
        continues = not log.size
        try:
            while True:
                with time_limit(READ_S):
                    documents = await cursor.to_list(_READ_DOCUMENTS)
                if not documents:
                    return log if continues else None
                continues = continues or documents[0]["start"] == log.start
                payloads = [(document["start"], bytes(document["identifiers"])) for document in documents]
                if (extended := await asyncio.to_thread(log.extend, payloads)) is None:
                    return None
                log = extended
        finally:
            await cursor.close()

    async def _append(self, key: LogKey, new: Identifiers) -> bool:
        """Append identifiers to the log; return False when it no longer ends where this process expects."""
        log, added = self._get_log(key), new.tobytes()
        start, payload = log.start, log.payload + added
        if count_identifiers(log.payload) >= _DOCUMENT_CAPACITY:
            start, payload = log.size, added
        content = {"start": start, "size": count_identifiers(payload), "identifiers": payload}
        last = {"_id": _make_document_id(key, log.start), "size": count_identifiers(log.payload)}
        try:
            with time_limit(WRITE_S):
                if log.size:
                    # When a new document begins, this marks the last one as full, which also makes sure that it is
                    # stored durably and still has the expected size.
                    update = {"$set": {"full": True} if start > log.start else content}
                    if not (await self._numbers.update_one(last, update)).matched_count:
                        return False
                if start == log.size:
                    await self._numbers.insert_one({"_id": _make_document_id(key, start), **content})
        except (DuplicateKeyError, WriteConflict):
            return False
        if (extended := await asyncio.to_thread(log.extend, [(start, payload)])) is not None:
            self._cache(key, extended)
        return extended is not None


def _make_document_id(key: LogKey, start: int) -> str:
    return f"{key[0]} {key[1]} {start:010}"
