"""Repeats a change of the store when it conflicts with another change of the same application."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from okube_api.applications.deletions import require_not_deleted
from okube_api.store.errors import Conflict
from okube_api.store.protocol import Change, Store

T = TypeVar("T")

log = structlog.stdlib.get_logger("okube.ingest")


async def commit_with_retry(
    store: Store,
    application: str,
    name: str,
    work: Callable[[Change], Awaitable[T]],
    *,
    attempts: int = 12,
    pause_s: float = 0.1,
) -> T:
    """Run `work` in a change of this name, commit the change, and return the result of `work`.

    work: called again for each attempt, with a new change.
    pause_s: the wait after the first conflict; after the n-th conflict, the wait is n times as long.
    Raise Conflict when the last attempt fails, and NotFound when the application was deleted.
    """
    for attempt in range(1, attempts + 1):
        await require_not_deleted(store, application)
        try:
            async with store.begin_change(application, name) as change:
                result = await work(change)
                await change.commit()
                return result
        except Conflict:
            if attempt == attempts:
                raise
            log.info("ingest.change_retried", application=application, change=name)
            await asyncio.sleep(pause_s * attempt)
        except LookupError:  # the rows that it reads were removed
            await require_not_deleted(store, application)
            raise
    raise AssertionError("the last attempt returns or raises")
