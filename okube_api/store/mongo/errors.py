"""Errors of the driver as the store's errors, and the time limits of operations."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from math import inf
from typing import Any

import anyio
import pymongo
from pymongo import errors

from okube_api.store.errors import AccessRefused, StoreFull, Unavailable

READ_S, WRITE_S = 2.0, 5.0
_DUPLICATE_KEY, _DISK_FULL, _WRITE_CONFLICT = 11000, 14031, 112
_REFUSED = frozenset({13, 18})
"""Codes of an unknown user, a wrong password or missing rights."""
_TEMPORARY = frozenset({6, 7, 24, 50, 89, 91, 189, 262, 10107, 11600, 11602, 13435, 13436})
"""Codes of temporary failures: host unreachable, lock or time limit, shutdown, no primary."""


class WriteConflict(Unavailable):
    """The server discarded this write because of another one; the caller may retry immediately."""


@contextmanager
def time_limit(seconds: float | None) -> Iterator[None]:
    """Limit the time of the driver's operations inside.  Raise Unavailable or StoreFull for the driver's errors.

    Raise CancelledError when the task was cancelled inside, even if the driver raised another error or went on.
    Never use it around a `yield`: the limit would apply to the code that runs meanwhile.
    """
    try:
        with pymongo.timeout(seconds), _keep_cancellation():
            yield
    except (errors.ConnectionFailure, errors.ExecutionTimeout, errors.WTimeoutError) as error:
        raise Unavailable(f"The database did not answer: {type(error).__name__}.") from error
    except errors.OperationFailure as error:
        if (translated := _translate_failure(error)) is None:
            raise
        raise translated from error
    except errors.PyMongoError as error:
        if error.timeout:
            raise Unavailable("The database did not answer in time.") from error
        raise


@contextmanager
def _keep_cancellation() -> Iterator[None]:
    """Raise CancelledError when the task was cancelled inside.

    The driver takes the end of a cancelled read for a lost connection: it raises AutoReconnect or tries again.  A loop
    that suppresses errors would then never end.  Cancellations before count as handled: this may be a clean-up.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    try:
        yield
    except errors.PyMongoError as error:
        if _is_cancelled(task, before):
            raise asyncio.CancelledError from error
        raise
    if _is_cancelled(task, before):
        raise asyncio.CancelledError


def _is_cancelled(task: "asyncio.Task[Any] | None", before: int) -> bool:
    """Return whether a task was cancelled again; not by a scope of anyio, which repeats its cancellation itself."""
    return task is not None and task.cancelling() > before and anyio.current_effective_deadline() != -inf


def _translate_failure(error: errors.OperationFailure) -> Exception | None:
    details = error.details or {}
    codes = {error.code, *(write_error.get("code") for write_error in details.get("writeErrors", ()))}
    if _DISK_FULL in codes:
        return StoreFull("The disk of the database is full.")
    if _WRITE_CONFLICT in codes:
        return WriteConflict("The database discarded this write because of another write of the same values.")
    if codes & _REFUSED:
        return AccessRefused("The database refuses the user, the password or their rights. Check OKUBE_STORE_URL.")
    if error.timeout or codes & _TEMPORARY:
        return Unavailable(f"The database cannot answer now (code {error.code}).")
    return None


def is_duplicate(error: errors.PyMongoError) -> bool:
    """Return whether a unique index refused a write."""
    if isinstance(error, errors.BulkWriteError):
        return any(write_error.get("code") == _DUPLICATE_KEY for write_error in error.details.get("writeErrors", ()))
    return isinstance(error, errors.DuplicateKeyError)
