"""Counting up in one document, by several processes at once."""

from typing import Any

from pymongo.errors import DuplicateKeyError

from okube_api.store.errors import Unavailable
from okube_api.store.mongo.errors import WRITE_S, Contended, limited
from okube_api.store.values import Json

_TRIES = 50


async def increased(stored: Any, match: Json, field: str, first: Json) -> Json:
    """The document after its field grew by one; it is made with `first` when it is not there.

    Not by an upsert: of several at once, not every server makes one the insert and the others updates.
    """
    for _ in range(_TRIES):
        try:
            with limited(WRITE_S):
                found: Json | None = await stored.find_one_and_update(match, {"$inc": {field: 1}}, return_document=True)
                if found is not None:
                    return found
                await stored.insert_one({**match, **first})
        except (DuplicateKeyError, Contended):  # another process made it, or changed it, at the same moment
            continue
    raise Unavailable("others change the same document all the time")
