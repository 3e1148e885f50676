"""Documents on their way to the server, a few groups at a time, while the next ones are being made."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from itertools import repeat
from typing import Any

import pyarrow as pa
from pymongo.errors import PyMongoError

from okube_api.store.errors import StoreError
from okube_api.store.mongo.errors import WRITE_S, limited
from okube_api.store.values import Json

_AT_ONCE = 4
_ROWS, _BYTES = 5000, 8 * 2**20


class Inserts:
    """What one change inserts: in no order, and all of it there once it is settled."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self._free = asyncio.Semaphore(_AT_ONCE)
        self._under_way: dict[asyncio.Task[None], str] = {}
        self._failed: BaseException | None = None

    async def add(self, collection: str, group: list[Json]) -> None:
        """Sends a group as soon as one of few places is free.  Raises what went wrong with earlier ones."""
        await self._free.acquire()
        if self._failed is not None:
            self._free.release()
            raise self._failed
        task = asyncio.create_task(self._insert(collection, group))
        self._under_way[task] = collection
        task.add_done_callback(self._ended)

    async def settled(self, collection: str | None = None) -> None:
        """Returns when everything (of one collection) is there.  Raises what went wrong."""
        mine = [task for task, name in self._under_way.items() if collection in (None, name)]
        if mine:
            await asyncio.wait(mine)
        if self._failed is not None:
            raise self._failed

    async def close(self) -> None:
        """Waits for what is under way, so that what is removed afterwards stays so."""
        with suppress(StoreError, PyMongoError):
            await self.settled()

    async def _insert(self, collection: str, group: list[Json]) -> None:
        with limited(WRITE_S):
            await self._database[collection].insert_many(group, ordered=False)

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._free.release()
        if task.cancelled():
            self._failed = self._failed or asyncio.CancelledError()
        else:
            self._failed = self._failed or task.exception()


def groups(rows: pa.Table) -> Iterator[pa.Table]:
    """Rows as many at a time as go into one request."""
    step = max(1, min(_ROWS, rows.num_rows * _BYTES // max(rows.nbytes, 1)))
    for at in range(0, rows.num_rows, step):
        yield rows.slice(at, step)


def documents(rows: pa.Table, common: Json) -> list[Json]:
    """A document a row, without the columns in which it has nothing."""
    columns = {name: rows[name] for name in rows.column_names}
    full = {name: column.to_pylist() for name, column in columns.items() if not column.null_count}
    names = (*common, *full)
    constants = (repeat(value, rows.num_rows) for value in common.values())
    made = [dict(zip(names, row, strict=True)) for row in zip(*constants, *full.values(), strict=True)]
    for name in columns.keys() - full.keys():
        for document, value in zip(made, columns[name].to_pylist(), strict=True):
            if value is not None:
                document[name] = value
    return made
