"""Prefetching: the next item is produced while one is processed, and no further one."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from okube_api.ingest.columns.prefetch import prefetch

pytestmark = pytest.mark.anyio


async def run_other_tasks() -> None:
    """Let other tasks run until they wait for something."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_one_item_is_produced_ahead() -> None:
    produced: list[int] = []

    async def produce() -> AsyncIterator[int]:
        for number in range(5):
            produced.append(number)
            yield number

    received = []
    async for number in prefetch(produce()):
        await run_other_tasks()
        assert produced == list(range(min(number + 2, 5)))
        received.append(number)
    assert received == [0, 1, 2, 3, 4]


async def test_error_follows_the_items_before_it() -> None:
    async def produce() -> AsyncIterator[int]:
        yield 1
        raise ZeroDivisionError

    received = []

    async def receive() -> None:
        async for number in prefetch(produce()):
            received.append(number)

    with pytest.raises(ZeroDivisionError):
        await receive()
    assert received == [1]


async def test_reader_that_stops_ends_the_source() -> None:
    """Stop while the next item waits to be taken."""

    async def produce() -> AsyncIterator[int]:
        for number in range(5):
            yield number

    before = asyncio.all_tasks()
    items = prefetch(produce())
    assert await anext(items) == 0
    await run_other_tasks()
    async with asyncio.timeout(5):
        await items.aclose()
    assert asyncio.all_tasks() <= before  # tasks of others may have ended
