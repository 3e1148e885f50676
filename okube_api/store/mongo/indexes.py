"""Indexes that several processes may create at the same moment."""

import asyncio
from collections.abc import Sequence
from random import random
from typing import Any

from pymongo import IndexModel
from pymongo.errors import OperationFailure

from okube_api.store.mongo.errors import WRITE_S, WriteConflict, time_limit

_CREATE_S = 3600.0
"""Enough for an index of a new version on some hundred million rows."""
_INDEX_NOT_FOUND = 27
_MAX_ATTEMPTS, _MAX_PAUSE_S = 20, 0.2


def ascending(*fields: str, name: str, **options: Any) -> IndexModel:
    """Return an index by fields in ascending order."""
    return IndexModel([(field, 1) for field in fields], name=name, **options)


async def create_indexes(collection: Any, indexes: Sequence[IndexModel]) -> None:
    """Create indexes unless they exist; repeat the attempt while another process creates some."""
    for attempts_left in reversed(range(_MAX_ATTEMPTS)):
        try:
            with time_limit(_CREATE_S):
                await collection.create_indexes(indexes)
        except WriteConflict:
            if not attempts_left:
                raise
            await asyncio.sleep(_MAX_PAUSE_S * random())  # noqa: S311 - so that the same processes do not collide again
        else:
            return


async def drop_index(collection: Any, name: str) -> None:
    """Drop an index of an earlier version if it exists."""
    try:
        with time_limit(WRITE_S):
            await collection.drop_index(name)
    except OperationFailure as error:
        if error.code != _INDEX_NOT_FOUND and "not found" not in str(error):  # mongomock has no code
            raise
