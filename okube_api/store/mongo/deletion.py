"""Deletes many documents in steps, each of which takes the server a bounded time."""

from typing import Any

from okube_api.store.mongo.errors import WRITE_S, time_limit
from okube_api.store.values import Json


async def delete_in_steps(collection: Any, match: Json, size: int) -> None:
    """Delete every document that matches, `size` at a time."""
    while True:
        with time_limit(WRITE_S):
            documents = await collection.find(match, {"_id": 1}, limit=size).to_list(None)
            if documents:
                await collection.delete_many({"_id": {"$in": [document["_id"] for document in documents]}})
        if len(documents) < size:
            return
