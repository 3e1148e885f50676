"""Queue of writes of rows: a few requests are sent at a time while the caller prepares the next ones."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import repeat
from typing import Any

import pyarrow as pa
from bson import Decimal128
from pymongo.errors import PyMongoError

from okube_api.store.errors import StoreError, Unavailable
from okube_api.store.exact_integers import narrow_columns
from okube_api.store.mongo.errors import WRITE_S, time_limit
from okube_api.store.values import Json

_MAX_REQUESTS = 4
_MAX_GROUP_ROWS, _MAX_GROUP_BYTES = 5000, 8 * 2**20


class WriteQueue:
    """Inserts and updates of one change.  They run in no particular order; all of them are done after `flush`."""

    def __init__(self, database: Any) -> None:
        self._database = database
        self._slots = asyncio.Semaphore(_MAX_REQUESTS)
        self._requests: dict[asyncio.Future[None], str] = {}
        self._error: BaseException | None = None

    async def insert(self, collection: str, group: list[Json]) -> None:
        """Send a group of documents as soon as a request slot is free.  Raise the error of an earlier request."""
        await self._submit(collection, lambda: self._insert(collection, group))

    async def update(self, collection: str, ids: Sequence[Any], update: Json) -> None:
        """Update the documents of these ids as soon as a request slot is free.  Raise the error of an earlier request.

        Raise Unavailable then, too, when one of the documents does not exist.
        """
        for start in range(0, len(ids), _MAX_GROUP_ROWS):
            group = ids[start : start + _MAX_GROUP_ROWS]
            await self._submit(collection, partial(self._update, collection, group, update))

    async def _submit(self, collection: str, request: Callable[[], Awaitable[None]]) -> None:
        await self._slots.acquire()
        if self._error is not None:
            self._slots.release()
            raise self._error
        task = asyncio.ensure_future(request())
        self._requests[task] = collection
        task.add_done_callback(self._handle_done)

    async def flush(self, collection: str | None = None) -> None:
        """Wait until all requests, or those of one collection, are done.  Raise the error of a failed one."""
        tasks = [task for task, name in self._requests.items() if collection in (None, name)]
        if tasks:
            await asyncio.wait(tasks)
        if self._error is not None:
            raise self._error

    async def close(self) -> None:
        """Wait for running requests, so that none of them writes after the caller has cleaned up."""
        with suppress(StoreError, PyMongoError):
            await self.flush()

    async def _insert(self, collection: str, group: list[Json]) -> None:
        with time_limit(WRITE_S):
            await self._database[collection].insert_many(group, ordered=False)

    async def _update(self, collection: str, ids: Sequence[Any], update: Json) -> None:
        with time_limit(WRITE_S):
            result = await self._database[collection].update_many({"_id": {"$in": ids}}, update)
        if result.matched_count != len(ids):
            raise Unavailable("Another process has deleted rows that this change replaces.")

    def _handle_done(self, task: asyncio.Future[None]) -> None:
        del self._requests[task]
        self._slots.release()
        if task.cancelled():
            self._error = self._error or asyncio.CancelledError()
        else:
            self._error = self._error or task.exception()


def split_rows(rows: pa.Table) -> Iterator[pa.Table]:
    """Yield rows in groups that fit into one request."""
    step = max(1, min(_MAX_GROUP_ROWS, rows.num_rows * _MAX_GROUP_BYTES // max(rows.nbytes, 1)))
    for start in range(0, rows.num_rows, step):
        yield rows.slice(start, step)


def to_documents(rows: pa.Table, constants: Json) -> list[Json]:
    """Return one document per row, with the constants and without the columns that are null in that row."""
    rows = narrow_columns(rows)
    columns = {name: rows[name] for name in rows.column_names}
    without_nulls = {name: _to_values(column) for name, column in columns.items() if not column.null_count}
    names = (*constants, *without_nulls)
    repeated = (repeat(value, rows.num_rows) for value in constants.values())
    documents = [dict(zip(names, row, strict=True)) for row in zip(*repeated, *without_nulls.values(), strict=True)]
    for name in columns.keys() - without_nulls.keys():
        for document, value in zip(documents, _to_values(columns[name]), strict=True):
            if value is not None:
                document[name] = value
    return documents


def _to_values(column: pa.ChunkedArray) -> list[Any]:
    """Return the values of a column as the driver encodes them: integers beyond 64 bits as Decimal128."""
    values: list[Any] = column.to_pylist()
    if not pa.types.is_decimal(column.type):
        return values
    return [value if value is None else Decimal128(value) for value in values]
