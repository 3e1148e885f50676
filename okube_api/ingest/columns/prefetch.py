"""Prefetches the next item of an asynchronous iterator while the current one is processed."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import TypeVar

T = TypeVar("T")


async def prefetch(source: AsyncIterator[T]) -> AsyncGenerator[T, None]:
    """Yield the items of the source; while an item is processed, the next one is computed.

    An error of the source is raised after the items before it.
    """
    queue: asyncio.Queue[T | None] = asyncio.Queue(maxsize=1)

    async def fill() -> None:
        try:
            async for item in source:
                await queue.put(item)
                await queue.join()  # wait until the item is taken: at most two items are in memory
        finally:
            if queue.full():  # cancelled: nobody takes the item, and to wait for that would never end
                queue.get_nowait()
            queue.put_nowait(None)

    task = asyncio.create_task(fill())
    try:
        while (item := await queue.get()) is not None:
            queue.task_done()
            yield item
        await task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
