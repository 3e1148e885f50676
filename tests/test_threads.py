"""Work in threads: it stops when its task is cancelled, and the task goes on only when it has stopped."""

import asyncio
import threading
import time

import pytest
from okube_api.threads import WorkStopped, check_stopped, run_in_thread

pytestmark = pytest.mark.anyio


async def test_work_returns_its_result_or_raises_its_error() -> None:
    assert await run_in_thread(lambda: 6 * 7) == 42
    with pytest.raises(ZeroDivisionError):
        await run_in_thread(lambda: 1 // 0)


async def test_a_cancelled_task_stops_its_work() -> None:
    started, stopped = threading.Event(), threading.Event()

    def work() -> None:
        started.set()
        try:
            while True:
                check_stopped()
                time.sleep(0.001)
        except WorkStopped:
            stopped.set()
            raise

    task = asyncio.create_task(run_in_thread(work))
    await asyncio.to_thread(started.wait, 10)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert stopped.is_set()


async def test_work_outside_of_such_a_thread_is_never_stopped() -> None:
    check_stopped()
    await asyncio.to_thread(check_stopped)
