"""Increments counters in documents, while other processes increment them, too."""

from typing import Any

from pymongo.errors import DuplicateKeyError

from okube_api.store.errors import Unavailable
from okube_api.store.mongo.errors import WRITE_S, WriteConflict, time_limit
from okube_api.store.values import Json

_MAX_ATTEMPTS = 50


async def increment_field(collection: Any, match: Json, field: str, initial: Json, by: int = 1) -> Json:
    """Increment a field and return the document; first insert it with `initial` when it does not exist.

    Upserts are not used: of several concurrent upserts, some servers refuse all but one instead of updating.
    """
    for _ in range(_MAX_ATTEMPTS):
        try:
            with time_limit(WRITE_S):
                document: Json | None = await collection.find_one_and_update(
                    match, {"$inc": {field: by}}, return_document=True
                )
                if document is not None:
                    return document
                await collection.insert_one({**match, **initial})
        except (DuplicateKeyError, WriteConflict):  # another process inserted or changed it at the same moment
            continue
    raise Unavailable("Too many other writes change the same document.")
