"""Indexes that several processes may make at the same moment."""

import asyncio
from random import random
from typing import Any

from okube_api.store.mongo.errors import Contended, limited

_CREATE_S = 60.0
_TRIES, _PAUSE_S = 20, 0.2


async def make_index(stored: Any, keys: list[tuple[str, int]], name: str, **options: Any) -> None:
    """Makes an index unless it is there; again while another process is in the way."""
    for tries_left in reversed(range(_TRIES)):
        try:
            with limited(_CREATE_S):
                await stored.create_index(keys, name=name, **options)
        except Contended:
            if not tries_left:
                raise
            await asyncio.sleep(_PAUSE_S * random())  # noqa: S311 - so that those who met do not meet again
        else:
            return
