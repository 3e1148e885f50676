"""Dense numbers for identifiers, by several processes at once.

The next number is one more than the greatest there is; a unique index refuses whoever was late, who looks again.  So
there is never a hole, whatever dies when.  Where the greatest was last is noted, so that it need not be looked for:
the note may be behind, never ahead.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from random import random
from typing import Any

from pymongo.errors import BulkWriteError, DuplicateKeyError

from okube_api.store.base import Json
from okube_api.store.mongo.counting import increased
from okube_api.store.mongo.errors import READ_S, WRITE_S, Contended, is_duplicate, limited
from okube_api.store.mongo.indexes import make_index

NUMBERS, COUNTERS = "_numbers", "_counters"
_AT_ONCE = 2000
_DELETE_S = 300.0


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
        start = await self._noted(application, kind)
        while missing:
            allotted = dict(zip(missing, range(start, start + len(missing)), strict=True))
            new = [{**common, "identifier": one, "number": number} for one, number in allotted.items()]
            try:
                with limited(WRITE_S):
                    await self._numbers.insert_many(new)
            except (BulkWriteError, Contended) as error:
                if isinstance(error, BulkWriteError) and not is_duplicate(error):
                    raise
                await asyncio.sleep(0.02 * random())  # noqa: S311 - so that those who met do not meet again
                found |= await self.known(application, kind, missing)
                missing = [one for one in missing if one not in found]
                start = await self._greatest(common) + 1
            else:
                await self._note(application, kind, start + len(missing))
                return found | allotted
        return found

    async def _noted(self, application: str, kind: str) -> int:
        with limited(READ_S):
            found = await self._counters.find_one({"_id": _note_of(application, kind)})
        return found["next"] if found else 0

    async def _note(self, application: str, kind: str, following: int) -> None:
        change = {"$max": {"next": following}, "$set": {"application": application}}
        with limited(WRITE_S), suppress(DuplicateKeyError, Contended):  # others make a note, too
            await self._counters.update_one({"_id": _note_of(application, kind)}, change, upsert=True)

    async def _greatest(self, common: Json) -> int:
        with limited(READ_S):
            last = await self._numbers.find(common, {"number": 1}, sort=[("number", -1)], limit=1).to_list(1)
        return last[0]["number"] if last else -1

    async def next(self, application: str, counter: str) -> int:
        """The next of a counter."""
        match = {"_id": f"{application} {counter}"}
        found = await increased(self._counters, match, "last", {"application": application, "last": 0})
        return int(found["last"])

    async def forget(self, application: str) -> None:
        """Removes an application's numbers and counters."""
        with limited(_DELETE_S):
            await self._counters.delete_many({"application": application})
            await self._numbers.delete_many({"application": application})
            await self._counters.delete_many({"application": application})


def _note_of(application: str, kind: str) -> str:
    return f"{application} numbers of {kind}"
