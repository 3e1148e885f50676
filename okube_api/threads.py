"""Runs work in threads, which stop when the task that waits for them is cancelled."""

import asyncio
from collections.abc import Callable
from contextvars import ContextVar, copy_context
from threading import Event
from typing import TypeVar

T = TypeVar("T")

_FEW_ROWS = 1000
_stop: ContextVar[Event | None] = ContextVar("stop", default=None)


class WorkStopped(Exception):
    """The task that waits for the work of this thread was cancelled."""


def check_stopped() -> None:
    """Raise WorkStopped when nobody waits for the work of this thread any more.

    A thread cannot be ended from outside, so long work calls this between its steps.  Outside of `run_in_thread` it
    does nothing.
    """
    stop = _stop.get()
    if stop is not None and stop.is_set():
        raise WorkStopped


async def run_for_rows(rows: int, work: Callable[[], T]) -> T:
    """Return the result of `work`, in a thread unless it is about so few rows that it takes less than a millisecond.

    A thread costs two rounds of the event loop, which are long while many questions are answered.
    """
    return work() if rows <= _FEW_ROWS else await asyncio.to_thread(work)


async def run_in_thread(work: Callable[[], T]) -> T:
    """Return the result of `work`, which runs in a thread.

    When the task is cancelled, the work is told to stop, and the cancellation goes on once it has stopped: what it
    holds (memory, a place among the questions in work) is free then.
    """
    stop = Event()
    context = copy_context()
    context.run(_stop.set, stop)

    def run() -> T:
        check_stopped()
        return work()

    future = asyncio.get_running_loop().run_in_executor(None, context.run, run)
    try:
        return await asyncio.shield(future)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait((future,))
        if not future.cancelled():
            future.exception()  # marks it as seen
        raise
