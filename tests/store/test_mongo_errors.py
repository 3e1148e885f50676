"""Cancellations and errors of the MongoDB driver, without a server."""

import asyncio
from collections.abc import Awaitable, Callable

import anyio
import pytest
from okube_api.store.errors import Unavailable
from okube_api.store.mongo.errors import time_limit
from pymongo.errors import AutoReconnect

pytestmark = pytest.mark.anyio

Operation = Callable[[], Awaitable[None]]


async def wait_and_lose_the_connection() -> None:
    """Wait; turn a cancellation into a lost connection."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        raise AutoReconnect("operation cancelled") from None


async def wait_and_try_again() -> None:
    """Wait; succeed at the second attempt after a cancellation."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        await asyncio.sleep(0)


@pytest.mark.parametrize("operation", [wait_and_lose_the_connection, wait_and_try_again, asyncio.Event().wait])
async def test_a_cancelled_task_ends_whatever_the_driver_does(operation: Operation) -> None:
    async def repeat() -> None:
        for _ in range(2):  # a failing test ends, too: its loop cancels the task again
            try:
                with time_limit(5):
                    await operation()
            except Unavailable:
                await asyncio.sleep(0)

    task = asyncio.create_task(repeat())
    await asyncio.sleep(0)
    task.cancel()
    done, _ = await asyncio.wait((task,), timeout=5)
    assert done
    assert task.cancelled()


async def test_an_operation_of_the_clean_up_after_a_cancellation_succeeds() -> None:
    steps: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            with time_limit(5):
                await asyncio.sleep(0)
            steps.append("cleaned up")

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,), timeout=5)
    assert task.cancelled()
    assert steps == ["cleaned up"]


async def test_a_time_limit_of_the_caller_ends_an_operation() -> None:
    async def work() -> None:
        with time_limit(5):
            await wait_and_lose_the_connection()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(work(), 0.01)


async def test_a_scope_of_anyio_keeps_its_own_cancellation() -> None:
    """A scope does not recognise a CancelledError of another origin, and would let it pass."""
    with anyio.move_on_after(0.01) as scope:
        with time_limit(5):
            await wait_and_try_again()
        await asyncio.sleep(5)
    assert scope.cancelled_caught


async def test_a_lost_connection_is_unavailable() -> None:
    with pytest.raises(Unavailable), time_limit(5):
        raise AutoReconnect("lost")
