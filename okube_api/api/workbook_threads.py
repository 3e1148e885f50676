"""Limits how many uploads that may be workbooks are read at the same time: each may take 400 MB of memory."""

from collections.abc import Callable
from typing import TypeVar

from anyio import CapacityLimiter, to_thread
from anyio.lowlevel import RunVar

_MAX_AT_ONCE = 2
_limiter: RunVar[CapacityLimiter] = RunVar("workbook_limiter")
T = TypeVar("T")


async def run_in_workbook_thread(read: Callable[[], T]) -> T:
    """Return the result of a function that may read a workbook, from a thread; wait while others are read."""
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = CapacityLimiter(_MAX_AT_ONCE)
        _limiter.set(limiter)
    return await to_thread.run_sync(read, limiter=limiter)
