"""Calls of a database that stops answering, without a server."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable

import anyio
import pytest
from okube_api.store.errors import Unavailable
from okube_api.store.mongo import database_watch
from okube_api.store.mongo.database_watch import DatabaseWatch
from okube_api.store.mongo.errors import time_limit
from pymongo.errors import AutoReconnect

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


class SilentDatabase:
    """A database that answers pings until `silence` is set, and no other call ever."""

    def __init__(self) -> None:
        self.is_silent = False
        self.attempts = 0

    async def ping(self) -> None:
        if self.is_silent:
            raise AutoReconnect("no answer")

    async def wait(self) -> None:
        await asyncio.Event().wait()

    async def wait_and_lose_the_connection(self) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise AutoReconnect("operation cancelled") from None

    async def wait_and_try_again(self) -> None:
        self.attempts += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if self.attempts > 3:
                raise
            await self.wait_and_try_again()


async def answer_after(seconds: float) -> int:
    """Return 7 after a while."""
    await asyncio.sleep(seconds)
    return 7


@pytest.fixture
def database() -> SilentDatabase:
    """Return a database that answers pings."""
    return SilentDatabase()


@pytest.fixture
async def watch(database: SilentDatabase, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DatabaseWatch]:
    """Start a watch that is faster than that of a server."""
    for name, value in {"SILENCE_S": 0.2, "_PING_INTERVAL_S": 0.02, "_TICK_S": 0.01}.items():
        monkeypatch.setattr(database_watch, name, value)
    watch = DatabaseWatch(database.ping)
    watch.start()
    yield watch
    await watch.stop()


@pytest.mark.parametrize("name", ["wait", "wait_and_lose_the_connection", "wait_and_try_again"])
async def test_a_silent_database_ends_the_calls_under_way(
    database: SilentDatabase, watch: DatabaseWatch, name: str
) -> None:
    method: Callable[[], Awaitable[None]] = getattr(database, name)
    database.is_silent = True
    with pytest.raises(Unavailable), time_limit(60):
        await watch.run(method)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0.05)  # no cancellation is left


async def test_a_shielded_clean_up_ends_too(database: SilentDatabase, watch: DatabaseWatch) -> None:
    database.is_silent = True
    with anyio.move_on_after(0.05) as scope:
        try:
            await asyncio.Event().wait()
        finally:
            with anyio.CancelScope(shield=True), pytest.raises(Unavailable):
                await watch.run(database.wait)
    assert scope.cancelled_caught


async def test_calls_are_refused_at_once_until_the_database_answers(
    database: SilentDatabase, watch: DatabaseWatch
) -> None:
    database.is_silent = True
    with pytest.raises(Unavailable):
        await watch.run(database.wait)
    started_s = time.perf_counter()
    for _ in range(100):
        with pytest.raises(Unavailable, match="has not answered"):
            await watch.run(database.wait)
    assert time.perf_counter() - started_s < 0.1
    database.is_silent = False
    while watch.is_down:  # noqa: ASYNC110 - the watch has no event
        await asyncio.sleep(0.01)
    assert await watch.run(answer_after, 0) == 7


async def test_a_slow_call_ends_as_it_would_while_the_database_answers(watch: DatabaseWatch) -> None:
    assert await watch.run(answer_after, 0.5) == 7


async def test_time_in_which_the_process_is_stopped_does_not_count(
    database: SilentDatabase, watch: DatabaseWatch
) -> None:
    for _ in range(3):
        time.sleep(0.3)  # noqa: ASYNC251 - stops the event loop
        await asyncio.sleep(0.05)
        assert not watch.is_down


async def test_a_cancellation_by_the_caller_stays_one(database: SilentDatabase, watch: DatabaseWatch) -> None:
    task = asyncio.create_task(watch.run(database.wait))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait((task,), timeout=5)
    assert task.cancelled()
