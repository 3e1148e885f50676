"""The next one made while one is worked on: what keeps a second core busy."""

import asyncio
from collections.abc import AsyncIterator
from typing import TypeVar

T = TypeVar("T")


async def prefetch(source: AsyncIterator[T]) -> AsyncIterator[T]:
    """The same, the next one being made while one is worked on."""
    queue: asyncio.Queue[T | None] = asyncio.Queue(maxsize=1)

    async def fill() -> None:
        try:
            async for one in source:
                await queue.put(one)
                await queue.join()  # until it is taken: no more than two are there at a time
        finally:
            await queue.put(None)

    task = asyncio.create_task(fill())
    try:
        while (one := await queue.get()) is not None:
            queue.task_done()
            yield one
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
