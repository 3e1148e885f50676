"""Repeats a change of the store when it conflicts with another change of the same application."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import structlog

from okube_api.applications.deletions import require_not_deleted
from okube_api.errors import NotFound
from okube_api.store.errors import Conflict
from okube_api.store.protocol import Change, Store

T = TypeVar("T")

_running: defaultdict[str, set[asyncio.Timeout]] = defaultdict(set)
"""Of the changes that this process is making, by application: what cancels them."""

log = structlog.stdlib.get_logger("okube.ingest")


async def commit_with_retry(
    store: Store,
    application: str,
    name: str,
    work: Callable[[Change], Awaitable[T]],
    *,
    only_appends: bool = False,
    attempts: int = 12,
    pause_s: float = 0.1,
) -> T:
    """Run `work` in a change of this name, commit the change, and return the result of `work`.

    work: called again for each attempt, with a new change.
    only_appends: whether `work` only appends rows of batches that do not count yet, and inserts documents.
    pause_s: the wait after the first conflict; after the n-th conflict, the wait is n times as long.
    Raise Conflict when the last attempt fails, and NotFound when the application was deleted.
    """
    for attempt in range(1, attempts + 1):
        try:
            async with _stop_with_application(application):
                await require_not_deleted(store, application)
                begin = store.begin_append if only_appends else store.begin_change
                async with begin(application, name) as change:
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


def stop_changes(application: str) -> None:
    """Stop the changes of a deleted application that this process is making: each raises NotFound."""
    for scope in tuple(_running.get(application, ())):
        scope.reschedule(asyncio.get_running_loop().time())


@asynccontextmanager
async def _stop_with_application(application: str) -> AsyncIterator[None]:
    """Let `stop_changes` cancel the work of this context.  Raise NotFound then."""
    try:
        async with asyncio.timeout(None) as scope:
            _running[application].add(scope)
            try:
                yield
            finally:
                _running[application].discard(scope)
    except TimeoutError:
        if scope.expired():
            raise NotFound("application", application) from None
        raise
    finally:
        if not _running[application]:
            del _running[application]
