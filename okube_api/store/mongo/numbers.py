"""Dense numbers for identifiers, by several processes at once.

The next number is one more than the greatest there is; a unique index refuses whoever was late, who looks again.  So
there is never a hole, whatever dies when.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from random import random
from typing import Any

from pymongo.errors import BulkWriteError, DuplicateKeyError

from okube_api.store.mongo.errors import READ_S, WRITE_S, Contended, is_duplicate, limited
from okube_api.store.mongo.indexes import make_index

NUMBERS, COUNTERS = "_numbers", "_counters"
_AT_ONCE = 500


class Numbers:
    """Numbers of identifiers, and counters."""

    def __init__(self, database: Any) -> None:
        self._numbers, self._counters = database[NUMBERS], database[COUNTERS]
        self._locks: defaultdict[tuple[str, str], asyncio.Lock] = defaultdict(asyncio.Lock)

    async def create(self) -> None:
        """Makes the indexes that keep numbers apart."""
        for field in ("identifier", "number"):
            keys = [("application", 1), ("kind", 1), (field, 1)]
            await make_index(self._numbers, keys, f"unique_{field}", unique=True)

    async def known(self, application: str, kind: str, identifiers: Sequence[bytes]) -> dict[bytes, int]:
        """The numbers of those identifiers that have one."""
        wanted = list(dict.fromkeys(identifiers))
        found: dict[bytes, int] = {}
        for at in range(0, len(wanted), _AT_ONCE):
            match = {"application": application, "kind": kind, "identifier": {"$in": wanted[at : at + _AT_ONCE]}}
            with limited(READ_S):
                held = await self._numbers.find(match, {"_id": 0, "identifier": 1, "number": 1}).to_list(None)
            found.update((bytes(one["identifier"]), one["number"]) for one in held)
        return found

    async def numbers(self, application: str, kind: str, identifiers: Sequence[bytes]) -> list[int]:
        """The number of each, new ones included."""
        async with self._locks[application, kind]:
            found = await self.known(application, kind, identifiers)
            new = [one for one in dict.fromkeys(identifiers) if one not in found]
            for at in range(0, len(new), _AT_ONCE):
                found |= await self._allot(application, kind, new[at : at + _AT_ONCE])
        return [found[one] for one in identifiers]

    async def _allot(self, application: str, kind: str, identifiers: Sequence[bytes]) -> dict[bytes, int]:
        common = {"application": application, "kind": kind}
        found: dict[bytes, int] = {}
        missing = list(identifiers)
        while missing:
            with limited(READ_S):
                last = await self._numbers.find(common, {"number": 1}, sort=[("number", -1)], limit=1).to_list(1)
            start = last[0]["number"] + 1 if last else 0
            new = [{**common, "identifier": one, "number": number} for number, one in enumerate(missing, start)]
            try:
                with limited(WRITE_S):
                    await self._numbers.insert_many(new)
            except (BulkWriteError, Contended) as error:
                if isinstance(error, BulkWriteError) and not is_duplicate(error):
                    raise
                await asyncio.sleep(0.02 * random())  # noqa: S311 - so that those who met do not meet again
            found |= await self.known(application, kind, missing)
            missing = [one for one in missing if one not in found]
        return found

    async def next(self, application: str, counter: str) -> int:
        """The next of a counter."""
        match = {"_id": f"{application} {counter}"}
        change = {"$inc": {"last": 1}, "$setOnInsert": {"application": application}}
        while True:
            try:
                with limited(WRITE_S):
                    found = await self._counters.find_one_and_update(match, change, upsert=True, return_document=True)
            except (DuplicateKeyError, Contended):  # another process made it, or changed it, at the same moment
                continue
            return int(found["last"])

    async def forget(self, application: str) -> None:
        """Removes an application's numbers and counters."""
        with limited(WRITE_S):
            await self._numbers.delete_many({"application": application})
            await self._counters.delete_many({"application": application})
