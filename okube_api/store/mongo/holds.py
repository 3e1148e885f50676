"""Holds keep the rows that changes replace, for as long as somebody reads them (see `collect_row_garbage`)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import anyio
from pymongo.errors import PyMongoError

from okube_api.store.errors import StoreError, Unavailable
from okube_api.store.mongo.errors import READ_S, WRITE_S, time_limit
from okube_api.store.mongo.staging import read_server_time

HOLDS = "_holds"
_LEASE = timedelta(seconds=60)
_RENEW_S = 10.0


@asynccontextmanager
async def hold_rows(database: Any) -> AsyncIterator[None]:
    """Keep the rows that are replaced within this context.

    Raise Unavailable at the end when they were not kept all the time.
    """
    hold_id = uuid4().hex
    now = await read_server_time(database)
    with time_limit(WRITE_S):
        await database[HOLDS].insert_one({"_id": hold_id, "at": now, "renewed": now})
    is_lost = False

    async def renew() -> None:
        nonlocal is_lost
        renewed = now
        while True:
            await asyncio.sleep(_RENEW_S)
            with suppress(StoreError, PyMongoError):
                current = await read_server_time(database)
                is_lost = is_lost or current - renewed >= _LEASE
                with time_limit(WRITE_S):
                    await database[HOLDS].update_one({"_id": hold_id}, {"$set": {"renewed": current}})
                renewed = current

    renewing = asyncio.create_task(renew())
    try:
        yield
        if is_lost:
            raise Unavailable("The database did not answer for too long, so that rows may be missing. Start again")
    finally:
        renewing.cancel()
        with anyio.CancelScope(shield=True), suppress(StoreError, PyMongoError):
            await asyncio.gather(renewing, return_exceptions=True)
            with time_limit(WRITE_S):
                await database[HOLDS].delete_one({"_id": hold_id})


async def find_held_since(database: Any, now: datetime) -> datetime:
    """Return the instant since which replaced rows are kept for a view that is open; `now` without one."""
    with time_limit(READ_S):
        holds = await database[HOLDS].find({}).to_list(None)
    return min((hold["at"] for hold in holds if hold["renewed"] > now - _LEASE), default=now)
