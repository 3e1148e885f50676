"""Dense numbers for identifiers, by several processes at once.

The identifiers of an application and kind are a log in the order of their numbers, in documents that each begin at a
number.  The last one grows until it is full; then the next begins where it ends.  Either happens only while the log
ends where the process thinks it does, so that there is never a hole, whatever dies when; who is late reads what others
added, and tries again.  Each process keeps the logs that it used last, 20 bytes an identifier.
"""

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from random import random
from typing import Any

from pymongo.errors import DuplicateKeyError

from okube_api.store.arrays import Ints
from okube_api.store.mongo.counting import increased
from okube_api.store.mongo.errors import READ_S, WRITE_S, Contended, limited
from okube_api.store.mongo.identifiers import Identifiers, Log, first, how_many, identifiers_of

NUMBERS, COUNTERS = "_numbers", "_counters"
_FULL, _AT_ONCE = 4096, 100_000
_DOCUMENTS_AT_ONCE = 64
_MOST_KEPT = 4_000_000
_DELETE_S = 300.0

Name = tuple[str, str]


class Numbers:
    """Numbers of identifiers, and counters."""

    def __init__(self, database: Any) -> None:
        self._numbers, self._counters = database[NUMBERS], database[COUNTERS]
        self._locks: defaultdict[Name, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._logs: OrderedDict[Name, Log] = OrderedDict()

    async def known(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int | None]:
        """The number of each, None where it has none."""
        name, wanted = (application, kind), identifiers_of(identifiers)
        async with self._locks[name]:
            found = await self._find(name, wanted)
            if (found < 0).any():
                await self._follow(name)
                found = await self._find(name, wanted)
        return [None if number < 0 else number for number in found.tolist()]

    async def numbers(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int]:
        """The number of each, new ones included."""
        name, wanted = (application, kind), identifiers_of(identifiers)
        async with self._locks[name]:
            found = await self._find(name, wanted)
            if (found < 0).any() and not self._log(name).size:
                await self._follow(name)
                found = await self._find(name, wanted)
            while (found < 0).any():
                new = await asyncio.to_thread(first, wanted[found < 0], _AT_ONCE)
                if not await self._append(name, new):
                    await asyncio.sleep(0.02 * random())  # noqa: S311 - so that those who met do not meet again
                    await self._follow(name)
                found = await self._find(name, wanted)
        numbers: list[int] = found.tolist()
        return numbers

    async def next(self, application: str, counter: str) -> int:
        """The next of a counter."""
        match = {"_id": f"{application} {counter}"}
        found = await increased(self._counters, match, "last", {"application": application, "last": 0})
        return int(found["last"])

    async def forget(self, application: str) -> None:
        """Removes an application's numbers and counters."""
        with limited(_DELETE_S):
            await self._counters.delete_many({"application": application})
            await self._numbers.delete_many({"_id": {"$gte": f"{application} ", "$lt": f"{application}!"}})
        for name in [one for one in self._logs if one[0] == application]:
            del self._logs[name]

    # -- helpers

    def _log(self, name: Name) -> Log:
        return self._logs.get(name) or Log()

    def _keep(self, name: Name, log: Log) -> None:
        """Keeps what is known of a log now; those used longest ago are let go."""
        self._logs[name] = log
        while len(self._logs) > 1 and sum(one.size for one in self._logs.values()) > _MOST_KEPT:
            self._logs.popitem(last=False)

    async def _find(self, name: Name, wanted: Identifiers) -> Ints:
        if name in self._logs:
            self._logs.move_to_end(name)
        return await asyncio.to_thread(self._log(name).find, wanted)

    async def _follow(self, name: Name) -> None:
        """Reads what others added; all of it again where what was read is no more there (a forgotten application)."""
        while (log := await self._read_on(name, self._log(name))) is None:
            self._logs.pop(name, None)
        self._keep(name, log)

    async def _read_on(self, name: Name, known: Log) -> Log | None:
        match = {"_id": {"$gte": _document(name, known.start), "$lt": f"{name[0]} {name[1]}!"}}
        cursor = self._numbers.find(match, sort=[("_id", 1)], batch_size=_DOCUMENTS_AT_ONCE)
        there = not known.size
        try:
            while True:
                with limited(READ_S):
                    held = await cursor.to_list(_DOCUMENTS_AT_ONCE)
                if not held:
                    return known if there else None
                there = there or held[0]["start"] == known.start
                found = [(one["start"], bytes(one["identifiers"])) for one in held]
                if (longer := await asyncio.to_thread(known.with_, found)) is None:
                    return None
                known = longer
        finally:
            await cursor.close()

    async def _append(self, name: Name, new: Identifiers) -> bool:
        """Adds identifiers that the log does not have, if it still ends where it did; whether they were added."""
        log, added = self._log(name), new.tobytes()
        start, payload = log.start, log.payload + added
        if how_many(log.payload) >= _FULL:
            start, payload = log.size, added
        whole = {"start": start, "size": how_many(payload), "identifiers": payload}
        last = {"_id": _document(name, log.start), "size": how_many(log.payload)}
        try:
            with limited(WRITE_S):
                if log.size:  # what is full grows no more: this write makes sure that it is there for good
                    change = {"$set": {"full": True} if start > log.start else whole}
                    if not (await self._numbers.update_one(last, change)).matched_count:
                        return False
                if start == log.size:
                    await self._numbers.insert_one({"_id": _document(name, start), **whole})
        except (DuplicateKeyError, Contended):
            return False
        if (longer := await asyncio.to_thread(log.with_, [(start, payload)])) is not None:
            self._keep(name, longer)
        return longer is not None


def _document(name: Name, start: int) -> str:
    return f"{name[0]} {name[1]} {start:010}"
