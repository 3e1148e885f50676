"""The driver's errors in the store's words, and how long the driver may take."""

from collections.abc import Iterator
from contextlib import contextmanager

import pymongo
from pymongo import errors

from okube_api.store.errors import StoreFull, Unavailable

READ_S, WRITE_S = 2.0, 5.0
_DISK_FULL, _WRITE_CONFLICT = 14031, 112
_AWAY = frozenset({6, 7, 24, 50, 89, 91, 189, 262, 10107, 11600, 11602, 13435, 13436})
"""Codes by which a server says: not now (host unreachable, lock or time limit, shutting down, no primary)."""


class Contended(Unavailable):
    """The server let another write go first, and did nothing of this one: the same again can work at once."""


@contextmanager
def limited(seconds: float | None) -> Iterator[None]:
    """Gives the driver so long for the operations inside; raises Unavailable and StoreFull for its errors.

    Never around a `yield`: the limit would leak to whoever resumes.
    """
    try:
        with pymongo.timeout(seconds):
            yield
    except (errors.ConnectionFailure, errors.ExecutionTimeout, errors.WTimeoutError) as error:
        raise Unavailable(f"the database did not answer: {type(error).__name__}") from error
    except errors.OperationFailure as error:
        if (refusal := _refusal(error)) is None:
            raise
        raise refusal from error
    except errors.PyMongoError as error:
        if error.timeout:
            raise Unavailable("the database did not answer in time") from error
        raise


def _refusal(error: errors.OperationFailure) -> Exception | None:
    details = error.details or {}
    codes = {error.code, *(one.get("code") for one in details.get("writeErrors", ()))}
    if _DISK_FULL in codes:
        return StoreFull("no room is left on the database's disk")
    if _WRITE_CONFLICT in codes:
        return Contended("the database let another write of the same values go first")
    if error.timeout or codes & _AWAY:
        return Unavailable(f"the database cannot answer now (code {error.code})")
    return None


def is_duplicate(error: errors.PyMongoError) -> bool:
    """Whether a unique index refused a write."""
    if isinstance(error, errors.BulkWriteError):
        return any(one.get("code") == 11000 for one in error.details.get("writeErrors", ()))
    return isinstance(error, errors.DuplicateKeyError)
