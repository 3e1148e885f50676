"""Work that several callers want: it is done once, and cancelled with its last caller."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from okube_api.shared_work import SharedWork

pytestmark = pytest.mark.anyio


class CountedWork:
    """Work that waits until the test lets it end."""

    def __init__(self) -> None:
        self.starts = self.cancellations = 0
        self.may_end = asyncio.Event()

    async def run(self) -> int:
        """Return the number of this start."""
        self.starts += 1
        number = self.starts
        try:
            await self.may_end.wait()
        except asyncio.CancelledError:
            self.cancellations += 1
            raise
        return number


async def begin(count: int, get: Callable[[], Awaitable[int]]) -> list["asyncio.Task[int]"]:
    """Start callers, and let all of them wait for their result."""
    callers = [asyncio.ensure_future(get()) for _ in range(count)]
    for _ in range(3):
        await asyncio.sleep(0)
    return callers


async def test_callers_at_the_same_time_share_a_result_and_later_ones_do_not() -> None:
    shared, work = SharedWork[int](), CountedWork()
    callers = await begin(3, lambda: shared.get("a", work.run))
    others = await begin(1, lambda: shared.get("b", work.run))
    work.may_end.set()
    assert await asyncio.gather(*callers, *others) == [1, 1, 1, 2]
    assert await shared.get("a", work.run) == 3


async def test_all_callers_get_the_error_and_the_next_one_starts_anew() -> None:
    shared, release = SharedWork[int](), asyncio.Event()
    results: list[int | Exception] = [ZeroDivisionError("first"), 5]

    async def run() -> int:
        await release.wait()
        result = results.pop(0)
        if isinstance(result, int):
            return result
        raise result

    callers = await begin(2, lambda: shared.get("a", run))
    release.set()
    errors = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(error) for error in errors] == [ZeroDivisionError] * 2
    assert await shared.get("a", run) == 5


async def test_work_goes_on_while_one_caller_is_left() -> None:
    shared, work = SharedWork[int](), CountedWork()
    first, second, third = await begin(3, lambda: shared.get("a", work.run))
    first.cancel()
    third.cancel()
    await asyncio.wait([first, third])
    assert first.cancelled()
    assert third.cancelled()
    work.may_end.set()
    assert await second == 1
    assert work.cancellations == 0


async def test_work_is_cancelled_with_its_last_caller_and_can_start_anew() -> None:
    shared, work = SharedWork[int](), CountedWork()
    callers = await begin(2, lambda: shared.get("a", work.run))
    for caller in callers:
        caller.cancel()
    await asyncio.wait(callers)
    assert work.cancellations == 1
    work.may_end.set()
    assert await shared.get("a", work.run) == 2
